//! Errors of the API (RFC 9457): status, title, detail.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// One error, as `application/problem+json`.
#[derive(Debug, Serialize)]
pub struct Problem {
    #[serde(skip)]
    code: StatusCode,
    status: u16,
    title: &'static str,
    detail: String,
}

impl Problem {
    /// An error with this status; `detail` says what was wrong and what to do.
    #[must_use]
    pub fn new(code: StatusCode, detail: impl Into<String>) -> Self {
        let title = code.canonical_reason().unwrap_or("error");
        Self {
            code,
            status: code.as_u16(),
            title,
            detail: detail.into(),
        }
    }

    /// The signal box is busy or gone.
    #[must_use]
    pub fn busy() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "the server is busy or stopping; try again in a second",
        )
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.code, Json(self)).into_response();
        let kind = header::HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        response
    }
}
