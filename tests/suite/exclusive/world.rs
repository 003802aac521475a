//! The world that exclusive services are tried in.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::Duration;

use pointsman::control::Control;
use pointsman::control::chance::Chance;
use pointsman::control::effect::{Effect, HistoryKind, Record};
use pointsman::control::event::{Event, ProbeTicket, Remembered, StoreTicket};
use pointsman::control::overrides::StoredOverride;
use pointsman::health::observation::{Evidence, FaultClass, Finding, Observation, Phase, Phases, Report};
use pointsman::model::check::Claim;
use pointsman::model::service::{Handover, TtlRule};
use pointsman::model::time::{Moment, Now, Ttl, UnixTime};

use super::caches::Caches;
use super::plans::{Shape, plan, server_of};

/// The truth about a server.
#[derive(Clone, Copy, Debug)]
pub(super) struct Server {
    pub(super) alive: bool,
    /// Alive, but out of this node's reach.
    pub(super) cut: bool,
    pub(super) claim: Claim,
    pub(super) lag: Duration,
    /// When it was last a standby, before it became a primary.
    pub(super) last_standby: Option<Moment>,
}

enum Happening {
    Comes(Box<Event>),
    Wakes,
    /// The disk takes this; `StoreTicket` is told unless nobody waits.
    Commits(Vec<Record>, Option<StoreTicket>),
    Strikes,
}

pub(super) struct World {
    pub(super) now: Moment,
    pub(super) wall: i64,
    pub(super) chance: Chance,
    pub(super) shape: Shape,
    pub(super) servers: [Server; 3],
    control: Control,
    agenda: BinaryHeap<Reverse<(Moment, u64)>>,
    happenings: BTreeMap<u64, Happening>,
    entered: u64,
    actives: BTreeMap<String, String>,
    overrides: BTreeMap<u64, StoredOverride>,
    pub(super) disk_fails: bool,
    /// Probabilities in percent.
    loss: u64,
    chaos: bool,
    pub(super) caches: Caches,
    pub(super) answers: Vec<Result<String, String>>,
    pub(super) told: Vec<String>,
    pub(super) named: Vec<usize>,
    pub(super) life: u64,
}

/// One random history.
pub(super) fn run(seed: u64, handover: Handover) -> World {
    let mut world = World::new(seed, handover, true);
    world.advance(Duration::from_secs(250));
    world
}

impl World {
    /// A world in which nothing happens by itself.
    pub(super) fn quiet(seed: u64, handover: Handover) -> Self {
        Self::new(seed, handover, false)
    }

    fn new(seed: u64, handover: Handover, chaos: bool) -> Self {
        let mut chance = Chance::new(seed);
        let ttl = |chance: &mut Chance| Ttl::from_secs(1 + u32::try_from(chance.throw() % 15).unwrap());
        let shape = Shape {
            handover,
            ttl: if chaos {
                match chance.throw() % 3 {
                    0 => TtlRule::Fixed(ttl(&mut chance)),
                    1 => TtlRule::Stable {
                        max: Ttl::from_secs(20),
                        min: ttl(&mut chance),
                    },
                    _ => TtlRule::Strict {
                        max: Ttl::from_secs(20),
                        min: Ttl::from_secs(1),
                    },
                }
            } else {
                TtlRule::Fixed(Ttl::from_secs(10))
            },
            moved: false,
            reversed: false,
            all_down: if chaos {
                u8::try_from(chance.throw() % 3).unwrap()
            } else {
                0
            },
            manual: false,
        };
        let standby = Server {
            alive: true,
            cut: false,
            claim: Claim::Standby,
            lag: Duration::ZERO,
            last_standby: None,
        };
        let primary = Server {
            claim: Claim::Primary,
            last_standby: None,
            ..standby
        };
        let now = Moment::from_secs(1000);
        let clock = Now {
            moment: now,
            wall: UnixTime(1_700_000_000_000),
        };
        let mut world = Self {
            now,
            wall: 1_700_000_000_000 - 1_000_000,
            control: Control::new(plan(shape), Remembered::default(), seed, clock),
            loss: if chaos { chance.throw() % 20 } else { 0 },
            chance,
            shape,
            servers: [primary, standby, standby],
            agenda: BinaryHeap::new(),
            happenings: BTreeMap::new(),
            entered: 0,
            actives: BTreeMap::new(),
            overrides: BTreeMap::new(),
            disk_fails: false,
            chaos,
            caches: Caches::default(),
            answers: Vec::new(),
            told: Vec::new(),
            named: Vec::new(),
            life: seed,
        };
        world.step(Event::Woke);
        if chaos {
            world.plan_strike();
        }
        world
    }

    fn clock(&self) -> Now {
        let wall = self.wall + i64::try_from(self.now.nanos() / 1_000_000).unwrap();
        Now {
            moment: self.now,
            wall: UnixTime(u64::try_from(wall).unwrap_or(0)),
        }
    }

    fn enter(&mut self, at: Moment, what: Happening) {
        self.entered += 1;
        self.agenda.push(Reverse((at, self.entered)));
        self.happenings.insert(self.entered, what);
    }

    fn millis(&mut self, most: u64) -> Duration {
        Duration::from_millis(self.chance.throw() % most.max(1))
    }

    pub(super) fn percent(&mut self, share: u64) -> bool {
        self.chance.throw() % 100 < share
    }

    fn plan_strike(&mut self) {
        let wait = self.millis(12_000);
        self.enter(self.now.after(wait), Happening::Strikes);
    }

    /// Lets time pass.
    pub(super) fn advance(&mut self, by: Duration) {
        let end = self.now.after(by);
        while let Some(Reverse((at, entry))) = self.agenda.peek().copied() {
            if at > end {
                break;
            }
            self.agenda.pop();
            self.now = self.now.max(at);
            match self.happenings.remove(&entry) {
                Some(Happening::Comes(event)) => self.step(*event),
                Some(Happening::Wakes) => self.step(Event::Woke),
                Some(Happening::Commits(records, ticket)) => self.commit(records, ticket),
                Some(Happening::Strikes) => {
                    self.strike();
                    self.plan_strike();
                }
                None => {}
            }
        }
        self.now = end;
    }

    fn commit(&mut self, records: Vec<Record>, ticket: Option<StoreTicket>) {
        let result = if self.disk_fails {
            Err("the disk is full".to_owned())
        } else {
            for record in records {
                match record {
                    Record::Active { group, active } => drop(self.actives.insert(group, active)),
                    Record::Override(over) => drop(self.overrides.insert(over.id, over)),
                    Record::Released(id) => drop(self.overrides.remove(&id)),
                    // An exclusive service is never drilled.
                    Record::Drill(_) => {}
                }
            }
            Ok(())
        };
        if let Some(ticket) = ticket {
            self.step(Event::Stored { ticket, result });
        }
    }

    pub(super) fn step(&mut self, event: Event) {
        let mut effects = Vec::new();
        let now = self.clock();
        self.control.step(now, event, &mut effects);
        for effect in effects {
            self.carry_out(effect);
        }
        if let Some(at) = self.control.next_wake() {
            self.enter(at.max(self.now), Happening::Wakes);
        }
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Probe {
                ticket,
                target,
                budget,
            } => {
                let address = self.control.plan().targets[target.index()].address;
                self.probe(ticket, server_of(address), budget.0);
            }
            Effect::Publish(decisions) => decisions.iter().for_each(|decision| self.publish(decision)),
            Effect::Remember(record) => {
                let wait = if self.chaos {
                    self.millis(300)
                } else {
                    Duration::from_millis(5)
                };
                // One writer, in order: a later record is never overtaken.
                let at = self.last_commit().max(self.now.after(wait));
                self.enter(at, Happening::Commits(vec![record], None));
            }
            Effect::Persist(ticket, records) => {
                let wait = match self.chaos.then(|| self.chance.throw() % 20) {
                    // Past the patience of the signal box: given up, and committed all the same.
                    Some(0) => Duration::from_secs(7),
                    Some(_) => self.millis(500),
                    None => Duration::from_millis(5),
                };
                let at = self.last_commit().max(self.now.after(wait));
                self.enter(at, Happening::Commits(records, Some(ticket)));
            }
            Effect::Answer(_, result) => self.answers.push(match result {
                Ok(done) => Ok(done.0),
                Err(refusal) => Err(refusal.to_string()),
            }),
            Effect::Tell(event) => {
                if let HistoryKind::Degraded { what: Some(what), .. } = &event.kind {
                    self.told.push(what.clone());
                }
            }
            Effect::Gate(_)
            | Effect::Ungate(_)
            | Effect::ProbeReference { .. }
            | Effect::Forget(_)
            | Effect::Drilled(_)
            | Effect::OpenSockets => {}
        }
    }

    fn last_commit(&self) -> Moment {
        let of = |Reverse((at, entry)): &Reverse<(Moment, u64)>| {
            matches!(self.happenings.get(entry), Some(Happening::Commits(..))).then_some(*at)
        };
        self.agenda.iter().filter_map(of).max().unwrap_or(Moment::ZERO)
    }

    /// What the server says is true at some moment between the probe's beginning and its end.
    fn probe(&mut self, ticket: ProbeTicket, server: usize, budget: Duration) {
        let truth = self.servers[server];
        let lost = truth.cut || self.percent(self.loss);
        let (after, finding) = if lost {
            (budget, bad(FaultClass::Timeout))
        } else if truth.alive {
            let most = if self.chaos && self.percent(10) { 1500 } else { 20 };
            (self.millis(most), Finding::Good)
        } else {
            (Duration::from_millis(1), bad(FaultClass::Refused))
        };
        let report = Report {
            claim: Some(truth.claim),
            lag: (truth.claim == Claim::Standby).then_some(truth.lag),
            degraded: None,
        };
        let ended = self.now.after(after);
        let seen = Observation {
            at: Now {
                moment: ended,
                ..self.clock()
            },
            finding,
            phases: Phases::default(),
            evidence: Evidence::default(),
            report: if finding.is_good() {
                report
            } else {
                Report::default()
            },
        };
        self.enter(ended, Happening::Comes(Box::new(Event::Probed { ticket, seen })));
    }

    /// The signal box ends without a word, and begins anew with what is on disk.
    pub(super) fn restart(&mut self) {
        self.withdraw();
        for happening in self.happenings.values_mut() {
            let keep = matches!(happening, Happening::Strikes)
                // What the kernel has taken is on disk; what waits in the process is gone.
                || matches!(happening, Happening::Commits(..)) && self.chance.throw().is_multiple_of(2);
            if !keep {
                *happening = Happening::Commits(Vec::new(), None);
            } else if let Happening::Commits(_, ticket) = happening {
                *ticket = None;
            }
        }
        let down = if self.chaos {
            self.millis(20_000)
        } else {
            Duration::from_secs(1)
        };
        let waiting: Vec<u64> = self
            .happenings
            .iter()
            .filter(|(_, what)| matches!(what, Happening::Commits(records, _) if !records.is_empty()))
            .map(|(entry, _)| *entry)
            .collect();
        for entry in waiting {
            if let Some(Happening::Commits(records, _)) = self.happenings.remove(&entry) {
                self.commit(records, None);
            }
        }
        self.now = self.now.after(down);
        let remembered = Remembered {
            actives: self.actives.clone().into_iter().collect(),
            overrides: self.overrides.values().cloned().collect(),
            drills: Vec::new(),
            lost: false,
        };
        let seed = self.chance.throw();
        self.control = Control::new(plan(self.shape), remembered, seed, self.clock());
        self.step(Event::Woke);
    }
}

fn bad(class: FaultClass) -> Finding {
    Finding::Bad {
        phase: Phase::Connect,
        class,
    }
}
