//! Targets that are judged by others, and targets that are watched without counting.
//!
//! A *derived* target has no probes: its reading is made of its parts' at the moment of reading. A *shadow* is probed like
//! any other and told of, but no answer, census or brake heeds it.

use crate::control::drill::Twins;
use crate::control::step::Control;
use crate::control::watch::Watch;
use crate::health::isolation::Census;
use crate::health::standing::Health;
use crate::model::check::{CheckKind, Target};
use crate::model::id::{EndpointId, ServiceId, TargetId};
use crate::model::plan::Plan;
use crate::model::service::{Group, MemberKind, Policy, TtlRule};
use crate::model::time::Now;
use crate::policy::combined::combine;
use crate::policy::readings::{Reading, Tier};
use crate::policy::tree::endpoints_of;

/// How a target is used.
#[derive(Clone, Debug, Default)]
struct Use {
    services: Vec<ServiceId>,
    strict: bool,
    /// Whether an answer heeds it.
    counts: bool,
}

/// Of every target of a plan, by whom it is used.
fn uses(plan: &Plan) -> Vec<Use> {
    let mut uses: Vec<Use> = vec![Use::default(); plan.targets.len()];
    for service in &plan.services {
        let mut endpoints: Vec<EndpointId> = Vec::new();
        endpoints_of(&service.group, &mut endpoints);
        let addresses = endpoints
            .iter()
            .filter_map(|id| plan.endpoints.get(id.index()))
            .flat_map(|endpoint| endpoint.addresses.iter());
        let strict = matches!(service.ttl, TtlRule::Strict { .. })
            || service.exclusive.is_some()
            || is_measured(&service.group);
        for address in addresses {
            for (target, counts) in [(address.target, true), (address.shadow, false)] {
                if let Some(target) = target {
                    mark_use(plan, target, service.id, (strict, counts), &mut uses);
                }
            }
        }
    }
    uses
}

/// Whether any of its policies goes by how soon probes are answered.
fn is_measured(group: &Group) -> bool {
    matches!(group.policy, Policy::Fastest { .. })
        || group.members.iter().any(|member| match &member.kind {
            MemberKind::Pool(pool) => is_measured(pool),
            MemberKind::Endpoint(_) => false,
        })
}

/// Marks a target and everything that it is judged by.
fn mark_use(
    plan: &Plan,
    target: TargetId,
    service: ServiceId,
    (strict, counts): (bool, bool),
    uses: &mut [Use],
) {
    let Some(described) = plan.targets.get(target.index()) else {
        return;
    };
    let counts = counts && !described.check.treatment.shadow;
    if let Some(used) = uses.get_mut(target.index()) {
        if used.services.last() != Some(&service) {
            used.services.push(service);
        }
        used.strict |= strict && counts;
        used.counts |= counts;
    }
    // Parts have smaller numbers than what is made of them: this ends.
    for part in described.parts.iter().filter(|part| **part < target) {
        mark_use(plan, *part, service, (strict, counts), uses);
    }
}

impl Control {
    /// Who uses which target, and how.
    pub(super) fn wire_targets(&mut self) {
        let plan = self.plan.clone();
        let mut parents: Vec<Vec<TargetId>> = vec![Vec::new(); plan.targets.len()];
        for target in &plan.targets {
            for part in target.parts.iter().filter(|part| **part < target.id) {
                if let Some(parents) = parents.get_mut(part.index()) {
                    parents.push(target.id);
                }
            }
        }
        let used = uses(&plan).into_iter().zip(parents).zip(&plan.targets);
        for (watch, ((used, parents), target)) in self.watches.iter_mut().zip(used) {
            watch.users = used.services.into_boxed_slice();
            watch.strict = used.strict;
            watch.parents = parents.into_boxed_slice();
            watch.derived = target.is_derived();
            watch.beats = matches!(target.check.kind, CheckKind::Heartbeat(_));
            watch.shadow = !used.counts;
            // Nobody waits for their first verdicts.
            if watch.derived || watch.shadow {
                watch.trial = None;
            }
        }
    }

    /// What policies see of a target on behalf of a service.
    pub(super) fn reading(&self, target: TargetId, now: Now, fresh: bool) -> Reading {
        self.reading_with(None, target, now, fresh)
    }

    /// The same of a shadow, too: what is shown.
    pub(super) fn shown(&self, target: &Target, now: Now, fresh: bool) -> Reading {
        self.shown_with(None, target, now, fresh)
    }

    /// What a service sees of a target while a failure is rehearsed.
    pub(super) fn reading_with(
        &self,
        twins: Option<&Twins>,
        target: TargetId,
        now: Now,
        fresh: bool,
    ) -> Reading {
        match self.plan.targets.get(target.index()) {
            Some(described) if !described.check.treatment.shadow => {
                self.shown_with(twins, described, now, fresh)
            }
            _ => Reading::UNPROBED,
        }
    }

    fn shown_with(&self, twins: Option<&Twins>, target: &Target, now: Now, fresh: bool) -> Reading {
        let twin = twins.and_then(|twins| twins.get(&target.id));
        let Some(watch) = twin.or_else(|| self.watches.get(target.id.index())) else {
            return Reading::UNPROBED;
        };
        let CheckKind::Combined(combined) = &target.check.kind else {
            return watch.reading(now.moment, &target.check.rules, fresh);
        };
        let parts: Vec<Reading> = self
            .counted_parts(target)
            .map(|part| self.shown_with(twins, part, now, fresh))
            .collect();
        let reading = combine(combined.need, &parts);
        // Derived targets have no verdict of their own, unless somebody supposes one.
        match watch.monitor.health() {
            Health::Down => Reading {
                tier: Tier::Down,
                waiting: false,
                ..reading
            },
            _ => reading,
        }
    }

    /// The parts of a derived target that count; those in shadow are left out.
    fn counted_parts<'a>(&'a self, target: &'a Target) -> impl Iterator<Item = &'a Target> {
        target
            .parts
            .iter()
            .filter(|part| **part < target.id)
            .filter_map(|part| self.plan.targets.get(part.index()))
            .filter(|part| !part.check.treatment.shadow)
    }

    /// Brings those up to date that are judged by `target`: since when they are what they are.
    pub(super) fn refresh_parents(&mut self, now: Now, target: TargetId) {
        let Some(watch) = self.watches.get_mut(target.index()) else {
            return;
        };
        let parents = std::mem::take(&mut watch.parents);
        for parent in &parents {
            let Some(described) = self.plan.targets.get(parent.index()) else {
                continue;
            };
            let reading = self.shown(described, now, true);
            if let Some(watch) = self.watches.get_mut(parent.index()) {
                watch.reading = (reading.tier, reading.waiting, reading.in_doubt);
                watch.gate.follow(health_of(reading.tier), now);
                watch.meter.see(now.moment, watch.state(), false);
            }
            self.refresh_parents(now, *parent);
        }
        if let Some(watch) = self.watches.get_mut(target.index()) {
            watch.parents = parents;
        }
    }

    /// How many targets are probed and count, two at the most.
    pub(super) fn is_alone(&self) -> bool {
        self.watches
            .iter()
            .filter(|watch| !watch.derived && !watch.shadow)
            .take(2)
            .count()
            < 2
    }
}

impl Watch {
    /// For the census of the targets that fail at once.
    pub(crate) fn census(&self) -> Census {
        if self.derived || self.shadow {
            return Census::default();
        }
        let bad = self.monitor.health() == Health::Down || self.monitor.run().failures() > 0;
        let serving = self.gate.effective() == Health::Up;
        Census {
            serving: usize::from(serving),
            failing: usize::from(serving && bad),
            bad: usize::from(bad),
        }
    }

    /// Whether it has a verdict, or needs none of its own.
    pub(crate) fn is_known(&self) -> bool {
        self.derived || self.shadow || self.monitor.health() != Health::Unknown
    }
}

/// A tier as a state.
pub(super) fn health_of(tier: Tier) -> Health {
    match tier {
        Tier::Down | Tier::Held => Health::Down,
        Tier::Degraded => Health::Degraded,
        Tier::Up => Health::Up,
    }
}
