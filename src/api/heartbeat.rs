//! `POST /v1/heartbeat/{service}/{endpoint}`: an endpoint reports itself, with a token that allows nothing else.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::live::{Live, Request};
use crate::api::problem::Problem;
use crate::api::routes::ask;
use crate::control::event::{Word, WordKind};

/// Octets of the largest body.
pub(super) const MOST: usize = 4096;

/// What an endpoint may say of itself; an empty body is `up`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    status: Status,
    #[serde(default)]
    text: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Up,
    Degraded,
    Down,
}

/// Takes a heartbeat. Whoever shows the wrong token does not learn which endpoints there are.
pub(super) async fn heartbeat(
    State(live): State<Live>,
    Path((service, endpoint)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, Problem> {
    let token = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "))
        .unwrap_or_default()
        .to_owned();
    let word = word(&body).map_err(|detail| Problem::new(StatusCode::BAD_REQUEST, detail))?;
    let within = ask(&live, |reply| Request::Heartbeat {
        service,
        endpoint,
        token,
        word,
        reply,
    })
    .await?;
    match within {
        Some(within) => Ok(Json(json!({
            "detail": format!("heard; the next is due within {:.1} s", within.as_secs_f64()),
        }))),
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
