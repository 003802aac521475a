//! What a group may answer: addresses that are answered together, in shares, or by the client.

use std::net::IpAddr;

use crate::model::id::{EndpointId, TargetId};
use crate::model::place::{Point, Region};
use crate::model::plan::Prefix;
use crate::model::service::StickyPrefix;

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

/// Parts with the share of answers that each gets; shares add up to 1.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Blend(pub Vec<(f64, Part)>);

/// What is answered when its share is drawn.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// The same for everybody.
    Run(Run),
    /// What depends on the client.
    Branches(Box<Branches>),
}

/// One of several, by the client.
#[derive(Clone, Debug, PartialEq)]
pub struct Branches {
    /// What of the client decides; indices are those of `members`.
    pub by: By,
    /// What is chosen from; none of them is empty.
    pub members: Vec<Blend>,
}

/// What of the client decides.
#[derive(Clone, Debug, PartialEq)]
pub enum By {
    /// A hash of its prefix, and the members' names and weights (above 0).
    Hash(StickyPrefix, Vec<(u64, f64)>),
    /// Its network; networks whose member is not to be had lead to no index. At last the one for all others.
    Network(Vec<(Prefix, Option<usize>)>, usize),
    /// Its place: regions and points of members, and the one for all others.
    Place(Vec<(Region, usize)>, Vec<(Point, usize)>, usize),
}

impl Blend {
    /// Always these, in order.
    #[must_use]
    pub fn fixed(addresses: Vec<Pickable>) -> Self {
        if addresses.is_empty() {
            return Self::default();
        }
        Self(vec![(
            1.0,
            Part::Run(Run {
                addresses,
                take: None,
            }),
        )])
    }

    /// Whether nothing is answered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Every address that may be answered.
    pub fn addresses(&self) -> impl Iterator<Item = &Pickable> {
        let mut all = Vec::new();
        self.collect(&mut all);
        all.into_iter()
    }

    fn collect<'b>(&'b self, all: &mut Vec<&'b Pickable>) {
        for (_, part) in &self.0 {
            match part {
                Part::Run(run) => all.extend(&run.addresses),
                Part::Branches(branches) => branches.members.iter().for_each(|member| member.collect(all)),
            }
        }
    }

    /// One of these blends by weight, 0 or more. Weight 0 takes part only when no other weight is there.
    #[must_use]
    pub fn weighted(members: Vec<(f64, Self)>) -> Self {
        let sum: f64 = members.iter().map(|(weight, _)| *weight).sum();
        let idle = sum <= 0.0;
        let equal = 1.0 / f64::from(u32::try_from(members.len().max(1)).unwrap_or(u32::MAX));
        Self(
            members
                .into_iter()
                .filter(|(weight, _)| idle || *weight > 0.0)
                .flat_map(|(weight, blend)| {
                    let share = if idle { equal } else { weight / sum };
                    blend.0.into_iter().map(move |(part, run)| (part * share, run))
                })
                .collect(),
        )
    }

    /// One of these blends by the client; what is empty must have been left out.
    #[must_use]
    pub fn branches(by: By, mut members: Vec<Self>) -> Self {
        match members.len() {
            0 => Self::default(),
            1 => members.pop().unwrap_or_default(),
            _ => Self(vec![(1.0, Part::Branches(Box::new(Branches { by, members })))]),
        }
    }

    /// All addresses of these blends, rotated; a pool among them that would choose gives all of its addresses.
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
        Self(vec![(1.0, Part::Run(Run { addresses, take }))])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::chance::Chance;
    use crate::policy::choice::Pick;
    use crate::policy::choice::client::ClientKey;

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
        let client = ClientKey::whole(IpAddr::from([192, 0, 2, 1]), None);
        let mut hits = vec![0usize; choice.addresses.len()];
        for _ in 0..throws {
            let picked = choice.pick(&client, chance.throw()).unwrap();
            hits[usize::from(picked.first + picked.start)] += 1;
        }
        hits.into_iter().map(|h| h as f64 / throws as f64).collect()
    }

    #[test]
    fn shares_follow_weights() {
        let blend = Blend::weighted(vec![
            (3.0, endpoint(1, 1)),
            (1.0, endpoint(2, 1)),
            (0.0, endpoint(3, 1)),
            (6.0, endpoint(4, 1)),
        ]);
        let seen = shares(&blend, 100_000);
        assert_eq!(seen.len(), 3, "weight 0 is not answered while others are up");
        for (seen, expected) in seen.iter().zip([0.3, 0.1, 0.6]) {
            assert!((seen - expected).abs() < 0.01, "{seen} for {expected}");
        }
    }

    #[test]
    fn weight_zero_serves_when_nothing_else_is_there() {
        let blend = Blend::weighted(vec![(0.0, endpoint(1, 1)), (0.0, endpoint(2, 1))]);
        let seen = shares(&blend, 20_000);
        assert!(seen.iter().all(|share| (share - 0.5).abs() < 0.02), "{seen:?}");
    }

    #[test]
    fn a_weighted_pool_within_a_weighted_group_multiplies() {
        let pool = Blend::weighted(vec![(1.0, endpoint(1, 1)), (3.0, endpoint(2, 1))]);
        let blend = Blend::weighted(vec![(1.0, pool), (1.0, endpoint(3, 1))]);
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
