//! What the operator described, checked and numbered. No I/O, no clock, no chance.

pub mod abuse;
pub mod access;
pub mod alias;
pub mod check;
pub mod cname;
pub mod diagnostic;
pub mod drill;
pub mod encrypted;
pub mod facets;
pub mod force;
pub mod histogram;
pub mod hook;
pub mod human;
pub mod id;
pub mod identity;
pub mod near;
pub mod on_failover;
pub mod place;
pub mod plan;
pub mod process;
pub mod reach;
pub mod selector;
pub mod service;
pub mod time;
pub mod token;
