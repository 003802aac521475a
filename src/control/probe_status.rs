//! How one probe stream stands: data for tables, for the API, for people.

use std::time::Duration;

use serde::Serialize;

use crate::control::combining::health_of;
use crate::control::step::Control;
use crate::control::watch::Watch;
use crate::health::observation::Finding;
use crate::health::standing::{Health, Hold, Standing};
use crate::model::check::{Claim, Target};
use crate::model::id::TargetId;
use crate::model::time::{Moment, Now};
use crate::policy::readings::Reading;

/// One probe stream.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct ProbeStatus {
    /// The check's name.
    pub check: String,
    /// Whether no answer heeds it.
    pub shadow: bool,
    /// Address and port.
    pub target: String,
    /// What the probes alone say: `unknown`, `up`, `degraded`, `down`.
    pub real: &'static str,
    /// What counts.
    pub effective: &'static str,
    /// Why that differs, and for how long.
    pub held: Option<String>,
    /// Why it is less than well: `slow, 740 ms of 500 ms`.
    pub degraded: Option<String>,
    /// What it says it is: `primary` or `standby`; `None`: it cannot tell, or never did.
    pub claim: Option<&'static str>,
    /// How far it says to be behind its primary, in milliseconds.
    pub lag_ms: Option<u64>,
    /// Whether it has the role that its check asks for, and is near enough to its primary.
    pub as_expected: bool,
    /// Since when `effective` is what it is, in milliseconds since 1970.
    pub since_unix_ms: u64,
    /// For how long, in milliseconds.
    pub for_ms: u64,
    /// Whether probes and state disagree.
    pub in_doubt: bool,
    /// Failures since the last success.
    pub failures_in_a_row: u16,
    /// How many of them a verdict of down asks for now.
    pub failures_asked: u16,
    /// Upper bound on the share of probes lost by chance.
    pub loss_bound: f64,
    /// Of the last successful probe, in microseconds.
    pub latency_us: Option<u64>,
    /// When the last probe ended, in milliseconds since 1970; `None` before the first.
    pub last_probe_unix_ms: Option<u64>,
    /// `good`, or phase and class of the last failure: `connect refused`.
    pub last: Option<String>,
    /// What the last failure showed, until the next success.
    pub evidence: Option<EvidenceStatus>,
    /// When the certificate ends, in seconds since 1970.
    pub certificate_expiry: Option<u64>,
    /// Probes that count.
    pub probes: u64,
    /// Of these, failures.
    pub failures: u64,
    /// Probes that failed through this node's own fault and count for nothing.
    pub own_faults: u64,
    /// Of a combined check: what it is judged by.
    #[schema(no_recursion)]
    pub parts: Vec<ProbeStatus>,
}

/// What a failure showed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct EvidenceStatus {
    /// A sentence.
    pub text: String,
    /// HTTP status.
    pub status: Option<u16>,
    /// First 256 octets of a refused body, what is not UTF-8 replaced.
    pub body: String,
}

impl Control {
    /// How one address stands; `None` for an id that is not in the plan.
    #[must_use]
    pub fn standing(&self, target: TargetId, now: Moment) -> Option<Standing> {
        let watch = self.watches.get(target.index())?;
        let described = self.plan.targets.get(target.index())?;
        let wall = watch.gate.since().wall;
        let made = self.shown(described, Now { moment: now, wall }, true);
        let (real, effective) = states(described, watch, made);
        Some(Standing {
            real,
            effective,
            held: watch.gate.held(),
            in_doubt: made.in_doubt,
            earliest_flip: made.earliest_flip,
            since: watch.gate.since(),
            why: last_in_words(watch).unwrap_or_else(|| "never probed".to_owned()),
        })
    }

    /// What counts of one stream; `None` for an id that is not in the plan.
    pub(super) fn effective(&self, target: TargetId, now: Now) -> Option<Health> {
        let watch = self.watches.get(target.index())?;
        let described = self.plan.targets.get(target.index())?;
        if !described.is_derived() {
            return Some(shown(watch, watch.gate.effective()));
        }
        Some(health_of(self.shown(described, now, true).tier))
    }

    /// How one stream stands, with those that it is judged by; `None` for an id that is not in the plan.
    #[must_use]
    pub fn probe_status(&self, target: TargetId, now: Now) -> Option<ProbeStatus> {
        let watch = self.watches.get(target.index())?;
        let described = self.plan.targets.get(target.index())?;
        let rules = &described.check.rules;
        let seen = &watch.seen;
        let made = self.shown(described, now, true);
        let (real, effective) = states(described, watch, made);
        let parts: Vec<ProbeStatus> = described
            .parts
            .iter()
            .filter(|part| **part < target)
            .filter_map(|part| self.probe_status(*part, now))
            .collect();
        let own = watch.degraded(now.wall).into_iter();
        let of_parts = parts.iter().filter(|part| !part.shadow);
        let of_parts =
            of_parts.filter_map(|part| Some(format!("{}: {}", part.check, part.degraded.as_ref()?)));
        let degraded: Vec<String> = own.chain(of_parts).collect();
        Some(ProbeStatus {
            check: described.check.name.clone(),
            target: described.place(),
            shadow: watch.shadow,
            real: real.as_str(),
            effective: effective.as_str(),
            held: watch.gate.held().map(|hold| hold_in_words(hold, now.moment)),
            degraded: (!degraded.is_empty()).then(|| degraded.join("; ")),
            claim: seen.report.claim.map(Claim::as_str),
            lag_ms: seen.report.lag.map(millis),
            as_expected: watch.is_as_expected(),
            since_unix_ms: watch.gate.since().wall.0,
            for_ms: millis(now.moment.since(watch.gate.since().moment)),
            in_doubt: made.in_doubt,
            failures_in_a_row: watch.monitor.run().failures(),
            failures_asked: watch.monitor.failures_asked(rules),
            loss_bound: watch.monitor.loss_bound(),
            latency_us: made
                .latency
                .map(|latency| u64::try_from(latency.as_micros()).unwrap_or(u64::MAX)),
            last_probe_unix_ms: seen.finding.map(|_| seen.at.wall.0),
            last: last_in_words(watch),
            evidence: seen.evidence.as_ref().map(|evidence| EvidenceStatus {
                text: evidence.text.clone(),
                status: evidence.status,
                body: String::from_utf8_lossy(&evidence.body).into_owned(),
            }),
            certificate_expiry: seen.certificate_expiry.map(|at| at.secs()),
            probes: seen.probes,
            failures: seen.failures,
            own_faults: seen.local,
            parts,
        })
    }
}

/// What the probes say, and what counts; of a derived target, what its parts amount to.
fn states(described: &Target, watch: &Watch, made: Reading) -> (Health, Health) {
    if described.is_derived() {
        return (health_of(made.tier), health_of(made.tier));
    }
    (
        shown(watch, watch.monitor.health()),
        shown(watch, watch.gate.effective()),
    )
}

/// A state as it is shown: up is degraded when something is not as it should be.
fn shown(watch: &Watch, health: Health) -> Health {
    match health {
        Health::Up if watch.degradation.is_some() => Health::Degraded,
        other => other,
    }
}

/// What is wrong with a target in a few words: why it is held, what the last failure showed, or what is less than well.
/// `None`: nothing that is known.
pub(super) fn trouble_in_words(control: &Control, target: TargetId, now: Now) -> Option<String> {
    let watch = control.watches.get(target.index())?;
    let described = control.plan.targets.get(target.index())?;
    if described.is_derived() {
        let parts = described.parts.iter().filter(|part| **part < target);
        return parts
            .filter_map(|part| Some((control.plan.targets.get(part.index())?, part)))
            .find_map(|(part, id)| {
                let words = trouble_in_words(control, *id, now)?;
                Some(format!("{}: {words}", part.check.name))
            });
    }
    if let Some(hold) = watch.gate.held() {
        return Some(hold_in_words(hold, now.moment));
    }
    if let Some(evidence) = &watch.seen.evidence
        && !evidence.text.is_empty()
    {
        return Some(evidence.text.clone());
    }
    let degraded = watch.degraded(now.wall);
    degraded.or_else(|| last_in_words(watch).filter(|word| word != "good"))
}

fn last_in_words(watch: &Watch) -> Option<String> {
    Some(match watch.seen.finding? {
        Finding::Good if watch.seen.inverted.is_some() => {
            format!("good ({})", watch.seen.inverted.as_deref().unwrap_or_default())
        }
        Finding::Good => "good".to_owned(),
        Finding::Bad { phase, class } => format!("{phase} {class}"),
    })
}

fn hold_in_words(hold: Hold, now: Moment) -> String {
    let left = |until: Moment| format!("{:.1} s", until.since(now).as_secs_f64());
    match hold {
        Hold::MinDown { until } => format!("down for min_down, {} more", left(until)),
        Hold::Flapping { until } => format!("flapped: must answer for {} more", left(until)),
        Hold::Brake => "waits at the brake: too many went down within a minute".to_owned(),
        Hold::Isolated => "frozen, or waiting for a reference: this node may be cut off".to_owned(),
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
