//! What the signal box does with its own hands: records to the disk, probes of references, snapshots in force.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use super::{Desk, REFERENCE_BUDGET};
use crate::control::effect::{Effect, HistoryEvent, Record};
use crate::control::event::{Event, StoreTicket};
use crate::model::id::ServiceId;
use crate::model::plan::Plan;
use crate::policy::choice::Decision;
use crate::run::chronicle::Swap;
use crate::store::history::Retention;

impl Desk {
    /// Hands records to the store; its word comes back among the events. Nobody else would say that there is no store.
    pub(super) fn persist(&mut self, ticket: StoreTicket, records: Vec<Record>) {
        let events = self.parts.events.clone();
        let done = move |result| {
            // The thread of the store may wait for a place; it has nothing better to do.
            let _ = events.blocking_send(Event::Stored { ticket, result });
        };
        if let Err(reason) = self.parts.store.persist(records, Box::new(done)) {
            let result = Err(reason);
            self.owed.push(Event::Stored { ticket, result });
        }
    }

    pub(super) fn probe_reference(&self, index: usize, address: SocketAddr) {
        self.parts
            .runner
            .probe_reference(index, address, REFERENCE_BUDGET);
    }

    /// Looks over what is about to be told. The services that `decisions` are about, by name, once for all: a site may
    /// take thousands of them with it.
    pub(super) fn look_over(
        &mut self,
        decisions: &[Decision],
        effects: &[Effect],
    ) -> HashMap<String, ServiceId> {
        self.parts.chronicle.expect(told(effects));
        let services = decisions
            .iter()
            .filter_map(|decision| self.parts.plan.services.get(decision.service.index()));
        services
            .map(|service| (service.display_name(), service.id))
            .collect()
    }

    /// Swaps the new snapshot in. The old one is kept until no worker holds it, so that no worker ever frees one.
    pub(super) fn publish(&mut self, decisions: &[Decision]) {
        let decided = self.parts.clock.now().moment;
        let next = self.parts.publisher.apply(decisions);
        let old = std::mem::replace(&mut self.snapshot, Arc::clone(&next));
        drop(self.parts.published.swap(next));
        self.swap = Swap {
            decided,
            published: self.parts.clock.now(),
        };
        self.meters.published(self.swap.published.moment.since(decided));
        self.retired.push(old);
    }
}

/// How much of the history a plan keeps.
pub(super) fn retention(plan: &Plan) -> Retention {
    let settings = plan.node.history;
    Retention {
        keep_ms: u64::try_from(settings.keep.as_millis()).unwrap_or(u64::MAX),
        octets: settings.octets,
    }
}

/// What is about to be told.
fn told(effects: &[Effect]) -> impl Iterator<Item = &HistoryEvent> {
    effects.iter().filter_map(|effect| match effect {
        Effect::Tell(event) => Some(event),
        _ => None,
    })
}
