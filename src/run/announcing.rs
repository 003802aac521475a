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
use crate::store::history::query::MOST;
use crate::store::owed::Owing;

/// Pages of the history that are caught up with at a start: what one turn of the writing thread takes fits many times.
const PAGES: usize = 16;

impl Ledger for Owing {
    fn owe(&self, id: u64, entry: &Arc<Entry>, hooks: &[Arc<str>], change: Option<&Change>) {
        Self::owe(self, id, entry, hooks, change.map(problem));
    }

    fn unheard(&self, change: Option<&Change>) {
        Self::unheard(self, change.map(problem));
    }

    fn settle(&self, hook: &Arc<str>, id: u64) {
        Self::settle(self, hook, id);
    }

    fn forget(&self, hook: &Arc<str>) {
        Self::forget(self, hook);
    }
}

fn problem(change: &Change) -> (&str, bool) {
    match change {
        Change::Opened(key) => (key, true),
        Change::Closed(key) => (key, false),
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
    let mut postbox = desk.postbox(left.open, last);
    if let Some(seq) = left.announced.filter(|_| !plan.node.hooks.is_empty()) {
        catch_up(store, seq, &mut postbox);
    }
    (desk, postbox)
}

/// What the history has and nobody looked at: the process died between the two.
fn catch_up(store: &Store, mut seq: u64, postbox: &mut Postbox) {
    let history = store.history();
    for _ in 0..PAGES {
        match history.after(seq, MOST) {
            Ok(entries) if entries.is_empty() => return,
            Ok(entries) => {
                for entry in entries {
                    seq = entry.seq;
                    postbox.post(&Arc::new(entry));
                }
            }
            Err(error) => {
                tracing::error!(target: "pointsman::announce", %error, "the end of the history cannot be read");
                return;
            }
        }
    }
}
