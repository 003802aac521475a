//! An endpoint that is forced up while it fails hides an outage: that is said at once, and again and again.

use std::time::Duration;

use crate::control::effect::{Effect, HistoryKind};
use crate::control::schedule::Due;
use crate::control::step::Control;
use crate::model::force::ForceKind;
use crate::model::id::EndpointId;
use crate::model::service::Service;
use crate::model::time::Now;
use crate::policy::readings::Tier;
use crate::policy::tree::endpoints_of;

/// How often it is said again.
const AGAIN: Duration = Duration::from_secs(300);

impl Control {
    /// Looks at what is forced up in a service that was just decided.
    pub(super) fn look_for_masked(&mut self, now: Now, service: &Service, said: &mut Vec<Effect>) {
        if self.overrides.standing.is_empty() && self.masked.is_empty() {
            return;
        }
        let mut all = Vec::new();
        endpoints_of(&service.group, &mut all);
        for id in all {
            let masks = self.masks(id, now).is_some();
            if masks && !self.masked.contains_key(&id) {
                self.tell_masked(now, id, said);
            } else if !masks {
                self.masked.remove(&id);
            }
        }
    }

    /// It is time to say it again, unless it is no longer so.
    pub(super) fn remind(
        &mut self,
        now: Now,
        at: crate::model::time::Moment,
        id: EndpointId,
        said: &mut Vec<Effect>,
    ) {
        if self.masked.get(&id) == Some(&at) {
            if self.masks(id, now).is_some() {
                self.tell_masked(now, id, said);
            } else {
                self.masked.remove(&id);
            }
        }
    }

    fn tell_masked(&mut self, now: Now, id: EndpointId, said: &mut Vec<Effect>) {
        let next = now.moment.after(AGAIN);
        self.masked.insert(id, next);
        self.schedule.enter(next, Due::Remind(id));
        let (Some(evidence), Some(over), Some(endpoint)) = (
            self.masks(id, now),
            self.overrides.upon(id),
            self.plan.endpoints.get(id.index()),
        ) else {
            return;
        };
        let service = self.plan.services.get(endpoint.service.index());
        let kind = HistoryKind::Masked {
            service: service.map(Service::display_name).unwrap_or_default(),
            endpoint: endpoint.name.clone(),
            by: over.words(),
            evidence,
        };
        Self::tell(now, true, kind, said);
    }

    /// What an endpoint that is forced up fails with; `None` when it does not fail, or is not forced up.
    pub(super) fn masks(&self, id: EndpointId, now: Now) -> Option<String> {
        let forced = self.overrides.forced(id)?;
        if forced.kind != ForceKind::Up {
            return None;
        }
        let failing: Vec<String> = self
            .plan
            .endpoints
            .get(id.index())?
            .addresses
            .iter()
            .filter_map(|address| Some((address.address, address.target?)))
            .filter(|(_, target)| self.reading(*target, now, true).tier == Tier::Down)
            .map(|(address, target)| format!("{address} is down ({})", self.evidence_text(target)))
            .collect();
        (!failing.is_empty()).then(|| failing.join(", "))
    }
}
