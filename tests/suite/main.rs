//! Tests from outside the crate, one module a subject.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod zone_data;
mod zone_form;
mod zone_mistakes;
mod zone_reading;
mod zone_text;
