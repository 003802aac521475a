//! Judging single values: type, range and form, each mistake with what to write instead.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use toml::de::DeValue;

use super::document::{At, Table, Value};
use crate::config::diagnostic::{list, suggestion};
use crate::config::duration::{self, DurationError};
use crate::config::keys::Section;
use crate::model::plan::Prefix;
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
