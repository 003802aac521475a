//! The dashboard at `/`: files of this program, no others. They hold no data, so that they need no token; what they show
//! comes from the API like everybody's.

pub(crate) mod assets;
pub(crate) mod overview;

use axum::extract::Path;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::api::dashboard::assets::{Asset, INDEX, asset};
use crate::api::problem::Problem;

/// What the page may do: run and show what this server sends, and ask this server. Nothing inline, nothing from elsewhere,
/// in nobody's frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";

/// Headers of every file.
const HEADERS: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    // Asked for each time, and answered "not modified" until the program is another.
    (header::CACHE_CONTROL, "no-cache"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
];

/// `GET /`
pub(super) async fn index(headers: HeaderMap) -> Response {
    file(&INDEX, &headers)
}

/// `GET /assets/{*path}`
pub(super) async fn assets(Path(path): Path<String>, headers: HeaderMap) -> Response {
    match asset(&path) {
        Some(asset) => file(asset, &headers),
        None => Problem::new(StatusCode::NOT_FOUND, "no such file of the dashboard").into_response(),
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
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
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
        for module in ASSETS.iter().filter(|asset| asset.path.starts_with("app/")) {
            for named in module.text.split("from \"./").skip(1) {
                let path = format!("app/{}", named.split('"').next().unwrap_or_default());
                assert!(
                    asset(&path).is_some(),
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
