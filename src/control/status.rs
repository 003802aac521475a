//! What each service answers now and why, and how its endpoints stand: data for tables, for the API, for people.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::control::deciding::choice_in_words;
use crate::control::step::Control;
use crate::control::watch::{Desk, Watch};
use crate::health::observation::Finding;
use crate::health::standing::{Health, Hold, Standing};
use crate::model::id::{EndpointId, TargetId};
use crate::model::service::{
    EndpointAddress, Failback, Families, Policy, Service, Switch, TtlRule, WhenAllDown,
};
use crate::model::time::{Moment, Now};
use crate::policy::choice::{Choice, Decision, Pick};
use crate::policy::readings::Family;
use crate::policy::tree::{endpoints_of, member_name};

/// One service.
#[derive(Clone, Debug, PartialEq, Serialize)]
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
    /// In the order written.
    pub endpoints: Vec<EndpointStatus>,
}

/// What is answered for one family.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerStatus {
    /// Every address that may be answered.
    pub addresses: Vec<String>,
    /// `nothing`, `servfail`, `fixed`, `rotate 2 of 3`, `weighted`.
    pub pick: String,
    /// Why.
    pub why: String,
}

/// One endpoint.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EndpointStatus {
    /// Its name.
    pub name: String,
    /// Whether it may be answered now.
    pub answered: bool,
    /// In the order written.
    pub addresses: Vec<AddressStatus>,
}

/// One address of an endpoint.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AddressStatus {
    /// What is answered.
    pub address: String,
    /// What its probes say; `None` without a check.
    pub probe: Option<ProbeStatus>,
}

/// One probe stream.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ProbeStatus {
    /// The check's name.
    pub check: String,
    /// Address and port.
    pub target: String,
    /// What the probes alone say: `unknown`, `up`, `degraded`, `down`.
    pub real: &'static str,
    /// What counts.
    pub effective: &'static str,
    /// Why that differs, and for how long.
    pub held: Option<String>,
    /// Why it is less than well: `slow, 740 ms of 500 ms`.
    pub degraded: Option<String>,
    /// Since when `effective` is what it is, in milliseconds since 1970.
    pub since_unix_ms: u64,
    /// For how long, in milliseconds.
    pub for_ms: u64,
    /// Whether probes and state disagree.
    pub in_doubt: bool,
    /// Failures since the last success.
    pub failures_in_a_row: u16,
    /// How many of them a verdict of down asks for now.
    pub failures_asked: u16,
    /// Upper bound on the share of probes lost by chance.
    pub loss_bound: f64,
    /// Of the last successful probe, in microseconds.
    pub latency_us: Option<u64>,
    /// When the last probe ended, in milliseconds since 1970; `None` before the first.
    pub last_probe_unix_ms: Option<u64>,
    /// `good`, or phase and class of the last failure: `connect refused`.
    pub last: Option<String>,
    /// What the last failure showed, until the next success.
    pub evidence: Option<EvidenceStatus>,
    /// When the certificate ends, in seconds since 1970.
    pub certificate_expiry: Option<u64>,
    /// Probes that count.
    pub probes: u64,
    /// Of these, failures.
    pub failures: u64,
    /// Probes that failed through this node's own fault and count for nothing.
    pub own_faults: u64,
}

/// What a failure showed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EvidenceStatus {
    /// A sentence.
    pub text: String,
    /// HTTP status.
    pub status: Option<u16>,
    /// First 256 octets of a refused body, what is not UTF-8 replaced.
    pub body: String,
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

    /// How one address stands; `None` for an id that is not in the plan.
    #[must_use]
    pub fn standing(&self, target: TargetId, now: Moment) -> Option<Standing> {
        let watch = self.watches.get(target.index())?;
        let rules = self.rules(target)?;
        Some(Standing {
            real: shown(watch, watch.monitor.health()),
            effective: shown(watch, watch.gate.effective()),
            held: watch.gate.held(),
            in_doubt: watch.in_doubt(),
            earliest_flip: watch.earliest_flip(now, &rules),
            since: watch.gate.since(),
            why: last_in_words(watch).unwrap_or_else(|| "never probed".to_owned()),
        })
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
            answer_status(choice, why)
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
        let seats: Vec<_> = Family::BOTH
            .into_iter()
            .filter_map(|family| desk.memory.seats.get(&(service.group.id, family)))
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

    fn endpoint_status(&self, id: EndpointId, answered: bool, now: Now) -> Option<EndpointStatus> {
        let endpoint = self.plan.endpoints.get(id.index())?;
        Some(EndpointStatus {
            name: endpoint.name.clone(),
            answered,
            addresses: endpoint
                .addresses
                .iter()
                .map(|EndpointAddress { address, target }| AddressStatus {
                    address: address.to_string(),
                    probe: target.and_then(|target| self.probe_status(target, now)),
                })
                .collect(),
        })
    }

    fn probe_status(&self, target: TargetId, now: Now) -> Option<ProbeStatus> {
        let watch = self.watches.get(target.index())?;
        let described = self.plan.targets.get(target.index())?;
        let rules = &described.check.rules;
        let seen = &watch.seen;
        Some(ProbeStatus {
            check: described.check.name.clone(),
            target: std::net::SocketAddr::new(described.address, described.port).to_string(),
            real: shown(watch, watch.monitor.health()).as_str(),
            effective: shown(watch, watch.gate.effective()).as_str(),
            held: watch.gate.held().map(|hold| hold_in_words(hold, now.moment)),
            degraded: watch.degraded(now.wall),
            since_unix_ms: watch.gate.since().wall.0,
            for_ms: millis(now.moment.since(watch.gate.since().moment)),
            in_doubt: watch.in_doubt(),
            failures_in_a_row: watch.monitor.run().failures(),
            failures_asked: watch.monitor.failures_asked(rules),
            loss_bound: watch.monitor.loss_bound(),
            latency_us: seen
                .latency
                .map(|latency| u64::try_from(latency.as_micros()).unwrap_or(u64::MAX)),
            last_probe_unix_ms: seen.finding.map(|_| seen.at.wall.0),
            last: last_in_words(watch),
            evidence: seen.evidence.as_ref().map(|evidence| EvidenceStatus {
                text: evidence.text.clone(),
                status: evidence.status,
                body: String::from_utf8_lossy(&evidence.body).into_owned(),
            }),
            certificate_expiry: seen.certificate_expiry.map(|at| at.secs()),
            probes: seen.probes,
            failures: seen.failures,
            own_faults: seen.local,
        })
    }
}

pub(super) fn answer_status(choice: Option<&Choice>, why: Option<String>) -> AnswerStatus {
    AnswerStatus {
        addresses: choice.map(choice_in_words).unwrap_or_default(),
        pick: match choice.map(|choice| (&choice.pick, choice.addresses.len())) {
            None | Some((Pick::Nothing, _)) => "nothing".to_owned(),
            Some((Pick::Fail, _)) => "servfail".to_owned(),
            Some((Pick::Fixed, _)) => "fixed".to_owned(),
            Some((Pick::Rotate { take }, of)) => format!("rotate {take} of {of}"),
            Some((Pick::Weighted(_), _)) => "weighted".to_owned(),
        },
        why: why.unwrap_or_else(|| "first verdicts are awaited".to_owned()),
    }
}

/// A state as it is shown: up is degraded when something is not as it should be.
fn shown(watch: &Watch, health: Health) -> Health {
    match health {
        Health::Up if watch.degradation.is_some() => Health::Degraded,
        other => other,
    }
}

fn last_in_words(watch: &Watch) -> Option<String> {
    Some(match watch.seen.finding? {
        Finding::Good if watch.seen.inverted.is_some() => {
            format!("good ({})", watch.seen.inverted.as_deref().unwrap_or_default())
        }
        Finding::Good => "good".to_owned(),
        Finding::Bad { phase, class } => format!("{phase} {class}"),
    })
}

fn hold_in_words(hold: Hold, now: Moment) -> String {
    let left = |until: Moment| format!("{:.1} s", until.since(now).as_secs_f64());
    match hold {
        Hold::MinDown { until } => format!("down for min_down, {} more", left(until)),
        Hold::Flapping { until } => format!("flapped: must answer for {} more", left(until)),
        Hold::Brake => "waits at the brake: too many went down within a minute".to_owned(),
        Hold::Isolated => "frozen, or waiting for a reference: this node may be cut off".to_owned(),
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
