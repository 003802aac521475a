//! Obeys operators, or says which rule stands against it.

use crate::control::effect::{Done, Effect, HistoryKind, Refusal};
use crate::control::event::{Command, CommandTicket};
use crate::control::step::Control;
use crate::model::id::TargetId;
use crate::model::service::{Policy, Service};
use crate::model::time::Now;
use crate::policy::decide::members_up;
use crate::policy::readings::Family;
use crate::policy::tree::member_name;

impl Control {
    pub(super) fn obey(
        &mut self,
        now: Now,
        ticket: CommandTicket,
        by: &str,
        command: Command,
        effects: &mut Vec<Effect>,
    ) {
        let Command::Failover { service, to } = command;
        let result = self.fail_over(now, &service, to.as_deref());
        // What was obeyed is published before it is acknowledged.
        if let Ok(Done(what)) = &result {
            self.publish(now, effects);
            let kind = HistoryKind::Commanded {
                by: by.to_owned(),
                what: what.clone(),
            };
            Self::tell(now, false, kind, effects);
        }
        effects.push(Effect::Answer(ticket, result));
    }

    /// Switches by hand. The operator's choice stays, whatever `failback` says, until it goes down, another command
    /// comes, or it is the most preferred one anyway.
    fn fail_over(&mut self, now: Now, name: &str, to: Option<&str>) -> Result<Done, Refusal> {
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
        if let Some(desk) = self.desks.get_mut(service.id.index()) {
            for (family, up) in &up {
                if up.get(chosen) == Some(&true) {
                    let seat = desk.memory.seats.entry((group.id, *family)).or_default();
                    seat.active = Some(chosen);
                    seat.by_hand = first != Some(chosen);
                }
            }
        }
        self.mark(service.id);
        Ok(Done(match before {
            Some(before) if before != after => format!("{name}: {after} is active now, {before} was"),
            Some(_) => format!("{name}: {after} was active already and stays"),
            None => format!("{name}: {after} is active now"),
        }))
    }

    /// Per family that the service has: which members of its own group are up.
    fn up_by_family(&self, service: &Service, now: Now) -> Vec<(Family, Vec<bool>)> {
        let readings = |target: TargetId| self.reading(target, now, false);
        let Some(desk) = self.desks.get(service.id.index()) else {
            return Vec::new();
        };
        Family::BOTH
            .into_iter()
            .filter_map(|family| {
                let up = members_up(
                    service,
                    &self.plan.endpoints,
                    &readings,
                    family,
                    &desk.memory,
                    now,
                )?;
                Some((family, up))
            })
            .collect()
    }

    fn why_not(&self, service: &Service, index: usize) -> String {
        let mut endpoints = Vec::new();
        if let Some(member) = service.group.members.get(index) {
            match &member.kind {
                crate::model::service::MemberKind::Endpoint(id) => endpoints.push(*id),
                crate::model::service::MemberKind::Pool(pool) => {
                    crate::policy::tree::endpoints_of(pool, &mut endpoints);
                }
            }
        }
        let reasons: Vec<String> = endpoints
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
            })
            .collect();
        reasons.join(", ")
    }
}
