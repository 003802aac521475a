//! The plan in the making: dense numbers, shared probe streams, and a way back when a zone turns out to be refused.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use crate::model::check::{Check, Target};
use crate::model::id::{CheckId, EndpointId, GroupId, ServiceId, TargetId};
use crate::model::plan::{NodeSettings, Plan, ZonePlan};
use crate::model::service::{Endpoint, Service};

/// Collects what zones consist of.
#[derive(Debug, Default)]
pub(crate) struct Builder {
    services: Vec<Service>,
    endpoints: Vec<Endpoint>,
    checks: Vec<Arc<Check>>,
    targets: Vec<Target>,
    groups: usize,
    /// Targets by what is cheap to compare first.
    streams: HashMap<(IpAddr, u16), Vec<TargetId>>,
}

/// How far the builder was.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    services: usize,
    endpoints: usize,
    checks: usize,
    targets: usize,
    groups: usize,
}

impl Builder {
    /// Where the builder is now.
    pub(crate) fn mark(&self) -> Mark {
        Mark {
            services: self.services.len(),
            endpoints: self.endpoints.len(),
            checks: self.checks.len(),
            targets: self.targets.len(),
            groups: self.groups,
        }
    }

    /// Forgets all since `mark`.
    pub(crate) fn back_to(&mut self, mark: Mark) {
        self.services.truncate(mark.services);
        self.endpoints.truncate(mark.endpoints);
        self.checks.truncate(mark.checks);
        self.groups = mark.groups;
        while self.targets.len() > mark.targets {
            let Some(target) = self.targets.pop() else { break };
            if let Some(same) = self.streams.get_mut(&(target.address, target.port)) {
                same.retain(|id| *id != target.id);
            }
        }
    }

    /// The number of the next service, which must be added under it.
    pub(crate) fn next_service(&self) -> ServiceId {
        ServiceId::from_index(self.services.len())
    }

    /// Adds a service.
    pub(crate) fn service(&mut self, service: Service) {
        self.services.push(service);
    }

    /// The service of this number.
    pub(crate) fn service_at(&self, id: ServiceId) -> Option<&Service> {
        self.services.get(id.index())
    }

    /// The endpoint of this number.
    pub(crate) fn endpoint_at(&self, id: EndpointId) -> Option<&Endpoint> {
        self.endpoints.get(id.index())
    }

    /// The probe stream of this number.
    pub(crate) fn target_at(&self, id: TargetId) -> Option<&Target> {
        self.targets.get(id.index())
    }

    /// A group's number.
    pub(crate) fn group(&mut self) -> GroupId {
        let id = GroupId::from_index(self.groups);
        self.groups += 1;
        id
    }

    /// Adds an endpoint; its number is set here.
    pub(crate) fn endpoint(&mut self, mut endpoint: Endpoint) -> EndpointId {
        endpoint.id = EndpointId::from_index(self.endpoints.len());
        let id = endpoint.id;
        self.endpoints.push(endpoint);
        id
    }

    /// Adds a check; its number is set here.
    pub(crate) fn check(&mut self, mut check: Check) -> Arc<Check> {
        check.id = CheckId::from_index(self.checks.len());
        let check = Arc::new(check);
        self.checks.push(Arc::clone(&check));
        check
    }

    /// The probe stream of `check` against `address` and `port`: one for all that ask the same.
    pub(crate) fn target(&mut self, check: &Arc<Check>, address: IpAddr, port: u16) -> TargetId {
        self.stream(Target {
            id: TargetId::from_index(self.targets.len()),
            check: Arc::clone(check),
            address,
            port,
            parts: Vec::new(),
        })
    }

    /// What `parts` amount to under the combined `check`.
    pub(crate) fn derived(&mut self, check: &Arc<Check>, address: IpAddr, parts: Vec<TargetId>) -> TargetId {
        self.stream(Target {
            id: TargetId::from_index(self.targets.len()),
            check: Arc::clone(check),
            address,
            port: 0,
            parts,
        })
    }

    fn stream(&mut self, new: Target) -> TargetId {
        let same = self.streams.entry((new.address, new.port)).or_default();
        let known = same.iter().find(|id| {
            self.targets
                .get(id.index())
                .is_some_and(|known| known.is_same_stream(&new))
        });
        match known {
            Some(id) => *id,
            None => {
                let id = new.id;
                same.push(id);
                self.targets.push(new);
                id
            }
        }
    }

    /// The plan.
    pub(crate) fn finish(self, node: NodeSettings, zones: Vec<ZonePlan>) -> Plan {
        Plan {
            node,
            zones,
            services: self.services,
            endpoints: self.endpoints,
            checks: self.checks,
            targets: self.targets,
            overrides: Vec::new(),
            groups: self.groups,
        }
    }
}
