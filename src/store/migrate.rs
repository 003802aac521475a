//! The state file's format: a number in `user_version`, one step per version.

use std::path::Path;

use rusqlite::Connection;

use crate::store::StoreError;

/// Each entry brings the file from its index to the next version.
const STEPS: &[&str] = &[
    "CREATE TABLE active (
        group_name TEXT PRIMARY KEY,
        member     TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;",
    "CREATE TABLE override (
        id          INTEGER PRIMARY KEY,
        selector    TEXT NOT NULL,
        kind        TEXT NOT NULL,
        owner       TEXT NOT NULL,
        reason      TEXT,
        created_ms  INTEGER NOT NULL,
        until_ms    INTEGER,
        length_ms   INTEGER,
        break_glass INTEGER NOT NULL
    ) STRICT;",
    crate::store::history::STEP,
    "CREATE TABLE drill (
        id         INTEGER PRIMARY KEY,
        service    TEXT NOT NULL,
        endpoint   TEXT NOT NULL,
        by_whom    TEXT NOT NULL,
        reason     TEXT,
        scheduled  INTEGER NOT NULL,
        actives    TEXT NOT NULL,
        started_ms INTEGER NOT NULL,
        until_ms   INTEGER NOT NULL,
        state      TEXT NOT NULL,
        why        TEXT NOT NULL,
        report     TEXT
    ) STRICT;",
    crate::store::owed::STEP,
];

/// Sets the journal up and brings the file to the newest format.
///
/// # Errors
/// [`StoreError::TooNew`] for a file of a later version, [`StoreError::Database`] for what SQLite refuses.
pub(super) fn prepare(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let failed = |source| StoreError::Database {
        path: path.to_owned(),
        source,
    };
    connection
        .pragma_update(None, "journal_mode", "WAL")
        .map_err(failed)?;
    // FULL: an acknowledged write survives a power cut, not only the end of the process.
    connection
        .pragma_update(None, "synchronous", "FULL")
        .map_err(failed)?;
    let found: i64 = connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(failed)?;
    let known = i64::try_from(STEPS.len()).unwrap_or(i64::MAX);
    if found > known {
        return Err(StoreError::TooNew {
            path: path.to_owned(),
            found,
            known,
        });
    }
    for (version, step) in (1i64..).zip(STEPS) {
        if version > found {
            let sql = format!("BEGIN IMMEDIATE; {step} PRAGMA user_version = {version}; COMMIT;");
            connection.execute_batch(&sql).map_err(failed)?;
        }
    }
    Ok(())
}
