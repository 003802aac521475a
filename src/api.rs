//! The local API: what is answered, why, and the operator's hand. JSON under `/v1`.
//!
//! It decides nothing: every request becomes a [`live::Request`] to the signal box, or to the loader.

pub mod dashboard;
pub mod explain;
pub mod guard;
pub(crate) mod hand;
pub(crate) mod heartbeat;
pub mod live;
pub mod problem;
pub mod routes;
