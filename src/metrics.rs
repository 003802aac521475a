//! What can be measured, as a page for scrapers.
//!
//! Counts are made where things happen: by the front ends' threads ([`serve::counters`](crate::serve::counters)), by the
//! signal box ([`control::metering`](crate::control::metering)), by the loader ([`reloads`]). A scrape asks the signal box
//! for numbers alone ([`panel::Panel`]), which takes it a millisecond or two; names and text are put to them elsewhere, so
//! that no decision waits for them.

mod answering;
mod deciding;
mod endpoints;
pub mod families;
pub mod page;
pub mod panel;
mod probing;
mod process;
pub mod reloads;
mod services;
pub mod text;
