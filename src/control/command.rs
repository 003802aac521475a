//! Obeys operators, or says which rule stands against it.

use crate::control::deciding::{by_hand_key, seat_key};
use crate::control::effect::{Done, Effect, Record, Refusal};
use crate::control::event::Command;
use crate::control::hand::Wish;
use crate::control::overrides::Override;
use crate::control::step::Control;
use crate::control::storing::{Asked, Awaiting, not_stored, unless_kept, writer_not_stored};
use crate::model::id::{GroupId, ServiceId};
use crate::model::service::{Policy, Service};
use crate::model::time::Now;
use crate::policy::decide::members_up;
use crate::policy::readings::Family;
use crate::policy::tree::member_name;

/// A switch by hand.
pub(super) struct Switching {
    pub service: ServiceId,
    pub group: GroupId,
    /// Index of the member that shall be active, and its name.
    pub chosen: usize,
    pub to: String,
    /// Whether a preferred one is left for it.
    pub by_hand: bool,
    /// In which it is up.
    pub families: Vec<Family>,
    pub said: String,
}

impl Control {
    pub(super) fn obey(&mut self, now: Now, asked: Asked, command: Command, effects: &mut Vec<Effect>) {
        let (service, to) = match command {
            Command::Failover { service, to } => (service, to),
            Command::Force {
                kind,
                select,
                reason,
                lasting,
            } => {
                let wish = Wish {
                    kind,
                    select,
                    reason,
                    lasting,
                };
                return self.force(now, asked, wish, effects);
            }
            Command::Drill(order) => return self.drill(now, asked, order, effects),
            Command::CancelDrill(id) => return self.cancel_drill(now, &asked, id, effects),
            Command::Release { select } => return self.release(now, asked, select, effects),
        };
        match self.judge_failover(now, &service, to.as_deref(), asked.manner.break_glass) {
            Err(refusal) => effects.push(Effect::Answer(asked.ticket, Err(refusal))),
            Ok(switch) if asked.manner.dry_run => {
                effects.push(Effect::Answer(
                    asked.ticket,
                    Ok(Done(format!("would do: {}", switch.said))),
                ));
            }
            Ok(switch) if self.knock(now, switch.service, &switch.to, &asked, effects) => {
                let said = format!("{service}: {} is active when its gate was passed", switch.to);
                effects.push(Effect::Answer(asked.ticket, Ok(Done(said))));
            }
            Ok(switch) => {
                let to = switch.to.clone();
                let awaiting = Awaiting::Failover { asked, service, to };
                let records = self.switch_records(&switch);
                self.persist(now, records, awaiting, effects);
            }
        }
    }

    /// The disk has spoken: the switch is made, when it still stands to reason.
    pub(super) fn fail_over_now(
        &mut self,
        now: Now,
        asked: &Asked,
        service: &str,
        to: &str,
        stored: Result<(), String>,
        effects: &mut Vec<Effect>,
    ) {
        let judged = match &stored {
            // A writer that a restart forgets would be a second one: no glass covers that.
            Err(reason) if self.is_exclusive(service) => Err(writer_not_stored(reason)),
            Err(reason) if !asked.manner.break_glass => Err(not_stored(reason)),
            _ => self.judge_failover(now, service, Some(to), asked.manner.break_glass),
        };
        let result = judged.map(|switch| {
            if stored.is_ok() {
                for record in self.switch_records(&switch) {
                    if let Record::Active { group, active } = record {
                        self.remembered.insert(group, active);
                    }
                }
            }
            self.make_switch(&switch);
            Done(format!("{}{}", switch.said, unless_kept(&stored)))
        });
        if result.is_err() {
            self.disown(service);
        }
        self.acknowledge(now, asked, vec![service.to_owned()], result, effects);
    }

    /// What must survive of a switch: as [`Control::remember`] keeps it.
    pub(super) fn switch_records(&self, switch: &Switching) -> Vec<Record> {
        let Some(service) = self.plan.services.get(switch.service.index()) else {
            return Vec::new();
        };
        if service.exclusive.is_some() {
            return self.writer_records(service, &switch.to, switch.by_hand);
        }
        let keys = switch
            .families
            .iter()
            .map(|family| seat_key(service, &service.group, *family));
        keys.flat_map(|group| {
            let by_hand = Record::Active {
                group: by_hand_key(&group),
                active: if switch.by_hand { "yes" } else { "" }.to_owned(),
            };
            let active = switch.to.clone();
            [Record::Active { group, active }, by_hand]
        })
        .collect()
    }

    fn is_exclusive(&self, service: &str) -> bool {
        let service = self.plan.service_named(service);
        service.is_some_and(|service| service.exclusive.is_some())
    }

    /// The disk may hold what was not done: who is active is written again.
    fn disown(&mut self, service: &str) {
        let plan = self.plan.clone();
        if let Some(service) = plan.service_named(service) {
            for family in Family::BOTH {
                let key = seat_key(service, &service.group, family);
                self.remembered.remove(&by_hand_key(&key));
                self.remembered.remove(&key);
            }
            self.mark(service.id);
        }
    }

    /// Puts the operator's choice on its seats. It stays, whatever `failback` says, until it goes down, another command
    /// comes, or it is the most preferred one anyway.
    fn make_switch(&mut self, switch: &Switching) {
        if let Some(desk) = self.desks.get_mut(switch.service.index()) {
            for family in &switch.families {
                let seat = desk.memory.seats.entry((switch.group, *family)).or_default();
                seat.active = Some(switch.chosen);
                seat.by_hand = switch.by_hand;
            }
        }
        self.give_way(switch.service);
        self.mark(switch.service);
    }

    /// Whether a switch by hand stands to reason, and what it would do.
    pub(super) fn judge_failover(
        &self,
        now: Now,
        name: &str,
        to: Option<&str>,
        break_glass: bool,
    ) -> Result<Switching, Refusal> {
        let refuse = |rule, detail: String| Err(Refusal { rule, detail });
        if !self.opened {
            return refuse(
                "starting",
                "first verdicts are still awaited; try again in a few seconds".to_owned(),
            );
        }
        let plan = self.plan.clone();
        let Some(service) = plan.service_named(name) else {
            return refuse(
                "no-such-service",
                format!("no service is named {name}; `pointsman status` lists them"),
            );
        };
        let group = &service.group;
        if group.policy != Policy::Failover {
            return refuse(
                "not-failover",
                format!(
                    "{name} has policy {}; only failover services have an active endpoint",
                    group.policy.as_str()
                ),
            );
        }
        if let Some(handover) = service.exclusive {
            return self.judge_writer(now, service, handover, to, break_glass);
        }
        let names: Vec<String> = group
            .members
            .iter()
            .map(|member| member_name(&plan.endpoints, member))
            .collect();
        let up = self.up_by_family(service, now);
        let is_up = |index: usize| up.iter().any(|(_, up)| up.get(index) == Some(&true));
        let seat = |family| {
            self.desks
                .get(service.id.index())
                .and_then(|desk| desk.memory.seats.get(&(group.id, family)))
        };
        let active = up
            .iter()
            .find_map(|(family, _)| seat(*family).and_then(|seat| seat.active));
        let first = (0..names.len()).find(|index| is_up(*index));
        let chosen = match to {
            Some(to) => match names.iter().position(|name| name == to) {
                None => {
                    return refuse(
                        "no-such-endpoint",
                        format!("{name} has no {to}; it has {}", names.join(", ")),
                    );
                }
                Some(index) if !is_up(index) => {
                    return refuse(
                        "not-healthy",
                        format!("{to} is not up: {}", self.why_not(service, index)),
                    );
                }
                Some(index) => index,
            },
            None => {
                let better = first.filter(|first| active != Some(*first));
                let next = || {
                    let after = active.map_or(0, |active| active.saturating_add(1));
                    (after..names.len()).find(|index| is_up(*index))
                };
                match better.or_else(next) {
                    Some(index) => index,
                    None => {
                        return refuse("no-healthy-standby", format!("no other endpoint of {name} is up"));
                    }
                }
            }
        };
        let label = |index: usize| names.get(index).cloned().unwrap_or_default();
        let before = active.map(label);
        let after = label(chosen);
        let families = up
            .iter()
            .filter(|(_, up)| up.get(chosen) == Some(&true))
            .map(|(family, _)| *family)
            .collect();
        Ok(Switching {
            service: service.id,
            group: group.id,
            chosen,
            to: after.clone(),
            by_hand: first != Some(chosen),
            families,
            said: match before {
                Some(before) if before != after => format!("{name}: {after} is active now, {before} was"),
                Some(_) => format!("{name}: {after} was active already and stays"),
                None => format!("{name}: {after} is active now"),
            },
        })
    }

    /// Per family that the service has: which members of its own group are up.
    fn up_by_family(&self, service: &Service, now: Now) -> Vec<(Family, Vec<bool>)> {
        let eyes = self.eyes(now, false);
        let Some(desk) = self.desks.get(service.id.index()) else {
            return Vec::new();
        };
        Family::BOTH
            .into_iter()
            .filter_map(|family| {
                let up = members_up(service, &self.plan.endpoints, &eyes, family, &desk.memory, now)?;
                Some((family, up))
            })
            .collect()
    }

    pub(super) fn why_not(&self, service: &Service, index: usize) -> String {
        let mut endpoints = Vec::new();
        if let Some(member) = service.group.members.get(index) {
            match &member.kind {
                crate::model::service::MemberKind::Endpoint(id) => endpoints.push(*id),
                crate::model::service::MemberKind::Pool(pool) => {
                    crate::policy::tree::endpoints_of(pool, &mut endpoints);
                }
            }
        }
        let mut reasons: Vec<String> = endpoints
            .iter()
            .filter_map(|id| self.overrides.upon(*id))
            .filter(|over| over.kind.removes())
            .map(Override::words)
            .collect();
        let probed = endpoints
            .iter()
            .filter_map(|id| self.plan.endpoints.get(id.index()))
            .flat_map(|endpoint| endpoint.addresses.iter())
            .filter_map(|address| Some((address.address, address.target?)))
            .map(|(address, target)| {
                let text = self.evidence_text(target);
                let state = self
                    .watches
                    .get(target.index())
                    .map_or("unknown", |watch| watch.tier().as_str());
                if text.is_empty() {
                    format!("{address} is {state}")
                } else {
                    format!("{address} is {state} ({text})")
                }
            });
        reasons.extend(probed);
        reasons.join(", ")
    }
}
