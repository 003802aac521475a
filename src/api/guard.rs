//! Who may ask: whoever shows a token or a certificate that is known; on loopback, when the configuration lets it be so,
//! nobody in particular, by nothing that a web page could send.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use ring::digest::{SHA256, digest};

use crate::api::audit;
use crate::api::extract::is_json;
use crate::api::live::Live;
use crate::api::problem::Problem;
use crate::api::table::Access;
use crate::model::access::Role;

/// The other end of a connection.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Where it is.
    pub address: SocketAddr,
    /// The names in the certificate that it showed and that is believed; none: it showed none.
    pub names: Vec<String>,
}

/// By what somebody is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// A token.
    Token,
    /// A certificate.
    Certificate,
    /// Nothing.
    Nothing,
}

/// Who asks.
#[derive(Clone, Debug)]
pub struct Caller {
    /// What was shown.
    pub shown: Shown,
    /// The name that it is known by; `None`: nothing was shown.
    pub name: Option<String>,
    /// What it allows; `None`: nothing.
    pub role: Option<Role>,
    /// From where.
    pub from: SocketAddr,
}

impl Caller {
    /// Who it is, for whoever looks at it later: `token alice`, `nobody in particular`.
    #[must_use]
    pub fn who(&self) -> String {
        let name = self.name.as_deref().unwrap_or_default();
        match self.shown {
            Shown::Token => format!("token {name}"),
            Shown::Certificate => format!("certificate {name}"),
            Shown::Nothing => "nobody in particular".to_owned(),
        }
    }

    /// Who answers for a command: whom the request names, and by whose token it came.
    #[must_use]
    pub fn owner(&self, claimed: Option<String>) -> String {
        let claimed = claimed.filter(|owner| !owner.trim().is_empty());
        match (claimed, &self.name) {
            (Some(owner), None) => owner,
            (Some(owner), Some(name)) if owner == *name => owner,
            (Some(owner), Some(name)) => format!("{owner} (by {name})"),
            (None, Some(name)) => name.clone(),
            (None, None) => format!("api from {}", self.from.ip()),
        }
    }
}

/// Lets a request through to a route that may be used as `access` says, or answers it with a [`Problem`].
pub async fn guard(
    State((live, access)): State<(Live, Access)>,
    mut request: Request,
    next: Next,
) -> Response {
    if access == Access::Own {
        return next.run(request).await;
    }
    let nowhere = || Peer {
        address: SocketAddr::from(([0, 0, 0, 0], 0)),
        names: Vec::new(),
    };
    let peer = request
        .extensions()
        .get::<Peer>()
        .cloned()
        .unwrap_or_else(nowhere);
    let steers = !request.method().is_safe();
    let (caller, allowed) = match identify(&live, &peer, request.headers()).await {
        Ok(caller) => {
            let allowed = admit(&caller, access, request.method(), request.headers());
            (caller, allowed)
        }
        Err(problem) => {
            let nobody = Caller {
                shown: Shown::Nothing,
                name: None,
                role: None,
                from: peer.address,
            };
            (nobody, Err(problem))
        }
    };
    match allowed {
        Err(problem) if steers => audit::denied(&live, &caller, &request, problem),
        Err(problem) => problem.into_response(),
        Ok(()) => {
            request.extensions_mut().insert(caller.clone());
            if steers {
                audit::asked(&live, &caller, request, next).await
            } else {
                next.run(request).await
            }
        }
    }
}

/// Who asks; a wrong token is nobody's.
async fn identify(live: &Live, peer: &Peer, headers: &HeaderMap) -> Result<Caller, Problem> {
    let access = live.access.borrow().clone();
    let caller = |shown, name: Option<&String>, role| Caller {
        shown,
        name: name.cloned(),
        role,
        from: peer.address,
    };
    if headers.contains_key(header::AUTHORIZATION) {
        let address = peer.address.ip();
        if live.throttle.wait(address).await.is_err() {
            let detail = "too many wrong tokens came from this address";
            return Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, detail).retry_after(1));
        }
        let hash = bearer(headers).map(|token| digest(&SHA256, token.as_bytes()));
        // All are compared, so that the time does not tell which is near.
        let mut known = None;
        for token in &access.tokens {
            if hash
                .as_ref()
                .is_some_and(|hash| same(hash.as_ref(), &token.sha256))
            {
                known = Some(token);
            }
        }
        let Some(token) = known else {
            live.throttle.wrong(address);
            return Err(unknown());
        };
        return Ok(caller(Shown::Token, Some(&token.name), Some(token.role)));
    }
    let known = access
        .clients
        .iter()
        .find(|client| peer.names.contains(&client.name));
    if let Some(client) = known {
        return Ok(caller(Shown::Certificate, Some(&client.name), Some(client.role)));
    }
    let here = is_here(peer.address.ip()) && !was_forwarded(headers);
    Ok(caller(Shown::Nothing, None, access.anonymous().filter(|_| here)))
}

/// The token that is shown, when exactly one is.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut shown = headers.get_all(header::AUTHORIZATION).iter();
    let (value, None) = (shown.next()?, shown.next()) else {
        return None;
    };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn is_here(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

/// Whether a proxy on this machine passes on what somebody else asks.
fn was_forwarded(headers: &HeaderMap) -> bool {
    ["forwarded", "x-forwarded-for", "x-real-ip"]
        .into_iter()
        .any(|name| headers.contains_key(name))
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
    // A browser adds a certificate, or that it is on this machine, to whatever a page sends; never a token.
    if caller.shown == Shown::Token {
        return Ok(());
    }
    let host = headers
        .get(header::HOST)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    // A name that was bound anew to this address.
    if caller.shown == Shown::Nothing && !is_loopback(host) {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "ask by a loopback address, not by a name",
        ));
    }
    if method.is_safe() {
        return Ok(());
    }
    if is_from_elsewhere(headers, host) {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "a page of another server must not ask for this",
        ));
    }
    // What a form can send.
    if !is_json(headers) {
        return Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "send `Content-Type: application/json`",
        ));
    }
    Ok(())
}

/// Whether a browser says that another server's page sent it.
fn is_from_elsewhere(headers: &HeaderMap, host: &str) -> bool {
    let site = headers.get("sec-fetch-site").map(|value| value.as_bytes());
    let origin = headers
        .get(header::ORIGIN)
        .map(|value| value.to_str().unwrap_or("null"));
    let is_own = |origin: &str| origin.split_once("://").is_some_and(|(_, of)| of == host);
    site.is_some_and(|site| site != b"same-origin" && site != b"none")
        || origin.is_some_and(|origin| !is_own(origin))
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
