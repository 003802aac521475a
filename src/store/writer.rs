//! The thread that writes: takes all that waits, writes it in one transaction, tries again later what failed.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;

use crate::store::actives;

/// How long to wait after a failure before the next try: a full disk is not freed in milliseconds.
const RETRY: Duration = Duration::from_secs(5);

/// What waits to be written.
#[derive(Debug, Default)]
pub(super) struct Pending {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    actives: BTreeMap<String, String>,
    trouble: Option<String>,
    closing: bool,
}

impl Pending {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while holding it; were it so, the data would still be whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn put(&self, group: String, active: String) {
        self.lock().actives.insert(group, active);
        self.changed.notify_one();
    }

    pub(super) fn trouble(&self) -> Option<String> {
        self.lock().trouble.clone()
    }
}

/// Owns the thread; dropping it writes what waits, once, and joins.
#[derive(Debug)]
pub(super) struct Writer {
    pending: Arc<Pending>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start(connection: Connection, pending: Arc<Pending>) -> std::io::Result<Self> {
        let shared = Arc::clone(&pending);
        let thread = std::thread::Builder::new()
            .name("store".into())
            .spawn(move || run(connection, &shared))?;
        Ok(Self {
            pending,
            thread: Some(thread),
        })
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.pending.lock().closing = true;
        self.pending.changed.notify_one();
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was logged by the panic hook; there is nothing left to do about it here.
            let _ = thread.join();
        }
    }
}

fn run(mut connection: Connection, pending: &Pending) {
    loop {
        let (batch, closing) = {
            let mut state = pending.lock();
            while state.actives.is_empty() && !state.closing {
                state = pending
                    .changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
            }
            (std::mem::take(&mut state.actives), state.closing)
        };
        if let Err(error) = write(&mut connection, &batch) {
            tracing::error!(%error, entries = batch.len(), "state could not be written; it is tried again");
            let mut state = pending.lock();
            state.trouble = Some(error.to_string());
            for (group, active) in batch {
                state.actives.entry(group).or_insert(active);
            }
            if !closing {
                let waited = pending
                    .changed
                    .wait_timeout_while(state, RETRY, |state| !state.closing);
                drop(waited.unwrap_or_else(PoisonError::into_inner));
            }
        } else {
            pending.lock().trouble = None;
        }
        if closing {
            return;
        }
    }
}

fn write(connection: &mut Connection, batch: &BTreeMap<String, String>) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    for (group, active) in batch {
        actives::write(&transaction, group, active)?;
    }
    transaction.commit()
}
