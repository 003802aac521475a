//! The shape of services, pools and endpoints.

use std::net::IpAddr;
use std::time::Duration;

use toml::de::DeValue;

use super::document::{At, Table, Value};
use super::facets::RawFacets;
use super::on_failover;
use super::policy::{self, RawServes};
use super::ttl;
use crate::config::check::elsewhere::one_way;
use crate::config::check::hand;
use crate::config::diagnostic::suggestion;
use crate::config::keys;
use crate::config::load::files::Files;
use crate::model::cname::is_stand_in;
use crate::model::force::OwnSafety;
use crate::model::on_failover::OnFailover;
use crate::model::service::{Failback, Families, Handover, Policy, Spread, Switch, TtlRule, WhenAllDown};
use crate::wire::name::Name;

/// `[services.NAME]` as it is written.
#[derive(Debug)]
pub(crate) struct RawService {
    pub(crate) label: At<String>,
    pub(crate) group: RawGroup,
    pub(crate) ttl: Option<TtlRule>,
    pub(crate) switch: Option<At<Switch>>,
    pub(crate) failback: Option<At<Failback>>,
    pub(crate) when_all_down: Option<WhenAllDown>,
    pub(crate) when_all_down_at: usize,
    /// Where `exclusive = true` stands, and how the writer is handed over.
    pub(crate) exclusive: Option<At<Handover>>,
    pub(crate) handover_at: Option<usize>,
    pub(crate) families: Families,
    /// Where that is written.
    pub(crate) families_at: Option<usize>,
    pub(crate) on_failover: Option<At<OnFailover>>,
    pub(crate) recover_within: Option<At<Duration>>,
    pub(crate) safety: OwnSafety,
    pub(crate) facets: RawFacets,
}

/// `[pools.NAME]` as it is written.
#[derive(Debug)]
pub(crate) struct RawPool {
    pub(crate) name: At<String>,
    pub(crate) group: RawGroup,
    pub(crate) min_up: At<u32>,
    pub(crate) degraded_below: Option<At<u32>>,
    /// Nothing when it is not written.
    pub(crate) weight: Option<u32>,
    pub(crate) serves: RawServes,
}

/// What services and pools have in common.
#[derive(Debug)]
pub(crate) struct RawGroup {
    /// Nothing when it has mistakes.
    pub(crate) policy: Option<Policy>,
    pub(crate) policy_at: usize,
    pub(crate) spread: Spread,
    pub(crate) demand_at: Option<usize>,
    pub(crate) check: Option<At<String>>,
    pub(crate) shadow_check: Option<At<String>>,
    pub(crate) endpoints: Vec<RawEndpoint>,
    pub(crate) pools: Vec<At<String>>,
}

/// An element of `endpoints` as it is written.
#[derive(Debug)]
pub(crate) struct RawEndpoint {
    pub(crate) name: At<String>,
    pub(crate) addresses: Vec<At<IpAddr>>,
    pub(crate) alias: Option<At<Name>>,
    pub(crate) cname: Option<At<Name>>,
    /// As many as `addresses` (of an alias or a CNAME: one), or none.
    pub(crate) probed: Vec<At<IpAddr>>,
    /// Nothing when it is not written.
    pub(crate) weight: Option<u32>,
    pub(crate) serves: RawServes,
    pub(crate) weight_at: Option<usize>,
    pub(crate) check: Option<At<String>>,
    pub(crate) shadow_check: Option<At<String>>,
    pub(crate) port: Option<u16>,
}

impl RawService {
    /// Reads a service.
    pub(crate) fn read(label: At<&str>, value: &Value<'_>, files: &mut Files) -> Option<Self> {
        let table = value.table(vec![&keys::SERVICE])?;
        let handover = match table.choice_or_default("handover") {
            "fast" => Handover::Fast,
            _ => Handover::Safe,
        };
        Some(Self {
            label: At::new(label.at, label.value.to_owned()),
            group: RawGroup::read(&table),
            ttl: table.value("ttl").and_then(|value| ttl::rule(&value)),
            switch: table.choice("switch", &[]).map(|choice| {
                let switch = match choice.value {
                    "manual" => Switch::Manual,
                    _ => Switch::Auto,
                };
                At::new(table.place_of("switch"), switch)
            }),
            failback: table.value("failback").and_then(|value| failback(&value)),
            when_all_down: table
                .value("when_all_down")
                .and_then(|value| when_all_down(&value)),
            when_all_down_at: table.place_of("when_all_down"),
            exclusive: table
                .boolean_or_default("exclusive")
                .then(|| At::new(table.place_of("exclusive"), handover)),
            handover_at: table.has("handover").then(|| table.place_of("handover")),
            families_at: table.has("families").then(|| table.place_of("families")),
            families: match table.choice_or_default("families") {
                "together" => Families::Together,
                _ => Families::Apart,
            },
            on_failover: on_failover::read(&table, files),
            recover_within: table.duration("recover_within"),
            safety: hand::own_safety(&table),
            facets: RawFacets::read(&table),
        })
    }
}

impl RawPool {
    /// Reads a pool.
    pub(crate) fn read(name: At<&str>, value: &Value<'_>) -> Option<Self> {
        let table = value.table(vec![&keys::POOL])?;
        let degraded_below = table
            .integer("degraded_below")
            .and_then(|below| Some(At::new(below.at, u32::try_from(below.value).ok()?)));
        let mut group = RawGroup::read(&table);
        group.spread.degraded_below = degraded_below.map_or(0, |below| below.value);
        Some(Self {
            name: label(&table, At::new(name.at, name.value.to_owned()), "a pool"),
            group,
            min_up: At::new(table.place_of("min_up"), table.integer_or_default("min_up")),
            degraded_below,
            weight: weight(&table),
            serves: RawServes::read(&table),
        })
    }
}

impl RawGroup {
    fn read(table: &Table<'_>) -> Self {
        let group = Self {
            policy: policy::policy(table),
            policy_at: table.value("policy").map_or(table.at, |value| value.at),
            spread: policy::spread(table),
            demand_at: table.has("demand").then(|| table.place_of("demand")),
            check: table.text("check"),
            shadow_check: table.text("shadow_check"),
            endpoints: table.value("endpoints").map_or_else(Vec::new, |value| {
                if !matches!(value.toml, DeValue::Array(_)) {
                    value.wrong_type::<()>(
                        "a list",
                        "write `endpoints = [{ name = \"fra\", address = \"192.0.2.10\" }]`",
                    );
                    return Vec::new();
                }
                value.elements().iter().filter_map(RawEndpoint::read).collect()
            }),
            pools: table.each("pools", Value::text),
        };
        match (table.has("endpoints"), table.has("pools")) {
            (true, true) => table.source.error(
                table.place_of("pools"),
                "both `endpoints` and `pools`",
                "put the endpoints into a pool, or the pools into another service",
            ),
            (false, false) => table.source.error(
                table.at,
                "neither `endpoints` nor `pools`",
                "write `endpoints = [{ name = \"fra\", address = \"192.0.2.10\" }]`",
            ),
            _ => {
                for key in ["endpoints", "pools"] {
                    if table.value(key).is_some_and(|value| value.elements().is_empty()) {
                        table.source.error(
                            table.place_of(key),
                            format!("`{key}` is empty"),
                            "write at least one",
                        );
                    }
                }
            }
        }
        group
    }
}

impl RawEndpoint {
    fn read(value: &Value<'_>) -> Option<Self> {
        let element = Value {
            name: "endpoint",
            ..*value
        };
        let table = element.table(vec![&keys::ENDPOINT])?;
        let name = table.text("name").map(|name| label(&table, name, "an endpoint"));
        let addresses = table.each("address", usable_address);
        if table
            .value("address")
            .is_some_and(|value| value.elements().is_empty())
        {
            table.source.error(
                table.place_of("address"),
                "`address` is empty",
                "write at least one address",
            );
        }
        let probed = table.each("probe_address", usable_address);
        let count = table.value("probe_address").map(|value| value.elements().len());
        let written: Vec<&str> = ["address", "alias", "cname"]
            .into_iter()
            .filter(|key| table.has(key))
            .collect();
        one_way(table.source, table.at, &written);
        let one_for = written.first().copied().unwrap_or("address");
        let answered = match one_for {
            "address" => table.value("address").map_or(0, |value| value.elements().len()),
            _ => 1,
        };
        if let Some(count) = count.filter(|count| *count != answered) {
            table.source.error(
                table.place_of("probe_address"),
                format!("`probe_address` has {count}, `{one_for}` has {answered}"),
                "write one for each address, in the same order",
            );
        }
        Some(Self {
            addresses,
            alias: table.name("alias"),
            cname: table.name("cname"),
            probed,
            weight: weight(&table),
            serves: RawServes::read(&table),
            weight_at: table.has("weight").then(|| table.place_of("weight")),
            check: table.text("check"),
            shadow_check: table.text("shadow_check"),
            port: table
                .integer("port")
                .and_then(|port| u16::try_from(port.value).ok()),
            name: name?,
        })
    }
}

fn weight(table: &Table<'_>) -> Option<u32> {
    table
        .integer("weight")
        .and_then(|weight| u32::try_from(weight.value).ok())
}

/// A name that `SERVICE/ENDPOINT` can hold.
fn label(table: &Table<'_>, name: At<String>, what: &str) -> At<String> {
    let odd = |c: char| c == '/' || c.is_whitespace() || c.is_control();
    if name.value.is_empty() || name.value.contains(odd) || name.value.chars().count() > 63 {
        table.source.error(
            name.at,
            format!("`{}` cannot name {what}", name.value.escape_debug()),
            "write 1 to 63 characters without spaces and `/`",
        );
    }
    name
}

/// An address that a client could connect to.
fn usable_address(value: &Value<'_>) -> Option<At<IpAddr>> {
    let address = value.address()?;
    let mapped = matches!(address.value, IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some());
    let broadcast = matches!(address.value, IpAddr::V4(v4) if v4.is_broadcast());
    if mapped {
        return value.refuse(
            format!("{} is an IPv4 address in IPv6 clothes", address.value),
            format!("write \"{}\"", address.value.to_canonical()),
        );
    }
    if address.value.is_multicast() || broadcast || is_stand_in(address.value) {
        return value.refuse(
            format!("no client can connect to {}", address.value),
            "write the address of one machine",
        );
    }
    Some(address)
}

fn failback(value: &Value<'_>) -> Option<At<Failback>> {
    const INSTEAD: &str = "write \"auto\", \"manual\" or { after = \"5m\" }";
    match value.toml {
        DeValue::String(text) => match text.as_ref() {
            "auto" => Some(At::new(value.at, Failback::Auto)),
            "manual" => Some(At::new(value.at, Failback::Manual)),
            _ => value.refuse(format!("unknown failback `{text}`"), INSTEAD),
        },
        DeValue::Table(entries) if entries.len() == 1 => match entries.get("after") {
            Some(after) => {
                let after = Value::new(value.source, "after", after)
                    .duration(Duration::from_secs(1), Duration::from_secs(30 * 86_400))?;
                Some(At::new(value.at, Failback::After(after.value)))
            }
            None => value.refuse("`failback` as a table has the key `after`", INSTEAD),
        },
        _ => value.refuse(format!("unknown failback {}", value.written()), INSTEAD),
    }
}

fn when_all_down(value: &Value<'_>) -> Option<WhenAllDown> {
    const FORMS: [&str; 4] = ["last", "assume-up", "none", "servfail"];
    const INSTEAD: &str =
        "write \"last\", \"assume-up\", \"none\", \"servfail\" or { fallback = [\"203.0.113.9\"] }";
    match value.toml {
        DeValue::String(text) => match text.as_ref() {
            "last" => Some(WhenAllDown::Last),
            "assume-up" => Some(WhenAllDown::AssumeUp),
            "none" => Some(WhenAllDown::None),
            "servfail" => Some(WhenAllDown::Servfail),
            _ => value.refuse(
                format!("unknown when_all_down `{text}`"),
                suggestion(text, FORMS, "write { fallback = [\"203.0.113.9\"] } or one of"),
            ),
        },
        DeValue::Table(entries) if entries.len() == 1 => {
            let Some(fallback) = entries.get("fallback") else {
                return value.refuse("`when_all_down` as a table has the key `fallback`", INSTEAD);
            };
            let fallback = Value::new(value.source, "fallback", fallback);
            let elements = fallback.elements();
            if elements.is_empty() {
                return fallback.refuse("`fallback` is empty", "write at least one address, or \"none\"");
            }
            let mut addresses = Vec::new();
            for element in &elements {
                let address = usable_address(element)?.value;
                if addresses.contains(&address) {
                    return element.refuse(format!("{address} is listed twice"), "remove one of them");
                }
                addresses.push(address);
            }
            Some(WhenAllDown::Fallback(addresses))
        }
        _ => value.refuse(format!("unknown when_all_down {}", value.written()), INSTEAD),
    }
}
