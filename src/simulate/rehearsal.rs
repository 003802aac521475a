//! Lets a written incident happen on virtual time and holds it against its objective.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use crate::control::chance::Chance;
use crate::control::effect::HistoryKind;
use crate::control::event::{CommandTicket, Event, Manner};
use crate::model::id::ServiceId;
use crate::model::plan::Plan;
use crate::model::time::{Moment, Now, UnixTime};
use crate::policy::readings::Family;
use crate::simulate::client::Client;
use crate::simulate::incident::{Incident, Objective, What};
use crate::simulate::network::Network;
use crate::simulate::told::{clock, list, sentence};
use crate::simulate::world::World;

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// What happened and what was told of it, in the order of time.
    pub timeline: Vec<(Moment, String)>,
    /// By service.
    pub services: BTreeMap<String, Experience>,
    /// How often answers changed.
    pub switches: usize,
    /// What was asked and whether it held.
    pub verdicts: Vec<Verdict>,
}

impl Outcome {
    /// Whether everything held.
    #[must_use]
    pub fn held(&self) -> bool {
        self.verdicts.iter().all(|verdict| verdict.held)
    }
}

/// What clients of one service met with.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Experience {
    /// Connections tried.
    pub tried: u64,
    /// Of these, served.
    pub served: u64,
    /// The longest time from an event to the last connection that failed before the next one.
    pub recovery: Duration,
}

impl Experience {
    /// Share of connections that were served, in 0..=1; 1 when none was tried.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    pub fn availability(&self) -> f64 {
        if self.tried == 0 {
            1.0
        } else {
            self.served as f64 / self.tried as f64
        }
    }
}

/// One thing that was asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// `recover_within 30s`.
    pub asked: String,
    /// `11.2s`.
    pub found: String,
    /// Whether it held.
    pub held: bool,
}

/// A client of one service and family, and when it connects next.
#[derive(Debug)]
struct Visitor {
    service: String,
    family: Family,
    cache: Client,
    next: Moment,
}

struct Run<'a> {
    incident: &'a Incident,
    world: World,
    visitors: Vec<Visitor>,
    chance: Chance,
    outcome: Outcome,
    /// Addresses answered from a moment on, by service.
    named: BTreeMap<String, Vec<(Moment, Vec<IpAddr>)>>,
    /// When the last event was.
    last_event: Moment,
    commands: u64,
}

/// Lets `incident` happen.
#[must_use]
pub fn rehearse(incident: &Incident) -> Outcome {
    let world = World::new(incident.plan.clone(), Network::default(), incident.seed);
    let mut run = Run {
        incident,
        world,
        visitors: Vec::new(),
        chance: Chance::new(incident.seed ^ 0x7669_7369_746f_7273),
        outcome: Outcome::default(),
        named: BTreeMap::new(),
        last_event: Moment::ZERO,
        commands: 0,
    };
    run.invite(&incident.plan);
    let mut expected: Vec<usize> = (0..incident.objective.expect.len()).collect();
    expected.sort_by_key(|nth| incident.objective.expect.get(*nth).map(|expect| expect.at));
    let mut expected = expected.into_iter().peekable();
    let mut events = incident.events.iter().peekable();
    loop {
        let event = events.peek().map(|turn| turn.at);
        let look = expected
            .peek()
            .and_then(|nth| incident.objective.expect.get(*nth))
            .map(|expect| expect.at);
        let visit = run.visitors.iter().map(|visitor| visitor.next).min();
        let Some(next) = [event, look, visit].into_iter().flatten().min() else {
            break;
        };
        if next > incident.lasts {
            break;
        }
        run.pass(next);
        if event == Some(next) {
            if let Some(turn) = events.next() {
                run.outcome.timeline.push((turn.at, format!("* {}", turn.told)));
                run.last_event = turn.at;
                run.happen(&turn.what);
            }
        } else if look == Some(next) {
            if let Some(nth) = expected.next() {
                run.look(nth);
            }
        } else {
            run.visit(next);
        }
    }
    run.pass(incident.lasts);
    run.conclude()
}

impl Run<'_> {
    /// Clients for every service and family of the plan that have none yet.
    fn invite(&mut self, plan: &Plan) {
        let clients = self.incident.clients;
        let here: BTreeSet<(String, Family)> = self
            .visitors
            .iter()
            .map(|visitor| (visitor.service.clone(), visitor.family))
            .collect();
        let now = self.world.now().moment;
        for service in &plan.services {
            let name = service.display_name();
            let addresses = plan
                .endpoints
                .iter()
                .filter(|endpoint| endpoint.service == service.id)
                .flat_map(|endpoint| endpoint.addresses.iter().map(|address| address.address));
            let families: BTreeSet<Family> = addresses
                .filter_map(|address| Family::BOTH.into_iter().find(|family| family.holds(address)))
                .collect();
            for family in families {
                if here.contains(&(name.clone(), family)) {
                    continue;
                }
                // Nobody asks before the first verdicts can be in.
                let first = now.after(plan.node.startup_wait);
                self.visitors.extend((0..clients.count).map(|nth| {
                    Visitor {
                        service: name.clone(),
                        family,
                        cache: Client::keeping(clients.floor),
                        next: first.after(
                            clients
                                .every
                                .mul_f64(f64::from(nth) / f64::from(clients.count.max(1))),
                        ),
                    }
                }));
            }
        }
    }

    /// Lets time pass until `until` and notes what was told and answered.
    fn pass(&mut self, until: Moment) {
        self.world.run_until(until);
        let plan = self.world.control.plan().clone();
        for event in std::mem::take(&mut self.world.told) {
            if matches!(event.kind, HistoryKind::AnswerChanged { .. }) {
                self.outcome.switches += 1;
            }
            self.outcome.timeline.push((event.at.moment, sentence(&event)));
        }
        for (at, decisions) in std::mem::take(&mut self.world.published) {
            // What is decided before the sockets are open is answered from then on.
            let at = self.world.opened.map_or(at, |opened| opened.max(at));
            for decision in decisions {
                let Some(service) = plan.services.get(decision.service.index()) else {
                    continue;
                };
                let addresses = decision.a.addresses.iter().chain(&decision.aaaa.addresses);
                self.named
                    .entry(service.display_name())
                    .or_default()
                    .push((at, addresses.copied().collect()));
            }
        }
    }

    fn happen(&mut self, what: &What) {
        let now = self.world.now().moment;
        match what {
            What::Become(addresses, condition) => {
                for address in addresses {
                    self.world.network.set(*address, now, *condition);
                }
            }
            What::Reference(reference, reachable) => {
                self.world.network.set_reference(*reference, now, *reachable);
            }
            What::CutOff(cut_off) => self.world.network.set_cut_off(now, *cut_off),
            What::ClockStep(by) => {
                self.world.wall_step = self.world.wall_step.saturating_add(*by);
            }
            What::Restart(gone) => {
                let stepped = self.world.now();
                let began = Now {
                    moment: now.after(*gone),
                    wall: UnixTime(
                        stepped
                            .wall
                            .0
                            .saturating_add(u64::try_from(gone.as_millis()).unwrap_or(0)),
                    ),
                };
                let (plan, network) = (self.world.control.plan().clone(), self.world.network.clone());
                let seed = self.incident.seed ^ began.moment.nanos();
                self.world = World::begin(plan, network, self.world.remembered(), began, seed);
            }
            What::Reload(plan) => {
                self.world.enter(now, Event::Planned(plan.clone()));
                self.pass(now);
                // Who comes to a service that is gone comes for nothing, and that was meant.
                self.visitors
                    .retain(|visitor| plan.service_named(&visitor.service).is_some());
                self.invite(plan);
            }
            What::Command(command) => {
                self.commands += 1;
                let event = Event::Commanded {
                    ticket: CommandTicket(self.commands),
                    by: "the scenario".to_owned(),
                    command: command.clone(),
                    manner: Manner::default(),
                };
                self.world.enter(now, event);
            }
        }
    }

    /// Everybody whose turn it is connects.
    fn visit(&mut self, at: Moment) {
        let clients = self.incident.clients;
        for visitor in self.visitors.iter_mut().filter(|visitor| visitor.next <= at) {
            visitor.next = at.after(clients.every.max(Duration::from_millis(1)));
            let id = self
                .world
                .control
                .plan()
                .service_named(&visitor.service)
                .map(|s| s.id);
            let address = match id {
                Some(id) if self.world.now().moment <= at => {
                    let addresses = visitor.cache.resolve(&mut self.world, id, visitor.family);
                    addresses.and_then(|addresses| addresses.first().copied())
                }
                // It is not there, or not up again yet: what is cached still serves.
                _ => visitor.cache.cached(at),
            };
            let served = address.is_some_and(|address| {
                self.world
                    .network
                    .serves_client(address, at, clients.patience, clients.tls, &mut self.chance)
            });
            let experience = self.outcome.services.entry(visitor.service.clone()).or_default();
            experience.tried += 1;
            if served {
                experience.served += 1;
            } else {
                experience.recovery = experience.recovery.max(at.since(self.last_event));
            }
        }
    }

    fn answered(&self, service: &str) -> Vec<IpAddr> {
        let id: Option<ServiceId> = self.world.control.plan().service_named(service).map(|s| s.id);
        let mut addresses: Vec<IpAddr> = id
            .into_iter()
            .flat_map(|id| Family::BOTH.map(|family| self.world.choice(id, family)))
            .flatten()
            .flat_map(|choice| choice.addresses.iter().copied())
            .collect();
        addresses.sort_unstable();
        addresses
    }

    fn look(&mut self, nth: usize) {
        let Some(expect) = self.incident.objective.expect.get(nth) else {
            return;
        };
        let mut wanted = expect.addresses.clone();
        wanted.sort_unstable();
        let found = self.answered(&expect.service);
        self.outcome.verdicts.push(Verdict {
            asked: format!(
                "{} answers {} at {}",
                expect.service,
                list(&wanted),
                clock(expect.at)
            ),
            held: found == wanted,
            found: list(&found),
        });
    }

    fn conclude(mut self) -> Outcome {
        let Objective {
            recover_within,
            max_switches,
            availability,
            never_named,
            ..
        } = &self.incident.objective;
        let mut verdicts = Vec::new();
        if let Some(limit) = recover_within {
            let worst = self.outcome.services.values().map(|e| e.recovery).max();
            let worst = worst.unwrap_or_default();
            verdicts.push(Verdict {
                asked: format!("recover_within {limit:?}"),
                found: format!("{worst:?}"),
                held: worst <= *limit,
            });
        }
        if let Some(limit) = max_switches {
            verdicts.push(Verdict {
                asked: format!("max_switches {limit}"),
                found: self.outcome.switches.to_string(),
                held: self.outcome.switches <= *limit,
            });
        }
        if let Some(limit) = availability {
            let worst = self
                .outcome
                .services
                .values()
                .map(Experience::availability)
                .fold(1.0, f64::min);
            verdicts.push(Verdict {
                asked: format!("availability {:.3} %", limit * 100.0),
                found: format!("{:.3} %", worst * 100.0),
                held: worst >= *limit,
            });
        }
        for never in never_named {
            let found = self.first_named(never);
            verdicts.push(Verdict {
                asked: format!("never_named {}", never.told),
                held: found.is_none(),
                found: found.unwrap_or_else(|| "not named".to_owned()),
            });
        }
        verdicts.append(&mut self.outcome.verdicts);
        self.outcome.verdicts = verdicts;
        self.outcome.timeline.sort_by_key(|(at, _)| *at);
        self.outcome
    }

    fn first_named(&self, never: &crate::simulate::incident::Never) -> Option<String> {
        self.named
            .iter()
            .filter(|(service, _)| never.service.as_ref().is_none_or(|wanted| wanted == *service))
            .find_map(|(service, answers)| {
                answers.iter().enumerate().find_map(|(nth, (from, addresses))| {
                    let until = answers.get(nth + 1).map_or(Moment::FAR, |(next, _)| *next);
                    let overlaps = *from < never.until && until > never.from;
                    let named = addresses
                        .iter()
                        .find(|address| never.addresses.contains(address))?;
                    overlaps.then(|| format!("{service} named {named} at {}", clock((*from).max(never.from))))
                })
            })
    }
}
