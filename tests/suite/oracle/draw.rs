//! One throw of the dice, for one client: which addresses, in which order, and for how many bits of its address
//! (`docs/explain.md`).

use std::net::IpAddr;

use super::mix::{direction, mixed, number};
use super::report::{Asked, Bits, Choice, Column, Node, Pick, Pinned, Run, Stretch};

/// What was drawn.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Drawn {
    pub(crate) addresses: Vec<IpAddr>,
    /// How many bits of the client's address decided.
    pub(crate) scope: u8,
}

pub(crate) fn draw(choice: &Choice, asked: &Asked) -> Drawn {
    let dice: u64 = asked.dice.parse().unwrap();
    let all = choice.addresses.len();
    let whole = |start: usize, take: usize| taken(choice, 0, all, start, take);
    let addresses = match &choice.pick {
        Pick::Nothing | Pick::Fail => Vec::new(),
        Pick::Fixed => whole(0, all),
        Pick::Rotate { take } => whole(below(dice, all), *take),
        Pick::Weighted { columns } => run(choice, column(columns, dice), dice),
        Pick::Tree { nodes } => return climb(choice, nodes, asked, dice),
    };
    Drawn { addresses, scope: 0 }
}

fn climb(choice: &Choice, nodes: &[Node], asked: &Asked, mut dice: u64) -> Drawn {
    let (mut at, mut scope) = (0, 0);
    loop {
        let (next, bits) = match &nodes[at] {
            Node::Run(one) => {
                return Drawn {
                    addresses: run(choice, *one, dice),
                    scope,
                };
            }
            Node::Fork { columns, mixed: any } => {
                let next = column(columns, dice);
                dice = mixed(dice);
                (next, if *any { asked.length } else { 0 })
            }
            Node::Sticky { prefix, branches } => sticky(*prefix, branches, asked),
            Node::Subnet { v4, v6 } => subnet(if asked.address.is_ipv4() { v4 } else { v6 }, asked),
            Node::Geo {
                regions,
                points,
                otherwise,
            } => (geo(regions, points, *otherwise, asked), asked.place_length),
        };
        scope = scope.max(bits);
        at = next;
    }
}

/// A number below `bound` from the upper half of the dice.
fn below(dice: u64, bound: usize) -> usize {
    (((dice >> 32) * bound as u64) >> 32) as usize
}

fn column<T: Copy>(columns: &[Column<T>], dice: u64) -> T {
    let own = &columns[below(dice, columns.len())];
    match dice & 0xffff_ffff < own.threshold {
        true => own.own,
        false => columns[own.alias].own,
    }
}

fn run(choice: &Choice, run: Run, dice: u64) -> Vec<IpAddr> {
    let start = match run.rotate {
        true => below(
            dice.rotate_left(17).wrapping_mul(0x9e37_79b9_7f4a_7c15),
            run.count,
        ),
        false => 0,
    };
    taken(choice, run.first, run.count, start, run.take)
}

fn taken(choice: &Choice, first: usize, count: usize, start: usize, take: usize) -> Vec<IpAddr> {
    let run = &choice.addresses[first..first + count];
    run.iter()
        .cycle()
        .skip(start)
        .take(take.min(count))
        .copied()
        .collect()
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// Rendezvous hashing: each branch throws for the client, the least throw by weight wins.
fn sticky(prefix: Bits, branches: &[Pinned], asked: &Asked) -> (usize, u8) {
    let bits = if asked.address.is_ipv4() {
        prefix.v4
    } else {
        prefix.v6
    };
    let kept = bits.min(asked.length);
    let past = u32::from(width(asked.address) - kept);
    let known = number(asked.address).checked_shr(past).unwrap_or(0);
    let family = u64::from(asked.address.is_ipv4()) << 63;
    let client = mixed(mixed(known as u64 ^ family).wrapping_add((known >> 64) as u64));
    let cost = |branch: &Pinned| exponential(mixed(client ^ branch.seed)) * branch.per_weight;
    let mut best = &branches[0];
    for branch in branches {
        if cost(branch) < cost(best) {
            best = branch;
        }
    }
    (best.node, bits)
}

/// `-ln((x + 1) / 2^53)` of the upper 53 bits, the logarithm by the series of the area tangent to the thirteenth power.
fn exponential(uniform: u64) -> f64 {
    let x = (uniform >> 11) + 1;
    let power = x.ilog2();
    let mantissa = x as f64 / 2f64.powi(power as i32);
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let mut series = 1.0 / 13.0;
    for odd in [11.0, 9.0, 7.0, 5.0, 3.0, 1.0] {
        series = 1.0 / odd + s * s * series;
    }
    let ln2 = std::f64::consts::LN_2;
    53.0 * ln2 - (2.0 * s * series + f64::from(power) * ln2)
}

/// The stretch that holds the client, and the shortest prefix of its address that lies within.
fn subnet(stretches: &[Stretch], asked: &Asked) -> (usize, u8) {
    let (at, width) = (number(asked.address), width(asked.address));
    let first = |stretch: &Stretch| stretch.first.parse::<u128>().unwrap();
    let index = stretches
        .iter()
        .rposition(|stretch| first(stretch) <= at)
        .unwrap();
    let from = first(&stretches[index]);
    let to = match stretches.get(index + 1) {
        Some(next) => first(next) - 1,
        None if width == 32 => u32::MAX.into(),
        None => u128::MAX,
    };
    let within = |length: &u8| {
        let past = u32::from(width - length);
        let host = 1u128.checked_shl(past).map_or(u128::MAX, |size| size - 1);
        from <= at & !host && at | host <= to
    };
    (stretches[index].node, (0..=width).find(within).unwrap())
}

fn geo(regions: &[(String, usize)], points: &[([f64; 3], usize)], otherwise: usize, asked: &Asked) -> usize {
    let Some(place) = &asked.place else {
        return otherwise;
    };
    for mine in &place.regions {
        if let Some((_, node)) = regions.iter().find(|(region, _)| region == mine) {
            return *node;
        }
    }
    let Some(here) = place.point.map(direction) else {
        return otherwise;
    };
    let near = |there: &[f64; 3]| there.iter().zip(here).map(|(a, b)| a * b).sum::<f64>();
    let mut best: Option<(f64, usize)> = None;
    for (there, node) in points {
        if best.is_none_or(|(most, _)| near(there) > most) {
            best = Some((near(there), *node));
        }
    }
    best.map_or(otherwise, |(_, node)| node)
}
