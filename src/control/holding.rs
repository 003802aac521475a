//! A decision behind a gate: the new one when no gate stands before it, else the old answer, which stands.

use crate::control::effect::Effect;
use crate::control::gate::{Barrier, actives};
use crate::control::step::Control;
use crate::control::watch::Desk;
use crate::model::service::Service;
use crate::model::time::{Moment, Now};
use crate::policy::all_down::OTHER;
use crate::policy::choice::{Degraded, Pick};
use crate::policy::decide::Decided;
use crate::policy::readings::Memory;
use crate::policy::tree::{Proposal, member_name};
use crate::policy::ttl::{Outlook, lifetime};
use crate::policy::witness::{Nobody, Witness};

/// A switch that is called for.
struct Wanted {
    from: String,
    to: String,
    /// Whether the other family is there already, through a gate.
    follows: bool,
}

impl Control {
    /// Decides a service whose switches have a gate: as ever, when no switch is called for or its gate was passed.
    pub(super) fn weigh_behind_gate(
        &mut self,
        now: Now,
        service: &Service,
        desk: &mut Desk,
        said: &mut Vec<Effect>,
    ) -> Decided {
        let mut memory = desk.memory.clone();
        let free = self.weigh_true(service, &mut memory, desk.fresh, now);
        let wanted = self.switches(service, desk, &memory);
        // Whoever was let through and is not wanted any more has to pass again.
        desk.gate
            .passed
            .retain(|passed| wanted.iter().any(|one| one.to == *passed));
        let Some(first) = wanted
            .iter()
            .find(|one| !one.follows && !desk.gate.passed.contains(&one.to))
        else {
            match wanted.first() {
                None => self.at_rest(now, service, &mut desk.gate, said),
                Some(one) => {
                    if desk
                        .gate
                        .running
                        .as_ref()
                        .is_some_and(|running| running.hand.is_none())
                    {
                        let why = format!("{} is active", one.to);
                        self.cancel(now, &service.display_name(), &mut desk.gate, &why, said);
                    }
                    desk.gate.entered = Some(one.to.clone());
                    desk.gate.passed.clear();
                    desk.gate.stuck = None;
                    desk.gate.holds = false;
                }
            }
            desk.memory = memory;
            return free;
        };
        self.admit(
            now,
            service,
            &mut desk.gate,
            (&first.from, &first.to),
            free.why.first().map_or("", String::as_str),
            said,
        );
        desk.gate.holds = true;
        self.hold(now, service, desk, (&first.from, &first.to), free.wake)
    }

    /// The switches between what is remembered and `memory`.
    fn switches(&self, service: &Service, desk: &Desk, memory: &Memory) -> Vec<Wanted> {
        let before = actives(service, &desk.memory);
        let name = |index: usize| {
            let member = service.group.members.get(index);
            member
                .map(|member| member_name(&self.plan.endpoints, member))
                .unwrap_or_default()
        };
        before
            .into_iter()
            .zip(actives(service, memory))
            .filter_map(|(from, to)| {
                let (from, to) = (from?, to?);
                (from != to).then(|| Wanted {
                    from: name(from),
                    to: name(to),
                    follows: before.contains(&Some(to)) && desk.gate.entered == Some(name(to)),
                })
            })
            .collect()
    }

    /// No switch is called for, or no more: what runs is stopped, unless an operator asked for it.
    pub(super) fn at_rest(
        &mut self,
        now: Now,
        service: &Service,
        gate: &mut Barrier,
        said: &mut Vec<Effect>,
    ) {
        if gate
            .running
            .as_ref()
            .is_some_and(|running| running.hand.is_none())
        {
            self.cancel(
                now,
                &service.display_name(),
                gate,
                "the switch is not called for any more",
                said,
            );
        }
        gate.passed.clear();
        gate.stuck = None;
        gate.holds = false;
    }

    /// The old answer, while a gate stands before the new one.
    fn hold(
        &self,
        now: Now,
        service: &Service,
        desk: &mut Desk,
        (from, to): (&str, &str),
        wake: Option<Moment>,
    ) -> Decided {
        let current = desk.memory.current.clone();
        let mut kept = self.weigh_held(service, &mut desk.memory, desk.fresh, now, &mut Nobody);
        if let [Some(a), Some(aaaa)] = &current {
            kept.decision.a = a.clone();
            kept.decision.aaaa = aaaa.clone();
            if let Some(before) = &desk.decided {
                kept.answered.clone_from(&before.answered);
            }
        }
        let stuck = desk.gate.stuck.is_some() && desk.gate.running.is_none();
        let text = match stuck {
            true => format!("the gate of {to} was not passed; {from} stays"),
            false => format!("the switch to {to} waits for its gate"),
        };
        let decision = &mut kept.decision;
        desk.memory.current = [Some(decision.a.clone()), Some(decision.aaaa.clone())];
        decision.said = [&decision.a, &decision.aaaa].map(|choice| {
            (choice.pick != Pick::Nothing).then(|| Degraded {
                code: OTHER,
                text: text.clone(),
            })
        });
        // It may change at any moment.
        decision.lifetime = lifetime(
            service.ttl,
            Outlook {
                in_doubt: true,
                flip: now.moment,
            },
        );
        kept.proposal = stuck.then(|| Proposal {
            active: from.to_owned(),
            proposed: to.to_owned(),
        });
        kept.why = [text.clone(), text];
        kept.all_down = [false; 2];
        kept.wake = wake;
        kept
    }

    /// Decides as if nobody might leave the seat of the service's own group, whatever operators laid upon endpoints.
    pub(super) fn weigh_held<W: Witness>(
        &self,
        service: &Service,
        memory: &mut Memory,
        fresh: bool,
        now: Now,
        told: &mut W,
    ) -> Decided {
        memory.held = true;
        let kept = self.weigh_as(&[], service, memory, fresh, now, told);
        memory.held = false;
        kept
    }
}
