//! Single failures: every address that an endpoint answers with, every site, every pool, lost alone; and what each
//! service would answer then. Decided by the very function that decides, on copies.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::control::step::Control;
use crate::control::watch::Watch;
use crate::health::observation::Report;
use crate::health::standing::Health;
use crate::model::id::{EndpointId, ServiceId, TargetId};
use crate::model::plan::Plan;
use crate::model::service::{Group, Member, MemberKind, Policy, Service};
use crate::model::time::Now;
use crate::policy::decide::Decided;
use crate::policy::tree::endpoints_of;
use crate::policy::witness::Nobody;

/// What may be lost at once. The order is that of the report.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Loss {
    /// A host: the addresses that some endpoint has.
    Host(BTreeSet<IpAddr>),
    /// Every endpoint of this name, in whichever service.
    Site(String),
    /// Every endpoint of this pool of this zone.
    Pool(String, String),
}

/// A loss in one plan: which addresses it takes, and what operators call them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Extent {
    pub addresses: BTreeSet<IpAddr>,
    /// `www.example.test/fra`.
    pub endpoints: BTreeSet<String>,
}

/// Every single failure of a plan that takes a probed address. A site or pool that is one host is that host.
pub(crate) fn losses(plan: &Plan) -> BTreeMap<Loss, Extent> {
    let mut all: BTreeMap<Loss, Extent> = BTreeMap::new();
    for service in &plan.services {
        let mut ids = Vec::new();
        endpoints_of(&service.group, &mut ids);
        for endpoint in ids.iter().filter_map(|id| plan.endpoints.get(id.index())) {
            if endpoint.addresses.iter().all(|address| address.target.is_none()) {
                continue;
            }
            let addresses: BTreeSet<IpAddr> = endpoint.addresses.iter().map(|a| a.address).collect();
            let name = format!("{}/{}", service.display_name(), endpoint.name);
            for loss in [Loss::Host(addresses.clone()), Loss::Site(endpoint.name.clone())] {
                let extent = all.entry(loss).or_default();
                extent.addresses.extend(addresses.iter().copied());
                extent.endpoints.insert(name.clone());
            }
        }
        let zone = plan
            .zones
            .get(service.zone.index())
            .map(|zone| zone.origin.to_string());
        pools(
            plan,
            zone.as_deref().unwrap_or_default(),
            &service.display_name(),
            &service.group,
            &mut all,
        );
    }
    let hosts: BTreeSet<BTreeSet<IpAddr>> = all
        .keys()
        .filter_map(|loss| match loss {
            Loss::Host(addresses) => Some(addresses.clone()),
            _ => None,
        })
        .collect();
    all.retain(|loss, extent| {
        matches!(loss, Loss::Host(_)) || !extent.addresses.is_empty() && !hosts.contains(&extent.addresses)
    });
    all
}

fn pools(plan: &Plan, zone: &str, service: &str, group: &Group, all: &mut BTreeMap<Loss, Extent>) {
    for member in &group.members {
        let MemberKind::Pool(pool) = &member.kind else {
            continue;
        };
        let mut ids = Vec::new();
        endpoints_of(pool, &mut ids);
        let name = pool.pool.clone().unwrap_or_default();
        let extent = all.entry(Loss::Pool(zone.to_owned(), name)).or_default();
        for endpoint in ids.iter().filter_map(|id| plan.endpoints.get(id.index())) {
            let probed = endpoint.addresses.iter().filter(|a| a.target.is_some());
            extent.addresses.extend(probed.map(|a| a.address));
            extent.endpoints.insert(format!("{service}/{}", endpoint.name));
        }
        pools(plan, zone, service, pool, all);
    }
}

/// Load and capacity of a `weighted` service when only `answered` are left, where its members declare what they can
/// carry; `None` where they do not, or where the load fits.
pub(crate) fn overload(service: &Service, answered: &[EndpointId]) -> Option<(u64, u64)> {
    let group = &service.group;
    if group.policy != Policy::Weighted {
        return None;
    }
    let weights: u64 = group.members.iter().map(|member| u64::from(member.weight)).sum();
    let demand = group.spread.demand.map_or(weights, u64::from);
    let mut left = 0;
    for member in &group.members {
        left += room(member, answered)?;
    }
    // Nobody left is another matter: then what `when_all_down` says is answered.
    (left > 0 && left < demand).then_some((demand, left))
}

/// What a member can carry: nothing when it is not answered; `None` when it is and does not say.
fn room(member: &Member, answered: &[EndpointId]) -> Option<u64> {
    let mut ids = Vec::new();
    match &member.kind {
        MemberKind::Endpoint(id) => ids.push(*id),
        MemberKind::Pool(pool) => endpoints_of(pool, &mut ids),
    }
    if !ids.iter().any(|id| answered.contains(id)) {
        return Some(0);
    }
    match (member.capacity, &member.kind) {
        (Some(capacity), _) => Some(u64::from(capacity)),
        (None, MemberKind::Pool(pool)) => pool.members.iter().map(|member| room(member, answered)).sum(),
        (None, MemberKind::Endpoint(_)) => None,
    }
}

impl Control {
    /// Decides a service on a copy of what it remembers; `None` for an id that is not in the plan.
    pub(super) fn judged(&self, now: Now, id: ServiceId) -> Option<Decided> {
        let service = self.plan.services.get(id.index())?;
        let desk = self.desks.get(id.index())?;
        let mut memory = desk.memory.clone();
        Some(self.weigh(service, &mut memory, desk.fresh, now, &mut Nobody))
    }

    /// What each service that uses one of `addresses` would answer if all of them were down.
    pub(super) fn without(
        &mut self,
        now: Now,
        addresses: &BTreeSet<IpAddr>,
        users: &BTreeMap<IpAddr, Vec<TargetId>>,
    ) -> Vec<(ServiceId, Decided)> {
        let targets: BTreeSet<TargetId> = addresses
            .iter()
            .filter_map(|address| users.get(address))
            .flatten()
            .copied()
            .collect();
        let kept: Vec<(TargetId, Watch)> = targets
            .iter()
            .filter_map(|target| Some((*target, self.watches.get(target.index())?.clone())))
            .collect();
        let mut services: BTreeSet<ServiceId> = BTreeSet::new();
        for target in &targets {
            if let Some(watch) = self.watches.get_mut(target.index()) {
                services.extend(watch.users.iter().copied());
                watch.suppose_down(now);
            }
        }
        let decided = services
            .into_iter()
            .filter_map(|id| Some((id, self.judged(now, id)?)))
            .collect();
        for (target, watch) in kept {
            if let Some(slot) = self.watches.get_mut(target.index()) {
                *slot = watch;
            }
        }
        decided
    }

    /// A target and all that it is judged by: what is made of others is read from them, and falls only with them.
    fn with_parts(&self, target: TargetId, into: &mut Vec<TargetId>) {
        if into.contains(&target) {
            return;
        }
        into.push(target);
        let parts = self
            .plan
            .targets
            .get(target.index())
            .map(|described| &described.parts);
        // Parts have smaller numbers than what is made of them: this ends.
        for part in parts.into_iter().flatten().filter(|part| **part < target) {
            self.with_parts(*part, into);
        }
    }

    /// Which targets stand behind an answered address.
    pub(super) fn targets_by_address(&self) -> BTreeMap<IpAddr, Vec<TargetId>> {
        let mut found: BTreeMap<IpAddr, Vec<TargetId>> = BTreeMap::new();
        for address in self.plan.endpoints.iter().flat_map(|e| e.addresses.iter()) {
            if let Some(target) = address.target {
                self.with_parts(target, found.entry(address.address).or_default());
            }
        }
        found
    }
}

impl Watch {
    /// Takes it for down, in the state that probes would have led to.
    pub(crate) fn suppose_down(&mut self, now: Now) {
        self.monitor.suppose(Health::Down);
        self.gate.suppose(Health::Down, now);
        self.trial = None;
        self.seen.report = Report::default();
    }
}
