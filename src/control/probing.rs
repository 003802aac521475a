//! Sends probes when they are due and hears of their results.

use std::time::Duration;

use crate::control::effect::{Effect, HistoryKind};
use crate::control::event::{ProbeBudget, ProbeTicket};
use crate::control::schedule::Due;
use crate::control::step::Control;
use crate::control::watch::Flight;
use crate::health::monitor::{Role, Seen};
use crate::health::observation::{FaultClass, Finding, Observation};
use crate::health::standing::Health;
use crate::model::check::Rules;
use crate::model::id::TargetId;
use crate::model::time::{Moment, Now};

/// A result that is this late past the probe's budget will not come: the prober is at fault, and another probe is sent.
/// Long, because probes may queue for a place among those under way.
const GRACE: Duration = Duration::from_secs(30);
/// How often lost probes are looked for.
pub(super) const SWEEP: Duration = Duration::from_secs(10);
/// A try for a first verdict that would have less time than this is not worth sending.
const LEAST_TRY: Duration = Duration::from_millis(50);
/// A try ends this long before the time for first verdicts does, so that its result still counts.
const MARGIN: Duration = Duration::from_millis(20);

impl Control {
    /// The rules of a target; `None` for an id that is not in the plan.
    pub(super) fn rules(&self, target: TargetId) -> Option<Rules> {
        self.plan.targets.get(target.index()).map(|t| t.check.rules)
    }

    fn launch(
        &mut self,
        now: Now,
        target: TargetId,
        role: Role,
        regular: bool,
        budget: Duration,
        effects: &mut Vec<Effect>,
    ) {
        let Some(watch) = self.watches.get_mut(target.index()).filter(|_| !self.listens) else {
            return;
        };
        self.last_ticket = self.last_ticket.wrapping_add(1);
        let ticket = ProbeTicket(self.last_ticket);
        if regular {
            watch.regular = Some(ticket);
            watch.began = now.moment;
        } else if role == Role::Confirming {
            watch.confirming = watch.confirming.saturating_add(1);
        }
        self.follow_target(target);
        if !std::mem::replace(&mut self.sweeping, true) {
            self.schedule.enter(now.moment.after(SWEEP), Due::Sweep);
        }
        self.flights.insert(
            ticket,
            Flight {
                target,
                role,
                regular,
                began: now.moment,
                budget,
            },
        );
        effects.push(Effect::Probe {
            ticket,
            target,
            budget: ProbeBudget(budget),
        });
    }

    /// The probe that goes by `ticket`: target, role, whether it is a regular one, and when it was sent.
    #[must_use]
    pub fn flight(&self, ticket: ProbeTicket) -> Option<(TargetId, Role, bool, Moment)> {
        let flight = self.flights.get(&ticket)?;
        Some((flight.target, flight.role, flight.regular, flight.began))
    }

    /// Takes in a probe that another life sent, as if this one had.
    pub(super) fn heard(
        &mut self,
        now: Now,
        (target, role, regular, began): (TargetId, Role, bool, Moment),
        seen: Observation,
        effects: &mut Vec<Effect>,
    ) {
        self.last_ticket = self.last_ticket.wrapping_add(1);
        let ticket = ProbeTicket(self.last_ticket);
        let flight = Flight {
            target,
            role,
            regular,
            began,
            budget: now.moment.since(began),
        };
        if let Some(watch) = self.watches.get_mut(target.index()) {
            watch.began = if regular { began } else { watch.began };
            self.flights.insert(ticket, flight);
        }
        self.probed(now, ticket, seen, effects);
    }

    pub(super) fn probe_due(&mut self, now: Now, at: Moment, target: TargetId, effects: &mut Vec<Effect>) {
        let (Some(watch), Some(rules)) = (self.watches.get(target.index()), self.rules(target)) else {
            return;
        };
        if watch.due == at && watch.regular.is_none() {
            self.meters.lateness.took(now.moment.since(at));
            self.launch(now, target, Role::Scheduled, true, rules.timeout, effects);
        }
    }

    pub(super) fn confirm_due(
        &mut self,
        now: Now,
        at: Moment,
        target: TargetId,
        epoch: u32,
        effects: &mut Vec<Effect>,
    ) {
        let (Some(watch), Some(rules)) = (self.watches.get(target.index()), self.rules(target)) else {
            return;
        };
        if watch.epoch == epoch && (watch.monitor.run().failures() > 0 || self.rehearses_doubt(target)) {
            self.meters.lateness.took(now.moment.since(at));
            self.launch(now, target, Role::Confirming, false, rules.timeout, effects);
        }
    }

    pub(super) fn hurry_due(&mut self, now: Now, target: TargetId, effects: &mut Vec<Effect>) {
        let (Some(watch), Some(rules)) = (self.watches.get(target.index()), self.rules(target)) else {
            return;
        };
        let Some(until) = watch.trial.filter(|_| watch.on_trial()) else {
            return;
        };
        let left = until.before(MARGIN).since(now.moment);
        if left >= LEAST_TRY {
            let budget = left.min(rules.timeout);
            self.launch(now, target, Role::Hurried, false, budget, effects);
        }
        self.hurry_again(now, target);
    }

    /// Enters a target's next regular probe.
    pub(super) fn plan_probe(&mut self, target: TargetId, at: Moment) {
        if let Some(watch) = self.watches.get_mut(target.index())
            && !watch.derived
            && !watch.beats
        {
            watch.due = at;
            self.schedule.enter(at, Due::Probe(target));
            self.follow_target(target);
        }
    }

    pub(super) fn probed(
        &mut self,
        now: Now,
        ticket: ProbeTicket,
        seen: Observation,
        effects: &mut Vec<Effect>,
    ) {
        let Some(flight) = self.flights.remove(&ticket) else {
            return;
        };
        let target = flight.target;
        let (Some(rules), Some(watch)) = (self.rules(target), self.watches.get_mut(target.index())) else {
            return;
        };
        if watch.regular == Some(ticket) {
            watch.regular = None;
        } else if flight.role == Role::Confirming {
            watch.confirming = watch.confirming.saturating_sub(1);
        }
        let (mut finding, phases) = (seen.finding, seen.phases);
        if let Some(seen) = watch.measured(seen, flight.role) {
            finding = seen.finding;
            watch.measure(&seen, &rules);
            watch.seen.note(
                seen,
                !finding.is_own_fault(),
                watch.treatment.inverted,
                flight.began,
            );
        }
        let described = self.plan.targets.get(target.index());
        self.meters.probed(described, finding, &phases);
        let local = finding.is_own_fault();
        if local {
            if watch.seen.local.is_power_of_two() {
                let (target, why) = (self.target_name(target), self.evidence_text(target));
                Self::tell(now, true, HistoryKind::ProbeFault { target, why }, effects);
            }
            if flight.regular {
                let again = now.moment.after(self.chance.jittered(rules.fast_interval));
                self.plan_probe(target, again);
            }
            return;
        }
        self.rehearse(now, target, flight, finding, effects);
        let Some(watch) = self.watches.get_mut(target.index()) else {
            return;
        };
        let was_failing = watch.monitor.run().failures() > 0;
        let was_on_trial = watch.on_trial();
        let turn = watch.monitor.observe(
            &Seen {
                role: flight.role,
                began: flight.began,
                ended: now.moment,
                finding,
            },
            &rules,
        );
        if turn.is_some_and(|turn| turn.to == Health::Down) {
            watch.degradation.down();
        }
        let failing = watch.monitor.run().failures() > 0;
        if was_failing && !failing || turn.is_some() {
            watch.epoch = watch.epoch.wrapping_add(1);
        }
        if was_on_trial && !watch.on_trial() {
            self.on_trial = self.on_trial.saturating_sub(1);
        }
        if flight.regular || turn.is_some() || was_failing != failing {
            self.plan_next(
                now,
                target,
                &rules,
                turn.is_some_and(|t| t.from == Health::Unknown),
                effects,
            );
        }
        if flight.regular && (failing || self.rehearses_doubt(target)) {
            self.plan_confirming(now, target, &rules);
        }
        self.refresh(now, target);
        if finding.is_good() {
            self.last_good = Some(now.moment);
        }
        if failing && !was_failing && self.isolation.is_on() {
            // So that their word is at hand when the verdict comes.
            self.ask_references(now, effects);
        }
        if let Some(turn) = turn {
            self.turned(now, target, turn, effects);
            self.refresh(now, target);
        }
        self.tell_degradation(now, target, effects);
        if self.isolation.is_frozen() || !self.pending.is_empty() {
            self.references_spoke(now, effects);
        }
    }

    /// When the next regular probe is due: from start to start when settled, soon after the end when in doubt.
    fn plan_next(
        &mut self,
        now: Now,
        target: TargetId,
        rules: &Rules,
        first: bool,
        effects: &mut Vec<Effect>,
    ) {
        let Some(watch) = self.watches.get(target.index()) else {
            return;
        };
        if watch.regular.is_some() {
            return;
        }
        if let Some(until) = watch.trial.filter(|_| watch.on_trial()) {
            // Only lost probes so far: again at once, with what time is left.
            let left = until.before(MARGIN).since(now.moment);
            if left >= LEAST_TRY {
                let role = if left >= rules.timeout {
                    Role::Scheduled
                } else {
                    Role::Hurried
                };
                self.launch(now, target, role, true, left.min(rules.timeout), effects);
            }
            return;
        }
        let at = if watch.monitor.in_doubt() || self.rehearses_doubt(target) {
            now.moment.after(self.chance.jittered(rules.fast_interval))
        } else if first {
            // From the first verdict on, targets are spread evenly over the interval.
            let phase = rules.interval.mul_f64(1.0 - self.chance.share());
            watch.began.after(phase).max(now.moment)
        } else {
            watch
                .began
                .after(self.chance.jittered(rules.interval))
                .max(now.moment)
        };
        self.plan_probe(target, at);
    }

    /// Spreads the confirming probes that are asked for over the time until the next regular one.
    fn plan_confirming(&mut self, now: Now, target: TargetId, rules: &Rules) {
        let Some(watch) = self.watches.get(target.index()) else {
            return;
        };
        let rehearsed = self.rehearsed_confirming(target, watch.confirming);
        let count = watch.monitor.confirming(watch.confirming, rules).max(rehearsed);
        let epoch = watch.epoch;
        let gap = watch.due.since(now.moment);
        for nth in 1..=count {
            let part = f64::from(nth) / (f64::from(count) + 1.0);
            self.schedule
                .enter(now.moment.after(gap.mul_f64(part)), Due::Confirm(target, epoch));
        }
    }

    /// Gives up on probes whose result never came, and sends others in their place.
    pub(super) fn sweep(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let lost: Vec<ProbeTicket> = self
            .flights
            .iter()
            .filter(|(_, flight)| flight.began.after(flight.budget).after(GRACE) <= now.moment)
            .map(|(ticket, _)| *ticket)
            .collect();
        for ticket in lost {
            effects.push(Effect::Forget(ticket));
            let seen = Observation {
                at: now,
                finding: Finding::Bad {
                    phase: crate::health::observation::Phase::Resolve,
                    class: FaultClass::Local,
                },
                phases: crate::health::observation::Phases::default(),
                evidence: crate::health::observation::Evidence {
                    text: "the prober never reported this probe's end".to_owned(),
                    ..Default::default()
                },
                report: crate::health::observation::Report::default(),
            };
            self.probed(now, ticket, seen, effects);
        }
        self.sweeping = !self.flights.is_empty();
        if self.sweeping {
            self.schedule.enter(now.moment.after(SWEEP), Due::Sweep);
        }
    }

    /// `web 192.0.2.10:8080`.
    pub(super) fn target_name(&self, target: TargetId) -> String {
        self.plan
            .targets
            .get(target.index())
            .map_or_else(String::new, |t| {
                let shadow = self.watches.get(target.index()).is_some_and(|watch| watch.shadow);
                format!(
                    "{} {}{}",
                    t.check.name,
                    t.place(),
                    if shadow { " (shadow)" } else { "" }
                )
            })
    }

    /// The last failure's sentence.
    pub(super) fn evidence_text(&self, target: TargetId) -> String {
        self.watches
            .get(target.index())
            .and_then(|watch| watch.seen.evidence.as_ref())
            .map(|evidence| evidence.text.clone())
            .unwrap_or_default()
    }
}
