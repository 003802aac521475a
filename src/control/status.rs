//! What each service answers now and why, and how its endpoints stand: data for tables, for the API, for people.

use serde::{Deserialize, Serialize};

use crate::control::deciding::choice_in_words;
use crate::control::gate::GateStatus;
use crate::control::listing::ForcedStatus;
use crate::control::probe_status::ProbeStatus;
use crate::control::step::Control;
use crate::control::watch::Desk;
use crate::model::cname::shown;
use crate::model::id::EndpointId;
use crate::model::plan::Plan;
use crate::model::service::{Failback, Families, Policy, Service, Switch, TtlRule, WhenAllDown};
use crate::model::time::Now;
use crate::policy::choice::tree::Node;
use crate::policy::choice::{Choice, Decision, Pick};
use crate::policy::readings::Family;
use crate::policy::tree::{endpoints_of, member_name};

/// One service.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct ServiceStatus {
    /// `www.example.test`.
    pub service: String,
    /// `failover`, `weighted`, `all`.
    pub policy: &'static str,
    /// `auto`, `manual`.
    pub switch: &'static str,
    /// `auto`, `manual`, `after 300s`.
    pub failback: String,
    /// As written in a zone file.
    pub when_all_down: String,
    /// `apart`, `together`.
    pub families: &'static str,
    /// The active member of a failover service's own group, when both families agree on it or only one has any.
    pub active: Option<String>,
    /// Whether an operator put it there.
    pub by_hand: bool,
    /// What type A answers.
    pub a: AnswerStatus,
    /// What type AAAA answers.
    pub aaaa: AnswerStatus,
    /// TTL of an answer given now, in seconds.
    pub ttl: u32,
    /// `fixed`, `stable`, `strict`.
    pub ttl_mode: &'static str,
    /// What the extended error says; `None`: all is as it should be.
    pub degraded: Option<String>,
    /// Who should be active, when an operator must switch.
    pub proposed: Option<String>,
    /// What the gate before a switch is doing; `None`: nothing.
    pub gate: Option<GateStatus>,
    /// In the order written.
    pub endpoints: Vec<EndpointStatus>,
}

/// What is answered for one family.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AnswerStatus {
    /// Every address that may be answered.
    pub addresses: Vec<String>,
    /// `nothing`, `servfail`, `fixed`, `rotate 2 of 3`, `weighted`.
    pub pick: String,
    /// Why.
    pub why: String,
}

/// One endpoint.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct EndpointStatus {
    /// Its name.
    pub name: String,
    /// Whether it may be answered now.
    pub answered: bool,
    /// The name elsewhere that its addresses come from; `None`: they are written.
    pub alias: Option<AliasStatus>,
    /// In the order written.
    pub addresses: Vec<AddressStatus>,
    /// What an operator laid upon it; what its probes say stands with the addresses all the same.
    pub forced: Option<ForcedStatus>,
}

/// An endpoint's name elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct AliasStatus {
    /// `lb.example.net`
    pub name: String,
    /// Why it cannot be resolved now; `None`: it can.
    pub trouble: Option<String>,
    /// In that case how old the addresses are that are kept, in milliseconds; `None`: there never were any.
    pub kept_for_ms: Option<u64>,
}

/// One address of an endpoint.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct AddressStatus {
    /// What is answered.
    pub address: String,
    /// What its probes say; `None` without a check.
    pub probe: Option<ProbeStatus>,
    /// For how long, in milliseconds, compliant caches may still hold it although it is answered no more; `None` while
    /// it is answered, and when no cache can hold it.
    pub cached_ms: Option<u64>,
    /// What is probed besides, by `shadow_check`, and counts for nothing.
    pub shadow: Option<ProbeStatus>,
}

impl Control {
    /// Every service, in the plan's order.
    #[must_use]
    pub fn status(&self, now: Now) -> Vec<ServiceStatus> {
        self.plan
            .services
            .iter()
            .map(|service| self.service_status(service, now))
            .collect()
    }

    /// One service of the plan.
    #[must_use]
    pub fn service_status(&self, service: &Service, now: Now) -> ServiceStatus {
        let nothing = Desk::default();
        let desk = self.desks.get(service.id.index()).unwrap_or(&nothing);
        let answer = |family: Family| {
            let choice = desk.last.as_ref().map(|decision| match family {
                Family::V4 => &decision.a,
                Family::V6 => &decision.aaaa,
            });
            let why = desk
                .decided
                .as_ref()
                .and_then(|decided| decided.why.get(family.index()).cloned());
            answer_status(&self.plan, choice, why)
        };
        let mut ids = Vec::new();
        endpoints_of(&service.group, &mut ids);
        let answered = desk.decided.as_ref().map_or(&[][..], |decided| &decided.answered);
        let (active, by_hand) = self.active(service, desk);
        ServiceStatus {
            service: service.display_name(),
            policy: service.group.policy.as_str(),
            switch: match service.switch {
                Switch::Auto => "auto",
                Switch::Manual => "manual",
            },
            failback: match service.failback {
                Failback::Auto => "auto".to_owned(),
                Failback::Manual => "manual".to_owned(),
                Failback::After(wait) => format!("after {}s", wait.as_secs()),
            },
            when_all_down: match &service.when_all_down {
                WhenAllDown::Last => "last".to_owned(),
                WhenAllDown::AssumeUp => "assume-up".to_owned(),
                WhenAllDown::None => "none".to_owned(),
                WhenAllDown::Servfail => "servfail".to_owned(),
                WhenAllDown::Fallback(to) => {
                    let to: Vec<String> = to.iter().map(ToString::to_string).collect();
                    format!("fallback {}", to.join(", "))
                }
            },
            families: match service.families {
                Families::Apart => "apart",
                Families::Together => "together",
            },
            active,
            by_hand,
            a: answer(Family::V4),
            aaaa: answer(Family::V6),
            ttl: desk
                .last
                .as_ref()
                .map_or(0, |decision| decision.lifetime.at(now.moment).secs()),
            ttl_mode: match service.ttl {
                TtlRule::Fixed(_) => "fixed",
                TtlRule::Stable { .. } => "stable",
                TtlRule::Strict { .. } => "strict",
            },
            degraded: desk.last.as_ref().and_then(Decision::degraded),
            proposed: desk.proposed.as_ref().map(|(_, proposed)| proposed.clone()),
            gate: Self::gate_status(desk),
            endpoints: ids
                .iter()
                .filter_map(|id| self.endpoint_status(*id, answered.contains(id), now))
                .collect(),
        }
    }

    fn active(&self, service: &Service, desk: &Desk) -> (Option<String>, bool) {
        if service.group.policy != Policy::Failover {
            return (None, false);
        }
        let drill = self.drill.as_ref().filter(|drill| drill.service == service.id);
        let memory = drill.map_or(&desk.memory, |drill| &drill.memory);
        let seats: Vec<_> = Family::BOTH
            .into_iter()
            .filter_map(|family| memory.seats.get(&(service.group.id, family)))
            .collect();
        let active = seats.first().and_then(|seat| seat.active);
        if seats.iter().any(|seat| seat.active != active) {
            return (None, false);
        }
        let name = active
            .and_then(|active| service.group.members.get(active))
            .map(|member| member_name(&self.plan.endpoints, member));
        (name, seats.iter().any(|seat| seat.by_hand))
    }

    /// One endpoint of the plan; `None` for an id that is not in it.
    #[must_use]
    pub fn endpoint(&self, id: EndpointId, now: Now) -> Option<EndpointStatus> {
        let endpoint = self.plan.endpoints.get(id.index())?;
        let desk = self.desks.get(endpoint.service.index());
        let decided = desk.and_then(|desk| desk.decided.as_ref());
        let answered = decided.is_some_and(|decided| decided.answered.contains(&id));
        self.endpoint_status(id, answered, now)
    }

    fn endpoint_status(&self, id: EndpointId, answered: bool, now: Now) -> Option<EndpointStatus> {
        let endpoint = self.plan.endpoints.get(id.index())?;
        Some(EndpointStatus {
            name: endpoint.name.clone(),
            answered,
            alias: endpoint.alias.as_ref().map(|alias| {
                let trouble = alias.trouble.as_ref();
                let good = trouble.and_then(|trouble| trouble.good);
                AliasStatus {
                    name: alias.name.to_string().trim_end_matches('.').to_owned(),
                    trouble: trouble.map(|trouble| trouble.why.clone()),
                    kept_for_ms: good.map(|good| now.wall.0.saturating_sub(good.0)),
                }
            }),
            forced: self.forced_status(id, now),
            addresses: endpoint
                .addresses
                .iter()
                // What stands in for a name in the other family says nothing more.
                .take(if endpoint.cname.is_some() { 1 } else { usize::MAX })
                .map(|known| AddressStatus {
                    address: shown(&self.plan.endpoints, known.address),
                    probe: known.target.and_then(|target| self.probe_status(target, now)),
                    shadow: known.shadow.and_then(|target| self.probe_status(target, now)),
                    cached_ms: self.cached_ms(endpoint.service, known.address, now.moment),
                })
                .collect(),
        })
    }
}

pub(super) fn answer_status(plan: &Plan, choice: Option<&Choice>, why: Option<String>) -> AnswerStatus {
    AnswerStatus {
        addresses: choice
            .map(|choice| choice_in_words(plan, choice))
            .unwrap_or_default(),
        pick: match choice.map(|choice| (&choice.pick, choice.addresses.len())) {
            None | Some((Pick::Nothing, _)) => "nothing".to_owned(),
            Some((Pick::Fail, _)) => "servfail".to_owned(),
            Some((Pick::Fixed, _)) => "fixed".to_owned(),
            Some((Pick::Rotate { take }, of)) => format!("rotate {take} of {of}"),
            Some((Pick::Weighted(_), _)) => "weighted".to_owned(),
            Some((Pick::Tree(tree), _)) => match tree.nodes.first() {
                Some(Node::Sticky(_)) => "sticky".to_owned(),
                Some(Node::Subnet(_)) => "subnet".to_owned(),
                Some(Node::Geo(_)) => "geo".to_owned(),
                Some(Node::Fork(_) | Node::Run(_)) | None => "weighted, then by client".to_owned(),
            },
        },
        why: why.unwrap_or_else(|| "first verdicts are awaited".to_owned()),
    }
}
