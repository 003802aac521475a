//! From decisions to a snapshot: encoded once, swapped whole.

pub mod publisher;
