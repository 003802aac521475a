//! Verifying the chain: every row is hashed again and held against the next, the index and the words against the rows.

use rusqlite::{Connection, params};

use crate::store::history::row::{Link, Row};
use crate::store::history::scribe::{LOST, bound, unsigned};
use crate::store::history::{History, HistoryError};

/// What verifying found.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
pub struct Verified {
    /// Whether every entry is as it was written.
    pub intact: bool,
    /// Entries that were looked at, up to the first that is broken.
    pub entries: u64,
    /// The first that is kept; 0: there is none.
    pub first: u64,
    /// The last that is kept, or the last that is whole.
    pub last: u64,
    /// Entries that never reached the disk; the chain says which.
    pub lost: u64,
    /// The link of the last entry in hexadecimal: kept elsewhere, it shows later that nothing was rewritten.
    pub head: String,
    /// What is broken first.
    pub broken: Option<Broken>,
}

/// What is broken.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
pub struct Broken {
    /// At which entry.
    pub seq: u64,
    /// What is wrong.
    pub why: String,
}

impl History {
    /// Reads the whole chain in one view of the file. A row that was changed, taken out, put in or moved is found, one
    /// flipped bit in any of its fields too.
    ///
    /// # Errors
    /// [`HistoryError`], when the file cannot be read at all; what is wrong in it is in the result.
    pub fn verify(&self) -> Result<Verified, HistoryError> {
        self.with(|connection| {
            let view = connection.transaction()?;
            let mut walk = Walk::begin(&view)?;
            let broken = match walk.through(&view) {
                // SQLite itself stumbles over a damaged page.
                Err(error) if is_damage(&error) => Some(Broken {
                    seq: walk.last + 1,
                    why: format!("the file is damaged: {error}"),
                }),
                other => other?,
            };
            Ok(Verified {
                intact: broken.is_none(),
                entries: walk.entries,
                first: walk.first,
                last: walk.last,
                lost: walk.lost,
                head: data_encoding::HEXLOWER.encode(&walk.link),
                broken,
            })
        })
    }
}

fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    let types = matches!(
        error,
        rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::Utf8Error(..)
    );
    types || matches!(error.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase))
}

/// How far verifying has come.
struct Walk {
    first: u64,
    /// The last number that was found whole; before the first, the anchor's.
    last: u64,
    link: Link,
    entries: u64,
    lost: u64,
    /// Rows that the index by service must have.
    indexed: u64,
}

impl Walk {
    fn begin(connection: &Connection) -> Result<Self, HistoryError> {
        let (last, link) = bound(connection, "anchor")?;
        Ok(Self {
            first: 0,
            last,
            link,
            entries: 0,
            lost: 0,
            indexed: 0,
        })
    }

    /// What is wrong first.
    fn through(&mut self, connection: &Connection) -> rusqlite::Result<Option<Broken>> {
        let mut read = connection.prepare(
            "SELECT seq, unix_ms, mark, word.text, body, chain FROM entry
             LEFT JOIN word ON word.id = mark >> 1 ORDER BY seq",
        )?;
        let mut rows = read.query([])?;
        while let Some(row) = rows.next()? {
            self.entries += 1;
            let seq = unsigned(row.get(0)?);
            if let Some(why) = self.look(connection, seq, row)? {
                return Ok(Some(Broken { seq, why }));
            }
        }
        let seq = self.last;
        let broken = |seq, why: &str| {
            let why = why.to_owned();
            Ok(Some(Broken { seq, why }))
        };
        let (head, link) = bound(connection, "head")?;
        if head > seq {
            return broken(seq + 1, "the newest entries are missing");
        }
        if (head, link) != (seq, self.link) {
            return broken(seq, "the chain does not end as it was written");
        }
        let indexed: i64 = connection.query_row("SELECT count(*) FROM of_service", [], |row| row.get(0))?;
        if unsigned(indexed) != self.indexed {
            return broken(seq, "the index by service has rows that no entry has");
        }
        let by_mark: i64 = connection.query_row(
            "SELECT count(*) FROM entry INDEXED BY entry_by_mark WHERE mark >= 0",
            [],
            |row| row.get(0),
        )?;
        if unsigned(by_mark) != self.entries {
            return broken(seq, "the index by kind is not that of the entries");
        }
        Ok(None)
    }

    /// What is wrong with one row.
    fn look(
        &mut self,
        connection: &Connection,
        seq: u64,
        row: &rusqlite::Row<'_>,
    ) -> rusqlite::Result<Option<String>> {
        let mark: i64 = row.get(2)?;
        let kind: Option<String> = row.get(3)?;
        let Some(kind) = kind else {
            return Ok(Some("its kind is not among the words".to_owned()));
        };
        let body: Vec<u8> = row.get(4)?;
        let unix_ms: i64 = row.get(1)?;
        let read = Row {
            seq,
            // Never negative when it was written.
            unix_ms: unix_ms.cast_unsigned(),
            alarm: mark & 1 == 1,
            kind: &kind,
            body: &body,
        };
        let link = read.link(&self.link);
        let missing = if seq > self.last + 1 { self.last + 1 } else { 0 };
        if row.get::<_, Vec<u8>>(5)? != link {
            return Ok(Some(if missing > 0 {
                format!("entries {missing} to {} are missing", seq - 1)
            } else {
                "it is not what was written, or the one before is not".to_owned()
            }));
        }
        let entry = match read.entry() {
            Ok(entry) => entry,
            Err(why) => return Ok(Some(why)),
        };
        if missing > 0 {
            // Only an entry that says so may stand for others.
            let says = |key: &str| entry.facts.get(key).and_then(serde_json::Value::as_u64);
            if kind != LOST || says("first") != Some(missing) || says("last") != Some(seq) {
                return Ok(Some(format!("entries {missing} to {} are missing", seq - 1)));
            }
        }
        if kind == LOST {
            self.lost += seq - self.last;
        }
        let mut services = entry.services;
        services.sort_unstable();
        services.dedup();
        for service in &services {
            let found: i64 = connection
                .prepare_cached(
                    "SELECT count(*) FROM of_service
                     WHERE service = (SELECT id FROM word WHERE text = ?1) AND seq = ?2 AND mark = ?3",
                )?
                .query_row(params![service, row.get::<_, i64>(0)?, mark], |row| row.get(0))?;
            if found != 1 {
                return Ok(Some(format!("it is not in the index of its service {service}")));
            }
        }
        self.indexed += services.len() as u64;
        if self.first == 0 {
            self.first = seq;
        }
        (self.last, self.link) = (seq, link);
        Ok(None)
    }
}
