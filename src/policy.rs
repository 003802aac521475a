//! Who is answered: standings and policies become a choice. Pure.
//!
//! [`tree`] walks a service's groups; [`failover`] and [`spread`] choose within one; [`all_down`] says what remains when
//! nothing is healthy; [`ttl`] says for how long; [`witness`] records the reasons when somebody asks for them.

pub mod all_down;
mod among;
pub mod capacity;
pub mod choice;
pub mod combined;
mod compile;

pub mod decide;
pub mod exclusive;
pub mod failover;
pub(crate) mod members;
pub mod readings;
pub mod spread;
pub mod tree;
pub mod ttl;
pub mod witness;
pub mod writer;
