//! Telling others what happened: webhooks, programs, the system's log. At least once, in order per service.
//!
//! ```text
//!  signal box ─► Postbox ──► queue of each hook ─► carrier ─► receiver
//!     (sorts and appends)         │    ▲ backoff      (HTTP, program, log)
//!                                 ▼    │
//!                        what is owed, in the store: read at the start, crossed out when confirmed
//! ```
//!
//! Nothing here is waited for by whoever answers or decides: the signal box appends to queues in memory and to the
//! store's own queue, and everything else happens in tasks of their own.

pub mod backoff;
pub mod carrier;
pub mod delivery;
pub mod desk;
pub mod format;
mod journal;
pub mod message;
mod program;
pub mod queue;
pub mod signal;
pub mod signature;
pub mod sorting;
pub mod status;
mod webhook;
