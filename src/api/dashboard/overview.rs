//! `GET /v1/overview`: a short line for each service, all in one answer.

use axum::Json;
use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};

use crate::api::live::{Live, Request};
use crate::api::problem::Problem;
use crate::api::routes::ask;
use crate::control::board::Board;

/// What may be asked for.
#[derive(Debug, Deserialize)]
pub(crate) struct Wanted {
    /// Names, separated by commas; without: all.
    service: Option<String>,
}

/// The board, and who drew it.
#[derive(Debug, Serialize)]
pub(crate) struct Overview {
    /// The program's version.
    version: &'static str,
    #[serde(flatten)]
    board: Board,
}

/// `GET /v1/overview?service=a.example,b.example`
pub(crate) async fn overview(
    State(live): State<Live>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Overview>, Problem> {
    let names = wanted.service.map(|names| {
        let names = names.split(',').map(str::trim);
        names.filter(|name| !name.is_empty()).map(str::to_owned).collect()
    });
    let board = ask(&live, |reply| Request::Board { names, reply }).await?;
    Ok(Json(Overview {
        version: env!("CARGO_PKG_VERSION"),
        board,
    }))
}
