//! The page at `/`: services, what they answer and why, refreshed every two seconds. No external parts.

use axum::response::Html;

/// The page.
pub const PAGE: &str = include_str!("page.html");

/// The page for people
#[utoipa::path(get, path = "/", tag = "server",
    responses((status = 200, description = "Services and what they answer", body = String, content_type = "text/html; charset=utf-8")))]
pub async fn page() -> Html<&'static str> {
    Html(PAGE)
}
