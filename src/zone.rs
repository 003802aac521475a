//! Static data of a zone: read, checked, held in canonical order. No I/O.

pub mod contents;
