//! From decisions to a snapshot: encoded once, swapped whole.

mod facets;
pub mod flatten;
pub mod lanes;
pub mod patch;
pub mod publisher;
mod service;
pub mod tables;
