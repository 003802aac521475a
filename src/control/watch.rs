//! What the signal box keeps of one target, and of one service.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::control::event::ProbeTicket;
use crate::control::gate::Barrier;
use crate::control::metering::{Meter, State};
use crate::control::recent::Recent;
use crate::health::degradation::Degradation;
use crate::health::gate::Gate;
use crate::health::isolation::Census;
use crate::health::monitor::{Monitor, Role};
use crate::health::observation::{Evidence, Finding, Observation, Report};
use crate::health::standing::{Health, Hold};
use crate::model::check::{Check, Claim, Expectation, Rules, Treatment};
use crate::model::id::{ServiceId, TargetId};
use crate::model::time::{Moment, Now, UnixTime};
use crate::policy::choice::Decision;
use crate::policy::decide::Decided;
use crate::policy::readings::{Memory, Reading, Tier};

/// Text of evidence that is kept, in octets: a sentence, not a page.
const TEXT: usize = 240;
/// Octets of a refused body that are kept.
const BODY: usize = 256;

/// One target.
#[derive(Clone, Debug)]
pub(crate) struct Watch {
    pub monitor: Monitor,
    pub gate: Gate,
    /// The regular probe under way.
    pub regular: Option<ProbeTicket>,
    /// When the last regular probe was sent.
    pub began: Moment,
    /// When the next regular probe is due; counts only while none is under way.
    pub due: Moment,
    /// Confirming probes under way.
    pub confirming: u16,
    /// Names the current run of failures, so that confirming probes of an older one are dropped.
    pub epoch: u32,
    /// Until when the first verdict may take; `None` when that is over.
    pub trial: Option<Moment>,
    /// Whether it is down in effect without ever having been up.
    pub never_up: bool,
    /// Who uses it.
    pub users: Box<[ServiceId]>,
    /// What is judged by it.
    pub parents: Box<[TargetId]>,
    /// Whether it is judged by others itself: nothing is probed for it.
    pub derived: bool,
    /// Whether it reports itself: nothing is probed for it either.
    pub beats: bool,
    /// Whether it is watched, but no answer heeds it.
    pub shadow: bool,
    /// Whether one of them must hear of every probe (TTL mode strict, policy `fastest`).
    pub strict: bool,
    pub seen: LastSeen,
    /// Which role it must have.
    pub expects: Expectation,
    /// How its results are taken.
    pub treatment: Treatment,
    pub degradation: Degradation,
    /// Whether it was said to be degraded.
    pub said_degraded: bool,
    pub counted: Census,
    pub reading: (Tier, bool, bool),
    pub meter: Meter,
}

/// What was last seen of a target.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct LastSeen {
    pub finding: Option<Finding>,
    /// What an inverted check saw, when that became a success.
    pub inverted: Option<String>,
    pub at: Now,
    pub latency: Option<Duration>,
    /// How long the last ones took.
    pub recent: Recent,
    /// A moving average of it.
    pub smooth: Option<Duration>,
    /// Of the last failure, until the next success.
    pub evidence: Option<Box<Evidence>>,
    pub certificate_expiry: Option<UnixTime>,
    /// Of the last success: what the endpoint said of itself.
    pub report: Report,
    /// When that was said, and what before it matters still.
    pub word: Word,
    pub probes: u64,
    pub failures: u64,
    /// Failures of this node's own, which count for nothing.
    pub local: u64,
}

/// A probe under way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flight {
    pub target: TargetId,
    pub role: Role,
    pub regular: bool,
    pub began: Moment,
    pub budget: Duration,
}

/// One service.
#[derive(Clone, Debug, Default)]
pub(crate) struct Desk {
    pub memory: Memory,
    pub last: Option<Decision>,
    /// Since when it answers that.
    pub since: Option<UnixTime>,
    pub decided: Option<Decided>,
    /// The gate before its switches.
    pub gate: Barrier,
    /// When that was decided.
    pub decided_at: Moment,
    pub dirty: bool,
    /// Whether it had no answer before this plan: its unknown targets are presumed up at once.
    pub fresh: bool,
    /// When to decide again although nothing happened.
    pub wake: Option<Moment>,
    /// What was proposed last, and what was said of a degraded answer.
    pub proposed: Option<(String, String)>,
    pub said: Option<String>,
    /// Whether nothing healthy was there at the last decision, how often that began, and how often the answer changed.
    pub all_down: bool,
    pub all_down_entries: u64,
    pub changes: u64,
}

impl Watch {
    pub(crate) fn new(now: Now, trial: Option<Moment>, check: &Check) -> Self {
        Self {
            monitor: Monitor::default(),
            gate: Gate::new(now),
            regular: None,
            began: now.moment,
            due: now.moment,
            confirming: 0,
            epoch: 0,
            trial,
            never_up: true,
            users: Box::default(),
            parents: Box::default(),
            derived: false,
            beats: false,
            shadow: false,
            strict: false,
            seen: LastSeen::default(),
            expects: check.expects,
            treatment: check.treatment,
            degradation: Degradation::default(),
            said_degraded: false,
            counted: Census::default(),
            reading: (Tier::Up, trial.is_some(), false),
            meter: Meter::new(now.moment),
        }
    }

    /// What it is, for those who count.
    pub(crate) fn state(&self) -> State {
        match self.reading.0 {
            _ if !self.is_known() && self.gate.effective() == Health::Unknown => State::Unknown,
            Tier::Up => State::Up,
            Tier::Degraded => State::Degraded,
            Tier::Held | Tier::Down => State::Down,
        }
    }

    /// Whether its time for a first verdict runs and none is there.
    pub(crate) fn on_trial(&self) -> bool {
        self.trial.is_some() && self.monitor.health() == Health::Unknown
    }

    /// How good it is for policies.
    pub(crate) fn tier(&self) -> Tier {
        match (self.gate.effective(), self.monitor.health()) {
            (Health::Down, Health::Up | Health::Degraded) if self.is_as_expected() => Tier::Held,
            (Health::Down, _) => Tier::Down,
            _ if !self.is_as_expected() => Tier::Down,
            _ if self.degradation.is_some() => Tier::Degraded,
            _ => Tier::Up,
        }
    }

    /// Whether it claims the role that its check asks for and is near enough to its primary.
    pub(crate) fn is_as_expected(&self) -> bool {
        let Report { claim, lag, .. } = &self.seen.report;
        let role = self.expects.claim.is_none_or(|wanted| *claim == Some(wanted));
        let near = match (self.expects.max_lag, claim, lag) {
            (Some(most), Some(Claim::Standby), Some(lag)) => *lag <= most,
            // A standby that cannot say how far behind it is may be far behind.
            (Some(_), Some(Claim::Standby), None) => false,
            _ => true,
        };
        role && near
    }

    /// Whether it lives and says, by a probe that began after its last word of primary had come, that it is a standby.
    fn is_demoted(&self) -> bool {
        let word = &self.seen.word;
        self.gate.effective() == Health::Up
            && !self.in_doubt()
            && self.seen.report.claim == Some(Claim::Standby)
            && word.primary_ended.is_none_or(|ended| word.began >= ended)
    }

    /// Whether it was further behind than allowed when it last was a standby; one that could not say may have been.
    fn is_too_far(&self) -> bool {
        match (self.expects.max_lag, self.seen.word.standby_lag) {
            (Some(_), Some(None)) => true,
            (Some(most), Some(Some(lag))) => lag > most,
            _ => false,
        }
    }

    /// Whether probes and what counts disagree.
    pub(crate) fn in_doubt(&self) -> bool {
        self.monitor.in_doubt() || matches!(self.gate.held(), Some(Hold::Brake | Hold::Isolated))
    }

    pub(crate) fn reading(&self, now: Moment, rules: &Rules, fresh: bool) -> Reading {
        let waiting = self.on_trial() && !fresh;
        Reading {
            tier: if waiting { Tier::Down } else { self.tier() },
            waiting,
            in_doubt: self.in_doubt(),
            earliest_flip: self.earliest_flip(now, rules),
            claim: self.seen.report.claim,
            lag: self.seen.report.lag,
            latency: self.seen.latency,
            smooth: self.seen.smooth,
            alive: self.gate.effective() == Health::Up && self.monitor.health() != Health::Unknown,
            demoted: self.is_demoted(),
            too_far: self.is_too_far(),
        }
    }

    /// When what counts could change at the earliest.
    pub(crate) fn earliest_flip(&self, now: Moment, rules: &Rules) -> Moment {
        if self.beats {
            // Its next word may come, or be missed, at any moment.
            return match self.gate.held() {
                Some(Hold::MinDown { until } | Hold::Flapping { until }) => until,
                _ => now,
            };
        }
        let health = self.health_flips(now, rules);
        if self.gate.effective() == Health::Down {
            return health;
        }
        health.min(self.degradation_flips(now, rules))
    }

    /// When it could become degraded, or well again, at the earliest.
    fn degradation_flips(&self, now: Moment, rules: &Rules) -> Moment {
        let next = if self.regular.is_some() {
            now
        } else {
            self.due.max(now)
        };
        // What the endpoint says itself counts at the next probe.
        let speaks = self.expects != Expectation::default() || self.seen.report != Report::default();
        // So does a certificate, once its time is near.
        let expires = self
            .seen
            .certificate_expiry
            .zip(self.treatment.certificate_warning)
            .is_some_and(|(ends, warning)| {
                let soon = rules.interval.saturating_mul(2).saturating_add(warning);
                ends.secs() < self.seen.at.wall.secs().saturating_add(soon.as_secs())
            });
        if speaks || expires {
            return next;
        }
        match self.degradation.flips_after(&self.treatment, rules.rise) {
            Some(successes) => {
                let gap = rules.fast_interval.min(rules.interval).mul_f64(0.9);
                next.after(gap.saturating_mul(successes.saturating_sub(1)))
            }
            None => Moment::FAR,
        }
    }

    fn health_flips(&self, now: Moment, rules: &Rules) -> Moment {
        let next = if self.regular.is_some() || self.on_trial() {
            now
        } else {
            self.due.max(now)
        };
        match self.gate.held() {
            Some(Hold::MinDown { until } | Hold::Flapping { until }) => until,
            Some(Hold::Brake | Hold::Isolated) => now,
            None => {
                let probes = self.monitor.earliest_flip(next, rules);
                if self.gate.effective() == Health::Down && !self.never_up {
                    probes.max(self.gate.since().moment.after(rules.min_down))
                } else {
                    probes
                }
            }
        }
    }
}

/// When an endpoint said what it is.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Word {
    /// When the probe began that heard the latest word.
    pub began: Moment,
    /// When the last word of primary had come.
    pub primary_ended: Option<Moment>,
    /// How far behind it was when it was last a standby, as far as it could say.
    pub standby_lag: Option<Option<Duration>>,
}

impl LastSeen {
    /// Takes in what an endpoint says of itself, unless a probe that began later has said it already.
    fn hear(&mut self, report: Report, began: Moment, ended: Moment) {
        if report.claim.is_some() && began < self.word.began {
            return;
        }
        match report.claim {
            Some(Claim::Primary) => self.word.primary_ended = Some(ended),
            Some(Claim::Standby) => self.word.standby_lag = Some(report.lag),
            None => {}
        }
        if report.claim.is_some() {
            self.word.began = began;
        }
        self.report = report;
    }

    /// Notes a probe's result, cut to what is worth keeping.
    pub(crate) fn note(&mut self, seen: Observation, counts: bool, inverted: bool, began: Moment) {
        if counts {
            self.probes = self.probes.saturating_add(1);
        } else {
            self.local = self.local.saturating_add(1);
        }
        self.finding = Some(seen.finding);
        self.at = seen.at;
        if seen.evidence.certificate_expiry.is_some() {
            self.certificate_expiry = seen.evidence.certificate_expiry;
        }
        self.inverted = (inverted && seen.finding.is_good()).then(|| seen.evidence.text.clone());
        if seen.finding.is_good() {
            let latest = seen.phases.total;
            self.smooth = Some(self.smooth.map_or(latest, |smooth| (smooth * 7 + latest) / 8));
            self.latency = Some(latest);
            self.recent.note(Some(latest));
            self.hear(seen.report, began, seen.at.moment);
            self.evidence = None;
            return;
        }
        if counts {
            self.failures = self.failures.saturating_add(1);
            self.recent.note(None);
        }
        let mut evidence = seen.evidence;
        if evidence.text.len() > TEXT {
            let end = (0..=TEXT)
                .rev()
                .find(|at| evidence.text.is_char_boundary(*at))
                .unwrap_or(0);
            evidence.text.truncate(end);
        }
        evidence.text.shrink_to_fit();
        evidence.body.truncate(BODY);
        evidence.body.shrink_to_fit();
        self.evidence = Some(Box::new(evidence));
    }
}
