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

mod abuse;
mod aliases;
mod announce;
mod answers;
mod api;
mod book;
mod command_line;
mod commands;
mod config_mistakes;
mod config_plan;
mod config_watch;
mod dashboard;
mod databases;
mod decisions;
mod degraded;
mod documented_keys;
mod drill;
mod encrypted;
mod every_type;
mod exclusive;
mod failover;
mod gates;
mod hand;
mod hardening;
mod heartbeat;
mod history;
mod house;
mod imports;
mod manual;
mod metrics;
mod oracle;
mod packaging;
mod plan;
mod policies;
mod probes;
mod reload;
mod replay;
mod rich_plan;
mod scale;
mod scenarios;
mod second_opinion;
mod serve;
mod simulation;
mod simulation_combined;
mod simulation_degraded;
mod simulation_isolation;
mod simulation_laws;
mod simulation_promise;
mod simulation_reload;
mod simulation_startup;
mod streams;
mod support;
mod takeover;
mod terminal;
mod treatments;
#[cfg(all(feature = "xdp", target_os = "linux"))]
mod xdp;
mod zone_data;
mod zone_form;
mod zone_later;
mod zone_mistakes;
mod zone_reading;
mod zone_text;
