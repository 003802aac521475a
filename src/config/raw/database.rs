//! The shape of the checks that ask databases.

use std::net::SocketAddr;
use std::path::Path;

use toml::de::DeValue;

use super::document::{At, Table, Value};
use super::security;
use crate::config::keys;
use crate::config::load::files::Files;
use crate::model::check::{
    Claim, Expectation, HttpCheck, HttpVersion, PostgresCheck, RedisCheck, Secret, Security, Sentinels,
    TlsUse,
};

/// Octets of the longest password.
const MOST_PASSWORD: usize = 1024;

/// Reports `role` and `max_lag` in a check of a type that cannot tell; whether there was one.
pub(super) fn refuse_role(value: &Value<'_>, kind: &str) -> bool {
    let DeValue::Table(entries) = value.toml else {
        return false;
    };
    let mut found = false;
    for key in keys::CHECK_ROLE.keys {
        if let Some((written, _)) = entries.get_key_value(key.name) {
            found = true;
            value.source.error(
                written.span().start,
                format!("`{}` in a check of type `{kind}`, which learns no role", key.name),
                "remove it, or write type = \"postgres\", \"redis\" or \"patroni\"",
            );
        }
    }
    found
}

/// `role` and `max_lag`.
pub(super) fn expectation(table: &Table<'_>) -> Expectation {
    let claim = table.choice("role", &[]).map(|role| match role.value {
        "primary" => Claim::Primary,
        _ => Claim::Standby,
    });
    // Beside role = "primary" it counts for exclusive services: who was too far behind as a standby is not named after
    // its promotion.
    let max_lag = table.duration("max_lag");
    Expectation {
        claim,
        max_lag: max_lag.map(|lag| lag.value),
    }
}

/// Settings of `postgres`.
pub(super) fn postgres(table: &Table<'_>, files: &mut Files) -> PostgresCheck {
    let tls = match table.choice_or_default("tls") {
        "prefer" => TlsUse::Prefer,
        "require" => TlsUse::Require,
        _ => TlsUse::Disable,
    };
    PostgresCheck {
        user: plain(table, "user").unwrap_or_else(|| table.text_or_default("user")),
        password: password(table, files),
        database: plain(table, "database").unwrap_or_else(|| table.text_or_default("database")),
        tls,
        security: over(table, files, tls != TlsUse::Disable, "write tls = \"require\""),
    }
}

/// Settings of `redis`.
pub(super) fn redis(table: &Table<'_>, files: &mut Files) -> RedisCheck {
    let tls = table.boolean_or_default("tls");
    let user = plain(table, "user");
    if user.is_some() && !table.has("password_file") {
        table.source.error(
            table.place_of("user"),
            "`user` without `password_file`",
            "write `password_file = …` beside it",
        );
    }
    RedisCheck {
        user,
        password: password(table, files),
        tls,
        security: over(table, files, tls, "write tls = true"),
        sentinels: sentinels(table),
    }
}

/// Settings of `patroni`.
pub(super) fn patroni(table: &Table<'_>, files: &mut Files) -> HttpCheck {
    let tls = table.boolean_or_default("tls");
    HttpCheck {
        tls,
        method: "GET".to_owned(),
        host: table.value("host").and_then(|value| super::http::host(&value)),
        path: "/patroni".to_owned(),
        headers: Vec::new(),
        status: vec![(200, 200)],
        body: None,
        follow_redirects: false,
        security: over(table, files, tls, "write tls = true"),
        version: HttpVersion::Http1,
        keepalive: false,
    }
}

fn over(table: &Table<'_>, files: &mut Files, tls: bool, instead: &str) -> Security {
    if !tls {
        security::refuse(table, "a check that speaks TLS", instead);
    }
    security::read(table, files)
}

/// A text that fits into a message of the protocol.
fn plain(table: &Table<'_>, key: &'static str) -> Option<String> {
    let written = table.text(key)?;
    if written.value.contains(char::is_control) {
        table.source.error(
            written.at,
            format!("`{key}` holds a control character"),
            "remove it",
        );
        return None;
    }
    Some(written.value)
}

fn password(table: &Table<'_>, files: &mut Files) -> Option<Secret> {
    let written = table.text("password_file")?;
    let path = files.below(table.source, &written.value);
    match read_password(files, &path) {
        Ok(secret) => Some(secret),
        Err(reason) => {
            table.source.error(
                written.at,
                format!("cannot use {}: {reason}", path.display()),
                "name a file with the password on its only line, relative to this file",
            );
            None
        }
    }
}

/// Reasons say nothing of what stands in the file.
fn read_password(files: &mut Files, path: &Path) -> Result<Secret, String> {
    let text = files.text(path)?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    if line.is_empty() {
        return Err("it is empty".to_owned());
    }
    if line.contains(['\n', '\r', '\0']) {
        return Err("it has more than one line".to_owned());
    }
    if line.len() > MOST_PASSWORD {
        return Err(format!("its line is longer than {MOST_PASSWORD} octets"));
    }
    Ok(Secret::new(line.to_owned()))
}

fn sentinels(table: &Table<'_>) -> Option<Sentinels> {
    let written = table.each("sentinels", |value| value.socket());
    let master = plain(table, "master");
    match (table.has("sentinels"), &master) {
        (true, None) if !table.has("master") => table.source.error(
            table.place_of("sentinels"),
            "`sentinels` without `master`",
            "write `master = \"mymaster\"` beside it",
        ),
        (false, Some(_)) => table.source.error(
            table.place_of("master"),
            "`master` without `sentinels`",
            "write `sentinels = [\"127.0.0.1:26379\"]` beside it",
        ),
        _ => {}
    }
    let mut addresses: Vec<SocketAddr> = Vec::new();
    for At { at, value } in written {
        if addresses.contains(&value) {
            table.source.error(
                at,
                format!("Sentinel {value} is written twice"),
                "write each once: a majority is counted",
            );
        } else {
            addresses.push(value);
        }
    }
    let master = master?;
    (!addresses.is_empty()).then_some(Sentinels { addresses, master })
}
