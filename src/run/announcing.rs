//! Receivers of notifications and the store put together: what is owed outlives the process.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::announce::delivery::Ledger;
use crate::announce::desk::{Desk, Owed, Parts, Postbox};
use crate::announce::sorting::Change;
use crate::clock::Clock;
use crate::control::timeline::Entry;
use crate::model::plan::Plan;
use crate::store::Store;
use crate::store::owed::Owing;

impl Ledger for Owing {
    fn owe(&self, id: u64, entry: &Arc<Entry>, hooks: &[Arc<str>], change: Option<&Change>) {
        let problem = change.map(|change| match change {
            Change::Opened(key) => (key.as_str(), true),
            Change::Closed(key) => (key.as_str(), false),
        });
        Self::owe(self, id, entry, hooks, problem);
    }

    fn settle(&self, hook: &Arc<str>, id: u64) {
        Self::settle(self, hook, id);
    }

    fn forget(&self, hook: &Arc<str>) {
        Self::forget(self, hook);
    }
}

/// Starts the receivers of `plan` with what the store says is owed to them, and makes the signal box's end.
pub(super) fn open(
    plan: &Plan,
    store: &mut Store,
    clock: impl Clock,
    tracker: &TaskTracker,
    stop: &CancellationToken,
    chance: u64,
) -> (Desk, Postbox) {
    let left = store.take_owed();
    let last = left.entries.last().map_or(0, |(id, ..)| *id);
    let mut owed = Owed::new();
    for (id, hook, entry) in left.entries {
        owed.entry(hook).or_default().push((id, entry));
    }
    if !plan.node.hooks.is_empty() && !store.is_kept() {
        tracing::error!(
            target: "pointsman::announce",
            "notifications are owed in memory only: what is not delivered at the next stop is lost"
        );
    }
    let parts = Parts {
        node: Arc::from(plan.node.name.as_str()),
        clock: Arc::new(clock),
        ledger: Arc::new(store.owing()),
        tracker: tracker.clone(),
        stop: stop.clone(),
        chance,
    };
    let desk = Desk::open(parts, &plan.node.hooks, owed);
    let postbox = desk.postbox(left.open, last);
    (desk, postbox)
}
