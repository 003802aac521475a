//! Rehearsed failovers: begun, ended early, listed. What is measured comes as the report of the desk that measures.

use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use crate::api::extract::{Json, Path, Query};
use crate::api::guard::Caller;
use crate::api::hand::{self, Done};
use crate::api::live::{DrillRequest, DrillWish, Live};
use crate::api::problem::Problem;
use crate::config::duration;
use crate::drill::report::Report;

/// As long as a scheduled one lasts by default.
const LASTING: Duration = Duration::from_secs(30);
/// Octets of the longest reason: it stands in every line of the log.
const WORDS: usize = 512;
/// Reports in a page when nothing is said.
const PAGE: usize = 100;
/// Reports in the largest page: as many as are kept.
const MOST: usize = 1000;

/// What `drill` takes.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DrillBody {
    /// The service's name.
    service: String,
    /// The endpoint that shall seem to fail; the one that is answered, when nothing is said.
    endpoint: Option<String>,
    /// How long at the most, like `30s`; 30s when nothing is said.
    #[serde(rename = "for")]
    lasting: Option<String>,
    /// Why, for whoever looks at it.
    reason: Option<String>,
    /// Who answers for it; from where it was asked, when nothing is said.
    owner: Option<String>,
    /// Go past what `[safety]` would refuse; recorded.
    #[serde(default)]
    break_glass: bool,
    /// Only say what would happen.
    #[serde(default)]
    dry_run: bool,
}

/// A drill began, or would.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Begun {
    /// Its number; null when it was only asked what would happen.
    id: Option<u64>,
    /// What is rehearsed.
    detail: String,
}

/// Which reports.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Which {
    /// How many at the most, 1 to 1000; 100 when nothing is said.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<usize>,
    /// Only those with smaller numbers: `next` of the page before.
    before: Option<u64>,
}

/// Reports, the latest first.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Reports {
    /// They.
    items: Vec<Report>,
    /// What `before` must be for the next page; null: this is the last.
    next: Option<u64>,
    /// How many are kept in all.
    total: usize,
}

/// Hands a request to the desk of drills and waits for its reply.
async fn ask<T>(live: &Live, make: impl FnOnce(oneshot::Sender<T>) -> DrillRequest) -> Result<T, Problem> {
    let (reply, answer) = oneshot::channel();
    live.drills.try_send(make(reply)).map_err(|_| Problem::busy())?;
    answer.await.map_err(|_| Problem::busy())
}

/// Rehearse a failover: the endpoint that is answered seems to fail, what follows is measured, and all is reverted
#[utoipa::path(post, path = "/v1/drill", tag = "steer", request_body = DrillBody,
    responses(
        (status = 200, description = "What would happen; nothing was done", body = Begun),
        (status = 202, description = "It began; its report is at `/v1/drills/{id}`", body = Begun),
        (status = 409, description = "A rule stands against it; `detail` begins with its name", body = Problem, content_type = "application/problem+json")))]
pub async fn start(
    State(live): State<Live>,
    Extension(caller): Extension<Caller>,
    Json(body): Json<DrillBody>,
) -> Result<Response, Problem> {
    let lasting = match body.lasting.as_deref().map(duration::parse).transpose() {
        Ok(lasting) => lasting.unwrap_or(LASTING),
        Err(error) => {
            return Err(Problem::bad(format!("`for`: {error}; write a time like \"30s\"")));
        }
    };
    let reason = body.reason.filter(|reason| !reason.trim().is_empty());
    let by = caller.owner(body.owner);
    if by.len() > WORDS || reason.as_ref().is_some_and(|reason| reason.len() > WORDS) {
        return Err(Problem::bad(format!(
            "owner and reason have at most {WORDS} octets each"
        )));
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
        Ok((id, done)) => {
            let status = if id.is_some() {
                StatusCode::ACCEPTED
            } else {
                StatusCode::OK
            };
            let detail = done.0;
            Ok((status, Json(Begun { id, detail })).into_response())
        }
        Err(refusal) => Err(Problem::new(StatusCode::CONFLICT, refusal.to_string())),
    }
}

/// What the end of a drill takes.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CancelBody {
    /// Who answers for it; from where it was asked, when nothing is said.
    owner: Option<String>,
}

/// End a drill early: everything is as before at once
#[utoipa::path(post, path = "/v1/drills/{id}/cancel", tag = "steer", params(("id" = u64, Path, description = "Its number")), request_body = CancelBody,
    responses(
        (status = 200, description = "It is over", body = Done),
        (status = 409, description = "It is not going on", body = Problem, content_type = "application/problem+json")))]
pub async fn cancel(
    State(live): State<Live>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<u64>,
    Json(body): Json<CancelBody>,
) -> Result<Json<Done>, Problem> {
    let by = caller.owner(body.owner);
    match ask(&live, |reply| DrillRequest::Cancel { id, by, reply }).await? {
        Ok(done) => Ok(Json(Done { detail: done.0 })),
        Err(refusal) => Err(Problem::new(StatusCode::CONFLICT, refusal.to_string())),
    }
}

/// Reports of drills, the latest first
#[utoipa::path(get, path = "/v1/drills", tag = "look", params(Which),
    responses((status = 200, description = "A page of them", body = Reports)))]
pub async fn list(State(live): State<Live>, Query(which): Query<Which>) -> Result<Json<Reports>, Problem> {
    let limit = which.limit.unwrap_or(PAGE);
    if limit == 0 || limit > MOST {
        return Err(Problem::bad(format!("`limit` is 1 to {MOST}")));
    }
    let before = which.before;
    let (items, total) = ask(&live, |reply| DrillRequest::List { before, limit, reply }).await?;
    let last = items.last().map(|report| report.id).filter(|id| *id > 1);
    let next = last.filter(|_| items.len() == limit);
    Ok(Json(Reports { items, next, total }))
}

/// The report of one drill; while it goes on, what is known so far
#[utoipa::path(get, path = "/v1/drills/{id}", tag = "look", params(("id" = u64, Path, description = "Its number")),
    responses(
        (status = 200, description = "The report", body = Report),
        (status = 404, description = "There is none of that number", body = Problem, content_type = "application/problem+json")))]
pub async fn show(State(live): State<Live>, Path(id): Path<u64>) -> Result<Json<Report>, Problem> {
    let found = ask(&live, |reply| DrillRequest::Show { id, reply }).await?;
    found.map(Json).ok_or_else(|| {
        Problem::missing(format!(
            "there is no drill {id}; `pointsman drill list` shows them"
        ))
    })
}
