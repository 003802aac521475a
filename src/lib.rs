//! pointsman: a DNS server that answers with the address of an endpoint that is healthy *now*.
//!
//! A pure signal box turns events into decisions, a publisher turns decisions into one immutable snapshot,
//! and thin front ends answer packets from it.
//!
//! ```text
//!  probes ──► Observation ─┐
//!  operators ─► Command ───┤   ┌───────────┐ Effect::Publish ┌───────────┐ swap ┌──────────┐ answer ┌───────────┐
//!  files ─────► Plan ──────┼──►│  control  │ ───────────────►│  publish  │ ────►│ Snapshot │◄───────│ front ends│◄─ packets
//!                          ┘   │ (decides) │                 │ (encodes) │      └──────────┘        └───────────┘
//!                              └───────────┘ ─► Effect::{Probe, Remember, Tell, Answer, OpenSockets}
//! ```
//!
//! Then open `run.rs`: every part built and wired, top to bottom.

#![deny(unsafe_code)]
#![warn(missing_docs)]

// The core: pure and sync. No tokio, no files, no clock, no chance.
/// From query octets to answer octets.
pub mod answer;
/// The signal box: events to effects.
pub mod control;
/// What is true of each target.
pub mod health;
/// What the operator described, checked and numbered.
pub mod model;
/// Who is answered.
pub mod policy;
/// From decisions to a snapshot.
pub mod publish;
/// The core on virtual time.
pub mod simulate;
/// Octets of DNS messages.
pub mod wire;
/// Static data of zones.
pub mod zone;

// The edges: I/O, no decisions.
/// Webhooks, programs, the system's log: at least once, in order.
pub mod announce;
/// The local API.
pub mod api;
/// Commands.
pub mod cli;
/// Both clocks, read at the edge.
pub mod clock;
/// Files to a plan.
pub mod config;
/// Rehearsed failovers, measured from outside.
pub mod drill;
/// What can be measured, as a page for scrapers.
pub mod metrics;
/// Targets to observations.
pub mod probe;
/// Names of endpoints elsewhere to their addresses.
pub mod resolve;
/// Composition root of `serve`.
pub mod run;
/// Sockets to answers.
pub mod serve;
/// What survives a restart.
pub mod store;
/// Batched socket calls and memory advice: the only unsafe code.
pub mod sys;
/// Certificates that are shown, and exchanged without a drop.
pub mod tls;
