//! The table of drills.

use rusqlite::{Connection, Result, Row, params};

use crate::control::drill::{State, StoredDrill};
use crate::model::time::UnixTime;

/// So many drills are kept, and of each service the last one of each state: the calendar goes by them.
const KEPT: u32 = 1000;

/// All that are kept, oldest first. States of a later version are left out: what they mean is not known.
pub(super) fn read(connection: &Connection) -> Result<Vec<StoredDrill>> {
    connection
        .prepare(
            "SELECT id, service, endpoint, by_whom, reason, scheduled, actives, started_ms, until_ms, state, why, report
             FROM drill ORDER BY id",
        )?
        .query_map([], of_row)?
        .filter_map(Result::transpose)
        .collect()
}

fn of_row(row: &Row<'_>) -> Result<Option<StoredDrill>> {
    let Some(state) = State::named(&row.get::<_, String>(9)?) else {
        return Ok(None);
    };
    let unsigned = |number: i64| u64::try_from(number).unwrap_or(0);
    let actives: String = row.get(6)?;
    Ok(Some(StoredDrill {
        id: unsigned(row.get(0)?),
        service: row.get(1)?,
        endpoint: row.get(2)?,
        by: row.get(3)?,
        reason: row.get(4)?,
        scheduled: row.get(5)?,
        // Written below; what is not in this form says nothing that decides anything.
        before: serde_json::from_str(&actives).unwrap_or_default(),
        started: UnixTime(unsigned(row.get(7)?)),
        until: UnixTime(unsigned(row.get(8)?)),
        state,
        why: row.get(10)?,
        report: row.get(11)?,
    }))
}

/// One drill, new or changed; the oldest go when there are too many.
pub(super) fn write(connection: &Connection, drill: &StoredDrill) -> Result<()> {
    let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let actives = serde_json::to_string(&drill.before).unwrap_or_default();
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO drill VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        )?
        .execute(params![
            signed(drill.id),
            drill.service,
            drill.endpoint,
            drill.by,
            drill.reason,
            drill.scheduled,
            actives,
            signed(drill.started.0),
            signed(drill.until.0),
            drill.state.as_str(),
            drill.why,
            drill.report,
        ])?;
    connection
        .prepare_cached("DELETE FROM drill WHERE id <= ?1 - ?2 AND id NOT IN (SELECT MAX(id) FROM drill GROUP BY service, state)")?
        .execute(params![signed(drill.id), KEPT])?;
    Ok(())
}
