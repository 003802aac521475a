//! Whom the server tells of events, and how that goes.

use axum::Extension;
use axum::extract::State;
use serde::{Deserialize, Serialize};

use crate::announce::queue::Outcome;
use crate::announce::status::HookStatus;
use crate::api::extract::{Json, Path};
use crate::api::guard::Caller;
use crate::api::live::Live;
use crate::api::problem::Problem;

/// All receivers.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Receivers {
    /// In the order of the configuration.
    pub items: Vec<HookStatus>,
}

/// What a test takes.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TestBody {
    /// Who asks for it; from where it was asked, when nothing is said.
    owner: Option<String>,
}

/// How a test went.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Tested {
    /// Whether the receiver confirmed it.
    pub delivered: bool,
    /// In a sentence.
    pub detail: String,
}

/// Whom the server tells of events, and how that goes
#[utoipa::path(get, path = "/v1/notifications", tag = "look",
    responses((status = 200, description = "Each receiver: what is owed to it, and how the last delivery went", body = Receivers)))]
pub async fn notifications(State(live): State<Live>) -> Json<Receivers> {
    let items = live.receivers.status();
    Json(Receivers { items })
}

/// Send a test to a receiver
#[utoipa::path(post, path = "/v1/notifications/{name}/test", tag = "steer", request_body = TestBody,
    params(("name" = String, Path, description = "The receiver's name")),
    responses(
        (status = 200, description = "It was tried once, past what is owed; `delivered` says how it went", body = Tested),
        (status = 404, description = "No receiver has this name", body = Problem, content_type = "application/problem+json")))]
pub async fn test(
    State(live): State<Live>,
    Path(name): Path<String>,
    Extension(caller): Extension<Caller>,
    Json(body): Json<TestBody>,
) -> Result<Json<Tested>, Problem> {
    let by = caller.owner(body.owner);
    let outcome = live.receivers.test(&name, &by).await.ok_or_else(|| {
        Problem::missing(format!(
            "no receiver is named `{name}`; `pointsman notifications` lists them"
        ))
    })?;
    let (delivered, detail) = match outcome {
        Outcome::Confirmed => (true, format!("{name} has confirmed the test")),
        Outcome::Absent(why) | Outcome::Unable(why, _) | Outcome::Turned(why) | Outcome::Refused(why) => {
            (false, format!("{name} did not take the test: {why}"))
        }
    };
    Ok(Json(Tested { delivered, detail }))
}
