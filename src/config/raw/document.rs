//! A TOML file as tables that know their keys: each accessor returns the value with its place, or reports why not.

use std::cell::{OnceCell, RefCell};
use std::path::Path;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::config::diagnostic::suggestion;
use crate::config::keys::{Fallback, Key, Section};
use crate::model::diagnostic::{Diagnostic, Place};

/// A file's text, what was found wrong with it, and places in it.
#[derive(Debug)]
pub(crate) struct Source {
    file: Arc<Path>,
    text: String,
    found: RefCell<Vec<Diagnostic>>,
    /// Where lines begin, found out for the first place that is asked for: most files have no mistakes.
    lines: OnceCell<Vec<usize>>,
}

impl Source {
    /// The text of `file`.
    pub(crate) fn new(file: Arc<Path>, text: String) -> Self {
        Self {
            file,
            text,
            found: RefCell::new(Vec::new()),
            lines: OnceCell::new(),
        }
    }

    /// The file.
    pub(crate) fn file(&self) -> &Arc<Path> {
        &self.file
    }

    /// The text.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The place of the octet at `offset`.
    pub(crate) fn place(&self, offset: usize) -> Place {
        let lines = self.lines.get_or_init(|| {
            let ends = self.text.match_indices('\n');
            std::iter::once(0).chain(ends.map(|(at, _)| at + 1)).collect()
        });
        let line = lines.partition_point(|start| *start <= offset);
        let start = line
            .checked_sub(1)
            .and_then(|index| lines.get(index))
            .copied()
            .unwrap_or(0);
        let before = self.text.get(start..offset).unwrap_or_default();
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Place {
            file: Arc::clone(&self.file),
            line: count(line),
            column: count(before.chars().count() + 1),
        }
    }

    /// Reports a mistake at `offset`.
    pub(crate) fn error(&self, offset: usize, what: impl Into<String>, instead: impl Into<String>) {
        self.report(Diagnostic::error(self.place(offset), what).instead(instead));
    }

    /// Reports something to look at.
    pub(crate) fn warn(&self, offset: usize, what: impl Into<String>, instead: impl Into<String>) {
        self.report(Diagnostic::warning(self.place(offset), what).instead(instead));
    }

    /// Reports `diagnostic`; control characters that it quotes are escaped, as it is shown on terminals.
    pub(crate) fn report(&self, mut diagnostic: Diagnostic) {
        diagnostic.what = escape(diagnostic.what);
        diagnostic.instead = diagnostic.instead.map(escape);
        self.found.borrow_mut().push(diagnostic);
    }

    /// Whether there is a mistake so far.
    pub(crate) fn has_errors(&self) -> bool {
        self.found.borrow().iter().any(Diagnostic::is_error)
    }

    /// Takes what was found.
    pub(crate) fn take_found(&self) -> Vec<Diagnostic> {
        self.found.take()
    }

    /// The value around `offset` when it looks like a text without quotes.
    fn bare_word(&self, offset: usize) -> Option<&str> {
        let line_start = self.text.get(..offset)?.rfind('\n').map_or(0, |at| at + 1);
        let line = self.text.get(line_start..)?.lines().next()?;
        let value = line.split_once('=')?.1.split('#').next()?.trim();
        let plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '/' | ':');
        let is_word = !matches!(value, "true" | "false")
            && value.starts_with(|c: char| c.is_alphanumeric())
            && value.contains(|c: char| c.is_alphabetic())
            && value.chars().all(plain);
        is_word.then_some(value)
    }

    /// Reads the text as TOML, reporting what is not; the result then holds what could be made out, and nothing
    /// more should be reported about it.
    pub(crate) fn parse(&self) -> DeTable<'_> {
        let (table, errors) = DeTable::parse_recoverable(&self.text);
        let mut last_line = 0;
        for error in errors {
            let place = self.place(error.span().map_or(0, |span| span.start));
            // One slip often breaks the rest of its line; the first report says it.
            if place.line != last_line {
                last_line = place.line;
                let twice = error.span().and_then(|span| self.text.get(span));
                let twice = twice.filter(|_| error.message() == "duplicate key");
                let word = error.span().and_then(|span| self.bare_word(span.start));
                let found = match word {
                    Some(word) if ["true", "false"].contains(&word.to_lowercase().as_str()) => {
                        Diagnostic::error(place, format!("not TOML: `{word}`"))
                            .instead(format!("write `{}`", word.to_lowercase()))
                    }
                    Some(word) => {
                        Diagnostic::error(place, format!("not TOML: `{word}` is a text without quotes"))
                            .instead(format!("write \"{word}\""))
                    }
                    None => match twice {
                        Some(key) => Diagnostic::error(place, format!("`{key}` is written twice"))
                            .instead("keep one of them"),
                        None => Diagnostic::error(place, format!("not TOML: {}", one_line(error.message()))),
                    },
                };
                self.report(found);
            }
        }
        table.into_inner()
    }
}

fn escape(text: String) -> String {
    if !text.contains(char::is_control) {
        return text;
    }
    let escaped = text.chars().flat_map(|c| {
        let control = c.is_control().then(|| c.escape_default());
        let plain = (!c.is_control()).then_some(c);
        control.into_iter().flatten().chain(plain)
    });
    escaped.collect()
}

fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A value and where it stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct At<T> {
    /// Offset into the source.
    pub(crate) at: usize,
    /// The value.
    pub(crate) value: T,
}

impl<T> At<T> {
    /// The value at `at`.
    pub(crate) fn new(at: usize, value: T) -> Self {
        Self { at, value }
    }
}

/// A TOML value to be judged.
#[derive(Clone, Copy)]
pub(crate) struct Value<'d> {
    pub(crate) source: &'d Source,
    /// What it is called in messages: a key, or an element of one.
    pub(crate) name: &'d str,
    pub(crate) at: usize,
    pub(crate) end: usize,
    pub(crate) toml: &'d DeValue<'d>,
}

impl<'d> Value<'d> {
    pub(crate) fn new(source: &'d Source, name: &'d str, value: &'d Spanned<DeValue<'d>>) -> Self {
        Self {
            source,
            name,
            at: value.span().start,
            end: value.span().end,
            toml: value.get_ref(),
        }
    }

    /// As written, shortened to one line.
    pub(crate) fn written(&self) -> String {
        let text = one_line(self.source.text().get(self.at..self.end).unwrap_or_default());
        if text.chars().count() > 40 {
            let head: String = text.chars().take(37).collect();
            format!("{head}...")
        } else {
            text
        }
    }

    /// Reports that this is not what belongs here.
    pub(crate) fn refuse<T>(&self, what: impl Into<String>, instead: impl Into<String>) -> Option<T> {
        self.source.error(self.at, what, instead);
        None
    }

    /// The elements of an array, or the single value.
    pub(crate) fn elements(&self) -> Vec<Value<'d>> {
        match self.toml {
            DeValue::Array(array) => array
                .iter()
                .map(|element| Value::new(self.source, self.name, element))
                .collect(),
            _ => vec![*self],
        }
    }
}

/// A table of a file, with the keys that may stand in it.
pub(crate) struct Table<'d> {
    pub(crate) source: &'d Source,
    sections: Vec<&'static Section>,
    entries: Option<&'d DeTable<'d>>,
    /// Where the table stands.
    pub(crate) at: usize,
}

impl<'d> Table<'d> {
    /// Opens a table, reporting each key that none of `sections` has.
    pub(crate) fn open(
        source: &'d Source,
        sections: Vec<&'static Section>,
        at: usize,
        entries: &'d DeTable<'d>,
    ) -> Self {
        let table = Self {
            source,
            sections,
            entries: Some(entries),
            at,
        };
        table.report_unknown();
        table
    }

    /// A table that is not written: everything has its default.
    pub(crate) fn absent(source: &'d Source, section: &'static Section) -> Self {
        Self {
            source,
            sections: vec![section],
            entries: None,
            at: 0,
        }
    }

    fn report_unknown(&self) {
        let Some(entries) = self.entries else { return };
        for (key, _) in entries.iter() {
            let name: &str = key.get_ref();
            if self.key(name).is_some() {
                continue;
            }
            let at = key.span().start;
            let later = self.sections.iter().flat_map(|section| section.later);
            if let Some((_, instead)) = later.clone().find(|(later, _)| *later == name) {
                let what = format!("`{name}` is not supported by this version");
                self.source.error(at, what, *instead);
                continue;
            }
            let title = self.title();
            let known: Vec<&str> = self
                .sections
                .iter()
                .flat_map(|section| section.keys.iter().map(|key| key.name))
                .collect();
            let instead = suggestion(name, known.iter().copied(), "known are");
            self.source
                .error(at, format!("unknown key `{name}` in {title}"), instead);
        }
    }

    /// What the table is called in messages.
    fn title(&self) -> &'static str {
        match self.sections.last().map_or("", |section| section.title) {
            "endpoint" => "an endpoint",
            "zone file" => "the zone file",
            "ttl" => "`ttl`",
            "srv" => "`srv`",
            "mx" => "`mx`",
            "https" => "`https` or `svcb`",
            title => title,
        }
    }

    fn key(&self, name: &str) -> Option<&'static Key> {
        self.sections.iter().find_map(|section| section.key(name))
    }

    /// The row of `name`, which its section must have.
    pub(crate) fn row(&self, name: &'static str) -> Option<&'static Key> {
        let row = self.key(name);
        debug_assert!(row.is_some(), "no section describes `{name}`");
        row
    }

    /// Where the key `name` stands, or else the table.
    pub(crate) fn place_of(&self, name: &str) -> usize {
        self.entries
            .and_then(|entries| entries.get_key_value(name))
            .map_or(self.at, |(key, _)| key.span().start)
    }

    /// Whether `name` is written.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.entries.is_some_and(|entries| entries.contains_key(name))
    }

    /// The value of `name` as written; a required one that is missing is reported.
    pub(crate) fn value(&self, name: &'static str) -> Option<Value<'d>> {
        let row = self.row(name)?;
        let value = self
            .entries
            .and_then(|entries| entries.get(name))
            .map(|value| Value::new(self.source, name, value));
        if value.is_none() && matches!(row.default, Fallback::Required) {
            let title = self.title();
            self.source.error(
                self.at,
                format!("`{name}` is missing in {title}"),
                format!("write `{name} = …` ({})", row.kind),
            );
        }
        value
    }

    /// The table under `name`, or an absent one.
    pub(crate) fn table(&self, name: &'static str, section: &'static Section) -> Table<'d> {
        match self.value(name) {
            None => Table::absent(self.source, section),
            Some(value) => value
                .table(vec![section])
                .unwrap_or_else(|| Table::absent(self.source, section)),
        }
    }

    /// The entries under `name`, which is a table of named things, in the order written.
    pub(crate) fn named(&self, name: &'static str) -> Vec<(At<&'d str>, Value<'d>)> {
        let Some(value) = self.value(name) else {
            return Vec::new();
        };
        let DeValue::Table(entries) = value.toml else {
            value.refuse::<()>(
                format!("`{name}` is not a table of named {name}"),
                format!("write `[{name}.NAME]` for each"),
            );
            return Vec::new();
        };
        in_order(self.source, entries)
    }
}

/// The entries of a table in the order written.
pub(crate) fn in_order<'d>(source: &'d Source, entries: &'d DeTable<'d>) -> Vec<(At<&'d str>, Value<'d>)> {
    let mut found: Vec<_> = entries
        .iter()
        .map(|(key, value)| {
            let name: &str = key.get_ref();
            (At::new(key.span().start, name), Value::new(source, name, value))
        })
        .collect();
    found.sort_by_key(|(key, _)| key.at);
    found
}
