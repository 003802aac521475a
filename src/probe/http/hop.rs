//! Where a request goes and what it says there: the first one, and those that redirects ask for.
//!
//! Every hop connects to the endpoint's own address. A redirect may change scheme, port, name and path; one that
//! spells out another address is not followed, since nothing else may be contacted in the endpoint's name.

use std::net::{IpAddr, SocketAddr};

use hyper::http::uri::{Authority, PathAndQuery, Scheme};
use hyper::{Method, Response, StatusCode, Uri, header};
use rustls::pki_types::ServerName;

use crate::probe::http::question::Question;
use crate::probe::tls::secure::server_name;

/// One request's destination.
#[derive(Clone, Debug)]
pub(crate) struct Hop {
    tls: bool,
    address: SocketAddr,
    authority: String,
    server_name: String,
    path: PathAndQuery,
    method: Method,
    first: bool,
}

impl Hop {
    /// The request that the check describes.
    pub(crate) fn first(question: &Question, address: SocketAddr) -> Self {
        let tls = question.is_tls();
        let authority = question.host().map_or_else(
            || {
                if address.port() == default_port(tls) {
                    literal(address.ip())
                } else {
                    address.to_string()
                }
            },
            str::to_owned,
        );
        let server_name = question.sni().map_or_else(|| host_of(&authority), str::to_owned);
        Self {
            tls,
            address,
            server_name,
            authority,
            path: question.path().clone(),
            method: question.method().clone(),
            first: true,
        }
    }

    /// The request that `location` asks for, in an answer with `status`, on the endpoint at `own`.
    ///
    /// # Errors
    ///
    /// A sentence: where it leads, and why nobody goes there.
    pub(crate) fn follow(&self, status: StatusCode, location: &str, own: IpAddr) -> Result<Self, String> {
        let code = status.as_u16();
        let target = resolve(self, location)
            .ok_or_else(|| format!("status {code} redirects to `{location}`, which is no address of HTTP"))?;
        let host = host_of(&target.authority);
        if host.parse::<IpAddr>().is_ok_and(|literal| literal != own) {
            return Err(format!(
                "status {code} redirects to {host}, which is another address"
            ));
        }
        // 301 and 302 turn POST into GET by custom, 303 everything but HEAD by rule (RFC 9110 section 15.4).
        let becomes_get = match code {
            303 => self.method != Method::HEAD,
            301 | 302 => self.method == Method::POST,
            _ => false,
        };
        Ok(Self {
            tls: target.tls,
            address: SocketAddr::new(own, target.port),
            server_name: if host == host_of(&self.authority) {
                self.server_name.clone()
            } else {
                host
            },
            authority: target.authority,
            path: target.path,
            method: if becomes_get {
                Method::GET
            } else {
                self.method.clone()
            },
            first: false,
        })
    }

    /// Whether TLS is spoken.
    pub(crate) fn is_tls(&self) -> bool {
        self.tls
    }

    /// Whether no redirect led here.
    pub(crate) fn is_first(&self) -> bool {
        self.first
    }

    /// Where to connect.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// `Host`, or `:authority`.
    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }

    /// Path and query.
    pub(crate) fn path(&self) -> &PathAndQuery {
        &self.path
    }

    /// Method.
    pub(crate) fn method(&self) -> &Method {
        &self.method
    }

    /// The name in SNI, and for verification.
    ///
    /// # Errors
    ///
    /// A sentence: it is no name.
    pub(crate) fn server_name(&self) -> Result<ServerName<'static>, String> {
        server_name(&self.server_name)
    }
}

/// Where an answer redirects to.
pub(crate) fn location<B>(answer: &Response<B>) -> Option<String> {
    if !matches!(answer.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let value = answer.headers().get(header::LOCATION)?;
    Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
}

struct Destination {
    tls: bool,
    port: u16,
    authority: String,
    path: PathAndQuery,
}

/// A reference (RFC 3986 section 4.1) as seen from `from`. Fragments are dropped, as they are the client's own.
fn resolve(from: &Hop, location: &str) -> Option<Destination> {
    let location = location.split('#').next().unwrap_or_default().trim();
    let here = |path: PathAndQuery| Destination {
        tls: from.tls,
        port: from.address.port(),
        authority: from.authority.clone(),
        path,
    };
    if let Some(rest) = location.strip_prefix("//") {
        let scheme = if from.tls { "https" } else { "http" };
        return absolute(from, &format!("{scheme}://{rest}").parse().ok()?);
    }
    if location.starts_with('/') {
        return Some(here(location.parse().ok()?));
    }
    if location.is_empty() {
        return Some(here(from.path.clone()));
    }
    if location.starts_with('?') {
        return Some(here(format!("{}{location}", from.path.path()).parse().ok()?));
    }
    let has_scheme = location
        .split(['/', '?'])
        .next()
        .is_some_and(|segment| segment.contains(':'));
    if has_scheme {
        return absolute(from, &location.parse().ok()?);
    }
    let folder = from.path.path().rsplit_once('/').map_or("", |(folder, _)| folder);
    Some(here(format!("{folder}/{location}").parse().ok()?))
}

fn absolute(from: &Hop, uri: &Uri) -> Option<Destination> {
    let scheme = uri.scheme()?;
    let tls = *scheme == Scheme::HTTPS;
    if !tls && *scheme != Scheme::HTTP {
        return None;
    }
    let authority: &Authority = uri.authority()?;
    // An endpoint on port 8080 that is asked for `www.example.test` knows itself by that name alone: when it
    // redirects to the same scheme and name, the same port is meant.
    let is_same = tls == from.tls && authority.as_str() == from.authority;
    let port = if is_same {
        from.address.port()
    } else {
        authority.port_u16().unwrap_or_else(|| default_port(tls))
    };
    Some(Destination {
        tls,
        port,
        authority: without_userinfo(authority.as_str()).to_owned(),
        path: uri
            .path_and_query()
            .filter(|path| path.as_str().starts_with('/'))
            .cloned()
            .unwrap_or_else(|| PathAndQuery::from_static("/")),
    })
}

fn default_port(tls: bool) -> u16 {
    if tls { 443 } else { 80 }
}

/// An address as it stands in a URI.
fn literal(address: IpAddr) -> String {
    match address {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => format!("[{v6}]"),
    }
}

fn without_userinfo(authority: &str) -> &str {
    authority.rsplit_once('@').map_or(authority, |(_, rest)| rest)
}

/// The host of an authority: without port, without brackets.
fn host_of(authority: &str) -> String {
    let host = authority
        .parse::<Authority>()
        .map_or_else(|_invalid| authority.to_owned(), |parsed| parsed.host().to_owned());
    host.trim_start_matches('[').trim_end_matches(']').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hop(tls: bool, port: u16, authority: &str, path: &str) -> Hop {
        Hop {
            tls,
            address: SocketAddr::from(([192, 0, 2, 1], port)),
            authority: authority.to_owned(),
            server_name: "sni.example.test".to_owned(),
            path: path.parse().unwrap(),
            method: Method::GET,
            first: true,
        }
    }

    #[test]
    fn a_redirect_stays_at_the_address_whatever_it_says() {
        let cases: &[(&str, &str)] = &[
            ("/b", "http 8080 www.test /b sni.example.test"),
            ("b", "http 8080 www.test /a/b sni.example.test"),
            ("?q=1", "http 8080 www.test /a/x?q=1 sni.example.test"),
            ("", "http 8080 www.test /a/x sni.example.test"),
            ("#top", "http 8080 www.test /a/x sni.example.test"),
            ("/b#top", "http 8080 www.test /b sni.example.test"),
            ("//other.test/b", "http 80 other.test /b other.test"),
            ("http://www.test/b", "http 8080 www.test /b sni.example.test"),
            ("http://www.test:81/b", "http 81 www.test:81 /b sni.example.test"),
            ("https://www.test/b", "https 443 www.test /b sni.example.test"),
            (
                "https://other.test:8443",
                "https 8443 other.test:8443 / other.test",
            ),
            ("http://192.0.2.1/b", "http 80 192.0.2.1 /b 192.0.2.1"),
            (
                "http://u:p@other.test/b?c=d:e",
                "http 80 other.test /b?c=d:e other.test",
            ),
            ("b/c:d", "http 8080 www.test /a/b/c:d sni.example.test"),
        ];
        for (location, expected) in cases {
            let next = hop(false, 8080, "www.test", "/a/x")
                .follow(StatusCode::FOUND, location, [192, 0, 2, 1].into())
                .unwrap();
            let scheme = if next.tls { "https" } else { "http" };
            assert_eq!(next.address.ip(), IpAddr::from([192, 0, 2, 1]));
            assert_eq!(
                format!(
                    "{scheme} {} {} {} {}",
                    next.address.port(),
                    next.authority,
                    next.path,
                    next.server_name
                ),
                *expected,
                "{location}"
            );
        }
    }

    #[test]
    fn a_redirect_that_leads_away_is_refused_in_words() {
        for (location, told) in [
            (
                "http://192.0.2.9/",
                "redirects to 192.0.2.9, which is another address",
            ),
            (
                "http://[2001:db8::1]:80/",
                "redirects to 2001:db8::1, which is another address",
            ),
            (
                "ftp://www.test/",
                "redirects to `ftp://www.test/`, which is no address of HTTP",
            ),
            (
                "mailto:a@b.test",
                "redirects to `mailto:a@b.test`, which is no address of HTTP",
            ),
            ("http://", "redirects to `http://`, which is no address of HTTP"),
        ] {
            let error = hop(false, 80, "www.test", "/")
                .follow(StatusCode::FOUND, location, [192, 0, 2, 1].into())
                .unwrap_err();
            assert_eq!(error, format!("status 302 {told}"));
        }
    }

    #[test]
    fn methods_change_with_the_status_as_browsers_have_it() {
        for (method, status, then) in [
            ("POST", 302, "GET"),
            ("POST", 307, "POST"),
            ("POST", 303, "GET"),
            ("HEAD", 303, "HEAD"),
            ("HEAD", 301, "HEAD"),
            ("PUT", 302, "PUT"),
            ("PUT", 308, "PUT"),
        ] {
            let mut from = hop(false, 80, "www.test", "/");
            from.method = method.parse().unwrap();
            let next = from
                .follow(StatusCode::from_u16(status).unwrap(), "/", [192, 0, 2, 1].into())
                .unwrap();
            assert_eq!(next.method.as_str(), then, "{method} {status}");
        }
    }
}
