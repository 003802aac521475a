//! HTTP POST to one URL. No redirects, no proxy of the environment, no cookies.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, USER_AGENT};
use reqwest::{Certificate, Client, Response, StatusCode};
use tokio::sync::OnceCell;

use crate::announce::carrier::Carrier;
use crate::announce::format::{alertmanager, json, pagerduty, slack};
use crate::announce::message::Message;
use crate::announce::queue::Outcome;
use crate::announce::signature::sign;
use crate::clock::Clock;
use crate::model::hook::{Format, Web};

/// Octets of an answer that are read, for the reason of a refusal.
const ANSWER: usize = 16 * 1024;
/// Characters of it that are shown.
const SHOWN: usize = 160;
/// Connections that are kept open between deliveries are closed after this long.
const IDLE: Duration = Duration::from_secs(30);

/// A receiver of HTTP.
pub(super) struct Webhook {
    web: Web,
    format: Format,
    timeout: Duration,
    clock: Arc<dyn Clock>,
    client: OnceCell<Client>,
}

impl Webhook {
    pub(super) fn new(web: Web, format: Format, timeout: Duration, clock: Arc<dyn Clock>) -> Self {
        Self {
            web,
            format,
            timeout,
            clock,
            client: OnceCell::new(),
        }
    }

    async fn client(&self) -> Result<Client, String> {
        let made = self.client.get_or_try_init(|| async {
            let mut builder = Client::builder()
                .no_proxy()
                .redirect(reqwest::redirect::Policy::none())
                .timeout(self.timeout)
                .pool_idle_timeout(IDLE)
                .pool_max_idle_per_host(2);
            if let Some(path) = &self.web.ca_file {
                let pem = tokio::fs::read(path)
                    .await
                    .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
                let authorities = Certificate::from_pem_bundle(&pem)
                    .map_err(|error| format!("{}: {}", path.display(), causes(error)))?;
                builder = builder.tls_certs_only(authorities);
            }
            builder.build().map_err(causes)
        });
        made.await.cloned()
    }

    fn body(&self, message: &Message) -> Result<Vec<u8>, String> {
        let body = match self.format {
            Format::Slack => slack::body(message),
            Format::PagerDuty => {
                let key = self.web.routing_key.as_ref().map_or("", |key| &key.0);
                pagerduty::body(message, key)
            }
            Format::Alertmanager => alertmanager::body(message),
            Format::Json | Format::Journal | Format::Syslog => json::body(message),
        };
        serde_json::to_vec(&body).map_err(|error| error.to_string())
    }

    /// The URL; Alertmanager's may be written without its path, as everywhere else.
    fn url(&self) -> String {
        let url = &self.web.url.0;
        let bare = url.splitn(4, '/').nth(3).is_none_or(str::is_empty);
        if self.format == Format::Alertmanager && bare {
            format!("{}/api/v2/alerts", url.trim_end_matches('/'))
        } else {
            url.clone()
        }
    }

    async fn send(&self, message: &Message) -> Result<Response, String> {
        let body = self.body(message)?;
        let now = self.clock.now().wall;
        let mut request = self
            .client()
            .await?
            .post(self.url())
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, concat!("pointsman/", env!("CARGO_PKG_VERSION")))
            .header("Idempotency-Key", message.idempotency_key())
            .header("X-Pointsman-Event", message.entry.kind.as_str())
            .header("X-Pointsman-Sequence", message.entry.seq)
            .header("X-Pointsman-Attempt", message.attempt);
        if let Some(secret) = &self.web.secret {
            request = request.header(
                "X-Pointsman-Signature",
                sign(secret.0.as_bytes(), now.secs(), &body),
            );
        }
        for (name, value) in &self.web.headers {
            // Both were checked when they were read; what the library still refuses fails with each delivery.
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|error| error.to_string())?;
            let mut value = HeaderValue::from_str(&value.0).map_err(|error| error.to_string())?;
            value.set_sensitive(true);
            request = request.header(name, value);
        }
        request.body(body).send().await.map_err(causes)
    }
}

#[async_trait]
impl Carrier for Webhook {
    async fn carry(&self, message: &Message) -> Outcome {
        let response = match self.send(message).await {
            Ok(response) => response,
            Err(why) => return Outcome::Absent(format!("{}: {why}", self.web.shown)),
        };
        let status = response.status();
        if status.is_success() {
            return Outcome::Confirmed;
        }
        let after = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| retry_after(value.to_str().ok()?, self.clock.now().wall.0));
        let elsewhere = response
            .headers()
            .get(reqwest::header::LOCATION)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned);
        let mut why = format!("{} answers {status}", self.web.shown);
        if status.is_redirection() {
            let place = elsewhere.unwrap_or_default();
            let _ = write!(why, ", which is not followed: {}", shown(place.as_bytes()));
        } else {
            let said = beginning(response).await;
            if !said.is_empty() {
                let _ = write!(why, ": {said}");
            }
        }
        judge(status, why, after)
    }
}

/// What a status that is no success means.
fn judge(status: StatusCode, why: String, after: Option<Duration>) -> Outcome {
    match status.as_u16() {
        // Timeout, too early, too many: as good as a failure of the server's own (RFC 9110, 8470, 6585).
        408 | 425 | 429 | 500..=599 => Outcome::Unable(why, after),
        // About whoever asks, or where: not about what is told.
        300..=399 | 401 | 402 | 403 | 404 | 405 | 407 | 410 | 421 | 426 => Outcome::Turned(why),
        _ => Outcome::Refused(why),
    }
}

/// `Retry-After`: seconds, or a date (RFC 9110 section 10.2.3).
fn retry_after(text: &str, now_ms: u64) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse::<u32>() {
        return Some(Duration::from_secs(seconds.into()));
    }
    let date = httpdate::parse_http_date(text.trim()).ok()?;
    let date = date.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    Some(date.saturating_sub(Duration::from_millis(now_ms)))
}

async fn beginning(mut response: Response) -> String {
    let mut read = Vec::new();
    // What breaks off was only to explain.
    while let Ok(Some(chunk)) = response.chunk().await {
        read.extend_from_slice(&chunk);
        if read.len() >= ANSWER {
            break;
        }
    }
    shown(&read)
}

fn shown(octets: &[u8]) -> String {
    let text = String::from_utf8_lossy(octets);
    let words: Vec<&str> = text.split_whitespace().collect();
    let line = words.join(" ");
    line.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .take(SHOWN)
        .collect()
}

/// An error's causes, without the URL, which may be a secret.
fn causes(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut next = std::error::Error::source(&error);
    let mut text = Vec::new();
    while let Some(cause) = next {
        text.push(cause.to_string());
        next = cause.source();
    }
    // The outermost says only that a request failed.
    if text.is_empty() {
        error.to_string()
    } else {
        text.join(": ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_to_come_back_is_seconds_or_a_date() {
        let now_ms = 784_111_777_000 - 30_000;
        for (text, expected) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(30)),
            ("Sun, 06 Nov 1983 08:49:37 GMT", Some(0)),
            ("soon", None),
            ("-1", None),
        ] {
            let expected = expected.map(Duration::from_secs);
            assert_eq!(retry_after(text, now_ms), expected, "{text}");
        }
    }

    #[test]
    fn a_status_is_the_receivers_or_the_entrys() {
        let judged = |status| judge(StatusCode::from_u16(status).unwrap(), String::new(), None);
        for status in [408, 425, 429, 500, 502, 503, 504] {
            assert!(matches!(judged(status), Outcome::Unable(..)), "{status}");
        }
        for status in [301, 302, 308, 401, 403, 404, 405, 410] {
            assert!(matches!(judged(status), Outcome::Turned(_)), "{status}");
        }
        for status in [400, 409, 413, 415, 422] {
            assert!(matches!(judged(status), Outcome::Refused(_)), "{status}");
        }
    }
}
