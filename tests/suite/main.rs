//! Tests from outside the crate, one module a subject.
#![forbid(unsafe_code)]

mod serve;
