//! `http` and `https`: one question, one answer, and what was wrong with it.
//!
//! Built on hyper's connections instead of a client with a pool: the address, the name in SNI and the name in the
//! request are three different things here, and each phase has its own time (docs/adr/0010-http-probe-transport.md).
//!
//! ```text
//! Question (per check) ─► Hop (where, which name, which path) ─► Wire (one connection) ─► judge
//!                              ▲                                        │
//!                              └──────────── redirect, 5 at most ───────┘
//! ```

pub(crate) mod failure;
pub(crate) mod heard;
mod hop;
pub(crate) mod idle;
mod json;
mod judge;
pub(crate) mod question;
pub(crate) mod wire;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::{Response, header};

use crate::health::observation::{FaultClass, Phase};
use crate::probe::conduct::Tools;
use crate::probe::http::hop::Hop;
use crate::probe::http::question::Question;
use crate::probe::http::wire::Wire;
use crate::probe::sheet::{EXCERPT, Fault, Sheet};

/// Redirects that are followed.
const MOST_REDIRECTS: usize = 5;

/// Octets of a body that are read.
const LIMIT: usize = 64 * 1024;

/// How long a refusal waits for the beginning of its body: it comes with the head, or is not worth a late verdict.
const EXCERPT_PATIENCE: Duration = Duration::from_millis(50);

/// Puts `question` to the endpoint at `address`.
pub(crate) async fn probe(
    sheet: &mut Sheet,
    question: &Arc<Question>,
    address: SocketAddr,
    tools: &Arc<Tools>,
) -> Result<(), Fault> {
    let mut hop = Hop::first(question, address);
    let mut followed = 0_usize;
    loop {
        let (mut wire, answer) = ask(sheet, question, &hop, tools).await?;
        let redirect = if question.follows_redirects() {
            hop::location(&answer)
        } else {
            None
        };
        let Some(location) = redirect else {
            let judged = judge(sheet, question, &mut wire, answer).await;
            if question.keeps_alive() && followed == 0 && judged == Ok(true) {
                idle::keep(question, address, wire, tools);
            } else {
                sheet.farewell = Some(wire.leave());
            }
            return judged.map(drop);
        };
        let status = answer.status();
        sheet.evidence.status = Some(status.as_u16());
        if followed == MOST_REDIRECTS {
            return Err(sheet.fault(
                FaultClass::Status,
                format!("status {}: more than {MOST_REDIRECTS} redirects", status.as_u16()),
            ));
        }
        followed = followed.saturating_add(1);
        hop = hop
            .follow(status, &location, address.ip())
            .map_err(|text| sheet.fault(FaultClass::Status, text))?;
    }
}

/// Puts `question` to the endpoint at `address` and takes the whole body, which is JSON or the like and fits into
/// 64 KiB.
pub(crate) async fn fetch(
    sheet: &mut Sheet,
    question: &Arc<Question>,
    address: SocketAddr,
    tools: &Arc<Tools>,
) -> Result<Vec<u8>, Fault> {
    let (mut wire, answer) = ask(sheet, question, &Hop::first(question, address), tools).await?;
    let taken = take(sheet, question, &mut wire, answer).await;
    sheet.farewell = Some(wire.leave());
    taken
}

async fn take(
    sheet: &mut Sheet,
    question: &Question,
    wire: &mut Wire,
    answer: Response<Incoming>,
) -> Result<Vec<u8>, Fault> {
    if !question.accepts(answer.status().as_u16()) {
        let status = answer.status().as_u16();
        judge(sheet, question, wire, answer).await?;
        return Err(sheet.fault(FaultClass::Status, question.refusal(status)));
    }
    sheet.evidence.status = Some(answer.status().as_u16());
    let length = judge::declared_length(answer.headers().get(header::CONTENT_LENGTH));
    let mut body = answer.into_body();
    sheet.watch.enter(Phase::Body);
    let mut taken = Vec::new();
    while let Some(frame) = wire.drive(body.frame()).await {
        match frame {
            Ok(frame) => taken.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data)),
            Err(error) => {
                sheet.keep_excerpt(&taken);
                return Err(wire.body_fault(sheet, &error, length));
            }
        }
        sheet.octets = taken.len();
        if taken.len() > LIMIT {
            sheet.keep_excerpt(&taken);
            return Err(sheet.fault(
                FaultClass::Content,
                format!("the body is longer than {LIMIT} octets"),
            ));
        }
    }
    Ok(taken)
}

/// Sends the request and waits for the head of the answer: over the connection that was kept, when there is one.
async fn ask(
    sheet: &mut Sheet,
    question: &Arc<Question>,
    hop: &Hop,
    tools: &Arc<Tools>,
) -> Result<(Wire, Response<Incoming>), Fault> {
    if question.keeps_alive()
        && hop.is_first()
        && let Some(mut wire) = idle::take(question, hop.address())
    {
        sheet.watch.enter(Phase::FirstByte);
        sheet.heard = Some(wire.listen_anew());
        sheet.evidence.certificate_expiry = wire.certificate_expiry();
        match wire.send(question, hop).await {
            Ok(answer) => return Ok((wire, answer)),
            // Closed in between, which an endpoint may do at any time (RFC 9112 section 9.3.1): nobody's fault.
            Err(error) if wire.was_left(&error) => {}
            Err(error) => return Err(wire.fault(sheet, &error)),
        }
    }
    let mut wire = Wire::dial(sheet, question, hop, tools).await?;
    sheet.watch.enter(Phase::FirstByte);
    match wire.send(question, hop).await {
        Ok(answer) => Ok((wire, answer)),
        Err(error) => Err(wire.fault(sheet, &error)),
    }
}

/// Holds an answer against what is expected. `Ok(true)`: good, and read to its end.
async fn judge(
    sheet: &mut Sheet,
    question: &Question,
    wire: &mut Wire,
    answer: Response<Incoming>,
) -> Result<bool, Fault> {
    let status = answer.status().as_u16();
    sheet.evidence.status = Some(status);
    let length = judge::declared_length(answer.headers().get(header::CONTENT_LENGTH));
    let mut body = answer.into_body();
    if !question.accepts(status) {
        let fault = sheet.fault(FaultClass::Status, question.refusal(status));
        sheet.settled = Some(fault.clone());
        sheet.watch.enter(Phase::Body);
        let mut excerpt = Vec::new();
        // Evidence only: whatever happens to the rest of it, the verdict stands.
        let reading = async {
            while excerpt.len() < EXCERPT {
                let Some(Ok(frame)) = wire.drive(body.frame()).await else {
                    return;
                };
                excerpt.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data));
            }
        };
        let _ = tokio::time::timeout(EXCERPT_PATIENCE, reading).await;
        sheet.keep_excerpt(&excerpt);
        return Err(fault);
    }
    sheet.watch.enter(Phase::Body);
    let mut read = judge::Reading::new(question.matcher(), LIMIT);
    loop {
        let frame = match wire.drive(body.frame()).await {
            None => return read.at_the_end(sheet).map(|()| true),
            Some(Ok(frame)) => frame,
            Some(Err(error)) => {
                sheet.keep_excerpt(read.kept());
                return Err(wire.body_fault(sheet, &error, length));
            }
        };
        let Some(data) = frame.data_ref() else {
            continue;
        };
        let enough = read.take(data);
        sheet.octets = read.octets();
        if enough {
            return read.at_the_end(sheet).map(|()| false);
        }
    }
}
