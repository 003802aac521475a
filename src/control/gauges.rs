//! How everything stands, in numbers: taken by the thread that decides, so without a name or a sentence; whoever shows it
//! finds the names in the plan.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::control::metering::{PhaseTimes, RESULTS, State};
use crate::control::step::Control;
use crate::control::watch::Desk;
use crate::model::force::ForceKind;
use crate::model::histogram::Histogram;
use crate::model::time::{Now, UnixTime};
use crate::policy::choice::Decision;
use crate::policy::decide::Decided;

/// Everything, at one moment.
#[derive(Clone, Debug)]
pub struct Gauges {
    /// When.
    pub at: Now,
    /// By `TargetId`.
    pub targets: Vec<TargetGauges>,
    /// By `EndpointId`.
    pub endpoints: Vec<EndpointGauges>,
    /// By `ServiceId`.
    pub services: Vec<ServiceGauges>,
    /// By `CheckId`: how often each of [`RESULTS`] came.
    pub checks: Vec<[u64; RESULTS.len()]>,
    /// By type of check.
    pub phases: BTreeMap<&'static str, PhaseTimes>,
    /// How long after they were due probes were sent, in nanoseconds.
    pub lateness: Histogram,
    /// Overrides in force: what they make of whom they lie upon, and whether they stand in the file.
    pub overrides: Vec<(ForceKind, bool)>,
    /// Whether this node seems cut off, and states are frozen.
    pub frozen: bool,
    /// How many targets wait at the brake.
    pub braked: usize,
    /// Probes under way, or waiting for their turn.
    pub under_way: usize,
    /// When any probe last ended.
    pub last_probe: Option<UnixTime>,
}

/// One probe stream.
#[derive(Clone, Copy, Debug)]
pub struct TargetGauges {
    /// What it is.
    pub state: State,
    /// How long it was in each of [`State::ALL`].
    pub spent: [Duration; State::ALL.len()],
    /// How often its state changed.
    pub changes: u64,
    /// How often it went down so soon after the last time that damping held it.
    pub flaps: u64,
    /// Probes that count.
    pub probes: u64,
    /// Of these, failures.
    pub failures: u64,
    /// Probes that failed by this node's own fault.
    pub local: u64,
    /// Of the last good probe.
    pub latency: Option<Duration>,
    /// When its certificate ends.
    pub certificate_expiry: Option<UnixTime>,
}

/// One endpoint.
#[derive(Clone, Copy, Debug, Default)]
pub struct EndpointGauges {
    /// Whether it may be answered now.
    pub answered: bool,
    /// What an operator laid upon it.
    pub forced: Option<ForceKind>,
}

/// One service.
#[derive(Clone, Copy, Debug, Default)]
pub struct ServiceGauges {
    /// Whether nothing healthy is there, in any family that it has.
    pub all_down: bool,
    /// How often that began.
    pub all_down_entries: u64,
    /// How often its answer changed.
    pub changes: u64,
    /// Whether the answer is not what it should be.
    pub degraded: bool,
    /// TTL of an answer given now, in seconds.
    pub ttl: u32,
}

impl Control {
    /// How everything stands now.
    #[must_use]
    pub fn gauges(&self, now: Now) -> Gauges {
        let targets = self.watches.iter().map(|watch| TargetGauges {
            state: watch.meter.state,
            spent: watch.meter.spent(now.moment),
            changes: watch.meter.changes,
            flaps: watch.meter.flaps,
            probes: watch.seen.probes,
            failures: watch.seen.failures,
            local: watch.seen.local,
            latency: watch.seen.latency,
            certificate_expiry: watch.seen.certificate_expiry,
        });
        let mut endpoints: Vec<EndpointGauges> = (0..self.plan.endpoints.len())
            .map(|index| EndpointGauges {
                answered: false,
                forced: self
                    .overrides
                    .forced
                    .get(index)
                    .copied()
                    .flatten()
                    .map(|f| f.kind),
            })
            .collect();
        let answered = self.desks.iter().filter_map(|desk| desk.decided.as_ref());
        for id in answered.flat_map(|decided| &decided.answered) {
            if let Some(endpoint) = endpoints.get_mut(id.index()) {
                endpoint.answered = true;
            }
        }
        let standing = self.overrides.standing.iter();
        let probed = self.watches.iter().filter(|watch| watch.seen.finding.is_some());
        Gauges {
            at: now,
            targets: targets.collect(),
            endpoints,
            services: self.desks.iter().map(|desk| desk.gauges(now)).collect(),
            checks: self.meters.checks.clone(),
            phases: self.meters.phases.clone(),
            lateness: self.meters.lateness.clone(),
            overrides: standing.map(|over| (over.kind, over.place.is_some())).collect(),
            frozen: self.isolation.is_frozen(),
            braked: self.brakes.iter().flatten().map(|brake| brake.waiting()).sum(),
            under_way: self.flights.len(),
            last_probe: probed.map(|watch| watch.seen.at.wall).max(),
        }
    }
}

impl Desk {
    /// Counts a decision; `changed`: it is not the last one.
    pub(super) fn count(&mut self, decided: &Decided, changed: bool) {
        let all_down = decided.all_down.contains(&true);
        let before = std::mem::replace(&mut self.all_down, all_down);
        let begins = all_down && !before;
        self.all_down_entries = self.all_down_entries.saturating_add(u64::from(begins));
        let differs = |last: &Decision| last.a != decided.decision.a || last.aaaa != decided.decision.aaaa;
        let differs = changed && self.last.as_ref().is_some_and(differs);
        self.changes = self.changes.saturating_add(u64::from(differs));
    }

    fn gauges(&self, now: Now) -> ServiceGauges {
        ServiceGauges {
            all_down: self.all_down,
            all_down_entries: self.all_down_entries,
            changes: self.changes,
            degraded: self.said.is_some(),
            ttl: self
                .last
                .as_ref()
                .map_or(0, |last| last.lifetime.at(now.moment).secs()),
        }
    }
}
