//! Errors of the API (RFC 9457): status, title, detail. Every answer of 400 or more is one.

use axum::Json;
use axum::extract::rejection::{BytesRejection, JsonRejection, PathRejection, QueryRejection};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// What a problem is sent as.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// One error, as `application/problem+json`.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Problem {
    #[serde(skip)]
    code: StatusCode,
    /// `about:blank`: the status says what kind it is (RFC 9457 section 4.2.1).
    #[serde(rename = "type")]
    kind: &'static str,
    /// The status of the answer.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// Its name.
    title: &'static str,
    /// What was wrong, and what to do.
    detail: String,
    /// When it may be tried again, in seconds from now.
    #[serde(skip)]
    retry: Option<u32>,
}

impl Problem {
    /// An error with this status; `detail` says what was wrong and what to do.
    #[must_use]
    pub fn new(code: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            code,
            kind: "about:blank",
            status: code.as_u16(),
            title: code.canonical_reason().unwrap_or("error"),
            detail: detail.into(),
            retry: None,
        }
    }

    /// What was sent is not what is taken.
    #[must_use]
    pub fn bad(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// There is no such thing.
    #[must_use]
    pub fn missing(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// The signal box is busy or gone.
    #[must_use]
    pub fn busy() -> Self {
        let detail = "the server is busy or stopping; try again in a second";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, detail).retry_after(1)
    }

    /// With the time after which it may be tried again.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry = Some(seconds);
        self
    }

    /// Its status.
    #[must_use]
    pub fn code(&self) -> StatusCode {
        self.code
    }

    /// What was wrong.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }
}

/// What was wrong, left with the answer for the audit.
#[derive(Clone, Debug)]
pub struct Why(pub String);

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (code, retry, why) = (self.code, self.retry, Why(self.detail.clone()));
        let mut response = (code, Json(self)).into_response();
        response.extensions_mut().insert(why);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        if let Some(seconds) = retry {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if code == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer realm=\"pointsman\"");
            headers.insert(header::WWW_AUTHENTICATE, scheme);
        }
        response
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        Self::new(rejection.status(), rejection.body_text())
    }
}

impl From<PathRejection> for Problem {
    fn from(rejection: PathRejection) -> Self {
        Self::new(rejection.status(), rejection.body_text())
    }
}

impl From<BytesRejection> for Problem {
    fn from(rejection: BytesRejection) -> Self {
        of_body(rejection.status(), rejection.body_text())
    }
}

impl From<JsonRejection> for Problem {
    fn from(rejection: JsonRejection) -> Self {
        match rejection {
            // One status for whatever the body says: a schema that is not met is no other mistake than a lost comma.
            JsonRejection::JsonDataError(error) => Self::bad(error.body_text()),
            JsonRejection::MissingJsonContentType(_) => Self::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "send `Content-Type: application/json`",
            ),
            other => of_body(other.status(), other.body_text()),
        }
    }
}

/// A body that broke off is the client's doing, whatever the framework makes of it.
fn of_body(code: StatusCode, text: String) -> Problem {
    if code.is_server_error() {
        return Problem::bad(text);
    }
    Problem::new(code, text)
}
