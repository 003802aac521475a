//! The shape of `on_failover`.

use super::document::{At, Table};
use super::exec;
use crate::config::keys;
use crate::config::load::files::Files;
use crate::model::on_failover::{OnFailover, Otherwise};

/// What is written in the service `parent`, and where; nothing when it has mistakes. The program is looked at.
pub(super) fn read(parent: &Table<'_>, files: &mut Files) -> Option<At<OnFailover>> {
    let value = parent.value("on_failover")?;
    let table = value.table(vec![&keys::ON_FAILOVER])?;
    let otherwise = |key: &'static str| match table.choice_or_default(key) {
        "proceed" => Otherwise::Proceed,
        _ => Otherwise::Hold,
    };
    let (gate, timeout) = (
        table.boolean_or_default("gate"),
        table.duration_or_default("timeout"),
    );
    let (on_failure, on_timeout) = (otherwise("on_failure"), otherwise("on_timeout"));
    for key in ["on_failure", "on_timeout"] {
        if table.has(key) && !gate {
            table.source.warn(
                table.place_of(key),
                format!("`{key}` has no effect without `gate = true`: the answer does not wait"),
                "remove it, or write gate = true",
            );
        }
    }
    let (program, arguments) = exec::command(&table, "exec", files)?;
    let hook = OnFailover {
        program,
        arguments,
        gate,
        timeout,
        on_failure,
        on_timeout,
    };
    Some(At::new(parent.place_of("on_failover"), hook))
}
