//! What the thread that decides gives to a scrape.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::control::failovers::Failovers;
use crate::control::gauges::Gauges;
use crate::model::histogram::Histogram;
use crate::model::plan::Plan;
use crate::publish::lanes::Lanes;

/// Bounds of the time that publishing takes, in nanoseconds.
static PUBLISHING: [u64; 12] = [
    5_000,
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    5_000_000,
    25_000_000,
    100_000_000,
    1_000_000_000,
];

/// Numbers of one moment, with the plan that says what they are about.
#[derive(Clone, Debug)]
pub struct Panel {
    /// The plan in force.
    pub plan: Arc<Plan>,
    /// How everything stands.
    pub gauges: Gauges,
    /// Under which lanes answers are counted.
    pub lanes: Arc<Lanes>,
    /// How long publishing took, in nanoseconds.
    pub publishes: Histogram,
    /// How long earlier scrapes kept the thread that decides, in nanoseconds.
    pub scrapes: Histogram,
    /// How long failovers took.
    pub failovers: Failovers,
    /// Entries of the timeline so far, by kind, and whether somebody should look.
    pub events: BTreeMap<(String, bool), u64>,
    /// How keeping the timeline goes.
    pub history: HistoryLoad,
    /// How busy probing is.
    pub load: ProbeLoad,
    /// Whether the store cannot be written now.
    pub store_trouble: bool,
}

/// How keeping the timeline goes.
#[derive(Clone, Copy, Debug, Default)]
pub struct HistoryLoad {
    /// Entries on disk since the start.
    pub written: u64,
    /// Entries given up because too many waited.
    pub dropped: u64,
    /// Times that the disk did not take what was to be written.
    pub failures: u64,
    /// Entries that wait for the disk.
    pub waiting: u64,
}

/// How busy probing is.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProbeLoad {
    /// Probes that may run at once.
    pub limit: usize,
    /// Probes that wait for their turn.
    pub waiting: usize,
    /// The sum of all waits.
    pub waited: Duration,
    /// Probes that panicked.
    pub panics: u64,
}

/// A histogram for how long publishing takes, and other short work of the thread that decides.
#[must_use]
pub fn short_work() -> Histogram {
    Histogram::new(&PUBLISHING)
}
