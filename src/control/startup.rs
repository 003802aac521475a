//! How a plan begins, and when the sockets may open: with a verdict for every target, or after `startup_wait`.

use std::time::Duration;

use crate::control::deciding::{by_hand_key, seat_key};
use crate::control::effect::{Effect, HistoryKind};
use crate::control::schedule::Due;
use crate::control::step::Control;
use crate::control::watch::{Desk, Watch};
use crate::health::brake::Brake;
use crate::health::isolation::Isolation;
use crate::health::monitor::Turn;
use crate::model::id::TargetId;
use crate::model::plan::Plan;
use crate::model::service::{Group, MemberKind, Policy, Service};
use crate::model::time::Now;
use crate::policy::readings::{Family, Memory};
use crate::policy::tree::member_name;

/// Between the first probes of two targets: ten thousand of them are sent within half a second, not at one instant.
const STAGGER: Duration = Duration::from_micros(50);
/// Within the time for first verdicts a silent target is tried this often at the most.
const TRIES: u32 = 10;
/// And so much less often, the more targets are silent.
const PER_SILENT_TARGET: Duration = Duration::from_millis(1);

impl Control {
    /// Sets up watches and desks for the plan in force, all unknown.
    pub(super) fn begin(&mut self, now: Now) {
        let plan = self.plan.clone();
        let trial = now.moment.after(plan.node.startup_wait);
        self.watches = plan
            .targets
            .iter()
            .map(|target| Watch::new(now, Some(trial), &target.check))
            .collect();
        self.desks = plan
            .services
            .iter()
            .map(|service| Desk {
                fresh: true,
                memory: self.recall(service),
                ..Desk::default()
            })
            .collect();
        for service in &plan.services {
            self.mark(service.id);
            self.inherit(now, service);
        }
        self.wire_up();
        self.on_trial = self.watches.iter().filter(|watch| watch.on_trial()).count();
        self.isolation = Isolation::new(plan.node.isolation.references.len());
        if self.isolation.is_on() {
            self.plan_references(now.moment);
        }
        self.schedule.enter(trial, Due::TrialEnds);
        for index in 0..self.watches.len() {
            self.first_probe(now, TargetId::from_index(index), index);
        }
        if self.watches.is_empty() {
            self.schedule.enter(now.moment, Due::TrialEnds);
        }
    }

    /// Enters the first probe of a new target, the `nth` of so many, and the tries after it.
    pub(super) fn first_probe(&mut self, now: Now, target: TargetId, nth: usize) {
        if self.watches.get(target.index()).is_none_or(|watch| watch.derived) {
            return;
        }
        if let Some(within) = self.within(target) {
            return self.await_beat(target, now.moment.after(within));
        }
        let wait = self.plan.node.startup_wait;
        let stagger = STAGGER
            .saturating_mul(u32::try_from(nth).unwrap_or(u32::MAX))
            .min(wait / 3);
        self.plan_probe(target, now.moment.after(stagger));
        self.schedule
            .enter(now.moment.after(stagger).after(wait / TRIES), Due::Hurry(target));
    }

    /// Who uses which target, and which checks are braked.
    pub(super) fn wire_up(&mut self) {
        self.wire_targets();
        self.brakes = brakes(&self.plan);
    }

    /// What is remembered of a service's failover groups.
    pub(super) fn recall(&self, service: &Service) -> Memory {
        let mut memory = Memory::default();
        self.recall_group(service, &service.group, &mut memory);
        memory
    }

    fn recall_group(&self, service: &Service, group: &Group, memory: &mut Memory) {
        if group.policy == Policy::Failover {
            for family in Family::BOTH {
                let key = seat_key(service, group, family);
                let fallback = seat_key(service, group, Family::V4);
                let named = self
                    .remembered
                    .get(&key)
                    .map(|name| (name, &key))
                    .or_else(|| self.remembered.get(&fallback).map(|name| (name, &fallback)));
                let Some((name, key)) = named else { continue };
                let active = group
                    .members
                    .iter()
                    .position(|member| member_name(&self.plan.endpoints, member) == *name);
                if active.is_some() {
                    let seat = memory.seats.entry((group.id, family)).or_default();
                    seat.active = active;
                    seat.by_hand = self.remembered.get(&by_hand_key(key)).is_some_and(|v| v == "yes");
                }
            }
        }
        for member in &group.members {
            if let MemberKind::Pool(pool) = &member.kind {
                self.recall_group(service, pool, memory);
            }
        }
    }

    /// A silent target is tried again before its first probe has timed out: a lost packet must not cost its
    /// first verdict.
    pub(super) fn hurry_again(&mut self, now: Now, target: TargetId) {
        let Some(watch) = self.watches.get(target.index()) else {
            return;
        };
        if !watch.on_trial() {
            return;
        }
        let silent = u32::try_from(self.on_trial).unwrap_or(u32::MAX);
        let gap = (self.plan.node.startup_wait / TRIES).max(PER_SILENT_TARGET.saturating_mul(silent));
        let at = now.moment.after(gap.max(Duration::from_millis(1)));
        if watch.trial.is_some_and(|until| at < until) {
            self.schedule.enter(at, Due::Hurry(target));
        }
    }

    /// The time for first verdicts is over, for every target whose time it was.
    pub(super) fn trial_ends(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let mut unknown = Vec::new();
        let mut turns: Vec<(TargetId, Option<Turn>)> = Vec::new();
        for (index, watch) in self.watches.iter_mut().enumerate() {
            if watch.trial.is_none_or(|until| until > now.moment) {
                continue;
            }
            let target = TargetId::from_index(index);
            if watch.on_trial() {
                self.on_trial = self.on_trial.saturating_sub(1);
                let turn = watch.monitor.trial_ends();
                if turn.is_none() {
                    unknown.push(target);
                }
                turns.push((target, turn));
            }
            watch.trial = None;
        }
        for (target, turn) in turns {
            if let Some(turn) = turn {
                self.turned(now, target, turn, effects);
            }
            if self
                .watches
                .get(target.index())
                .is_some_and(|w| w.regular.is_none())
                && let Some(rules) = self.rules(target)
            {
                let phase = rules.interval.mul_f64(self.chance.share());
                self.plan_probe(target, now.moment.after(phase));
            }
            self.refresh(now, target);
        }
        if self.opened {
            // Services that were new with this plan have had their time, too.
            for desk in &mut self.desks {
                desk.fresh = false;
            }
            if !unknown.is_empty() {
                self.tell_unknown(now, &unknown, effects);
            }
        } else {
            self.open(now, effects);
        }
    }

    /// Publishes everything, then opens the sockets.
    pub(super) fn open(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let mut decisions = Vec::new();
        let mut said = Vec::new();
        for id in std::mem::take(&mut self.dirty) {
            decisions.extend(self.decide_one(now, id, &mut said));
        }
        self.publish_first(decisions, effects);
        self.opened = true;
        for desk in &mut self.desks {
            desk.fresh = false;
        }
        let unknown: Vec<TargetId> = self
            .watches
            .iter()
            .enumerate()
            .filter(|(_, watch)| !watch.is_known())
            .map(|(index, _)| TargetId::from_index(index))
            .collect();
        self.tell_unknown(now, &unknown, &mut said);
        effects.push(Effect::OpenSockets);
        effects.append(&mut said);
    }

    pub(super) fn tell_unknown(&self, now: Now, unknown: &[TargetId], effects: &mut Vec<Effect>) {
        let unknown: Vec<String> = unknown.iter().map(|target| self.target_name(*target)).collect();
        Self::tell(now, !unknown.is_empty(), HistoryKind::Opened { unknown }, effects);
    }
}

fn brakes(plan: &Plan) -> Vec<Option<Brake>> {
    let mut counts = vec![0usize; plan.checks.len()];
    let counted = plan
        .targets
        .iter()
        .filter(|target| !target.check.treatment.shadow);
    for target in counted {
        if let Some(count) = counts.get_mut(target.check.id.index()) {
            *count += 1;
        }
    }
    counts
        .into_iter()
        .map(|count| Brake::new(count, plan.node.isolation.max_down_per_minute))
        .collect()
}
