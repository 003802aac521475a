//! Who may ask: whoever shows a token that is known; on loopback, when the configuration says so, nobody in
//! particular, by nothing that a web page could send.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::api::extract::is_json;
use crate::api::live::Live;
use crate::api::problem::Problem;
use crate::api::table::Access;
use crate::model::access::Role;

/// Who asks.
#[derive(Clone, Debug)]
pub struct Caller {
    /// What was shown, by its name; `None`: nothing.
    pub name: Option<String>,
    /// What it allows.
    pub role: Option<Role>,
    /// From where.
    pub from: SocketAddr,
}

impl Caller {
    /// For the log: `api from 192.0.2.7`.
    #[must_use]
    pub fn words(&self) -> String {
        format!("api from {}", self.from.ip())
    }
}

/// Lets a request through to a route that may be used as `access` says, or answers it with a [`Problem`].
pub async fn guard(State((live, access)): State<(Live, Access)>, request: Request, next: Next) -> Response {
    if access == Access::Own {
        return next.run(request).await;
    }
    let from = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let from = from.map_or(SocketAddr::from(([0, 0, 0, 0], 0)), |from| from.0);
    let caller = match identify(&live, from, request.headers()) {
        Ok(caller) => caller,
        Err(problem) => return problem.into_response(),
    };
    if let Err(problem) = admit(&caller, access, request.method(), request.headers()) {
        return problem.into_response();
    }
    let mut request = request;
    request.extensions_mut().insert(caller);
    next.run(request).await
}

/// Who asks; a wrong token is nobody's.
fn identify(live: &Live, from: SocketAddr, headers: &HeaderMap) -> Result<Caller, Problem> {
    let Some(shown) = headers.get(header::AUTHORIZATION) else {
        return Ok(Caller {
            name: None,
            role: live.anonymous(),
            from,
        });
    };
    let shown = shown
        .to_str()
        .ok()
        .and_then(|value| value.strip_prefix("Bearer "));
    let known = match (&live.token, shown) {
        (Some(token), Some(shown)) => same(shown.as_bytes(), token.as_bytes()),
        _ => false,
    };
    if !known {
        return Err(unknown());
    }
    Ok(Caller {
        name: Some("token_file".to_owned()),
        role: Some(Role::Admin),
        from,
    })
}

fn unknown() -> Problem {
    Problem::new(
        StatusCode::UNAUTHORIZED,
        "send a token of the configuration as `Authorization: Bearer …`",
    )
}

fn admit(caller: &Caller, access: Access, method: &Method, headers: &HeaderMap) -> Result<(), Problem> {
    let Access::Role(needed) = access else {
        return Ok(());
    };
    match caller.role {
        None => return Err(unknown()),
        Some(role) if role < needed => {
            return Err(Problem::new(
                StatusCode::FORBIDDEN,
                format!("this takes the role {needed}, and you have {role}"),
            ));
        }
        Some(_) => {}
    }
    if caller.name.is_some() {
        return Ok(());
    }
    // Whoever shows nothing is on loopback. A page in the operator's browser reaches that, too: by a rebound name (then
    // `Host` is not loopback's) or by a form (then the type is not JSON).
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
    if method != Method::GET && method != Method::HEAD && !is_json(headers) {
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
