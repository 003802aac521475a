//! A zone's checks, pools and services, looked up and judged.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::builder::Builder;
use super::elsewhere;
use super::exclusive;
use super::facets;
use super::group::Expansion;
use super::looked_up::{KnownCheck, LookedUp};
use super::probe;
use super::statics;
use super::treatment::treatment;
use crate::config::defaults;
use crate::config::raw::document::{At, Source};
use crate::config::raw::service::RawService;
use crate::config::raw::zone::RawZone;
use crate::model::check::{Check, CheckKind, Rules};
use crate::model::facets::Facets;
use crate::model::id::{CheckId, ServiceId, ZoneId};
use crate::model::service::{
    Failback, Families, Group, Handover, MemberKind, Policy, Service, Switch, TtlRule, WhenAllDown,
};
use crate::model::time::Ttl;
use crate::wire::name::Name;
use crate::zone::contents::Contents;

/// What a zone file is judged against.
pub(crate) struct Around<'a> {
    pub(crate) source: &'a Source,
    pub(crate) origin: &'a Name,
    pub(crate) id: ZoneId,
    /// Static records; nothing when they could not be read, which is reported elsewhere.
    pub(crate) contents: Option<&'a Contents>,
    /// `[defaults.check]`.
    pub(crate) rules: &'a Rules,
    /// The origins of all zones.
    pub(crate) origins: &'a HashSet<Name>,
    /// Whether there is a database of places.
    pub(crate) atlas: bool,
}

/// Adds the zone's services to `builder`. The caller takes them back when a mistake was reported.
pub(crate) fn services(builder: &mut Builder, raw: &RawZone, around: &Around<'_>) -> Vec<ServiceId> {
    let checks = checks(builder, raw, around);
    let looked_up = LookedUp::new(around.source, checks, &raw.pools);
    looked_up.report_loops();
    looked_up.report_combined();
    let mut owners: HashMap<Name, &str> = HashMap::new();
    let (mut added, mut places) = (Vec::new(), HashMap::new());
    for service in &raw.services {
        let owner = owner(around, &service.label);
        if let Some(owner) = &owner {
            if let Some(first) = owners.insert(owner.to_lower(), &service.label.value) {
                around.source.error(
                    service.label.at,
                    format!(
                        "service `{}` has the name of service `{first}`",
                        service.label.value
                    ),
                    "merge them, or rename one",
                );
            }
            statics::report_collisions(around, service.label.at, owner);
        }
        let id = builder.next_service();
        let mut expansion = Expansion::new(&looked_up, builder, id, &service.label.value, around.atlas);
        let group = expansion.service(&service.group);
        if let (Some(owner), Some(group)) = (owner, group) {
            added.push(id);
            let facets = facets::facets(builder, &service.facets, &service.label, &owner, &group, around);
            elsewhere::report_cname(service, &raw.pools, &owner, around);
            places.insert(owner.clone(), service.label.at);
            let exclusive = exclusive::judge(around.source, service, &group, builder);
            let parts = Parts {
                group,
                facets,
                exclusive,
            };
            builder.service(service_of(service, id, owner, parts, raw, around));
        }
    }
    elsewhere::report_own(raw, around);
    facets::report_shared(builder, &added, &places, around);
    looked_up.report_unused();
    added
}

fn checks<'a>(builder: &mut Builder, raw: &'a RawZone, around: &Around<'_>) -> HashMap<&'a str, KnownCheck> {
    let mut known = HashMap::new();
    for check in &raw.checks {
        let mut rules = probe::rules(around.source, &check.rules, around.rules);
        if let Some(CheckKind::Heartbeat(heartbeat)) = &check.kind {
            rules = heartbeat.rules(rules);
        }
        let treatment = treatment(around.source, &check.treatment, check.kind.as_ref(), &rules);
        let added = check.kind.clone().map(|kind| {
            builder.check(Check {
                id: CheckId(0),
                zone: around.id,
                name: check.name.value.clone(),
                kind,
                rules,
                expects: check.expects,
                way: check.way.0,
                treatment,
            })
        });
        known.insert(
            check.name.value.as_str(),
            KnownCheck {
                at: check.name.at,
                check: added.as_ref().map(Arc::clone),
                port: check.port,
                usual_port: check.kind.as_ref().and_then(probe::default_port),
                parts: check
                    .combined
                    .as_ref()
                    .map_or_else(Vec::new, |combined| combined.parts.clone()),
                used: false.into(),
            },
        );
    }
    known
}

/// The owner name of a service: relative to the origin, or absolute within it.
fn owner(around: &Around<'_>, label: &At<String>) -> Option<Name> {
    let (source, origin) = (around.source, around.origin);
    let owner = match Name::from_text_below(label.value.as_bytes(), origin.as_wire()) {
        Ok(owner) => owner,
        Err(error) => {
            source.error(
                label.at,
                format!("`{}` is not a domain name: {error}", label.value),
                "name the service by its labels below the origin, or `\"@\"` for the origin itself",
            );
            return None;
        }
    };
    let relative = |name: &Name| {
        let keep = name.label_count().saturating_sub(origin.label_count());
        let labels: Vec<String> = name
            .labels()
            .take(keep)
            .map(|label| String::from_utf8_lossy(label).into_owned())
            .collect();
        if labels.is_empty() {
            "@".to_owned()
        } else {
            labels.join(".")
        }
    };
    if !owner.is_within(origin) {
        source.error(
            label.at,
            format!("`{}` is not within `{origin}`", label.value),
            "services are named relative to the origin, without a final dot",
        );
        return None;
    }
    let absolute = Name::from_text(&label.value).ok();
    if let Some(meant) = absolute.filter(|name| !label.value.ends_with('.') && name.is_within(origin)) {
        source.error(
            label.at,
            format!("`{}` would be `{owner}`", label.value),
            format!(
                "write `\"{}\"`, or `\"{owner}\"` if that is meant",
                relative(&meant)
            ),
        );
        return None;
    }
    let between = std::iter::successors(Some(owner.clone()), Name::parent)
        .take_while(|name| name != origin)
        .find(|name| around.origins.contains(name));
    if let Some(child) = between {
        source.error(
            label.at,
            format!("`{owner}` belongs to zone `{child}`, which is served here too"),
            "move the service to that zone's file",
        );
        return None;
    }
    Some(owner)
}

/// What a service consists of, judged.
struct Parts {
    group: Group,
    facets: Facets,
    exclusive: Option<Handover>,
}

fn service_of(
    raw: &RawService,
    id: ServiceId,
    owner: Name,
    parts: Parts,
    zone: &RawZone,
    around: &Around<'_>,
) -> Service {
    let Parts {
        group,
        facets,
        exclusive,
    } = parts;
    let fails_over = has_failover(&group);
    for (at, key) in [
        (
            raw.switch.filter(|s| s.value == Switch::Manual).map(|s| s.at),
            "switch",
        ),
        (
            raw.failback.filter(|f| f.value != Failback::Auto).map(|f| f.at),
            "failback",
        ),
        (
            raw.on_failover
                .as_ref()
                .filter(|_| group.policy != Policy::Failover)
                .map(|hook| hook.at),
            "on_failover",
        ),
    ] {
        if let Some(at) = at.filter(|_| !fails_over || key == "on_failover") {
            around.source.warn(
                at,
                format!("`{key}` has no effect under policy `{}`", group.policy.as_str()),
                "remove it, or write policy = \"failover\"",
            );
        }
    }
    let default_ttl = Ttl::from_secs(u32::try_from(defaults::TTL.as_secs()).unwrap_or(u32::MAX));
    Service {
        id,
        zone: around.id,
        label: raw.label.value.clone(),
        owner,
        ttl: raw.ttl.or(zone.ttl).unwrap_or(TtlRule::Fixed(default_ttl)),
        switch: raw.switch.map_or(Switch::Auto, |switch| switch.value),
        failback: raw.failback.map_or(
            if exclusive.is_some() {
                Failback::Manual
            } else {
                Failback::Auto
            },
            |failback| failback.value,
        ),
        when_all_down: raw.when_all_down.clone().unwrap_or(match group.policy {
            _ if exclusive.is_some() => WhenAllDown::None,
            Policy::Failover => WhenAllDown::Last,
            _ => WhenAllDown::AssumeUp,
        }),
        // A CNAME holds for both.
        families: match elsewhere::has_cname(&raw.group, &zone.pools, &mut Vec::new()) {
            Some(_) => Families::Together,
            None => raw.families,
        },
        safety: raw.safety,
        recover_within: raw.recover_within.map(|length| length.value),
        facets,
        on_failover: raw.on_failover.as_ref().map(|hook| hook.value.clone()),
        exclusive,
        group,
    }
}

fn has_failover(group: &Group) -> bool {
    group.policy == Policy::Failover
        || group.members.iter().any(|member| match &member.kind {
            MemberKind::Pool(pool) => has_failover(pool),
            MemberKind::Endpoint(_) => false,
        })
}
