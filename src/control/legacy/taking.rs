//! The successor's side: a legacy laid upon a signal box that has just begun.

use std::collections::HashMap;

use super::{Bench, Heir, Legacy, Place, stream};
use crate::control::effect::{Effect, HistoryKind};
use crate::control::schedule::Due;
use crate::control::step::Control;
use crate::control::watch::Desk;
use crate::health::isolation::Census;
use crate::model::id::{EndpointId, TargetId};
use crate::model::plan::Plan;
use crate::model::service::{Group, MemberKind, Service};
use crate::model::time::{Moment, Now};
use crate::policy::failover::Seat;
use crate::policy::readings::{Family, Memory};
use crate::policy::tree::member_name;

/// What a service remembers of its groups, under names.
pub(super) fn named(plan: &Plan, service: &Service, memory: &Memory) -> Bench {
    let mut bench = Bench::of(service.display_name());
    walk(
        plan,
        &service.group,
        &mut Vec::new(),
        &mut |path, group, names| {
            for family in Family::BOTH {
                if let Some(name) = memory
                    .fastest
                    .get(&(group.id, family))
                    .and_then(|index| names.get(*index))
                {
                    bench.fastest.push((path.to_vec(), family, name.clone()));
                }
                let Some(seat) = memory.seats.get(&(group.id, family)) else {
                    continue;
                };
                let since = names.iter().zip(&seat.up_since);
                bench.seats.push(Place {
                    path: path.to_vec(),
                    family,
                    active: seat.active.and_then(|active| names.get(active).cloned()),
                    by_hand: seat.by_hand,
                    up_since: since
                        .filter_map(|(name, since)| since.map(|since| (name.clone(), since)))
                        .collect(),
                });
            }
        },
    );
    bench
}

/// Calls `each` for a group and the pools within, with the path there and the names of its members.
fn walk(
    plan: &Plan,
    group: &Group,
    path: &mut Vec<String>,
    each: &mut impl FnMut(&[String], &Group, &[String]),
) {
    let members = group.members.iter();
    let names: Vec<String> = members
        .map(|member| member_name(&plan.endpoints, member))
        .collect();
    each(path, group, &names);
    for (member, name) in group.members.iter().zip(names) {
        if let MemberKind::Pool(pool) = &member.kind {
            path.push(name);
            walk(plan, pool, path, each);
            path.pop();
        }
    }
}

/// The memory of a service in the plan's numbers.
fn numbered(plan: &Plan, service: &Service, bench: &Bench) -> Memory {
    let mut memory = Memory {
        held: bench.held,
        last_good: bench.last_good.clone(),
        current: bench.current.clone(),
        ..Memory::default()
    };
    walk(
        plan,
        &service.group,
        &mut Vec::new(),
        &mut |path, group, names| {
            let index = |name: &String| names.iter().position(|known| known == name);
            for place in bench.seats.iter().filter(|place| place.path == path) {
                let active = place.active.as_ref().and_then(index);
                let since: HashMap<&String, Moment> = place
                    .up_since
                    .iter()
                    .map(|(name, since)| (name, *since))
                    .collect();
                let seat = Seat {
                    active,
                    by_hand: place.by_hand && active.is_some(),
                    up_since: names.iter().map(|name| since.get(name).copied()).collect(),
                };
                memory.seats.insert((group.id, place.family), seat);
            }
            let turns = bench.fastest.iter().filter(|(known, ..)| known == path);
            for (_, family, name) in turns {
                if let Some(index) = index(name) {
                    memory.fastest.insert((group.id, *family), index);
                }
            }
        },
    );
    memory
}

/// For each target of the plan, whose heir it is.
fn matched(plan: &Plan, heirs: &[Heir]) -> Vec<Option<usize>> {
    let mut free: HashMap<u64, Vec<usize>> = HashMap::new();
    for (index, heir) in heirs.iter().enumerate().rev() {
        free.entry(heir.roughly).or_default().push(index);
    }
    let streams: Vec<(u64, u64)> = plan.targets.iter().map(stream).collect();
    let mut matched = vec![None; streams.len()];
    // The very same streams first, so that a change of rules never takes another's health.
    for exact in [true, false] {
        for ((exactly, roughly), slot) in streams.iter().zip(&mut matched) {
            let Some(candidates) = free.get_mut(roughly).filter(|_| slot.is_none()) else {
                continue;
            };
            let same = |index: &usize| heirs.get(*index).is_some_and(|heir| heir.exactly == *exactly);
            let found = candidates.iter().rposition(|index| !exact || same(index));
            *slot = found.map(|at| candidates.remove(at));
        }
    }
    matched
}

impl Control {
    /// Goes on where another has stopped: call it at once after the beginning, with what the other remembered. Publishes
    /// every service; the sockets need not wait.
    pub fn take_over(&mut self, now: Now, mut legacy: Legacy, effects: &mut Vec<Effect>) {
        self.front = effects.len();
        let plan = self.plan.clone();
        let matched = matched(&plan, &legacy.targets);
        let mut heirs: Vec<Option<Heir>> = std::mem::take(&mut legacy.targets)
            .into_iter()
            .map(Some)
            .collect();
        let total = heirs.len();
        let mut new = Vec::new();
        for (index, from) in matched.iter().enumerate() {
            let target = TargetId::from_index(index);
            let heir = from.and_then(|from| heirs.get_mut(from)).and_then(Option::take);
            match heir {
                Some(heir) => self.inherit_target(now, target, heir),
                None => new.push(target),
            }
        }
        let mut benches: HashMap<String, Bench> = std::mem::take(&mut legacy.services)
            .into_iter()
            .map(|bench| (bench.name.clone(), bench))
            .collect();
        for service in &plan.services {
            if let Some(bench) = benches.remove(&service.display_name()) {
                self.inherit_service(&plan, service, bench);
            }
        }
        self.ledger = std::mem::take(&mut legacy.ledger);
        self.last_good = legacy.last_good;
        if self.isolation.is_on() {
            self.isolation.set_frozen(legacy.frozen);
        }
        self.inherit_words(&plan, &legacy);
        self.opened = true;
        self.on_trial = self.watches.iter().filter(|watch| watch.on_trial()).count();
        self.census = Census::default();
        for (index, _) in plan.targets.iter().enumerate() {
            if let Some(watch) = self.watches.get_mut(index) {
                watch.counted = Census::default();
            }
            self.refresh(now, TargetId::from_index(index));
        }
        self.wait_at_the_brake_again(now, effects);
        self.dirty.clear();
        self.decide_all(now, effects);
        if !new.is_empty() || total > matched.iter().flatten().count() {
            let kept = matched.iter().flatten().count();
            let kind = HistoryKind::Planned {
                kept,
                new: new.len(),
                gone: total.saturating_sub(kept),
            };
            Self::tell(now, false, kind, effects);
        }
        effects.push(Effect::OpenSockets);
    }

    fn inherit_target(&mut self, now: Now, target: TargetId, heir: Heir) {
        let Some(watch) = self.watches.get_mut(target.index()) else {
            return;
        };
        watch.monitor = heir.monitor;
        watch.gate = heir.gate;
        watch.began = heir.began;
        // Confirming probes of the other's are nobody's now.
        watch.epoch = watch.epoch.wrapping_add(1);
        watch.trial = heir.trial.and(watch.trial);
        watch.never_up = heir.never_up;
        watch.seen = heir.seen;
        watch.degradation = heir.degradation;
        watch.said_degraded = heir.said_degraded;
        watch.meter = heir.meter;
        let (derived, beats) = (watch.derived, watch.beats);
        if let Some(deadline) = watch.gate.deadline() {
            self.schedule.enter(deadline, Due::Hold(target));
        }
        if beats {
            self.await_next_beat(now, target);
        } else if !derived {
            // A probe that was under way is sent again: its result went to the other.
            self.plan_probe(target, heir.due.unwrap_or(now.moment).max(now.moment));
        }
    }

    fn inherit_service(&mut self, plan: &Plan, service: &Service, bench: Bench) {
        let memory = numbered(plan, service, &bench);
        let mut last = bench.last;
        if let Some(last) = &mut last {
            last.service = service.id;
        }
        if let Some(desk) = self.desks.get_mut(service.id.index()) {
            *desk = Desk {
                memory,
                fresh: last.is_none(),
                last,
                since: bench.since,
                proposed: bench.proposed,
                said: bench.said,
                all_down: bench.all_down,
                all_down_entries: bench.all_down_entries,
                changes: bench.changes,
                ..Desk::default()
            };
        }
    }

    /// What was told already is not told again; what was counted goes on.
    fn inherit_words(&mut self, plan: &Plan, legacy: &Legacy) {
        let named = |id: EndpointId| {
            let endpoint = plan.endpoints.get(id.index())?;
            let service = plan.services.get(endpoint.service.index())?;
            Some((service.display_name(), endpoint.name.clone()))
        };
        for (id, told) in &mut self.draining {
            *told |= named(*id).is_some_and(|names| legacy.drained.contains(&names));
        }
        let again: HashMap<(&str, &str), Moment> = legacy
            .masked
            .iter()
            .map(|(service, endpoint, at)| ((service.as_str(), endpoint.as_str()), *at))
            .collect();
        if !again.is_empty() {
            for index in 0..plan.endpoints.len() {
                let id = EndpointId::from_index(index);
                let Some((service, endpoint)) = named(id) else {
                    continue;
                };
                if let Some(at) = again.get(&(service.as_str(), endpoint.as_str())) {
                    self.masked.insert(id, *at);
                    self.schedule.enter(*at, Due::Remind(id));
                }
            }
        }
        let mut results: HashMap<&str, &Vec<u64>> = legacy
            .results
            .iter()
            .map(|(name, counts)| (name.as_str(), counts))
            .collect();
        for (check, counts) in plan.checks.iter().zip(&mut self.meters.checks) {
            // Checks of several zones may share a name, and a row of metrics: the first has the sum.
            if let Some(known) = results.remove(check.name.as_str()) {
                counts
                    .iter_mut()
                    .zip(known)
                    .for_each(|(count, known)| *count = count.saturating_add(*known));
            }
        }
    }
}
