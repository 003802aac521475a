//! Whether a drill may be: which rule stands against it, or what it would do.

use std::time::Duration;

use crate::control::deciding::seat_key;
use crate::control::drill::{Drill, Order, State, StoredDrill, Twins};
use crate::control::effect::Refusal;
use crate::control::gate::gate_of;
use crate::control::promise::{Expectation, PUBLISH, Promise};
use crate::control::step::Control;
use crate::control::storing::Asked;
use crate::model::force::ForceKind;
use crate::model::human;
use crate::model::id::EndpointId;
use crate::model::plan::Plan;
use crate::model::service::{Group, MemberKind, Policy, Service, Switch};
use crate::model::time::{Moment, Now};
use crate::policy::choice::{Choice, Pick};
use crate::policy::readings::{Family, Forced, Memory, Tier};
use crate::policy::tree::endpoints_of;
use crate::policy::witness::Nobody;

/// A rehearsal that is left running for longer is an outage of its own.
const LONGEST: Duration = Duration::from_secs(3600);

fn refuse<T>(rule: &'static str, detail: impl Into<String>) -> Result<T, Refusal> {
    let detail = detail.into();
    Err(Refusal { rule, detail })
}

/// What is promised of a hard failure of `service`, when it is one that can be rehearsed at all.
///
/// # Errors
/// The rule that stands against it, now and ever.
pub fn rehearsable(plan: &Plan, service: &Service) -> Result<Expectation, Refusal> {
    let name = service.display_name();
    if service.exclusive.is_some() {
        return refuse(
            "exclusive",
            format!(
                "{name} is exclusive: while its writer seems to fail but lives, no other may be named, and a rehearsal \
                 would leave it without one; rehearse the promotion with its own tools, then `pointsman failover`"
            ),
        );
    }
    if service.switch == Switch::Manual {
        return refuse(
            "switch-manual",
            format!(
                "switch = \"manual\": nothing of {name} would change by itself; rehearse `pointsman failover {name}`"
            ),
        );
    }
    if gate_of(service).is_some() {
        return refuse(
            "gate",
            format!(
                "a switch of {name} runs its gate first, and a rehearsal runs none: clients would be sent to what nobody has \
                 promoted; rehearse the gate with `pointsman failover {name}`"
            ),
        );
    }
    if depends_on_client(&service.group) {
        return refuse(
            "by-client",
            format!(
                "{name} answers each client by where it is, and a rehearsal asks from this host alone: it would show \
                 nothing of the others"
            ),
        );
    }
    match Promise::of(plan, service) {
        Promise::Automatic { hard, .. } => Ok(hard),
        Promise::Manual { .. } | Promise::Unchecked => refuse(
            "not-checked",
            format!("nothing of {name} is probed: a failure of it would never be noticed"),
        ),
    }
}

/// How long it shall last: long enough to see anything, and no outage of its own.
fn judge_length(promised: &Expectation, name: &str, lasting: Duration) -> Result<(), Refusal> {
    let least = promised.detection.saturating_add(PUBLISH);
    if lasting < least {
        return refuse(
            "too-short",
            format!(
                "a failure of {name} may take {:.1} s to be detected and answered; give it longer: --for {}s",
                least.as_secs_f64(),
                least.as_secs() + 5
            ),
        );
    }
    if lasting > LONGEST {
        return refuse(
            "too-long",
            format!("a drill lasts {} at the most", human::length(LONGEST)),
        );
    }
    Ok(())
}

impl Control {
    /// The drill that `order` asks for, as it would begin now.
    pub(super) fn judge_drill(&self, now: Now, asked: &Asked, order: &Order) -> Result<Drill, Refusal> {
        if !self.opened {
            return refuse(
                "starting",
                "first verdicts are still awaited; try again in a few seconds",
            );
        }
        let Some(service) = self.plan.service_named(&order.service) else {
            let name = &order.service;
            return refuse(
                "no-such-service",
                format!("no service is named {name}; `pointsman status` lists them"),
            );
        };
        let name = service.display_name();
        if let Some(drill) = &self.drill {
            let (id, other) = (drill.stored.id, &drill.stored.service);
            return refuse(
                "drill-running",
                format!("drill {id} of {other} is going on; one at a time, so that each shows one thing"),
            );
        }
        if self.isolation.is_frozen() {
            return refuse(
                "isolated",
                "this node seems to be cut off: no state changes now, and none can be rehearsed",
            );
        }
        judge_length(&rehearsable(&self.plan, service)?, &name, order.lasting)?;
        let desk = self.desks.get(service.id.index());
        let memory = desk.map(|desk| desk.memory.clone()).unwrap_or_default();
        let endpoint = self.judge_drilled(now, service, &name, order.endpoint.as_deref())?;
        let twins = self.twins_of(endpoint);
        let standby = self.judge_standby(now, service, &name, endpoint, &twins, &memory)?;
        if !asked.manner.break_glass {
            let before = &self.overrides.forced;
            let mut after = before.clone();
            after.resize(self.plan.endpoints.len(), None);
            if let Some(slot) = after.get_mut(endpoint.index()) {
                *slot = Some(Forced {
                    kind: ForceKind::Down,
                    until: Moment::FAR,
                });
            }
            self.judge_safety(now, &[service], before, &after)?;
        }
        let until = now.moment.after(order.lasting);
        let mut before = Vec::new();
        self.seats_in_words(service, &service.group, &mut before);
        Ok(Drill {
            stored: StoredDrill {
                id: order.id,
                service: name,
                endpoint: self.endpoint_name(endpoint),
                by: asked.by.clone(),
                reason: order.reason.clone(),
                scheduled: order.scheduled,
                before,
                started: now.wall,
                until: now.wall.after(order.lasting),
                state: State::Running,
                why: String::new(),
                report: None,
            },
            service: service.id,
            endpoint,
            began: now.moment,
            until,
            twins,
            memory,
            standby,
            failed: false,
            detected: false,
            answered: false,
            again: None,
            touched: false,
        })
    }

    /// Which endpoint shall seem to fail: it is well, answered, and nobody's hand lies upon it.
    fn judge_drilled(
        &self,
        now: Now,
        service: &Service,
        name: &str,
        wanted: Option<&str>,
    ) -> Result<EndpointId, Refusal> {
        let Some(decided) = self.judged(now, service.id) else {
            return refuse("no-such-service", format!("no service is named {name}"));
        };
        if let Some(what) = decided.decision.degraded() {
            return refuse(
                "degraded",
                format!("{name} is not answered as it should be even now: {what}"),
            );
        }
        let mut all = Vec::new();
        endpoints_of(&service.group, &mut all);
        let is = |id: &&EndpointId, wanted: &str| self.endpoint_name(**id) == wanted;
        let endpoint = match wanted {
            Some(wanted) => match all.iter().find(|id| is(id, wanted)) {
                Some(id) if decided.answered.contains(id) => *id,
                Some(_) => {
                    return refuse(
                        "not-answered",
                        format!("{wanted} is not answered now: nothing would change if it failed"),
                    );
                }
                None => {
                    return refuse("no-such-endpoint", format!("{name} has no endpoint {wanted}"));
                }
            },
            None => match all.iter().find(|id| decided.answered.contains(id)) {
                Some(id) => *id,
                None => return refuse("not-answered", format!("no endpoint of {name} is answered now")),
            },
        };
        let called = self.endpoint_name(endpoint);
        if let Some(over) = self.overrides.upon(endpoint) {
            return refuse(
                "override",
                format!(
                    "{called} is {}: its probes decide nothing; release it first",
                    over.words()
                ),
            );
        }
        let Some(described) = self.plan.endpoints.get(endpoint.index()) else {
            return refuse("no-such-endpoint", format!("{name} has no endpoint {called}"));
        };
        if let Some(bare) = described.addresses.iter().find(|known| known.target.is_none()) {
            return refuse(
                "not-checked",
                format!(
                    "{} of {called} is not probed: its failure would never be noticed",
                    bare.address
                ),
            );
        }
        if let Some(trouble) = self.trouble_of(now, endpoint) {
            return refuse(
                "not-well",
                format!("{called} is not well even now: {trouble}; that is no time for a rehearsal"),
            );
        }
        Ok(endpoint)
    }

    /// Who would answer if `endpoint` failed: in each family that it answers, and all of them really well.
    fn judge_standby(
        &self,
        now: Now,
        service: &Service,
        name: &str,
        endpoint: EndpointId,
        twins: &Twins,
        memory: &Memory,
    ) -> Result<Vec<EndpointId>, Refusal> {
        let called = self.endpoint_name(endpoint);
        let mut failed = twins.clone();
        for twin in failed.values_mut() {
            twin.suppose_down(now);
        }
        let (mut memory, mut unchanged) = (memory.clone(), memory.clone());
        let before = self.weigh_true(service, &mut unchanged, false, now);
        let after = self.weigh_rehearsed(&failed, service, &mut memory, false, now, &mut Nobody);
        let none = |detail: String| refuse("no-healthy-standby", detail);
        for (index, family) in Family::BOTH.into_iter().enumerate() {
            let (had, has) = match family {
                Family::V4 => (&before.decision.a, &after.decision.a),
                Family::V6 => (&before.decision.aaaa, &after.decision.aaaa),
            };
            if is_empty(had) {
                continue;
            }
            let why = after.why.get(index).cloned().unwrap_or_default();
            if after.all_down.get(index) == Some(&true) || is_empty(has) {
                let mut others = Vec::new();
                endpoints_of(&service.group, &mut others);
                let mut states: Vec<String> = others
                    .iter()
                    .filter(|id| **id != endpoint)
                    .map(|id| format!("{} {}", self.endpoint_name(*id), self.state_in_words(now, *id)))
                    .collect();
                if states.is_empty() {
                    states.push("there is no other endpoint".to_owned());
                }
                return none(format!(
                    "if {called} failed, nothing healthy of {name} would answer {}: {}",
                    family.as_str(),
                    states.join("; ")
                ));
            }
            if after.answered.contains(&endpoint) {
                return none(format!(
                    "if {called} failed, {name} would go on answering it: {why}"
                ));
            }
        }
        if let Some(what) = after.decision.degraded() {
            return none(format!(
                "if {called} failed, {name} would not be answered as it should be: {what}"
            ));
        }
        for standby in &after.answered {
            let other = self.endpoint_name(*standby);
            if let Some(over) = self.overrides.upon(*standby) {
                return refuse(
                    "override",
                    format!(
                        "{other} would answer instead, and is {}: that shows nothing of a real failover; release it first",
                        over.words()
                    ),
                );
            }
            if let Some(trouble) = self.trouble_of(now, *standby) {
                return none(format!(
                    "{other} would answer instead of {called}, and is not known to be well: {trouble}"
                ));
            }
        }
        Ok(after.answered)
    }

    /// Why an endpoint is less than certainly well; `None`: its probes say that it is.
    pub(super) fn trouble_of(&self, now: Now, endpoint: EndpointId) -> Option<String> {
        let described = self.plan.endpoints.get(endpoint.index())?;
        for known in &described.addresses {
            let Some(target) = known.target else {
                return Some(format!("{} is not probed", known.address));
            };
            let reading = self.reading(target, now, false);
            if reading.tier != Tier::Up {
                return Some(format!("{} is {}", known.address, reading.tier.as_str()));
            }
            if !reading.alive {
                return Some(format!("{} has not answered any probe", known.address));
            }
            if reading.in_doubt {
                return Some(format!("{} has just failed a probe", known.address));
            }
        }
        described
            .addresses
            .is_empty()
            .then(|| "its name was not resolved".to_owned())
    }

    fn state_in_words(&self, now: Now, endpoint: EndpointId) -> String {
        if let Some(over) = self.overrides.upon(endpoint)
            && over.kind.removes()
        {
            return format!("is {}", over.words());
        }
        let trouble = self.trouble_of(now, endpoint);
        trouble.map_or_else(|| "is up".to_owned(), |trouble| format!("({trouble})"))
    }

    pub(super) fn endpoint_name(&self, endpoint: EndpointId) -> String {
        let endpoint = self.plan.endpoints.get(endpoint.index());
        endpoint.map_or_else(String::new, |endpoint| endpoint.name.clone())
    }

    /// Who is active in each failover group of a service.
    fn seats_in_words(&self, service: &Service, group: &Group, into: &mut Vec<(String, String)>) {
        for family in Family::BOTH {
            let key = seat_key(service, group, family);
            if let Some(active) = self.remembered.get(&key) {
                into.push((key, active.clone()));
            }
        }
        for member in &group.members {
            if let MemberKind::Pool(pool) = &member.kind {
                self.seats_in_words(service, pool, into);
            }
        }
    }
}

fn is_empty(choice: &Choice) -> bool {
    matches!(choice.pick, Pick::Nothing | Pick::Fail)
}

/// Whether any group answers each client by who it is.
fn depends_on_client(group: &Group) -> bool {
    let own = matches!(group.policy, Policy::Sticky(_) | Policy::Subnet | Policy::Geo);
    own || group.members.iter().any(|member| match &member.kind {
        MemberKind::Pool(pool) => depends_on_client(pool),
        MemberKind::Endpoint(_) => false,
    })
}
