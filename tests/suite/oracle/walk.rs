//! A service's groups walked from the report alone: who is up, and what would be answered (`docs/explain.md`).

use std::collections::HashMap;
use std::net::IpAddr;

use super::mix::{Mix, Own, Part};
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
    pub(super) fastest: HashMap<(String, usize), usize>,
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
    pub(super) has_family: bool,
    pub(crate) mix: Mix,
    pub(super) tier: Tier,
    pub(super) capacity: Option<f64>,
    pub(super) latency: Option<u64>,
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

/// What tells endpoints apart: where they stand in the report.
pub(crate) fn number(endpoint: &Endpoint) -> usize {
    std::ptr::from_ref(endpoint) as usize
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
            mix: Mix::run(
                usable.iter().map(|one| (one.address, number(endpoint))).collect(),
                None,
            ),
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
}

/// Every address that may be answered.
pub(crate) fn addresses(mix: &Mix) -> Vec<Own> {
    let mut all = Vec::new();
    for (_, part) in &mix.0 {
        match part {
            Part::Run(run, _) => all.extend(run),
            Part::Branches(_, members) => members.iter().for_each(|member| all.extend(addresses(member))),
        }
    }
    all
}
