//! What the operator described, checked and numbered. No I/O, no clock, no chance.

pub mod check;
pub mod diagnostic;
pub mod id;
pub mod place;
pub mod plan;
pub mod service;
pub mod time;
