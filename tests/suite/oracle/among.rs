//! Choosing among a group's members under every policy but `failover`.

use super::mix::{By, Mix};
use super::report::Group;
use super::walk::{Found, Tier, Walk};

impl Walk<'_> {
    pub(super) fn several(&mut self, group: &Group, path: &str, members: &[Found]) -> (Vec<usize>, Mix) {
        let by_weight = matches!(group.policy.as_str(), "weighted" | "sticky");
        let part: Vec<usize> = (0..members.len())
            .filter(|at| members[*at].up && members[*at].has_family)
            .collect();
        let any_weight = part.iter().any(|at| group.members[*at].weight > 0);
        let turn = (group.policy == "fastest").then(|| self.fastest(group, path, members, &part));
        let chosen: Vec<usize> = part
            .into_iter()
            .filter(|at| !(by_weight && any_weight && group.members[*at].weight == 0))
            .filter(|at| turn.is_none_or(|turn| turn == Some(*at)))
            .collect();
        let mixes = || chosen.iter().map(|at| members[*at].mix.clone());
        let of = |at: &usize| &group.members[*at];
        let mix = match group.policy.as_str() {
            "weighted" => {
                let loads = loads(group, members);
                Mix::weighted(chosen.iter().map(|at| loads[*at]).zip(mixes()).collect())
            }
            "fastest" => Mix::weighted(mixes().map(|mix| (0.0, mix)).collect()),
            "all" => Mix::all(mixes().collect(), group.max_answers),
            "sticky" => {
                let names = chosen
                    .iter()
                    .map(|at| (of(at).name.clone(), f64::from(of(at).weight.max(1))));
                Mix::branches(
                    By::Hash(group.prefix.unwrap(), names.collect()),
                    mixes().collect(),
                )
            }
            "subnet" => {
                let mut networks = Vec::new();
                for (at, member) in group.members.iter().enumerate() {
                    let branch = chosen.iter().position(|one| *one == at);
                    networks.extend(member.networks.iter().map(|network| (network.clone(), branch)));
                }
                let otherwise = chosen.iter().position(|at| of(at).networks.is_empty());
                Mix::branches(By::Network(networks, otherwise.unwrap_or(0)), mixes().collect())
            }
            "geo" => {
                let (mut regions, mut points) = (Vec::new(), Vec::new());
                for (branch, at) in chosen.iter().enumerate() {
                    regions.extend(of(at).regions.iter().map(|region| (region.clone(), branch)));
                    points.extend(of(at).point.map(|point| (point, branch)));
                }
                let nowhere = |at: &usize| of(at).regions.is_empty() && of(at).point.is_none();
                let otherwise = chosen.iter().position(nowhere).unwrap_or(0);
                Mix::branches(By::Place(regions, points, otherwise), mixes().collect())
            }
            other => panic!("a policy {other}"),
        };
        (chosen, mix)
    }

    /// The quickest of the best, unless the one whose turn it is is nearly as quick.
    fn fastest(&mut self, group: &Group, path: &str, members: &[Found], part: &[usize]) -> Option<usize> {
        const LEAST: u64 = 5_000_000;
        let best = part.iter().map(|at| members[*at].tier).max()?;
        let candidates: Vec<usize> = part
            .iter()
            .copied()
            .filter(|at| members[*at].tier == best)
            .collect();
        let time = |at: usize| members[at].latency.unwrap_or(u64::MAX);
        let quickest = candidates.iter().copied().min_by_key(|at| (time(*at), *at))?;
        let key = (path.to_owned(), self.family);
        let turn = self.memory.fastest.entry(key).or_insert(quickest);
        let stays = candidates.contains(turn)
            && match (members[*turn].latency, members[quickest].latency) {
                (_, None) => true,
                (None, Some(_)) => false,
                (Some(now), Some(other)) => {
                    let margin = u128::from(group.margin.unwrap().min(99));
                    now.saturating_sub(other) < LEAST
                        || u128::from(other) * 100 > u128::from(now) * (100 - margin)
                }
            };
        if !stays {
            *turn = quickest;
        }
        Some(*turn)
    }
}

/// Loads under `weighted`: weights, or what capacities have room for.
fn loads(group: &Group, members: &[Found]) -> Vec<f64> {
    let kept = f64::from(group.degraded_weight) / 1000.0;
    let keeps = |found: &Found| match (found.up, found.tier) {
        (false, _) => 0.0,
        (true, Tier::Degraded) => kept,
        (true, _) => 1.0,
    };
    let part: Vec<usize> = (0..members.len()).filter(|at| members[*at].has_family).collect();
    let weight = |at: usize| f64::from(group.members[at].weight);
    let keep: Vec<f64> = members.iter().map(keeps).collect();
    let sum: f64 = part.iter().map(|at| weight(*at)).sum();
    let room: Vec<Option<f64>> = (0..members.len())
        .map(|at| match keep[at] > 0.0 {
            true => group.members[at].capacity.map(f64::from).or(members[at].capacity),
            false => Some(0.0),
        })
        .collect();
    let mut loads = vec![0.0; members.len()];
    let silent = part.iter().any(|at| keep[*at] > 0.0 && room[*at].is_none());
    if silent || sum <= 0.0 {
        part.iter().for_each(|at| loads[*at] = weight(*at) * keep[*at]);
        return loads;
    }
    let room = |at: usize| room[at].unwrap_or(0.0);
    let demand = group.demand.map_or(sum, f64::from);
    let all: f64 = part.iter().map(|at| room(*at)).sum();
    if all <= demand {
        if all > 0.0 {
            part.iter().for_each(|at| loads[*at] = room(*at) * demand / all);
        }
        return loads;
    }
    for at in &part {
        loads[*at] = (demand * weight(*at) / sum * keep[*at]).min(room(*at));
    }
    for well in [true, false] {
        let spare = |at: usize, loads: &[f64]| match (keep[at] >= 1.0) == well && weight(at) > 0.0 {
            true => (room(at) - loads[at]).max(0.0),
            false => 0.0,
        };
        let spares: Vec<f64> = part.iter().map(|at| spare(*at, &loads)).collect();
        let together: f64 = spares.iter().sum();
        let left = demand - part.iter().map(|at| loads[*at]).sum::<f64>();
        if together > 0.0 && left > 0.0 {
            let share = (left / together).min(1.0);
            for (at, spare) in part.iter().zip(spares) {
                loads[*at] += spare * share;
            }
        }
    }
    loads
}
