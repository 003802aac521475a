//! Octets of DNS messages: names, queries, EDNS, composing. Depends on nothing.

pub mod name;
