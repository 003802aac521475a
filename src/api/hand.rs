//! The operator's hand over HTTP: drain, force, release, and what stands.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Json;
use axum::extract::{ConnectInfo, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::live::{Live, Request};
use crate::api::problem::Problem;
use crate::api::routes::ask;
use crate::config::duration;
use crate::control::event::{Command, Manner};
use crate::control::listing::OverrideStatus;
use crate::model::force::ForceKind;

/// The longest time an override may be given: what is meant for longer is meant until it is released.
const LONGEST: Duration = Duration::from_secs(366 * 86_400);

/// What `drain`, `force` and `release` take.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Body {
    select: String,
    /// Of `force` only: `up`, `down`.
    state: Option<String>,
    reason: Option<String>,
    #[serde(rename = "for")]
    lasting: Option<String>,
    owner: Option<String>,
    #[serde(default)]
    break_glass: bool,
    #[serde(default)]
    dry_run: bool,
}

type Answer = Result<Json<Value>, Problem>;

/// `POST /v1/drain`
pub(super) async fn drain(
    State(live): State<Live>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    Json(body): Json<Body>,
) -> Answer {
    if body.state.is_some() {
        return Err(bad("`state` belongs to /v1/force"));
    }
    lay(&live, from, body, ForceKind::Drain).await
}

/// `POST /v1/force`
pub(super) async fn force(
    State(live): State<Live>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    Json(body): Json<Body>,
) -> Answer {
    let kind = match body.state.as_deref() {
        Some("up") => ForceKind::Up,
        Some("down") => ForceKind::Down,
        _ => return Err(bad("`state` must be \"up\" or \"down\"")),
    };
    lay(&live, from, body, kind).await
}

/// `POST /v1/release`
pub(super) async fn release(
    State(live): State<Live>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    Json(body): Json<Body>,
) -> Answer {
    if body.state.is_some() || body.lasting.is_some() {
        return Err(bad("a release takes neither `state` nor `for`"));
    }
    let (by, manner) = (owner(body.owner, from), manner(body.break_glass, body.dry_run));
    let select = body.select;
    command(&live, by, Command::Release { select }, manner).await
}

/// `GET /v1/overrides`
pub(super) async fn overrides(State(live): State<Live>) -> Result<Json<Vec<OverrideStatus>>, Problem> {
    ask(&live, |reply| Request::Overrides { reply }).await.map(Json)
}

async fn lay(live: &Live, from: SocketAddr, body: Body, kind: ForceKind) -> Answer {
    let lasting = match body.lasting.as_deref().map(duration::parse).transpose() {
        Ok(lasting) => lasting,
        Err(error) => return Err(bad(format!("`for`: {error}; write a time like \"30m\""))),
    };
    if lasting.is_some_and(|length| length > LONGEST) {
        return Err(bad(
            "`for` is 366d at the most; leave it out for as long as nobody releases it",
        ));
    }
    let (by, manner) = (owner(body.owner, from), manner(body.break_glass, body.dry_run));
    let what = Command::Force {
        kind,
        select: body.select,
        reason: body.reason.filter(|reason| !reason.trim().is_empty()),
        lasting,
    };
    command(live, by, what, manner).await
}

/// Who says so, when the request does not: from where it came.
pub(super) fn owner(given: Option<String>, from: SocketAddr) -> String {
    given
        .filter(|owner| !owner.trim().is_empty())
        .unwrap_or_else(|| format!("api from {}", from.ip()))
}

pub(super) fn manner(break_glass: bool, dry_run: bool) -> Manner {
    Manner { break_glass, dry_run }
}

/// Hands a command to the signal box; a refusal is a conflict with what stands.
pub(super) async fn command(live: &Live, by: String, command: Command, manner: Manner) -> Answer {
    let done = ask(live, |reply| Request::Command {
        by,
        command,
        manner,
        reply,
    });
    match done.await? {
        Ok(done) => Ok(Json(json!({ "detail": done.0 }))),
        Err(refusal) => Err(Problem::new(StatusCode::CONFLICT, refusal.to_string())),
    }
}

fn bad(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, detail)
}
