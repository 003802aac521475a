//! The router: every route of the table behind the guard, with a problem for whatever else is asked.

use axum::extract::{DefaultBodyLimit, Request};
use axum::http::header::{self, HeaderValue};
use axum::http::{HeaderName, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use axum::{Router, middleware};

use crate::api::guard::guard;
use crate::api::heartbeat;
use crate::api::live::Live;
use crate::api::policy::POLICY;
use crate::api::problem::Problem;
use crate::api::table::{Access, routes};

/// Octets of the largest body.
pub(super) const BODY: usize = 64 * 1024;

/// What every answer says: it is of this moment, it is what it says it is, and nobody else's page may use it.
const HEADERS: [(HeaderName, &str); 7] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::CACHE_CONTROL, "no-store"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
];

/// The whole API.
pub fn router(live: Live) -> Router {
    let mut router = Router::new();
    for route in routes() {
        let most = if route.access == Access::Own {
            heartbeat::MOST
        } else {
            BODY
        };
        let guarded = middleware::from_fn_with_state((live.clone(), route.access), guard);
        let methods = route
            .methods
            .layer(DefaultBodyLimit::max(most))
            .route_layer(guarded);
        for path in route.paths.paths.keys() {
            router = router.route(path, methods.clone());
        }
    }
    router
        .method_not_allowed_fallback(|| async {
            Problem::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "not by this method; `Allow` names those that are",
            )
        })
        .fallback(|| async { Problem::missing("no such path; see /openapi.json and docs/api.md") })
        .layer(middleware::from_fn(with_headers))
        .with_state(live)
}

async fn with_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}
