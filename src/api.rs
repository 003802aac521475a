//! The local API: what is answered, why, and the operator's hand. JSON under `/v1`.
//!
//! It decides nothing: every request becomes a [`live::Request`] to the signal box, or to the loader.

pub(crate) mod audit;
pub mod dashboard;
pub mod directory;
pub mod document;
pub mod drill;
pub mod events;
pub mod explain;
pub mod extract;
pub mod files;
pub mod guard;
pub mod hand;
pub mod heartbeat;
pub mod list;
pub mod live;
pub mod look;
pub mod metrics;
pub mod notifications;
pub mod paging;
pub mod policy;
pub mod problem;
pub mod routes;
pub mod server;
pub mod stream;
pub mod table;
pub mod throttle;
pub mod tls;
