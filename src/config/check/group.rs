//! Pools expanded per service, endpoints bound to their probe streams.

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

use super::builder::Builder;
use crate::config::diagnostic::suggestion;
use crate::config::raw::document::{At, Source};
use crate::config::raw::service::{RawEndpoint, RawGroup, RawPool};
use crate::model::check::Check;
use crate::model::id::{EndpointId, ServiceId};
use crate::model::service::{Endpoint, EndpointAddress, Group, Member, MemberKind, Policy};

/// Levels of pools within pools: more than anybody can reason about, few enough for any stack.
const MOST_LEVELS: usize = 16;

/// A check of the zone.
pub(crate) struct KnownCheck {
    /// Where it is defined.
    pub(crate) at: usize,
    /// Nothing when it has mistakes, which were reported.
    pub(crate) check: Option<Arc<Check>>,
    /// The port it says, or its type implies.
    pub(crate) port: Option<u16>,
    /// Whether something names it.
    pub(crate) used: Cell<bool>,
}

/// What endpoints and services refer to by name.
pub(crate) struct LookedUp<'a> {
    source: &'a Source,
    checks: HashMap<&'a str, KnownCheck>,
    pools: HashMap<&'a str, &'a RawPool>,
    /// In the order written, for reports.
    pool_order: &'a [RawPool],
    used_pools: std::cell::RefCell<HashSet<&'a str>>,
}

impl<'a> LookedUp<'a> {
    pub(crate) fn new(
        source: &'a Source,
        checks: HashMap<&'a str, KnownCheck>,
        pools: &'a [RawPool],
    ) -> Self {
        Self {
            source,
            checks,
            pools: pools
                .iter()
                .map(|pool| (pool.name.value.as_str(), pool))
                .collect(),
            pool_order: pools,
            used_pools: Default::default(),
        }
    }

    /// Reports each loop of pools once, with its path.
    pub(crate) fn report_loops(&self) {
        let mut done: HashSet<&str> = HashSet::new();
        for start in self.pool_order {
            let mut path: Vec<&str> = Vec::new();
            self.walk(start, &mut path, &mut done);
        }
    }

    fn walk(&self, pool: &'a RawPool, path: &mut Vec<&'a str>, done: &mut HashSet<&'a str>) {
        let name = pool.name.value.as_str();
        if let Some(from) = path.iter().position(|seen| *seen == name) {
            let mut steps: Vec<&str> = path.get(from..).unwrap_or(&[]).to_vec();
            steps.push(name);
            self.source.error(
                pool.name.at,
                format!("pools form a loop: {}", steps.join(" -> ")),
                "take one of them out of another's `pools`",
            );
            return;
        }
        // What nests deeper is reported where a service uses it.
        if done.contains(name) || path.len() > 4 * MOST_LEVELS {
            return;
        }
        path.push(name);
        for inner in &pool.group.pools {
            if let Some(inner) = self.pools.get(inner.value.as_str()) {
                self.walk(inner, path, done);
            }
        }
        path.pop();
        done.insert(name);
    }

    /// Warns of checks and pools that nothing names.
    pub(crate) fn report_unused(&self) {
        for (name, check) in &self.checks {
            if !check.used.get() {
                self.source.warn(
                    check.at,
                    format!("nothing uses check `{name}`"),
                    "write `check = …` in a service, or remove it",
                );
            }
        }
        let used = self.used_pools.borrow();
        for pool in self.pool_order {
            let name = pool.name.value.as_str();
            if !used.contains(name) {
                self.source.warn(
                    pool.name.at,
                    format!("no service uses pool `{name}`"),
                    "write `pools = […]` in a service, or remove it",
                );
            }
        }
    }

    fn check(&self, written: &At<String>) -> Option<&KnownCheck> {
        let known = self.checks.get(written.value.as_str());
        match known {
            Some(known) => known.used.set(true),
            None => {
                let mut names: Vec<&str> = self.checks.keys().copied().collect();
                names.sort_unstable();
                let instead = if names.is_empty() {
                    format!("define `[checks.{}]`", written.value)
                } else {
                    suggestion(&written.value, names, "defined are")
                };
                self.source.error(
                    written.at,
                    format!("there is no check `{}`", written.value),
                    instead,
                );
            }
        }
        known
    }

    fn pool(&self, written: &At<String>) -> Option<&'a RawPool> {
        let known = self.pools.get(written.value.as_str()).copied();
        if known.is_none() {
            let mut names: Vec<&str> = self.pools.keys().copied().collect();
            names.sort_unstable();
            let instead = if names.is_empty() {
                format!("define `[pools.{}]`", written.value)
            } else {
                suggestion(&written.value, names, "defined are")
            };
            self.source.error(
                written.at,
                format!("there is no pool `{}`", written.value),
                instead,
            );
        }
        known
    }
}

/// One service's groups in the making.
pub(crate) struct Expansion<'e, 'a> {
    looked_up: &'e LookedUp<'a>,
    builder: &'e mut Builder,
    service: ServiceId,
    label: &'e str,
    names: HashMap<String, usize>,
    addresses: HashMap<IpAddr, String>,
    pools: HashSet<&'a str>,
    /// Levels of pools above the group that is being made.
    level: usize,
}

impl<'e, 'a> Expansion<'e, 'a> {
    pub(crate) fn new(
        looked_up: &'e LookedUp<'a>,
        builder: &'e mut Builder,
        service: ServiceId,
        label: &'e str,
    ) -> Self {
        Self {
            looked_up,
            builder,
            service,
            label,
            names: HashMap::new(),
            addresses: HashMap::new(),
            pools: HashSet::new(),
            level: 0,
        }
    }

    /// The service's own group; nothing when its policy has a mistake.
    pub(crate) fn service(&mut self, raw: &'a RawGroup) -> Option<Group> {
        self.group(raw, None, None, 1)
    }

    fn group(
        &mut self,
        raw: &'a RawGroup,
        pool: Option<&'a RawPool>,
        inherited: Option<&'a At<String>>,
        min_up: u32,
    ) -> Option<Group> {
        let id = self.builder.group();
        // A check that is written but shadowed by each endpoint's own is still looked up: it must exist.
        if let Some(own) = &raw.check {
            self.looked_up.check(own);
        }
        let check = raw.check.as_ref().or(inherited);
        let weighted = raw.policy == Some(Policy::Weighted);
        let mut members = Vec::new();
        for endpoint in &raw.endpoints {
            self.judge_weight(endpoint.weight_at, raw.policy);
            members.push(Member {
                weight: endpoint.weight,
                kind: MemberKind::Endpoint(self.endpoint(endpoint, check)),
            });
        }
        for name in &raw.pools {
            let Some(inner) = self.looked_up.pool(name) else {
                continue;
            };
            if !self.pools.insert(inner.name.value.as_str()) {
                // A loop was reported as such; this is the same pool twice.
                self.looked_up.source.error(
                    name.at,
                    format!("service `{}` uses pool `{}` twice", self.label, name.value),
                    "name each pool once below a service",
                );
                continue;
            }
            self.looked_up
                .used_pools
                .borrow_mut()
                .insert(inner.name.value.as_str());
            if self.level == MOST_LEVELS {
                self.looked_up.source.error(
                    name.at,
                    format!(
                        "pools nest deeper than {MOST_LEVELS} levels below service `{}`",
                        self.label
                    ),
                    "flatten them",
                );
                continue;
            }
            self.level += 1;
            if let Some(group) = self.group(&inner.group, Some(inner), check, inner.min_up.value) {
                members.push(Member {
                    weight: inner.weight,
                    kind: MemberKind::Pool(group),
                });
            }
            self.level -= 1;
        }
        let source = self.looked_up.source;
        if weighted && !members.is_empty() && members.iter().all(|member| member.weight == 0) {
            let at = raw.endpoints.iter().find_map(|endpoint| endpoint.weight_at);
            source.error(
                at.or(raw.pools.first().map(|pool| pool.at)).unwrap_or(0),
                "all weights are 0: nothing would ever be chosen",
                "give at least one member a weight of 1 or more",
            );
        }
        if let Some(pool) = pool {
            let most = u32::try_from(members.len()).unwrap_or(u32::MAX);
            if min_up > most && !members.is_empty() {
                source.error(
                    pool.min_up.at,
                    format!("`min_up` is {min_up}, but pool `{}` has {most}", pool.name.value),
                    format!("write a number from 1 to {most}"),
                );
            }
        }
        Some(Group {
            id,
            pool: pool.map(|pool| pool.name.value.clone()),
            policy: raw.policy?,
            members,
            min_up,
        })
    }

    fn judge_weight(&self, weight_at: Option<usize>, policy: Option<Policy>) {
        if let (Some(at), Some(policy)) = (weight_at, policy)
            && policy != Policy::Weighted
        {
            self.looked_up.source.warn(
                at,
                format!("`weight` has no effect under policy `{}`", policy.as_str()),
                "remove it, or write policy = \"weighted\"",
            );
        }
    }

    fn endpoint(&mut self, raw: &'a RawEndpoint, inherited: Option<&'a At<String>>) -> EndpointId {
        let source = self.looked_up.source;
        if self.names.insert(raw.name.value.clone(), raw.name.at).is_some() {
            source.error(
                raw.name.at,
                format!("service `{}` has two endpoints `{}`", self.label, raw.name.value),
                "rename one: overrides and history go by name",
            );
        }
        for address in &raw.addresses {
            if let Some(first) = self.addresses.insert(address.value, raw.name.value.clone()) {
                source.error(
                    address.at,
                    format!("{} is the address of endpoint `{first}` already", address.value),
                    "write each address once in a service",
                );
            }
        }
        let check = raw.check.as_ref().or(inherited);
        let known = check.and_then(|written| {
            let known = if raw.check.is_some() {
                self.looked_up.check(written)
            } else {
                self.looked_up.checks.get(written.value.as_str())
            };
            known.and_then(|known| Some((known.check.clone()?, known.port)))
        });
        let port = raw.port.or(known.as_ref().and_then(|(_, port)| *port));
        if let (Some((check, _)), None) = (&known, port) {
            source.error(
                raw.name.at,
                format!("no port to probe endpoint `{}` at", raw.name.value),
                format!("write `port = …` in `[checks.{}]` or in the endpoint", check.name),
            );
        }
        if let (Some(_), None) = (raw.port, check) {
            source.warn(
                raw.name.at,
                format!(
                    "`port` of endpoint `{}` has no effect without a check",
                    raw.name.value
                ),
                "write `check = …`, or remove it",
            );
        }
        if let (Some(probed), None) = (raw.probed.first(), check) {
            source.warn(
                probed.at,
                format!(
                    "`probe_address` of endpoint `{}` has no effect without a check",
                    raw.name.value
                ),
                "write `check = …`, or remove it",
            );
        }
        let addresses = raw
            .addresses
            .iter()
            .enumerate()
            .map(|(nth, address)| EndpointAddress {
                address: address.value,
                target: known.as_ref().zip(port).map(|((check, _), port)| {
                    let probed = raw.probed.get(nth).map_or(address.value, |probed| probed.value);
                    self.builder.target(check, probed, port)
                }),
            })
            .collect();
        self.builder.endpoint(Endpoint {
            id: EndpointId(0),
            service: self.service,
            name: raw.name.value.clone(),
            addresses,
        })
    }
}
