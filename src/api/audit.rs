//! Every request to change something is told: who, by what, from where, what, and what became of it.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use tokio::time::timeout;

use crate::api::guard::Caller;
use crate::api::live::{Live, Request as Asked};
use crate::api::problem::{Problem, Why};
use crate::api::routes::BODY;
use crate::control::effect::HistoryKind;

/// How long a body may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// Characters of a body that are told.
const TOLD: usize = 512;

/// Somebody was not allowed to.
pub(super) fn denied(live: &Live, caller: &Caller, request: &Request, problem: Problem) -> Response {
    let outcome = format!("denied ({}): {}", problem.code().as_u16(), problem.detail());
    let address = caller.from.ip();
    // Whoever tries without an end must not fill the history.
    if live.throttle.is_strained(address) {
        tracing::debug!(target: "pointsman::audit", from = %caller.from, %outcome, "asked");
    } else {
        if caller.role.is_none() && !request.headers().contains_key(header::AUTHORIZATION) {
            live.throttle.wrong(address);
        }
        tell(live, caller, what(request), outcome);
    }
    problem.into_response()
}

/// Somebody may: what is asked is read, done and told.
pub(super) async fn asked(live: &Live, caller: &Caller, request: Request, next: Next) -> Response {
    let mut what = what(&request);
    let (parts, body) = request.into_parts();
    let response = match timeout(PATIENCE, to_bytes(body, BODY)).await {
        Ok(Ok(octets)) => {
            if let Ok(said) = serde_json::from_slice::<Value>(&octets) {
                what = format!("{what} {said}").chars().take(TOLD).collect();
            }
            next.run(Request::from_parts(parts, Body::from(octets))).await
        }
        Ok(Err(_)) => Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("the body broke off, or has more than {BODY} octets"),
        )
        .into_response(),
        Err(_) => slow().into_response(),
    };
    let status = response.status();
    let outcome = if status.is_success() {
        "accepted".to_owned()
    } else {
        let why = response.extensions().get::<Why>();
        let why = why.map(|why| why.0.as_str()).unwrap_or_default();
        format!("refused ({}): {why}", status.as_u16())
    };
    tell(live, caller, what, outcome);
    response
}

/// The body did not come in time.
pub(super) fn slow() -> Problem {
    Problem::new(
        StatusCode::REQUEST_TIMEOUT,
        format!("the body took longer than {} s", PATIENCE.as_secs()),
    )
}

fn what(request: &Request) -> String {
    let path: String = request.uri().path().chars().take(TOLD).collect();
    format!("{} {path}", request.method())
}

/// To the timeline, whose teller logs it; where that is full, to the log at least.
fn tell(live: &Live, caller: &Caller, what: String, outcome: String) {
    let (by, from) = (caller.who(), caller.from.to_string());
    let kind = HistoryKind::Audited {
        by,
        from,
        what,
        outcome: outcome.chars().take(TOLD).collect(),
    };
    if let Err(full) = live.requests.try_send(Asked::Tell { alarm: false, kind }) {
        tracing::warn!(target: "pointsman::audit", entry = ?full.into_inner(), "asked, and not in the history");
    }
}
