//! What the files mean: names looked up, defaults applied, contradictions found. Every mistake is reported at the
//! place where it can be mended.

pub(crate) mod builder;
mod facets;
pub(crate) mod group;
pub(crate) mod made;
pub(crate) mod objective;
pub(crate) mod probe;
pub(crate) mod server;
pub(crate) mod service;
pub(crate) mod statics;
pub(crate) mod treatment;
