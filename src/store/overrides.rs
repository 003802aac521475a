//! The table of overrides.

use std::time::Duration;

use rusqlite::{Connection, Result, Row, params};

use crate::control::overrides::StoredOverride;
use crate::model::force::ForceKind;
use crate::model::time::UnixTime;

/// All of them, oldest first. Kinds of a later version are left out: what they mean is not known.
pub(super) fn read(connection: &Connection) -> Result<Vec<StoredOverride>> {
    connection
        .prepare(
            "SELECT id, selector, kind, owner, reason, created_ms, until_ms, length_ms, break_glass
             FROM override ORDER BY id",
        )?
        .query_map([], of_row)?
        .filter_map(Result::transpose)
        .collect()
}

fn of_row(row: &Row<'_>) -> Result<Option<StoredOverride>> {
    let Some(kind) = ForceKind::named(&row.get::<_, String>(2)?) else {
        return Ok(None);
    };
    let unsigned = |number: i64| u64::try_from(number).unwrap_or(0);
    Ok(Some(StoredOverride {
        id: unsigned(row.get(0)?),
        select: row.get(1)?,
        kind,
        owner: row.get(3)?,
        reason: row.get(4)?,
        created: UnixTime(unsigned(row.get(5)?)),
        until: row.get::<_, Option<i64>>(6)?.map(|at| UnixTime(unsigned(at))),
        length: row
            .get::<_, Option<i64>>(7)?
            .map(|length| Duration::from_millis(unsigned(length))),
        break_glass: row.get(8)?,
    }))
}

/// One override, new or changed.
pub(super) fn write(connection: &Connection, over: &StoredOverride) -> Result<()> {
    let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let millis = |length: Duration| i64::try_from(length.as_millis()).unwrap_or(i64::MAX);
    connection
        .prepare_cached("INSERT OR REPLACE INTO override VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")?
        .execute(params![
            signed(over.id),
            over.select,
            over.kind.as_str(),
            over.owner,
            over.reason,
            signed(over.created.0),
            over.until.map(|until| signed(until.0)),
            over.length.map(millis),
            over.break_glass,
        ])?;
    Ok(())
}

/// It is gone.
pub(super) fn remove(connection: &Connection, id: u64) -> Result<()> {
    connection
        .prepare_cached("DELETE FROM override WHERE id = ?1")?
        .execute(params![i64::try_from(id).unwrap_or(i64::MAX)])?;
    Ok(())
}
