//! Targets to observations: the only part that talks to the endpoints themselves.
//!
//! ```text
//! Runner::probe ─► permit ─► conduct (the budget begins) ─► tcp | http | … ─► Observation ─► Event::Probed
//!                                      │
//!                                      └ Sheet: phase reached, times, evidence — also when the time ran out
//! ```
//!
//! Probes decide nothing: one finding each, with the phase it ended in, the class of failure and a sentence that an
//! operator understands. What a row of findings means is the business of `health`.
//!
//! A probe always connects to the target's address. Names (`host`, `sni`, redirects) are said to the endpoint, never
//! resolved; proxies, cookies and other state of a browser do not exist here.

pub mod runner;

mod certificate;
mod conduct;
mod dial;
mod dns;
mod exec;
mod fault;
mod grpc;
mod http;
mod icmp;
mod line;
mod patroni;
mod postgres;
mod redis;
mod reference;
mod role;
mod sheet;
mod stopwatch;
mod tcp;
mod tls;

pub use runner::{Limits, Load, Runner};
