//! The shape of `http` and `https`.

use toml::de::DeValue;

use super::document::{Table, Value, in_order};
use super::security;
use crate::config::keys;
use crate::config::load::files::Files;
use crate::model::check::{BodyMatch, HttpCheck, HttpVersion, Scalar};

/// Settings of `http` and `https`; what has mistakes is reported and left at its default.
pub(super) fn read(table: &Table<'_>, tls: bool, files: &mut Files) -> HttpCheck {
    if !tls {
        security::refuse(table, "type `https`", "write type = \"https\"");
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
        security: security::read(table, files),
        version: match table.choice_or_default("http_version") {
            "2" => HttpVersion::Http2,
            "any" => HttpVersion::Any,
            _ => HttpVersion::Http1,
        },
        keepalive: table.boolean_or_default("keepalive"),
    };
    if tls && check.security.verify && !table.has("host") && !table.has("sni") {
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

pub(super) fn host(value: &Value<'_>) -> Option<String> {
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

/// Header names and texts.
pub(crate) fn headers(value: &Value<'_>) -> Vec<(String, String)> {
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
    const KEYS: [&str; 3] = ["body", "body_regex", "body_json"];
    let mut written = KEYS.into_iter().filter(|key| table.has(key));
    if let (Some(first), Some(second)) = (written.next(), written.next()) {
        table.source.error(
            table.place_of(second),
            format!("both `{first}` and `{second}`"),
            "keep one of them",
        );
    }
    let substring = table.text("body");
    let pattern = table.text("body_regex");
    let json = table.value("body_json").and_then(|value| json(&value));
    if let Some(pattern) = &pattern
        && let Err(error) = regex::Regex::new(&pattern.value)
    {
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
    substring
        .map(|text| BodyMatch::Substring(text.value))
        .or(pattern.map(|text| BodyMatch::Regex(text.value)))
        .or(json)
}

/// `{ pointer = "/status", equals = "ok" }`.
fn json(value: &Value<'_>) -> Option<BodyMatch> {
    let table = value.table(vec![&keys::BODY_JSON])?;
    let equals = table.value("equals").and_then(|value| scalar(&value));
    let written = table.text("pointer")?;
    // RFC 6901 section 3: `~` only before 0 and 1.
    let mut tildes = written.value.split('~').skip(1);
    if !written.value.starts_with('/') || !tildes.all(|rest| rest.starts_with(['0', '1'])) {
        table.source.error(
            written.at,
            format!("`{}` is not a JSON pointer (RFC 6901)", written.value),
            "write one like \"/checks/0/status\"; `~0` is a `~` and `~1` a `/` within a name",
        );
        return None;
    }
    Some(BodyMatch::Json {
        pointer: written.value,
        equals,
    })
}

fn scalar(value: &Value<'_>) -> Option<Scalar> {
    Some(match value.toml {
        DeValue::String(text) => Scalar::Text(text.to_string()),
        DeValue::Boolean(yes) => Scalar::Boolean(*yes),
        DeValue::Integer(_) => Scalar::Integer(value.integer(i64::MIN, i64::MAX)?.value),
        DeValue::Float(_) => Scalar::Number(value.number().or_else(|| {
            value.refuse(
                format!("{} is no number of JSON", value.written()),
                "write a finite one",
            )
        })?),
        _ => {
            return value.wrong_type(
                "a text, a number, `true` or `false`",
                "write the value that is expected",
            );
        }
    })
}
