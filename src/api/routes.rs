//! Paths to handlers.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::atomic::Ordering;

use axum::extract::{ConnectInfo, DefaultBodyLimit, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router, middleware};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::api::dashboard::{self, overview::overview};
use crate::api::explain::{Report, rtype_named};
use crate::api::guard::guard;
use crate::api::hand;
use crate::api::heartbeat;
use crate::api::live::{Live, Outlook, Question, Rehearsal, Reload, Request};
use crate::api::problem::Problem;
use crate::control::event::Command;
use crate::control::status::ServiceStatus;
use crate::wire::name::Name;

/// The whole API.
pub fn router(live: Live) -> Router {
    let guarded = Router::new()
        .route("/v1/overview", get(overview))
        .route("/v1/status", get(status))
        .route("/v1/explain", get(explain))
        .route("/v1/reload", post(reload))
        .route("/v1/plan", post(plan))
        .route("/v1/failover", post(failover))
        .route("/v1/drain", post(hand::drain))
        .route("/v1/force", post(hand::force))
        .route("/v1/release", post(hand::release))
        .route("/v1/overrides", get(hand::overrides))
        .layer(middleware::from_fn_with_state(live.clone(), guard));
    // With tokens of its own, which allow nothing else.
    let reported = Router::new()
        .route("/v1/heartbeat/{service}/{endpoint}", post(heartbeat::heartbeat))
        .layer(DefaultBodyLimit::max(heartbeat::MOST));
    Router::new()
        .route("/healthz", get(|| async { "alive\n" }))
        .route("/readyz", get(readyz))
        .route("/", get(dashboard::index))
        .route("/assets/{*path}", get(dashboard::assets))
        .merge(guarded)
        .merge(reported)
        .fallback(|| async { Problem::new(StatusCode::NOT_FOUND, "no such path; see docs/api.md") })
        .with_state(live)
}

async fn readyz(State(live): State<Live>) -> Response {
    if live.ready.load(Ordering::Acquire) {
        "ready\n".into_response()
    } else {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "waiting for the first verdicts").into_response()
    }
}

/// Hands a request to the signal box and waits for its reply.
pub(super) async fn ask<T>(
    live: &Live,
    make: impl FnOnce(oneshot::Sender<T>) -> Request,
) -> Result<T, Problem> {
    let (reply, answer) = oneshot::channel();
    live.requests.try_send(make(reply)).map_err(|_| Problem::busy())?;
    answer.await.map_err(|_| Problem::busy())
}

#[derive(Deserialize)]
struct StatusQuery {
    service: Option<String>,
}

async fn status(
    State(live): State<Live>,
    Query(query): Query<StatusQuery>,
) -> Result<Json<Vec<ServiceStatus>>, Problem> {
    let service = query.service.clone();
    let found = ask(&live, |reply| Request::Status { service, reply }).await?;
    found.map(Json).ok_or_else(|| {
        let name = query.service.unwrap_or_default();
        Problem::new(
            StatusCode::NOT_FOUND,
            format!("no service is named `{name}`; `pointsman status` lists them"),
        )
    })
}

#[derive(Deserialize)]
struct ExplainQuery {
    name: String,
    #[serde(rename = "type")]
    rtype: Option<String>,
    client: Option<IpAddr>,
}

async fn explain(
    State(live): State<Live>,
    Query(query): Query<ExplainQuery>,
) -> Result<Json<Report>, Problem> {
    let bad = |detail: String| Problem::new(StatusCode::BAD_REQUEST, detail);
    let name =
        Name::from_text(&query.name).map_err(|error| bad(format!("`{}` is no name: {error}", query.name)))?;
    let rtype = query.rtype.as_deref().unwrap_or("A");
    let rtype = rtype_named(rtype).ok_or_else(|| bad(format!("`{rtype}` is no record type")))?;
    let client = query.client.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let question = Question { name, rtype, client };
    ask(&live, |reply| Request::Explain { question, reply })
        .await
        .map(Json)
}

async fn reload(State(live): State<Live>) -> Result<Json<Value>, Problem> {
    let (reply, answer) = oneshot::channel();
    live.reloads
        .try_send(Reload { reply })
        .map_err(|_| Problem::busy())?;
    match answer.await.map_err(|_| Problem::busy())? {
        Ok(detail) => Ok(Json(json!({ "detail": detail }))),
        Err(mistakes) => Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, mistakes)),
    }
}

#[derive(Deserialize)]
struct PlanBody {
    config: PathBuf,
}

/// What another configuration would change; nothing is changed by asking.
async fn plan(State(live): State<Live>, Json(body): Json<PlanBody>) -> Result<Json<Outlook>, Problem> {
    let (reply, answer) = oneshot::channel();
    let rehearsal = Rehearsal {
        config: body.config,
        reply,
    };
    live.rehearsals.try_send(rehearsal).map_err(|_| Problem::busy())?;
    match answer.await.map_err(|_| Problem::busy())? {
        Ok(outlook) => Ok(Json(outlook)),
        Err(why) => Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, why)),
    }
}

#[derive(Deserialize)]
struct FailoverBody {
    service: String,
    to: Option<String>,
    owner: Option<String>,
    #[serde(default)]
    break_glass: bool,
    #[serde(default)]
    dry_run: bool,
}

async fn failover(
    State(live): State<Live>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    Json(body): Json<FailoverBody>,
) -> Result<Json<Value>, Problem> {
    let command = Command::Failover {
        service: body.service,
        to: body.to,
    };
    let manner = hand::manner(body.break_glass, body.dry_run);
    hand::command(&live, hand::owner(body.owner, from), command, manner).await
}
