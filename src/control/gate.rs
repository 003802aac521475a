//! Gates: a failover service whose `on_failover` is one switches when it was passed, and not before.
//!
//! ```text
//!             another is to be active            passed, or `proceed`
//!   at rest ─────────────────────────► running ───────────────────────► switched
//!      ▲      it is not any more: killed │  ▲
//!      └─────────────────────────────────┤  │ again, later and later
//!                                        ▼  │
//!                       failed or too late, and `hold`: the old answer stands, and an alarm
//! ```
//!
//! While a gate runs the old answer stands, with the TTL of doubt. Nothing of a gate is remembered over a restart: it is
//! run again, so that hooks must be idempotent. A switch by hand has a gate like any other; `--break-glass` goes past it.

use std::time::Duration;

use serde::Serialize;

use crate::control::effect::{Effect, GateNews, GateStage, HistoryKind};
use crate::control::event::GateTicket;
use crate::control::schedule::Due;
use crate::control::step::Control;
use crate::control::storing::Asked;
use crate::control::watch::Desk;
use crate::model::id::ServiceId;
use crate::model::on_failover::{OnFailover, Otherwise};
use crate::model::service::{Policy, Service};
use crate::model::time::{Moment, Now, UnixTime};
use crate::policy::readings::{Family, Memory};

/// After a gate that holds was not passed: when it is tried again at first; twice as long each time.
const AGAIN: Duration = Duration::from_secs(10);
/// At the most.
const AGAIN_MOST: Duration = Duration::from_secs(300);

/// A program to be run for a switch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GateOrder {
    /// Comes back in `Event::Gated`.
    pub ticket: GateTicket,
    /// What is run.
    pub hook: OnFailover,
    /// `www.example.test`.
    pub service: String,
    /// Who is active.
    pub from: String,
    /// Who is to be, or is since just now.
    pub to: String,
    /// Why, in a sentence.
    pub why: String,
}

/// How a program ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GateResult {
    /// With exit status 0; what it wrote.
    Passed(String),
    /// Not so: how, and what it wrote.
    Failed(String),
}

/// What a service's gate is doing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct GateStatus {
    /// `running`; `held`: it was not passed, and the old answer stands.
    pub state: &'static str,
    /// Who is active until it is passed.
    pub from: String,
    /// Who is active when it is passed.
    pub to: String,
    /// Since when it runs, or was not passed, in milliseconds since 1970.
    pub since_unix_ms: u64,
    /// Until when it may run, or when it is tried again, in milliseconds since 1970.
    pub until_unix_ms: u64,
    /// How it ended last, when it was not passed.
    pub why: Option<String>,
    /// Whether an operator asked for the switch.
    pub by_hand: bool,
}

/// A service's gate.
#[derive(Clone, Debug, Default)]
pub(crate) struct Barrier {
    pub(super) running: Option<Running>,
    /// Whose gate was passed, or need not be, until they are active.
    pub(super) passed: Vec<String>,
    /// Who became active through a gate last: the other family may follow without one.
    pub(super) entered: Option<String>,
    pub(super) stuck: Option<Stuck>,
    /// Whether the old answer stands because of it.
    pub(crate) holds: bool,
}

/// A gate that runs.
#[derive(Clone, Debug)]
pub(super) struct Running {
    pub(super) ticket: GateTicket,
    from: String,
    to: String,
    since: UnixTime,
    pub(super) until: Moment,
    until_wall: UnixTime,
    /// The command that asked for it.
    pub(super) hand: Option<Asked>,
}

/// A gate that was not passed, and holds.
#[derive(Clone, Debug)]
pub(super) struct Stuck {
    from: String,
    to: String,
    why: String,
    since: UnixTime,
    pub(super) again: Moment,
    again_wall: UnixTime,
    tries: u32,
}

fn later(wall: UnixTime, by: Duration) -> UnixTime {
    UnixTime(
        wall.0
            .saturating_add(u64::try_from(by.as_millis()).unwrap_or(u64::MAX)),
    )
}

/// The gate of a service that has one.
pub(super) fn gate_of(service: &Service) -> Option<&OnFailover> {
    let hook = service.on_failover.as_ref().filter(|hook| hook.gate);
    hook.filter(|_| service.group.policy == Policy::Failover)
}

/// Who is active, for A and for AAAA.
pub(super) fn actives(service: &Service, memory: &Memory) -> [Option<usize>; 2] {
    Family::BOTH.map(|family| memory.seats.get(&(service.group.id, family))?.active)
}

impl Control {
    /// Whether `to` may be switched to; else its gate is run, unless it runs or is to be tried later.
    pub(super) fn admit(
        &mut self,
        now: Now,
        service: &Service,
        gate: &mut Barrier,
        (from, to): (&str, &str),
        why: &str,
        said: &mut Vec<Effect>,
    ) -> bool {
        if gate.passed.iter().any(|passed| passed == to) {
            return true;
        }
        if gate.running.as_ref().is_some_and(|running| running.to != to) {
            let other = format!("{to} is to be active instead");
            self.cancel(now, &service.display_name(), gate, &other, said);
        }
        if gate.stuck.as_ref().is_some_and(|stuck| stuck.to != to) {
            gate.stuck = None;
        }
        let waits = gate.stuck.as_ref().is_some_and(|stuck| stuck.again > now.moment);
        if gate.running.is_none() && !waits {
            self.start(now, service, gate, (from, to), why, None, said);
        }
        false
    }

    #[allow(
        clippy::too_many_arguments,
        reason = "a switch in words, and where its effects go"
    )]
    pub(super) fn start(
        &mut self,
        now: Now,
        service: &Service,
        gate: &mut Barrier,
        (from, to): (&str, &str),
        why: &str,
        hand: Option<Asked>,
        said: &mut Vec<Effect>,
    ) {
        let Some(hook) = gate_of(service) else { return };
        self.last_gate = self.last_gate.wrapping_add(1);
        let ticket = GateTicket(self.last_gate);
        let until = now.moment.after(hook.timeout);
        gate.running = Some(Running {
            ticket,
            from: from.to_owned(),
            to: to.to_owned(),
            since: now.wall,
            until,
            until_wall: later(now.wall, hook.timeout),
            hand,
        });
        self.schedule.enter(until, Due::Gate(service.id));
        said.push(Effect::Gate(Box::new(GateOrder {
            ticket,
            hook: hook.clone(),
            service: service.display_name(),
            from: from.to_owned(),
            to: to.to_owned(),
            why: why.to_owned(),
        })));
        let text = format!("at most {} s: {why}", hook.timeout.as_secs());
        tell_gate(
            now,
            &service.display_name(),
            (from, to),
            GateStage::Started,
            text,
            said,
        );
    }

    pub(super) fn cancel(
        &mut self,
        now: Now,
        service: &str,
        gate: &mut Barrier,
        why: &str,
        said: &mut Vec<Effect>,
    ) {
        if let Some(running) = gate.running.take() {
            said.push(Effect::Ungate(running.ticket));
            let pair = (running.from.as_str(), running.to.as_str());
            tell_gate(now, service, pair, GateStage::Cancelled, why.to_owned(), said);
        }
    }

    /// A gate's time is over, or one is to be tried again.
    pub(super) fn gate_due(&mut self, now: Now, service: ServiceId, effects: &mut Vec<Effect>) {
        let running = self
            .desks
            .get(service.index())
            .and_then(|desk| desk.gate.running.as_ref());
        if let Some(ticket) = running
            .filter(|running| running.until <= now.moment)
            .map(|running| running.ticket)
        {
            effects.push(Effect::Ungate(ticket));
            self.gate_ended(now, service, None, effects);
        }
        self.mark(service);
    }

    /// `None`: it did not end in time.
    pub(super) fn gate_ended(
        &mut self,
        now: Now,
        id: ServiceId,
        result: Option<GateResult>,
        effects: &mut Vec<Effect>,
    ) {
        let plan = self.plan.clone();
        let Some(service) = plan.services.get(id.index()) else {
            return;
        };
        let (Some(hook), Some(desk)) = (gate_of(service), self.desks.get_mut(id.index())) else {
            return;
        };
        let Some(running) = desk.gate.running.take() else {
            return;
        };
        let (stage, text, otherwise) = match result {
            Some(GateResult::Passed(text)) => (GateStage::Passed, text, Otherwise::Proceed),
            Some(GateResult::Failed(text)) => (GateStage::Failed, text, hook.on_failure),
            None => {
                let text = format!(
                    "it did not end within {} s, and was killed",
                    hook.timeout.as_secs()
                );
                (GateStage::TimedOut, text, hook.on_timeout)
            }
        };
        let mut goes_on = None;
        if otherwise == Otherwise::Proceed {
            desk.gate.stuck = None;
            desk.gate.passed.push(running.to.clone());
            goes_on = running.hand;
        } else if running.hand.is_none() {
            let tries = desk.gate.stuck.as_ref().map_or(0, |stuck| stuck.tries);
            let wait = AGAIN.saturating_mul(1 << tries.min(5)).min(AGAIN_MOST);
            let again = now.moment.after(wait);
            desk.gate.stuck = Some(Stuck {
                from: running.from.clone(),
                to: running.to.clone(),
                why: text.clone(),
                since: now.wall,
                again,
                again_wall: later(now.wall, wait),
                tries: tries.saturating_add(1),
            });
            self.schedule.enter(again, Due::Gate(id));
        }
        let next = match (stage, otherwise) {
            (GateStage::Passed, _) => "",
            (_, Otherwise::Proceed) => "; the answer changes all the same",
            (_, Otherwise::Hold) => "; the old answer stands",
        };
        let pair = (running.from.as_str(), running.to.as_str());
        let name = service.display_name();
        tell_gate(now, &name, pair, stage, format!("{text}{next}"), effects);
        if let Some(asked) = goes_on {
            self.switch_after_gate(now, &name, running.to, asked, effects);
        }
        self.mark(id);
    }

    /// What a service's gate is doing; `None`: nothing.
    pub(super) fn gate_status(desk: &Desk) -> Option<GateStatus> {
        let stuck = desk.gate.stuck.as_ref();
        if let Some(running) = &desk.gate.running {
            return Some(GateStatus {
                state: "running",
                from: running.from.clone(),
                to: running.to.clone(),
                since_unix_ms: running.since.0,
                until_unix_ms: running.until_wall.0,
                why: stuck.map(|stuck| stuck.why.clone()),
                by_hand: running.hand.is_some(),
            });
        }
        stuck.map(|stuck| GateStatus {
            state: "held",
            from: stuck.from.clone(),
            to: stuck.to.clone(),
            since_unix_ms: stuck.since.0,
            until_unix_ms: stuck.again_wall.0,
            why: Some(stuck.why.clone()),
            by_hand: false,
        })
    }
}

/// Tells what became of a gate or hook.
pub(super) fn tell_gate(
    now: Now,
    service: &str,
    (from, to): (&str, &str),
    stage: GateStage,
    text: String,
    said: &mut Vec<Effect>,
) {
    let news = GateNews {
        service: service.to_owned(),
        from: from.to_owned(),
        to: to.to_owned(),
        stage,
        text,
    };
    Control::tell(now, stage.is_alarming(), HistoryKind::Gate(Box::new(news)), said);
}
