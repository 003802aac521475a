//! Endpoints that are known by a name elsewhere.

use std::sync::Arc;

use super::binding::MOST_LEVELS;
use super::group::Expansion;
use super::service::Around;
use super::statics;
use crate::config::raw::document::{At, Source};
use crate::config::raw::service::{RawEndpoint, RawGroup, RawPool, RawService};
use crate::config::raw::zone::RawZone;
use crate::model::alias::{Alias, AliasProbe};
use crate::model::check::CheckKind;
use crate::model::cname::stand_ins;
use crate::model::service::{EndpointAddress, Families, Policy};
use crate::wire::name::Name;

impl<'a> Expansion<'_, 'a> {
    /// The alias of an endpoint that is probed by `check` and, beside it, by `shadow`.
    pub(super) fn alias(
        &self,
        raw: &RawEndpoint,
        check: Option<&'a At<String>>,
        shadow: Option<&'a At<String>>,
    ) -> Option<Alias> {
        let probe = |name: Option<&At<String>>| self.probe(&name?.value, raw.port, 0);
        Some(Alias {
            name: raw.alias.as_ref()?.value.clone(),
            probe: probe(check),
            shadow: probe(shadow),
            probe_address: raw.probed.first().map(|probed| probed.value),
            trouble: None,
        })
    }

    /// What stands in for the name of an endpoint that is answered by CNAME, in both families.
    pub(super) fn stand_ins(
        &mut self,
        raw: &'a RawEndpoint,
        check: Option<&'a At<String>>,
        shadow: Option<&'a At<String>>,
    ) -> Vec<EndpointAddress> {
        let Some(cname) = &raw.cname else {
            return Vec::new();
        };
        let source = self.looked_up.source;
        let stand_ins = stand_ins(&cname.value);
        if stand_ins
            .iter()
            .any(|address| self.addresses.insert(*address, raw.name.value.clone()).is_some())
        {
            source.error(
                cname.at,
                format!("`{}` is the name of another endpoint already", cname.value),
                "write each name once in a service",
            );
        }
        let probed = raw.probed.first().map(|probed| probed.value);
        if let (None, Some(_)) = (probed, check.or(shadow)) {
            source.error(
                cname.at,
                format!("nothing says what is probed for endpoint `{}`", raw.name.value),
                "write `probe_address = \"192.0.2.10\"`, or `alias` instead of `cname`",
            );
        }
        let bind = |expansion: &mut Self, name: Option<&At<String>>| {
            expansion.bind(&name?.value, probed?, raw.port, 0)
        };
        stand_ins
            .map(|address| EndpointAddress {
                address,
                target: bind(self, check),
                shadow: bind(self, shadow),
            })
            .into()
    }

    /// How the check `name` probes; nothing when there is a mistake, which was reported.
    fn probe(&self, name: &str, own: Option<u16>, level: usize) -> Option<AliasProbe> {
        let known = self.looked_up.checks.get(name)?;
        let check = Arc::clone(known.check.as_ref()?);
        if !matches!(check.kind, CheckKind::Combined(_)) {
            let port = known.port_for(own, level > 0)?;
            return Some(AliasProbe {
                check,
                port,
                parts: Vec::new(),
            });
        }
        // Too deep or a loop, which was reported.
        if level == MOST_LEVELS {
            return None;
        }
        let parts = known.parts.iter();
        let parts: Option<Vec<AliasProbe>> = parts
            .map(|part| self.probe(&part.value, own, level + 1))
            .collect();
        Some(AliasProbe {
            check,
            port: 0,
            parts: parts?,
        })
    }
}

/// Reports aliases that lie in a zone of this server: resolved through it, they would wait for themselves.
pub(super) fn report_own(raw: &RawZone, around: &Around<'_>) {
    let services = raw.services.iter().map(|service| &service.group);
    let groups = services.chain(raw.pools.iter().map(|pool| &pool.group));
    for alias in groups
        .flat_map(|group| &group.endpoints)
        .filter_map(|endpoint| endpoint.alias.as_ref())
    {
        let own = around
            .origins
            .iter()
            .filter(|origin| alias.value.is_within(origin));
        if let Some(own) = own.max_by_key(|origin| origin.label_count()) {
            around.source.error(
                alias.at,
                format!("`{}` lies in zone `{own}`, which is served here", alias.value),
                "write its `address`, or name the pool that it stands for in `pools`",
            );
        }
    }
}

/// Reports what a service with an endpoint that is answered by CNAME cannot have: where a CNAME may stand, nothing else
/// does (RFC 2181 section 10.1).
pub(super) fn report_cname(raw: &RawService, pools: &[RawPool], owner: &Name, around: &Around<'_>) {
    let Some(at) = has_cname(&raw.group, pools, &mut Vec::new()) else {
        return;
    };
    let report = |at: usize, what: String, instead: &str| around.source.error(at, what, instead);
    if owner == around.origin {
        report(
            at,
            format!("`{owner}` is the origin of its zone, where no CNAME may stand"),
            "write `alias` instead of `cname`",
        );
    } else if let Some(contents) = around.contents
        && statics::records_at(contents, owner.as_wire()).next().is_some()
    {
        report(
            at,
            format!("`{owner}` has static records, beside which no CNAME may stand"),
            "remove the records, or write `alias` instead of `cname`",
        );
    }
    let facets = &raw.facets;
    let beside = facets
        .names_hosts()
        .or(facets.bindings.first().map(|binding| binding.at));
    if let Some(at) = beside {
        report(
            at,
            "beside an endpoint that is answered by CNAME there is no other type".to_owned(),
            "remove it, or write `alias` instead of `cname`",
        );
    }
    if let Some(at) = raw.families_at.filter(|_| raw.families == Families::Apart) {
        report(
            at,
            "a CNAME holds for A and AAAA alike".to_owned(),
            "remove `families`, or write `alias` instead of `cname`",
        );
    }
    if gives_all(&raw.group, pools, &mut Vec::new()) {
        report(
            at,
            "policy `all` would answer several names, and a CNAME stands alone".to_owned(),
            "use another policy, or write `alias` instead of `cname`",
        );
    }
}

/// Where an endpoint below `group` is answered by CNAME.
pub(super) fn has_cname<'a>(
    group: &'a RawGroup,
    pools: &'a [RawPool],
    known: &mut Vec<&'a str>,
) -> Option<usize> {
    let own = group
        .endpoints
        .iter()
        .find_map(|endpoint| endpoint.cname.as_ref());
    if let Some(own) = own {
        return Some(own.at);
    }
    group.pools.iter().find_map(|name| {
        // Pools may form a loop, which is reported elsewhere.
        if known.contains(&name.value.as_str()) {
            return None;
        }
        known.push(&name.value);
        let pool = pools.iter().find(|pool| pool.name.value == name.value)?;
        has_cname(&pool.group, pools, known)
    })
}

/// Whether policy `all` would answer a CNAME with something else.
fn gives_all<'a>(group: &'a RawGroup, pools: &'a [RawPool], known: &mut Vec<&'a str>) -> bool {
    let all = matches!(group.policy, Some(Policy::All { .. }));
    if all && has_cname(group, pools, &mut Vec::new()).is_some() {
        return true;
    }
    group.pools.iter().any(|name| {
        // Pools may form a loop, which is reported elsewhere.
        let is_new = !known.contains(&name.value.as_str());
        known.push(&name.value);
        let pool = pools.iter().find(|pool| pool.name.value == name.value);
        is_new && pool.is_some_and(|pool| gives_all(&pool.group, pools, known))
    })
}

/// Reports an endpoint that is known by none or by several of `address`, `alias` and `cname`.
pub(in crate::config) fn one_way(source: &Source, at: usize, written: &[&str]) {
    match written {
        [] => source.error(
            at,
            "neither `address`, `alias` nor `cname` in an endpoint",
            "write `address = \"192.0.2.10\"`, or `alias = \"lb.example.net\"`",
        ),
        [_] => {}
        several => source.error(
            at,
            format!("an endpoint is known by one of `{}`", several.join("`, `")),
            "keep one of them, or write an endpoint for each",
        ),
    }
}
