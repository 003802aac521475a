//! A check's shape: what is asked, and how often.

use std::time::Duration;

use toml::de::DeValue;

use super::combined::RawCombined;
use super::database;
use super::document::{At, Table, Value};
use super::heartbeat::RawHeartbeat;
use super::treatment::RawTreatment;
use super::way::RawWay;
use super::{dns, exec, http, security};
use crate::config::keys::{self, Section};
use crate::config::load::files::Files;
use crate::model::check::{CheckKind, Expectation, GrpcCheck, IcmpCheck, TcpCheck, TlsCheck};

/// `[checks.NAME]` as it is written.
#[derive(Debug)]
pub(crate) struct RawCheck {
    pub(crate) name: At<String>,
    /// Nothing when it has mistakes.
    pub(crate) kind: Option<CheckKind>,
    pub(crate) port: Option<u16>,
    pub(crate) rules: RawRules,
    pub(crate) way: RawWay,
    pub(crate) treatment: RawTreatment,
    /// Which role is asked for.
    pub(crate) expects: Expectation,
    /// Of a check without `type`.
    pub(crate) combined: Option<RawCombined>,
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
            way: RawWay::default(),
            treatment: RawTreatment::default(),
            expects: Expectation::default(),
            combined: None,
        };
        let kind = match value.toml {
            DeValue::Table(entries) => entries.get("type").and_then(|kind| kind.get_ref().as_str()),
            _ => None,
        };
        if let (DeValue::Table(entries), None) = (value.toml, kind)
            && !entries.contains_key("type")
            && keys::CHECK_COMBINED
                .keys
                .iter()
                .any(|key| key.name != "shadow" && entries.contains_key(key.name))
        {
            if let Some(table) = value.table(vec![&keys::CHECK_COMBINED]) {
                check.treatment.shadow = table.boolean("shadow");
                check.combined = RawCombined::read(&table);
                check.kind = check
                    .combined
                    .as_ref()
                    .map(|combined| CheckKind::Combined(combined.meant()));
            }
            return check;
        }
        if let DeValue::Table(entries) = value.toml
            && let Some((key, _)) = ["all_of", "any_of"]
                .iter()
                .find_map(|key| entries.get_key_value(*key))
        {
            value.source.error(
                key.span().start,
                format!("`{}` belongs to a check without `type`", key.get_ref()),
                "define a check without `type` that names this one",
            );
            return check;
        }
        if let Some(kind) = kind
            && keys::CHECK_TYPES.contains(&kind)
            && !keys::ROLE_TYPES.contains(&kind)
            && database::refuse_role(value, kind)
        {
            return check;
        }
        if kind == Some("heartbeat") {
            let heartbeat = RawHeartbeat::read(value, files);
            check.kind = heartbeat.check.map(CheckKind::Heartbeat);
            check.rules = heartbeat.rules;
            check.treatment.shadow = heartbeat.shadow;
            return check;
        }
        let sections = match kind.and_then(sections) {
            Some(sections) => sections,
            // A kind of another version has keys of its own: one report about its type is enough.
            None if kind.is_some_and(|kind| keys::LATER_CHECK_TYPES.contains(&kind)) => {
                if let DeValue::Table(entries) = value.toml
                    && let Some(kind) = entries.get("type")
                {
                    Value::new(value.source, "check type", kind)
                        .one_of(&keys::CHECK_TYPES, &keys::LATER_CHECK_TYPES);
                }
                return check;
            }
            None => keys::CHECK_TYPES
                .iter()
                .filter_map(|kind| sections(kind))
                .flatten()
                .chain([&keys::CHECK])
                .collect(),
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
        let Some(kind) = kind.map(|kind| kind.value) else {
            return check;
        };
        check.way.read_source(&table);
        if keys::ROLE_TYPES.contains(&kind) {
            check.expects = database::expectation(&table);
        }
        if ["http", "https", "tcp", "tls", "grpc"].contains(&kind) {
            check.way.read_proxy_header(&table);
        }
        check.kind = match kind {
            "exec" => exec::read(&table, &check.way, files).map(CheckKind::Exec),
            "tcp" => Some(CheckKind::Tcp(talk(&table))),
            "postgres" => Some(CheckKind::Postgres(Box::new(database::postgres(&table, files)))),
            "redis" => Some(CheckKind::Redis(Box::new(database::redis(&table, files)))),
            "patroni" => Some(CheckKind::Patroni(Box::new(database::patroni(&table, files)))),
            "tls" => Some(CheckKind::Tls(Box::new(TlsCheck {
                security: security::read(&table, files),
                talk: talk(&table),
            }))),
            "dns" => dns::read(&table).map(|check| CheckKind::Dns(Box::new(check))),
            "icmp" => {
                if table.has("port") {
                    table.source.error(
                        table.place_of("port"),
                        "`port` in a check of type `icmp`, which has no ports",
                        "remove it",
                    );
                }
                Some(CheckKind::Icmp(IcmpCheck {
                    payload: table.integer_or_default("payload"),
                }))
            }
            "grpc" => Some(CheckKind::Grpc(Box::new(grpc(&table, files)))),
            _ => Some(CheckKind::Http(Box::new(http::read(
                &table,
                kind == "https",
                files,
            )))),
        };
        check
    }
}

/// What may be written for a check of `kind`; the last section names it in messages.
fn sections(kind: &str) -> Option<Vec<&'static Section>> {
    Some(match kind {
        "http" | "https" => vec![&keys::CHECK, &keys::CHECK_SECURITY, &keys::CHECK_HTTP],
        "exec" => vec![&keys::CHECK, &keys::CHECK_EXEC],
        "tcp" => vec![&keys::CHECK, &keys::CHECK_TCP],
        "tls" => vec![&keys::CHECK, &keys::CHECK_SECURITY, &keys::CHECK_TLS],
        "dns" => vec![&keys::CHECK, &keys::CHECK_DNS],
        "icmp" => vec![&keys::CHECK, &keys::CHECK_ICMP],
        "grpc" => vec![&keys::CHECK, &keys::CHECK_SECURITY, &keys::CHECK_GRPC],
        "postgres" => of_database(&keys::CHECK_POSTGRES),
        "redis" => of_database(&keys::CHECK_REDIS),
        "patroni" => of_database(&keys::CHECK_PATRONI),
        _ => return None,
    })
}

fn of_database(own: &'static Section) -> Vec<&'static Section> {
    vec![&keys::CHECK, &keys::CHECK_ROLE, &keys::CHECK_SECURITY, own]
}

fn talk(table: &Table<'_>) -> TcpCheck {
    TcpCheck {
        send: table.text("send").map(|text| text.value.into_bytes()),
        expect: table.text("expect").map(|text| text.value.into_bytes()),
    }
}

fn grpc(table: &Table<'_>, files: &mut Files) -> GrpcCheck {
    let tls = table.boolean_or_default("tls");
    if !tls {
        security::refuse(table, "`tls = true`", "write tls = true");
    }
    GrpcCheck {
        service: table
            .text("service")
            .map_or_else(String::new, |service| service.value),
        host: table.value("host").and_then(|value| http::host(&value)),
        tls,
        security: security::read(table, files),
    }
}
