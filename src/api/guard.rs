//! Who may ask: the token where there is one; on loopback without a token nothing that a web page could send.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::api::live::Live;
use crate::api::problem::Problem;

/// Lets a request through or answers it with a [`Problem`].
pub async fn guard(State(live): State<Live>, request: Request, next: Next) -> Response {
    match admit(&live, request.method(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

fn admit(live: &Live, method: &Method, headers: &HeaderMap) -> Result<(), Problem> {
    if let Some(token) = &live.token {
        let shown = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok());
        let shown = shown
            .and_then(|value| value.strip_prefix("Bearer "))
            .unwrap_or_default();
        return if same(shown.as_bytes(), token.as_bytes()) {
            Ok(())
        } else {
            Err(Problem::new(
                StatusCode::UNAUTHORIZED,
                "send the token of `[api] token_file` as `Authorization: Bearer …`",
            ))
        };
    }
    // Without a token only loopback is listened on. A page in the operator's browser reaches that, too: by a
    // rebound name (then `Host` is not loopback's) or by a form (then the type is not JSON).
    let host = headers
        .get(header::HOST)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    if !is_loopback(host) {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "ask by a loopback address, not by a name",
        ));
    }
    let json = headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"application/json"));
    if method != Method::GET && method != Method::HEAD && !json {
        return Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "send `Content-Type: application/json`",
        ));
    }
    Ok(())
}

fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|octet| octet.is_ascii_digit()) => name,
        _ => host,
    };
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    bare == "localhost"
        || bare
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// Compares in time that does not tell where the first difference is.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |seen, (x, y)| seen | (x ^ y)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_names_count_as_loopback() {
        for host in [
            "127.0.0.1:8053",
            "127.0.0.1",
            "[::1]:8053",
            "localhost:8053",
            "127.9.9.9:1",
        ] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "evil.example:8053",
            "",
            "192.0.2.1:8053",
            "localhost.evil.example",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }

    #[test]
    fn a_token_must_match_whole() {
        assert!(same(b"secret", b"secret"));
        assert!(!same(b"secre", b"secret"));
        assert!(!same(b"Secret", b"secret"));
    }
}
