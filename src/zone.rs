//! Static data of a zone: read, checked, held in canonical order. No I/O.
//!
//! ```text
//!  octets ──► master (entries) ──► rdata (wire form) ──► contents ──► rrsets ──► semantics
//!             tokens, directives   one table of types     sorted      merged     what is wrong with it
//! ```

pub mod contents;
pub mod difference;
pub mod master;
pub mod places;
pub mod rdata;
mod report;
mod rrsets;
pub mod semantics;
