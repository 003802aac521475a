//! What becomes of a verdict: believed at once, held back, or let go later.

use std::time::Duration;

use crate::control::effect::{Effect, HistoryKind};
use crate::control::schedule::Due;
use crate::control::step::Control;
use crate::health::isolation::Judgement;
use crate::health::monitor::{Cause, Turn};
use crate::health::standing::{Health, Hold};
use crate::model::id::{CheckId, TargetId};
use crate::model::time::{Moment, Now};

impl Control {
    /// Brings the census and the services that see a target up to date.
    pub(super) fn refresh(&mut self, now: Now, target: TargetId) {
        let Some(watch) = self.watches.get_mut(target.index()) else {
            return;
        };
        let census = watch.census();
        let before = std::mem::replace(&mut watch.counted, census);
        let count = &mut self.census;
        count.serving = (count.serving + census.serving).saturating_sub(before.serving);
        count.failing = (count.failing + census.failing).saturating_sub(before.failing);
        count.bad = (count.bad + census.bad).saturating_sub(before.bad);
        let reading = (watch.tier(), watch.on_trial(), watch.in_doubt());
        let changed = std::mem::replace(&mut watch.reading, reading) != reading;
        watch
            .meter
            .see(now.moment, watch.state(), watch.gate.is_flapping());
        if (changed || watch.strict) && self.opened {
            let users = std::mem::take(&mut watch.users);
            for service in &users {
                self.mark(*service);
            }
            if let Some(watch) = self.watches.get_mut(target.index()) {
                watch.users = users;
            }
        }
        self.refresh_parents(now, target);
    }

    /// Real health changed.
    pub(super) fn turned(&mut self, now: Now, target: TargetId, turn: Turn, effects: &mut Vec<Effect>) {
        match turn.to {
            Health::Down => self.go_down(now, target, turn, effects),
            _ => self.come_up(now, target, turn, effects),
        }
    }

    fn come_up(&mut self, now: Now, target: TargetId, turn: Turn, effects: &mut Vec<Effect>) {
        let Some(rules) = self.rules(target) else { return };
        self.pending.retain(|waiting| *waiting != target);
        self.withdraw(now, target, effects);
        let Some(watch) = self.watches.get_mut(target.index()) else {
            return;
        };
        watch.gate.believe_up();
        let from = watch.gate.effective();
        let changed = watch.gate.up(now, &rules, watch.never_up);
        if let Some(deadline) = watch.gate.deadline() {
            self.schedule.enter(deadline, Due::Hold(target));
            let why = match watch.gate.held() {
                Some(Hold::Flapping { until }) => {
                    format!(
                        "it flapped: held down until it has answered for {} more",
                        seconds(until.since(now.moment))
                    )
                }
                _ => format!(
                    "held down for min_down, {} more",
                    seconds(deadline.since(now.moment))
                ),
            };
            let kind = HistoryKind::Held {
                target: self.target_name(target),
                services: self.service_names(target),
                why,
            };
            Self::tell(now, false, kind, effects);
        }
        if changed {
            self.now_up(now, target, from, turn.first, &reason(turn.cause), effects);
        }
    }

    fn now_up(
        &mut self,
        now: Now,
        target: TargetId,
        from: Health,
        first: Moment,
        why: &str,
        effects: &mut Vec<Effect>,
    ) {
        if let Some(watch) = self.watches.get_mut(target.index()) {
            watch.never_up = false;
        }
        self.tell_change(now, target, (from, Health::Up), first, why, effects);
    }

    /// A verdict of down: believed unless this node may be the one at fault, or the brake says to wait.
    fn go_down(&mut self, now: Now, target: TargetId, turn: Turn, effects: &mut Vec<Effect>) {
        let Some(watch) = self.watches.get_mut(target.index()) else {
            return;
        };
        // A first verdict takes nothing out of service, and what is down already cannot go down.
        if watch.gate.effective() == Health::Up && self.isolation.is_on() && !watch.shadow {
            if self.isolation.is_frozen() {
                watch.gate.doubt(Hold::Isolated);
                return;
            }
            match self.them_or_us(now, turn.first) {
                Judgement::Them => {}
                Judgement::Us => {
                    self.hold_isolated(target);
                    self.freeze(now, effects);
                    return;
                }
                Judgement::Unclear => {
                    self.hold_isolated(target);
                    self.pending.push(target);
                    self.ask_references(now, effects);
                    self.ask_neighbours(now);
                    return;
                }
            }
        }
        self.pass_brake(now, target, &reason(turn.cause), turn.first, effects);
    }

    pub(super) fn pass_brake(
        &mut self,
        now: Now,
        target: TargetId,
        why: &str,
        first: Moment,
        effects: &mut Vec<Effect>,
    ) {
        let check = self.plan.targets.get(target.index()).map(|t| t.check.id);
        let (Some(watch), Some(check)) = (self.watches.get_mut(target.index()), check) else {
            return;
        };
        if watch.gate.effective() == Health::Up
            && !watch.shadow
            && let Some(Some(brake)) = self.brakes.get_mut(check.index())
            && !brake.admit(target, now.moment)
        {
            watch.gate.doubt(Hold::Brake);
            // One entry lets all go that wait; it is entered again as long as somebody does.
            if brake.waiting() == 1
                && let Some(deadline) = brake.deadline()
            {
                self.schedule.enter(deadline.max(now.moment), Due::Brake(check));
            }
            if brake.waiting().is_power_of_two() {
                self.tell_braked(now, check, effects);
            }
            return;
        }
        self.now_down(now, target, why, first, effects);
    }

    fn now_down(&mut self, now: Now, target: TargetId, why: &str, first: Moment, effects: &mut Vec<Effect>) {
        let Some(watch) = self.watches.get_mut(target.index()) else {
            return;
        };
        let from = watch.gate.effective();
        if watch.gate.down(now) {
            self.tell_change(now, target, (from, Health::Down), first, why, effects);
        }
    }

    pub(super) fn brake_due(&mut self, now: Now, check: CheckId, effects: &mut Vec<Effect>) {
        let mut released = false;
        while let Some(Some(brake)) = self.brakes.get_mut(check.index())
            && let Some(target) = brake.release(now.moment)
        {
            released = true;
            let first = self
                .watches
                .get(target.index())
                .map_or(now.moment, |watch| watch.monitor.first());
            self.now_down(
                now,
                target,
                "its turn came after the brake held it",
                first,
                effects,
            );
            self.refresh(now, target);
        }
        if let Some(Some(brake)) = self.brakes.get(check.index())
            && let Some(deadline) = brake.deadline()
            && deadline > now.moment
        {
            self.schedule.enter(deadline, Due::Brake(check));
        }
        if released {
            self.tell_braked(now, check, effects);
        }
    }

    /// A target that waited at the brake recovered.
    fn withdraw(&mut self, now: Now, target: TargetId, effects: &mut Vec<Effect>) {
        let Some(check) = self.plan.targets.get(target.index()).map(|t| t.check.id) else {
            return;
        };
        if let Some(Some(brake)) = self.brakes.get_mut(check.index())
            && brake.waiting() > 0
        {
            brake.withdraw(target);
            if brake.waiting() == 0 {
                self.tell_braked(now, check, effects);
            }
        }
    }

    pub(super) fn hold_due(&mut self, now: Now, at: Moment, target: TargetId, effects: &mut Vec<Effect>) {
        let Some(watch) = self.watches.get_mut(target.index()) else {
            return;
        };
        let first = watch.monitor.first();
        if watch.gate.deadline() == Some(at) && watch.gate.expire(now) {
            self.now_up(now, target, Health::Down, first, "its hold is over", effects);
            self.refresh(now, target);
        }
    }

    // --- saying so ---

    fn tell_braked(&self, now: Now, check: CheckId, effects: &mut Vec<Effect>) {
        let (Some(Some(brake)), Some(check)) = (
            self.brakes.get(check.index()),
            self.plan.checks.get(check.index()),
        ) else {
            return;
        };
        let kind = HistoryKind::Braked {
            check: check.name.clone(),
            waiting: brake.waiting(),
        };
        Self::tell(now, brake.waiting() > 0, kind, effects);
    }

    fn tell_change(
        &self,
        now: Now,
        target: TargetId,
        (from, to): (Health, Health),
        first: Moment,
        why: &str,
        effects: &mut Vec<Effect>,
    ) {
        let (Some(described), Some(watch)) = (
            self.plan.targets.get(target.index()),
            self.watches.get(target.index()),
        ) else {
            return;
        };
        let evidence = watch.seen.evidence.as_deref().cloned().unwrap_or_default();
        let why = if to == Health::Down && !evidence.text.is_empty() {
            format!("{why}: {}", evidence.text)
        } else {
            why.to_owned()
        };
        if watch.shadow {
            let kind = HistoryKind::Shadowed {
                check: described.check.name.clone(),
                target: described.place(),
                services: self.service_names(target),
                to,
                why,
            };
            return Self::tell(now, false, kind, effects);
        }
        let kind = HistoryKind::StateChanged {
            check: described.check.name.clone(),
            target: described.place(),
            services: self.service_names(target),
            from,
            to,
            why,
            evidence,
            since_first: u64::try_from(now.moment.since(first).as_nanos()).unwrap_or(u64::MAX),
        };
        Self::tell(now, to == Health::Down, kind, effects);
    }

    pub(super) fn service_names(&self, target: TargetId) -> Vec<String> {
        self.watches
            .get(target.index())
            .map(|watch| {
                watch
                    .users
                    .iter()
                    .filter_map(|id| self.plan.services.get(id.index()))
                    .map(|service| service.display_name())
                    .collect()
            })
            .unwrap_or_default()
    }
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

/// A cause in a sentence.
pub(super) fn reason(cause: Cause) -> String {
    match cause {
        Cause::First => "first verdict".to_owned(),
        Cause::NeverAnswered => "never answered".to_owned(),
        Cause::Failures(1) => "1 failure".to_owned(),
        Cause::Failures(n) => format!("{n} failures in a row"),
        Cause::Leak(n) => format!("{n} failures between successes"),
        Cause::Lossy => "more than half of its probes are lost".to_owned(),
        Cause::Successes(1) => "1 success".to_owned(),
        Cause::Successes(n) => format!("{n} successes in a row"),
    }
}
