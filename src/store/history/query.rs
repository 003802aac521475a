//! Pages of the history: by service, kind, alarm and time, newest or oldest first.

use rusqlite::{Connection, OptionalExtension, ToSql, params};

use crate::control::timeline::Entry;
use crate::store::history::scribe::{signed, unsigned, word};
use crate::store::history::{History, HistoryError, entry_of};

/// Entries of a page, at the most.
pub const MOST: usize = 1000;

/// Which entries are asked for; a default one is all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only those of this service.
    pub service: Option<String>,
    /// Only these kinds; empty: all.
    pub kinds: Vec<String>,
    /// Only those at which somebody should look.
    pub alarms: bool,
    /// Not before this time, in milliseconds since 1970.
    pub since: Option<u64>,
    /// Before this time.
    pub until: Option<u64>,
    /// Only those numbered lower.
    pub before: Option<u64>,
    /// Only those numbered higher.
    pub after: Option<u64>,
}

/// Some entries, and where the next page begins.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Page {
    /// In the order asked for.
    pub items: Vec<Entry>,
    /// The `before` (or, oldest first, the `after`) of the next page; `None`: there is none.
    pub next: Option<u64>,
}

/// In which order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    NewestFirst,
    OldestFirst,
}

impl Order {
    fn word(self) -> &'static str {
        match self {
            Self::NewestFirst => "DESC",
            Self::OldestFirst => "ASC",
        }
    }
}

impl History {
    /// The newest entries that `filter` lets through, newest first, at most `limit` (and [`MOST`]).
    ///
    /// Where the clock was set back, `since` and `until` go by the order of entries: what was written before the step
    /// is held to be earlier.
    ///
    /// # Errors
    /// [`HistoryError`].
    pub fn newest(&self, filter: &Filter, limit: usize) -> Result<Page, HistoryError> {
        self.page(filter, limit, Order::NewestFirst)
    }

    /// The oldest entries that `filter` lets through, oldest first: for whoever follows from a number on.
    ///
    /// # Errors
    /// [`HistoryError`].
    pub fn oldest(&self, filter: &Filter, limit: usize) -> Result<Page, HistoryError> {
        self.page(filter, limit, Order::OldestFirst)
    }

    /// All entries after the one numbered `after`, oldest first, at most `limit` (and [`MOST`]).
    ///
    /// # Errors
    /// [`HistoryError`].
    pub fn after(&self, after: u64, limit: usize) -> Result<Vec<Entry>, HistoryError> {
        let filter = Filter {
            after: Some(after),
            ..Filter::default()
        };
        Ok(self.oldest(&filter, limit)?.items)
    }

    fn page(&self, filter: &Filter, limit: usize, order: Order) -> Result<Page, HistoryError> {
        let limit = limit.clamp(1, MOST);
        self.with(|connection| {
            // One view of the file, so that retention cannot take a row between its number and its body.
            let view = connection.transaction()?;
            let mut numbers = candidates(&view, filter, limit + 1, order)?;
            let more = numbers.len() > limit;
            numbers.truncate(limit);
            let next = numbers.last().filter(|_| more).map(|last| unsigned(*last));
            let mut items = Vec::with_capacity(numbers.len());
            for seq in numbers {
                let entry = fetch(&view, seq)?;
                let after = filter.since.is_none_or(|since| entry.unix_ms >= since);
                let before = filter.until.is_none_or(|until| entry.unix_ms < until);
                if after && before {
                    items.push(entry);
                }
            }
            Ok(Page { items, next })
        })
    }
}

fn fetch(connection: &Connection, seq: i64) -> Result<Entry, HistoryError> {
    let mut read = connection.prepare_cached(
        "SELECT seq, unix_ms, mark, word.text, body FROM entry
         LEFT JOIN word ON word.id = mark >> 1 WHERE seq = ?1",
    )?;
    let mut rows = read.query([seq])?;
    match rows.next()? {
        Some(row) => entry_of(row),
        None => Err(HistoryError::Damaged {
            seq: unsigned(seq),
            why: "it is in the index, and nowhere else".to_owned(),
        }),
    }
}

/// The numbers of the first `most` entries that `filter` lets through but for the exact time.
fn candidates(
    connection: &Connection,
    filter: &Filter,
    most: usize,
    order: Order,
) -> Result<Vec<i64>, HistoryError> {
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    // Numbers in [low, high).
    let mut low = filter.after.map_or(0, |after| signed(after.saturating_add(1)));
    let mut high = filter.before.map_or(i64::MAX, signed);
    if let Some(since) = filter.since {
        low = low.max(first_at(connection, since)?);
    }
    if let Some(until) = filter.until {
        high = high.min(first_at(connection, until)?);
    }
    let marks = match marks(connection, filter)? {
        Marks::All => None,
        Marks::These(marks) if marks.is_empty() => return Ok(Vec::new()),
        Marks::These(marks) => Some(marks),
    };
    let (way, range) = (order.word(), "seq >= ?1 AND seq < ?2");
    if let Some(service) = &filter.service {
        let Some(service) = word(connection, service)? else {
            return Ok(Vec::new());
        };
        let among = marks.map_or_else(String::new, |marks| {
            let marks: Vec<String> = marks.iter().map(i64::to_string).collect();
            format!("AND mark IN ({})", marks.join(","))
        });
        let sql = format!(
            "SELECT seq FROM of_service WHERE service = ?4 AND {range} {among} ORDER BY seq {way} LIMIT ?3"
        );
        return numbers(connection, &sql, params![low, high, most, service]);
    }
    let Some(marks) = marks else {
        let sql = format!("SELECT seq FROM entry WHERE {range} ORDER BY seq {way} LIMIT ?3");
        return numbers(connection, &sql, params![low, high, most]);
    };
    // The index holds the numbers of each mark in order: the page is among the first of each.
    let sql = format!(
        "SELECT seq FROM entry INDEXED BY entry_by_mark WHERE mark = ?4 AND {range} ORDER BY seq {way} LIMIT ?3"
    );
    let mut found = Vec::new();
    for mark in marks {
        found.append(&mut numbers(connection, &sql, params![low, high, most, mark])?);
    }
    found.sort_unstable();
    if order == Order::NewestFirst {
        found.reverse();
    }
    found.truncate(usize::try_from(most).unwrap_or(usize::MAX));
    Ok(found)
}

fn numbers(connection: &Connection, sql: &str, values: &[&dyn ToSql]) -> Result<Vec<i64>, HistoryError> {
    let mut read = connection.prepare_cached(sql)?;
    let rows = read.query_map(values, |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Which marks a filter lets through.
enum Marks {
    All,
    These(Vec<i64>),
}

fn marks(connection: &Connection, filter: &Filter) -> Result<Marks, HistoryError> {
    if filter.kinds.is_empty() && !filter.alarms {
        return Ok(Marks::All);
    }
    let kinds = if filter.kinds.is_empty() {
        kinds(connection)?
    } else {
        let mut ids = Vec::new();
        for kind in &filter.kinds {
            ids.extend(word(connection, kind)?);
        }
        ids.sort_unstable();
        ids.dedup();
        ids
    };
    let marks = kinds.iter().flat_map(|kind| [kind * 2, kind * 2 + 1]);
    Ok(Marks::These(
        marks.filter(|mark| !filter.alarms || mark & 1 == 1).collect(),
    ))
}

/// Numbers of the kinds that there are: leaps from one to the next through the index.
fn kinds(connection: &Connection) -> Result<Vec<i64>, HistoryError> {
    let mut found: Vec<i64> = Vec::new();
    let mut above = -1;
    let mut leap = connection.prepare_cached(
        "SELECT mark FROM entry INDEXED BY entry_by_mark WHERE mark > ?1 ORDER BY mark LIMIT 1",
    )?;
    while let Some(mark) = leap.query_row([above], |row| row.get::<_, i64>(0)).optional()? {
        let kind = mark >> 1;
        if found.last() != Some(&kind) {
            found.push(kind);
        }
        above = mark;
    }
    Ok(found)
}

/// The number of the first entry at `unix_ms` or later; [`i64::MAX`]: there is none yet. Halves the range, since times
/// grow with numbers.
fn first_at(connection: &Connection, unix_ms: u64) -> Result<i64, HistoryError> {
    let mut read =
        connection.prepare_cached("SELECT seq, unix_ms FROM entry WHERE seq >= ?1 ORDER BY seq LIMIT 1")?;
    let mut at = |seq: i64| -> rusqlite::Result<Option<(i64, i64)>> {
        read.query_row([seq], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()
    };
    let newest: Option<i64> = connection
        .prepare_cached("SELECT max(seq) FROM entry")?
        .query_row([], |row| row.get(0))?;
    let (Some((mut low, _)), Some(newest)) = (at(0)?, newest) else {
        return Ok(i64::MAX);
    };
    let wanted = signed(unix_ms);
    let mut high = newest + 1;
    while low < high {
        let middle = low + (high - low) / 2;
        match at(middle)? {
            Some((found, at)) if at < wanted => low = found + 1,
            _ => high = middle,
        }
    }
    Ok(if low > newest { i64::MAX } else { low })
}
