//! Octets of DNS messages: names, queries, EDNS, composing. Depends on nothing.

pub mod compose;
pub mod cookie;
pub mod edns;
pub mod frame;
pub mod name;
pub mod places;
pub mod query;
pub mod rtype;
pub mod subnet;
