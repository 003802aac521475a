//! The history: every change of state and of answers, every command, reload and drill, one row each, in a chain of
//! hashes. Written by the store's thread ([`scribe`]), read here on connections of its own, which never hold the writer up.
//!
//! Reading blocks on the disk: call it from a thread that may wait.

pub mod chain;
pub mod failovers;
pub mod query;
mod row;
mod schema;
pub(in crate::store) mod scribe;
pub mod strips;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::control::timeline::Entry;
use crate::store::Counts;
use crate::store::writer::Pending;
pub(in crate::store) use schema::STEP;
pub use scribe::{LOST, Retention};

/// Connections that are kept for the next reader: one for each that a dashboard, a stream and a hook have open.
const KEPT: usize = 4;
/// How long a reader waits for a lock. Beside a journal there is none to wait for, but for its recovery.
const PATIENCE: Duration = Duration::from_secs(2);

/// Why the history could not be read.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// There is no state file to read.
    #[error("there is no history: the state directory could not be used when the server started")]
    Nowhere,
    /// SQLite refused.
    #[error("the history cannot be read: {0}")]
    Database(#[from] rusqlite::Error),
    /// A row is not what was written; `pointsman events verify` says more.
    #[error("entry {seq} of the history is damaged: {why}")]
    Damaged {
        /// Its number.
        seq: u64,
        /// What is wrong with it.
        why: String,
    },
}

/// Reads the history; cheap to clone.
#[derive(Clone, Debug)]
pub struct History {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    path: Option<PathBuf>,
    idle: Mutex<Vec<Connection>>,
    pending: Arc<Pending>,
}

/// What there is of the history, and how writing goes.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[schema(as = HistoryOverview)]
pub struct Overview {
    /// The oldest entry that is kept; 0: there is none.
    pub first: u64,
    /// The newest.
    pub last: u64,
    /// How many there are.
    pub entries: u64,
    /// Octets of the state file that are used.
    pub octets: u64,
    /// Since the start.
    pub counts: Counts,
    /// What the disk does not take, and why.
    pub trouble: Option<String>,
}

impl History {
    /// Reads the state file at `path`; `None`: there is none.
    pub(in crate::store) fn of(path: Option<PathBuf>, pending: Arc<Pending>) -> Self {
        let idle = Mutex::default();
        Self {
            shared: Arc::new(Shared { path, idle, pending }),
        }
    }

    /// Reads what is in a state directory without a server.
    #[must_use]
    pub fn offline(directory: &Path) -> Self {
        Self::of(Some(directory.join("pointsman.db")), Arc::default())
    }

    /// How writing goes, without reading anything.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.shared.pending.counts()
    }

    /// What the disk does not take, and why.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        self.shared.pending.trouble()
    }

    /// What there is.
    ///
    /// # Errors
    /// [`HistoryError`].
    pub fn overview(&self) -> Result<Overview, HistoryError> {
        let (first, last, entries, octets) = self.with(|connection| {
            let ends = "SELECT coalesce(min(seq), 0), (SELECT seq FROM bound WHERE which = 'head'), count(*) FROM entry";
            let (first, last, entries) = connection.query_row(ends, [], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })?;
            Ok((first, last, entries, scribe::octets(connection)?))
        })?;
        Ok(Overview {
            first: scribe::unsigned(first),
            last: scribe::unsigned(last),
            entries: scribe::unsigned(entries),
            octets,
            counts: self.counts(),
            trouble: self.trouble(),
        })
    }

    /// Lends a connection to `read`.
    fn with<T>(
        &self,
        read: impl FnOnce(&mut Connection) -> Result<T, HistoryError>,
    ) -> Result<T, HistoryError> {
        let path = self.shared.path.as_deref().ok_or(HistoryError::Nowhere)?;
        let idle = || self.shared.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = idle().pop();
        let mut connection = match kept {
            Some(connection) => connection,
            None => open(path)?,
        };
        let result = read(&mut connection);
        if result.is_ok() && idle().len() < KEPT {
            idle().push(connection);
        }
        result
    }
}

fn open(path: &Path) -> Result<Connection, HistoryError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(PATIENCE)?;
    Ok(connection)
}

/// The number of the last entry ever written; 0: there was none.
pub(in crate::store) fn last(connection: &Connection) -> rusqlite::Result<u64> {
    Ok(scribe::Scribe::open(connection)?.last())
}

/// Reads a row of `seq, unix_ms, mark, word.text, body`.
fn entry_of(row: &rusqlite::Row<'_>) -> Result<Entry, HistoryError> {
    let (seq, unix_ms, mark): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
    let kind: Option<String> = row.get(3)?;
    let body = row.get_ref(4)?.as_blob().unwrap_or_default();
    let seq = scribe::unsigned(seq);
    let read = row::Row {
        seq,
        unix_ms: scribe::unsigned(unix_ms),
        alarm: mark & 1 == 1,
        kind: kind.as_deref().unwrap_or_default(),
        body,
    };
    read.entry().map_err(|why| HistoryError::Damaged { seq, why })
}
