//! What survives a restart, in SQLite (WAL): which member of each failover group was active, and what operators laid
//! upon endpoints.
//!
//! A broken or full disk never stops an answer: every failure is logged, counted, and the server goes on with
//! what it has in memory. Writes are made by one thread; between two transactions only the last value of each
//! entry is kept, so that the queue is bounded by the number of groups and the writer never waits.

mod actives;
mod drills;
mod migrate;
mod overrides;
pub mod owed;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::control::effect::Record;
use crate::control::event::Remembered;
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

/// A handle to the store; dropping it writes what waits.
#[derive(Debug)]
pub struct Store {
    pending: Arc<Pending>,
    writer: Option<Writer>,
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
        let owed = owed::read(&connection).map_err(|source| StoreError::Database {
            path: path.clone(),
            source,
        })?;
        let pending = Arc::new(Pending::default());
        let writer = Writer::start(connection, Arc::clone(&pending)).map_err(failed)?;
        Ok((
            Self {
                pending,
                writer: Some(writer),
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
        Self {
            pending: Arc::new(Pending::default()),
            writer: None,
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
        drills: if format < 3 {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::overrides::StoredOverride;
    use crate::model::force::ForceKind;
    use crate::model::time::UnixTime;

    fn active(group: &str, active: &str) -> Record {
        Record::Active {
            group: group.to_owned(),
            active: active.to_owned(),
        }
    }

    fn reopened(directory: &Path) -> Vec<(String, String)> {
        Store::open(directory).expect("opens").1.actives
    }

    #[test]
    fn the_last_active_member_of_each_group_is_remembered() {
        let directory = tempfile::tempdir().unwrap();
        {
            let (store, remembered, note) = Store::open(directory.path()).unwrap();
            assert_eq!((remembered.actives.len(), note), (0, None));
            store.remember(active("www.example.test", "fra"));
            store.remember(active("db.example.test", "a"));
            store.remember(active("www.example.test", "nyc"));
        }
        let expected = [
            ("db.example.test".into(), "a".into()),
            ("www.example.test".into(), "nyc".into()),
        ];
        assert_eq!(reopened(directory.path()), expected);
    }

    #[test]
    fn what_is_asked_for_is_answered_when_it_is_on_disk_and_when_it_cannot_be() {
        let directory = tempfile::tempdir().unwrap();
        let (store, ..) = Store::open(directory.path()).unwrap();
        let persist = |record| {
            let (heard, hears) = std::sync::mpsc::channel();
            let done = Box::new(move |result| heard.send(result).unwrap());
            store.persist(vec![record], done).map(|()| hears.recv().unwrap())
        };
        assert_eq!(persist(active("www.example.test", "nyc")), Ok(Ok(())));
        // Read by another connection while the first one lives: that is what `kill -9` leaves.
        assert_eq!(reopened(directory.path()).len(), 1);
        rusqlite::Connection::open(directory.path().join("pointsman.db"))
            .unwrap()
            .execute_batch("DROP TABLE active")
            .unwrap();
        let refused = persist(active("www.example.test", "fra")).unwrap();
        assert!(refused.unwrap_err().contains("active"));
        assert!(Store::nowhere().persist(Vec::new(), Box::new(|_| ())).is_err());
    }

    #[test]
    fn overrides_are_kept_changed_and_gone() {
        let directory = tempfile::tempdir().unwrap();
        let over = |id, reason: Option<&str>| StoredOverride {
            id,
            select: "*/fra-*".to_owned(),
            kind: ForceKind::Drain,
            owner: "alice@ops".to_owned(),
            reason: reason.map(str::to_owned),
            created: UnixTime(1_767_225_600_000),
            until: Some(UnixTime(1_767_227_400_000)),
            length: Some(std::time::Duration::from_secs(1800)),
            break_glass: true,
        };
        let (store, ..) = Store::open(directory.path()).unwrap();
        for id in [3, 1, 2] {
            store.remember(Record::Override(over(id, None)));
        }
        store.remember(Record::Override(over(1, Some("maintenance"))));
        store.remember(Record::Released(2));
        drop(store);
        let (_, remembered, _) = Store::open(directory.path()).unwrap();
        assert_eq!(
            remembered.overrides,
            [over(1, Some("maintenance")), over(3, None)]
        );
    }

    #[test]
    fn a_damaged_file_is_set_aside_and_said() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(
            directory.path().join("pointsman.db"),
            b"this is no database, and long enough to be read as one",
        )
        .unwrap();
        let (store, remembered, note) = Store::open(directory.path()).unwrap();
        assert!(remembered.actives.is_empty());
        assert!(note.unwrap().contains("pointsman.db.broken"));
        drop(store);
        assert!(directory.path().join("pointsman.db.broken").exists());
    }

    #[test]
    fn what_cannot_be_written_is_read_all_the_same() {
        let directory = tempfile::tempdir().unwrap();
        let (store, ..) = Store::open(directory.path()).unwrap();
        store.remember(active("www.example.test", "nyc"));
        drop(store);
        // Nobody can make a journal where a folder stands.
        std::fs::create_dir(directory.path().join("pointsman.db-wal")).unwrap();
        let (_, remembered, note) = Store::open(directory.path()).unwrap();
        assert_eq!(
            remembered.actives,
            [("www.example.test".to_owned(), "nyc".to_owned())]
        );
        assert!(note.unwrap().contains("not written"));
    }

    #[test]
    fn a_later_format_is_refused_not_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        drop(Store::open(directory.path()).unwrap());
        let path = directory.path().join("pointsman.db");
        rusqlite::Connection::open(&path)
            .unwrap()
            .pragma_update(None, "user_version", 99)
            .unwrap();
        assert!(matches!(
            Store::open(directory.path()),
            Err(StoreError::TooNew { found: 99, .. })
        ));
    }

    #[test]
    fn a_directory_that_cannot_be_made_is_an_error_with_its_path() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        std::fs::write(&file, b"").unwrap();
        let error = Store::open(&file.join("state")).unwrap_err();
        assert!(error.to_string().contains("state"), "{error}");
    }
}
