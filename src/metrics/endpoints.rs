//! Endpoints and their addresses: the part of the page that grows with the configuration.

use crate::control::gauges::TargetGauges;
use crate::control::metering::State;
use crate::metrics::families as f;
use crate::metrics::panel::Panel;
use crate::metrics::text::{Samples, Text, label, labels};
use crate::model::cname::shown;

/// Labels of many things in one piece of memory.
struct Shelf {
    all: String,
    ends: Vec<usize>,
}

impl Shelf {
    fn new(count: usize) -> Self {
        Self {
            all: String::with_capacity(count * 80),
            ends: Vec::with_capacity(count),
        }
    }

    fn iter(&self) -> impl Iterator<Item = &str> {
        let begins = std::iter::once(0).chain(self.ends.iter().copied());
        begins
            .zip(&self.ends)
            .map(|(begin, end)| self.all.get(begin..*end).unwrap_or(""))
    }
}

/// How many addresses are in which state.
pub(super) fn write_sums(text: &mut Text, panel: &Panel) {
    let mut counts = [0u64; State::ALL.len()];
    for gauges in targets(panel).flatten() {
        if let Some(count) = counts.get_mut(gauges.state as usize) {
            *count += 1;
        }
    }
    let mut samples = text.family(&f::ADDRESSES);
    for (state, count) in State::ALL.iter().zip(counts) {
        samples.count(&labels(&[("state", state.as_str())]), count);
    }
}

/// Each address of each endpoint: how its target stands, when it has one.
fn targets(panel: &Panel) -> impl Iterator<Item = Option<&TargetGauges>> {
    let addresses = panel.plan.endpoints.iter().flat_map(|endpoint| {
        // What stands in for a name in the other family says nothing more.
        let count = if endpoint.cname.is_some() { 1 } else { usize::MAX };
        endpoint.addresses.iter().take(count)
    });
    addresses.map(|known| panel.gauges.targets.get(known.target?.index()))
}

/// Writes each endpoint, and each of its addresses that is checked; `lanes` are the sums of what was answered.
pub(super) fn write(text: &mut Text, panel: &Panel, lanes: &[u64]) {
    let plan = &panel.plan;
    let mut by_endpoint = Shelf::new(plan.endpoints.len());
    let mut by_address = Shelf::new(plan.endpoints.len() * 2);
    let services: Vec<String> = plan
        .services
        .iter()
        .map(|service| labels(&[("service", &service.display_name())]))
        .collect();
    for endpoint in &plan.endpoints {
        let begin = by_endpoint.all.len();
        by_endpoint
            .all
            .push_str(services.get(endpoint.service.index()).map_or("", String::as_str));
        by_endpoint.all.push(',');
        label(&mut by_endpoint.all, "endpoint", &endpoint.name);
        by_endpoint.ends.push(by_endpoint.all.len());
        let own = by_endpoint.all.get(begin..).unwrap_or("");
        let count = if endpoint.cname.is_some() { 1 } else { usize::MAX };
        for known in endpoint.addresses.iter().take(count) {
            by_address.all.push_str(own);
            by_address.all.push(',');
            label(
                &mut by_address.all,
                "address",
                &shown(&plan.endpoints, known.address),
            );
            let target = known.target.and_then(|id| plan.targets.get(id.index()));
            by_address.all.push(',');
            label(
                &mut by_address.all,
                "check",
                target.map_or("", |target| &target.check.name),
            );
            by_address.ends.push(by_address.all.len());
        }
    }

    let mut samples = text.family(&f::ENDPOINT_ANSWERS);
    for (endpoint, lane) in by_endpoint.iter().zip(&panel.lanes.endpoints) {
        samples.count(endpoint, lanes.get(*lane as usize).copied().unwrap_or(0));
    }
    let stand = || by_endpoint.iter().zip(&panel.gauges.endpoints);
    let mut samples = text.family(&f::ENDPOINT_ANSWERED);
    stand().for_each(|(endpoint, gauges)| samples.flag(endpoint, gauges.answered));
    let mut samples = text.family(&f::ENDPOINT_FORCED);
    for (endpoint, gauges) in stand() {
        if let Some(kind) = gauges.forced {
            samples.flag(&format!("{endpoint},state=\"{}\"", kind.as_str()), true);
        }
    }
    addresses(text, panel, &by_address);
}

fn addresses(text: &mut Text, panel: &Panel, shelf: &Shelf) {
    let all = || {
        shelf
            .iter()
            .zip(targets(panel))
            .filter_map(|(labels, gauges)| Some((labels, gauges?)))
    };
    let mut labels = String::new();
    let mut with = |samples: &mut Samples<'_>, known: &str, more: &str, value: Value| {
        labels.clear();
        labels.push_str(known);
        labels.push_str(more);
        match value {
            Value::Count(count) => samples.count(&labels, count),
            Value::Nanos(nanos) => samples.nanos(&labels, nanos),
        }
    };
    let mut samples = text.family(&f::ENDPOINT_UP);
    all().for_each(|(address, gauges)| {
        samples.flag(address, matches!(gauges.state, State::Up | State::Degraded));
    });
    let mut samples = text.family(&f::ENDPOINT_STATE_SECONDS);
    for (address, gauges) in all() {
        for (state, spent) in State::ALL.into_iter().zip(gauges.spent) {
            // What it never was has no row, nor has the time before first verdicts; the two that matter have one from the
            // beginning.
            if matches!(state, State::Up | State::Down) || (state == State::Degraded && !spent.is_zero()) {
                let more = match state {
                    State::Unknown | State::Up => ",state=\"up\"",
                    State::Degraded => ",state=\"degraded\"",
                    State::Down => ",state=\"down\"",
                };
                // Milliseconds are enough, and shorter.
                let millis = u64::try_from(spent.as_millis()).unwrap_or(u64::MAX);
                with(
                    &mut samples,
                    address,
                    more,
                    Value::Nanos(millis.saturating_mul(1_000_000)),
                );
            }
        }
    }
    let mut samples = text.family(&f::ENDPOINT_CHANGES);
    all().for_each(|(address, gauges)| samples.count(address, gauges.changes));
    let mut samples = text.family(&f::ENDPOINT_FLAPS);
    // Seldom: who never flapped has no row.
    all()
        .filter(|(_, gauges)| gauges.flaps > 0)
        .for_each(|(address, gauges)| samples.count(address, gauges.flaps));
    let mut samples = text.family(&f::ENDPOINT_PROBES);
    for (address, gauges) in all() {
        let good = gauges.probes.saturating_sub(gauges.failures);
        with(&mut samples, address, ",result=\"good\"", Value::Count(good));
        with(
            &mut samples,
            address,
            ",result=\"bad\"",
            Value::Count(gauges.failures),
        );
        if gauges.local > 0 {
            with(
                &mut samples,
                address,
                ",result=\"local\"",
                Value::Count(gauges.local),
            );
        }
    }
    let mut samples = text.family(&f::ENDPOINT_LATENCY);
    for (address, gauges) in all() {
        if let Some(latency) = gauges.latency {
            samples.nanos(address, u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX));
        }
    }
    let mut samples = text.family(&f::ENDPOINT_CERTIFICATE);
    for (address, gauges) in all() {
        if let Some(expiry) = gauges.certificate_expiry {
            samples.count(address, expiry.secs());
        }
    }
}

enum Value {
    Count(u64),
    Nanos(u64),
}
