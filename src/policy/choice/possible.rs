//! What one client may get, and how often: every run of addresses with its share of all throws.

use crate::policy::choice::client::ClientKey;
use crate::policy::choice::tree::{Node, Tree};
use crate::policy::choice::{Candidate, Choice, Pick};

/// 2^32: what a column's threshold counts up to.
const WHOLE: f64 = 4_294_967_296.0;

impl Choice {
    /// Every run of addresses that `client` may get, with its share; shares add up to 1. Empty when no address is
    /// answered.
    #[must_use]
    pub fn possible(&self, client: &ClientKey<'_>) -> Vec<(f64, Candidate)> {
        let all = u16::try_from(self.addresses.len()).unwrap_or(u16::MAX);
        let whole = |take, rotate| {
            let run = Candidate {
                first: 0,
                count: all,
                take,
                rotate,
            };
            if all == 0 { Vec::new() } else { vec![(1.0, run)] }
        };
        match &self.pick {
            Pick::Nothing | Pick::Fail => Vec::new(),
            Pick::Fixed => whole(all, false),
            Pick::Rotate { take } => whole((*take).clamp(1, all.max(1)), true),
            Pick::Weighted(table) => {
                let columns = table.columns.iter();
                let odds: Vec<_> = columns.map(|column| (column.threshold, column.alias)).collect();
                let runs = table.columns.iter().map(|column| column.candidate);
                shares(&odds).into_iter().zip(runs).collect()
            }
            Pick::Tree(tree) => {
                let mut found = Vec::new();
                walk(tree, 0, 1.0, client, &mut found);
                found
            }
        }
    }
}

/// The share of each column of an alias table: what is below its own threshold, and what others leave to it.
fn shares(odds: &[(u64, u32)]) -> Vec<f64> {
    let column = 1.0 / odds.len().max(1) as f64;
    let mut shares: Vec<f64> = odds
        .iter()
        .map(|(threshold, _)| column * (*threshold as f64 / WHOLE))
        .collect();
    for (threshold, alias) in odds {
        if let Some(share) = shares.get_mut(*alias as usize) {
            *share += column * (1.0 - *threshold as f64 / WHOLE);
        }
    }
    shares
}

fn walk(tree: &Tree, at: usize, share: f64, client: &ClientKey<'_>, found: &mut Vec<(f64, Candidate)>) {
    let Some(node) = tree.nodes.get(at) else { return };
    let one = match node {
        Node::Run(run) => {
            found.push((share, *run));
            return;
        }
        Node::Fork(fork) => {
            let odds: Vec<_> = fork
                .columns
                .iter()
                .map(|column| (column.threshold, column.alias))
                .collect();
            for (part, column) in shares(&odds).into_iter().zip(&fork.columns) {
                // Branches lead on, so that the walk ends.
                if column.node as usize > at {
                    walk(tree, column.node as usize, share * part, client, found);
                }
            }
            return;
        }
        Node::Sticky(sticky) => sticky.pick(client).0,
        Node::Subnet(subnet) => subnet.pick(client).0,
        Node::Geo(geo) => geo.pick(&client.locate()).0,
    };
    if one as usize > at {
        walk(tree, one as usize, share, client, found);
    }
}
