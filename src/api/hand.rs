//! The operator's hand over HTTP: drain, force, release, a switch, and what stands.

use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

use crate::api::extract::Json;
use crate::api::guard::Caller;
use crate::api::live::{Live, Request};
use crate::api::problem::Problem;
use crate::config::duration;
use crate::control::event::{Command, Manner};
use crate::control::listing::OverrideStatus;
use crate::model::force::ForceKind;

/// The longest time an override may be given: what is meant for longer is meant until it is released.
const LONGEST: Duration = Duration::from_secs(366 * 86_400);

/// It was done.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Done {
    /// What was done to whom, and who answers then; a sentence for each service.
    pub detail: String,
}

/// What `drain` takes.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DrainBody {
    /// Upon whom: `SERVICE/ENDPOINT`, `SERVICE/POOL`, `SERVICE/POOL/ENDPOINT`, `SERVICE`, or a pattern of these.
    select: String,
    /// Why, for whoever looks at it.
    reason: Option<String>,
    /// For how long, like `30m`; until it is released, when nothing is said; 366d at the most.
    #[serde(rename = "for")]
    lasting: Option<String>,
    /// Who answers for it; from where it was asked, when nothing is said.
    owner: Option<String>,
    /// Go past what would refuse it for safety; recorded.
    #[serde(default)]
    break_glass: bool,
    /// Only say what would change.
    #[serde(default)]
    dry_run: bool,
}

/// What `force` takes.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ForceBody {
    /// Upon whom, as for a drain.
    select: String,
    /// What it shall count as.
    state: ForcedTo,
    /// Why, for whoever looks at it.
    reason: Option<String>,
    /// For how long, like `30m`; until it is released, when nothing is said; 366d at the most.
    #[serde(rename = "for")]
    lasting: Option<String>,
    /// Who answers for it; from where it was asked, when nothing is said.
    owner: Option<String>,
    /// Go past what would refuse it for safety; recorded.
    #[serde(default)]
    break_glass: bool,
    /// Only say what would change.
    #[serde(default)]
    dry_run: bool,
}

/// What an endpoint is forced to.
#[derive(Clone, Copy, Debug, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ForcedTo {
    /// It counts as up, whatever its probes say.
    Up,
    /// It counts as down.
    Down,
}

/// What `release` takes.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReleaseBody {
    /// What was laid within it is lifted.
    select: String,
    /// Who answers for it; from where it was asked, when nothing is said.
    owner: Option<String>,
    /// Go past what would refuse it for safety; recorded.
    #[serde(default)]
    break_glass: bool,
    /// Only say what would change.
    #[serde(default)]
    dry_run: bool,
}

/// What `failover` takes.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
pub struct FailoverBody {
    /// The service's name.
    service: String,
    /// The endpoint to switch to; the next healthy one, when nothing is said.
    to: Option<String>,
    /// Who answers for it; from where it was asked, when nothing is said.
    owner: Option<String>,
    /// Go past what would refuse it for safety; recorded.
    #[serde(default)]
    break_glass: bool,
    /// Only say what would change.
    #[serde(default)]
    dry_run: bool,
}

type Answer = Result<Json<Done>, Problem>;

/// Take endpoints out of the answers
#[utoipa::path(post, path = "/v1/drain", tag = "steer", request_body = DrainBody,
    responses(
        (status = 200, description = "It was done, and is on disk", body = Done),
        (status = 409, description = "A rule stands against it; `detail` begins with its name", body = Problem, content_type = "application/problem+json")))]
pub async fn drain(
    State(live): State<Live>,
    Extension(caller): Extension<Caller>,
    Json(body): Json<DrainBody>,
) -> Answer {
    let what = Command::Force {
        kind: ForceKind::Drain,
        select: body.select,
        reason: stated(body.reason),
        lasting: lasting(body.lasting.as_deref())?,
    };
    let by = caller.owner(body.owner);
    command(&live, by, what, manner(body.break_glass, body.dry_run)).await
}

/// Let endpoints count as up or down, whatever their probes say
#[utoipa::path(post, path = "/v1/force", tag = "steer", request_body = ForceBody,
    responses(
        (status = 200, description = "It was done, and is on disk", body = Done),
        (status = 409, description = "A rule stands against it; `detail` begins with its name", body = Problem, content_type = "application/problem+json")))]
pub async fn force(
    State(live): State<Live>,
    Extension(caller): Extension<Caller>,
    Json(body): Json<ForceBody>,
) -> Answer {
    let what = Command::Force {
        kind: match body.state {
            ForcedTo::Up => ForceKind::Up,
            ForcedTo::Down => ForceKind::Down,
        },
        select: body.select,
        reason: stated(body.reason),
        lasting: lasting(body.lasting.as_deref())?,
    };
    let by = caller.owner(body.owner);
    command(&live, by, what, manner(body.break_glass, body.dry_run)).await
}

/// Lift what was laid upon endpoints by drain or force
#[utoipa::path(post, path = "/v1/release", tag = "steer", request_body = ReleaseBody,
    responses(
        (status = 200, description = "It was done, and is on disk", body = Done),
        (status = 409, description = "A rule stands against it; `detail` begins with its name", body = Problem, content_type = "application/problem+json")))]
pub async fn release(
    State(live): State<Live>,
    Extension(caller): Extension<Caller>,
    Json(body): Json<ReleaseBody>,
) -> Answer {
    let (by, manner) = (caller.owner(body.owner), manner(body.break_glass, body.dry_run));
    let select = body.select;
    command(&live, by, Command::Release { select }, manner).await
}

/// Switch a failover service by hand
#[utoipa::path(post, path = "/v1/failover", tag = "steer", request_body = FailoverBody,
    responses(
        (status = 200, description = "It was done, and is on disk", body = Done),
        (status = 409, description = "A rule stands against it; `detail` begins with its name", body = Problem, content_type = "application/problem+json")))]
pub async fn failover(
    State(live): State<Live>,
    Extension(caller): Extension<Caller>,
    Json(body): Json<FailoverBody>,
) -> Answer {
    let what = Command::Failover {
        service: body.service,
        to: body.to,
    };
    let by = caller.owner(body.owner);
    command(&live, by, what, manner(body.break_glass, body.dry_run)).await
}

/// What operators laid upon endpoints, and until when
#[utoipa::path(get, path = "/v1/overrides", tag = "look",
    responses((status = 200, description = "All of it: entries of the file, then commands, the oldest first", body = Vec<OverrideStatus>)))]
pub async fn overrides(State(live): State<Live>) -> Result<Json<Vec<OverrideStatus>>, Problem> {
    live.ask(|reply| Request::Overrides { reply }).await.map(Json)
}

fn stated(reason: Option<String>) -> Option<String> {
    reason.filter(|reason| !reason.trim().is_empty())
}

fn lasting(written: Option<&str>) -> Result<Option<Duration>, Problem> {
    let lasting = written.map(duration::parse).transpose();
    let lasting =
        lasting.map_err(|error| Problem::bad(format!("`for`: {error}; write a time like \"30m\"")))?;
    if lasting.is_some_and(|length| length > LONGEST) {
        return Err(Problem::bad(
            "`for` is 366d at the most; leave it out for as long as nobody releases it",
        ));
    }
    Ok(lasting)
}

pub(super) fn manner(break_glass: bool, dry_run: bool) -> Manner {
    Manner { break_glass, dry_run }
}

/// Hands a command to the signal box; a refusal is a conflict with what stands.
pub(super) async fn command(live: &Live, by: String, command: Command, manner: Manner) -> Answer {
    let done = live.ask(|reply| Request::Command {
        by,
        command,
        manner,
        reply,
    });
    match done.await? {
        Ok(done) => Ok(Json(Done { detail: done.0 })),
        Err(refusal) => Err(Problem::new(StatusCode::CONFLICT, refusal.to_string())),
    }
}
