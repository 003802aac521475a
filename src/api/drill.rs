//! Rehearsed failovers: begun, ended early, listed. What is measured comes as the report of the desk that measures.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Json;
use axum::extract::{ConnectInfo, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::api::hand;
use crate::api::live::{DrillRequest, DrillWish, Live};
use crate::api::problem::Problem;
use crate::config::duration;

/// As long as a scheduled one lasts by default.
const LASTING: Duration = Duration::from_secs(30);
/// Octets of the longest reason: it stands in every line of the log.
const WORDS: usize = 512;

/// What `POST /v1/drill` takes.
#[derive(Debug, Deserialize)]
pub(super) struct Body {
    /// The service's name.
    service: String,
    /// The endpoint that shall seem to fail; none: the one that is answered.
    endpoint: Option<String>,
    /// How long at the most, like `30s`.
    #[serde(rename = "for")]
    lasting: Option<String>,
    /// Why.
    reason: Option<String>,
    /// Who answers for it.
    owner: Option<String>,
    /// Go past `[safety]`.
    #[serde(default)]
    break_glass: bool,
    /// Only say what would happen.
    #[serde(default)]
    dry_run: bool,
}

/// Hands a request to the desk of drills and waits for its reply.
async fn ask<T>(live: &Live, make: impl FnOnce(oneshot::Sender<T>) -> DrillRequest) -> Result<T, Problem> {
    let (reply, answer) = oneshot::channel();
    live.drills.try_send(make(reply)).map_err(|_| Problem::busy())?;
    answer.await.map_err(|_| Problem::busy())
}

/// `POST /v1/drill`: 202 with its number, 409 with the rule that stands against it.
pub(super) async fn start(
    State(live): State<Live>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    Json(body): Json<Body>,
) -> Result<Response, Problem> {
    let lasting = match body.lasting.as_deref().map(duration::parse).transpose() {
        Ok(lasting) => lasting.unwrap_or(LASTING),
        Err(error) => return Err(bad(format!("`for`: {error}; write a time like \"30s\""))),
    };
    let reason = body.reason.filter(|reason| !reason.trim().is_empty());
    let by = hand::owner(body.owner, from);
    if by.len() > WORDS || reason.as_ref().is_some_and(|reason| reason.len() > WORDS) {
        return Err(bad(format!("owner and reason have at most {WORDS} octets each")));
    }
    let wish = DrillWish {
        service: body.service,
        endpoint: body.endpoint,
        lasting,
        reason,
    };
    let manner = hand::manner(body.break_glass, body.dry_run);
    let begun = ask(&live, |reply| DrillRequest::Start {
        by,
        wish,
        manner,
        reply,
    });
    match begun.await? {
        Ok((Some(id), done)) => {
            let body = json!({ "id": id, "detail": done.0 });
            Ok((StatusCode::ACCEPTED, Json(body)).into_response())
        }
        Ok((None, done)) => Ok(Json(json!({ "id": null, "detail": done.0 })).into_response()),
        Err(refusal) => Err(Problem::new(StatusCode::CONFLICT, refusal.to_string())),
    }
}

/// What `POST /v1/drills/{id}/cancel` takes.
#[derive(Debug, Default, Deserialize)]
pub(super) struct CancelBody {
    /// Who answers for it.
    owner: Option<String>,
}

/// `POST /v1/drills/{id}/cancel`: everything is as before at once.
pub(super) async fn cancel(
    State(live): State<Live>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    Path(id): Path<u64>,
    Json(body): Json<CancelBody>,
) -> Result<Json<Value>, Problem> {
    let by = hand::owner(body.owner, from);
    match ask(&live, |reply| DrillRequest::Cancel { id, by, reply }).await? {
        Ok(done) => Ok(Json(json!({ "detail": done.0 }))),
        Err(refusal) => Err(Problem::new(StatusCode::CONFLICT, refusal.to_string())),
    }
}

/// `GET /v1/drills`: every report that is kept, the latest first.
pub(super) async fn list(State(live): State<Live>) -> Result<Json<Value>, Problem> {
    let items = ask(&live, |reply| DrillRequest::List { reply }).await?;
    Ok(Json(json!({ "total": items.len(), "items": items, "next": null })))
}

/// `GET /v1/drills/{id}`: one report.
pub(super) async fn show(State(live): State<Live>, Path(id): Path<u64>) -> Result<Json<Value>, Problem> {
    let found = ask(&live, |reply| DrillRequest::Show { id, reply }).await?;
    found.map(Json).ok_or_else(|| {
        Problem::new(
            StatusCode::NOT_FOUND,
            format!("there is no drill {id}; `pointsman drill list` shows them"),
        )
    })
}

fn bad(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, detail)
}
