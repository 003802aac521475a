//! What is answered now and why; whether the server is alive and ready.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;

use crate::api::explain::{Report, network_read, rtype_named};
use crate::api::extract::{Json, Query};
use crate::api::list::no_service;
use crate::api::live::{Live, Question, Request};
use crate::api::problem::Problem;
use crate::control::status::ServiceStatus;
use crate::wire::name::Name;

/// Whether the process lives
#[utoipa::path(get, path = "/healthz", tag = "server",
    responses((status = 200, description = "It does", body = String, content_type = "text/plain; charset=utf-8")))]
pub async fn healthz() -> &'static str {
    "alive\n"
}

/// Whether zones are loaded, verdicts are in and the DNS sockets are open
#[utoipa::path(get, path = "/readyz", tag = "server",
    responses(
        (status = 200, description = "They are", body = String, content_type = "text/plain; charset=utf-8"),
        (status = 503, description = "Not yet", body = Problem, content_type = "application/problem+json")))]
pub async fn readyz(State(live): State<Live>) -> Result<String, Problem> {
    if live.ready.load(Ordering::Acquire) {
        // A disk that fails stops no answer; whoever looks shall know.
        let trouble = live.history.trouble();
        let said = trouble.map_or_else(String::new, |why| format!("the disk fails: {why}\n"));
        Ok(format!("ready\n{said}"))
    } else {
        let detail = "waiting for the first verdicts";
        Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).retry_after(1))
    }
}

/// Of which service.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct StatusQuery {
    /// A service's name; all, when nothing is said.
    service: Option<String>,
}

/// Every service at once, or one of them
///
/// For programs that want everything; `/v1/services` has the same in pages.
#[utoipa::path(get, path = "/v1/status", tag = "look", params(StatusQuery),
    responses(
        (status = 200, description = "Services, what they answer and why", body = Vec<ServiceStatus>),
        (status = 404, description = "There is no such service", body = Problem, content_type = "application/problem+json")))]
pub async fn status(
    State(live): State<Live>,
    Query(query): Query<StatusQuery>,
) -> Result<Json<Vec<ServiceStatus>>, Problem> {
    let service = query.service.clone();
    let found = live.ask(|reply| Request::Status { service, reply }).await?;
    found
        .map(Json)
        .ok_or_else(|| no_service(&query.service.unwrap_or_default()))
}

/// The question.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ExplainQuery {
    /// The name that is asked for.
    #[param(min_length = 1)]
    name: String,
    /// The record type: `AAAA`, `TYPE65`.
    #[serde(rename = "type")]
    #[param(default = "A")]
    rtype: Option<String>,
    /// Who asks: an address of IPv4 or IPv6.
    #[param(value_type = Option<String>, default = "127.0.0.1")]
    client: Option<IpAddr>,
    /// The network that the client tells of its own client (EDNS Client Subnet): `203.0.113.0/24`.
    ecs: Option<String>,
    /// The throw of the dice that policies with chance go by: 0..2^64.
    #[param(default = 0)]
    dice: Option<u64>,
}

/// The decision for one question, step by step, with the exact answer
#[utoipa::path(get, path = "/v1/explain", tag = "look", params(ExplainQuery),
    responses((status = 200, description = "The way to the answer", body = Report)))]
pub async fn explain(
    State(live): State<Live>,
    Query(query): Query<ExplainQuery>,
) -> Result<Json<Report>, Problem> {
    let name = Name::from_text(&query.name)
        .map_err(|error| Problem::bad(format!("`{}` is no name: {error}", query.name)))?;
    let rtype = query.rtype.as_deref().unwrap_or("A");
    let rtype = rtype_named(rtype).ok_or_else(|| Problem::bad(format!("`{rtype}` is no record type")))?;
    let client = query.client.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let subnet = query
        .ecs
        .as_deref()
        .map(network_read)
        .transpose()
        .map_err(Problem::bad)?;
    let question = Question {
        name,
        rtype,
        client,
        subnet,
        dice: query.dice.unwrap_or(0),
    };
    live.ask(|reply| Request::Explain { question, reply })
        .await
        .map(Json)
}
