//! A check's shape: what is asked, and how often.

use std::time::Duration;

use toml::de::DeValue;

use super::document::{At, Table, Value, in_order};
use super::treatment::RawTreatment;
use crate::config::keys;
use crate::config::load::files::Files;
use crate::model::check::{BodyMatch, CheckKind, HttpCheck, HttpVersion, TcpCheck};

/// `[checks.NAME]` as it is written.
#[derive(Debug)]
pub(crate) struct RawCheck {
    pub(crate) name: At<String>,
    /// Nothing when it has mistakes.
    pub(crate) kind: Option<CheckKind>,
    pub(crate) port: Option<u16>,
    pub(crate) rules: RawRules,
    pub(crate) treatment: RawTreatment,
}

/// How results are judged, as far as it is written.
#[derive(Debug, Default)]
pub(crate) struct RawRules {
    pub(crate) interval: Option<At<Duration>>,
    pub(crate) fast_interval: Option<At<Duration>>,
    pub(crate) timeout: Option<At<Duration>>,
    pub(crate) fall: Option<At<i64>>,
    pub(crate) rise: Option<At<i64>>,
    pub(crate) false_alarm: Option<At<f64>>,
    pub(crate) min_down: Option<At<Duration>>,
    pub(crate) damping: Option<At<bool>>,
}

impl RawRules {
    /// From `[defaults.check]` or `[checks.NAME]`.
    pub(crate) fn read(table: &Table<'_>) -> Self {
        Self {
            interval: table.duration("interval"),
            fast_interval: table.duration("fast_interval"),
            timeout: table.duration("timeout"),
            fall: table.integer("fall"),
            rise: table.integer("rise"),
            false_alarm: table.number("false_alarm"),
            min_down: table.duration("min_down"),
            damping: table.boolean("damping"),
        }
    }
}

impl RawCheck {
    /// Reads a check; files that it names are looked at.
    pub(crate) fn read(name: At<&str>, value: &Value<'_>, files: &mut Files) -> Self {
        let name = At::new(name.at, name.value.to_owned());
        let mut check = Self {
            name,
            kind: None,
            port: None,
            rules: RawRules::default(),
            treatment: RawTreatment::default(),
        };
        let kind = match value.toml {
            DeValue::Table(entries) => entries.get("type").and_then(|kind| kind.get_ref().as_str()),
            _ => None,
        };
        let sections = match kind {
            Some("http" | "https") => vec![&keys::CHECK, &keys::CHECK_HTTP],
            Some("tcp") => vec![&keys::CHECK, &keys::CHECK_TCP],
            // A kind of another version has keys of its own: one report about its type is enough.
            Some(later) if keys::LATER_CHECK_TYPES.contains(&later) => {
                if let DeValue::Table(entries) = value.toml
                    && let Some(kind) = entries.get("type")
                {
                    Value::new(value.source, "check type", kind)
                        .one_of(&keys::CHECK_TYPES, &keys::LATER_CHECK_TYPES);
                }
                return check;
            }
            _ => vec![&keys::CHECK_HTTP, &keys::CHECK_TCP, &keys::CHECK],
        };
        let Some(table) = value.table(sections) else {
            return check;
        };
        let kind = table.value("type").and_then(|kind| {
            Value {
                name: "check type",
                ..kind
            }
            .one_of(&keys::CHECK_TYPES, &[])
        });
        check.rules = RawRules::read(&table);
        check.treatment = RawTreatment::read(&table);
        check.port = table
            .integer("port")
            .and_then(|port| u16::try_from(port.value).ok());
        check.kind = match kind.map(|kind| kind.value) {
            Some("tcp") => Some(CheckKind::Tcp(TcpCheck {
                send: table.text("send").map(|text| text.value.into_bytes()),
                expect: table.text("expect").map(|text| text.value.into_bytes()),
            })),
            Some(kind) => Some(CheckKind::Http(Box::new(http(&table, kind == "https", files)))),
            None => None,
        };
        check
    }
}

/// Settings of `http` and `https`; what has mistakes is reported and left at its default.
fn http(table: &Table<'_>, tls: bool, files: &mut Files) -> HttpCheck {
    if !tls {
        for key in ["sni", "verify", "ca_file"] {
            if table.has(key) {
                table.source.error(
                    table.place_of(key),
                    format!("`{key}` belongs to type `https`"),
                    "remove it, or write type = \"https\"",
                );
            }
        }
    }
    let check = HttpCheck {
        tls,
        method: table
            .value("method")
            .and_then(|value| token(&value, "a method", "write one like \"GET\" or \"HEAD\""))
            .unwrap_or_else(|| table.text_or_default("method")),
        host: table.value("host").and_then(|value| host(&value)),
        path: table
            .value("path")
            .and_then(|value| path(&value))
            .unwrap_or_else(|| "/".to_owned()),
        headers: table
            .value("headers")
            .map_or_else(Vec::new, |value| headers(&value)),
        status: table
            .value("status")
            .map_or_else(|| vec![(200, 299)], |value| status(&value)),
        body: body(table),
        follow_redirects: table.boolean_or_default("follow_redirects"),
        sni: table
            .value("sni")
            .and_then(|value| value.name().map(|_| ()).and(value.text()))
            .map(|text| text.value),
        verify: table.boolean_or_default("verify"),
        ca_file: table.text("ca_file").and_then(|written| {
            let path = files.below(table.source, &written.value);
            files
                .certificates(table.source, written.at, &path)
                .then_some(path)
        }),
        version: match table.choice_or_default("http_version") {
            "2" => HttpVersion::Http2,
            "any" => HttpVersion::Any,
            _ => HttpVersion::Http1,
        },
        keepalive: table.boolean_or_default("keepalive"),
    };
    if tls && check.verify && !table.has("host") && !table.has("sni") {
        table.source.warn(
            table.at,
            "the certificate is verified against the bare address, which few certificates name",
            "write `host = \"www.example.test\"`",
        );
    }
    check
}

/// A token of RFC 9110 section 5.6.2.
fn token(value: &Value<'_>, what: &str, instead: &str) -> Option<String> {
    let text = value.text()?.value;
    let is_token = text
        .bytes()
        .all(|octet| octet.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&octet));
    if is_token {
        Some(text)
    } else {
        value.refuse(format!("`{text}` is not {what}"), instead)
    }
}

fn host(value: &Value<'_>) -> Option<String> {
    let text = value.text()?.value;
    let odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '/' | '@' | '?' | '#');
    if text.contains(odd) {
        value.refuse(
            format!("`{text}` is not a host"),
            "write a name, without scheme and path, like \"www.example.test\"",
        )
    } else {
        Some(text)
    }
}

fn path(value: &Value<'_>) -> Option<String> {
    let text = value.text()?.value;
    if !text.starts_with('/') {
        let instead = format!("write \"/{}\"", text.trim_start_matches("./"));
        return value.refuse(format!("path `{text}` does not begin with `/`"), instead);
    }
    match text.chars().find(|c| !c.is_ascii_graphic() || *c == '#') {
        Some(odd) => value.refuse(
            format!("path `{}` holds {odd:?}", text.escape_debug()),
            "write it percent-encoded",
        ),
        None => Some(text),
    }
}

fn headers(value: &Value<'_>) -> Vec<(String, String)> {
    let DeValue::Table(entries) = value.toml else {
        value.wrong_type::<()>("a table", "write `headers = { \"X-Probe\" = \"1\" }`");
        return Vec::new();
    };
    let mut found = Vec::new();
    for (name, entry) in in_order(value.source, entries) {
        let is_token = !name.value.is_empty()
            && name
                .value
                .bytes()
                .all(|octet| octet.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&octet));
        if !is_token {
            value.source.error(
                name.at,
                format!("`{}` is not a header name", name.value.escape_debug()),
                "write letters, digits and dashes",
            );
            continue;
        }
        if name.value.eq_ignore_ascii_case("host") {
            value
                .source
                .error(name.at, "`Host` has a key of its own", "write `host = …`");
            continue;
        }
        for text in entry.elements().iter().filter_map(|element| element.text()) {
            if text.value.chars().any(|c| c.is_control() && c != '\t') {
                value.source.error(
                    text.at,
                    format!("header `{}` holds a control character", name.value),
                    "remove it",
                );
            } else {
                found.push((name.value.to_owned(), text.value));
            }
        }
    }
    found
}

fn status(value: &Value<'_>) -> Vec<(u16, u16)> {
    let elements = value.elements();
    if elements.is_empty() {
        value.refuse::<()>("`status` is empty", "write at least one code, like \"200-299\"");
    }
    elements
        .iter()
        .filter_map(|element| {
            let code = |text: &str| {
                text.trim()
                    .parse::<u16>()
                    .ok()
                    .filter(|code| (100..=599).contains(code))
            };
            let range = match element.toml {
                DeValue::Integer(number) => code(number.as_str()).map(|code| (code, code)),
                DeValue::String(text) => match text.split_once('-') {
                    Some((first, last)) => code(first).zip(code(last)),
                    None => code(text).map(|code| (code, code)),
                },
                _ => None,
            };
            match range {
                Some((first, last)) if first <= last => Some((first, last)),
                _ => element.refuse(
                    format!(
                        "{} is not a status code or range within 100 to 599",
                        element.written()
                    ),
                    "write 200 or \"200-299\"",
                ),
            }
        })
        .collect()
}

fn body(table: &Table<'_>) -> Option<BodyMatch> {
    let (substring, pattern) = (table.text("body"), table.text("body_regex"));
    if let Some(pattern) = &pattern {
        if substring.is_some() {
            table.source.error(
                table.place_of("body_regex"),
                "both `body` and `body_regex`",
                "keep one of them",
            );
        }
        if let Err(error) = regex::Regex::new(&pattern.value) {
            let reason = match &error {
                regex::Error::CompiledTooBig(_) => "it is too large".to_owned(),
                // The last line says what is wrong; those above draw where.
                _ => error
                    .to_string()
                    .lines()
                    .last()
                    .unwrap_or_default()
                    .trim_start_matches("error: ")
                    .to_owned(),
            };
            table.source.error(
                pattern.at,
                format!("`body_regex` is not a regular expression: {reason}"),
                "write backslashes twice, or the expression in single quotes",
            );
            return None;
        }
    }
    substring
        .map(|text| BodyMatch::Substring(text.value))
        .or(pattern.map(|text| BodyMatch::Regex(text.value)))
}
