//! An operator's word on who is the writer of an exclusive service, judged.

use crate::control::command::Switching;
use crate::control::effect::Refusal;
use crate::control::step::Control;
use crate::model::human;
use crate::model::service::{Handover, Service};
use crate::model::time::Now;
use crate::policy::exclusive::{Held, excepted, stands};
use crate::policy::readings::Family;
use crate::policy::tree::member_name;
use crate::policy::ttl::longest;

impl Control {
    /// Whether an operator may name `to`, and what that would do.
    pub(super) fn judge_writer(
        &self,
        now: Now,
        service: &Service,
        handover: Handover,
        to: Option<&str>,
        break_glass: bool,
    ) -> Result<Switching, Refusal> {
        let refuse = |rule, detail: String| Err(Refusal { rule, detail });
        let name = service.display_name();
        let eyes = self.eyes(now, false);
        let stands = stands(service, &self.plan.endpoints, &eyes);
        let label = |index: usize| {
            let member = service.group.members.get(index);
            member
                .map(|member| member_name(&self.plan.endpoints, member))
                .unwrap_or_default()
        };
        let desk = self.desks.get(service.id.index());
        let active = desk
            .and_then(|desk| desk.memory.seats.get(&(service.group.id, Family::V4)))
            .and_then(|seat| seat.active);
        let claims = |index: usize| stands.get(index).is_some_and(|stand| stand.claims);
        let chosen = match to {
            Some(to) => match (0..stands.len()).find(|index| label(*index) == to) {
                Some(index) => index,
                None => {
                    let names: Vec<String> = (0..stands.len()).map(label).collect();
                    return refuse(
                        "no-such-endpoint",
                        format!("{name} has no {to}; it has {}", names.join(", ")),
                    );
                }
            },
            None => match (0..stands.len()).find(|index| claims(*index) && active != Some(*index)) {
                Some(index) => index,
                None => {
                    return refuse(
                        "no-other-primary",
                        format!(
                            "no other endpoint of {name} claims to be the primary; promote one, then switch"
                        ),
                    );
                }
            },
        };
        let after = label(chosen);
        let Some(stand) = stands.get(chosen) else {
            return refuse("no-such-endpoint", format!("{name} has no {after}"));
        };
        if !stand.claims && !break_glass {
            return refuse(
                "not-primary",
                format!(
                    "{after} does not claim to be the primary ({}); promote it first, or name it all the same by \
                     --break-glass",
                    self.why_not(service, chosen)
                ),
            );
        }
        if stand.too_far && !break_glass {
            return refuse(
                "max-lag",
                format!(
                    "{after} was further behind than max_lag when it was last a standby: writes would be lost; \
                     --break-glass names it all the same"
                ),
            );
        }
        let excepted = excepted(&stands, chosen, handover);
        let held = self
            .ledger
            .held_but(&name, |address| excepted.contains(&address), now.moment);
        let ttl = desk
            .and_then(|desk| desk.last.as_ref())
            .map_or(longest(service.ttl), |last| last.lifetime.at(now.moment));
        let when = match held {
            Held::No => String::new(),
            Held::Still => format!(
                " in {} s, when caches have let go of the old answer",
                ttl.secs().saturating_add(1)
            ),
            Held::Until(until) => format!(
                " in {}, when caches have let go of the old answer",
                human::length(until.since(now.moment))
            ),
        };
        Ok(Switching {
            service: service.id,
            group: service.group.id,
            chosen,
            by_hand: !stand.claims,
            families: Family::BOTH.to_vec(),
            said: match active.map(label) {
                Some(before) if before == after => {
                    format!("{name}: {after} was the writer already and stays")
                }
                Some(before) => format!("{name}: {after} is the writer, {before} was; it is named{when}"),
                None => format!("{name}: {after} is the writer; it is named{when}"),
            },
            to: after,
        })
    }
}
