//! One test binary (it links once): modules by behaviour.
#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "a test that meets the unexpected must fail loudly"
)]

mod config_mistakes;
mod config_plan;
mod probes;
mod serve;
mod simulation;
mod zone_data;
mod zone_form;
mod zone_mistakes;
mod zone_reading;
mod zone_text;
