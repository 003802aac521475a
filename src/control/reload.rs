//! From an old plan to a new one: what keeps its health, and which answers stand.
//!
//! Targets are matched by what they ask of whom; a change of `rules` alone keeps the health, too. Failover groups keep
//! their active member by the names of service, pool and member. Ids are fresh, so every service is published again.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

use crate::control::drill::State;
use crate::control::effect::{Effect, HistoryKind};
use crate::control::probing::SWEEP;
use crate::control::schedule::{Due, Schedule};
use crate::control::step::Control;
use crate::control::watch::{Desk, Watch};
use crate::health::isolation::{Census, Isolation};
use crate::health::standing::Hold;
use crate::model::id::{EndpointId, TargetId};
use crate::model::plan::Plan;
use crate::model::service::{Group, MemberKind, Service};
use crate::model::time::{Moment, Now};
use crate::policy::failover::Seat;
use crate::policy::readings::{Family, Memory};
use crate::policy::tree::{endpoints_of, member_name};

impl Control {
    /// Puts `plan` in force; publishes every service of it when the sockets are open.
    pub(super) fn replan(&mut self, now: Now, plan: Arc<Plan>, effects: &mut Vec<Effect>) {
        // What is rehearsed was judged by the old plan.
        let why = "a new configuration comes first".to_owned();
        self.end_drill(now, State::Aborted, why, effects);
        let old = std::mem::replace(&mut self.plan, plan.clone());
        self.meters.replan(&old, &plan);
        let matched = self.match_targets(&old, &plan);
        let gone = self.move_flights(&old, &matched, effects);
        let mut watches: Vec<Option<Watch>> =
            std::mem::take(&mut self.watches).into_iter().map(Some).collect();
        let trial = now.moment.after(plan.node.startup_wait);
        let mut new = Vec::new();
        for (index, (from, target)) in matched.iter().zip(&plan.targets).enumerate() {
            let kept = from
                .and_then(|old| watches.get_mut(old.index()))
                .and_then(Option::take);
            if kept.is_none() {
                new.push(TargetId::from_index(index));
            }
            let mut watch = kept.unwrap_or_else(|| Watch::new(now, Some(trial), &target.check));
            watch.expects = target.check.expects;
            watch.treatment = target.check.treatment;
            watch.counted = Census::default();
            watch.strict = false;
            self.watches.push(watch);
        }
        let gates = self.take_gates(&old);
        self.move_desks(&old, &plan);
        self.move_pending(&matched);
        self.reschedule(now, &new, trial);
        self.move_gates(now, &old, gates, effects);
        self.move_overrides(now, &old, effects);
        self.wait_for_the_disk_again(now);
        self.move_isolation(now, &old, effects);
        self.on_trial = self.watches.iter().filter(|watch| watch.on_trial()).count();
        self.census = Census::default();
        for index in 0..self.watches.len() {
            self.refresh(now, TargetId::from_index(index));
        }
        self.wait_at_the_brake_again(now, effects);
        let names: HashSet<String> = plan.services.iter().map(Service::display_name).collect();
        self.ledger.sweep(|service| names.contains(service), now.moment);
        let kind = HistoryKind::Planned {
            kept: matched.iter().flatten().count(),
            new: new.len(),
            gone,
        };
        Self::tell(now, false, kind, effects);
        self.dirty.clear();
        if self.opened {
            self.decide_all(now, effects);
            let unknown: Vec<TargetId> = new
                .iter()
                .copied()
                .filter(|target| {
                    self.watches
                        .get(target.index())
                        .is_some_and(|w| w.users.iter().any(|id| self.is_fresh(*id)))
                })
                .collect();
            if !unknown.is_empty() {
                self.tell_unknown(now, &unknown, effects);
            }
        } else {
            for service in &plan.services {
                self.mark(service.id);
            }
        }
    }

    fn is_fresh(&self, service: crate::model::id::ServiceId) -> bool {
        self.desks.get(service.index()).is_some_and(|desk| desk.fresh)
    }

    /// For each new target the old one that it goes on from.
    fn match_targets(&self, old: &Plan, new: &Plan) -> Vec<Option<TargetId>> {
        let mut places: HashMap<(IpAddr, u16), Vec<TargetId>> = HashMap::new();
        for target in &old.targets {
            places
                .entry((target.address, target.port))
                .or_default()
                .push(target.id);
        }
        let mut matched: Vec<Option<TargetId>> = vec![None; new.targets.len()];
        // The very same streams first, so that a change of rules never takes another's health.
        for exactly in [true, false] {
            for (target, slot) in new.targets.iter().zip(&mut matched) {
                let Some(candidates) = places.get_mut(&(target.address, target.port)) else {
                    continue;
                };
                if slot.is_some() {
                    continue;
                }
                let found = candidates.iter().position(|id| {
                    old.targets.get(id.index()).is_some_and(|known| {
                        if exactly {
                            known.is_same_stream(target)
                        } else {
                            known.check.kind.asks_the_same(&target.check.kind)
                                && known.check.treatment.inverted == target.check.treatment.inverted
                        }
                    })
                });
                *slot = found.map(|at| candidates.swap_remove(at));
            }
        }
        matched
    }

    /// Probes under way follow their target or are forgotten; how many targets are gone.
    fn move_flights(&mut self, old: &Plan, matched: &[Option<TargetId>], effects: &mut Vec<Effect>) -> usize {
        let mut moved: Vec<Option<TargetId>> = vec![None; old.targets.len()];
        for (index, from) in matched.iter().enumerate() {
            if let Some(slot) = from.and_then(|from| moved.get_mut(from.index())) {
                *slot = Some(TargetId::from_index(index));
            }
        }
        self.flights.retain(
            |ticket, flight| match moved.get(flight.target.index()).copied().flatten() {
                Some(target) => {
                    flight.target = target;
                    true
                }
                None => {
                    effects.push(Effect::Forget(*ticket));
                    false
                }
            },
        );
        moved.iter().filter(|to| to.is_none()).count()
    }

    fn move_pending(&mut self, matched: &[Option<TargetId>]) {
        let pending = std::mem::take(&mut self.pending);
        self.pending = matched
            .iter()
            .enumerate()
            .filter(|(_, from)| from.is_some_and(|from| pending.contains(&from)))
            .map(|(index, _)| TargetId::from_index(index))
            .collect();
    }

    fn move_desks(&mut self, old: &Plan, new: &Plan) {
        let mut known: BTreeMap<String, (usize, Desk)> = BTreeMap::new();
        for (service, desk) in old.services.iter().zip(std::mem::take(&mut self.desks)) {
            known.insert(
                service.display_name().to_ascii_lowercase(),
                (service.id.index(), desk),
            );
        }
        for service in &new.services {
            let found = known.remove(&service.display_name().to_ascii_lowercase());
            let desk = match found {
                Some((index, mut desk)) if desk.last.is_some() => {
                    if let Some(before) = old.services.get(index) {
                        desk.memory = move_memory(old, before, new, service, &desk.memory);
                    }
                    if let Some(last) = &mut desk.last {
                        last.service = service.id;
                    }
                    Desk {
                        memory: desk.memory,
                        last: desk.last,
                        since: desk.since,
                        proposed: desk.proposed,
                        said: desk.said,
                        all_down: desk.all_down,
                        all_down_entries: desk.all_down_entries,
                        changes: desk.changes,
                        ..Desk::default()
                    }
                }
                _ => Desk {
                    fresh: true,
                    memory: self.recall(service),
                    ..Desk::default()
                },
            };
            self.desks.push(desk);
        }
    }

    /// A schedule of the new plan's ids.
    fn reschedule(&mut self, now: Now, new: &[TargetId], trial: Moment) {
        self.schedule = Schedule::default();
        self.wire_up();
        self.sweeping = !self.flights.is_empty();
        if self.sweeping {
            self.schedule.enter(now.moment.after(SWEEP), Due::Sweep);
        }
        self.schedule.enter(trial, Due::TrialEnds);
        let mut trials: Vec<Moment> = Vec::new();
        for index in 0..self.watches.len() {
            let target = TargetId::from_index(index);
            let Some(watch) = self.watches.get_mut(index) else {
                continue;
            };
            // Confirming probes of the old schedule are gone with it.
            watch.epoch = watch.epoch.wrapping_add(1);
            if let Some(deadline) = watch.gate.deadline() {
                self.schedule.enter(deadline, Due::Hold(target));
            }
            if watch.on_trial() {
                trials.extend(watch.trial.filter(|until| *until != trial));
            }
            if watch.regular.is_none() && new.binary_search(&target).is_err() {
                let due = watch.due.max(now.moment);
                if watch.beats {
                    self.await_next_beat(now, target);
                } else {
                    self.plan_probe(target, due);
                }
            }
        }
        trials.sort_unstable();
        trials.dedup();
        for until in trials {
            self.schedule.enter(until, Due::TrialEnds);
        }
        for (nth, target) in new.iter().enumerate() {
            self.first_probe(now, *target, nth);
        }
    }

    fn move_isolation(&mut self, now: Now, old: &Plan, effects: &mut Vec<Effect>) {
        let references = &self.plan.node.isolation.references;
        if *references != old.node.isolation.references {
            let frozen = self.isolation.is_frozen();
            self.isolation = Isolation::new(references.len());
            if frozen {
                Self::tell(now, true, HistoryKind::Isolated(false), effects);
            }
            self.pending.clear();
            self.begin_anew(now);
        }
        if self.isolation.is_on() {
            self.plan_references(now.moment);
        }
    }

    pub(super) fn wait_at_the_brake_again(&mut self, now: Now, effects: &mut Vec<Effect>) {
        for index in 0..self.watches.len() {
            let target = TargetId::from_index(index);
            if let Some(watch) = self.watches.get_mut(index)
                && watch.gate.held() == Some(Hold::Brake)
            {
                watch.gate.believe_up();
                let first = watch.monitor.first();
                self.pass_brake(now, target, "held by the brake before the reload", first, effects);
                self.refresh(now, target);
            }
        }
    }
}

/// What a service remembers, in the new plan's numbers.
fn move_memory(old: &Plan, before: &Service, new: &Plan, after: &Service, memory: &Memory) -> Memory {
    let mut moved = Memory::default();
    move_seats((old, &before.group), (new, &after.group), memory, &mut moved);
    let mut ids: Vec<EndpointId> = Vec::new();
    endpoints_of(&after.group, &mut ids);
    let addresses: Vec<IpAddr> = ids
        .iter()
        .filter_map(|id| new.endpoints.get(id.index()))
        .flat_map(|endpoint| endpoint.addresses.iter().map(|address| address.address))
        .collect();
    // A last answer that names what is no longer there is not kept past the reload.
    moved.last_good = memory.last_good.clone().map(|choice| {
        choice.filter(|choice| choice.addresses.iter().all(|address| addresses.contains(address)))
    });
    moved.current.clone_from(&memory.current);
    moved
}

fn move_seats(
    (old, before): (&Plan, &Group),
    (new, after): (&Plan, &Group),
    memory: &Memory,
    moved: &mut Memory,
) {
    let names = |plan: &Plan, group: &Group| -> Vec<String> {
        group
            .members
            .iter()
            .map(|member| member_name(&plan.endpoints, member))
            .collect()
    };
    let (old_names, new_names) = (names(old, before), names(new, after));
    for family in Family::BOTH {
        let quickest = memory.fastest.get(&(before.id, family));
        if let Some(name) = quickest.and_then(|index| old_names.get(*index))
            && let Some(index) = new_names.iter().position(|new| new == name)
        {
            moved.fastest.insert((after.id, family), index);
        }
        let Some(seat) = memory.seats.get(&(before.id, family)) else {
            continue;
        };
        let active = seat
            .active
            .and_then(|active| old_names.get(active))
            .and_then(|name| new_names.iter().position(|new| new == name));
        let up_since = new_names
            .iter()
            .map(|name| {
                let index = old_names.iter().position(|old| old == name)?;
                seat.up_since.get(index).copied().flatten()
            })
            .collect();
        moved.seats.insert(
            (after.id, family),
            Seat {
                active,
                by_hand: seat.by_hand && active.is_some(),
                up_since,
            },
        );
    }
    for member in &after.members {
        let MemberKind::Pool(pool) = &member.kind else {
            continue;
        };
        let counterpart = before.members.iter().find_map(|member| match &member.kind {
            MemberKind::Pool(known) if known.pool == pool.pool => Some(known),
            _ => None,
        });
        if let Some(counterpart) = counterpart {
            move_seats((old, counterpart), (new, pool), memory, moved);
        }
    }
}
