//! A choice that depends on the client: nodes that each lead to one of their branches, down to a run of addresses.

use serde::{Deserialize, Serialize};

use crate::policy::choice::client::ClientKey;
use crate::policy::choice::geo::Geo;
use crate::policy::choice::sticky::Sticky;
use crate::policy::choice::subnet::Subnet;
use crate::policy::choice::{Candidate, Picked};

/// The nodes; the first is the root, and every branch leads to a later one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tree {
    /// At least one.
    pub nodes: Vec<Node>,
}

/// How to go on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Node {
    /// Not at all: these addresses.
    Run(Candidate),
    /// By weight.
    Fork(Fork),
    /// By hash of the client's prefix.
    Sticky(Sticky),
    /// By the client's network.
    Subnet(Subnet),
    /// By the client's place.
    Geo(Geo),
}

/// Walker's alias table over branches.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Fork {
    /// At least one.
    pub columns: Vec<ForkColumn>,
    /// Whether one of the branches depends on the client.
    pub mixed: bool,
}

/// A column of the alias table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForkColumn {
    /// Below this (of 2^32) the column's own branch is taken, else that of column `alias`.
    pub threshold: u64,
    /// Index of the other column.
    pub alias: u32,
    /// The column's own branch: a node.
    pub node: u32,
}

impl Fork {
    fn pick(&self, dice: u64) -> u32 {
        let columns = u32::try_from(self.columns.len()).unwrap_or(u32::MAX);
        let index = (((dice >> 32) * u64::from(columns)) >> 32) as usize;
        let Some(own) = self.columns.get(index) else {
            return u32::MAX;
        };
        if (dice & 0xffff_ffff) < own.threshold {
            return own.node;
        }
        self.columns
            .get(own.alias as usize)
            .map_or(u32::MAX, |other| other.node)
    }
}

impl Tree {
    /// Walks down for `client`; each fork throws anew, from the one throw that is given.
    ///
    /// The scope is the longest of those on the way. Below a fork of which any branch depends on the client it is what
    /// the client told, at the least: an answer from another branch that everybody might share would hide that one.
    pub(super) fn pick(&self, client: &ClientKey<'_>, mut dice: u64) -> Option<Picked> {
        let (mut at, mut scope, mut located) = (0usize, 0u8, None);
        loop {
            let (next, bits) = match self.nodes.get(at)? {
                Node::Run(run) => {
                    return run.pick(dice).map(|picked| Picked { scope, ..picked });
                }
                Node::Fork(fork) => {
                    let next = fork.pick(dice);
                    dice = again(dice);
                    (next, if fork.mixed { client.length } else { 0 })
                }
                Node::Sticky(sticky) => sticky.pick(client),
                Node::Subnet(subnet) => subnet.pick(client),
                Node::Geo(geo) => geo.pick(located.get_or_insert_with(|| client.locate())),
            };
            scope = scope.max(bits);
            let next = next as usize;
            // Branches lead on, so that the walk ends.
            if next <= at {
                return None;
            }
            at = next;
        }
    }
}

/// Another throw from one that is used up.
fn again(dice: u64) -> u64 {
    let x = dice.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}
