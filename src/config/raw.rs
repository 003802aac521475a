//! The files' shape: TOML read into structures that keep each value's place, so that what is found wrong later
//! (an undefined pool, a worse promise) still points at what was written.
//!
//! Nothing is meant yet: names are not looked up, defaults of other tables not applied.

pub(crate) mod combined;
pub(crate) mod database;
pub(crate) mod dns;
pub(crate) mod document;
pub(crate) mod exec;
pub(crate) mod facets;
pub(crate) mod heartbeat;
pub(crate) mod http;
pub(crate) mod keyed;
pub(crate) mod on_failover;
pub(crate) mod policy;
pub(crate) mod probe;
pub(crate) mod security;
pub(crate) mod service;
pub(crate) mod treatment;
pub(crate) mod ttl;
pub(crate) mod value;
pub(crate) mod way;
pub(crate) mod zone;
