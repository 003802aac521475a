//! Weights and rotation: from what a group may answer to a table that one throw of the dice picks from.
//!
//! The table is Walker's (1977), built as Vose (1991) does: constant time to pick, whatever the weights.

use std::net::IpAddr;

use crate::model::id::{EndpointId, TargetId};
use crate::policy::choice::{Candidate, Choice, Column, Pick, Weighted};

/// One address that may be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pickable {
    /// Whose it is.
    pub endpoint: EndpointId,
    /// What is answered.
    pub address: IpAddr,
    /// What is probed.
    pub target: Option<TargetId>,
}

/// Addresses that are answered together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Run {
    /// Which.
    pub addresses: Vec<Pickable>,
    /// How many of them, when they are rotated; `None`: all, in order.
    pub take: Option<u16>,
}

/// Runs with the share of answers that each gets; shares add up to 1.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Blend(pub Vec<(f64, Run)>);

impl Blend {
    /// Always these, in order.
    #[must_use]
    pub fn fixed(addresses: Vec<Pickable>) -> Self {
        if addresses.is_empty() {
            return Self::default();
        }
        Self(vec![(
            1.0,
            Run {
                addresses,
                take: None,
            },
        )])
    }

    /// Whether nothing is answered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Every address that may be answered.
    pub fn addresses(&self) -> impl Iterator<Item = &Pickable> {
        self.0.iter().flat_map(|(_, run)| run.addresses.iter())
    }

    /// One of these blends by weight. Weight 0 takes part only when no other weight is there.
    #[must_use]
    pub fn weighted(members: Vec<(u32, Self)>) -> Self {
        let sum: f64 = members.iter().map(|(weight, _)| f64::from(*weight)).sum();
        let idle = sum == 0.0;
        let equal = 1.0 / f64::from(u32::try_from(members.len().max(1)).unwrap_or(u32::MAX));
        Self(
            members
                .into_iter()
                .filter(|(weight, _)| idle || *weight > 0)
                .flat_map(|(weight, blend)| {
                    let share = if idle { equal } else { f64::from(weight) / sum };
                    blend.0.into_iter().map(move |(part, run)| (part * share, run))
                })
                .collect(),
        )
    }

    /// All addresses of these blends, rotated; a weighted pool among them gives all of its addresses.
    #[must_use]
    pub fn all(members: Vec<Self>, max_answers: Option<u16>) -> Self {
        let mut addresses: Vec<Pickable> = Vec::new();
        for pickable in members.iter().flat_map(Self::addresses) {
            if !addresses.iter().any(|known| known.address == pickable.address) {
                addresses.push(*pickable);
            }
        }
        if addresses.is_empty() {
            return Self::default();
        }
        let count = u16::try_from(addresses.len()).unwrap_or(u16::MAX);
        let take = Some(max_answers.unwrap_or(count).clamp(1, count));
        Self(vec![(1.0, Run { addresses, take })])
    }

    /// The choice that answers so. Addresses past 65,535 are left out.
    #[must_use]
    pub fn compile(&self) -> Choice {
        let mut addresses = Vec::new();
        let mut candidates = Vec::new();
        for (share, run) in &self.0 {
            let first = addresses.len();
            let room = usize::from(u16::MAX).saturating_sub(first);
            let count = run.addresses.len().min(room);
            if count == 0 {
                continue;
            }
            addresses.extend(run.addresses.iter().take(count).map(|p| p.address));
            let count = u16::try_from(count).unwrap_or(u16::MAX);
            candidates.push((
                *share,
                Candidate {
                    first: u16::try_from(first).unwrap_or(u16::MAX),
                    count,
                    take: run.take.unwrap_or(count).clamp(1, count),
                    rotate: run.take.is_some(),
                },
            ));
        }
        let pick = match candidates.as_slice() {
            [] => Pick::Nothing,
            [(_, only)] if only.rotate => Pick::Rotate { take: only.take },
            [_] => Pick::Fixed,
            _ => Pick::Weighted(alias_table(&candidates)),
        };
        Choice { addresses, pick }
    }
}

/// 2^32: a column's threshold when its own candidate is always taken.
const WHOLE: f64 = 4_294_967_296.0;

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "shares lie in 0..=1 and are scaled to 0..=2^32"
)]
fn alias_table(candidates: &[(f64, Candidate)]) -> Weighted {
    let n = candidates.len();
    let sum: f64 = candidates.iter().map(|(share, _)| *share).sum();
    let count = f64::from(u32::try_from(n).unwrap_or(u32::MAX));
    let mut scaled: Vec<f64> = candidates.iter().map(|(share, _)| share / sum * count).collect();
    let mut columns: Vec<Column> = candidates
        .iter()
        .enumerate()
        .map(|(index, (_, candidate))| Column {
            threshold: WHOLE as u64,
            alias: u32::try_from(index).unwrap_or(u32::MAX),
            candidate: *candidate,
        })
        .collect();
    let (mut poor, mut rich): (Vec<usize>, Vec<usize>) = (0..n).partition(|i| scaled.get(*i) < Some(&1.0));
    while let (Some(giver), Some(taker)) = (rich.last().copied(), poor.pop()) {
        let Some(has) = scaled.get(taker).copied() else {
            break;
        };
        if let Some(column) = columns.get_mut(taker) {
            column.threshold = (has.clamp(0.0, 1.0) * WHOLE).round() as u64;
            column.alias = u32::try_from(giver).unwrap_or(u32::MAX);
        }
        if let Some(left) = scaled.get_mut(giver) {
            *left -= 1.0 - has;
            if *left < 1.0 {
                rich.pop();
                poor.push(giver);
            }
        }
    }
    Weighted { columns }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::chance::Chance;

    fn endpoint(n: u8, count: u8) -> Blend {
        Blend::fixed(
            (0..count)
                .map(|k| Pickable {
                    endpoint: EndpointId(n.into()),
                    address: IpAddr::from([192, 0, n, k]),
                    target: None,
                })
                .collect(),
        )
    }

    fn shares(blend: &Blend, throws: usize) -> Vec<f64> {
        let choice = blend.compile();
        let mut chance = Chance::new(7);
        let mut hits = vec![0usize; choice.addresses.len()];
        for _ in 0..throws {
            let picked = choice.pick(chance.throw()).unwrap();
            hits[usize::from(picked.first + picked.start)] += 1;
        }
        hits.into_iter().map(|h| h as f64 / throws as f64).collect()
    }

    #[test]
    fn shares_follow_weights() {
        let blend = Blend::weighted(vec![
            (3, endpoint(1, 1)),
            (1, endpoint(2, 1)),
            (0, endpoint(3, 1)),
            (6, endpoint(4, 1)),
        ]);
        let seen = shares(&blend, 100_000);
        assert_eq!(seen.len(), 3, "weight 0 is not answered while others are up");
        for (seen, expected) in seen.iter().zip([0.3, 0.1, 0.6]) {
            assert!((seen - expected).abs() < 0.01, "{seen} for {expected}");
        }
    }

    #[test]
    fn weight_zero_serves_when_nothing_else_is_there() {
        let blend = Blend::weighted(vec![(0, endpoint(1, 1)), (0, endpoint(2, 1))]);
        let seen = shares(&blend, 20_000);
        assert!(seen.iter().all(|share| (share - 0.5).abs() < 0.02), "{seen:?}");
    }

    #[test]
    fn a_weighted_pool_within_a_weighted_group_multiplies() {
        let pool = Blend::weighted(vec![(1, endpoint(1, 1)), (3, endpoint(2, 1))]);
        let blend = Blend::weighted(vec![(1, pool), (1, endpoint(3, 1))]);
        for (seen, expected) in shares(&blend, 100_000).iter().zip([0.125, 0.375, 0.5]) {
            assert!((seen - expected).abs() < 0.01, "{seen} for {expected}");
        }
    }

    #[test]
    fn all_rotates_and_takes_at_most_so_many() {
        let blend = Blend::all(vec![endpoint(1, 2), endpoint(2, 1)], Some(2));
        let choice = blend.compile();
        assert_eq!(choice.pick, Pick::Rotate { take: 2 });
        let seen = shares(&blend, 30_000);
        assert!(seen.iter().all(|s| (s - 1.0 / 3.0).abs() < 0.02), "{seen:?}");
    }
}
