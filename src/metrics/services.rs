//! Services: what they answer, what became of it, how failovers went.

use std::collections::BTreeMap;

use crate::answer::served::Kind;
use crate::metrics::families as f;
use crate::metrics::panel::Panel;
use crate::metrics::text::{Text, labels};

/// Writes them; `lanes` are the sums of what was answered.
pub(super) fn write(text: &mut Text, panel: &Panel, lanes: &[u64]) {
    let plan = &panel.plan;
    let whole = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    text.family(&f::SERVICES).count("", whole(plan.services.len()));
    let mut zones = text.family(&f::ZONES);
    for (state, refused) in [("served", false), ("refused", true)] {
        let count = plan.zones.iter().filter(|zone| zone.refused == refused).count();
        zones.count(&labels(&[("state", state)]), whole(count));
    }
    let names: Vec<String> = plan
        .services
        .iter()
        .map(|service| service.display_name())
        .collect();
    let shown: Vec<String> = names.iter().map(|name| labels(&[("service", name)])).collect();

    let mut samples = text.family(&f::SERVICE_ANSWERS);
    for (service, first) in shown.iter().zip(&panel.lanes.services) {
        for kind in Kind::ALL {
            let lane = *first as usize + kind as usize;
            let count = lanes.get(lane).copied().unwrap_or(0);
            if count > 0 || kind == Kind::Address {
                samples.count(&format!("{service},answer=\"{}\"", kind.as_str()), count);
            }
        }
    }
    let stand = || shown.iter().zip(&panel.gauges.services);
    let mut samples = text.family(&f::SERVICE_CHANGES);
    stand().for_each(|(service, gauges)| samples.count(service, gauges.changes));
    let mut samples = text.family(&f::SERVICE_DOWN);
    stand().for_each(|(service, gauges)| samples.flag(service, gauges.all_down));
    let mut samples = text.family(&f::SERVICE_DOWN_ENTRIES);
    stand().for_each(|(service, gauges)| samples.count(service, gauges.all_down_entries));
    let mut samples = text.family(&f::SERVICE_DEGRADED);
    stand().for_each(|(service, gauges)| samples.flag(service, gauges.degraded));
    let mut samples = text.family(&f::SERVICE_TTL);
    stand().for_each(|(service, gauges)| samples.count(service, u64::from(gauges.ttl)));
    let mut counts = vec![(0u64, 0u64); plan.services.len()];
    for (endpoint, gauges) in plan.endpoints.iter().zip(&panel.gauges.endpoints) {
        if let Some((all, answered)) = counts.get_mut(endpoint.service.index()) {
            *all += 1;
            *answered += u64::from(gauges.answered);
        }
    }
    let counted = || shown.iter().zip(&counts);
    let mut samples = text.family(&f::SERVICE_ENDPOINTS);
    counted().for_each(|(service, (all, _))| samples.count(service, *all));
    let mut samples = text.family(&f::SERVICE_ANSWERED);
    counted().for_each(|(service, (_, answered))| samples.count(service, *answered));
    failovers(text, panel, &names, &shown);
}

fn failovers(text: &mut Text, panel: &Panel, names: &[String], all: &[String]) {
    let failovers = &panel.failovers;
    let shown: BTreeMap<&str, &str> = names
        .iter()
        .zip(all)
        .map(|(name, labels)| (name.as_str(), labels.as_str()))
        .collect();
    let last = || {
        let all = failovers.last.iter();
        all.filter_map(|(service, last)| Some((*shown.get(service.as_str())?, last)))
    };
    let mut samples = text.family(&f::FAILOVERS);
    for (name, labels) in names.iter().zip(all) {
        // From the beginning, so that the first one is seen as a change.
        samples.count(labels, failovers.last.get(name).map_or(0, |last| last.count));
    }
    text.family(&f::DETECTION).times("", &failovers.detection);
    text.family(&f::ANSWER).times("", &failovers.answer);
    text.family(&f::WHOLE).times("", &failovers.whole);
    let mut samples = text.family(&f::LAST_AT);
    last().for_each(|(service, last)| samples.nanos(service, last.at.0.saturating_mul(1_000_000)));
    let mut samples = text.family(&f::LAST_DETECTION);
    last().for_each(|(service, last)| samples.nanos(service, last.detection));
    let mut samples = text.family(&f::LAST_ANSWER);
    last().for_each(|(service, last)| samples.nanos(service, last.answer));
}
