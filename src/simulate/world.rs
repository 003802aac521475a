//! Virtual time around the signal box: effects become events, later.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::control::Control;
use crate::control::chance::Chance;
use crate::control::drill::{Stage, StoredDrill};
use crate::control::effect::{Effect, HistoryEvent, Record};
use crate::control::event::{Event, GateTicket, ProbeTicket, Remembered};
use crate::control::gate::{GateOrder, GateResult};
use crate::control::overrides::StoredOverride;
use crate::health::observation::Observation;
use crate::model::id::ServiceId;
use crate::model::plan::Plan;
use crate::model::time::{Moment, Now, UnixTime};
use crate::policy::choice::Decision;
use crate::simulate::network::{Network, looks_at_certificates};
use crate::simulate::recording::Entry;

/// Wall-clock time at the beginning of every simulation: 2026-01-01.
const EPOCH: u64 = 1_767_225_600_000;

/// How long the disk takes to commit.
const COMMIT: Duration = Duration::from_millis(3);

/// What waits.
#[derive(Clone, Debug)]
enum Happening {
    ProbeEnds(ProbeTicket, Box<Observation>),
    ReferenceEnds(usize, bool),
    Comes(Box<Event>),
}

/// One simulated node.
#[derive(Debug)]
pub struct World {
    /// The signal box.
    pub control: Control,
    /// What becomes of probes.
    pub network: Network,
    /// What each step costs, in virtual time: with it, the node can be late.
    pub cost: Duration,
    /// Everything that was told.
    pub told: Vec<HistoryEvent>,
    /// Every publication with its moment.
    pub published: Vec<(Moment, Vec<Decision>)>,
    /// Whether publications are kept in `published` (a long simulation may not want them).
    pub keeps: bool,
    /// When the sockets opened.
    pub opened: Option<Moment>,
    /// What would be on disk.
    pub disk: BTreeMap<String, String>,
    /// Overrides that would be on disk, by number.
    pub overrides: BTreeMap<u64, StoredOverride>,
    /// Drills that would be on disk, by number.
    pub drills: BTreeMap<u64, StoredDrill>,
    /// How far drills came.
    pub stages: Vec<Stage>,
    /// By how many milliseconds the wall clock is off; it may be changed at any time.
    pub wall_step: i64,
    /// What the disk says to everything that it is asked to keep, when it is broken.
    pub disk_fails: Option<String>,
    /// After how long programs of `on_failover` end, and how; `None`: never. They pass at once.
    pub gates: (Option<Duration>, GateResult),
    /// Those that were started.
    pub gated: Vec<(Moment, GateOrder)>,
    /// Those that were killed.
    pub ungated: Vec<(Moment, GateTicket)>,
    /// Answers to commands.
    pub answers: Vec<String>,
    /// How late each batch of probes was sent, with the batch's size.
    pub lateness: Vec<(Duration, usize)>,
    /// How many probes were sent.
    pub probes: u64,
    /// What a recorder would write down, when there is one.
    pub recording: Option<Vec<Entry>>,
    pub(super) now: Moment,
    pub(super) decisions: BTreeMap<ServiceId, Decision>,
    waiting: BTreeMap<(Moment, u64), Happening>,
    forgotten: BTreeSet<ProbeTicket>,
    entered: u64,
    pub(super) chance: Chance,
    effects: Vec<Effect>,
}

impl World {
    /// A node that starts now with this plan; `seed` drives both its jitter and the network's chance.
    #[must_use]
    pub fn new(plan: Arc<Plan>, network: Network, seed: u64) -> Self {
        Self::restarted(plan, network, Remembered::default(), Moment::ZERO, seed)
    }

    /// The same with what an earlier life left on disk, beginning at `now`.
    #[must_use]
    pub fn restarted(
        plan: Arc<Plan>,
        network: Network,
        remembered: Remembered,
        now: Moment,
        seed: u64,
    ) -> Self {
        Self::begin(plan, network, remembered, clock(now), seed)
    }

    /// The same node after `kill -9` and a start at once: what was on disk, and nothing else.
    #[must_use]
    pub fn crashed(self, seed: u64) -> Self {
        let (now, remembered) = (self.now(), self.remembered());
        let plan = self.control.plan().clone();
        Self::begin(plan, self.network, remembered, now, seed)
    }

    /// A node that starts at `now`, both clocks said, with this on its disk.
    #[must_use]
    pub fn begin(plan: Arc<Plan>, network: Network, remembered: Remembered, now: Now, seed: u64) -> Self {
        let wall = i64::try_from(clock(now.moment).wall.0).unwrap_or(i64::MAX);
        Self {
            disk: remembered.actives.iter().cloned().collect(),
            overrides: remembered
                .overrides
                .iter()
                .map(|over| (over.id, over.clone()))
                .collect(),
            drills: remembered
                .drills
                .iter()
                .map(|drill| (drill.id, drill.clone()))
                .collect(),
            stages: Vec::new(),
            control: Control::new(plan, remembered, seed, now),
            network,
            cost: Duration::ZERO,
            told: Vec::new(),
            published: Vec::new(),
            keeps: true,
            opened: None,
            wall_step: i64::try_from(now.wall.0).unwrap_or(i64::MAX) - wall,
            disk_fails: None,
            gates: (Some(Duration::ZERO), GateResult::Passed(String::new())),
            gated: Vec::new(),
            ungated: Vec::new(),
            answers: Vec::new(),
            lateness: Vec::new(),
            probes: 0,
            recording: None,
            now: now.moment,
            decisions: BTreeMap::new(),
            waiting: BTreeMap::new(),
            forgotten: BTreeSet::new(),
            entered: 0,
            chance: Chance::new(seed ^ 0x6e65_7477_6f72_6b00),
            effects: Vec::new(),
        }
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> Now {
        let now = clock(self.now);
        Now {
            wall: UnixTime(now.wall.0.saturating_add_signed(self.wall_step)),
            ..now
        }
    }

    /// Lets `event` happen at `at`.
    pub fn enter(&mut self, at: Moment, event: Event) {
        self.wait(at, Happening::Comes(Box::new(event)));
    }

    fn wait(&mut self, at: Moment, happening: Happening) {
        self.entered = self.entered.wrapping_add(1);
        self.waiting.insert((at, self.entered), happening);
    }

    /// Lets time pass until `until`.
    pub fn run_until(&mut self, until: Moment) {
        while self.run_once(until) {}
        self.now = self.now.max(until);
    }

    /// Lets time pass until `done` says so, at `until` at the latest; when that was.
    pub fn run_while(&mut self, until: Moment, mut going_on: impl FnMut(&Self) -> bool) -> Option<Moment> {
        while going_on(self) {
            if !self.run_once(until) {
                self.now = self.now.max(until);
                return None;
            }
        }
        Some(self.now)
    }

    /// One event, if one comes by `until`.
    fn run_once(&mut self, until: Moment) -> bool {
        let happening = self.waiting.keys().next().map(|(at, _)| *at);
        let wake = self.control.next_wake();
        let Some(next) = happening.into_iter().chain(wake).min() else {
            return false;
        };
        if next > until {
            return false;
        }
        // A node that is still busy with earlier events comes late.
        self.now = self.now.max(next);
        let event = match (happening, wake) {
            (Some(at), wake) if wake.is_none_or(|wake| at <= wake) => {
                let Some((_, happening)) = self.waiting.pop_first() else {
                    return false;
                };
                match happening {
                    Happening::ProbeEnds(ticket, _) if self.forgotten.remove(&ticket) => return true,
                    Happening::ProbeEnds(ticket, seen) => Event::Probed {
                        ticket,
                        seen: Observation {
                            at: self.now(),
                            ..*seen
                        },
                    },
                    Happening::ReferenceEnds(reference, reachable) => {
                        Event::ReferenceProbed { reference, reachable }
                    }
                    Happening::Comes(event) => *event,
                }
            }
            _ => Event::Woke,
        };
        self.step(event);
        true
    }

    fn step(&mut self, event: Event) {
        let due = self.control.next_wake();
        let now = self.now();
        if let Some(recording) = &mut self.recording {
            recording.extend(Entry::of(&self.control, now, &event));
        }
        let mut effects = std::mem::take(&mut self.effects);
        self.control.step(now, event, &mut effects);
        let mut sent = 0;
        for effect in effects.drain(..) {
            sent += usize::from(matches!(effect, Effect::Probe { .. }));
            self.carry_out(effect);
        }
        if let Some(due) = due.filter(|due| *due <= self.now)
            && sent > 0
        {
            self.lateness.push((self.now.since(due), sent));
        }
        self.effects = effects;
        self.now = self.now.after(self.cost);
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Probe {
                ticket,
                target,
                budget,
            } => {
                self.probes += 1;
                let plan = self.control.plan().clone();
                let Some(described) = plan.targets.get(target.index()) else {
                    return;
                };
                let end = self.network.probe(
                    described.address,
                    self.now,
                    budget.0,
                    looks_at_certificates(&described.check.kind),
                    &mut self.chance,
                );
                let seen = end.seen(clock(self.now.after(end.after)));
                self.wait(
                    self.now.after(end.after),
                    Happening::ProbeEnds(ticket, Box::new(seen)),
                );
            }
            Effect::ProbeReference { reference } => {
                let plan = self.control.plan().clone();
                if let Some(address) = plan.node.isolation.references.get(reference) {
                    let (after, reachable) = self.network.reference(*address, self.now);
                    self.wait(
                        self.now.after(after),
                        Happening::ReferenceEnds(reference, reachable),
                    );
                }
            }
            Effect::Forget(ticket) => {
                self.forgotten.insert(ticket);
            }
            Effect::Publish(decisions) => {
                for decision in &decisions {
                    self.decisions.insert(decision.service, decision.clone());
                }
                if self.keeps {
                    self.published.push((self.now, decisions));
                }
            }
            Effect::Remember(record) => self.store(record),
            Effect::Persist(ticket, records) => {
                let result = match &self.disk_fails {
                    Some(why) => Err(why.clone()),
                    None => Ok(()),
                };
                if result.is_ok() {
                    records.into_iter().for_each(|record| self.store(record));
                }
                let stored = Event::Stored { ticket, result };
                self.wait(self.now.after(COMMIT), Happening::Comes(Box::new(stored)));
            }
            Effect::Tell(event) => {
                if let Some(recording) = &mut self.recording {
                    recording.extend(Entry::told(&event));
                }
                self.told.push(event);
            }
            Effect::Answer(_, result) => self.answers.push(match result {
                Ok(done) => done.0,
                Err(refusal) => refusal.to_string(),
            }),
            Effect::Drilled(stage) => self.stages.push(stage),
            Effect::Gate(order) => self.gate(&order),
            // What comes of it is not heard any more.
            Effect::Ungate(ticket) => self.ungated.push((self.now, ticket)),
            Effect::OpenSockets => self.opened = Some(self.now),
        }
    }

    fn gate(&mut self, order: &GateOrder) {
        let (after, result) = self.gates.clone();
        if let Some(after) = after {
            let ticket = order.ticket;
            self.enter(self.now.after(after), Event::Gated { ticket, result });
        }
        self.gated.push((self.now, order.clone()));
    }

    fn store(&mut self, record: Record) {
        match record {
            Record::Active { group, active } => {
                self.disk.insert(group, active);
            }
            Record::Override(over) => {
                self.overrides.insert(over.id, over);
            }
            Record::Released(id) => {
                self.overrides.remove(&id);
            }
            Record::Drill(drill) => {
                self.drills.insert(drill.id, drill);
            }
        }
    }
}

fn clock(moment: Moment) -> Now {
    Now {
        moment,
        wall: UnixTime(EPOCH + moment.nanos() / 1_000_000),
    }
}
