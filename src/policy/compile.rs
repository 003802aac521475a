//! From what a group may answer to what one throw of the dice picks from.
//!
//! Shares become Walker's table (1977), built as Vose (1991) does: constant time to pick, whatever the weights. What
//! depends on the client becomes a tree of such tables.

use crate::policy::choice::geo::Geo;
use crate::policy::choice::sticky::{Pinned, Sticky};
use crate::policy::choice::subnet::Subnet;
use crate::policy::choice::tree::{Fork, ForkColumn, Node, Tree};
use crate::policy::choice::{Candidate, Choice, Column, Pick, Weighted};
use crate::policy::spread::{Blend, Branches, By, Part, Run};

impl Blend {
    /// The choice that answers so. Addresses past 65,535 are left out.
    #[must_use]
    pub fn compile(&self) -> Choice {
        let mut choice = Choice::default();
        if self.depends() {
            let mut tree = Tree::default();
            add(self, &mut choice, &mut tree);
            choice.pick = match tree.nodes.as_slice() {
                [] => Pick::Nothing,
                _ => Pick::Tree(tree),
            };
            return choice;
        }
        let mut candidates = Vec::new();
        for (share, part) in &self.0 {
            if let Part::Run(run) = part
                && let Some(candidate) = run_of(run, &mut choice)
            {
                candidates.push((*share, candidate));
            }
        }
        choice.pick = match candidates.as_slice() {
            [] => Pick::Nothing,
            [(_, only)] if only.rotate => Pick::Rotate { take: only.take },
            [_] => Pick::Fixed,
            _ => {
                let shares: Vec<f64> = candidates.iter().map(|(share, _)| *share).collect();
                let columns = alias_table(&shares).into_iter().zip(&candidates).map(
                    |((threshold, alias), (_, candidate))| Column {
                        threshold,
                        alias,
                        candidate: *candidate,
                    },
                );
                Pick::Weighted(Weighted {
                    columns: columns.collect(),
                })
            }
        };
        choice
    }

    /// Whether the client matters.
    fn depends(&self) -> bool {
        self.0.iter().any(|(_, part)| matches!(part, Part::Branches(_)))
    }
}

/// The run's addresses, added to the choice's; `None` when there is no room for any.
fn run_of(run: &Run, choice: &mut Choice) -> Option<Candidate> {
    let first = choice.addresses.len();
    let room = usize::from(u16::MAX).saturating_sub(first);
    let count = run.addresses.len().min(room);
    if count == 0 {
        return None;
    }
    choice
        .addresses
        .extend(run.addresses.iter().take(count).map(|p| p.address));
    let count = u16::try_from(count).unwrap_or(u16::MAX);
    Some(Candidate {
        first: u16::try_from(first).unwrap_or(u16::MAX),
        count,
        take: run.take.unwrap_or(count).clamp(1, count),
        rotate: run.take.is_some(),
    })
}

/// Adds the nodes of `blend`, the root first; its number, or `None` when nothing is left to answer.
fn add(blend: &Blend, choice: &mut Choice, tree: &mut Tree) -> Option<u32> {
    if let [(_, only)] = blend.0.as_slice() {
        return match only {
            Part::Run(run) => {
                let candidate = run_of(run, choice)?;
                Some(push(tree, Node::Run(candidate)))
            }
            Part::Branches(branches) => add_branches(branches, choice, tree),
        };
    }
    let root = push(tree, Node::Fork(Fork::default()));
    let (mut shares, mut nodes) = (Vec::new(), Vec::new());
    for (share, part) in &blend.0 {
        let one = match part {
            Part::Run(run) => run_of(run, choice).map(|candidate| push(tree, Node::Run(candidate))),
            Part::Branches(branches) => add_branches(branches, choice, tree),
        };
        if let Some(node) = one {
            shares.push(*share);
            nodes.push(node);
        }
    }
    let columns: Vec<ForkColumn> = alias_table(&shares)
        .into_iter()
        .zip(nodes)
        .map(|((threshold, alias), node)| ForkColumn {
            threshold,
            alias,
            node,
        })
        .collect();
    if columns.is_empty() {
        tree.nodes.truncate(root as usize);
        return None;
    }
    put(
        tree,
        root,
        Node::Fork(Fork {
            columns,
            mixed: blend.depends(),
        }),
    );
    Some(root)
}

fn add_branches(branches: &Branches, choice: &mut Choice, tree: &mut Tree) -> Option<u32> {
    // A place is kept, so that every branch leads to a later node.
    let root = push(tree, Node::Fork(Fork::default()));
    let nodes: Vec<Option<u32>> = branches
        .members
        .iter()
        .map(|member| add(member, choice, tree))
        .collect();
    let Some(any) = nodes.iter().flatten().next().copied() else {
        tree.nodes.truncate(root as usize);
        return None;
    };
    let node = |index: usize| nodes.get(index).copied().flatten();
    let made = match &branches.by {
        By::Hash(prefix, members) => Node::Sticky(Sticky {
            prefix: *prefix,
            branches: members
                .iter()
                .zip(&nodes)
                .filter_map(|((seed, weight), node)| {
                    Some(Pinned {
                        seed: *seed,
                        per_weight: 1.0 / weight,
                        node: (*node)?,
                    })
                })
                .collect(),
        }),
        By::Network(networks, otherwise) => {
            let networks: Vec<_> = networks
                .iter()
                .map(|(prefix, member)| (*prefix, member.and_then(node)))
                .collect();
            Node::Subnet(Subnet::new(&networks, node(*otherwise).unwrap_or(any)))
        }
        By::Place(regions, points, otherwise) => {
            let regions = regions
                .iter()
                .filter_map(|(region, member)| Some((*region, node(*member)?)))
                .collect();
            let points: Vec<_> = points
                .iter()
                .filter_map(|(point, member)| Some((*point, node(*member)?)))
                .collect();
            Node::Geo(Geo::new(regions, &points, node(*otherwise).unwrap_or(any)))
        }
    };
    put(tree, root, made);
    Some(root)
}

fn push(tree: &mut Tree, node: Node) -> u32 {
    tree.nodes.push(node);
    u32::try_from(tree.nodes.len() - 1).unwrap_or(u32::MAX)
}

fn put(tree: &mut Tree, at: u32, node: Node) {
    if let Some(slot) = tree.nodes.get_mut(at as usize) {
        *slot = node;
    }
}

/// 2^32: a column's threshold when its own candidate is always taken.
const WHOLE: f64 = 4_294_967_296.0;

/// Of each column its threshold and its alias.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "shares lie in 0..=1 and are scaled to 0..=2^32"
)]
fn alias_table(shares: &[f64]) -> Vec<(u64, u32)> {
    let n = shares.len();
    let sum: f64 = shares.iter().sum();
    let count = f64::from(u32::try_from(n).unwrap_or(u32::MAX));
    let mut scaled: Vec<f64> = shares.iter().map(|share| share / sum * count).collect();
    let mut columns: Vec<(u64, u32)> = (0..n)
        .map(|index| (WHOLE as u64, u32::try_from(index).unwrap_or(u32::MAX)))
        .collect();
    let (mut poor, mut rich): (Vec<usize>, Vec<usize>) = (0..n).partition(|i| scaled.get(*i) < Some(&1.0));
    while let (Some(giver), Some(taker)) = (rich.last().copied(), poor.pop()) {
        let Some(has) = scaled.get(taker).copied() else {
            break;
        };
        if let Some((threshold, alias)) = columns.get_mut(taker) {
            *threshold = (has.clamp(0.0, 1.0) * WHOLE).round() as u64;
            *alias = u32::try_from(giver).unwrap_or(u32::MAX);
        }
        if let Some(left) = scaled.get_mut(giver) {
            *left -= 1.0 - has;
            if *left < 1.0 {
                rich.pop();
                poor.push(giver);
            }
        }
    }
    columns
}
