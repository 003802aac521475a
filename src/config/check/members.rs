//! What a group's policy asks of its members, and what they say that it never asks.

use std::collections::HashMap;

use crate::config::raw::document::Source;
use crate::config::raw::policy::RawServes;
use crate::config::raw::service::RawGroup;
use crate::model::plan::Prefix;
use crate::model::service::{Group, MemberKind, Policy};

/// A member as it is written.
pub(crate) struct Written<'a> {
    pub(crate) name: &'a str,
    /// Where it is named.
    pub(crate) at: usize,
    pub(crate) serves: &'a RawServes,
    /// Whether it is written for this group alone, so that what has no effect here has none at all.
    pub(crate) own: bool,
}

/// Judges the members of `raw`, of which `group` was made; `atlas`: whether there is a database of places.
pub(crate) fn judge(source: &Source, raw: &RawGroup, group: &Group, members: &[Written<'_>], atlas: bool) {
    idle_keys(source, group.policy, members);
    match group.policy {
        Policy::Subnet => networks(source, raw, members),
        Policy::Geo => places(source, raw, members, atlas),
        Policy::Weighted => capacities(source, raw, group, members),
        _ => {}
    }
}

fn idle_keys(source: &Source, policy: Policy, members: &[Written<'_>]) {
    for member in members.iter().filter(|member| member.own) {
        let serves = member.serves;
        for (key, at, wanted) in [
            ("networks", serves.networks.first().map(|n| n.at), "subnet"),
            ("regions", serves.regions.first().map(|r| r.at), "geo"),
            ("location", serves.point.map(|p| p.at), "geo"),
            ("capacity", serves.capacity.map(|c| c.at), "weighted"),
        ] {
            if let Some(at) = at.filter(|_| policy.as_str() != wanted) {
                source.warn(
                    at,
                    format!("`{key}` has no effect under policy `{}`", policy.as_str()),
                    format!("remove it, or write policy = \"{wanted}\""),
                );
            }
        }
    }
}

fn networks(source: &Source, raw: &RawGroup, members: &[Written<'_>]) {
    let mut known: HashMap<Prefix, &str> = HashMap::new();
    for member in members {
        for network in &member.serves.networks {
            let Prefix { address, length } = network.value;
            if let Some(first) = known.insert(network.value, member.name) {
                source.error(
                    network.at,
                    format!("{address}/{length} is a network of `{first}` already"),
                    "give each network to one member; put two into a pool to share it",
                );
            }
        }
    }
    if !members.is_empty() && !members.iter().any(|member| member.serves.has_networks) {
        source.error(
            raw.policy_at,
            "policy `subnet`, but no member has `networks`",
            "write `networks = [\"192.0.2.0/24\"]` at members; those without are for all other clients",
        );
    }
}

fn places(source: &Source, raw: &RawGroup, members: &[Written<'_>], atlas: bool) {
    if !atlas {
        source.error(
            raw.policy_at,
            "policy `geo` needs a database of addresses",
            "write `database = \"GeoLite2-City.mmdb\"` under `[geo]` in pointsman.toml",
        );
    }
    if !members.is_empty() && !members.iter().any(|member| member.serves.has_place) {
        source.error(
            raw.policy_at,
            "policy `geo`, but no member has `regions` or `location`",
            "write `regions = [\"EU\"]` at members; those without are for all other clients",
        );
    }
}

fn capacities(source: &Source, raw: &RawGroup, group: &Group, members: &[Written<'_>]) {
    let says = |index: usize| {
        group.members.get(index).is_some_and(|member| match &member.kind {
            _ if member.capacity.is_some() => true,
            MemberKind::Endpoint(_) => false,
            MemberKind::Pool(pool) => nominal_capacity(pool).is_some(),
        })
    };
    let silent: Vec<&Written<'_>> = members
        .iter()
        .enumerate()
        .filter(|(index, _)| !says(*index))
        .map(|(_, member)| member)
        .collect();
    if silent.len() == members.len() {
        if let Some(at) = raw.demand_at {
            source.warn(
                at,
                "`demand` has no effect on members without `capacity`",
                "write `capacity` at each of them, or remove it",
            );
        }
        return;
    }
    for member in silent {
        source.error(
            member.at,
            format!("`{}` has no `capacity`, but others beside it have", member.name),
            "write `capacity` at all of them or at none",
        );
    }
    if let (Some(at), Some(demand), Some(capacity)) =
        (raw.demand_at, group.spread.demand, nominal_capacity(group))
        && demand > capacity
    {
        source.warn(
            at,
            format!("`demand` is {demand}, but all capacities together are {capacity}"),
            "declare more capacity, or a lower demand: as it is, every member is overloaded",
        );
    }
}

/// What a group can serve when everybody is well; nothing when one of those who count does not say.
pub(crate) fn nominal_capacity(group: &Group) -> Option<u32> {
    let mut each = group.members.iter().map(|member| match &member.kind {
        MemberKind::Pool(pool) if member.capacity.is_none() => nominal_capacity(pool),
        _ => member.capacity,
    });
    match group.policy {
        Policy::Failover | Policy::Fastest { .. } => each.next()?,
        _ => each.try_fold(0u32, |sum, capacity| Some(sum.saturating_add(capacity?))),
    }
}
