//! Endpoints that report themselves: a heartbeat is a success at once, its absence a failure at once.
//!
//! Nothing is probed for them. A beat moves the deadline; when the deadline comes, silence has spoken. With `fall` and
//! `rise` of 1 the rest of the way is that of every other target: isolation, brake, `min_down`, damping.

use std::time::Duration;

use crate::control::effect::Effect;
use crate::control::event::{Word, WordKind};
use crate::control::schedule::Due;
use crate::control::step::Control;
use crate::health::monitor::{Role, Seen};
use crate::health::observation::{Evidence, FaultClass, Finding, Observation, Phase, Phases, Report};
use crate::health::standing::Health;
use crate::model::check::CheckKind;
use crate::model::id::TargetId;
use crate::model::time::{Moment, Now};
use crate::policy::tree::endpoints_of;

/// Octets of an endpoint's own words that are kept.
const TEXT: usize = 240;

impl Control {
    /// For which targets the holder of `token` may speak as `endpoint` of `service`, with the longest silence that each
    /// allows; none when there is no such endpoint, or it is not that token's.
    #[must_use]
    pub fn may_beat(&self, service: &str, endpoint: &str, token: &[u8]) -> Vec<(TargetId, Duration)> {
        let Some(service) = self.plan.service_named(service) else {
            return Vec::new();
        };
        let mut ids = Vec::new();
        endpoints_of(&service.group, &mut ids);
        let mut found = Vec::new();
        for known in ids.iter().filter_map(|id| self.plan.endpoints.get(id.index())) {
            if known.name != endpoint {
                continue;
            }
            for address in &known.addresses {
                for target in [address.target, address.shadow].into_iter().flatten() {
                    self.beating(target, token, &mut found);
                }
            }
        }
        found
    }

    /// Those at or below `target` that this token is for.
    fn beating(&self, target: TargetId, token: &[u8], found: &mut Vec<(TargetId, Duration)>) {
        let Some(described) = self.plan.targets.get(target.index()) else {
            return;
        };
        if let CheckKind::Heartbeat(check) = &described.check.kind
            && check.token.matches(token)
            && !found.iter().any(|(known, _)| *known == target)
        {
            found.push((target, check.within));
        }
        for part in described.parts.iter().filter(|part| **part < target) {
            self.beating(*part, token, found);
        }
    }

    /// How long a target that reports itself may be silent; `None`: it is probed.
    pub(super) fn within(&self, target: TargetId) -> Option<Duration> {
        match &self.plan.targets.get(target.index())?.check.kind {
            CheckKind::Heartbeat(check) => Some(check.within),
            _ => None,
        }
    }

    /// Silence lasts until `until` at the most.
    pub(super) fn await_beat(&mut self, target: TargetId, until: Moment) {
        if let Some(watch) = self.watches.get_mut(target.index()) {
            watch.due = until;
            self.schedule.enter(until, Due::Silence(target));
        }
    }

    /// After a reload: the time that is allowed now runs from the last beat. Where silence has spoken, nothing is due.
    pub(super) fn await_next_beat(&mut self, now: Now, target: TargetId) {
        let (Some(within), Some(watch)) = (self.within(target), self.watches.get(target.index())) else {
            return;
        };
        if watch.monitor.health() != Health::Down {
            let last = if watch.seen.finding.is_some() {
                watch.seen.at.moment
            } else {
                watch.began
            };
            self.await_beat(target, last.after(within).max(now.moment));
        }
    }

    /// An endpoint spoke. A target that reports itself otherwise, or not at all, is left alone.
    pub(super) fn beat(&mut self, now: Now, target: TargetId, word: Word, effects: &mut Vec<Effect>) {
        let Some(within) = self.within(target) else {
            return;
        };
        self.await_beat(target, now.moment.after(within));
        let mut text = word.text;
        if let Some(end) = (0..=TEXT).rev().find(|at| text.is_char_boundary(*at)) {
            text.truncate(end);
        }
        let mut report = Report::default();
        let finding = match word.kind {
            WordKind::Up => Finding::Good,
            WordKind::Degraded => {
                report.degraded = Some(or_else(text.clone(), "by its own word"));
                Finding::Good
            }
            WordKind::Down => Finding::Bad {
                phase: Phase::Body,
                class: FaultClass::Status,
            },
        };
        let text = match word.kind {
            WordKind::Down => format!("it says that it is down: {}", or_else(text, "without a reason")),
            _ => text,
        };
        self.learn(now, target, observation(now, finding, text, report), effects);
    }

    /// A deadline passed; one that a beat has moved since is no news.
    pub(super) fn silence_due(&mut self, now: Now, at: Moment, target: TargetId, effects: &mut Vec<Effect>) {
        let due = self
            .watches
            .get(target.index())
            .is_some_and(|watch| watch.due == at);
        let Some(within) = self.within(target).filter(|_| due) else {
            return;
        };
        let finding = Finding::Bad {
            phase: Phase::FirstByte,
            class: FaultClass::Timeout,
        };
        let text = format!("no heartbeat within {:.1} s", within.as_secs_f64());
        self.learn(
            now,
            target,
            observation(now, finding, text, Report::default()),
            effects,
        );
    }

    fn learn(&mut self, now: Now, target: TargetId, seen: Observation, effects: &mut Vec<Effect>) {
        let (Some(rules), Some(watch)) = (self.rules(target), self.watches.get_mut(target.index())) else {
            return;
        };
        let finding = seen.finding;
        watch.measure(&seen, &rules);
        let began = seen.at.moment;
        watch.seen.note(seen, true, false, began);
        // A beat says nothing of how long an answer takes.
        watch.seen.latency = None;
        watch.seen.smooth = None;
        let was_on_trial = watch.on_trial();
        let was_failing = watch.monitor.run().failures() > 0;
        let turn = watch.monitor.observe(
            &Seen {
                role: Role::Scheduled,
                began: now.moment,
                ended: now.moment,
                finding,
            },
            &rules,
        );
        if turn.is_some_and(|turn| turn.to == Health::Down) {
            watch.degradation.down();
        }
        let failing = watch.monitor.run().failures() > 0;
        if was_on_trial && !watch.on_trial() {
            self.on_trial = self.on_trial.saturating_sub(1);
        }
        self.refresh(now, target);
        if finding.is_good() {
            self.last_good = Some(now.moment);
        }
        if (failing && !was_failing || turn.is_some_and(|turn| turn.to == Health::Down))
            && self.isolation.is_on()
        {
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
}

fn or_else(text: String, otherwise: &str) -> String {
    if text.is_empty() {
        otherwise.to_owned()
    } else {
        text
    }
}

fn observation(now: Now, finding: Finding, text: String, report: Report) -> Observation {
    Observation {
        at: now,
        finding,
        phases: Phases::default(),
        evidence: Evidence {
            text,
            ..Evidence::default()
        },
        report,
    }
}
