//! From decisions to a snapshot: encoded once, swapped whole.

pub mod flatten;
pub mod publisher;
pub mod service;
pub mod tables;
