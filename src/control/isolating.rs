//! Asks the references, freezes and thaws.

use std::time::Duration;

use crate::control::effect::{Effect, HistoryKind};
use crate::control::schedule::Due;
use crate::control::step::Control;
use crate::health::isolation::Judgement;
use crate::health::standing::{Health, Hold};
use crate::model::id::TargetId;
use crate::model::time::{Moment, Now};

/// References are asked this often when nothing is wrong.
const REFERENCES_CALM: Duration = Duration::from_secs(5);
/// And this often while most targets fail or states are frozen.
const REFERENCES_ALERT: Duration = Duration::from_secs(1);
/// So many targets are asked when the references are silent and most targets have not been probed since.
const NEIGHBOURS: usize = 8;
/// A reference that has not answered in this time is unreachable.
const REFERENCE_TIMEOUT: Duration = Duration::from_secs(3);

impl Control {
    /// Enters the next look at the references; an earlier entry counts no more.
    pub(super) fn plan_references(&mut self, at: Moment) {
        self.references_at = at;
        self.schedule.enter(at, Due::References);
    }

    pub(super) fn ask_references(&mut self, now: Now, effects: &mut Vec<Effect>) {
        for reference in self.isolation.ask(now.moment) {
            effects.push(Effect::ProbeReference { reference });
        }
    }

    pub(super) fn references_due(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if !self.isolation.is_on() {
            return;
        }
        self.isolation
            .give_up(now.moment.before(REFERENCE_TIMEOUT), now.moment);
        self.references_spoke(now, effects);
        self.ask_references(now, effects);
        let alert = self.isolation.is_frozen() || !self.pending.is_empty() || self.census.most_fail();
        let wait = if alert { REFERENCES_ALERT } else { REFERENCES_CALM };
        // Alert or not, what is asked now must be given up in time.
        let wait = if self.pending.is_empty() {
            wait
        } else {
            wait.min(REFERENCES_ALERT)
        };
        self.plan_references(now.moment.after(wait));
    }

    /// Whether failures since `since` are theirs or this node's own. When every reference is silent, the targets
    /// themselves are the witnesses: most of them failing means us, one that has answered since means them.
    pub(super) fn them_or_us(&self, now: Now, since: Moment) -> Judgement {
        // Older answers say nothing about a cut that came in the middle of a run of failures.
        let fresh = since.max(now.moment.before(REFERENCES_ALERT));
        let most_fail = self.census.most_fail();
        match self.isolation.judge(since, fresh) {
            Judgement::Us if most_fail => Judgement::Us,
            Judgement::Us if self.is_alone() => Judgement::Them,
            Judgement::Us | Judgement::Unclear
                if !most_fail && self.last_good.is_some_and(|good| good >= fresh) =>
            {
                Judgement::Them
            }
            Judgement::Us => Judgement::Unclear,
            other => other,
        }
    }

    pub(super) fn hold_isolated(&mut self, target: TargetId) {
        if let Some(watch) = self.watches.get_mut(target.index()) {
            watch.gate.doubt(Hold::Isolated);
        }
    }

    /// Probes some targets that are well, at once: do they still answer?
    pub(super) fn ask_neighbours(&mut self, now: Now) {
        let neighbours: Vec<TargetId> = self
            .watches
            .iter()
            .enumerate()
            .filter(|(_, watch)| {
                watch.gate.effective() == Health::Up
                    && !watch.monitor.in_doubt()
                    && watch.regular.is_none()
                    && !watch.beats
            })
            .take(NEIGHBOURS)
            .map(|(index, _)| TargetId::from_index(index))
            .collect();
        for target in neighbours {
            self.plan_probe(target, now.moment);
        }
    }

    /// A reference or a target was heard of: what waited for that is decided.
    pub(super) fn references_spoke(&mut self, now: Now, effects: &mut Vec<Effect>) {
        self.perhaps_thaw(now, effects);
        let pending = std::mem::take(&mut self.pending);
        for target in pending {
            let Some(watch) = self.watches.get_mut(target.index()) else {
                continue;
            };
            if watch.monitor.health() != Health::Down || watch.gate.held() != Some(Hold::Isolated) {
                continue;
            }
            let first = watch.monitor.first();
            match self.them_or_us(now, first) {
                Judgement::Them => {
                    if let Some(watch) = self.watches.get_mut(target.index()) {
                        watch.gate.believe_up();
                    }
                    self.pass_brake(now, target, "it is not this node that is cut off", first, effects);
                    self.refresh(now, target);
                }
                Judgement::Us => self.freeze(now, effects),
                Judgement::Unclear => self.pending.push(target),
            }
        }
    }

    pub(super) fn freeze(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if self.isolation.set_frozen(true) {
            self.mark_exclusive();
            Self::tell(now, true, HistoryKind::Isolated(true), effects);
            self.plan_references(now.moment.after(REFERENCES_ALERT));
        }
    }

    /// Thaws when a reference answers or most targets do. What failed meanwhile begins anew: nothing flips on
    /// failures that this node's own isolation explains.
    pub(super) fn perhaps_thaw(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if !self.isolation.is_frozen() {
            return;
        }
        let recent = now.moment.before(REFERENCES_ALERT);
        if self.isolation.judge(recent, recent) != Judgement::Them && self.census.most_fail() {
            return;
        }
        self.isolation.set_frozen(false);
        self.mark_exclusive();
        Self::tell(now, true, HistoryKind::Isolated(false), effects);
        self.pending.clear();
        self.begin_anew(now);
    }

    /// Lets go what isolation held, and every run of failures with it.
    pub(super) fn begin_anew(&mut self, now: Now) {
        for index in 0..self.watches.len() {
            let target = TargetId::from_index(index);
            let Some(rules) = self.rules(target) else {
                continue;
            };
            let Some(watch) = self.watches.get_mut(index) else {
                continue;
            };
            let anew = match watch.gate.held() {
                Some(Hold::Isolated) => true,
                None => watch.gate.effective() == Health::Up && watch.monitor.in_doubt(),
                Some(_) => false,
            };
            if !anew {
                continue;
            }
            watch.gate.believe_up();
            watch.monitor.reprieve();
            watch.epoch = watch.epoch.wrapping_add(1);
            if let Some(within) = self.within(target) {
                self.await_beat(target, now.moment.after(within));
            } else if self
                .watches
                .get(index)
                .is_some_and(|watch| watch.regular.is_none())
            {
                let at = now.moment.after(rules.fast_interval.mul_f64(self.chance.share()));
                self.plan_probe(target, at);
            }
            self.refresh(now, target);
        }
    }
}
