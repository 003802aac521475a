//! The operator's hand in files: `[safety]`, and the overrides of `overrides.toml`.

use std::path::PathBuf;
use std::sync::Arc;

use toml::de::DeValue;
use toml::value::{Datetime, Offset};

use crate::config::defaults;
use crate::config::keys;
use crate::config::load::files::Files;
use crate::config::raw::document::{At, Source, Table, Value};
use crate::model::diagnostic::Diagnostic;
use crate::model::force::{FileOverride, ForceKind, OwnSafety, SafetySettings};
use crate::model::plan::Plan;
use crate::model::reach::{matching, meant};
use crate::model::selector::Selector;
use crate::model::time::UnixTime;

/// Longest reason and owner, in octets: they stand in every line of the log.
const WORDS: usize = 512;

/// Where overrides are read from.
#[derive(Debug)]
pub(crate) struct OverridesFile {
    path: PathBuf,
    /// Where it is named; `None`: it need not be there.
    named: Option<usize>,
}

/// `[safety]`.
pub(crate) fn safety(table: &Table<'_>) -> SafetySettings {
    SafetySettings {
        min_live: table.integer_or_default("min_live"),
        max_removed: max_removed(table).unwrap_or(SafetySettings::default().max_removed),
    }
}

/// What a service says of its own safety.
pub(crate) fn own_safety(table: &Table<'_>) -> OwnSafety {
    OwnSafety {
        min_live: table
            .integer("min_live")
            .and_then(|least| u32::try_from(least.value).ok()),
        max_removed: max_removed(table),
    }
}

fn max_removed(table: &Table<'_>) -> Option<f64> {
    Some(table.value("max_removed")?.share()?.value)
}

/// `[overrides] file`.
pub(crate) fn overrides_file(table: &Table<'_>, files: &Files) -> OverridesFile {
    let written = table.text("file");
    OverridesFile {
        named: written.as_ref().map(|written| written.at),
        path: files.below(
            table.source,
            written
                .as_ref()
                .map_or(defaults::OVERRIDES_FILE, |written| &written.value),
        ),
    }
}

/// Reads the overrides; mistakes go to `found`, or to the server file that names what cannot be read.
pub(crate) fn overrides(
    server: &Source,
    file: &OverridesFile,
    plan: &Plan,
    files: &mut Files,
    found: &mut Vec<Diagnostic>,
) -> Vec<FileOverride> {
    files.note(&file.path);
    if file.named.is_none() && !file.path.exists() && !file.path.is_symlink() {
        return Vec::new();
    }
    let text = match files.readable(&file.path) {
        Ok(text) => text,
        Err(unreadable) => {
            match file.named {
                Some(at) if unreadable.place.line == 0 => server.error(
                    at,
                    format!("cannot read {}: {}", file.path.display(), unreadable.reason),
                    "name a file relative to this one",
                ),
                _ => found.push(unreadable.found()),
            }
            return Vec::new();
        }
    };
    let source = Source::new(Arc::from(file.path.as_path()), text);
    let document = source.parse();
    let mut read = Vec::new();
    if !source.has_errors() {
        let table = Table::open(&source, vec![&keys::OVERRIDES_FILE], 0, &document);
        for value in table
            .value("override")
            .map_or_else(Vec::new, |value| value.elements())
        {
            read.extend(one(&value, plan));
        }
    }
    found.extend(source.take_found());
    read
}

/// One entry.
fn one(value: &Value<'_>, plan: &Plan) -> Option<FileOverride> {
    let table = value.table(vec![&keys::OVERRIDE])?;
    let select = table
        .text("select")
        .and_then(|text| selector(&table, &text, plan));
    let kind = table
        .choice("state", &[])
        .and_then(|state| ForceKind::named(state.value));
    let (reason, owner) = (words(&table, "reason"), words(&table, "owner"));
    let until = table.value("until").map(|value| date(&value));
    Some(FileOverride {
        select: select?,
        kind: kind?,
        owner: owner?,
        reason: reason?,
        // An end that cannot be read is not "for ever".
        until: match until {
            Some(until) => Some(until?),
            None => None,
        },
        place: table.source.place(value.at),
    })
}

fn selector(table: &Table<'_>, text: &At<String>, plan: &Plan) -> Option<Selector> {
    let select = match Selector::parse(&text.value) {
        Ok(select) => select,
        Err(error) => {
            table.source.error(
                text.at,
                error.to_string(),
                "write `SERVICE/ENDPOINT`, `SERVICE`, or a pattern like `*/fra-*`",
            );
            return None;
        }
    };
    if matching(&select, plan).is_empty() {
        let what = format!("`{select}` matches no endpoint");
        // A zone with mistakes has no services: what is meant may stand there. A pattern may wait for what is to come.
        if select.is_pattern() || plan.zones.iter().any(|zone| zone.refused) {
            table.source.warn(
                text.at,
                what,
                "remove it, unless endpoints of that name are to come",
            );
        } else {
            let instead = meant(&select, plan).map_or_else(
                || "write the name of a service, and of an endpoint of it".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            table.source.error(text.at, what, instead);
            return None;
        }
    }
    Some(select)
}

/// A text of a reasonable length; `Some(None)` when nothing is written, `None` when it is refused.
fn words(table: &Table<'_>, key: &'static str) -> Option<Option<String>> {
    let Some(value) = table.value(key) else {
        return Some(None);
    };
    let text = value.text()?;
    if text.value.len() > WORDS {
        return value.refuse(
            format!("`{key}` has more than {WORDS} octets"),
            "write a sentence; the details belong elsewhere",
        );
    }
    Some(Some(text.value))
}

/// A date and time with its offset from UTC.
fn date(value: &Value<'_>) -> Option<UnixTime> {
    const INSTEAD: &str = "write date, time and offset, like `until = 2026-12-01T00:00:00Z`";
    let DeValue::Datetime(written) = value.toml else {
        return value.wrong_type("a date and time", INSTEAD);
    };
    let Datetime {
        date: Some(date),
        time: Some(time),
        offset: Some(offset),
    } = *written
    else {
        return value.refuse(
            format!("`{}` does not say when exactly: {written}", value.name),
            INSTEAD,
        );
    };
    let minutes = match offset {
        Offset::Z => 0,
        Offset::Custom { minutes } => i64::from(minutes),
    };
    let day = (i64::from(date.year), u32::from(date.month), u32::from(date.day));
    let second = u32::from(time.second.unwrap_or(0));
    let local = UnixTime::from_civil(day, (u32::from(time.hour), u32::from(time.minute), second));
    let utc = local.and_then(|local| local.0.checked_add_signed(-minutes * 60_000));
    match utc {
        Some(utc) => Some(UnixTime(utc)),
        None => value.refuse(format!("{written} is no date from 1970 to 9999"), INSTEAD),
    }
}
