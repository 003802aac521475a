//! Programs of `on_failover` around their gate: started by hand, heard of at their end, moved over a reload; and those
//! that nothing waits for.

use std::collections::BTreeMap;

use crate::control::effect::{Effect, GateStage};
use crate::control::event::GateTicket;
use crate::control::gate::{Barrier, GateOrder, GateResult, actives, gate_of, tell_gate};
use crate::control::schedule::Due;
use crate::control::step::Control;
use crate::control::storing::{Asked, Awaiting};
use crate::control::watch::Desk;
use crate::model::id::ServiceId;
use crate::model::plan::Plan;
use crate::model::service::Service;
use crate::model::time::Now;
use crate::policy::decide::Decided;
use crate::policy::tree::member_name;

impl Control {
    /// A switch by hand of a service with a gate: run first. Whether it was taken over.
    pub(super) fn knock(
        &mut self,
        now: Now,
        service: ServiceId,
        to: &str,
        asked: &Asked,
        said: &mut Vec<Effect>,
    ) -> bool {
        let plan = self.plan.clone();
        let Some(service) = plan.services.get(service.index()) else {
            return false;
        };
        if asked.manner.break_glass || gate_of(service).is_none() {
            return false;
        }
        let Some(mut desk) = self.desks.get_mut(service.id.index()).map(std::mem::take) else {
            return false;
        };
        let from = actives(service, &desk.memory).into_iter().flatten().next();
        let from = from.and_then(|at| service.group.members.get(at));
        let from = from.map(|member| member_name(&plan.endpoints, member));
        let goes = from.as_deref().is_some_and(|from| from != to);
        if goes {
            let from = from.unwrap_or_default();
            self.cancel(
                now,
                &service.display_name(),
                &mut desk.gate,
                "an operator switches",
                said,
            );
            desk.gate.stuck = None;
            let why = format!("asked for by {}", asked.by);
            let hand = Some(asked.clone());
            self.start(now, service, &mut desk.gate, (&from, to), &why, hand, said);
        }
        if let Some(slot) = self.desks.get_mut(service.id.index()) {
            *slot = desk;
        }
        goes
    }

    /// A program has ended: a gate, or a hook that nothing waits for.
    pub(super) fn gated(
        &mut self,
        now: Now,
        ticket: GateTicket,
        result: GateResult,
        effects: &mut Vec<Effect>,
    ) {
        if let Some((service, from, to)) = self.hooks.remove(&ticket) {
            let (stage, text) = match result {
                GateResult::Passed(text) => (GateStage::HookRan, text),
                GateResult::Failed(text) => (GateStage::HookFailed, text),
            };
            return tell_gate(now, &service, (&from, &to), stage, text, effects);
        }
        let is_it = |desk: &Desk| {
            let running = desk.gate.running.as_ref();
            running.is_some_and(|running| running.ticket == ticket)
        };
        // One that was cancelled is not heard any more.
        if let Some(index) = self.desks.iter().position(is_it) {
            self.gate_ended(now, ServiceId::from_index(index), Some(result), effects);
        }
    }

    /// An operator's switch whose gate was passed: to the disk with it, as without a gate.
    pub(super) fn switch_after_gate(
        &mut self,
        now: Now,
        service: &str,
        to: String,
        asked: Asked,
        effects: &mut Vec<Effect>,
    ) {
        match self.judge_failover(now, service, Some(&to), false) {
            Ok(switch) => {
                let records = self.switch_records(&switch);
                let service = service.to_owned();
                self.persist(now, records, Awaiting::Failover { asked, service, to }, effects);
            }
            Err(refusal) => {
                let pair = ("", to.as_str());
                let text = format!("it was passed, but {refusal}");
                tell_gate(now, service, pair, GateStage::Cancelled, text, effects);
            }
        }
    }

    /// Runs a hook that nothing waits for, after a switch.
    pub(super) fn run_hook(
        &mut self,
        service: &Service,
        from: &str,
        to: &str,
        why: &str,
        said: &mut Vec<Effect>,
    ) {
        let Some(hook) = service.on_failover.as_ref().filter(|hook| !hook.gate) else {
            return;
        };
        self.last_gate = self.last_gate.wrapping_add(1);
        let ticket = GateTicket(self.last_gate);
        let name = service.display_name();
        self.hooks
            .insert(ticket, (name.clone(), from.to_owned(), to.to_owned()));
        said.push(Effect::Gate(Box::new(GateOrder {
            ticket,
            hook: hook.clone(),
            service: name,
            from: from.to_owned(),
            to: to.to_owned(),
            why: why.to_owned(),
        })));
    }

    /// After a decision: the hook of a switch that was made, once for both families.
    pub(super) fn hook_after(
        &mut self,
        service: &Service,
        before: [Option<usize>; 2],
        desk: &Desk,
        decided: &Decided,
        said: &mut Vec<Effect>,
    ) {
        let after = actives(service, &desk.memory);
        let name = |index: usize| {
            let member = service.group.members.get(index);
            member.map(|member| member_name(&self.plan.endpoints, member))
        };
        let mut pairs = before.into_iter().zip(after).zip(&decided.why);
        let switched = pairs.find_map(|((from, to), why)| {
            let (from, to) = (from?, to?);
            // The other family follows later: that is no switch of its own.
            (from != to && !before.contains(&Some(to))).then_some((name(from)?, name(to)?, why.clone()))
        });
        if let Some((from, to, why)) = switched {
            self.run_hook(service, &from, &to, &why, said);
        }
    }

    /// The gates of all services, by name: before a reload.
    pub(super) fn take_gates(&mut self, old: &Plan) -> BTreeMap<String, (ServiceId, Barrier)> {
        let mut gates = BTreeMap::new();
        for (service, desk) in old.services.iter().zip(&mut self.desks) {
            if service.on_failover.is_some() {
                let name = service.display_name().to_ascii_lowercase();
                gates.insert(name, (service.id, std::mem::take(&mut desk.gate)));
            }
        }
        gates
    }

    /// A new plan is in force: gates of services whose hook is the same go on, others are stopped.
    pub(super) fn move_gates(
        &mut self,
        now: Now,
        old: &Plan,
        mut gates: BTreeMap<String, (ServiceId, Barrier)>,
        effects: &mut Vec<Effect>,
    ) {
        let plan = self.plan.clone();
        for service in &plan.services {
            let Some((before, mut gate)) = gates.remove(&service.display_name().to_ascii_lowercase()) else {
                continue;
            };
            let before = old.services.get(before.index());
            if before.and_then(gate_of) != gate_of(service) {
                self.cancel(
                    now,
                    &service.display_name(),
                    &mut gate,
                    "the configuration has changed",
                    effects,
                );
                continue;
            }
            let runs = gate.running.iter().map(|running| running.until);
            for at in runs.chain(gate.stuck.iter().map(|stuck| stuck.again)) {
                self.schedule.enter(at, Due::Gate(service.id));
            }
            if let Some(desk) = self.desks.get_mut(service.id.index()) {
                desk.gate = gate;
            }
        }
        for (name, (_, mut gate)) in gates {
            self.cancel(now, &name, &mut gate, "the service is gone", effects);
        }
    }
}
