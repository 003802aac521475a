//! The compiled decision of a service: picking from it takes no allocation, and constant time where it does not depend
//! on the client.
//!
//! What is the same for everybody is one table; what depends on the client is a [`tree`] of them.

pub mod client;
pub mod geo;
pub mod possible;
pub mod sticky;
pub mod subnet;
pub mod tree;

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::model::id::ServiceId;
use crate::model::time::{Moment, Ttl};
use crate::policy::choice::client::ClientKey;
use crate::policy::choice::tree::Tree;

/// What a service answers from now on. Compared with the last one: equal means nothing to publish.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// The service.
    #[serde(skip, default = "nobodys")]
    pub service: ServiceId,
    /// For type A.
    pub a: Choice,
    /// For type AAAA.
    pub aaaa: Choice,
    /// TTL of the answers.
    pub lifetime: Lifetime,
    /// For types A and AAAA: said by an extended error when the answer is not what the operator would wish.
    pub said: [Option<Degraded>; 2],
    /// Addresses that are not down: what the host names of endpoints answer besides the above. Empty where endpoints
    /// have none.
    pub usable: Vec<IpAddr>,
}

/// Whoever reads a decision says whose it is: numbers are of one plan.
fn nobodys() -> ServiceId {
    ServiceId::from_index(usize::MAX)
}

impl Decision {
    /// What is said of both families together; the family is named where the other one is as it should be.
    #[must_use]
    pub fn degraded(&self) -> Option<String> {
        match &self.said {
            [None, None] => None,
            [Some(a), None] => Some(format!("A: {}", a.text)),
            [None, Some(aaaa)] => Some(format!("AAAA: {}", aaaa.text)),
            [Some(a), Some(aaaa)] if a.text == aaaa.text => Some(a.text.clone()),
            [Some(a), Some(aaaa)] => Some(format!("A: {}; AAAA: {}", a.text, aaaa.text)),
        }
    }
}

/// What is answered for one family.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    /// Every address that may be picked, grouped by candidate; at most 65,535.
    pub addresses: Vec<IpAddr>,
    /// How to pick among them.
    pub pick: Pick,
}

/// How to pick.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pick {
    /// NODATA: the service has no address of this family, or `when_all_down = "none"`.
    #[default]
    Nothing,
    /// SERVFAIL.
    Fail,
    /// All addresses, in this order.
    Fixed,
    /// `take` of the addresses (at most all), beginning at a random one, in rotation.
    Rotate {
        /// How many; 1 or more.
        take: u16,
    },
    /// One candidate by weight, with all its addresses.
    Weighted(Weighted),
    /// One that depends on the client.
    Tree(Tree),
}

/// Walker's alias table over candidates: one dice throw, one comparison.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Weighted {
    /// Candidates; at least one.
    pub columns: Vec<Column>,
}

/// A column of the alias table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Below this (of 2^32) the column's own candidate is taken, else `alias`'s.
    pub threshold: u64,
    /// The other candidate: an index into the columns.
    pub alias: u32,
    /// The column's own candidate: first address, count, rotated when more than one is picked from.
    pub candidate: Candidate,
}

/// A run of addresses that are answered together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// Index of the first in [`Choice::addresses`].
    pub first: u16,
    /// How many.
    pub count: u16,
    /// How many of them are answered, in rotation; equal to `count` and not rotated for a plain endpoint.
    pub take: u16,
    /// Whether the run is rotated.
    pub rotate: bool,
}

/// What was picked: `take` addresses of the run `first..first + count`, beginning at `first + start`, wrapping
/// around within the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Picked {
    /// Index of the run's first address.
    pub first: u16,
    /// Length of the run.
    pub count: u16,
    /// Where within the run to begin.
    pub start: u16,
    /// How many to answer.
    pub take: u16,
    /// How many bits of the client's address decided (RFC 7871: SCOPE PREFIX-LENGTH): all clients that share them get
    /// answers from the same choice. 0 when the client did not matter.
    pub scope: u8,
}

impl Candidate {
    /// Picks from the run by one throw of the dice; `None` when it is empty.
    fn pick(&self, dice: u64) -> Option<Picked> {
        let start = if self.rotate {
            below(
                dice.rotate_left(17).wrapping_mul(0x9e37_79b9_7f4a_7c15),
                self.count,
            )
        } else {
            0
        };
        (self.count > 0).then(|| Picked {
            first: self.first,
            count: self.count,
            start,
            take: self.take.clamp(1, self.count),
            scope: 0,
        })
    }
}

/// TTL of a service's answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lifetime {
    /// Always this.
    Fixed(Ttl),
    /// Never past `flip`, within `least..=most`: computed when asked.
    Until {
        /// Earliest possible change.
        flip: Moment,
        /// At the least.
        least: Ttl,
        /// At the most.
        most: Ttl,
    },
}

impl Lifetime {
    /// The TTL of an answer given at `now`: whole seconds, rounded down, so that it never outlasts the flip
    /// unless `least` says so.
    #[must_use]
    pub fn at(self, now: Moment) -> Ttl {
        match self {
            Self::Fixed(ttl) => ttl,
            Self::Until { flip, least, most } => {
                let left = u32::try_from(flip.since(now).as_secs()).unwrap_or(u32::MAX);
                Ttl::from_secs(left).clamp(least.min(most), most)
            }
        }
    }
}

/// Why an answer is not what the operator would wish (RFC 8914).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Degraded {
    /// INFO-CODE of RFC 8914 section 4: 3 (stale answer), 22 (no reachable authority), 0 (other) …
    pub code: u16,
    /// EXTRA-TEXT, short ASCII, e.g. `all endpoints down; last answer kept`.
    pub text: String,
}

impl Choice {
    /// Picks for `client` by one throw of the dice (uniform in `u64`); `None` for [`Pick::Nothing`] and [`Pick::Fail`].
    #[must_use]
    pub fn pick(&self, client: &ClientKey<'_>, dice: u64) -> Option<Picked> {
        let all = u16::try_from(self.addresses.len()).unwrap_or(u16::MAX);
        match &self.pick {
            Pick::Nothing | Pick::Fail => None,
            Pick::Fixed => (all > 0).then_some(Picked {
                first: 0,
                count: all,
                start: 0,
                take: all,
                scope: 0,
            }),
            Pick::Rotate { take } => (all > 0).then(|| Picked {
                first: 0,
                count: all,
                start: below(dice, all),
                take: (*take).clamp(1, all),
                scope: 0,
            }),
            Pick::Weighted(table) => {
                let columns = u32::try_from(table.columns.len()).unwrap_or(u32::MAX);
                let index = (((dice >> 32) * u64::from(columns)) >> 32) as usize;
                let column = table.columns.get(index)?;
                let own = (dice & 0xffff_ffff) < column.threshold;
                let chosen = if own {
                    column
                } else {
                    table.columns.get(column.alias as usize)?
                };
                chosen.candidate.pick(dice)
            }
            Pick::Tree(tree) => tree.pick(client, dice),
        }
    }
}

/// A number below `bound` from the dice's upper half, without division (bias below 2^-16).
fn below(dice: u64, bound: u16) -> u16 {
    u16::try_from(((dice >> 32) * u64::from(bound)) >> 32).unwrap_or(0)
}
