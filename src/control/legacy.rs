//! What one signal box leaves to the next when a server takes over from another: health and all that led to it, who is
//! active, what caches may hold, what was counted.
//!
//! Both count moments from the same beginning, so that moments are left as they are. What is told by numbers of a plan is
//! left under names, and targets under what they ask of whom ([`stream`]): the successor's plan may be another one. What
//! it does not find there begins anew, as after a reload.

use std::collections::HashMap;
use std::fmt::{Debug, Write};

use serde::{Deserialize, Serialize};

use crate::control::ledger::Ledger;
use crate::control::metering::{Meter, RESULTS};
use crate::control::overrides::StoredOverride;
use crate::control::step::Control;
use crate::control::watch::{LastSeen, Watch};
use crate::health::degradation::Degradation;
use crate::health::gate::Gate;
use crate::health::monitor::Monitor;
use crate::model::check::Target;
use crate::model::time::{Moment, UnixTime};
use crate::policy::choice::{Choice, Decision};
use crate::policy::readings::{Family, Memory};

mod taking;

/// All of it.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Legacy {
    /// Groups and their active members, as the store would have them.
    pub actives: Vec<(String, String)>,
    /// What operators laid upon endpoints.
    pub overrides: Vec<StoredOverride>,
    targets: Vec<Heir>,
    services: Vec<Bench>,
    ledger: Ledger,
    /// Whether this node takes itself to be cut off.
    frozen: bool,
    last_good: Option<Moment>,
    /// Drained endpoints of which it was told that they may be stopped: service and endpoint.
    drained: Vec<(String, String)>,
    /// Endpoints of which it was told that they are forced up while they fail, and when that is said again.
    masked: Vec<(String, String, Moment)>,
    /// Results of probes by the names of checks.
    results: Vec<(String, Vec<u64>)>,
}

/// One target.
#[derive(Debug, Serialize, Deserialize)]
struct Heir {
    /// What is asked of whom, and how it is judged.
    exactly: u64,
    /// What is asked of whom.
    roughly: u64,
    monitor: Monitor,
    gate: Gate,
    began: Moment,
    /// `None`: a probe is under way, whose result nobody will hear.
    due: Option<Moment>,
    trial: Option<Moment>,
    never_up: bool,
    seen: LastSeen,
    degradation: Degradation,
    said_degraded: bool,
    meter: Meter,
}

/// One service.
#[derive(Debug, Serialize, Deserialize)]
struct Bench {
    name: String,
    seats: Vec<Place>,
    /// By path of pools and family: whose turn it is under `fastest`.
    fastest: Vec<(Vec<String>, Family, String)>,
    held: bool,
    last_good: [Option<Choice>; 2],
    current: [Option<Choice>; 2],
    last: Option<Decision>,
    since: Option<UnixTime>,
    proposed: Option<(String, String)>,
    said: Option<String>,
    all_down: bool,
    all_down_entries: u64,
    changes: u64,
}

/// Who is active in one failover group, for one family.
#[derive(Debug, Serialize, Deserialize)]
struct Place {
    /// Names of pools, from the service down.
    path: Vec<String>,
    family: Family,
    active: Option<String>,
    by_hand: bool,
    up_since: Vec<(String, Moment)>,
}

/// Text that is hashed as it is written (FNV-1a): the same in every version that writes it alike; where one does not,
/// targets are probed anew.
struct Hash(u64);

impl Write for Hash {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        for octet in text.bytes() {
            self.0 = (self.0 ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3);
        }
        Ok(())
    }
}

fn hash(what: &impl Debug) -> u64 {
    let mut hash = Hash(0xcbf2_9ce4_8422_2325);
    // Hashing does not fail.
    let _ = write!(hash, "{what:?}");
    hash.0
}

/// What a target asks of whom: with its rules, and without.
fn stream(target: &Target) -> (u64, u64) {
    let check = &target.check;
    let question = (target.address, target.port, &check.kind, check.treatment.inverted);
    let rules = (
        &question,
        &check.rules,
        &check.expects,
        &check.way,
        &check.treatment,
        &target.parts,
    );
    (hash(&rules), hash(&question))
}

impl Control {
    /// What it leaves to a successor.
    ///
    /// # Errors
    /// When something is under way that a successor could not go on with, in words; it passes.
    pub fn legacy(&self) -> Result<Legacy, String> {
        self.may_leave()?;
        let plan = &self.plan;
        let targets = plan.targets.iter().zip(&self.watches);
        let services = plan.services.iter().zip(&self.desks);
        let endpoint = |id: crate::model::id::EndpointId| {
            let endpoint = plan.endpoints.get(id.index())?;
            let service = plan.services.get(endpoint.service.index())?;
            Some((service.display_name(), endpoint.name.clone()))
        };
        let told = self.draining.iter().filter(|(_, told)| **told);
        let masked = self.masked.iter();
        let mut results: HashMap<&str, Vec<u64>> = HashMap::new();
        for (check, counts) in plan.checks.iter().zip(&self.meters.checks) {
            let sums = results
                .entry(check.name.as_str())
                .or_insert_with(|| vec![0; RESULTS.len()]);
            sums.iter_mut()
                .zip(counts)
                .for_each(|(sum, count)| *sum = sum.saturating_add(*count));
        }
        Ok(Legacy {
            actives: self.remembered.clone().into_iter().collect(),
            overrides: self
                .overrides
                .standing
                .iter()
                .filter(|over| over.place.is_none())
                .map(crate::control::overrides::Override::stored)
                .collect(),
            targets: targets.map(|(target, watch)| heir(target, watch)).collect(),
            services: services
                .map(|(service, desk)| Bench {
                    name: service.display_name(),
                    held: desk.memory.held,
                    last_good: desk.memory.last_good.clone(),
                    current: desk.memory.current.clone(),
                    last: desk.last.clone(),
                    since: desk.since,
                    proposed: desk.proposed.clone(),
                    said: desk.said.clone(),
                    all_down: desk.all_down,
                    all_down_entries: desk.all_down_entries,
                    changes: desk.changes,
                    ..taking::named(plan, service, &desk.memory)
                })
                .collect(),
            ledger: self.ledger.clone(),
            frozen: self.isolation.is_frozen(),
            last_good: self.last_good,
            drained: told.filter_map(|(id, _)| endpoint(*id)).collect(),
            masked: masked
                .filter_map(|(id, at)| endpoint(*id).map(|(service, name)| (service, name, *at)))
                .collect(),
            results: results
                .into_iter()
                .map(|(name, counts)| (name.to_owned(), counts))
                .collect(),
        })
    }

    /// Whether nothing is under way that could not be left to another.
    fn may_leave(&self) -> Result<(), String> {
        if !self.opened {
            return Err("it waits for its own first verdicts".to_owned());
        }
        if self.drill.is_some() {
            return Err("a drill is under way".to_owned());
        }
        if !self.awaiting.is_empty() {
            return Err("an operator's command waits for the disk".to_owned());
        }
        let runs = |desk: &crate::control::watch::Desk| desk.gate.running.is_some();
        if !self.hooks.is_empty() || self.desks.iter().any(runs) {
            return Err("a program of `on_failover` runs".to_owned());
        }
        Ok(())
    }
}

fn heir(target: &Target, watch: &Watch) -> Heir {
    let (exactly, roughly) = stream(target);
    Heir {
        exactly,
        roughly,
        monitor: watch.monitor.clone(),
        gate: watch.gate.clone(),
        began: watch.began,
        due: watch.regular.is_none().then_some(watch.due),
        trial: watch.trial,
        never_up: watch.never_up,
        seen: watch.seen.clone(),
        degradation: watch.degradation.clone(),
        said_degraded: watch.said_degraded,
        meter: watch.meter.clone(),
    }
}

impl Bench {
    fn of(name: String) -> Self {
        let Memory {
            held,
            last_good,
            current,
            ..
        } = Memory::default();
        Self {
            name,
            seats: Vec::new(),
            fastest: Vec::new(),
            held,
            last_good,
            current,
            last: None,
            since: None,
            proposed: None,
            said: None,
            all_down: false,
            all_down_entries: 0,
            changes: 0,
        }
    }
}
