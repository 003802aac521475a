//! What was counted, so that no count goes back when a server takes over.

use serde::{Deserialize, Serialize};

use crate::model::plan::Plan;
use crate::model::service::Service;
use crate::publish::lanes::Lanes;
use crate::serve::counters::{Counters, Saved};

/// Counts under names.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Counts {
    transports: Vec<(String, Saved)>,
    /// By service: one for each kind of answer.
    services: Vec<(String, Vec<u64>)>,
    /// By service and endpoint.
    endpoints: Vec<(String, String, u64)>,
}

/// Lanes of a service: one for each kind.
const KINDS: u32 = crate::answer::served::Kind::ALL.len() as u32;

impl Counts {
    /// Everything so far.
    #[must_use]
    pub fn of(counters: &Counters, lanes: &Lanes, plan: &Plan) -> Self {
        let mut sums = vec![0; lanes.end as usize];
        counters.read_lanes(&mut sums);
        let sum = |lane: u32| sums.get(lane as usize).copied().unwrap_or(0);
        let services = plan.services.iter().zip(&lanes.services);
        let endpoints = plan.endpoints.iter().zip(&lanes.endpoints);
        Self {
            transports: counters
                .totals()
                .into_iter()
                .map(|(name, tally)| (name.to_owned(), Saved::of(&tally)))
                .collect(),
            services: services
                .map(|(service, first)| {
                    let kinds = (0..KINDS).map(|kind| sum(first.saturating_add(kind)));
                    (service.display_name(), kinds.collect())
                })
                .collect(),
            endpoints: endpoints
                .filter_map(|(endpoint, lane)| {
                    let service = plan.services.get(endpoint.service.index())?;
                    Some((service.display_name(), endpoint.name.clone(), sum(*lane)))
                })
                .collect(),
        }
    }

    /// Adds what was counted since `before` (nothing: all) to `counters`.
    pub fn add_to(&self, before: Option<&Self>, counters: &Counters, lanes: &Lanes, plan: &Plan) {
        for (name, saved) in &self.transports {
            let known = before.and_then(|before| before.transports.iter().find(|(other, _)| other == name));
            counters.inherit(name, saved, known.map(|(_, saved)| saved));
        }
        let cell = counters.cell("udp");
        let services: std::collections::HashMap<&str, &Vec<u64>> = self
            .services
            .iter()
            .map(|(name, counts)| (name.as_str(), counts))
            .collect();
        let earlier: std::collections::HashMap<&str, &Vec<u64>> = before
            .into_iter()
            .flat_map(|before| &before.services)
            .map(|(name, counts)| (name.as_str(), counts))
            .collect();
        for (service, first) in plan.services.iter().zip(&lanes.services) {
            let name = service.display_name();
            let Some(counts) = services.get(name.as_str()) else {
                continue;
            };
            let old = earlier.get(name.as_str());
            for (kind, count) in (0..KINDS).zip(counts.iter()) {
                let old = old.and_then(|old| old.get(kind as usize)).copied().unwrap_or(0);
                cell.add_lane(first.saturating_add(kind), count.saturating_sub(old));
            }
        }
        let endpoints = by_names(&self.endpoints);
        let earlier = before
            .map(|before| by_names(&before.endpoints))
            .unwrap_or_default();
        for (endpoint, lane) in plan.endpoints.iter().zip(&lanes.endpoints) {
            let service = plan.services.get(endpoint.service.index());
            let service = service.map(Service::display_name).unwrap_or_default();
            let key = (service.as_str(), endpoint.name.as_str());
            let count = endpoints.get(&key).copied().unwrap_or(0);
            let old = earlier.get(&key).copied().unwrap_or(0);
            cell.add_lane(*lane, count.saturating_sub(old));
        }
    }
}

fn by_names(counts: &[(String, String, u64)]) -> std::collections::HashMap<(&str, &str), u64> {
    counts
        .iter()
        .map(|(service, endpoint, count)| ((service.as_str(), endpoint.as_str()), *count))
        .collect()
}
