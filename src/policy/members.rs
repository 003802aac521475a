//! Questions about all that stands below a service's group.

use crate::model::id::EndpointId;
use crate::model::service::{Endpoint, Failback, Group, Member, MemberKind, Policy, Service};
use crate::policy::choice::Choice;
use crate::policy::readings::{Family, Readings, Tier};
use crate::policy::tree::endpoints_of;

/// Whose change could change the answer: under `failover` nobody behind the active one, and nobody before it when
/// returning is the operator's business.
pub(super) fn could_matter(service: &Service, answered: &[EndpointId]) -> Vec<EndpointId> {
    let mut all = Vec::new();
    endpoints_of(&service.group, &mut all);
    // Host names of endpoints change with each of them.
    let plain = service.facets.hosts.is_empty()
        && service.group.policy == Policy::Failover
        && service
            .group
            .members
            .iter()
            .all(|member| matches!(member.kind, MemberKind::Endpoint(_)));
    if !plain || answered.is_empty() {
        return all;
    }
    let last = all
        .iter()
        .rposition(|id| answered.contains(id))
        .unwrap_or(all.len());
    all.truncate(last.saturating_add(1));
    if service.failback == Failback::Manual {
        all.retain(|id| answered.contains(id));
    }
    all
}

pub(super) fn has_family(group: &Group, endpoints: &[Endpoint], family: Family) -> bool {
    group.members.iter().any(|Member { kind, .. }| match kind {
        MemberKind::Endpoint(id) => endpoints
            .get(id.index())
            .is_some_and(|endpoint| endpoint.addresses.iter().any(|a| family.holds(a.address))),
        MemberKind::Pool(pool) => has_family(pool, endpoints, family),
    })
}

/// Whether no endpoint has any address: each is known by a name that was never resolved.
pub(super) fn is_unresolved(group: &Group, endpoints: &[Endpoint]) -> bool {
    let mut all = Vec::new();
    endpoints_of(group, &mut all);
    let mut all = all.iter().filter_map(|id| endpoints.get(id.index()));
    all.all(|endpoint| endpoint.addresses.is_empty() && endpoint.alias.is_some())
}

pub(super) fn has_min_up(group: &Group) -> bool {
    group.min_up > 1
        || group
            .members
            .iter()
            .any(|member| matches!(&member.kind, MemberKind::Pool(pool) if has_min_up(pool)))
}

/// Whether every address of `choice` that the service still has is down; what it no longer has is not judged.
pub(super) fn is_known_bad<R: Readings>(
    choice: &Choice,
    service: &Service,
    endpoints: &[Endpoint],
    readings: &R,
) -> bool {
    let mut all = Vec::new();
    endpoints_of(&service.group, &mut all);
    let mut known = all
        .iter()
        .filter_map(|id| endpoints.get(id.index()))
        .flat_map(|endpoint| endpoint.addresses.iter().map(|address| (endpoint.id, address)))
        .filter(|(_, known)| choice.addresses.contains(&known.address))
        .map(|(endpoint, known)| readings.seen(endpoint, known.target))
        .peekable();
    known.peek().is_some() && known.all(|reading| reading.tier == Tier::Down && !reading.waiting)
}

pub(super) fn waits<R: Readings>(group: &Group, endpoints: &[Endpoint], readings: &R) -> bool {
    let mut all = Vec::new();
    endpoints_of(group, &mut all);
    all.iter()
        .filter_map(|id| endpoints.get(id.index()))
        .flat_map(|endpoint| {
            endpoint
                .addresses
                .iter()
                .map(|address| (endpoint.id, address.target))
        })
        .any(|(endpoint, target)| readings.seen(endpoint, target).waiting)
}

/// Addresses that are not down, where endpoints have host names.
pub(super) fn usable<R: Readings>(
    service: &Service,
    endpoints: &[Endpoint],
    readings: &R,
) -> Vec<std::net::IpAddr> {
    let hosts = service.facets.hosts.iter();
    hosts
        .filter_map(|host| endpoints.get(host.endpoint.index()))
        .flat_map(|endpoint| endpoint.addresses.iter().map(|known| (endpoint.id, known)))
        .filter(|(endpoint, known)| readings.seen(*endpoint, known.target).tier > Tier::Down)
        .map(|(_, known)| known.address)
        .collect()
}
