//! What the thread of the signal box measures of its own work, and what it gives to a scrape.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::control::Control;
use crate::control::effect::HistoryEvent;
use crate::control::failovers::Failovers;
use crate::metrics::panel::{HistoryLoad, Panel, ProbeLoad, short_work};
use crate::model::histogram::Histogram;
use crate::model::plan::Plan;
use crate::model::service::Service;
use crate::model::time::{Moment, Now};
use crate::probe::runner::Load;
use crate::run::signal_box::SignalBox;
use crate::store::Store;

/// Measured so far.
#[derive(Debug)]
pub(super) struct DeskMeters {
    publishes: Histogram,
    /// How long scrapes kept the thread.
    scrapes: Histogram,
    failovers: Failovers,
}

impl DeskMeters {
    pub(super) fn new() -> Self {
        Self {
            publishes: short_work(),
            scrapes: short_work(),
            failovers: Failovers::default(),
        }
    }

    /// Something was told; `published` is when the last snapshot was swapped in.
    pub(super) fn told(&mut self, event: &HistoryEvent, published: Moment) {
        self.failovers.told(event, published);
    }

    /// A snapshot was made and swapped in.
    pub(super) fn published(&mut self, took: Duration) {
        self.publishes.took(took);
    }

    /// What is no longer in the plan is measured no more.
    pub(super) fn replan(&mut self, plan: &Plan) {
        let names: BTreeSet<String> = plan.services.iter().map(Service::display_name).collect();
        self.failovers.keep(&names);
    }

    /// Numbers only: a millisecond or two for tens of thousands of endpoints.
    pub(super) fn panel(&mut self, control: &Control, parts: &SignalBox, now: Now) -> Box<Panel> {
        let panel = Box::new(Panel {
            plan: Arc::clone(&parts.plan),
            gauges: control.gauges(now),
            lanes: Arc::clone(parts.publisher.lanes()),
            publishes: self.publishes.clone(),
            scrapes: self.scrapes.clone(),
            failovers: self.failovers.clone(),
            events: parts.chronicle.counts().clone(),
            history: history(&parts.store),
            load: load(&parts.runner.load()),
            store_trouble: parts.store.trouble().is_some(),
        });
        self.scrapes.took(parts.clock.now().moment.since(now.moment));
        panel
    }
}

fn history(store: &Store) -> HistoryLoad {
    let counts = store.history().counts();
    HistoryLoad {
        written: counts.written,
        dropped: counts.dropped,
        failures: counts.failures,
        waiting: counts.waiting,
    }
}

fn load(load: &Load) -> ProbeLoad {
    ProbeLoad {
        limit: load.limit,
        waiting: load.waiting,
        waited: load.waited,
        panics: load.panics,
    }
}
