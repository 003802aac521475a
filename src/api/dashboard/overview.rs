//! `GET /v1/overview`: a short line for each service, all in one answer, so that a browser can sort, search and count by itself.

use std::collections::HashSet;

use axum::extract::State;
use serde::{Deserialize, Serialize};

use crate::api::directory::Directory;
use crate::api::extract::{Json, Query};
use crate::api::live::Live;
use crate::api::problem::Problem;
use crate::control::board::{Head, Line};
use crate::model::id::ServiceId;

/// Lines that are drawn in one go: the signal box does nothing else meanwhile.
const STRIDE: usize = 200;
/// How often it is begun anew because another plan came in force.
const TRIES: usize = 3;

/// What may be asked for.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Wanted {
    /// Names, separated by commas; without: all. Unknown ones are left out.
    service: Option<String>,
}

/// A line for each service.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Overview {
    /// The program's version.
    version: &'static str,
    /// Of all together.
    #[serde(flatten)]
    head: Head,
    /// By name.
    services: Vec<Line>,
}

/// Every service in a line
#[utoipa::path(get, path = "/v1/overview", tag = "look", params(Wanted),
    responses((status = 200, description = "What the dashboard shows first", body = Overview)))]
pub async fn overview(
    State(live): State<Live>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Overview>, Problem> {
    for _ in 0..TRIES {
        let directory = live.directory().await?;
        if let Some(overview) = attempt(&live, &directory, wanted.service.as_deref()).await? {
            return Ok(Json(overview));
        }
    }
    // Plans come faster than this is drawn.
    Err(Problem::busy())
}

/// By the names of `directory`; `None`: another plan came in force meanwhile.
async fn attempt(
    live: &Live,
    directory: &Directory,
    names: Option<&str>,
) -> Result<Option<Overview>, Problem> {
    let ids = chosen(directory, names);
    let mut services = Vec::with_capacity(ids.len());
    for ids in ids.chunks(STRIDE) {
        let ids = ids.to_vec();
        let drawn = live.look_by(directory, move |control, now| {
            let lines = ids.iter().filter_map(|id| control.board_line(*id, now));
            lines.collect::<Vec<Line>>()
        });
        match drawn.await? {
            Some(drawn) => services.extend(drawn),
            None => return Ok(None),
        }
    }
    let head = live
        .look_by(directory, |control, now| control.board_head(now))
        .await?;
    Ok(head.map(|head| Overview {
        version: env!("CARGO_PKG_VERSION"),
        head,
        services,
    }))
}

/// The services that are meant.
fn chosen(directory: &Directory, names: Option<&str>) -> Vec<ServiceId> {
    let names: Option<HashSet<String>> = names.map(|names| {
        let plain = |name: &str| name.trim().trim_end_matches('.').to_ascii_lowercase();
        names.split(',').map(plain).collect()
    });
    let is_meant = |key: &String| names.as_ref().is_none_or(|names| names.contains(key));
    let rows = directory.services.iter().filter(|row| is_meant(&row.key));
    rows.map(|row| row.id).collect()
}
