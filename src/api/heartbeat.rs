//! `POST /v1/heartbeat/{service}/{endpoint}`: an endpoint reports itself, with a token that allows nothing else.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use serde::Deserialize;

use crate::api::extract::{Body, Json, Path};
use crate::api::hand::Done;
use crate::api::live::{Live, Request};
use crate::api::problem::Problem;
use crate::control::event::{Word, WordKind};

/// Octets of the largest body.
pub(super) const MOST: usize = 4096;

/// What an endpoint may say of itself; an empty body is `up`.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Said {
    /// How it is.
    status: Status,
    /// Why, for people.
    #[serde(default)]
    text: String,
}

/// How an endpoint says that it is.
#[derive(Clone, Copy, Debug, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Well.
    Up,
    /// Less than well.
    Degraded,
    /// Not to be used.
    Down,
}

/// An endpoint reports itself
///
/// Whoever shows the wrong token does not learn which endpoints there are.
#[utoipa::path(post, path = "/v1/heartbeat/{service}/{endpoint}", tag = "heartbeat",
    params(("service" = String, Path, description = "The service's name"), ("endpoint" = String, Path, description = "The endpoint's name")),
    request_body(content = Option<Said>, description = "Nothing, which says `up`, or more"),
    responses((status = 200, description = "Heard", body = Done)))]
pub async fn heartbeat(
    State(live): State<Live>,
    Path((service, endpoint)): Path<(String, String)>,
    headers: HeaderMap,
    Body(body): Body,
) -> Result<Json<Done>, Problem> {
    let token = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "))
        .unwrap_or_default()
        .to_owned();
    let word = word(&body).map_err(Problem::bad)?;
    let within = live.ask(|reply| Request::Heartbeat {
        service,
        endpoint,
        token,
        word,
        reply,
    });
    match within.await? {
        Some(within) => Ok(Json(Done {
            detail: format!("heard; the next is due within {:.1} s", within.as_secs_f64()),
        })),
        None => Err(Problem::new(
            StatusCode::UNAUTHORIZED,
            "no endpoint of that name is reported with this token: send that of the check's `token_file` as \
             `Authorization: Bearer …`",
        )),
    }
}

fn word(body: &[u8]) -> Result<Word, String> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Word {
            kind: WordKind::Up,
            text: String::new(),
        });
    }
    let said: Said = serde_json::from_slice(body).map_err(|error| {
        format!("{error}; send nothing, or {{\"status\": \"up\" | \"degraded\" | \"down\", \"text\": \"…\"}}")
    })?;
    Ok(Word {
        kind: match said.status {
            Status::Up => WordKind::Up,
            Status::Degraded => WordKind::Degraded,
            Status::Down => WordKind::Down,
        },
        text: said.text,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_and_nothing_else() {
        let read = |body: &str| word(body.as_bytes()).map(|word| (word.kind, word.text));
        assert_eq!(read(""), Ok((WordKind::Up, String::new())));
        assert_eq!(read(" \r\n"), Ok((WordKind::Up, String::new())));
        assert_eq!(
            read(r#"{"status":"degraded","text":"disk 91 %"}"#),
            Ok((WordKind::Degraded, "disk 91 %".to_owned()))
        );
        assert_eq!(read(r#"{"status":"down"}"#), Ok((WordKind::Down, String::new())));
        for wrong in [
            "up",
            "{}",
            r#"{"status":"UP"}"#,
            r#"{"status":"up","txt":""}"#,
            "\u{0}",
        ] {
            assert!(word(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
