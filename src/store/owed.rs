//! What receivers of notifications are owed, and which problems are open: what must be told is written when it happens,
//! and crossed out when it was.
//!
//! What is told before the disk had its turn is never written. When the disk takes nothing, what waits in memory is
//! what is owed, hence bounded by the receivers' backlogs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rusqlite::{Connection, Result, params};

use crate::control::timeline::Entry;
use crate::store::writer::Pending;

/// The tables, as a step of the state file's format.
pub(super) const STEP: &str = "CREATE TABLE owed (
        id    INTEGER NOT NULL,
        hook  TEXT NOT NULL,
        entry TEXT NOT NULL,
        PRIMARY KEY (id, hook)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE problem (
        key TEXT PRIMARY KEY
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE announced (
        only INTEGER PRIMARY KEY CHECK (only = 0),
        seq  INTEGER NOT NULL
    ) STRICT;";

/// What an earlier life left.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Owed {
    /// What is owed, in order: number, receiver, entry.
    pub entries: Vec<(u64, String, Arc<Entry>)>,
    /// Problems that were told and not over.
    pub open: Vec<String>,
    /// The last entry of the history that was looked at; `None`: none ever was.
    pub announced: Option<u64>,
}

/// A handle for those who owe; clones mean the same store.
#[derive(Clone, Debug)]
pub struct Owing(pub(super) Option<Arc<Pending>>);

impl Owing {
    /// `entry` was looked at: it is owed to `hooks` under the number `id`; the problem is open (true) or over (false).
    /// Returns at once.
    pub fn owe(&self, id: u64, entry: &Arc<Entry>, hooks: &[Arc<str>], problem: Option<(&str, bool)>) {
        self.change(|slips| {
            for hook in hooks {
                slips.rows.insert((id, Arc::clone(hook)), Arc::clone(entry));
            }
            slips.announced = Some(Some(entry.seq));
            slips.note(problem);
        });
    }

    /// Nobody is told of what happens from now on. Returns at once.
    pub fn unheard(&self, problem: Option<(&str, bool)>) {
        self.change(|slips| {
            slips.announced = Some(None);
            slips.note(problem);
        });
    }

    /// It is not owed to `hook` any more. Returns at once.
    pub fn settle(&self, hook: &Arc<str>, id: u64) {
        self.change(|slips| {
            let row = (id, Arc::clone(hook));
            if slips.rows.remove(&row).is_none() {
                slips.settled.insert(row);
            }
        });
    }

    /// Nothing is owed to `hook` any more. Returns at once.
    pub fn forget(&self, hook: &Arc<str>) {
        self.change(|slips| {
            slips.rows.retain(|(_, other), _| other != hook);
            slips.settled.retain(|(_, other)| other != hook);
            slips.forgotten.insert(Arc::clone(hook));
        });
    }

    fn change(&self, change: impl FnOnce(&mut Slips)) {
        if let Some(pending) = &self.0 {
            pending.owing(change);
        }
    }
}

/// What waits to be written.
#[derive(Debug, Default)]
pub(super) struct Slips {
    rows: BTreeMap<(u64, Arc<str>), Arc<Entry>>,
    settled: BTreeSet<(u64, Arc<str>)>,
    forgotten: BTreeSet<Arc<str>>,
    problems: BTreeMap<String, bool>,
    /// The last entry that was looked at; `Some(None)`: nobody looks.
    announced: Option<Option<u64>>,
}

impl Slips {
    fn note(&mut self, problem: Option<(&str, bool)>) {
        if let Some((key, open)) = problem {
            self.problems.insert(key.to_owned(), open);
        }
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
            && self.settled.is_empty()
            && self.forgotten.is_empty()
            && self.problems.is_empty()
            && self.announced.is_none()
    }

    /// What could not be written waits again, before what came meanwhile.
    pub(super) fn put_back(&mut self, older: Self) {
        for (row, entry) in older.rows {
            // It was not written: crossing it out is all that is to be done.
            if !self.settled.remove(&row) && !self.forgotten.contains(&row.1) {
                self.rows.insert(row, entry);
            }
        }
        self.settled.extend(older.settled);
        self.forgotten.extend(older.forgotten);
        for (key, open) in older.problems {
            self.problems.entry(key).or_insert(open);
        }
        self.announced = self.announced.or(older.announced);
    }

    /// Writes all of it, within the transaction that is under way.
    pub(super) fn write(&self, connection: &Connection) -> Result<()> {
        // First what is older than the rows: a receiver may be taken out, and put in again.
        for hook in &self.forgotten {
            connection
                .prepare_cached("DELETE FROM owed WHERE hook = ?1")?
                .execute(params![&**hook])?;
        }
        for ((id, hook), entry) in &self.rows {
            let text = serde_json::to_string(&**entry)
                .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
            connection
                .prepare_cached("INSERT OR REPLACE INTO owed (id, hook, entry) VALUES (?1, ?2, ?3)")?
                .execute(params![signed(*id), &**hook, text])?;
        }
        for (id, hook) in &self.settled {
            connection
                .prepare_cached("DELETE FROM owed WHERE id = ?1 AND hook = ?2")?
                .execute(params![signed(*id), &**hook])?;
        }
        for (key, open) in &self.problems {
            let sql = if *open {
                "INSERT OR IGNORE INTO problem VALUES (?1)"
            } else {
                "DELETE FROM problem WHERE key = ?1"
            };
            connection.prepare_cached(sql)?.execute(params![key])?;
        }
        match self.announced {
            None => {}
            Some(Some(seq)) => {
                connection
                    .prepare_cached("INSERT OR REPLACE INTO announced VALUES (0, ?1)")?
                    .execute(params![signed(seq)])?;
            }
            Some(None) => {
                connection.prepare_cached("DELETE FROM announced")?.execute([])?;
            }
        }
        Ok(())
    }
}

/// SQLite's integers have a sign, ours count up from 1.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// All that an earlier life left. A row that cannot be read (made by a later version that was gone back from) is left
/// out: it would stand before everything for ever.
pub(super) fn read(connection: &Connection) -> Result<Owed> {
    let mut owed = Owed::default();
    let mut statement = connection.prepare("SELECT id, hook, entry FROM owed ORDER BY id, hook")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (id, hook, text): (i64, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        match serde_json::from_str::<Entry>(&text) {
            Ok(entry) => owed.entries.push((id.unsigned_abs(), hook, Arc::new(entry))),
            Err(error) => {
                tracing::error!(%error, id, %hook, "what is owed to a receiver cannot be read; it is left out");
            }
        }
    }
    owed.open = connection
        .prepare("SELECT key FROM problem ORDER BY key")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_>>()?;
    owed.announced = connection
        .prepare("SELECT seq FROM announced")?
        .query_map([], |row| row.get::<_, i64>(0))?
        .next()
        .transpose()?
        .map(i64::unsigned_abs);
    Ok(owed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn entry(seq: u64) -> Arc<Entry> {
        Arc::new(Entry {
            seq,
            unix_ms: seq,
            alarm: true,
            kind: "degraded".to_owned(),
            services: vec!["www.a.test".to_owned()],
            endpoint: None,
            by: None,
            text: "bad".to_owned(),
            facts: json!({"what": "bad"}),
        })
    }

    fn row(id: u64, hook: &str) -> (u64, Arc<str>) {
        (id, Arc::from(hook))
    }

    #[test]
    fn what_was_owed_is_read_back_in_order_without_what_was_crossed_out() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(STEP).unwrap();
        let mut slips = Slips::default();
        for id in 1..=4 {
            for hook in ["b", "a"] {
                slips.rows.insert(row(id, hook), entry(id));
            }
        }
        slips.problems.insert("answer www.a.test".to_owned(), true);
        slips.problems.insert("isolation".to_owned(), true);
        slips.announced = Some(Some(4));
        slips.write(&connection).unwrap();
        let mut slips = Slips::default();
        slips.settled.insert(row(1, "a"));
        slips.settled.insert(row(9, "a"));
        slips.forgotten.insert(Arc::from("b"));
        slips.rows.insert(row(5, "b"), entry(5));
        slips.problems.insert("isolation".to_owned(), false);
        slips.write(&connection).unwrap();
        let owed = read(&connection).unwrap();
        let found: Vec<(u64, &str)> = owed
            .entries
            .iter()
            .map(|(id, hook, _)| (*id, hook.as_str()))
            .collect();
        assert_eq!(found, [(2, "a"), (3, "a"), (4, "a"), (5, "b")]);
        assert_eq!(owed.entries[0].2, entry(2));
        assert_eq!(
            (owed.open, owed.announced),
            (vec!["answer www.a.test".to_owned()], Some(4))
        );
    }

    #[test]
    fn what_the_disk_refused_waits_again_unless_it_is_settled_meanwhile() {
        let mut older = Slips::default();
        older.rows.insert(row(1, "a"), entry(1));
        older.rows.insert(row(2, "a"), entry(2));
        older.rows.insert(row(3, "gone"), entry(3));
        older.problems.insert("isolation".to_owned(), true);
        older.announced = Some(Some(3));
        let mut slips = Slips::default();
        slips.settled.insert(row(1, "a"));
        slips.forgotten.insert(Arc::from("gone"));
        slips.problems.insert("isolation".to_owned(), false);
        slips.put_back(older);
        assert_eq!(slips.rows.keys().collect::<Vec<_>>(), [&row(2, "a")]);
        assert!(slips.settled.is_empty());
        assert_eq!(
            (slips.problems["isolation"], slips.announced),
            (false, Some(Some(3)))
        );
    }
}
