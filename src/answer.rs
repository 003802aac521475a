//! From query octets to answer octets: one pure function for every transport.

pub mod published;
pub mod snapshot;
