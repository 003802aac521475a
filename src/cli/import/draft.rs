//! Zones in the making: what an importer found, in our words, and how it is written down.

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use crate::model::diagnostic::{Diagnostic, Place};

/// A value of a TOML file.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Text(String),
    Number(i64),
    Fraction(f64),
    Truth(bool),
    List(Vec<Value>),
    Table(Keys),
}

/// Keys with their values, in the order written.
pub(super) type Keys = Vec<(&'static str, Value)>;

impl Value {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    pub(super) fn texts<T: ToString>(texts: impl IntoIterator<Item = T>) -> Self {
        Self::List(
            texts
                .into_iter()
                .map(|text| Self::Text(text.to_string()))
                .collect(),
        )
    }

    /// A number of seconds as a duration, e.g. `"10s"`.
    pub(super) fn seconds(seconds: u32) -> Self {
        Self::Text(format!("{seconds}s"))
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "{}", quoted(text)),
            Self::Number(number) => write!(f, "{number}"),
            Self::Fraction(number) => write!(f, "{number:?}"),
            Self::Truth(truth) => write!(f, "{truth}"),
            Self::List(values) => {
                let values: Vec<String> = values.iter().map(ToString::to_string).collect();
                write!(f, "[{}]", values.join(", "))
            }
            Self::Table(keys) => {
                let keys: Vec<String> = keys
                    .iter()
                    .map(|(key, value)| format!("{key} = {value}"))
                    .collect();
                write!(f, "{{ {} }}", keys.join(", "))
            }
        }
    }
}

/// A TOML basic string (TOML 1.0, "String").
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => {
                // Writing to a string cannot fail.
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// An endpoint.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Endpoint {
    pub(super) name: String,
    /// What is answered.
    pub(super) answer: Answer,
    pub(super) keys: Keys,
}

/// What an endpoint answers with.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Answer {
    Addresses(Vec<IpAddr>),
    Cname(String),
    Alias(String),
}

impl Endpoint {
    /// An endpoint that answers with one address.
    pub(super) fn at(name: impl AsRef<str>, address: IpAddr) -> Self {
        Self::answering(name, Answer::Addresses(vec![address]))
    }

    pub(super) fn answering(name: impl AsRef<str>, answer: Answer) -> Self {
        Self {
            name: plain(name.as_ref()),
            answer,
            keys: Vec::new(),
        }
    }

    /// The same with a key.
    pub(super) fn with(mut self, key: &'static str, value: Value) -> Self {
        self.keys.push((key, value));
        self
    }

    fn table(&self) -> Value {
        let mut keys = vec![("name", Value::text(&self.name))];
        keys.push(match &self.answer {
            Answer::Addresses(one) if one.len() == 1 => (
                "address",
                Value::text(one.first().map(ToString::to_string).unwrap_or_default()),
            ),
            Answer::Addresses(many) => ("address", Value::texts(many)),
            Answer::Cname(name) => ("cname", Value::text(name.trim_end_matches('.'))),
            Answer::Alias(name) => ("alias", Value::text(name.trim_end_matches('.'))),
        });
        keys.extend(self.keys.iter().cloned());
        Value::Table(keys)
    }
}

/// A service's or a pool's members under a policy.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Group {
    pub(super) policy: &'static str,
    pub(super) keys: Keys,
    pub(super) endpoints: Vec<Endpoint>,
    pub(super) pools: Vec<String>,
}

impl Group {
    pub(super) fn of(policy: &'static str) -> Self {
        Self {
            policy,
            ..Self::default()
        }
    }

    /// The same with a key.
    pub(super) fn with(mut self, key: &'static str, value: Value) -> Self {
        self.keys.push((key, value));
        self
    }

    /// Adds an endpoint; a name that is taken gets a number, an address that is there already is left out.
    pub(super) fn add(&mut self, mut endpoint: Endpoint) {
        if self.endpoints.iter().any(|known| known.answer == endpoint.answer) {
            return;
        }
        let base = endpoint.name.clone();
        let mut number = 2;
        while self.endpoints.iter().any(|known| known.name == endpoint.name) {
            endpoint.name = format!("{base}-{number}");
            number += 1;
        }
        self.endpoints.push(endpoint);
    }

    fn write(&self, out: &mut String) {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "policy = {}", Value::text(self.policy));
        for (key, value) in &self.keys {
            let _ = writeln!(out, "{key} = {value}");
        }
        if !self.endpoints.is_empty() {
            out.push_str("endpoints = [\n");
            for endpoint in &self.endpoints {
                let _ = writeln!(out, "  {},", endpoint.table());
            }
            out.push_str("]\n");
        }
        if !self.pools.is_empty() {
            let _ = writeln!(out, "pools = {}", Value::texts(&self.pools));
        }
        out.push('\n');
    }
}

/// A zone.
#[derive(Clone, Debug, Default)]
pub(super) struct Zone {
    /// Without the final dot, lower case.
    pub(super) origin: String,
    /// The master file.
    pub(super) records: String,
    pub(super) checks: BTreeMap<String, Keys>,
    pub(super) pools: BTreeMap<String, Group>,
    /// By label relative to the origin; `@` for the origin itself.
    pub(super) services: BTreeMap<String, Group>,
}

impl Zone {
    pub(super) fn new(origin: &str) -> Self {
        Self {
            origin: origin.trim_end_matches('.').to_ascii_lowercase(),
            ..Self::default()
        }
    }

    fn write(&self) -> String {
        let mut out = format!(
            "origin = {}\nrecords = {}\n\n",
            quoted(&self.origin),
            quoted(&self.master_name())
        );
        for (name, keys) in &self.checks {
            // Writing to a string cannot fail.
            let _ = writeln!(out, "[checks.{}]", quoted(name));
            for (key, value) in keys {
                let _ = writeln!(out, "{key} = {value}");
            }
            out.push('\n');
        }
        for (kind, groups) in [("pools", &self.pools), ("services", &self.services)] {
            for (name, group) in groups {
                let _ = writeln!(out, "[{kind}.{}]", quoted(name));
                group.write(&mut out);
            }
        }
        out
    }

    fn master_name(&self) -> String {
        format!("{}.zone", self.file_stem())
    }

    fn file_stem(&self) -> String {
        self.origin.replace('/', "_")
    }

    /// A name for a check that has these keys: `wanted`, or with a number when another check has that name.
    pub(super) fn check(&mut self, wanted: &str, keys: Keys) -> String {
        let base = plain(wanted);
        let mut name = base.clone();
        let mut number = 2;
        while let Some(known) = self.checks.get(&name) {
            if *known == keys {
                return name;
            }
            name = format!("{base}-{number}");
            number += 1;
        }
        self.checks.insert(name.clone(), keys);
        name
    }

    /// Adds a pool under `wanted`, or with a number when that is taken by another one; its name.
    pub(super) fn pool(&mut self, wanted: &str, group: Group) -> String {
        let base = plain(wanted);
        let mut name = base.clone();
        let mut number = 2;
        while self.pools.contains_key(&name) {
            name = format!("{base}-{number}");
            number += 1;
        }
        self.pools.insert(name.clone(), group);
        name
    }
}

/// Everything that an import makes.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) zones: Vec<Zone>,
    /// `[dns] listen`.
    pub(super) listen: Vec<String>,
    left: Vec<Diagnostic>,
}

impl Draft {
    /// Something without a counterpart, at a line of a file (0: the whole file).
    pub(super) fn leave(
        &mut self,
        file: &Path,
        line: u32,
        what: impl Into<String>,
        instead: impl Into<String>,
    ) {
        let place = Place {
            file: Arc::from(file),
            line,
            column: 0,
        };
        let found = Diagnostic::warning(place, what).instead(instead);
        if !self.left.contains(&found) {
            self.left.push(found);
        }
    }

    /// What has no counterpart.
    pub(super) fn left(&self) -> &[Diagnostic] {
        &self.left
    }

    /// Names below the target directory and texts.
    pub(super) fn files(&self) -> Vec<(String, String)> {
        let listen = if self.listen.is_empty() {
            vec!["127.0.0.1:5353".to_owned()]
        } else {
            self.listen.clone()
        };
        let mut files = vec![(
            "pointsman.toml".to_owned(),
            format!(
                "[dns]\nlisten = {}\n\n[zones]\ndirectory = \"zones\"\n\n[state]\ndirectory = \"state\"\n",
                Value::texts(listen)
            ),
        )];
        for zone in &self.zones {
            files.push((format!("zones/{}.toml", zone.file_stem()), zone.write()));
            files.push((format!("zones/{}", zone.master_name()), zone.records.clone()));
        }
        files
    }
}

/// A name that endpoints, pools and checks may have: what is odd becomes a hyphen.
pub(super) fn plain(name: &str) -> String {
    let name: String = name
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') {
                c
            } else {
                '-'
            }
        })
        .take(63)
        .collect();
    let name = name.trim_matches('-');
    if name.is_empty() {
        "unnamed".to_owned()
    } else {
        name.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_toml_again() {
        let mut zone = Zone::new("Example.TEST.");
        zone.checks.insert(
            "odd \"name\"\n".to_owned(),
            vec![
                ("body", Value::text("a\\b\u{1}\"c\"\t")),
                ("status", Value::texts(["200-299"])),
                ("verify", Value::Truth(false)),
                ("rate", Value::Fraction(1.0)),
            ],
        );
        let mut group =
            Group::of("weighted").with("ttl", Value::Table(vec![("mode", Value::text("strict"))]));
        group.add(Endpoint::at("a b", [192, 0, 2, 1].into()).with("weight", Value::Number(3)));
        group.add(Endpoint::at("a/b", [192, 0, 2, 2].into()));
        group.add(Endpoint::at("again", [192, 0, 2, 2].into()));
        zone.services.insert("@".to_owned(), group);
        let text = zone.write();
        let table: toml::Table = text.parse().unwrap();
        assert_eq!(table["origin"].as_str(), Some("example.test"));
        assert_eq!(
            table["checks"]["odd \"name\"\n"]["body"].as_str(),
            Some("a\\b\u{1}\"c\"\t")
        );
        let endpoints = table["services"]["@"]["endpoints"].as_array().unwrap();
        let names: Vec<_> = endpoints.iter().map(|e| e["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["a-b", "a-b-2"], "a name once, an address once");
    }
}
