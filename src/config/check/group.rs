//! Pools expanded per service, endpoints bound to their probe streams.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use super::builder::Builder;
use super::looked_up::LookedUp;
use super::members::{self, Written};
use crate::config::defaults;
use crate::config::raw::document::At;
use crate::config::raw::service::{RawEndpoint, RawGroup, RawPool};
use crate::model::id::{EndpointId, ServiceId};
use crate::model::service::{Endpoint, Group, Member, MemberKind, Policy};

/// Levels of pools within pools: more than anybody can reason about, few enough for any stack.
pub(super) const MOST_LEVELS: usize = 16;

/// What groups hand down to their members.
#[derive(Clone, Copy, Default)]
struct Inherited<'a> {
    check: Option<&'a At<String>>,
    shadow: Option<&'a At<String>>,
}

/// One service's groups in the making.
pub(crate) struct Expansion<'e, 'a> {
    pub(super) looked_up: &'e LookedUp<'a>,
    pub(super) builder: &'e mut Builder,
    service: ServiceId,
    label: &'e str,
    names: HashMap<String, usize>,
    pub(super) addresses: HashMap<IpAddr, String>,
    pools: HashSet<&'a str>,
    /// Levels of pools above the group that is being made.
    level: usize,
    /// Whether there is a database of places.
    atlas: bool,
}

impl<'e, 'a> Expansion<'e, 'a> {
    pub(crate) fn new(
        looked_up: &'e LookedUp<'a>,
        builder: &'e mut Builder,
        service: ServiceId,
        label: &'e str,
        atlas: bool,
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
            atlas,
        }
    }

    /// The service's own group; nothing when its policy has a mistake.
    pub(crate) fn service(&mut self, raw: &'a RawGroup) -> Option<Group> {
        self.group(raw, None, Inherited::default())
    }

    fn group(
        &mut self,
        raw: &'a RawGroup,
        pool: Option<&'a RawPool>,
        inherited: Inherited<'a>,
    ) -> Option<Group> {
        let id = self.builder.group();
        // A check that is written but shadowed by each endpoint's own is still looked up: it must exist.
        for own in [&raw.check, &raw.shadow_check].into_iter().flatten() {
            self.looked_up.check(own);
        }
        let inherited = Inherited {
            check: raw.check.as_ref().or(inherited.check),
            shadow: raw.shadow_check.as_ref().or(inherited.shadow),
        };
        if raw.check.is_some() || raw.shadow_check.is_some() {
            self.judge_shadow(inherited.check, inherited.shadow);
        }
        let weighted = matches!(raw.policy, Some(Policy::Weighted | Policy::Sticky(_)));
        let (mut members, mut written) = (Vec::new(), Vec::new());
        for endpoint in &raw.endpoints {
            self.judge_weight(endpoint.weight_at, raw.policy);
            let capacity = endpoint.serves.capacity.map(|capacity| capacity.value);
            written.push(Written {
                name: &endpoint.name.value,
                at: endpoint.name.at,
                serves: &endpoint.serves,
                own: true,
            });
            members.push(Member {
                weight: endpoint.weight.or(capacity).unwrap_or(defaults::WEIGHT),
                capacity,
                serves: endpoint.serves.serves(),
                kind: MemberKind::Endpoint(self.endpoint(endpoint, inherited)),
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
            if let Some(group) = self.group(&inner.group, Some(inner), inherited) {
                written.push(Written {
                    name: &name.value,
                    at: name.at,
                    serves: &inner.serves,
                    own: false,
                });
                let capacity = inner.serves.capacity.map(|capacity| capacity.value);
                let nominal = || members::nominal_capacity(&group);
                members.push(Member {
                    weight: inner
                        .weight
                        .or(capacity)
                        .or_else(nominal)
                        .unwrap_or(defaults::WEIGHT),
                    capacity,
                    serves: inner.serves.serves(),
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
            for (key, number) in [
                ("min_up", Some(pool.min_up)),
                ("degraded_below", pool.degraded_below),
            ] {
                if let Some(number) = number.filter(|number| number.value > most && !members.is_empty()) {
                    source.error(
                        number.at,
                        format!(
                            "`{key}` is {}, but pool `{}` has {most}",
                            number.value, pool.name.value
                        ),
                        format!("write a number from 1 to {most}"),
                    );
                }
            }
        }
        let group = Group {
            id,
            pool: pool.map(|pool| pool.name.value.clone()),
            policy: raw.policy?,
            members,
            min_up: pool.map_or(1, |pool| pool.min_up.value),
            spread: raw.spread,
        };
        // With one left out, which is reported, what is asked of all is not known.
        if group.members.len() == raw.endpoints.len() + raw.pools.len() {
            members::judge(source, raw, &group, &written, self.atlas);
        }
        Some(group)
    }

    fn judge_weight(&self, weight_at: Option<usize>, policy: Option<Policy>) {
        if let (Some(at), Some(policy)) = (weight_at, policy)
            && !matches!(policy, Policy::Weighted | Policy::Sticky(_))
        {
            self.looked_up.source.warn(
                at,
                format!("`weight` has no effect under policy `{}`", policy.as_str()),
                "remove it, or write policy = \"weighted\"",
            );
        }
    }

    /// A check beside itself shows nothing.
    fn judge_shadow(&self, check: Option<&At<String>>, shadow: Option<&At<String>>) {
        if let (Some(check), Some(shadow)) = (check, shadow)
            && check.value == shadow.value
        {
            self.looked_up.source.error(
                shadow.at,
                format!("`shadow_check` is the check itself, `{}`", check.value),
                "name the check that is to be watched beside it, or remove it",
            );
        }
    }

    fn endpoint(&mut self, raw: &'a RawEndpoint, inherited: Inherited<'a>) -> EndpointId {
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
        let check = raw.check.as_ref().or(inherited.check);
        let shadow = raw.shadow_check.as_ref().or(inherited.shadow);
        for own in [&raw.check, &raw.shadow_check].into_iter().flatten() {
            self.looked_up.check(own);
        }
        if raw.check.is_some() || raw.shadow_check.is_some() {
            self.judge_shadow(check, shadow);
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
        let mut addresses = self.addresses(raw, check, shadow);
        addresses.extend(self.stand_ins(raw, check, shadow));
        self.builder.endpoint(Endpoint {
            id: EndpointId(0),
            service: self.service,
            name: raw.name.value.clone(),
            addresses,
            alias: self.alias(raw, check, shadow),
            cname: raw.cname.as_ref().map(|name| name.value.clone()),
        })
    }
}
