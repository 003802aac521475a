//! When a drained server may be stopped: no cache that keeps to its TTL can hold an address of it any more.
//!
//! An address may be answered by several services. Draining one of them says nothing of the others: the server is safe
//! to stop when none of them answers the address, and what they answered has expired.

use std::net::IpAddr;
use std::time::Duration;

use serde::Serialize;

use crate::control::effect::{Effect, HistoryKind};
use crate::control::ledger::Held;
use crate::control::schedule::Due;
use crate::control::step::Control;
use crate::model::force::ForceKind;
use crate::model::id::EndpointId;
use crate::model::plan::Plan;
use crate::model::time::{Moment, Now};

/// How often it is looked whether others still answer an address.
const LOOK: Duration = Duration::from_secs(1);

/// For how long clients may still come to an endpoint that was taken out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct WaitStatus {
    /// Whether no compliant cache holds an address of it: its server may be stopped.
    pub safe: bool,
    /// Until when caches may hold one, in milliseconds since 1970; `None`: they do not, or it is still answered.
    pub until_unix_ms: Option<u64>,
    /// How long that is from now, in milliseconds.
    pub left_ms: Option<u64>,
    /// Services that still answer an address of it.
    pub still_answered_by: Vec<String>,
}

/// What caches may hold of an endpoint.
struct Wait {
    until: Option<Moment>,
    still: Vec<String>,
    /// Whether it can be told at all: an endpoint without an address of its own is not in the ledger.
    known: bool,
}

impl Wait {
    fn is_safe(&self) -> bool {
        self.known && self.until.is_none() && self.still.is_empty()
    }
}

impl Control {
    /// Follows what is drained now; what was said of it stays said.
    pub(super) fn follow_drains(&mut self, now: Now) {
        let drained = |id: EndpointId| {
            let forced = self.overrides.forced(id);
            forced.is_some_and(|forced| forced.kind == ForceKind::Drain)
        };
        let all = self.plan.endpoints.iter().map(|endpoint| endpoint.id);
        let next = all
            .filter(|id| drained(*id))
            .map(|id| (id, self.draining.get(&id).copied().unwrap_or(false)))
            .collect();
        self.draining = next;
        self.plan_drains(now.moment);
    }

    /// The same in a new plan's numbers.
    pub(super) fn move_drains(&mut self, now: Now, old: &Plan) {
        let names = |plan: &Plan, id: EndpointId| {
            let endpoint = plan.endpoints.get(id.index())?;
            let service = plan.services.get(endpoint.service.index())?;
            Some((service.display_name(), endpoint.name.clone()))
        };
        let told: Vec<_> = std::mem::take(&mut self.draining)
            .into_iter()
            .filter(|(_, told)| *told)
            .filter_map(|(id, _)| names(old, id))
            .collect();
        self.drains_at = None;
        self.follow_drains(now);
        let plan = self.plan.clone();
        for (id, is_told) in &mut self.draining {
            *is_told = names(&plan, *id).is_some_and(|names| told.contains(&names));
        }
    }

    fn plan_drains(&mut self, at: Moment) {
        if self.draining.values().any(|told| !told) && self.drains_at.is_none_or(|known| at < known) {
            self.drains_at = Some(at);
            self.schedule.enter(at, Due::Drains);
        }
    }

    /// Looks which of them are safe to stop now.
    pub(super) fn look_at_drains(&mut self, now: Now, at: Moment, effects: &mut Vec<Effect>) {
        if self.drains_at != Some(at) {
            return;
        }
        self.drains_at = None;
        if !self.opened {
            return self.plan_drains(now.moment.after(LOOK));
        }
        let waiting: Vec<EndpointId> = self
            .draining
            .iter()
            .filter(|(_, told)| !**told)
            .map(|(id, _)| *id)
            .collect();
        let mut next = now.moment.after(LOOK);
        for id in waiting {
            let wait = self.wait(id, now.moment);
            if wait.is_safe() {
                self.draining.insert(id, true);
                self.tell_safe(now, id, effects);
            } else if let (Some(until), true) = (wait.until, wait.still.is_empty()) {
                next = next.min(until);
            }
        }
        self.plan_drains(next);
    }

    fn tell_safe(&self, now: Now, id: EndpointId, effects: &mut Vec<Effect>) {
        let Some(endpoint) = self.plan.endpoints.get(id.index()) else {
            return;
        };
        let service = self.plan.services.get(endpoint.service.index());
        let kind = HistoryKind::SafeToStop {
            service: service.map(|service| service.display_name()).unwrap_or_default(),
            endpoint: endpoint.name.clone(),
            addresses: endpoint
                .addresses
                .iter()
                .map(|known| known.address.to_string())
                .collect(),
        };
        Self::tell(now, false, kind, effects);
    }

    /// What caches may hold of an endpoint, through any service.
    fn wait(&self, id: EndpointId, now: Moment) -> Wait {
        let mut wait = Wait {
            until: None,
            still: Vec::new(),
            known: false,
        };
        let Some(endpoint) = self.plan.endpoints.get(id.index()) else {
            return wait;
        };
        wait.known = !endpoint.addresses.is_empty();
        let addresses = endpoint.addresses.iter().map(|known| known.address);
        let services = |address: IpAddr| self.overrides.sharing.get(&address).into_iter().flatten();
        for (address, service) in addresses.flat_map(|address| services(address).map(move |id| (address, id)))
        {
            let Some(service) = self.plan.services.get(service.index()) else {
                continue;
            };
            let name = service.display_name();
            match self.ledger.held(&name, address, now) {
                Held::Still if wait.still.contains(&name) => {}
                Held::Still => wait.still.push(name),
                Held::Until(until) => wait.until = wait.until.max(Some(until)),
                Held::No => {}
            }
        }
        if endpoint.alias.is_some()
            && let Some(service) = self.plan.services.get(endpoint.service.index())
        {
            // Caches may hold addresses that its name had before: whatever is nobody else's in the service.
            let of_others = |address: IpAddr| {
                let others = self
                    .plan
                    .endpoints
                    .iter()
                    .filter(|other| other.service == service.id && other.id != id);
                others
                    .flat_map(|other| &other.addresses)
                    .any(|known| known.address == address)
            };
            if let Held::Until(until) = self.ledger.held_but(&service.display_name(), of_others, now) {
                wait.until = wait.until.max(Some(until));
            }
        }
        wait
    }

    /// The same for people; `None` for what is not taken out.
    pub(super) fn wait_status(&self, id: EndpointId, now: Now) -> Option<WaitStatus> {
        let forced = self.overrides.forced(id)?;
        if !forced.kind.removes() {
            return None;
        }
        let wait = self.wait(id, now.moment);
        let left = wait.until.map(|until| until.since(now.moment));
        Some(WaitStatus {
            safe: wait.is_safe(),
            until_unix_ms: left.map(|left| now.wall.after(left).0),
            left_ms: left.map(|left| u64::try_from(left.as_millis()).unwrap_or(u64::MAX)),
            still_answered_by: wait.still,
        })
    }

    /// ` (may be cached for 8 s more)`, ` (still answered by shop.example.test)`, ` (safe to stop)`.
    pub(super) fn wait_in_words(&self, id: EndpointId, now: Now) -> Option<String> {
        let wait = self.wait_status(id, now)?;
        if !wait.still_answered_by.is_empty() {
            return Some(format!("still answered by {}", wait.still_answered_by.join(", ")));
        }
        match wait.left_ms {
            Some(left) => {
                let left = crate::model::human::length(Duration::from_millis(left));
                Some(format!("may be cached for {left} more"))
            }
            None => wait.safe.then(|| "safe to stop".to_owned()),
        }
    }
}
