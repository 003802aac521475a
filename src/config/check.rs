//! What the files mean: names looked up, defaults applied, contradictions found. Every mistake is reported at the
//! place where it can be mended.

pub(crate) mod abuse;
pub(crate) mod api;
pub(crate) mod binding;
pub(crate) mod builder;
pub(crate) mod drill;
pub(super) mod elsewhere;
pub(super) mod encrypted;
pub(crate) mod exclusive;
mod facets;
pub(crate) mod group;
pub(crate) mod hand;
pub(super) mod identity;
pub(crate) mod looked_up;
pub(crate) mod made;
pub(crate) mod members;
pub(crate) mod notify;
pub(crate) mod objective;
pub(crate) mod probe;
pub mod process;
pub(crate) mod server;
pub(crate) mod service;
pub(crate) mod statics;
pub(crate) mod treatment;
pub(super) mod tsig;
