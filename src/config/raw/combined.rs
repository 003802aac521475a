//! The shape of a check that is made of others.

use super::document::{At, Table, Value};
use crate::model::check::{Combined, Need};

/// `all_of`, or `any_of` with `at_least`, as it is written.
#[derive(Debug)]
pub(crate) struct RawCombined {
    /// Names of other checks, at least one.
    pub(crate) parts: Vec<At<String>>,
    need: Need,
}

impl RawCombined {
    /// From `[checks.NAME]` without `type`; nothing when it has mistakes.
    pub(crate) fn read(table: &Table<'_>) -> Option<Self> {
        let source = table.source;
        let (all, any) = (
            table.each("all_of", Value::text),
            table.each("any_of", Value::text),
        );
        let at_least = table.integer("at_least");
        let key = match (table.has("all_of"), table.has("any_of")) {
            (true, true) => {
                source.error(
                    table.place_of("any_of"),
                    "both `all_of` and `any_of`",
                    "keep one of them, or name another combined check in it",
                );
                return None;
            }
            (false, false) => {
                source.error(
                    table.at,
                    "`at_least` without `any_of`",
                    "write `any_of = [\"web\", \"db\"]`",
                );
                return None;
            }
            (true, false) => "all_of",
            (false, true) => "any_of",
        };
        let parts = if key == "all_of" { all } else { any };
        if table.value(key).is_some_and(|value| value.elements().is_empty()) {
            source.error(
                table.place_of(key),
                format!("`{key}` is empty"),
                "name at least one check",
            );
            return None;
        }
        for (nth, part) in parts.iter().enumerate() {
            if parts.iter().take(nth).any(|known| known.value == part.value) {
                source.error(
                    part.at,
                    format!("`{}` is listed twice", part.value),
                    "remove one of them",
                );
            }
        }
        if key == "all_of" && table.has("at_least") {
            source.error(
                table.place_of("at_least"),
                "`at_least` belongs to `any_of`",
                "remove it: all of them are needed",
            );
        }
        if let Some(most) = at_least.filter(|count| usize::try_from(count.value).unwrap_or(0) > parts.len()) {
            source.error(
                most.at,
                format!("`at_least` is {}, but `any_of` has {}", most.value, parts.len()),
                format!("write a number from 1 to {}", parts.len()),
            );
        }
        let need = match key {
            "all_of" => Need::All,
            _ => Need::AtLeast(at_least.map_or(1, |count| u32::try_from(count.value).unwrap_or(1))),
        };
        Some(Self { parts, need })
    }

    /// What it means.
    pub(crate) fn meant(&self) -> Combined {
        Combined {
            need: self.need,
            parts: self.parts.iter().map(|part| part.value.clone()).collect(),
        }
    }
}
