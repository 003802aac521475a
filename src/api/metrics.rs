//! `GET /metrics`: the page for scrapers.

use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};

use crate::api::live::{Live, Request};
use crate::api::problem::Problem;
use crate::metrics::page::{About, Receiver, page};
use crate::metrics::text::Form;

/// Everything that is counted, for Prometheus
///
/// As OpenMetrics; in the classic format of Prometheus when `Accept` names `text/plain` and not OpenMetrics.
#[utoipa::path(get, path = "/metrics", tag = "look",
    responses((status = 200, description = "The page", content(
        (String = "application/openmetrics-text; version=1.0.0; charset=utf-8"),
        (String = "text/plain; version=0.0.4; charset=utf-8")))))]
pub async fn metrics(State(live): State<Live>, headers: HeaderMap) -> Result<Response, Problem> {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    let form = Form::accepted(accept);
    // A page may take tens of megabytes: one at a time, however many ask.
    let turn = live.meters.turn.lock().await;
    let panel = live.ask(|reply| Request::Metrics { reply }).await?;
    let (meters, ready) = (live.meters.clone(), live.ready.load(Ordering::Acquire));
    let receivers = live.receivers.status().into_iter().map(|receiver| Receiver {
        name: receiver.name,
        owed: receiver.pending,
        delivered: receiver.delivered,
        failed: receiver.failed,
        given_up: receiver.given_up,
    });
    let receivers: Vec<Receiver> = receivers.collect();
    // Names and text are work for a thread that nobody waits for.
    let made = tokio::task::spawn_blocking(move || {
        let about = About {
            version: env!("CARGO_PKG_VERSION"),
            commit: env!("POINTSMAN_COMMIT"),
            ready,
            endpoints: panel.plan.node.endpoint_metrics,
            receivers: &receivers,
        };
        page(form, about, &panel, &meters)
    });
    let text = made.await.map_err(|_| Problem::busy())?;
    drop(turn);
    Ok(([(header::CONTENT_TYPE, form.content_type())], text).into_response())
}
