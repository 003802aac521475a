//! The dashboard at `/`: files of this program, no others. They hold no data, so that they need no token; what they show
//! comes from the API like everybody's.

pub(crate) mod assets;
pub mod overview;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::api::dashboard::assets::{Asset, INDEX, asset};
use crate::api::extract::Path;
use crate::api::problem::Problem;

/// Asked for each time, and answered "not modified" until the program is another.
const CACHING: &str = "no-cache";

/// The dashboard, for people
#[utoipa::path(get, path = "/", tag = "server",
    responses(
        (status = 200, description = "Services and what they answer", body = String, content_type = "text/html; charset=utf-8"),
        (status = 304, description = "It is known already, by `If-None-Match`")))]
pub async fn page(headers: HeaderMap) -> Response {
    file(&INDEX, &headers)
}

/// A part of the dashboard
#[utoipa::path(get, path = "/assets/{name}", tag = "server",
    params(("name" = String, Path, description = "Its name, like `main.js`")),
    responses(
        (status = 200, description = "A program, a style sheet or an image", content(
            (String = "text/javascript; charset=utf-8"), (String = "text/css; charset=utf-8"), (String = "image/svg+xml"))),
        (status = 304, description = "It is known already, by `If-None-Match`"),
        (status = 404, description = "There is no such part", body = Problem, content_type = "application/problem+json")))]
pub async fn part(Path(name): Path<String>, headers: HeaderMap) -> Response {
    match asset(&name) {
        Some(asset) => file(asset, &headers),
        None => Problem::missing("the dashboard has no such part").into_response(),
    }
}

fn file(asset: &'static Asset, asked: &HeaderMap) -> Response {
    let tag = asset.tag();
    let known = asked
        .get(header::IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|known| {
            known
                .split(',')
                .any(|one| one.trim().trim_start_matches("W/") == tag)
        });
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let kind = [(header::CONTENT_TYPE, asset.kind)];
        (kind, asset.text).into_response()
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(CACHING));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::assets::ASSETS;
    use super::*;

    #[test]
    fn a_file_that_is_known_is_not_sent_again() {
        let first = file(&INDEX, &HeaderMap::new());
        assert_eq!(first.status(), StatusCode::OK);
        let tag = first.headers()[header::ETAG].clone();
        let mut asked = HeaderMap::new();
        asked.insert(header::IF_NONE_MATCH, tag);
        assert_eq!(file(&INDEX, &asked).status(), StatusCode::NOT_MODIFIED);
        asked.insert(header::IF_NONE_MATCH, HeaderValue::from_static("\"other\""));
        assert_eq!(file(&INDEX, &asked).status(), StatusCode::OK);
    }

    #[test]
    fn every_file_that_is_named_in_a_file_is_there_and_nothing_is_fetched_from_elsewhere() {
        let whole: String = ASSETS.iter().chain([&INDEX]).map(|asset| asset.text).collect();
        for wrong in [
            "http://",
            "https://",
            "//cdn",
            "@import",
            "eval(",
            "innerHTML",
            "style=",
            "onclick",
        ] {
            let found: Vec<&str> = whole
                .lines()
                .filter(|line| line.contains(wrong) && !line.contains("http://www.w3.org/2000/svg"))
                .collect();
            assert!(found.is_empty(), "`{wrong}` in {found:?}");
        }
        for named in INDEX.text.split("\"/assets/").skip(1) {
            let path = named.split('"').next().unwrap_or_default();
            assert!(asset(path).is_some(), "{path} is named by the page and not there");
        }
        for module in ASSETS.iter().filter(|asset| asset.path.ends_with(".js")) {
            for named in module.text.split("from \"./").skip(1) {
                let path = named.split('"').next().unwrap_or_default();
                assert!(
                    asset(path).is_some(),
                    "{} names {path}, which is not there",
                    module.path
                );
            }
            let link = format!("/assets/{}", module.path);
            assert!(
                INDEX.text.contains(&link),
                "the page does not fetch {link} at once"
            );
        }
    }
}
