//! Configurations: put another one in force, or only ask what it would change.

use std::path::PathBuf;

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use tokio::sync::oneshot;

use crate::api::extract::{Body, Json};
use crate::api::hand::Done;
use crate::api::live::{Live, Outlook, PATIENCE, Rehearsal, Reload};
use crate::api::problem::Problem;

/// Nothing is to be said.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// Read the files again
#[utoipa::path(post, path = "/v1/reload", tag = "steer", request_body = Option<Nothing>,
    responses(
        (status = 200, description = "The new configuration is in force", body = Done),
        (status = 422, description = "It has mistakes, all of which are named; nothing was changed", body = Problem, content_type = "application/problem+json")))]
pub async fn reload(State(live): State<Live>, Body(body): Body) -> Result<Json<Done>, Problem> {
    if !body.iter().all(u8::is_ascii_whitespace) {
        let said: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(&body)
            .map_err(|error| Problem::bad(format!("{error}; send nothing, or {{}}")))?;
        if !said.is_empty() {
            return Err(Problem::bad(
                "there is nothing to be said to it; send nothing, or {}",
            ));
        }
    }
    let (reply, answer) = oneshot::channel();
    live.reloads
        .send_timeout(Reload { reply }, PATIENCE)
        .await
        .map_err(|_| Problem::busy())?;
    match answer.await.map_err(|_| Problem::busy())? {
        Ok(detail) => Ok(Json(Done { detail })),
        Err(mistakes) => Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, mistakes)),
    }
}

/// What `plan` takes.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
pub struct PlanBody {
    /// The other configuration's `pointsman.toml`: an absolute path, read by the server.
    #[schema(value_type = String)]
    config: PathBuf,
}

/// What another configuration would change; nothing is changed by asking
#[utoipa::path(post, path = "/v1/plan", tag = "steer", request_body = PlanBody,
    responses(
        (status = 200, description = "What it would change", body = Outlook),
        (status = 422, description = "It cannot be used", body = Problem, content_type = "application/problem+json")))]
pub async fn plan(State(live): State<Live>, Json(body): Json<PlanBody>) -> Result<Json<Outlook>, Problem> {
    let (reply, answer) = oneshot::channel();
    let rehearsal = Rehearsal {
        config: body.config,
        reply,
    };
    live.rehearsals
        .send_timeout(rehearsal, PATIENCE)
        .await
        .map_err(|_| Problem::busy())?;
    match answer.await.map_err(|_| Problem::busy())? {
        Ok(outlook) => Ok(Json(outlook)),
        Err(why) => Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, why)),
    }
}
