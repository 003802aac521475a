//! From marked services to one publication: only what differs is published, and said.

use std::net::IpAddr;

use crate::control::drill::Twins;
use crate::control::effect::{Effect, HistoryKind, Record};
use crate::control::gate::{actives, gate_of};
use crate::control::schedule::Due;
use crate::control::step::Control;
use crate::control::watch::Desk;
use crate::model::cname::shown;
use crate::model::id::{EndpointId, ServiceId, TargetId};
use crate::model::plan::Plan;
use crate::model::service::{Endpoint, Group, Member, MemberKind, Policy, Service};
use crate::model::time::Now;
use crate::policy::choice::{Choice, Decision, Pick};
use crate::policy::decide::{Decided, decide};
use crate::policy::exclusive::Held;
use crate::policy::readings::{Family, Forced, Memory, Reading, Readings};
use crate::policy::tree::member_name;
use crate::policy::witness::{Nobody, Witness};

/// Health as policies see it: what probes say, and what operators say.
pub(super) struct Eyes<'a> {
    control: &'a Control,
    /// By `EndpointId`.
    forced: &'a [Option<Forced>],
    now: Now,
    fresh: bool,
    /// What is looked at in place of the truth.
    twins: Option<&'a Twins>,
}

impl Readings for Eyes<'_> {
    fn of(&self, target: TargetId) -> Reading {
        self.control
            .reading_with(self.twins, target, self.now, self.fresh)
    }

    fn forced(&self, endpoint: EndpointId) -> Option<Forced> {
        self.forced.get(endpoint.index()).copied().flatten()
    }

    fn is_cut_off(&self) -> bool {
        self.control.isolation.is_frozen()
    }

    fn is_on_disk(&self, service: &Service, endpoint: &Endpoint) -> bool {
        self.control.is_writer_at(&service.display_name(), endpoint)
    }

    fn held_but(&self, service: &Service, excepted: &[IpAddr]) -> Held {
        let name = service.display_name();
        let excepted = |address| excepted.contains(&address);
        self.control.ledger.held_but(&name, excepted, self.now.moment)
    }
}

impl Control {
    /// Decides a service on `memory`, which is the service's own or a copy.
    pub(super) fn weigh<W: Witness>(
        &self,
        service: &Service,
        memory: &mut Memory,
        fresh: bool,
        now: Now,
        told: &mut W,
    ) -> Decided {
        match self.twins_for(service.id) {
            Some(twins) => self.weigh_rehearsed(twins, service, memory, fresh, now, told),
            None => self.weigh_as(&self.overrides.forced, service, memory, fresh, now, told),
        }
    }

    /// The same by what is true, whatever is rehearsed.
    pub(super) fn weigh_true(
        &self,
        service: &Service,
        memory: &mut Memory,
        fresh: bool,
        now: Now,
    ) -> Decided {
        let forced = &self.overrides.forced;
        self.weigh_as(forced, service, memory, fresh, now, &mut Nobody)
    }

    /// The same as if targets were in the states of their twins.
    pub(super) fn weigh_rehearsed<W: Witness>(
        &self,
        twins: &Twins,
        service: &Service,
        memory: &mut Memory,
        fresh: bool,
        now: Now,
        told: &mut W,
    ) -> Decided {
        let eyes = Eyes {
            twins: Some(twins),
            ..self.eyes(now, fresh || !self.opened)
        };
        decide(service, &self.plan.endpoints, &eyes, memory, now, told)
    }

    /// The same as if operators had laid `forced` upon endpoints.
    pub(super) fn weigh_as<W: Witness>(
        &self,
        forced: &[Option<Forced>],
        service: &Service,
        memory: &mut Memory,
        fresh: bool,
        now: Now,
        told: &mut W,
    ) -> Decided {
        let fresh = fresh || !self.opened;
        let eyes = Eyes {
            forced,
            ..self.eyes(now, fresh)
        };
        decide(service, &self.plan.endpoints, &eyes, memory, now, told)
    }

    /// Health as policies see it now.
    pub(super) fn eyes(&self, now: Now, fresh: bool) -> Eyes<'_> {
        Eyes {
            control: self,
            forced: &self.overrides.forced,
            now,
            fresh,
            twins: None,
        }
    }

    /// Decides every marked service and publishes what differs.
    pub(super) fn publish(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if self.dirty.is_empty() {
            return;
        }
        let mut decisions = Vec::new();
        let mut said = Vec::new();
        for id in std::mem::take(&mut self.dirty) {
            decisions.extend(self.decide_one(now, id, &mut said));
        }
        if !decisions.is_empty() {
            self.publish_first(decisions, effects);
        }
        effects.append(&mut said);
    }

    /// Decides every service and publishes all, those that answer as before, too: for another plan, or another life.
    pub(super) fn decide_all(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let plan = self.plan.clone();
        let mut said = Vec::new();
        let decisions = plan
            .services
            .iter()
            .filter_map(|service| {
                let changed = self.decide_one(now, service.id, &mut said);
                changed.or_else(|| self.desks.get(service.id.index())?.last.clone())
            })
            .collect();
        self.publish_first(decisions, effects);
        effects.append(&mut said);
    }

    /// Decides one service; its decision when it differs from what is published.
    pub(super) fn decide_one(&mut self, now: Now, id: ServiceId, said: &mut Vec<Effect>) -> Option<Decision> {
        let plan = self.plan.clone();
        let service = plan.services.get(id.index())?;
        let mut desk = std::mem::take(self.desks.get_mut(id.index())?);
        desk.dirty = false;
        // What is true is remembered, whatever is rehearsed.
        let before = actives(service, &desk.memory);
        let real = if gate_of(service).is_some() && service.exclusive.is_none() {
            self.weigh_behind_gate(now, service, &mut desk, said)
        } else {
            self.weigh_true(service, &mut desk.memory, desk.fresh, now)
        };
        let decided = self.rehearsed(now, service, &real, said).unwrap_or(real);
        let changed = desk.last.as_ref() != Some(&decided.decision);
        desk.count(&decided, changed);
        if changed {
            let same = |last: &Decision| last.a == decided.decision.a && last.aaaa == decided.decision.aaaa;
            if !desk.last.as_ref().is_some_and(same) {
                desk.since = Some(now.wall);
            }
            Self::tell_answer(now, &self.plan, service, desk.last.as_ref(), &decided, said);
            desk.last = Some(decided.decision.clone());
            self.ledger
                .note(&service.display_name(), &decided.decision, now.moment);
        }
        Self::tell_degraded(now, service, &mut desk, &decided, said);
        self.look_for_masked(now, service, said);
        if decided.wake != desk.wake {
            desk.wake = decided.wake;
            if let Some(at) = decided.wake {
                self.schedule.enter(at, Due::Decide(id));
            }
        }
        self.remember(service, &service.group, &desk.memory, said);
        if service.exclusive.is_some() {
            self.see_to_writer(now, service, &mut desk, &decided, said);
        } else if service.on_failover.is_some() {
            self.hook_after(service, before, &desk, &decided, said);
        }
        let decision = changed.then(|| decided.decision.clone());
        desk.decided = Some(decided);
        desk.decided_at = now.moment;
        if let Some(slot) = self.desks.get_mut(id.index()) {
            *slot = desk;
        }
        decision
    }

    fn tell_answer(
        now: Now,
        plan: &Plan,
        service: &Service,
        before: Option<&Decision>,
        decided: &Decided,
        said: &mut Vec<Effect>,
    ) {
        let Some(before) = before else { return };
        let after = &decided.decision;
        if before.a == after.a && before.aaaa == after.aaaa {
            return;
        }
        let why = Family::BOTH
            .into_iter()
            .zip(&decided.why)
            .filter(|(family, _)| match family {
                Family::V4 => before.a != after.a,
                Family::V6 => before.aaaa != after.aaaa,
            })
            .map(|(family, why)| format!("{}: {why}", family.as_str()))
            .collect::<Vec<_>>()
            .join("; ");
        let kind = HistoryKind::AnswerChanged {
            service: service.display_name(),
            from: spoken(plan, before),
            to: spoken(plan, after),
            why,
        };
        Self::tell(now, after.degraded().is_some(), kind, said);
    }

    fn tell_degraded(
        now: Now,
        service: &Service,
        desk: &mut Desk,
        decided: &Decided,
        said: &mut Vec<Effect>,
    ) {
        let what = decided.decision.degraded();
        if desk.said != what {
            desk.said.clone_from(&what);
            let kind = HistoryKind::Degraded {
                service: service.display_name(),
                what: what.clone(),
            };
            Self::tell(now, what.is_some(), kind, said);
        }
        let proposed = decided
            .proposal
            .as_ref()
            .map(|p| (p.active.clone(), p.proposed.clone()));
        if desk.proposed != proposed {
            desk.proposed.clone_from(&proposed);
            if let Some((active, proposed)) = proposed {
                let kind = HistoryKind::Proposed {
                    service: service.display_name(),
                    active,
                    proposed,
                };
                Self::tell(now, true, kind, said);
            }
        }
    }

    /// Keeps over restarts who is active in each failover group, and whether an operator put it there.
    pub(super) fn remember(
        &mut self,
        service: &Service,
        group: &Group,
        memory: &Memory,
        said: &mut Vec<Effect>,
    ) {
        if group.policy == Policy::Failover {
            for family in Family::BOTH {
                let Some(seat) = memory.seats.get(&(group.id, family)) else {
                    continue;
                };
                let Some(member) = seat.active.and_then(|active| group.members.get(active)) else {
                    continue;
                };
                let key = seat_key(service, group, family);
                self.keep(key.clone(), member_name(&self.plan.endpoints, member), said);
                let by_hand = if seat.by_hand { "yes" } else { "" };
                self.keep(by_hand_key(&key), by_hand.to_owned(), said);
            }
        }
        for Member { kind, .. } in &group.members {
            if let MemberKind::Pool(pool) = kind {
                self.remember(service, pool, memory, said);
            }
        }
    }

    pub(super) fn keep(&mut self, group: String, active: String, said: &mut Vec<Effect>) {
        let known = self.remembered.get(&group).map_or("", String::as_str);
        if known != active {
            said.push(Effect::Remember(Record::Active {
                group: group.clone(),
                active: active.clone(),
            }));
            self.remembered.insert(group, active);
        }
    }
}

/// Under which name it is kept that an operator put the active member there.
pub(super) fn by_hand_key(key: &str) -> String {
    format!("{key} by hand")
}

/// Under which name a group's active member is kept: `www.example.test`, `www.example.test/eu`; ` AAAA` is added for
/// that family, which is judged apart.
pub(super) fn seat_key(service: &Service, group: &Group, family: Family) -> String {
    let mut key = service.display_name();
    if let Some(pool) = &group.pool {
        key.push('/');
        key.push_str(pool);
    }
    if family == Family::V6 {
        key.push_str(" AAAA");
    }
    key
}

/// A choice in words: its addresses, or what stands in for them.
pub(super) fn choice_in_words(plan: &Plan, choice: &Choice) -> Vec<String> {
    match choice.pick {
        Pick::Fail => vec!["SERVFAIL".to_owned()],
        _ => {
            let addresses = choice.addresses.iter();
            addresses
                .map(|address| shown(&plan.endpoints, *address))
                .collect()
        }
    }
}

/// The first `most` addresses that may be answered, A before AAAA, and how many there are.
pub(super) fn answered_in_words(plan: &Plan, decision: &Decision, most: usize) -> (Vec<String>, usize) {
    let mut words = Vec::new();
    let mut total = 0;
    for choice in [&decision.a, &decision.aaaa] {
        if choice.pick == Pick::Fail {
            words.push("SERVFAIL".to_owned());
            total += 1;
            continue;
        }
        total += choice.addresses.len();
        for address in choice.addresses.iter().take(most.saturating_sub(words.len())) {
            words.push(shown(&plan.endpoints, *address));
        }
    }
    words.dedup();
    (words, total)
}

fn spoken(plan: &Plan, decision: &Decision) -> Vec<String> {
    let mut all = choice_in_words(plan, &decision.a);
    for word in choice_in_words(plan, &decision.aaaa) {
        if !all.contains(&word) {
            all.push(word);
        }
    }
    all
}
