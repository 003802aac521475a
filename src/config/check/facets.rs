//! What a service answers besides addresses: which names that takes, and what must not stand there.

use std::collections::HashMap;

use super::builder::Builder;
use super::service::Around;
use super::statics;
use crate::config::raw::document::At;
use crate::config::raw::facets::RawFacets;
use crate::model::facets::{Binding, Facets, Host, Srv};
use crate::model::id::ServiceId;
use crate::model::service::{Group, MemberKind};
use crate::wire::name::Name;

const A: u16 = 1;
const MX: u16 = 15;
const AAAA: u16 = 28;
const SRV: u16 = 33;
const HTTPS: u16 = 65;

/// The facets of the service at `owner`, which `label` names.
pub(super) fn facets(
    builder: &Builder,
    raw: &RawFacets,
    label: &At<String>,
    owner: &Name,
    group: &Group,
    around: &Around<'_>,
) -> Facets {
    let mut facets = Facets {
        mx: raw.mx.map(|mx| mx.value),
        ..Facets::default()
    };
    if let Some(mx) = raw.mx {
        statics::report_static(around, mx.at, owner, &[(MX, "MX")]);
    }
    for binding in &raw.bindings {
        let word = if binding.value.rtype == HTTPS {
            "HTTPS"
        } else {
            "SVCB"
        };
        statics::report_static(around, binding.at, owner, &[(binding.value.rtype, word)]);
        facets.bindings.push(Binding {
            rtype: binding.value.rtype,
            head: binding.value.head.clone(),
            hints: binding.value.hints,
        });
    }
    let Some(wanted) = raw.names_hosts() else {
        return facets;
    };
    if owner.is_wildcard() {
        around.source.error(
            wanted,
            format!("endpoints of `{owner}` have no host names: a wildcard has no names below it"),
            "remove `endpoint_names`, `srv` and `mx`, or write a service for each name",
        );
        return facets;
    }
    if let Some(not) = raw.endpoint_names.filter(|names| !names.value) {
        around.source.error(
            not.at,
            "`srv` and `mx` name endpoints by their host names",
            "remove `endpoint_names = false`, or `srv` and `mx`",
        );
    }
    hosts(builder, label, owner, group, around, &mut facets.hosts);
    for host in &facets.hosts {
        report_at(around, label.at, &host.name, &[(A, "A"), (AAAA, "AAAA")]);
    }
    for srv in &raw.srv {
        let name = &srv.value.name;
        let below = Name::from_text_below(name.value.as_bytes(), owner.as_wire()).ok();
        let is_service = |name: &Name| {
            name.label_count() >= owner.label_count() + 2
                && name
                    .labels()
                    .take(2)
                    .all(|label| label.starts_with(b"_") && label.len() > 1)
                && name.is_within(owner)
        };
        let Some(at) = below.filter(is_service) else {
            around.source.error(
                name.at,
                format!("`{}` is no name of SRV records (RFC 2782)", name.value),
                "write `_service._protocol`, like \"_sip._tcp\"",
            );
            continue;
        };
        if facets.srv.iter().any(|known| known.owner == at) {
            around.source.error(
                name.at,
                format!("`{}` is written twice", name.value),
                "write one port for each name",
            );
            continue;
        }
        report_at(around, name.at, &at, &[(SRV, "SRV")]);
        facets.srv.push(Srv {
            owner: at,
            port: srv.value.port,
            priority: srv.value.priority,
            weight: srv.value.weight,
        });
    }
    facets
}

/// A host name for each endpoint below `group`.
fn hosts(
    builder: &Builder,
    label: &At<String>,
    owner: &Name,
    group: &Group,
    around: &Around<'_>,
    into: &mut Vec<Host>,
) {
    for member in &group.members {
        let id = match &member.kind {
            MemberKind::Pool(pool) => {
                hosts(builder, label, owner, pool, around, into);
                continue;
            }
            MemberKind::Endpoint(id) => *id,
        };
        let Some(endpoint) = builder.endpoint_at(id) else {
            continue;
        };
        let name = &endpoint.name;
        let is_label = name
            .bytes()
            .all(|octet| octet.is_ascii_alphanumeric() || octet == b'-')
            && !name.starts_with('-')
            && !name.ends_with('-');
        match Name::from_text_below(name.as_bytes(), owner.as_wire()) {
            Ok(host) if is_label => into.push(Host {
                endpoint: id,
                name: host,
                weight: u16::try_from(member.weight).unwrap_or(u16::MAX),
            }),
            _ => around.source.error(
                label.at,
                format!("`{name}.{owner}` is no host name (RFC 1123 section 2.1)"),
                format!("name endpoint `{name}` by letters, digits and hyphens"),
            ),
        }
    }
}

/// Reports what must not stand at a name besides the service's own.
fn report_at(around: &Around<'_>, at: usize, name: &Name, types: &[(u16, &'static str)]) {
    statics::report_static(around, at, name, types);
    statics::report_above(around, at, name);
    let between = std::iter::successors(Some(name.clone()), Name::parent)
        .take_while(|name| name != around.origin)
        .find(|name| around.origins.contains(name));
    if let Some(child) = between {
        around.source.error(
            at,
            format!("`{name}` belongs to zone `{child}`, which is served here too"),
            "rename the endpoint, or move the service",
        );
    }
}

/// Reports names that two services want, where one is no service's own.
pub(super) fn report_shared(
    builder: &Builder,
    services: &[ServiceId],
    places: &HashMap<Name, usize>,
    around: &Around<'_>,
) {
    let services = || services.iter().filter_map(|id| builder.service_at(*id));
    let mut known: HashMap<Name, &str> = services()
        .map(|service| (service.owner.to_lower(), service.label.as_str()))
        .collect();
    for service in services() {
        for name in service.facets.owners() {
            if let Some(other) = known.insert(name.to_lower(), &service.label) {
                around.source.error(
                    places.get(&service.owner).copied().unwrap_or(0),
                    format!(
                        "services `{}` and `{other}` both answer for `{name}`",
                        service.label
                    ),
                    "rename one of the endpoints or services",
                );
            }
        }
    }
}
