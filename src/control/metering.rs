//! What the signal box counts of its own work, for metrics. Counts are kept over reloads: with the watch that they are
//! about, by the name of a check, or for the node as a whole.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::health::observation::{FaultClass, Finding, Phases};
use crate::model::check::Target;
use crate::model::histogram::Histogram;
use crate::model::plan::Plan;
use crate::model::time::Moment;

/// Bounds of how late a probe is sent, in nanoseconds.
static LATENESS: [u64; 12] = [
    100_000,
    500_000,
    1_000_000,
    2_000_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    1_000_000_000,
    5_000_000_000,
];

/// Bounds of the times of a probe's phases, in nanoseconds.
static PHASES: [u64; 13] = [
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    2_500_000_000,
    5_000_000_000,
];

/// States in which time is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// No verdict yet.
    #[default]
    Unknown,
    /// Up.
    Up,
    /// It answers, but less than well.
    Degraded,
    /// Down, or held down.
    Down,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Unknown, Self::Up, Self::Degraded, Self::Down];

    /// As it is shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Up => "up",
            Self::Degraded => "degraded",
            Self::Down => "down",
        }
    }
}

/// How long one target was in which state, and how often that changed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Meter {
    pub state: State,
    since: Moment,
    spent: [Duration; State::ALL.len()],
    /// From a state that is known to another.
    pub changes: u64,
    /// How often it went down so soon after the last time that damping holds it.
    pub flaps: u64,
}

impl Meter {
    pub(crate) fn new(now: Moment) -> Self {
        Self {
            state: State::Unknown,
            since: now,
            spent: [Duration::ZERO; State::ALL.len()],
            changes: 0,
            flaps: 0,
        }
    }

    /// It is in `state` now; `flapping`: a hold of the damping is owed.
    pub(crate) fn see(&mut self, now: Moment, state: State, flapping: bool) {
        if state == self.state {
            return;
        }
        self.spent = self.spent(now);
        self.since = now;
        if self.state != State::Unknown {
            self.changes = self.changes.saturating_add(1);
            self.flaps = self
                .flaps
                .saturating_add(u64::from(flapping && state == State::Down));
        }
        self.state = state;
    }

    /// How long it was in each state of [`State::ALL`] until now.
    pub(crate) fn spent(&self, now: Moment) -> [Duration; State::ALL.len()] {
        let mut spent = self.spent;
        if let Some(time) = spent.get_mut(self.state as usize) {
            *time = time.saturating_add(now.since(self.since));
        }
        spent
    }
}

/// Results of a check's probes: the first is a success, the others are classes of failure.
pub const RESULTS: [&str; 10] = [
    "good",
    "refused",
    "reset",
    "timeout",
    "unreachable",
    "tls",
    "status",
    "content",
    "garbage",
    "local",
];

fn result(finding: Finding) -> usize {
    match finding {
        Finding::Good => 0,
        Finding::Bad { class, .. } => match class {
            FaultClass::Refused => 1,
            FaultClass::Reset => 2,
            FaultClass::Timeout => 3,
            FaultClass::Unreachable => 4,
            FaultClass::Tls => 5,
            FaultClass::Status => 6,
            FaultClass::Content => 7,
            FaultClass::Garbage => 8,
            FaultClass::Local => 9,
        },
    }
}

/// How long the phases of the probes of one type of check took.
#[derive(Clone, Debug)]
pub struct PhaseTimes {
    /// In the order of [`PhaseTimes::NAMES`].
    pub phases: [Histogram; 6],
}

impl PhaseTimes {
    /// The phases, and the whole.
    pub const NAMES: [&'static str; 6] = ["resolve", "connect", "tls", "first-byte", "body", "total"];

    fn new() -> Self {
        Self {
            phases: std::array::from_fn(|_| Histogram::new(&PHASES)),
        }
    }

    fn note(&mut self, phases: &Phases) {
        let times = [
            phases.resolve,
            phases.connect,
            phases.tls,
            phases.first_byte,
            phases.body,
            Some(phases.total),
        ];
        for (histogram, time) in self.phases.iter_mut().zip(times) {
            time.into_iter().for_each(|time| histogram.took(time));
        }
    }
}

/// What is counted for the node as a whole, and by check.
#[derive(Clone, Debug)]
pub(crate) struct Meters {
    /// How long after they were due probes were sent.
    pub lateness: Histogram,
    /// By type of check.
    pub phases: BTreeMap<&'static str, PhaseTimes>,
    /// By `CheckId`: how often each of [`RESULTS`] came.
    pub checks: Vec<[u64; RESULTS.len()]>,
}

impl Meters {
    pub(crate) fn new(plan: &Plan) -> Self {
        Self {
            lateness: Histogram::new(&LATENESS),
            phases: BTreeMap::new(),
            checks: vec![[0; RESULTS.len()]; plan.checks.len()],
        }
    }

    /// Counts a probe's end. What this node's own fault ended says nothing of times.
    pub(crate) fn probed(&mut self, target: Option<&Target>, finding: Finding, phases: &Phases) {
        let Some(target) = target else { return };
        let results = self.checks.get_mut(target.check.id.index());
        if let Some(count) = results.and_then(|results| results.get_mut(result(finding))) {
            *count = count.saturating_add(1);
        }
        if !finding.is_own_fault() {
            self.phases
                .entry(target.check.kind.as_str())
                .or_insert_with(PhaseTimes::new)
                .note(phases);
        }
    }

    /// Checks are numbered anew: what was counted goes on under the same names.
    pub(crate) fn replan(&mut self, old: &Plan, new: &Plan) {
        let counted = std::mem::take(&mut self.checks);
        let mut known: HashMap<&str, [u64; RESULTS.len()]> = HashMap::new();
        for (check, counts) in old.checks.iter().zip(counted) {
            // Checks of several zones may share a name: they share a row of metrics, too.
            let sums = known.entry(check.name.as_str()).or_default();
            sums.iter_mut()
                .zip(counts)
                .for_each(|(sum, count)| *sum = sum.saturating_add(count));
        }
        let counts = new.checks.iter().map(|check| known.remove(check.name.as_str()));
        self.checks = counts.map(Option::unwrap_or_default).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::observation::Phase;

    #[test]
    fn time_is_counted_in_the_state_that_was_and_only_known_states_change() {
        let at = Moment::from_secs;
        let mut meter = Meter::new(at(0));
        meter.see(at(2), State::Up, false);
        meter.see(at(3), State::Up, false);
        meter.see(at(10), State::Down, false);
        meter.see(at(11), State::Degraded, false);
        meter.see(at(12), State::Down, true);
        assert_eq!(meter.spent(at(20)).map(|spent| spent.as_secs()), [2, 8, 1, 1 + 8]);
        assert_eq!((meter.changes, meter.flaps), (3, 1));
    }

    #[test]
    fn results_are_named_as_observations_name_them() {
        for class in FaultClass::ALL {
            let phase = Phase::Connect;
            assert_eq!(RESULTS[result(Finding::Bad { phase, class })], class.to_string());
        }
        let phases = [
            Phase::Resolve,
            Phase::Connect,
            Phase::Tls,
            Phase::FirstByte,
            Phase::Body,
        ];
        assert!(
            phases
                .iter()
                .zip(PhaseTimes::NAMES)
                .all(|(phase, name)| phase.to_string() == name)
        );
    }
}
