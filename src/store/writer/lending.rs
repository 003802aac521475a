//! The state file has one writer: while a server takes over, this one gives it away, and perhaps gets it back.

use std::path::Path;
use std::sync::PoisonError;

use rusqlite::Connection;

use super::{Heard, Pending, RETRY};
use crate::store::migrate::prepare;

/// Whose the state file is.
#[derive(Default)]
pub(super) enum Lent {
    /// Ours.
    #[default]
    No,
    /// It is to be given away when all is written; who asked hears of it.
    Asked(Heard),
    /// Another's: nothing is written.
    Away,
}

impl Pending {
    /// Gives the state file away as soon as all is written: until [`Pending::reclaim`], nothing is. `done` hears that
    /// it is closed, or why it is not.
    pub(in crate::store) fn lend(&self, done: Heard) {
        self.lock().lent = Lent::Asked(done);
        self.changed.notify_one();
    }

    /// The state file is ours again.
    pub(in crate::store) fn reclaim(&self) {
        self.lock().lent = Lent::No;
        self.changed.notify_one();
    }

    /// Waits while the file is another's; whether it is ours again.
    fn wait_for_return(&self) -> bool {
        let waited = self.changed.wait_while(self.lock(), |state| {
            matches!(state.lent, Lent::Away) && !state.closing
        });
        let state = waited.unwrap_or_else(PoisonError::into_inner);
        matches!(state.lent, Lent::No)
    }

    /// Waits a while after a failure; somebody who asks is served at once.
    pub(super) fn wait_for_better(&self) {
        let waited = self.changed.wait_timeout_while(self.lock(), RETRY, |state| {
            !state.closing && state.asked.is_empty()
        });
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    /// Who is to hear that the file is closed now, when it is to be given away and all is written; when what waits could
    /// not be written (`failed`), it stays ours.
    pub(super) fn to_be_lent(&self, failed: bool) -> Option<Heard> {
        let mut state = self.lock();
        let due = failed || state.is_done();
        match std::mem::take(&mut state.lent) {
            Lent::Asked(done) if due => {
                state.lent = if failed { Lent::No } else { Lent::Away };
                Some(done)
            }
            other => {
                state.lent = other;
                None
            }
        }
    }
}

/// Waits until the file is ours again, and opens it; `None`: the server ends before that.
pub(super) fn returned(path: &Path, pending: &Pending) -> Option<Connection> {
    if !pending.wait_for_return() {
        return None;
    }
    loop {
        let opened = Connection::open(path).map_err(|error| error.to_string());
        let opened = opened.and_then(|connection| {
            let prepared = prepare(&connection, path).map_err(|error| error.to_string());
            prepared.map(|()| connection)
        });
        match opened {
            Ok(connection) => return Some(connection),
            Err(error) => {
                tracing::error!(%error, "the state file cannot be opened again; it is tried again");
                let mut state = pending.lock();
                if state.closing {
                    return None;
                }
                state.trouble = Some(error);
            }
        }
        pending.wait_for_better();
    }
}
