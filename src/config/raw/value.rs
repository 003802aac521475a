//! Judging single values: type, range and form, each mistake with what to write instead.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use toml::de::DeValue;

use super::document::{At, Table, Value};
use crate::config::defaults;
use crate::config::diagnostic::{list, suggestion};
use crate::config::duration::{self, DurationError};
use crate::config::keys::{self, Fallback, Kind, Section};
use crate::model::plan::Prefix;
use crate::model::service::TtlRule;
use crate::model::time::Ttl;
use crate::wire::name::Name;

impl<'d> Value<'d> {
    /// `a text`, `a whole number`: what it is, for messages.
    fn what_it_is(&self) -> &'static str {
        match self.toml {
            DeValue::Boolean(true) => "`true`",
            DeValue::Boolean(false) => "`false`",
            DeValue::String(_) => "a text",
            DeValue::Integer(_) => "a whole number",
            DeValue::Float(_) => "a number",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        }
    }

    /// Reports the wrong type.
    pub(crate) fn wrong_type<T>(&self, expected: &str, instead: impl Into<String>) -> Option<T> {
        self.refuse(
            format!("`{}` must be {expected}, not {}", self.name, self.what_it_is()),
            instead,
        )
    }

    /// The table with these sections' keys.
    pub(crate) fn table(&self, sections: Vec<&'static Section>) -> Option<Table<'d>> {
        match self.toml {
            DeValue::Table(entries) => Some(Table::open(self.source, sections, self.at, entries)),
            _ => {
                let title = sections.last().map_or("", |section| section.title);
                self.wrong_type("a table", format!("write the keys of {title} in it"))
            }
        }
    }

    /// A text that is not empty.
    pub(crate) fn text(&self) -> Option<At<String>> {
        match self.toml {
            DeValue::String(text) if text.is_empty() => self.refuse(
                format!("`{}` is empty", self.name),
                "write something, or remove it",
            ),
            DeValue::String(text) => Some(At::new(self.at, text.to_string())),
            DeValue::Table(_) | DeValue::Array(_) => self.wrong_type("a text", "write it in quotes"),
            _ => self.wrong_type("a text", format!("write `\"{}\"`", self.written())),
        }
    }

    /// `true` or `false`.
    pub(crate) fn boolean(&self) -> Option<At<bool>> {
        match self.toml {
            DeValue::Boolean(yes) => Some(At::new(self.at, *yes)),
            _ => self.wrong_type("`true` or `false`", "write it without quotes"),
        }
    }

    /// A whole number within a range.
    pub(crate) fn integer(&self, least: i64, most: i64) -> Option<At<i64>> {
        let DeValue::Integer(written) = self.toml else {
            return self.wrong_type("a whole number", format!("write a number from {least} to {most}"));
        };
        let number = i64::from_str_radix(written.as_str(), written.radix()).ok();
        match number {
            Some(number) if (least..=most).contains(&number) => Some(At::new(self.at, number)),
            _ => self.refuse(
                format!("`{}` is out of range: {}", self.name, self.written()),
                format!("write a number from {least} to {most}"),
            ),
        }
    }

    /// A number, whole or not.
    pub(crate) fn number(&self) -> Option<f64> {
        match self.toml {
            DeValue::Float(written) => written.as_str().parse().ok(),
            DeValue::Integer(written) => i64::from_str_radix(written.as_str(), written.radix())
                .ok()
                .map(|number| number as f64),
            _ => None,
        }
        .filter(|number: &f64| number.is_finite())
    }

    /// A number between two others.
    pub(crate) fn between(&self, least: f64, most: f64) -> Option<At<f64>> {
        match self.number() {
            Some(number) if number > least && number < most => Some(At::new(self.at, number)),
            Some(_) => self.refuse(
                format!("`{}` is out of range: {}", self.name, self.written()),
                format!("write a number between {least} and {most}"),
            ),
            None => self.wrong_type("a number", format!("write a number between {least} and {most}")),
        }
    }

    /// `"50%"` or `0.5`, above 0 and up to 1.
    pub(crate) fn share(&self) -> Option<At<f64>> {
        const INSTEAD: &str = "write a percentage (\"50%\") or a share (0.5) above 0 and up to 1";
        let share = match self.toml {
            DeValue::String(text) => text
                .strip_suffix('%')
                .and_then(|number| number.trim().parse::<f64>().ok())
                .map(|percent| percent / 100.0),
            _ => self.number(),
        };
        match share {
            Some(share) if share > 0.0 && share <= 1.0 => Some(At::new(self.at, share)),
            _ => self.refuse(format!("{} is not a share", self.written()), INSTEAD),
        }
    }

    /// A duration within a range.
    pub(crate) fn duration(&self, least: Duration, most: Duration) -> Option<At<Duration>> {
        let parsed = match self.toml {
            DeValue::String(text) => duration::parse(text),
            DeValue::Integer(_) | DeValue::Float(_) => {
                // What was meant are most likely seconds: 2.5 is "2s500ms".
                let meant = self
                    .number()
                    .and_then(|secs| Duration::try_from_secs_f64(secs).ok())
                    .map_or_else(|| "5s".to_owned(), duration::text);
                return self.refuse(
                    format!("`{}` is not a duration", self.written()),
                    format!("write \"{meant}\""),
                );
            }
            _ => return self.wrong_type("a duration", "write a number and its unit, like \"5s\""),
        };
        let length = match parsed {
            Ok(length) => length,
            Err(DurationError::NoUnit(number)) => {
                return self.refuse(
                    format!("\"{number}\" has no unit"),
                    format!("write \"{number}s\""),
                );
            }
            Err(error) => {
                let what = match error {
                    DurationError::NotANumber(text) => format!("\"{text}\" is not a duration"),
                    other => format!("{} is not a duration: {other}", self.written()),
                };
                return self.refuse(
                    what,
                    "write whole numbers with d, h, m, s or ms, like \"5s\", \"500ms\" or \"1h30m\"",
                );
            }
        };
        if (least..=most).contains(&length) {
            Some(At::new(self.at, length))
        } else {
            self.refuse(
                format!("`{}` is out of range: {}", self.name, self.written()),
                format!(
                    "write \"{}\" to \"{}\"",
                    duration::text(least),
                    duration::text(most)
                ),
            )
        }
    }

    /// One of `choices`; `later` are those of other versions.
    pub(crate) fn one_of(
        &self,
        choices: &'static [&'static str],
        later: &[&str],
    ) -> Option<At<&'static str>> {
        let DeValue::String(text) = self.toml else {
            return self.wrong_type(
                "a text",
                format!("write one of {}", list(choices.iter().copied())),
            );
        };
        if let Some(choice) = choices.iter().find(|choice| **choice == text) {
            return Some(At::new(self.at, choice));
        }
        if later.contains(&text.as_ref()) {
            return self.refuse(
                format!("{} `{text}` is not supported by this version", self.name),
                format!("use {}", list(choices.iter().copied())),
            );
        }
        self.refuse(
            format!("unknown {} `{text}`", self.name),
            suggestion(text, choices.iter().copied(), "write one of"),
        )
    }

    /// An absolute domain name, with or without the final dot.
    pub(crate) fn name(&self) -> Option<At<Name>> {
        let text = self.text()?;
        match Name::from_text(&text.value) {
            Ok(name) => Some(At::new(self.at, name)),
            Err(error) => self.refuse(
                format!("`{}` is not a domain name: {error}", text.value),
                "write labels of at most 63 octets with single dots between them",
            ),
        }
    }

    /// An IP address.
    pub(crate) fn address(&self) -> Option<At<IpAddr>> {
        const INSTEAD: &str = "write one like \"192.0.2.10\" or \"2001:db8::10\"";
        let text = match self.toml {
            DeValue::String(text) => text,
            _ => return self.wrong_type("an IP address", INSTEAD),
        };
        match text.parse::<IpAddr>() {
            Ok(address) => Some(At::new(self.at, address)),
            Err(_) => self.refuse(format!("`{text}` is not an IP address"), INSTEAD),
        }
    }

    /// `ADDRESS:PORT`.
    pub(crate) fn socket(&self) -> Option<At<SocketAddr>> {
        let text = match self.toml {
            DeValue::String(text) => text,
            _ => return self.wrong_type("an address with a port", "write one like \"127.0.0.1:53\""),
        };
        if let Ok(socket) = text.parse() {
            return Some(At::new(self.at, socket));
        }
        let bare = text.trim_start_matches('[').trim_end_matches(']');
        let instead = match bare.parse::<IpAddr>() {
            Ok(IpAddr::V4(address)) => format!("write \"{address}:PORT\""),
            Ok(IpAddr::V6(address)) => format!("write \"[{address}]:PORT\""),
            Err(_) => "write one like \"127.0.0.1:53\" or \"[::1]:53\"".to_owned(),
        };
        self.refuse(format!("`{text}` is not an address with a port"), instead)
    }

    /// `ADDRESS/LENGTH`; a bare address is the network of one.
    pub(crate) fn network(&self) -> Option<At<Prefix>> {
        const INSTEAD: &str = "write one like \"192.0.2.0/24\" or \"2001:db8::/32\"";
        let text = match self.toml {
            DeValue::String(text) => text,
            _ => return self.wrong_type("a network", INSTEAD),
        };
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, length.parse::<u8>().ok()),
            None => (text.as_ref(), Some(if text.contains(':') { 128 } else { 32 })),
        };
        let parsed = address.parse::<IpAddr>().ok().zip(length);
        let Some((address, length)) = parsed.filter(|(address, length)| match address {
            IpAddr::V4(_) => *length <= 32,
            IpAddr::V6(_) => *length <= 128,
        }) else {
            return self.refuse(format!("`{text}` is not a network"), INSTEAD);
        };
        let network = first_of(address, length);
        if network == address {
            Some(At::new(self.at, Prefix { address, length }))
        } else {
            self.refuse(
                format!("`{text}` has bits past its prefix length"),
                format!("write \"{network}/{length}\""),
            )
        }
    }
}

/// A TTL: whole seconds, at most 2^31 - 1 (RFC 2181 section 8).
fn seconds(value: &Value<'_>) -> Option<At<Ttl>> {
    let length = value.duration(Duration::ZERO, Ttl::MAX.duration())?;
    if length.value.subsec_nanos() > 0 {
        return value.refuse(
            format!("a TTL is in whole seconds, not {}", value.written()),
            "write \"1s\" or more",
        );
    }
    let secs = u32::try_from(length.value.as_secs()).unwrap_or(u32::MAX);
    Some(At::new(length.at, Ttl::from_secs(secs)))
}

/// The forms of `ttl`.
pub(crate) fn ttl(value: &Value<'_>) -> Option<TtlRule> {
    if !matches!(value.toml, DeValue::Table(_)) {
        let fixed = seconds(value)?;
        judge_ttl(value, fixed);
        return Some(TtlRule::Fixed(fixed.value));
    }
    let table = value.table(vec![&keys::TTL])?;
    let mode = table.choice("mode", &[]);
    let (max, min) = (table.value("max"), table.value("min"));
    // Both are read before anything is given up, so that every mistake is reported.
    let read_max = max.as_ref().map(seconds);
    let read_min = min.as_ref().map(seconds);
    let mode = mode?;
    let default = Ttl::from_secs(u32::try_from(defaults::TTL.as_secs()).unwrap_or(u32::MAX));
    let max_ttl = read_max.unwrap_or(Some(At::new(value.at, default)))?;
    judge_ttl(max.as_ref().unwrap_or(value), max_ttl);
    if mode.value == "fixed" {
        if let Some(min) = min {
            return min.refuse(
                "a fixed TTL has no `min`",
                "remove it, or write mode = \"stable\"",
            );
        }
        return Some(TtlRule::Fixed(max_ttl.value));
    }
    let default = match mode.value {
        "stable" => defaults::TTL_MIN_STABLE,
        _ => defaults::TTL_MIN_STRICT,
    };
    let default = Ttl::from_secs(u32::try_from(default.as_secs()).unwrap_or(u32::MAX)).min(max_ttl.value);
    let least = read_min.unwrap_or(Some(At::new(value.at, default)))?;
    if least.value > max_ttl.value {
        value.source.error(
            least.at,
            format!(
                "`min` ({}s) is above `max` ({}s)",
                least.value.secs(),
                max_ttl.value.secs()
            ),
            "swap them, or write a fixed TTL",
        );
        return None;
    }
    if least.value.secs() == 0 {
        judge_ttl(min.as_ref().unwrap_or(value), least);
    }
    let (max, min) = (max_ttl.value, least.value);
    Some(match mode.value {
        "stable" => TtlRule::Stable { max, min },
        _ => TtlRule::Strict { max, min },
    })
}

/// Warns of a TTL that hardly anybody means.
fn judge_ttl(value: &Value<'_>, ttl: At<Ttl>) {
    if ttl.value.secs() == 0 {
        value.source.warn(
            ttl.at,
            "a TTL of 0 turns every lookup into a query, and some resolvers replace it by more",
            "write \"1s\" or more",
        );
    } else if ttl.value.duration() > defaults::SLOW_TTL {
        value.source.warn(
            ttl.at,
            format!(
                "a TTL of {} keeps clients at a dead address for longer than a day",
                value.written()
            ),
            "write \"1m\" or less for what shall fail over",
        );
    }
}

/// The address with all bits past `length` cleared.
fn first_of(address: IpAddr, length: u8) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(u32::from(32 - length.min(32))).unwrap_or(0);
            IpAddr::V4((u32::from(address) & mask).into())
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX
                .checked_shl(u32::from(128 - length.min(128)))
                .unwrap_or(0);
            IpAddr::V6((u128::from(address) & mask).into())
        }
    }
}

/// Accessors by key: kind, range and default come from the key's row.
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
