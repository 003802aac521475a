//! What survives a restart, in SQLite (WAL): which member of each failover group was active, what operators laid
//! upon endpoints, and the [`history`].
//!
//! A broken or full disk never stops an answer: every failure is logged, counted, and the server goes on with
//! what it has in memory. Writes are made by one thread; between two transactions only the last value of each
//! entry is kept, so that the queue is bounded by the number of groups and the writer never waits.

mod actives;
mod drills;
pub mod history;
mod migrate;
mod overrides;
pub mod owed;
#[cfg(test)]
mod tests;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::control::effect::Record;
use crate::control::event::Remembered;
use crate::control::timeline::Entry;
use history::{History, Retention};
use owed::{Owed, Owing};
use writer::{Pending, Writer};

/// Hears how it went.
pub type Heard = Box<dyn FnOnce(Result<(), String>) + Send>;

/// Why the store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The state directory cannot be made or written.
    #[error("the state directory {path} cannot be used: {source}")]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// SQLite refused.
    #[error("the state file {path} cannot be used: {source}")]
    Database {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// Written by a later version of this program.
    #[error("the state file {path} has format {found}, and this version knows up to {known}")]
    TooNew {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: i64,
        /// The newest format this version knows.
        known: i64,
    },
}

/// What became of the history's entries since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct Counts {
    /// On disk; those that stand for lost ones are among them.
    pub written: u64,
    /// Not taken because too many waited.
    pub dropped: u64,
    /// Taken away by retention.
    pub forgotten: u64,
    /// Times that the disk did not take what was to be written.
    pub failures: u64,
    /// Waiting for the disk now.
    pub waiting: u64,
}

/// A handle to the store; dropping it writes what waits.
#[derive(Debug)]
pub struct Store {
    pending: Arc<Pending>,
    writer: Option<Writer>,
    history: History,
    last_entry: u64,
    last_alive: Option<u64>,
    owed: Owed,
}

impl Store {
    /// Opens (or makes) `pointsman.db` in `directory` and reads what is remembered. A file that is not a
    /// database any more is set aside as `pointsman.db.broken` and a new one begun: the second value says so.
    ///
    /// # Errors
    /// [`StoreError`]: the server can go on with [`Store::nowhere`].
    pub fn open(directory: &Path) -> Result<(Self, Remembered, Option<String>), StoreError> {
        let failed = |source| StoreError::Directory {
            path: directory.to_owned(),
            source,
        };
        std::fs::create_dir_all(directory).map_err(failed)?;
        let path = directory.join("pointsman.db");
        let (connection, remembered, note) = match Self::read(&path) {
            Ok((connection, remembered)) => (connection, remembered, None),
            Err(StoreError::Database { source, .. }) if is_corrupt(&source) => {
                let aside = directory.join("pointsman.db.broken");
                std::fs::rename(&path, &aside).map_err(failed)?;
                for tail in ["-wal", "-shm"] {
                    // Left-overs of the broken file would be replayed into the new one; they may not exist.
                    let _ = std::fs::remove_file(directory.join(format!("pointsman.db{tail}")));
                }
                let (connection, mut remembered) = Self::read(&path)?;
                remembered.lost = true;
                let note = format!(
                    "{} was damaged ({source}); it is kept as {}",
                    path.display(),
                    aside.display()
                );
                (connection, remembered, Some(note))
            }
            Err(StoreError::Database { source, .. }) => {
                let remembered = Self::glance(&path).map_err(|_| StoreError::Database {
                    path: path.clone(),
                    source,
                })?;
                let note = format!(
                    "{} can be read but not written (full or read-only?): it is remembered as it stands, and nothing \
                     new until the next start",
                    path.display()
                );
                return Ok((Self::nowhere(), remembered, Some(note)));
            }
            Err(other) => return Err(other),
        };
        let unreadable = |source| StoreError::Database {
            path: path.clone(),
            source,
        };
        let last_entry = history::last(&connection).map_err(unreadable)?;
        let last_alive = history::scribe::last_alive(&connection).map_err(unreadable)?;
        let owed = owed::read(&connection).map_err(unreadable)?;
        let pending = Arc::new(Pending::default());
        let writer = Writer::start(connection, path.clone(), Arc::clone(&pending)).map_err(failed)?;
        Ok((
            Self {
                history: History::of(Some(path), Arc::clone(&pending)),
                pending,
                writer: Some(writer),
                last_entry,
                last_alive,
                owed,
            },
            remembered,
            note,
        ))
    }

    fn read(path: &Path) -> Result<(rusqlite::Connection, Remembered), StoreError> {
        let failed = |source| StoreError::Database {
            path: path.to_owned(),
            source,
        };
        let connection = rusqlite::Connection::open(path).map_err(failed)?;
        migrate::prepare(&connection, path)?;
        let remembered = recall(&connection).map_err(failed)?;
        Ok((connection, remembered))
    }

    /// What is remembered by a file that nobody can write now: a full disk, a directory that is read-only.
    fn glance(path: &Path) -> rusqlite::Result<Remembered> {
        use rusqlite::OpenFlags;
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
        // Beside a journal it must be read with it; without one SQLite would want to make it.
        let with_journal =
            rusqlite::Connection::open_with_flags(path, flags).and_then(|connection| recall(&connection));
        with_journal.or_else(|_| {
            let file = path.to_string_lossy().replace('%', "%25");
            let file = file.replace('?', "%3f").replace('#', "%23");
            let uri = format!("file:{file}?immutable=1");
            rusqlite::Connection::open_with_flags(uri, flags | OpenFlags::SQLITE_OPEN_URI)
                .and_then(|connection| recall(&connection))
        })
    }

    /// A store that keeps nothing, for `explain` and for a state directory that cannot be used.
    #[must_use]
    pub fn nowhere() -> Self {
        let pending = Arc::new(Pending::default());
        Self {
            history: History::of(None, Arc::clone(&pending)),
            pending,
            writer: None,
            last_entry: 0,
            last_alive: None,
            owed: Owed::default(),
        }
    }

    /// Whether anything is kept.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.writer.is_some()
    }

    /// What receivers of notifications were owed when the store was opened; nothing when it is asked again.
    pub fn take_owed(&mut self) -> Owed {
        std::mem::take(&mut self.owed)
    }

    /// For those who owe; without a store nothing is kept.
    #[must_use]
    pub fn owing(&self) -> Owing {
        Owing(self.writer.is_some().then(|| Arc::clone(&self.pending)))
    }

    /// Adds an entry to the history when the disk has time; never waits. What finds too many waiting is dropped and
    /// counted, and the chain will say so.
    pub fn note(&self, entry: Arc<Entry>) {
        if self.writer.is_some() {
            self.pending.note(entry);
        }
    }

    /// Keeps that the server is alive now, and lets retention work; called about once a minute.
    pub fn alive(&self, unix_ms: u64) {
        if self.writer.is_some() {
            self.pending.alive(unix_ms);
        }
    }

    /// How much of the history is kept from now on.
    pub fn keep(&self, retention: Retention) {
        self.pending.keep(retention);
    }

    /// The number of the last entry when the store was opened; 0: there was none.
    #[must_use]
    pub fn last_entry(&self) -> u64 {
        self.last_entry
    }

    /// When the server before this one was last alive, in milliseconds since 1970.
    #[must_use]
    pub fn last_alive(&self) -> Option<u64> {
        self.last_alive
    }

    /// For reading the history, from any thread.
    #[must_use]
    pub fn history(&self) -> History {
        self.history.clone()
    }

    /// Keeps a record when the disk has time; returns at once.
    pub fn remember(&self, record: Record) {
        if self.writer.is_some() {
            self.pending.put(record);
        }
    }

    /// Puts `records` on disk, all or none; returns at once. `done` hears from the writing thread when they are
    /// there, or why they are not: it is not tried again.
    ///
    /// # Errors
    /// When there is no store: `done` is not called.
    pub fn persist(&self, records: Vec<Record>, done: Heard) -> Result<(), String> {
        if self.writer.is_none() {
            return Err("the state directory could not be used when the server started".to_owned());
        }
        self.pending.ask(records, done);
        Ok(())
    }

    /// Gives the state file away, to the server that takes over: all that waits is written, then it is closed, and
    /// `done` hears that. Until [`Store::reclaim`] nothing is written; should the server end before that, never.
    ///
    /// # Errors
    /// When there is no store: `done` is not called.
    pub fn lend(&self, done: Heard) -> Result<(), String> {
        if self.writer.is_none() {
            return Err("the state directory could not be used when the server started".to_owned());
        }
        self.pending.lend(done);
        Ok(())
    }

    /// The other server did not want it after all: what waited meanwhile is written.
    pub fn reclaim(&self) {
        self.pending.reclaim();
    }

    /// Entries that could not be written when last tried, and why.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        self.pending.trouble()
    }
}

fn recall(connection: &rusqlite::Connection) -> rusqlite::Result<Remembered> {
    let format: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    Ok(Remembered {
        actives: actives::read(connection)?,
        // A file of an earlier version that cannot be written has no such table.
        overrides: if format < 2 {
            Vec::new()
        } else {
            overrides::read(connection)?
        },
        drills: if format < 4 {
            Vec::new()
        } else {
            drills::read(connection)?
        },
        lost: false,
    })
}

fn is_corrupt(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    matches!(error.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase))
}
