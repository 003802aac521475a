//! From query octets to answer octets: one pure function for every transport.
//!
//! [`snapshot`] is the door. A query is read and admitted ([`admit`]), its zone and node are found ([`zones`],
//! [`table`], [`node`]), and [`lookup`] has it answered: the common cases at once by copying what was encoded when
//! the snapshot was published ([`positive`], [`negative`]), the others step by step ([`alias`], [`referral`]).
//! [`fit`] knows how much room there is and closes the message.

pub mod ask;
pub mod cname;
pub mod facets;
pub mod hash;
pub mod node;
pub mod published;
mod scratch;
pub mod served;
pub mod service;
pub mod settings;
pub mod snapshot;
pub mod soa;
pub mod table;
pub mod transfer;
pub mod zones;

mod additional;
mod admit;
mod alias;
mod chaos;
pub mod first;
mod fit;
pub mod limiter;
mod lookup;
mod negative;
mod positive;
mod referral;
