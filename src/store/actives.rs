//! The table of active members.

use rusqlite::{Connection, Result, params};

/// All of it, by group.
pub(super) fn read(connection: &Connection) -> Result<Vec<(String, String)>> {
    connection
        .prepare("SELECT group_name, member FROM active ORDER BY group_name")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

/// One entry, new or changed.
pub(super) fn write(connection: &Connection, group: &str, member: &str) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO active VALUES (?1, ?2) ON CONFLICT DO UPDATE SET member = excluded.member",
        )?
        .execute(params![group, member])?;
    Ok(())
}
