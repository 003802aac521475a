//! `Control::step`: event to state to effects. Same seed and events give the same effects.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::control::chance::Chance;
use crate::control::drill::{Drill, State, StoredDrill};
use crate::control::effect::{Effect, HistoryEvent, HistoryKind};
use crate::control::event::{Event, GateTicket, ProbeTicket, Remembered, StoreTicket};
use crate::control::ledger::Ledger;
use crate::control::metering::Meters;
use crate::control::overrides::Overrides;
use crate::control::schedule::{Due, Schedule};
use crate::control::storing::{Asked, Awaiting};
use crate::control::watch::{Desk, Flight, Watch};
use crate::health::brake::Brake;
use crate::health::isolation::{Census, Isolation};
use crate::model::id::{EndpointId, ServiceId, TargetId};
use crate::model::plan::Plan;
use crate::model::time::{Moment, Now};

/// Everything that decides: owns all health, all memory of policies, and the schedule. A clone goes its own way from
/// the same state: what-if questions are put to one.
#[derive(Clone, Debug)]
pub struct Control {
    pub(super) plan: Arc<Plan>,
    /// By `TargetId`.
    pub(super) watches: Vec<Watch>,
    /// By `ServiceId`.
    pub(super) desks: Vec<Desk>,
    /// Services to be decided, each once.
    pub(super) dirty: Vec<ServiceId>,
    pub(super) flights: BTreeMap<ProbeTicket, Flight>,
    pub(super) last_ticket: u64,
    /// Whether it sends no probes and only hears of others'.
    pub(super) listens: bool,
    /// What waits for the disk.
    pub(super) awaiting: BTreeMap<StoreTicket, Awaiting>,
    pub(super) last_store_ticket: u64,
    /// Hooks that nothing waits for: service, who was active, who is.
    pub(super) hooks: BTreeMap<GateTicket, (String, String, String)>,
    /// The number of the latest program of `on_failover`.
    pub(super) last_gate: u64,
    /// What operators laid upon endpoints.
    pub(super) overrides: Overrides,
    /// The number of the latest override.
    pub(super) last_override: u64,
    /// Whether a look at the wall clock is entered.
    pub(super) watching_clock: bool,
    /// What is drained, and whether it was told that its server may be stopped.
    pub(super) draining: BTreeMap<EndpointId, bool>,
    /// When that is looked at next.
    pub(super) drains_at: Option<Moment>,
    /// What is forced up while it fails, and when that is said again.
    pub(super) masked: BTreeMap<EndpointId, Moment>,
    pub(super) schedule: Schedule,
    /// Whether a look for lost probes is entered.
    pub(super) sweeping: bool,
    pub(super) chance: Chance,
    pub(super) isolation: Isolation,
    /// When the references are looked at next.
    pub(super) references_at: Moment,
    /// When any target last answered.
    pub(super) last_good: Option<Moment>,
    /// Where in the effects of this step the next publication goes: before what is said of it.
    pub(super) front: usize,
    /// Targets whose verdict of down waits for a reference's word.
    pub(super) pending: Vec<TargetId>,
    pub(super) census: Census,
    /// By `CheckId`; `None` where nothing is braked.
    pub(super) brakes: Vec<Option<Brake>>,
    /// Whether the sockets are open.
    pub(super) opened: bool,
    /// Targets without a first verdict whose time for it runs.
    pub(super) on_trial: usize,
    /// What is on disk: group to active member.
    pub(super) remembered: BTreeMap<String, String>,
    /// Whether what an earlier life remembered cannot be read.
    pub(super) lost: bool,
    /// Until when caches may hold what was answered.
    pub(super) ledger: Ledger,
    pub(super) meters: Meters,
    /// A rehearsed failover.
    pub(super) drill: Option<Drill>,
    /// Drills that the last process left unfinished, until that is told.
    pub(super) interrupted: Vec<StoredDrill>,
}

impl Control {
    /// A signal box for `plan`; the first [`Event::Woke`] sends the first probes.
    #[must_use]
    pub fn new(plan: Arc<Plan>, remembered: Remembered, seed: u64, now: Now) -> Self {
        let mut control = Self {
            watches: Vec::new(),
            desks: Vec::new(),
            dirty: Vec::new(),
            flights: BTreeMap::new(),
            last_ticket: 0,
            listens: false,
            awaiting: BTreeMap::new(),
            last_store_ticket: 0,
            hooks: BTreeMap::new(),
            last_gate: 0,
            overrides: Overrides::default(),
            last_override: 0,
            watching_clock: false,
            draining: BTreeMap::new(),
            drains_at: None,
            masked: BTreeMap::new(),
            schedule: Schedule::default(),
            sweeping: false,
            chance: Chance::new(seed),
            isolation: Isolation::default(),
            references_at: now.moment,
            last_good: None,
            front: 0,
            pending: Vec::new(),
            census: Census::default(),
            brakes: Vec::new(),
            opened: false,
            on_trial: 0,
            remembered: remembered.actives.into_iter().collect(),
            lost: remembered.lost,
            ledger: Ledger::default(),
            meters: Meters::new(&plan),
            drill: None,
            interrupted: remembered
                .drills
                .into_iter()
                .filter(|drill| drill.state == State::Running)
                .collect(),
            plan,
        };
        control.recall_overrides(now, remembered.overrides);
        control.begin(now);
        control
    }

    /// A signal box that sends no probes: it judges those that it hears of ([`Event::Heard`]).
    #[must_use]
    pub fn listening(plan: Arc<Plan>, remembered: Remembered, now: Now) -> Self {
        Self {
            listens: true,
            ..Self::new(plan, remembered, 0, now)
        }
    }

    /// Takes in one event at `now` and says what is to be done, in order.
    pub fn step(&mut self, now: Now, event: Event, effects: &mut Vec<Effect>) {
        self.front = effects.len();
        self.close_interrupted(now, effects);
        match event {
            Event::Probed { ticket, seen } => self.probed(now, ticket, seen, effects),
            Event::Heard {
                target,
                role,
                regular,
                began,
                seen,
            } => self.heard(now, (target, role, regular, began), seen, effects),
            Event::ReferenceProbed { reference, reachable } => {
                self.isolation.heard(reference, reachable, now.moment);
                self.references_spoke(now, effects);
            }
            Event::Commanded {
                ticket,
                by,
                command,
                manner,
            } => {
                let asked = Asked { ticket, by, manner };
                self.obey(now, asked, command, effects);
            }
            Event::Gated { ticket, result } => self.gated(now, ticket, result, effects),
            Event::Stored { ticket, result } => self.stored(now, ticket, result, effects),
            Event::Heartbeat { target, word } => self.beat(now, target, word, effects),
            Event::Planned(plan) => self.replan(now, plan, effects),
            Event::Woke => {}
        }
        // What the event changed is published before anything else is done.
        self.settle(now, effects);
        while let Some((at, due)) = self.schedule.take(now.moment) {
            self.come_due(now, at, due, effects);
        }
        self.settle(now, effects);
    }

    /// When [`Event::Woke`] is wanted, at the latest; `None`: when something else happens.
    #[must_use]
    pub fn next_wake(&self) -> Option<Moment> {
        self.schedule.next()
    }

    /// The plan in force.
    #[must_use]
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    fn come_due(&mut self, now: Now, at: Moment, due: Due, effects: &mut Vec<Effect>) {
        match due {
            Due::Probe(target) => self.probe_due(now, at, target, effects),
            Due::Confirm(target, epoch) => self.confirm_due(now, at, target, epoch, effects),
            Due::Hurry(target) => self.hurry_due(now, target, effects),
            Due::Silence(target) => self.silence_due(now, at, target, effects),
            Due::Hold(target) => self.hold_due(now, at, target, effects),
            Due::Decide(service) => {
                if self
                    .desks
                    .get(service.index())
                    .is_some_and(|d| d.wake == Some(at))
                {
                    self.mark(service);
                }
            }
            Due::Brake(check) => self.brake_due(now, check, effects),
            Due::References if self.references_at == at => self.references_due(now, effects),
            Due::References => {}
            Due::TrialEnds => self.trial_ends(now, effects),
            Due::Drains => self.look_at_drains(now, at, effects),
            Due::Gate(service) => self.gate_due(now, service, effects),
            Due::Lapse => self.lapse(now, effects),
            Due::Clock => self.look_at_clock(now, effects),
            Due::Remind(endpoint) => self.remind(now, at, endpoint, effects),
            Due::Stored(ticket) => self.stored_too_late(now, ticket, effects),
            Due::Sweep => self.sweep(now, effects),
            // Looked after in every step.
            Due::Drill => {}
            Due::Rehearse(target) => self.rehearse_silence(now, target, effects),
        }
    }

    /// Decides what is marked and opens the sockets when it is time.
    fn settle(&mut self, now: Now, effects: &mut Vec<Effect>) {
        self.look_after_drill(now, effects);
        if self.opened {
            self.publish(now, effects);
        } else if self.on_trial == 0 {
            self.open(now, effects);
        }
    }

    /// Marks a service to be decided at the end of this step.
    pub(super) fn mark(&mut self, service: ServiceId) {
        if let Some(desk) = self.desks.get_mut(service.index())
            && !std::mem::replace(&mut desk.dirty, true)
        {
            self.dirty.push(service);
        }
    }

    /// An answer never waits for the log: a publication goes before what was said in this step.
    pub(super) fn publish_first(
        &mut self,
        decisions: Vec<crate::policy::choice::Decision>,
        effects: &mut Vec<Effect>,
    ) {
        effects.insert(self.front.min(effects.len()), Effect::Publish(decisions));
        self.front = self.front.saturating_add(1);
    }

    pub(super) fn tell(now: Now, alarm: bool, kind: HistoryKind, effects: &mut Vec<Effect>) {
        effects.push(Effect::Tell(HistoryEvent { at: now, alarm, kind }));
    }
}
