//! The page at `/`: services, what they answer and why, refreshed every two seconds. No external parts.

/// The page.
pub const PAGE: &str = include_str!("page.html");
