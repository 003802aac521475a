//! What the operator described, checked and numbered. No I/O, no clock, no chance.

pub mod check;
pub mod diagnostic;
pub mod facets;
pub mod force;
pub mod human;
pub mod id;
pub mod near;
pub mod plan;
pub mod selector;
pub mod service;
pub mod time;
