//! `postgres`: logs in (protocol 3.0 of PostgreSQL, chapter "Frontend/Backend Protocol") and asks which role the server
//! has, and how far behind it is.

mod login;

use std::net::SocketAddr;
use std::time::Duration;

use bytes::BytesMut;
use postgres_protocol::message::backend::{DataRowBody, ErrorFields, Header, Message};
use postgres_protocol::message::frontend;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::health::observation::{FaultClass, Phase};
use crate::model::check::{Claim, PostgresCheck, TlsUse};
use crate::probe::conduct::Tools;
use crate::probe::line::Line;
use crate::probe::sheet::{Fault, Sheet};
use crate::probe::tcp::quote;
use crate::probe::tls::secure::Secure;
use crate::probe::{dial, fault};

/// What the answer is held to be.
const PROTOCOL: &str = "PostgreSQL";

/// Octets of the longest message that is waited for.
const LONGEST: i32 = 32 * 1024;

/// The message Terminate.
const TERMINATE: &[u8] = &[b'X', 0, 0, 0, 4];

/// Whether it is a standby, and of a standby how many seconds it is behind.
///
/// A standby that has replayed all that it received is at its primary's heels, but only while it receives: without a
/// walreceiver nothing is said. Roles without `pg_read_all_stats` see that there is a walreceiver, not its status.
const QUESTION: &str = "SELECT pg_catalog.pg_is_in_recovery(), \
    CASE WHEN pg_catalog.pg_is_in_recovery() AND EXISTS (SELECT 1 FROM pg_catalog.pg_stat_wal_receiver \
    WHERE pid IS NOT NULL AND coalesce(status, 'streaming') = 'streaming') THEN \
    CASE WHEN pg_catalog.pg_last_wal_receive_lsn() = pg_catalog.pg_last_wal_replay_lsn() THEN 0 \
    ELSE extract(epoch FROM pg_catalog.clock_timestamp() - pg_catalog.pg_last_xact_replay_timestamp()) END END";

/// Probes the server at `address`.
pub(crate) async fn probe(
    sheet: &mut Sheet,
    check: &PostgresCheck,
    secure: &Secure,
    address: SocketAddr,
    tools: &Tools,
) -> Result<(), Fault> {
    let mut stream = dial::connect(sheet, address).await?;
    let encrypted = check.tls != TlsUse::Disable && agrees_to_tls(sheet, check.tls, &mut stream).await?;
    let mut line = if encrypted {
        Line::secure(sheet, secure, stream, address, tools).await?
    } else {
        Line::plain(stream, address)
    };
    let spoken = converse(sheet, check, &mut line).await;
    sheet.farewell = Some(Box::pin(line.leave(TERMINATE)));
    spoken
}

/// Asks whether the server speaks TLS. One octet is the answer, and no more is read: what came behind it in clear
/// text must not be taken for something said in private (CVE-2021-23222).
async fn agrees_to_tls(sheet: &mut Sheet, wanted: TlsUse, stream: &mut TcpStream) -> Result<bool, Fault> {
    let mut request = BytesMut::new();
    frontend::ssl_request(&mut request);
    sheet.watch.enter(Phase::Tls);
    let mut word = [0_u8];
    let asked = async {
        stream.write_all(&request).await?;
        stream.read(&mut word).await
    };
    let count = asked.await.map_err(|error| {
        let (class, text) = fault::of_io(&error);
        sheet.fault(class, format!("{text} when asked for TLS"))
    })?;
    match (count, word) {
        (0, _) => Err(sheet.fault(
            FaultClass::Reset,
            "connection closed by the endpoint when asked for TLS",
        )),
        (_, [b'S']) => Ok(true),
        (_, [b'N']) if wanted == TlsUse::Prefer => Ok(false),
        (_, [b'N']) => Err(sheet.fault(FaultClass::Tls, "the server speaks no TLS, and tls = \"require\"")),
        (_, [b'E']) => Err(sheet.fault(
            FaultClass::Status,
            "the server answers the question for TLS by an error",
        )),
        (_, word) => {
            let text = format!("the answer is not {PROTOCOL}; it begins with {}", quote(&word));
            Err(sheet.fault(FaultClass::Garbage, text))
        }
    }
}

async fn converse(sheet: &mut Sheet, check: &PostgresCheck, line: &mut Line) -> Result<(), Fault> {
    login::login(sheet, check, line).await?;
    let mut request = BytesMut::new();
    frontend::query(QUESTION, &mut request).map_err(|error| unsayable(sheet, &error))?;
    line.say(sheet, &request).await?;
    let mut answer = None;
    loop {
        match next(sheet, line).await? {
            Message::DataRow(row) => answer = standing(&row),
            Message::ErrorResponse(error) => return Err(refusal(sheet, error.fields())),
            Message::ReadyForQuery(_) => break,
            Message::RowDescription(_) | Message::CommandComplete(_) => {}
            _ => return Err(line.garbage(sheet, PROTOCOL, "an unexpected message")),
        }
    }
    let Some((claim, lag)) = answer else {
        return Err(sheet.fault(FaultClass::Content, "the server did not say which role it has"));
    };
    sheet.report.claim = Some(claim);
    sheet.report.lag = lag;
    sheet.word = Some(crate::probe::role::word(claim, lag));
    Ok(())
}

/// The next message that is not said by the way.
async fn next(sheet: &mut Sheet, line: &mut Line) -> Result<Message, Fault> {
    loop {
        match Header::parse(&line.heard) {
            Ok(Some(header)) if header.len() > LONGEST || !header.tag().is_ascii_alphanumeric() => {
                return Err(line.garbage(sheet, PROTOCOL, "no message begins so"));
            }
            Err(_) => return Err(line.garbage(sheet, PROTOCOL, "no message begins so")),
            Ok(_) => {}
        }
        match parse(line) {
            Ok(Some(
                Message::ParameterStatus(_) | Message::NoticeResponse(_) | Message::NotificationResponse(_),
            )) => {}
            Ok(Some(message)) => return Ok(message),
            Ok(None) => line.hear(sheet, PROTOCOL).await?,
            Err(error) => return Err(line.garbage(sheet, PROTOCOL, &error.to_string())),
        }
    }
}

/// Takes a message off what was heard; what cannot be read stays, to be shown.
fn parse(line: &mut Line) -> std::io::Result<Option<Message>> {
    let mut rest = line.heard.clone();
    let message = Message::parse(&mut rest)?;
    if message.is_some() {
        line.heard = rest;
    }
    Ok(message)
}

/// Role and lag out of the answer's only row.
fn standing(row: &DataRowBody) -> Option<(Claim, Option<Duration>)> {
    use fallible_iterator::FallibleIterator;
    let mut fields = row.ranges();
    let mut next = || -> Option<Option<&str>> {
        match fields.next().ok()?? {
            None => Some(None),
            Some(range) => Some(Some(std::str::from_utf8(row.buffer().get(range)?).ok()?)),
        }
    };
    let claim = match next()?? {
        "t" => Claim::Standby,
        "f" => Claim::Primary,
        _ => return None,
    };
    let seconds = next()?.and_then(|text| text.parse::<f64>().ok());
    // Clocks of the two servers may differ a little: before the present is no lag.
    let lag = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds.max(0.0)).ok());
    Some((claim, lag.filter(|_| claim == Claim::Standby)))
}

/// `the database system is starting up (57P03)`.
fn refusal(sheet: &mut Sheet, mut fields: ErrorFields<'_>) -> Fault {
    use fallible_iterator::FallibleIterator;
    let (mut code, mut message) = (String::new(), String::new());
    while let Ok(Some(field)) = fields.next() {
        let text = String::from_utf8_lossy(field.value_bytes()).into_owned();
        match field.type_() {
            b'C' => code = text,
            b'M' => message = text,
            _ => {}
        }
    }
    sheet.keep_excerpt(message.as_bytes());
    let what = meaning(&code);
    let shown: String = message.chars().filter(|c| !c.is_control()).take(120).collect();
    sheet.fault(FaultClass::Status, format!("{what}{shown} ({code})"))
}

/// What an operator should know of an error, by its code (PostgreSQL, appendix "Error Codes").
fn meaning(code: &str) -> &'static str {
    match code {
        "57P03" => "not ready: ",
        "57P01" | "57P02" => "shutting down: ",
        "53300" => "no room for another connection: ",
        code if code.starts_with("28") => "login refused: ",
        code if code.starts_with("3D") => "no such database: ",
        _ => "error: ",
    }
}

fn unsayable(sheet: &Sheet, error: &std::io::Error) -> Fault {
    sheet.fault(
        FaultClass::Local,
        format!("cannot say that in {PROTOCOL}'s protocol: {error}"),
    )
}
