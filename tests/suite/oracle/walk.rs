//! A service's groups walked from the report alone: who is up, and what would be answered (`docs/explain.md`).

use std::collections::HashMap;
use std::net::IpAddr;

use super::mix::{By, Mix, Part};
use super::report::{Basis, Endpoint, Group, Member, Seat};

/// How good something is, worst first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Tier {
    #[default]
    Down,
    Held,
    Degraded,
    Up,
}

impl Tier {
    fn read(text: &str) -> Self {
        match text {
            "up" => Self::Up,
            "degraded" => Self::Degraded,
            "held down" => Self::Held,
            "down" => Self::Down,
            other => panic!("a tier {other}"),
        }
    }
}

/// One address as the decision sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    pub(crate) address: IpAddr,
    pub(crate) tier: Tier,
    pub(crate) waiting: bool,
    pub(crate) in_doubt: bool,
    pub(crate) flip: Option<u64>,
    smooth: Option<u64>,
}

/// What is remembered: per path of pools and family.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory {
    seats: HashMap<(String, usize), Seat>,
    fastest: HashMap<(String, usize), usize>,
}

impl Memory {
    pub(crate) fn of(basis: &Basis) -> Self {
        let mut memory = Self::default();
        memory.take_in(&basis.group, "");
        memory
    }

    fn take_in(&mut self, group: &Group, path: &str) {
        let family = |name: &str| usize::from(name == "AAAA");
        for one in &group.seats {
            let key = (path.to_owned(), family(&one.family));
            self.seats.insert(key, one.seat.clone());
        }
        for turn in &group.fastest {
            let key = (path.to_owned(), family(&turn.family));
            self.fastest.insert(key, turn.member);
        }
        for member in &group.members {
            if let Some(pool) = &member.group {
                self.take_in(pool, &below(path, &member.name));
            }
        }
    }
}

fn below(path: &str, name: &str) -> String {
    format!("{path}/{name}")
}

/// What a walk demands of members.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Demand {
    pub(crate) tier: Tier,
    pub(crate) min_up: bool,
}

/// What was found of a member or group.
#[derive(Clone, Debug, Default)]
pub(crate) struct Found {
    pub(crate) up: bool,
    has_family: bool,
    pub(crate) mix: Mix,
    tier: Tier,
    capacity: Option<f64>,
    latency: Option<u64>,
}

/// One walk for one family.
pub(crate) struct Walk<'b> {
    pub(crate) basis: &'b Basis,
    pub(crate) family: usize,
    pub(crate) demand: Demand,
    /// As if operators had laid nothing upon endpoints.
    pub(crate) unforced: bool,
    pub(crate) now: u64,
    pub(crate) memory: Memory,
    pub(crate) wake: Option<u64>,
    /// Who is active although it is down, where an operator must switch.
    pub(crate) stuck: Option<String>,
}

pub(crate) fn removes(endpoint: &Endpoint) -> bool {
    matches!(endpoint.forced.as_deref(), Some("drain" | "down"))
}

pub(crate) fn holds(family: usize, address: IpAddr) -> bool {
    (family == 0) == address.is_ipv4()
}

/// Addresses of an endpoint with what operators say laid over what probes say.
pub(crate) fn seen(endpoint: &Endpoint, unforced: bool) -> Vec<Seen> {
    let forced = endpoint.forced.as_deref().filter(|_| !unforced);
    let one = |known: &super::report::Address| Seen {
        address: known.address,
        tier: match forced {
            Some("up") => Tier::Up,
            Some(_) => Tier::Down,
            None => Tier::read(&known.tier),
        },
        waiting: known.waiting && forced.is_none(),
        in_doubt: known.in_doubt,
        flip: known.earliest_flip_ns,
        smooth: known.smooth_ns,
    };
    endpoint.addresses.iter().map(one).collect()
}

/// All endpoints below a group, in the order written.
pub(crate) fn endpoints<'g>(group: &'g Group, into: &mut Vec<&'g Endpoint>) {
    for member in &group.members {
        into.extend(&member.endpoint);
        if let Some(pool) = &member.group {
            endpoints(pool, into);
        }
    }
}

impl Walk<'_> {
    fn endpoint(&self, endpoint: &Endpoint) -> Found {
        let all = seen(endpoint, self.unforced);
        let mine: Vec<&Seen> = all.iter().filter(|one| holds(self.family, one.address)).collect();
        let has_family = !mine.is_empty();
        let tier = if self.basis.families == "together" {
            all.iter().map(|one| one.tier).min()
        } else if has_family {
            mine.iter().map(|one| one.tier).max()
        } else {
            all.iter().map(|one| one.tier).max()
        }
        .unwrap_or_default();
        let removed = removes(endpoint) && !self.unforced;
        let up = tier >= self.demand.tier && !(tier == Tier::Down && removed);
        let usable: Vec<&Seen> = mine
            .into_iter()
            .filter(|one| up && one.tier >= self.demand.tier)
            .collect();
        Found {
            up,
            has_family,
            tier,
            capacity: None,
            latency: usable.iter().filter_map(|one| one.smooth).min(),
            mix: Mix::run(usable.iter().map(|one| one.address).collect(), None),
        }
    }

    fn member(&mut self, member: &Member, path: &str) -> Found {
        match (&member.endpoint, &member.group) {
            (Some(endpoint), _) => self.endpoint(endpoint),
            (None, Some(pool)) => self.group(pool, &below(path, &member.name)),
            (None, None) => panic!("a member that is nothing"),
        }
    }

    pub(crate) fn group(&mut self, group: &Group, path: &str) -> Found {
        let demand = self.demand;
        let failover = group.policy == "failover";
        if !failover {
            self.demand.tier = demand.tier.min(Tier::Degraded);
        }
        let mut members: Vec<Found> = Vec::new();
        for member in &group.members {
            members.push(self.member(member, path));
        }
        self.demand = demand;
        let part: Vec<&Found> = members.iter().filter(|one| failover || one.has_family).collect();
        let up = part.iter().filter(|one| one.up).count();
        let well = part.iter().filter(|one| one.tier == Tier::Up).count();
        let wanted = if demand.min_up { group.min_up } else { 1 };
        let best = part.iter().map(|one| one.tier).max();
        let mut tier = best
            .or_else(|| members.iter().map(|one| one.tier).max())
            .unwrap_or_default();
        if well < group.degraded_below {
            tier = tier.min(Tier::Degraded);
        }
        let enough = up >= wanted.min(part.len()).max(1) && tier >= demand.tier;
        let has_family = members.iter().any(|one| one.has_family);
        let (chosen, mix) = if failover {
            self.one_in_order(group, path, &members)
        } else {
            self.several(group, path, &members)
        };
        let picked = || chosen.iter().map(|at| (&group.members[*at], &members[*at]));
        let capacity = |(member, found): (&Member, &Found)| member.capacity.map(f64::from).or(found.capacity);
        Found {
            up: enough,
            has_family,
            tier,
            capacity: picked().map(capacity).sum(),
            latency: picked().filter_map(|(_, found)| found.latency).min(),
            mix: if enough { mix } else { Mix::default() },
        }
    }

    fn one_in_order(&mut self, group: &Group, path: &str, members: &[Found]) -> (Vec<usize>, Mix) {
        let demand = self.demand;
        let well: Vec<bool> = members.iter().map(|one| one.up && one.tier == Tier::Up).collect();
        let mut usable: Vec<bool> = members.iter().map(|one| one.up).collect();
        if demand.tier == Tier::Degraded && well.contains(&true) {
            usable.clone_from(&well);
        }
        let own = group.pool.is_none();
        let manual = own && self.basis.switch == "manual" && !self.is_taken_out(group, path);
        let failback = match demand.tier {
            Tier::Held => "manual",
            Tier::Down if self.basis.when_all_down == "last" => "manual",
            _ => self.basis.failback.as_str(),
        };
        let now = self.now;
        let seat = self
            .memory
            .seats
            .entry((path.to_owned(), self.family))
            .or_default();
        if demand.tier >= Tier::Degraded {
            seat.up_since_ns.resize(well.len(), None);
            for (since, well) in seat.up_since_ns.iter_mut().zip(&well) {
                *since = if *well { since.or(Some(now)) } else { None };
            }
        }
        let Some(first) = usable.iter().position(|usable| *usable) else {
            return (Vec::new(), Mix::default());
        };
        let mut chosen = first;
        let mut stuck = false;
        if let Some(active) = seat.active.filter(|active| *active < usable.len()) {
            if !usable[active] {
                if manual {
                    (chosen, stuck) = (active, true);
                }
            } else if active > first {
                match failback {
                    _ if seat.by_hand => chosen = active,
                    "manual" => chosen = active,
                    "after" => {
                        let wait = self.basis.failback_after_ns.unwrap();
                        let due = |at: usize| seat.up_since_ns.get(at).copied().flatten().map(|s| s + wait);
                        let better: Vec<usize> = (0..active).filter(|at| usable[*at]).collect();
                        let ready = better.iter().find(|at| due(**at).is_some_and(|at| at <= now));
                        match ready {
                            Some(at) => chosen = *at,
                            None => {
                                chosen = active;
                                let next = better.iter().filter_map(|at| due(*at)).min();
                                self.wake = self.wake.into_iter().chain(next).min();
                            }
                        }
                    }
                    _ => {}
                }
            }
        }
        if seat.active != Some(chosen) {
            (seat.active, seat.by_hand) = (Some(chosen), false);
        }
        if !stuck {
            return (vec![chosen], members[chosen].mix.clone());
        }
        self.demand = Demand {
            tier: Tier::Down,
            min_up: false,
        };
        let memory = self.memory.clone();
        let mix = self.member(&group.members[chosen], path).mix;
        self.memory = memory;
        self.demand = demand;
        self.stuck = Some(group.members[chosen].name.clone());
        (vec![chosen], mix)
    }

    fn is_taken_out(&self, group: &Group, path: &str) -> bool {
        let seat = self.memory.seats.get(&(path.to_owned(), self.family));
        let active = seat
            .and_then(|seat| seat.active)
            .and_then(|at| group.members.get(at));
        let mut all = Vec::new();
        if let Some(member) = active {
            all.extend(&member.endpoint);
            if let Some(pool) = &member.group {
                endpoints(pool, &mut all);
            }
        }
        !self.unforced && !all.is_empty() && all.iter().all(|endpoint| removes(endpoint))
    }

    fn several(&mut self, group: &Group, path: &str, members: &[Found]) -> (Vec<usize>, Mix) {
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

/// Whether every part of what one may answer is a plain run.
pub(crate) fn addresses(mix: &Mix) -> Vec<IpAddr> {
    let mut all = Vec::new();
    for (_, part) in &mix.0 {
        match part {
            Part::Run(run, _) => all.extend(run),
            Part::Branches(_, members) => members.iter().for_each(|member| all.extend(addresses(member))),
        }
    }
    all
}
