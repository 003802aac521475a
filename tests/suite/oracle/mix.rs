//! What a group may answer, and the table that one throw picks from (`docs/explain.md`).

use std::net::IpAddr;

use super::report::{Bits, Choice, Column, Node, Pick, Pinned, Point, Run, Stretch};

/// Parts with the share of throws that each gets.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mix(pub(crate) Vec<(f64, Part)>);

/// An address, and which endpoint it is of.
pub(crate) type Own = (IpAddr, usize);

/// What is answered when its share is drawn.
#[derive(Clone, Debug)]
pub(crate) enum Part {
    /// These addresses; of rotated ones so many.
    Run(Vec<Own>, Option<usize>),
    /// One of several, by the client.
    Branches(Box<By>, Vec<Mix>),
}

/// What of the client decides.
#[derive(Clone, Debug)]
pub(crate) enum By {
    /// Bits of its prefix; names and weights.
    Hash([u8; 2], Vec<(String, f64)>),
    /// Networks with their branch; the branch of all others.
    Network(Vec<(String, Option<usize>)>, usize),
    /// Regions and points with their branches; the branch of all others.
    Place(Vec<(String, usize)>, Vec<(Point, usize)>, usize),
}

impl Mix {
    pub(crate) fn run(addresses: Vec<Own>, take: Option<usize>) -> Self {
        match addresses.is_empty() {
            true => Self::default(),
            false => Self(vec![(1.0, Part::Run(addresses, take))]),
        }
    }

    pub(crate) fn weighted(members: Vec<(f64, Self)>) -> Self {
        let sum: f64 = members.iter().map(|(weight, _)| weight).sum();
        let equal = 1.0 / members.len().max(1) as f64;
        let mut parts = Vec::new();
        for (weight, mix) in members {
            let share = if sum > 0.0 { weight / sum } else { equal };
            if sum <= 0.0 || weight > 0.0 {
                parts.extend(mix.0.into_iter().map(|(part, what)| (part * share, what)));
            }
        }
        Self(parts)
    }

    pub(crate) fn all(members: Vec<Self>, most: Option<usize>) -> Self {
        let mut addresses: Vec<Own> = Vec::new();
        for own in members.iter().flat_map(super::walk::addresses) {
            if addresses.iter().all(|known| known.0 != own.0) {
                addresses.push(own);
            }
        }
        let count = addresses.len().max(1);
        Self::run(addresses, Some(most.unwrap_or(count).clamp(1, count)))
    }

    pub(crate) fn branches(by: By, mut members: Vec<Self>) -> Self {
        match members.len() {
            0 => Self::default(),
            1 => members.remove(0),
            _ => Self(vec![(1.0, Part::Branches(Box::new(by), members))]),
        }
    }

    /// The table.
    pub(crate) fn compile(&self) -> Choice {
        let mut choice = Choice::default();
        if self.0.iter().any(|(_, part)| matches!(part, Part::Branches(..))) {
            let mut nodes = Vec::new();
            if grow(self, &mut choice, &mut nodes).is_some() {
                choice.pick = Pick::Tree { nodes };
            }
            return choice;
        }
        let runs: Vec<(f64, Run)> = self
            .0
            .iter()
            .map(|(share, part)| match part {
                Part::Run(addresses, take) => (*share, add(addresses, *take, &mut choice)),
                Part::Branches(..) => panic!("looked for above"),
            })
            .collect();
        choice.pick = match runs.as_slice() {
            [] => Pick::Nothing,
            [(_, run)] if run.rotate => Pick::Rotate { take: run.take },
            [_] => Pick::Fixed,
            _ => Pick::Weighted {
                columns: columns(runs),
            },
        };
        choice
    }
}

fn add(addresses: &[Own], take: Option<usize>, choice: &mut Choice) -> Run {
    let first = choice.addresses.len();
    choice.addresses.extend(addresses.iter().map(|own| own.0));
    let count = addresses.len();
    Run {
        first,
        count,
        take: take.unwrap_or(count).clamp(1, count),
        rotate: take.is_some(),
    }
}

/// Grows the tree below one mix; the root's number, or `None` when it leads to no address.
fn grow(mix: &Mix, choice: &mut Choice, nodes: &mut Vec<Node>) -> Option<usize> {
    let leaf = |part: &Part, choice: &mut Choice, nodes: &mut Vec<Node>| match part {
        Part::Run(addresses, take) => {
            nodes.push(Node::Run(add(addresses, *take, choice)));
            Some(nodes.len() - 1)
        }
        Part::Branches(by, members) => fork(by, members, choice, nodes),
    };
    if let [(_, only)] = mix.0.as_slice() {
        return leaf(only, choice, nodes);
    }
    let root = nodes.len();
    nodes.push(Node::Run(NOBODY));
    let mut branches = Vec::new();
    for (share, part) in &mix.0 {
        if let Some(node) = leaf(part, choice, nodes) {
            branches.push((*share, node));
        }
    }
    if branches.is_empty() {
        nodes.truncate(root);
        return None;
    }
    nodes[root] = Node::Fork {
        columns: columns(branches),
        mixed: mix.0.iter().any(|(_, part)| matches!(part, Part::Branches(..))),
    };
    Some(root)
}

const NOBODY: Run = Run {
    first: 0,
    count: 0,
    take: 0,
    rotate: false,
};

fn fork(by: &By, members: &[Mix], choice: &mut Choice, nodes: &mut Vec<Node>) -> Option<usize> {
    let root = nodes.len();
    nodes.push(Node::Run(NOBODY));
    let grown: Vec<Option<usize>> = members.iter().map(|member| grow(member, choice, nodes)).collect();
    let Some(any) = grown.iter().flatten().next().copied() else {
        nodes.truncate(root);
        return None;
    };
    nodes[root] = match by {
        By::Hash([v4, v6], names) => Node::Sticky {
            prefix: Bits { v4: *v4, v6: *v6 },
            branches: names
                .iter()
                .zip(&grown)
                .filter_map(|((name, weight), node)| {
                    Some(Pinned {
                        seed: seed(name),
                        per_weight: 1.0 / weight,
                        node: (*node)?,
                    })
                })
                .collect(),
        },
        By::Network(networks, otherwise) => {
            let otherwise = grown[*otherwise].unwrap_or(any);
            let of = |v4: bool| {
                let usable = networks
                    .iter()
                    .map(|(network, member)| (network.as_str(), member.and_then(|member| grown[member])));
                stretches(&usable.collect::<Vec<_>>(), otherwise, v4)
            };
            Node::Subnet {
                v4: of(true),
                v6: of(false),
            }
        }
        By::Place(regions, points, otherwise) => Node::Geo {
            regions: regions
                .iter()
                .filter_map(|(region, member)| Some((region.clone(), grown[*member]?)))
                .collect(),
            points: points
                .iter()
                .filter_map(|(point, member)| Some((direction(*point), grown[*member]?)))
                .collect(),
            otherwise: grown[*otherwise].unwrap_or(any),
        },
    };
    Some(root)
}

/// The unit vector to a point on the earth.
pub(crate) fn direction(point: Point) -> [f64; 3] {
    let (latitude, longitude) = (point.latitude.to_radians(), point.longitude.to_radians());
    [
        latitude.cos() * longitude.cos(),
        latitude.cos() * longitude.sin(),
        latitude.sin(),
    ]
}

/// Between any two ends of networks one of them speaks: the longest that has a branch.
fn stretches(networks: &[(&str, Option<usize>)], otherwise: usize, v4: bool) -> Vec<Stretch> {
    let bits = if v4 { 32u32 } else { 128 };
    let read = |text: &str| {
        let (address, length) = text.split_once('/').unwrap();
        let address: IpAddr = address.parse().unwrap();
        let length: u32 = length.parse().unwrap();
        let number = number(address);
        let host = match bits - length.min(bits) {
            0 => 0,
            128 => u128::MAX,
            past => (1u128 << past) - 1,
        };
        (address.is_ipv4() == v4).then_some((number, number | host, length))
    };
    let known: Vec<((u128, u128, u32), Option<usize>)> = networks
        .iter()
        .filter_map(|(text, node)| Some((read(text)?, *node)))
        .collect();
    let last = if v4 { u128::from(u32::MAX) } else { u128::MAX };
    let mut ends: Vec<u128> = vec![0];
    for ((from, to, _), _) in &known {
        ends.push(*from);
        ends.extend((*to < last).then(|| to + 1));
    }
    ends.sort_unstable();
    ends.dedup();
    let speaks = |at: u128| {
        let around = known
            .iter()
            .filter(|((from, to, _), node)| *from <= at && at <= *to && node.is_some());
        around
            .max_by_key(|((_, _, length), _)| *length)
            .map_or(otherwise, |(_, node)| node.unwrap())
    };
    ends.into_iter()
        .map(|first| Stretch {
            first: first.to_string(),
            node: speaks(first),
        })
        .collect()
}

pub(crate) fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u32::from(v4).into(),
        IpAddr::V6(v6) => v6.into(),
    }
}

/// Vose's alias table: columns of equal height, each filled up by one other.
fn columns<T>(shares: Vec<(f64, T)>) -> Vec<Column<T>> {
    const FULL: f64 = 4_294_967_296.0;
    let sum: f64 = shares.iter().map(|(share, _)| share).sum();
    let mut height: Vec<f64> = shares
        .iter()
        .map(|(share, _)| share / sum * shares.len() as f64)
        .collect();
    let mut table: Vec<Column<T>> = shares
        .into_iter()
        .enumerate()
        .map(|(alias, (_, own))| Column {
            threshold: 1 << 32,
            alias,
            own,
        })
        .collect();
    let mut low: Vec<usize> = (0..table.len()).filter(|at| height[*at] < 1.0).collect();
    let mut high: Vec<usize> = (0..table.len()).filter(|at| height[*at] >= 1.0).collect();
    while !low.is_empty() && !high.is_empty() {
        let (giver, taker) = (*high.last().unwrap(), low.pop().unwrap());
        table[taker].threshold = (height[taker].clamp(0.0, 1.0) * FULL).round() as u64;
        table[taker].alias = giver;
        height[giver] -= 1.0 - height[taker];
        if height[giver] < 1.0 {
            low.push(high.pop().unwrap());
        }
    }
    table
}

/// FNV-1a of the name, mixed.
fn seed(name: &str) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for octet in name.bytes() {
        hash = (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3);
    }
    mixed(hash)
}

/// Stafford's thirteenth mix.
pub(crate) fn mixed(number: u64) -> u64 {
    let mut x = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x ^= x >> 30;
    x = x.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x ^= x >> 27;
    x = x.wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ x >> 31
}
