//! Choosing among a group's usable members under every policy but `failover`.

use std::time::Duration;

use crate::model::service::{Group, Member, Policy, StickyPrefix};
use crate::policy::capacity::{Loaded, loads};
use crate::policy::choice::sticky::seed;
use crate::policy::readings::{Readings, Tier};
use crate::policy::spread::{Blend, By};
use crate::policy::tree::{Judged, Walk, capacity};
use crate::policy::witness::Witness;

/// By how much another member must be faster at the least: what clients do not notice is no reason to move them.
const LEAST_GAIN: Duration = Duration::from_millis(5);

/// What was chosen among a group's members.
#[derive(Debug, Default)]
pub(super) struct Among {
    /// By member: whether it may be answered.
    pub chosen: Vec<bool>,
    /// By member: why, or why not.
    pub reasons: Vec<&'static str>,
    /// What is answered.
    pub blend: Blend,
}

/// A member that takes part.
struct Usable<'g> {
    index: usize,
    member: &'g Member,
    blend: Blend,
}

impl<R: Readings, W: Witness> Walk<'_, R, W> {
    /// Chooses among `members`, whose blends it takes.
    pub(super) fn spread(&mut self, group: &Group, members: &mut [Judged]) -> Among {
        let by_weight = matches!(group.policy, Policy::Weighted | Policy::Sticky(_));
        let any_weight = group
            .members
            .iter()
            .zip(&*members)
            .any(|(member, judged)| judged.up && judged.has_family && member.weight > 0);
        let idle = |member: &Member| by_weight && member.weight == 0 && any_weight;
        let fastest = match group.policy {
            Policy::Fastest { margin } => self.fastest(group, members, margin),
            _ => None,
        };
        let chosen: Vec<bool> = group
            .members
            .iter()
            .zip(&*members)
            .enumerate()
            .map(|(index, (member, judged))| {
                judged.up
                    && judged.has_family
                    && !idle(member)
                    && (!matches!(group.policy, Policy::Fastest { .. }) || fastest == Some(index))
            })
            .collect();
        let reasons = group
            .members
            .iter()
            .zip(&*members)
            .zip(&chosen)
            .enumerate()
            .map(|(index, ((member, judged), chosen))| {
                if judged.up || !judged.has_family {
                    reason(group.policy, member, judged, *chosen)
                } else {
                    self.unusable(group, index)
                }
            })
            .collect();
        let loads = match group.policy {
            Policy::Weighted => weights(group, members),
            _ => Vec::new(),
        };
        let usable: Vec<Usable<'_>> = group
            .members
            .iter()
            .zip(members)
            .enumerate()
            .filter(|(index, _)| chosen.get(*index) == Some(&true))
            .map(|(index, (member, judged))| Usable {
                index,
                member,
                blend: std::mem::take(&mut judged.blend),
            })
            .collect();
        let load = |index: usize| loads.get(index).copied().unwrap_or(0.0);
        let blends = |usable: Vec<Usable<'_>>| usable.into_iter().map(|one| one.blend).collect();
        let blend = match group.policy {
            Policy::All { max_answers } => Blend::all(blends(usable), max_answers),
            Policy::Sticky(prefix) => {
                let by = self.pinned(prefix, &usable);
                Blend::branches(by, blends(usable))
            }
            Policy::Subnet => Blend::branches(by_network(group, &usable), blends(usable)),
            Policy::Geo => Blend::branches(by_place(&usable), blends(usable)),
            Policy::Weighted | Policy::Fastest { .. } | Policy::Failover => Blend::weighted(
                usable
                    .into_iter()
                    .map(|one| (load(one.index), one.blend))
                    .collect(),
            ),
        };
        Among {
            chosen,
            reasons,
            blend,
        }
    }

    /// The quickest of those that are well (of all usable, when none is), unless the present one is nearly as quick.
    fn fastest(&mut self, group: &Group, members: &[Judged], margin: u8) -> Option<usize> {
        let takes_part = |judged: &&Judged| judged.up && judged.has_family;
        let best = members
            .iter()
            .filter(takes_part)
            .map(|judged| judged.tier)
            .max()?;
        let candidates: Vec<(usize, Option<Duration>)> = members
            .iter()
            .enumerate()
            .filter(|(_, judged)| takes_part(judged) && judged.tier == best)
            .map(|(index, judged)| (index, judged.latency))
            .collect();
        // What was never measured comes after all that was, in the order written.
        let quickest = candidates
            .iter()
            .min_by_key(|(index, latency)| (latency.unwrap_or(Duration::MAX), *index))?;
        let slot = self
            .memory
            .fastest
            .entry((group.id, self.family))
            .or_insert(quickest.0);
        let keeps = match candidates.iter().find(|(index, _)| index == slot) {
            None => false,
            Some((_, None)) => quickest.1.is_none(),
            Some((_, Some(present))) => quickest.1.is_none_or(|other| {
                let margin = u32::from(margin.min(99));
                present.saturating_sub(other) < LEAST_GAIN || other * 100 > *present * (100 - margin)
            }),
        };
        if !keeps {
            *slot = quickest.0;
        }
        Some(*slot)
    }

    fn pinned(&self, prefix: StickyPrefix, usable: &[Usable<'_>]) -> By {
        let pinned = usable.iter().map(|one| {
            // Zero takes part only where all are zero.
            let weight = f64::from(one.member.weight.max(1));
            (seed(&self.name(one.member)), weight)
        });
        By::Hash(prefix, pinned.collect())
    }
}

fn reason(policy: Policy, member: &Member, judged: &Judged, chosen: bool) -> &'static str {
    match (policy, chosen) {
        (_, false) if !judged.has_family => "has no address of this family",
        (Policy::Fastest { .. }, false) => "not the fastest, or not by enough",
        (_, false) if member.weight == 0 => "weight 0 serves only when no other can",
        (_, false) => "not chosen",
        (Policy::Weighted, true) if judged.tier == Tier::Degraded => {
            "degraded: answered by part of its weight"
        }
        (Policy::Weighted, true) => "answered by its weight",
        (Policy::All { .. }, true) => "answered in rotation",
        (Policy::Sticky(_), true) => "answered to the clients that its name and weight win",
        (Policy::Subnet, true) if member.serves.networks.is_empty() => {
            "answered to clients in nobody's networks"
        }
        (Policy::Subnet, true) => "answered to clients in its networks",
        (Policy::Geo, true) => "answered to clients in its regions, or nearest to it",
        (Policy::Fastest { .. }, true) => "answers probes fastest",
        (Policy::Failover, true) => "chosen",
    }
}

/// The share of each member under `weighted`, in any unit.
fn weights(group: &Group, members: &[Judged]) -> Vec<f64> {
    let keeps = f64::from(group.spread.degraded_weight) / 1000.0;
    let loaded: Vec<Loaded> = group
        .members
        .iter()
        .zip(members)
        .filter(|(_, judged)| judged.has_family)
        .map(|(member, judged)| Loaded {
            weight: f64::from(member.weight),
            capacity: if judged.up {
                capacity(member, judged)
            } else {
                Some(0.0)
            },
            keeps: match (judged.up, judged.tier) {
                (false, _) => 0.0,
                (true, Tier::Degraded) => keeps,
                (true, _) => 1.0,
            },
        })
        .collect();
    let mut loads = loads(&loaded, group.spread.demand.map(f64::from)).into_iter();
    members
        .iter()
        .map(|judged| {
            if judged.has_family {
                loads.next().unwrap_or(0.0)
            } else {
                0.0
            }
        })
        .collect()
}

/// Networks in turn; those of members that are not to be had lead nowhere, so that what is around them speaks.
fn by_network(group: &Group, usable: &[Usable<'_>]) -> By {
    let at = |member: usize| usable.iter().position(|one| one.index == member);
    let networks = group.members.iter().enumerate().flat_map(|(index, member)| {
        let node = at(index);
        member.serves.networks.iter().map(move |network| (*network, node))
    });
    let otherwise = usable
        .iter()
        .position(|one| one.member.serves.networks.is_empty());
    By::Network(networks.collect(), otherwise.unwrap_or(0))
}

fn by_place(usable: &[Usable<'_>]) -> By {
    let each = || usable.iter().enumerate();
    let regions =
        each().flat_map(|(at, one)| one.member.serves.regions.iter().map(move |region| (*region, at)));
    let points = each().filter_map(|(at, one)| Some((one.member.serves.point?, at)));
    let claims =
        |one: &Usable<'_>| !one.member.serves.regions.is_empty() || one.member.serves.point.is_some();
    let otherwise = usable.iter().position(|one| !claims(one));
    By::Place(regions.collect(), points.collect(), otherwise.unwrap_or(0))
}
