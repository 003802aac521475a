//! A zone file's shape.

use std::net::IpAddr;

use toml::de::DeValue;

use super::document::{At, Source, Table, Value};
use super::probe::RawCheck;
use super::service::{RawPool, RawService};
use super::ttl;
use crate::config::keys;
use crate::config::load::files::Files;
use crate::model::plan::{AccessRules, Prefix};
use crate::model::service::TtlRule;
use crate::wire::name::Name;

/// A zone file as it is written.
#[derive(Debug, Default)]
pub(crate) struct RawZone {
    pub(crate) origin: Option<At<Name>>,
    pub(crate) records: Option<At<String>>,
    pub(crate) nameservers: Vec<At<Name>>,
    pub(crate) hostmaster: Option<At<Name>>,
    pub(crate) ttl: Option<TtlRule>,
    pub(crate) transfer: Option<RawTransfer>,
    pub(crate) access: Option<AccessRules>,
    pub(crate) checks: Vec<RawCheck>,
    pub(crate) pools: Vec<RawPool>,
    pub(crate) services: Vec<RawService>,
}

/// Who may transfer.
#[derive(Debug, Default)]
pub(crate) struct RawTransfer {
    pub(crate) allow: Vec<Prefix>,
    pub(crate) keys: Vec<At<Name>>,
}

impl RawTransfer {
    /// From the table `name` of `parent`.
    pub(crate) fn read(parent: &Table<'_>) -> Option<Self> {
        let table = parent.value("transfer")?.table(vec![&keys::TRANSFER])?;
        Some(Self {
            allow: table
                .each("allow", Value::network)
                .into_iter()
                .map(|network| network.value)
                .collect(),
            keys: table.each("keys", Value::name),
        })
    }
}

/// Who may ask, as the table `access` of `parent` says.
pub(crate) fn access(parent: &Table<'_>) -> Option<AccessRules> {
    let table = parent.value("access")?.table(vec![&keys::ACCESS])?;
    let networks = |key| {
        let written = table.each(key, Value::network).into_iter();
        written.map(|network| network.value).collect::<Vec<_>>()
    };
    Some(AccessRules {
        allow: networks("allow"),
        deny: networks("deny"),
    })
}

impl RawZone {
    /// Reads a zone file. What is not TOML is reported and nothing else about the file, but as much as can be made
    /// out is kept of `origin` and `records`, so that nothing else is served in their stead.
    pub(crate) fn read(source: &Source, files: &mut Files) -> Self {
        let document = source.parse();
        if source.has_errors() {
            let text = |key: &str| {
                let value = document.get(key)?;
                match value.get_ref() {
                    DeValue::String(text) => Some(At::new(value.span().start, text.to_string())),
                    _ => None,
                }
            };
            return Self {
                origin: text("origin")
                    .and_then(|origin| Some(At::new(origin.at, Name::from_text(&origin.value).ok()?))),
                records: text("records"),
                ..Self::default()
            };
        }
        let table = Table::open(source, vec![&keys::ZONE], 0, &document);
        let zone = Self {
            origin: table.name("origin"),
            records: table.text("records"),
            nameservers: table.each("nameservers", nameserver),
            hostmaster: table.value("hostmaster").and_then(|value| hostmaster(&value)),
            ttl: table.value("ttl").and_then(|value| ttl::rule(&value)),
            transfer: RawTransfer::read(&table),
            access: access(&table),
            checks: table
                .named("checks")
                .into_iter()
                .map(|(name, value)| RawCheck::read(name, &value, files))
                .collect(),
            pools: table
                .named("pools")
                .into_iter()
                .filter_map(|(name, value)| RawPool::read(name, &value))
                .collect(),
            services: table
                .named("services")
                .into_iter()
                .filter_map(|(name, value)| RawService::read(name, &value, files))
                .collect(),
        };
        if zone.records.is_some() {
            for key in ["nameservers", "hostmaster"] {
                if table.has(key) {
                    source.error(
                        table.place_of(key),
                        format!("`{key}` is for a zone without `records`"),
                        "remove it; the master file has SOA and NS",
                    );
                }
            }
        } else {
            let missing = match (table.has("nameservers"), table.has("hostmaster")) {
                (true, true) => None,
                (true, false) => Some("`nameservers`, but no `hostmaster`"),
                (false, true) => Some("`hostmaster`, but no `nameservers`"),
                (false, false) => Some("neither `records` nor `nameservers` and `hostmaster`"),
            };
            if let Some(missing) = missing {
                source.error(
                    zone.origin.as_ref().map_or(0, |origin| origin.at),
                    missing,
                    "write `records = \"FILE.zone\"`, or both of the others, so that there are SOA and NS",
                );
            }
            for (index, name) in zone.nameservers.iter().enumerate() {
                let before = zone.nameservers.iter().take(index);
                if before.into_iter().any(|known| known.value == name.value) {
                    source.error(
                        name.at,
                        format!("{} is listed twice", name.value),
                        "remove one of them",
                    );
                }
            }
            if table.has("nameservers")
                && table
                    .value("nameservers")
                    .is_some_and(|v| v.elements().is_empty())
            {
                source.error(
                    table.place_of("nameservers"),
                    "`nameservers` is empty",
                    "name at least one (RFC 2182 asks for two)",
                );
            }
        }
        zone
    }
}

/// A name server's name; its address is what people write by mistake.
fn nameserver(value: &Value<'_>) -> Option<At<Name>> {
    if let DeValue::String(text) = value.toml
        && text.parse::<IpAddr>().is_ok()
    {
        return value.refuse(
            format!("`{text}` is an address; NS records hold names"),
            "write the name that has this address, like \"ns1.example.test\"",
        );
    }
    value.name()
}

/// A mailbox as a name; `hostmaster@example.test` is what people write by mistake.
fn hostmaster(value: &Value<'_>) -> Option<At<Name>> {
    if let DeValue::String(text) = value.toml
        && let Some((local, domain)) = text.split_once('@')
    {
        return value.refuse(
            "`hostmaster` is a domain name, not a mail address",
            format!("write \"{}.{domain}\"", local.replace('.', "\\\\.")),
        );
    }
    value.name()
}
