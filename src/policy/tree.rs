//! A service's groups, walked for one family: who is up, and what is answered.
//!
//! An endpoint without an address of the family stands in a `failover` group with its other family: when it is active,
//! the family has no data, so that clients with both families reach one and the same endpoint. Under all other policies
//! it takes no part in the family. `min_up` counts members that take part, as far as there are so many.
//! Groups are walked whole, so that what they remember is true whoever is chosen above them.

use std::time::Duration;

use crate::model::id::EndpointId;
use crate::model::service::{
    Endpoint, Failback, Families, Group, Member, MemberKind, Policy, Service, Switch, WhenAllDown,
};
use crate::model::time::{Moment, Now};
use crate::policy::among::Among;
use crate::policy::failover::{Reason, Rule};
use crate::policy::readings::{Family, Forced, Memory, Reading, Readings, Tier};
use crate::policy::spread::{Blend, Pickable};
use crate::policy::witness::{Note, Witness};

/// What is asked of a member for it to count as up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demand {
    /// At least so good.
    pub tier: Tier,
    /// Whether groups need `min_up` members, or one is enough.
    pub min_up: bool,
}

/// What a walk found of a member or group.
#[derive(Clone, Debug, Default)]
pub struct Judged {
    /// Whether it counts as up.
    pub up: bool,
    /// Whether it has an address of the family at all.
    pub has_family: bool,
    /// What it would answer; empty when it is not up.
    pub blend: Blend,
    /// How good it is at its best.
    pub tier: Tier,
    /// What those of its members that are answered can serve together; `None`: one of them does not say.
    pub capacity: Option<f64>,
    /// How soon the quickest of those that are answered answers probes.
    pub latency: Option<Duration>,
}

/// A manual switch that is called for: active and proposed member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// Who answers now.
    pub active: String,
    /// Who should.
    pub proposed: String,
}

/// One walk.
pub struct Walk<'a, R, W> {
    /// By `EndpointId`.
    pub endpoints: &'a [Endpoint],
    /// The service that is decided.
    pub service: &'a Service,
    /// Health.
    pub readings: &'a R,
    /// The family that is decided.
    pub family: Family,
    /// What counts as up.
    pub demand: Demand,
    /// Now.
    pub now: Now,
    /// What the service remembers.
    pub memory: &'a mut Memory,
    /// Who hears the reasons.
    pub told: &'a mut W,
    /// When to decide again although nothing happened.
    pub wake: Option<Moment>,
    /// A manual switch that is called for.
    pub proposal: Option<Proposal>,
    /// Why the service's own group chose as it did.
    pub why: String,
}

impl<R: Readings, W: Witness> Walk<'_, R, W> {
    fn reading(&self, pickable: &Pickable) -> Reading {
        self.readings.seen(pickable.endpoint, pickable.target)
    }

    fn endpoint(&self, id: EndpointId) -> Judged {
        let mut judged = Judged::default();
        let Some(endpoint) = self.endpoints.get(id.index()) else {
            return judged;
        };
        let together = self.service.families == Families::Together;
        let of = |address: &crate::model::service::EndpointAddress| Pickable {
            endpoint: id,
            address: address.address,
            target: address.target,
        };
        let mine: Vec<(Pickable, Reading)> = endpoint
            .addresses
            .iter()
            .filter(|address| self.family.holds(address.address))
            .map(of)
            .map(|pickable| (pickable, self.reading(&pickable)))
            .collect();
        judged.has_family = !mine.is_empty();
        let tiers = endpoint
            .addresses
            .iter()
            .map(of)
            .map(|pickable| self.reading(&pickable).tier);
        judged.tier = if together {
            tiers.min()
        } else if judged.has_family {
            mine.iter().map(|(_, reading)| reading.tier).max()
        } else {
            tiers.max()
        }
        .unwrap_or(Tier::Down);
        // What an operator took out is not answered as if it were up, either.
        let removed = || {
            self.readings
                .forced(id)
                .is_some_and(|forced| forced.kind.removes())
        };
        judged.up = judged.tier >= self.demand.tier && !(judged.tier == Tier::Down && removed());
        if judged.up {
            let demand = self.demand.tier;
            let usable = || mine.iter().filter(|(_, reading)| reading.tier >= demand);
            judged.latency = usable().filter_map(|(_, reading)| reading.smooth).min();
            judged.blend = Blend::fixed(usable().map(|(pickable, _)| *pickable).collect());
        }
        judged
    }

    /// Walks a member.
    pub fn member(&mut self, member: &Member) -> Judged {
        match &member.kind {
            MemberKind::Endpoint(id) => self.endpoint(*id),
            MemberKind::Pool(group) => self.group(group),
        }
    }

    /// What operators call a member.
    pub(super) fn name(&self, member: &Member) -> String {
        member_name(self.endpoints, member)
    }

    /// Walks a group.
    pub fn group(&mut self, group: &Group) -> Judged {
        let demand = self.demand;
        if group.policy.spreads() {
            // What spreads clients keeps those that are not quite well.
            self.demand.tier = demand.tier.min(Tier::Degraded);
        }
        let mut marks = vec![self.told.mark()];
        let mut members: Vec<Judged> = Vec::with_capacity(group.members.len());
        for member in &group.members {
            members.push(self.member(member));
            marks.push(self.told.mark());
        }
        self.demand = demand;
        let counts = |judged: &&Judged| group.policy == Policy::Failover || judged.has_family;
        let taking_part = members.iter().filter(counts).count();
        let up = members.iter().filter(counts).filter(|judged| judged.up).count();
        let well = members
            .iter()
            .filter(counts)
            .filter(|judged| judged.tier == Tier::Up)
            .count();
        let count_of = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        let wanted = if self.demand.min_up {
            count_of(group.min_up)
        } else {
            1
        };
        let best = |counting: bool| {
            let of = |judged: &&Judged| !counting || counts(judged);
            members.iter().filter(of).map(|judged| judged.tier).max()
        };
        let mut tier = best(true).or_else(|| best(false)).unwrap_or(Tier::Down);
        if well < count_of(group.spread.degraded_below) {
            tier = tier.min(Tier::Degraded);
        }
        let mut judged = Judged {
            up: up >= wanted.min(taking_part).max(1) && tier >= demand.tier,
            has_family: members.iter().any(|judged| judged.has_family),
            tier,
            ..Judged::default()
        };
        let tiers: Vec<Tier> = members.iter().map(|judged| judged.tier).collect();
        let among = match group.policy {
            Policy::Failover => self.one_in_order(group, &mut members),
            _ => self.spread(group, &mut members),
        };
        let chosen = &among.chosen;
        for (span, _) in marks.windows(2).zip(chosen).filter(|(_, chosen)| !**chosen) {
            if let [from, until] = *span {
                self.told.overrule(from..until, "its pool is not chosen");
            }
        }
        self.tell(group, &tiers, chosen, &among.reasons);
        let picked = || {
            group
                .members
                .iter()
                .zip(&members)
                .zip(chosen)
                .filter(|(_, chosen)| **chosen)
                .map(|(pair, _)| pair)
        };
        judged.capacity = picked().map(|(member, judged)| capacity(member, judged)).sum();
        judged.latency = picked().filter_map(|(_, judged)| judged.latency).min();
        if judged.up {
            judged.blend = among.blend;
            if group.pool.is_none() {
                self.why = self.summary(group, chosen, &among.reasons);
            }
        } else if up > 0 {
            self.why = format!("{up} up, {wanted} wanted");
        }
        judged
    }

    /// Under `failover`: one for all clients.
    fn one_in_order(&mut self, group: &Group, members: &mut [Judged]) -> Among {
        let (index, reason) = self.failover(group, members).unwrap_or((usize::MAX, ""));
        let blend = members
            .get_mut(index)
            .map(|member| std::mem::take(&mut member.blend));
        let reasons = (0..members.len()).map(|at| match members.get(at) {
            _ if at == index => reason,
            Some(member) if !member.up => self.unusable(group, at),
            _ if at < index => "better placed, but not returned to yet",
            _ => "stands by",
        });
        Among {
            chosen: (0..members.len()).map(|at| at == index).collect(),
            reasons: reasons.collect(),
            blend: blend.unwrap_or_default(),
        }
    }

    /// Who is active, and why; what it answers stands in its member.
    fn failover(&mut self, group: &Group, members: &mut [Judged]) -> Option<(usize, &'static str)> {
        let well: Vec<bool> = members
            .iter()
            .map(|judged| judged.up && judged.tier == Tier::Up)
            .collect();
        let mut usable: Vec<bool> = members.iter().map(|judged| judged.up).collect();
        if self.demand.tier == Tier::Degraded && well.contains(&true) {
            usable.clone_from(&well);
        }
        let own = group.pool.is_none();
        let rule = Rule {
            // An operator who takes the active one out has decided already.
            switch: if own && self.memory.held {
                Switch::Manual
            } else if own && !self.is_taken_out(group) {
                self.service.switch
            } else {
                Switch::Auto
            },
            failback: match self.demand.tier {
                _ if own && self.memory.held => Failback::Manual,
                // Among members nobody trusts there is no coming home; the last answer is the remembered one.
                Tier::Held => Failback::Manual,
                Tier::Down if self.service.when_all_down == WhenAllDown::Last => Failback::Manual,
                Tier::Up | Tier::Degraded | Tier::Down => self.service.failback,
            },
        };
        let seat = self.memory.seats.entry((group.id, self.family)).or_default();
        if self.demand.tier >= Tier::Degraded {
            seat.note(&well, self.now);
        }
        let ruling = seat.rule(&usable, rule, self.now)?;
        if let Some(at) = ruling.wake {
            self.wake = Some(self.wake.map_or(at, |wake| wake.min(at)));
        }
        if !ruling.usable {
            // The operator decides: until then the active member is answered as if it were up.
            let demand = std::mem::replace(
                &mut self.demand,
                Demand {
                    tier: Tier::Down,
                    min_up: false,
                },
            );
            if let Some(member) = group.members.get(ruling.chosen) {
                let mut kept = self.memory.clone();
                std::mem::swap(self.memory, &mut kept);
                let assumed = self.member(member);
                *self.memory = kept;
                if let Some(slot) = members.get_mut(ruling.chosen) {
                    slot.blend = assumed.blend;
                }
            }
            self.demand = demand;
            let name = |index: usize| group.members.get(index).map(|member| self.name(member));
            if let (Some(active), Some(proposed)) = (name(ruling.chosen), ruling.proposed.and_then(name)) {
                self.proposal = Some(Proposal { active, proposed });
            }
        }
        let reason = match ruling.reason {
            _ if own && self.memory.held => "stays active until the gate of another is passed",
            Reason::FirstInOrder => "first usable in the order written",
            Reason::ByHand => "chosen by an operator",
            Reason::FailbackManual => "stays active: failback is manual",
            Reason::FailbackLater => "stays active until a better one has been up long enough",
            Reason::SwitchManual => "stays active although it is not usable: switch is manual",
        };
        Some((ruling.chosen, reason))
    }

    /// Why a member that is not up is not.
    pub(super) fn unusable(&self, group: &Group, index: usize) -> &'static str {
        let forced = match group.members.get(index).map(|member| &member.kind) {
            Some(MemberKind::Endpoint(id)) => self.readings.forced(*id),
            Some(MemberKind::Pool(_)) | None => None,
        };
        forced.map_or("not usable", Forced::reason)
    }

    /// Whether an operator took the active member out, with all that is in it.
    fn is_taken_out(&self, group: &Group) -> bool {
        let seat = self.memory.seats.get(&(group.id, self.family));
        let Some(active) = seat
            .and_then(|seat| seat.active)
            .and_then(|at| group.members.get(at))
        else {
            return false;
        };
        let mut all = Vec::new();
        match &active.kind {
            MemberKind::Endpoint(id) => all.push(*id),
            MemberKind::Pool(pool) => endpoints_of(pool, &mut all),
        }
        let removed = |id: &EndpointId| {
            self.readings
                .forced(*id)
                .is_some_and(|forced| forced.kind.removes())
        };
        !all.is_empty() && all.iter().all(removed)
    }

    fn tell(&mut self, group: &Group, tiers: &[Tier], chosen: &[bool], reasons: &[&'static str]) {
        for (((member, tier), chosen), why) in group.members.iter().zip(tiers).zip(chosen).zip(reasons) {
            let (endpoints, family) = (self.endpoints, self.family);
            self.told.note(|| Note {
                family,
                pool: group.pool.clone().unwrap_or_default(),
                member: member_name(endpoints, member),
                tier: *tier,
                chosen: *chosen,
                why: (*why).to_owned(),
            });
        }
    }

    fn summary(&self, group: &Group, chosen: &[bool], reasons: &[&'static str]) -> String {
        let mut picked = group
            .members
            .iter()
            .zip(chosen)
            .zip(reasons)
            .filter(|((_, chosen), _)| **chosen);
        let count = picked.clone().count();
        match picked.next() {
            Some(((member, _), reason)) if count == 1 => format!("{}: {reason}", self.name(member)),
            Some(((_, _), reason)) => format!("{count} of {} {reason}", group.members.len()),
            None => "nobody takes part".to_owned(),
        }
    }
}

/// What a member can serve, as far as it is known.
pub(super) fn capacity(member: &Member, judged: &Judged) -> Option<f64> {
    member.capacity.map(f64::from).or(judged.capacity)
}

/// What operators call a member.
#[must_use]
pub fn member_name(endpoints: &[Endpoint], member: &Member) -> String {
    match &member.kind {
        MemberKind::Endpoint(id) => endpoints
            .get(id.index())
            .map(|endpoint| endpoint.name.clone())
            .unwrap_or_default(),
        MemberKind::Pool(group) => group.pool.clone().unwrap_or_default(),
    }
}

/// Every endpoint below a group, in the order written.
pub fn endpoints_of(group: &Group, into: &mut Vec<EndpointId>) {
    for member in &group.members {
        match &member.kind {
            MemberKind::Endpoint(id) => into.push(*id),
            MemberKind::Pool(pool) => endpoints_of(pool, into),
        }
    }
}
