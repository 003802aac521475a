//! What a check asks over HTTP, made ready once for all its probes.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Mutex;

use hyper::Method;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::http::uri::PathAndQuery;

use crate::model::check::{BodyMatch, HttpCheck, HttpVersion, Scalar};
use crate::probe::http::idle::Idle;
use crate::probe::tls::secure::Secure;

/// Who is asking.
pub(crate) const USER_AGENT: &str = concat!("pointsman/", env!("CARGO_PKG_VERSION"), " (health check)");

/// Headers that say how a message is sent, not what is asked: a probe has no body and one question a connection.
const FRAMING: [HeaderName; 5] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// What is looked for in a body.
#[derive(Debug)]
pub(crate) enum Matcher {
    /// This text, anywhere.
    Substring(String),
    /// A match of this, anywhere.
    Regex(regex::bytes::Regex),
    /// JSON that holds something at the pointer: this value, or any.
    Json(String, Option<Scalar>),
}

/// A check's question, ready to be asked at any address.
#[derive(Debug)]
pub(crate) struct Question {
    tls: bool,
    method: Method,
    path: PathAndQuery,
    host: Option<String>,
    headers: HeaderMap,
    status: Vec<(u16, u16)>,
    matcher: Option<Matcher>,
    follow: bool,
    version: HttpVersion,
    keepalive: bool,
    secure: Secure,
    /// Connections that wait for the next probe, by address.
    pub(super) idle: Mutex<HashMap<SocketAddr, Idle>>,
}

impl Question {
    /// Makes `check` ready.
    ///
    /// # Errors
    ///
    /// A sentence that names the setting. The configuration's own checks leave none of these to happen.
    pub(crate) fn prepare(check: &HttpCheck) -> Result<Self, String> {
        let mut headers = HeaderMap::new();
        let mut host = check.host.clone();
        for (name, value) in &check.headers {
            let name = HeaderName::from_bytes(name.as_bytes())
                .map_err(|error| format!("header `{name}`: {error}"))?;
            if name == header::HOST {
                host = host.or_else(|| Some(value.clone()));
                continue;
            }
            if FRAMING.contains(&name) {
                return Err(format!(
                    "header `{name}` belongs to the protocol and cannot be set"
                ));
            }
            let value = HeaderValue::from_bytes(value.as_bytes())
                .map_err(|error| format!("value of header `{name}`: {error}"))?;
            headers.append(name, value);
        }
        headers
            .entry(header::USER_AGENT)
            .or_insert(HeaderValue::from_static(USER_AGENT));
        headers
            .entry(header::ACCEPT)
            .or_insert(HeaderValue::from_static("*/*"));
        let matcher = match &check.body {
            None => None,
            Some(BodyMatch::Substring(text)) => Some(Matcher::Substring(text.clone())),
            Some(BodyMatch::Regex(text)) => Some(Matcher::Regex(
                regex::bytes::Regex::new(text).map_err(|error| format!("body_regex: {error}"))?,
            )),
            Some(BodyMatch::Json { pointer, equals }) => Some(Matcher::Json(pointer.clone(), equals.clone())),
        };
        Ok(Self {
            tls: check.tls,
            method: Method::from_bytes(check.method.as_bytes())
                .map_err(|error| format!("method `{}`: {error}", check.method))?,
            path: check
                .path
                .parse()
                .map_err(|error| format!("path `{}`: {error}", check.path))?,
            host,
            headers,
            status: check.status.clone(),
            matcher,
            follow: check.follow_redirects,
            version: check.version,
            keepalive: check.keepalive,
            secure: Secure::new(check.security.clone()),
            idle: Mutex::new(HashMap::new()),
        })
    }

    /// How TLS is spoken.
    pub(crate) fn secure(&self) -> &Secure {
        &self.secure
    }

    /// Whether TLS is spoken at first.
    pub(crate) fn is_tls(&self) -> bool {
        self.tls
    }

    /// The method.
    pub(crate) fn method(&self) -> &Method {
        &self.method
    }

    /// Path and query.
    pub(crate) fn path(&self) -> &PathAndQuery {
        &self.path
    }

    /// What is said as `Host` or `:authority`; the address when `None`.
    pub(crate) fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }

    /// The name in SNI, when not that of `host`.
    pub(crate) fn sni(&self) -> Option<&str> {
        self.secure.sni()
    }

    /// Headers, without `Host` and `Connection`.
    pub(crate) fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Which versions are offered.
    pub(crate) fn version(&self) -> HttpVersion {
        self.version
    }

    /// Whether redirects are followed.
    pub(crate) fn follows_redirects(&self) -> bool {
        self.follow
    }

    /// Whether connections are kept for the next probe.
    pub(crate) fn keeps_alive(&self) -> bool {
        self.keepalive
    }

    /// What is looked for in the body.
    pub(crate) fn matcher(&self) -> Option<&Matcher> {
        self.matcher.as_ref()
    }

    /// Whether `status` is accepted.
    pub(crate) fn accepts(&self, status: u16) -> bool {
        self.status
            .iter()
            .any(|(least, most)| (*least..=*most).contains(&status))
    }

    /// `status 503, expected 200-299`.
    pub(crate) fn refusal(&self, status: u16) -> String {
        let expected: Vec<String> = self
            .status
            .iter()
            .map(|(least, most)| {
                if least == most {
                    least.to_string()
                } else {
                    format!("{least}-{most}")
                }
            })
            .collect();
        format!("status {status}, expected {}", expected.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::check::Security;

    fn check() -> HttpCheck {
        HttpCheck {
            tls: false,
            method: "GET".to_owned(),
            host: None,
            path: "/".to_owned(),
            headers: Vec::new(),
            status: vec![(200, 299), (404, 404)],
            body: None,
            follow_redirects: false,
            security: Security::default(),
            version: HttpVersion::Http1,
            keepalive: false,
        }
    }

    #[test]
    fn status_codes_are_accepted_by_ranges_and_refused_in_words() {
        let question = Question::prepare(&check()).unwrap();
        for (status, accepted) in [
            (199, false),
            (200, true),
            (299, true),
            (300, false),
            (404, true),
            (405, false),
        ] {
            assert_eq!(question.accepts(status), accepted, "{status}");
        }
        assert_eq!(question.refusal(503), "status 503, expected 200-299, 404");
    }

    #[test]
    fn own_headers_stand_and_the_rest_is_filled_in() {
        let mut with = check();
        with.headers = vec![
            ("user-agent".to_owned(), "mine".to_owned()),
            ("X-Twice".to_owned(), "1".to_owned()),
            ("X-Twice".to_owned(), "2".to_owned()),
            ("Host".to_owned(), "www.example.test".to_owned()),
        ];
        let question = Question::prepare(&with).unwrap();
        assert_eq!(question.headers()[header::USER_AGENT], "mine");
        assert_eq!(question.headers()[header::ACCEPT], "*/*");
        assert_eq!(question.headers().get_all("x-twice").iter().count(), 2);
        assert_eq!(question.host(), Some("www.example.test"));
        assert!(!question.headers().contains_key(header::HOST));
        let plain = Question::prepare(&check()).unwrap();
        let agent = plain.headers()[header::USER_AGENT].to_str().unwrap();
        assert!(
            agent.starts_with("pointsman/") && agent.ends_with(" (health check)"),
            "{agent}"
        );
    }

    #[test]
    fn a_setting_that_cannot_be_asked_is_named() {
        for (change, told) in [
            (
                (|c| c.method = "GE T".to_owned()) as fn(&mut HttpCheck),
                "method `GE T`",
            ),
            (|c| c.path = "/a b".to_owned(), "path `/a b`"),
            (
                |c| c.headers = vec![("a b".to_owned(), String::new())],
                "header `a b`",
            ),
            (
                |c| c.headers = vec![("a".to_owned(), "\n".to_owned())],
                "value of header `a`",
            ),
            (
                |c| c.headers = vec![("Content-Length".to_owned(), "5".to_owned())],
                "header `content-length` belongs to the protocol",
            ),
            (|c| c.body = Some(BodyMatch::Regex("(".to_owned())), "body_regex"),
        ] {
            let mut wrong = check();
            change(&mut wrong);
            let error = Question::prepare(&wrong).unwrap_err();
            assert!(error.starts_with(told), "{error}");
        }
    }
}
