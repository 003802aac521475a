//! One server takes over from another without a gap: `serve --takeover`.
//!
//! ```text
//!  running server (`host`)                          successor ([`bid`], `beginning`)
//!      │ ◄───────────────────────── hello ────────────── │ has read its configuration and zones
//!      │ ─────────────────────────► welcome              │
//!      │ takes queries out          ◄─ court ──────────── │
//!      │ ─────────────────────────► trial (queries, what was announced)
//!      │ freezes, closes the store  ◄─ freeze (questions) │
//!      │ ──── bequest: state, answers, sockets ────────► │ compares answers octet by octet
//!      │                            ◄─ answering ──────── │ reads the same sockets
//!      │ ─────────────────────────► yours                │ decides
//!      │ leaves the sockets         ◄─ deciding ───────── │
//!      │ ─────────────────────────► left (counts)        │
//! ```
//!
//! [`parting`] and [`arriving`] decide what is to be done, whatever fails; the rest does it. Frames are in [`frame`], what
//! they say in [`word`].

pub mod arriving;
pub(super) mod beginning;
pub mod bid;
pub mod counts;
pub mod frame;
pub(super) mod host;
pub mod judgement;
#[cfg(test)]
mod laws;
pub mod parting;
pub mod questions;
pub mod word;
