//! Values of a table by key: kind, range and default come from the key's row.

use std::time::Duration;

use toml::de::DeValue;

use super::document::{At, Table, Value};
use crate::config::keys::{Fallback, Kind};
use crate::wire::name::Name;

impl<'d> Table<'d> {
    /// A text.
    pub(crate) fn text(&self, name: &'static str) -> Option<At<String>> {
        self.value(name)?.text()
    }

    /// A text, or the default.
    pub(crate) fn text_or_default(&self, name: &'static str) -> String {
        let fallback = match self.row(name).map(|row| row.default) {
            Some(Fallback::Text(text)) => text,
            _ => "",
        };
        self.text(name)
            .map_or_else(|| fallback.to_owned(), |text| text.value)
    }

    /// A text or `false`: the default, nothing, or the text.
    pub(crate) fn text_or_false(&self, name: &'static str) -> Option<Option<String>> {
        let value = self.value(name)?;
        match value.toml {
            DeValue::Boolean(false) => Some(None),
            DeValue::String(_) => value.text().map(|text| Some(text.value)),
            _ => value.wrong_type("a text or `false`", "write it in quotes"),
        }
    }

    /// `true`, `false` or the default.
    pub(crate) fn boolean_or_default(&self, name: &'static str) -> bool {
        let fallback = matches!(
            self.row(name).map(|row| row.default),
            Some(Fallback::Boolean(true))
        );
        self.boolean(name).map_or(fallback, |yes| yes.value)
    }

    /// `true` or `false`.
    pub(crate) fn boolean(&self, name: &'static str) -> Option<At<bool>> {
        self.value(name)?.boolean()
    }

    /// A duration within the row's range.
    pub(crate) fn duration(&self, name: &'static str) -> Option<At<Duration>> {
        match self.row(name)?.kind {
            Kind::Duration(least, most) => self.value(name)?.duration(least, most),
            _ => None,
        }
    }

    /// A duration within the row's range, or the default.
    pub(crate) fn duration_or_default(&self, name: &'static str) -> Duration {
        let fallback = match self.row(name).map(|row| row.default) {
            Some(Fallback::Duration(length)) => length,
            _ => Duration::ZERO,
        };
        self.duration(name).map_or(fallback, |length| length.value)
    }

    /// A whole number within the row's range.
    pub(crate) fn integer(&self, name: &'static str) -> Option<At<i64>> {
        match self.row(name)?.kind {
            Kind::Integer(least, most) => self.value(name)?.integer(least, most),
            _ => None,
        }
    }

    /// A whole number within the row's range, or the default; 0 should the target be too narrow for both.
    pub(crate) fn integer_or_default<T: TryFrom<i64> + Default>(&self, name: &'static str) -> T {
        let fallback = match self.row(name).map(|row| row.default) {
            Some(Fallback::Integer(number)) => number,
            _ => 0,
        };
        let number = self.integer(name).map_or(fallback, |number| number.value);
        T::try_from(number).unwrap_or_default()
    }

    /// One of the row's choices; `later` are those of other versions.
    pub(crate) fn choice(&self, name: &'static str, later: &[&str]) -> Option<At<&'static str>> {
        match self.row(name)?.kind {
            Kind::OneOf(choices) => self.value(name)?.one_of(choices, later),
            _ => None,
        }
    }

    /// One of the row's choices, or the default.
    pub(crate) fn choice_or_default(&self, name: &'static str) -> &'static str {
        let fallback = match self.row(name).map(|row| row.default) {
            Some(Fallback::Text(text)) => text,
            _ => "",
        };
        self.choice(name, &[]).map_or(fallback, |choice| choice.value)
    }

    /// A number within the row's range.
    pub(crate) fn number(&self, name: &'static str) -> Option<At<f64>> {
        match self.row(name)?.kind {
            Kind::Between(least, most) => self.value(name)?.between(least, most),
            _ => None,
        }
    }

    /// A domain name.
    pub(crate) fn name(&self, name: &'static str) -> Option<At<Name>> {
        self.value(name)?.name()
    }

    /// The elements of a list (or the single value), each read by `read`; an empty list when nothing is written.
    pub(crate) fn each<T>(
        &self,
        name: &'static str,
        read: impl Fn(&Value<'d>) -> Option<At<T>>,
    ) -> Vec<At<T>> {
        self.value(name).map_or_else(Vec::new, |value| {
            value.elements().iter().filter_map(read).collect()
        })
    }
}
