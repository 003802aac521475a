//! Adds entries at the end of the chain, and takes the oldest away. Owned by the store's writing thread.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Result, params};
use serde_json::json;

use crate::control::timeline::Entry;
use crate::store::history::row::{Link, ORIGIN, Row, pack};

/// Entries that go in one transaction: what an operator asked for waits for one at the most, some milliseconds.
pub(in crate::store) const BATCH: usize = 256;
/// Kind of the entry that stands for those that were lost.
pub const LOST: &str = "lost";

/// How much of the history is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Entries older than this go, in milliseconds.
    pub keep_ms: u64,
    /// The oldest go while the state file uses more octets than this.
    pub octets: u64,
}

/// The end of the chain, and the words known.
#[derive(Debug)]
pub(in crate::store) struct Scribe {
    last: u64,
    link: Link,
    words: HashMap<String, i64>,
}

/// SQLite's integers are signed.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// One of the two bounds: number and link.
pub(super) fn bound(connection: &Connection, which: &str) -> Result<(u64, Link)> {
    connection
        .prepare_cached("SELECT seq, chain FROM bound WHERE which = ?1")?
        .query_row([which], |row| Ok((unsigned(row.get(0)?), row.get(1)?)))
}

/// The number of a word; `None`: no entry has it.
pub(super) fn word(connection: &Connection, text: &str) -> Result<Option<i64>> {
    connection
        .prepare_cached("SELECT id FROM word WHERE text = ?1")?
        .query_row([text], |row| row.get(0))
        .optional()
}

/// When the server that wrote here was last alive, in milliseconds since 1970.
pub(in crate::store) fn last_alive(connection: &Connection) -> Result<Option<u64>> {
    connection
        .query_row("SELECT unix_ms FROM pulse", [], |row| Ok(unsigned(row.get(0)?)))
        .optional()
}

/// Keeps that the server is alive at `unix_ms`.
pub(in crate::store) fn pulse(connection: &Connection, unix_ms: u64) -> Result<()> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO pulse VALUES (1, ?1)")?
        .execute([signed(unix_ms)])?;
    Ok(())
}

impl Scribe {
    /// Goes on at the end of the chain.
    pub(in crate::store) fn open(connection: &Connection) -> Result<Self> {
        let (last, link) = bound(connection, "head")?;
        Ok(Self {
            last,
            link,
            words: HashMap::new(),
        })
    }

    /// The number of the last entry; 0: there is none.
    pub(in crate::store) fn last(&self) -> u64 {
        self.last
    }

    /// Adds `entries`, all or none; returns how many rows that made. What is missing before one of them was lost on its
    /// way here: an entry of kind [`LOST`] takes the place of all that is missing, so that the chain says so.
    pub(in crate::store) fn add(
        &mut self,
        connection: &mut Connection,
        entries: &[Arc<Entry>],
    ) -> Result<u64> {
        let (last, link) = (self.last, self.link);
        let added = self.try_add(connection, entries);
        if added.is_err() {
            // Words of a transaction that did not come about are not there.
            (self.last, self.link) = (last, link);
            self.words.clear();
        }
        added
    }

    fn try_add(&mut self, connection: &mut Connection, entries: &[Arc<Entry>]) -> Result<u64> {
        let transaction = connection.transaction()?;
        let mut rows = 0;
        for entry in entries {
            if entry.seq <= self.last {
                continue; // it is there: its transaction was done although it looked as if it were not
            }
            if entry.seq > self.last + 1 {
                let lost = lost(self.last + 1, entry.seq - 1, entry.unix_ms);
                rows += self.insert(&transaction, &lost)?;
            }
            rows += self.insert(&transaction, entry)?;
        }
        if rows > 0 {
            transaction
                .prepare_cached("UPDATE bound SET seq = ?1, chain = ?2 WHERE which = 'head'")?
                .execute(params![signed(self.last), self.link])?;
        }
        transaction.commit()?;
        Ok(rows)
    }

    fn insert(&mut self, connection: &Connection, entry: &Entry) -> Result<u64> {
        let Ok(body) = pack(entry) else {
            // Nothing of ours is that large. The next one says that this one is missing.
            return Ok(0);
        };
        let row = Row {
            seq: entry.seq,
            unix_ms: entry.unix_ms,
            alarm: entry.alarm,
            kind: &entry.kind,
            body: &body,
        };
        let link = row.link(&self.link);
        let mark = self.number(connection, &entry.kind)? * 2 + i64::from(entry.alarm);
        let seq = signed(entry.seq);
        connection
            .prepare_cached("INSERT INTO entry VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![seq, signed(entry.unix_ms), mark, body, link])?;
        for service in &entry.services {
            let service = self.number(connection, service)?;
            // Whoever names a service twice means it once.
            connection
                .prepare_cached("INSERT OR IGNORE INTO of_service VALUES (?1, ?2, ?3)")?
                .execute(params![service, seq, mark])?;
        }
        (self.last, self.link) = (entry.seq, link);
        Ok(1)
    }

    fn number(&mut self, connection: &Connection, text: &str) -> Result<i64> {
        if let Some(&id) = self.words.get(text) {
            return Ok(id);
        }
        let id = match word(connection, text)? {
            Some(id) => id,
            None => {
                connection
                    .prepare_cached("INSERT INTO word (text) VALUES (?1)")?
                    .execute([text])?;
                connection.last_insert_rowid()
            }
        };
        self.words.insert(text.to_owned(), id);
        Ok(id)
    }
}

/// Stands for the entries `first..=last`.
fn lost(first: u64, last: u64, unix_ms: u64) -> Entry {
    let count = last - first + 1;
    Entry {
        seq: last,
        unix_ms,
        alarm: true,
        kind: LOST.to_owned(),
        services: Vec::new(),
        endpoint: None,
        by: None,
        text: format!("{count} entries ({first} to {last}) were lost: the disk did not take them in time"),
        facts: json!({ "first": first, "last": last, "count": count }),
    }
}

/// Takes away at most [`BATCH`] of the oldest entries that need not be kept at `unix_ms`; returns how many. The anchor
/// keeps the link of the last that went, so that the chain can be verified from there on.
pub(in crate::store) fn forget(
    connection: &mut Connection,
    retention: Retention,
    unix_ms: u64,
) -> Result<usize> {
    let over = octets(connection)?.saturating_sub(retention.octets);
    let before = unix_ms.saturating_sub(retention.keep_ms);
    let oldest = connection
        .prepare_cached("SELECT unix_ms FROM entry ORDER BY seq LIMIT 1")?
        .query_row([], |row| Ok(unsigned(row.get(0)?)))
        .optional()?;
    let Some(oldest) = oldest else { return Ok(0) };
    if over == 0 && oldest >= before {
        return Ok(0);
    }
    let transaction = connection.transaction()?;
    let mut gone: Vec<(i64, Vec<String>)> = Vec::new();
    let mut end = (0, ORIGIN);
    {
        let mut rows = transaction.prepare_cached(
            "SELECT entry.seq, unix_ms, mark & 1, word.text, body, chain FROM entry
             LEFT JOIN word ON word.id = mark >> 1 ORDER BY seq LIMIT ?1",
        )?;
        let mut rows = rows.query([signed(BATCH as u64)])?;
        while let Some(row) = rows.next()? {
            let (seq, at): (i64, i64) = (row.get(0)?, row.get(1)?);
            if over == 0 && unsigned(at) >= before {
                break;
            }
            let kind: Option<String> = row.get(3)?;
            let body: Vec<u8> = row.get(4)?;
            let read = Row {
                seq: unsigned(seq),
                unix_ms: unsigned(at),
                alarm: row.get(2)?,
                kind: kind.as_deref().unwrap_or_default(),
                body: &body,
            };
            // Of a damaged row nobody knows the services; what the index has of it stays, and means nothing.
            gone.push((seq, read.entry().map(|entry| entry.services).unwrap_or_default()));
            end = (seq, row.get(5)?);
        }
    }
    transaction
        .prepare_cached("UPDATE bound SET seq = ?1, chain = ?2 WHERE which = 'anchor'")?
        .execute(params![end.0, end.1])?;
    for (seq, services) in &gone {
        for service in services {
            transaction
                .prepare_cached(
                    "DELETE FROM of_service WHERE seq = ?1 AND service = (SELECT id FROM word WHERE text = ?2)",
                )?
                .execute(params![seq, service])?;
        }
    }
    transaction
        .prepare_cached("DELETE FROM entry WHERE seq <= ?1")?
        .execute([end.0])?;
    transaction.commit()?;
    Ok(gone.len())
}

/// Octets of the state file that are used; what is free in it is used again.
pub(super) fn octets(connection: &Connection) -> Result<u64> {
    let number = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let used = number("page_count")?.saturating_sub(number("freelist_count")?);
    Ok(unsigned(used.saturating_mul(number("page_size")?)))
}
