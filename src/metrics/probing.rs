//! Probes: results, times, how punctual they are.

use std::collections::BTreeMap;

use crate::control::metering::{PhaseTimes, RESULTS};
use crate::metrics::families as f;
use crate::metrics::panel::Panel;
use crate::metrics::text::{Text, labels};

/// Writes them.
pub(super) fn write(text: &mut Text, panel: &Panel) {
    // Checks of several zones may share a name.
    let mut checks: BTreeMap<(&str, &str), [u64; RESULTS.len()]> = BTreeMap::new();
    for (check, counts) in panel.plan.checks.iter().zip(&panel.gauges.checks) {
        let sums = checks.entry((&check.name, check.kind.as_str())).or_default();
        for (sum, count) in sums.iter_mut().zip(counts) {
            *sum += count;
        }
    }
    let mut samples = text.family(&f::PROBES);
    for ((check, kind), counts) in checks {
        for (result, count) in RESULTS.iter().zip(counts) {
            if count > 0 || *result == "good" {
                samples.count(
                    &labels(&[("check", check), ("type", kind), ("result", result)]),
                    count,
                );
            }
        }
    }
    let mut samples = text.family(&f::PHASES);
    for (kind, times) in &panel.gauges.phases {
        for (phase, histogram) in PhaseTimes::NAMES.iter().zip(&times.phases) {
            if histogram.count() > 0 {
                samples.times(&labels(&[("type", kind), ("phase", phase)]), histogram);
            }
        }
    }
    let (gauges, load) = (&panel.gauges, &panel.load);
    let whole = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    text.family(&f::UNDER_WAY).count("", whole(gauges.under_way));
    text.family(&f::WAITING).count("", whole(load.waiting));
    let waited = u64::try_from(load.waited.as_nanos()).unwrap_or(u64::MAX);
    text.family(&f::WAITED).nanos("", waited);
    text.family(&f::LIMIT).count("", whole(load.limit));
    text.family(&f::PANICS).count("", load.panics);
    let mut samples = text.family(&f::LAST_PROBE);
    if let Some(last) = gauges.last_probe {
        samples.nanos("", last.0.saturating_mul(1_000_000));
    }
    text.family(&f::LATENESS).times("", &gauges.lateness);
    text.family(&f::ISOLATED).flag("", gauges.frozen);
    text.family(&f::BRAKED).count("", whole(gauges.braked));
}
