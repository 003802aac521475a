//! What is owed to one receiver, and what is to be tried next. Pure: time and chance come in.
//!
//! **Order.** An entry waits until every earlier one that shares a service with it is confirmed or given up; entries of
//! no service keep their order among themselves. Within that, the earliest goes first, one at a time; only with a long
//! backlog several at once ([`STORM`]).
//!
//! **Failures** are the receiver's or the entry's. A receiver that is not there, or says that it cannot now, shuts the
//! *gate*: nothing is tried until it opens, later after each failure. An entry that fails [`SUSPECT`] times while the
//! receiver answers is suspected: it waits by itself, and those of other services go on. What is refused for what it
//! is, is set aside after a few tries.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::announce::backoff;
use crate::control::timeline::Entry;
use crate::model::time::Moment;

/// With more than this owed, several deliveries are under way at once.
pub const STORM: usize = 1000;
/// Deliveries under way at once in a storm.
pub const AT_ONCE: usize = 8;
/// Failures of an entry after which it is suspected to be the reason.
pub const SUSPECT: u32 = 3;
/// Failures in a row, without any success between, that are the receiver's even if every entry is suspected.
const ILL: u32 = 2 * SUSPECT;
/// Tries of an entry that the receiver refuses for what it is.
pub const REFUSALS: u32 = 5;
/// Tries of an entry where the receiver lets nobody in, and since when at least: a path may come back.
pub const TURNED_AWAY: (u32, Duration) = (10, Duration::from_secs(900));
/// The longest wait that a receiver may ask for.
pub const LONGEST_ASKED: Duration = Duration::from_secs(3600);

/// How one delivery went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is there.
    Confirmed,
    /// Nobody answers.
    Absent(String),
    /// It answers that it cannot now; perhaps when to come back.
    Unable(String, Option<Duration>),
    /// It lets nobody in: wrong path, wrong token.
    Turned(String),
    /// It refuses this entry for what it is.
    Refused(String),
}

/// What became of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settled {
    /// It is there.
    Confirmed,
    /// It will be tried again.
    Again(String),
    /// It was refused too often, and is set aside.
    GivenUp(String),
    /// It was given up meanwhile.
    Gone,
}

/// What is to be delivered now.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Its number in the order of what is owed.
    pub id: u64,
    /// The entry.
    pub entry: Arc<Entry>,
    /// Which attempt this is, from 1.
    pub attempt: u32,
}

#[derive(Debug)]
struct Item {
    entry: Arc<Entry>,
    attempts: u32,
    /// Failures while the receiver answered.
    suspicion: u32,
    refusals: u32,
    turned_since: Option<Moment>,
    not_before: Moment,
    flying: bool,
}

/// What is owed to one receiver.
#[derive(Debug)]
pub struct Queue {
    longest_wait: Duration,
    backlog: usize,
    items: BTreeMap<u64, Item>,
    lanes: HashMap<String, VecDeque<u64>>,
    /// Those that no earlier one stands before, and that are not under way.
    ready: BTreeSet<u64>,
    flying: usize,
    /// Failures in a row that were the receiver's.
    ill: u32,
    gate: Moment,
}

/// The lanes of an entry: its services, or that of none.
fn lanes(entry: &Entry) -> BTreeSet<&str> {
    if entry.services.is_empty() {
        BTreeSet::from([""])
    } else {
        entry.services.iter().map(String::as_str).collect()
    }
}

impl Queue {
    /// An empty one.
    #[must_use]
    pub fn new(longest_wait: Duration, backlog: usize) -> Self {
        Self {
            longest_wait,
            backlog,
            items: BTreeMap::new(),
            lanes: HashMap::new(),
            ready: BTreeSet::new(),
            flying: 0,
            ill: 0,
            gate: Moment::ZERO,
        }
    }

    /// Another configuration: what waits is tried at once, as the reason of a failure may be mended.
    pub fn adapt(&mut self, longest_wait: Duration, backlog: usize) {
        (self.longest_wait, self.backlog) = (longest_wait, backlog);
        self.relieve();
        for item in self.items.values_mut() {
            item.suspicion = 0;
        }
    }

    /// Entries that are owed.
    #[must_use]
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether nothing is owed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Owes `entry` under the number `id`, greater than any before; the numbers that are given up for it, the oldest.
    pub fn push(&mut self, id: u64, entry: Arc<Entry>) -> Vec<u64> {
        let mut first = true;
        for lane in lanes(&entry) {
            let waiting = self.lanes.entry(lane.to_owned()).or_default();
            first &= waiting.is_empty();
            waiting.push_back(id);
        }
        if first {
            self.ready.insert(id);
        }
        let item = Item {
            entry,
            attempts: 0,
            suspicion: 0,
            refusals: 0,
            turned_since: None,
            not_before: Moment::ZERO,
            flying: false,
        };
        self.items.insert(id, item);
        let mut given_up = Vec::new();
        while self.items.len() > self.backlog
            && let Some(&oldest) = self.items.keys().next()
        {
            self.remove(oldest);
            given_up.push(oldest);
        }
        given_up
    }

    /// What is to be delivered now, which is then under way until [`Queue::done`].
    pub fn next(&mut self, now: Moment) -> Option<Delivery> {
        // Whether a receiver is well is found out by one.
        let at_once = if self.items.len() > STORM && self.ill == 0 {
            AT_ONCE
        } else {
            1
        };
        if self.flying >= at_once || now < self.gate {
            return None;
        }
        let due = |id: &&u64| self.items.get(id).is_some_and(|item| item.not_before <= now);
        let id = *self.ready.iter().find(due)?;
        self.ready.remove(&id);
        let item = self.items.get_mut(&id)?;
        item.flying = true;
        item.attempts = item.attempts.saturating_add(1);
        self.flying += 1;
        Some(Delivery {
            id,
            entry: Arc::clone(&item.entry),
            attempt: item.attempts,
        })
    }

    /// When [`Queue::next`] is to be asked again, if nothing happens before.
    #[must_use]
    pub fn wake(&self) -> Option<Moment> {
        let waits = |id: &u64| self.items.get(id).map(|item| item.not_before.max(self.gate));
        self.ready.iter().filter_map(waits).min()
    }

    /// How a delivery went; `chance` is any number.
    pub fn done(&mut self, now: Moment, id: u64, outcome: Outcome, chance: u64) -> Settled {
        self.flying = self.flying.saturating_sub(1);
        let longest = self.longest_wait;
        let Some(item) = self.items.get_mut(&id) else {
            // Given up while it was under way.
            return Settled::Gone;
        };
        item.flying = false;
        let (settled, shut) = match outcome {
            Outcome::Confirmed => {
                let was_ill = self.ill >= SUSPECT;
                self.remove(id);
                (self.ill, self.gate) = (0, Moment::ZERO);
                if was_ill {
                    self.relieve();
                }
                return Settled::Confirmed;
            }
            Outcome::Absent(why) => (Settled::Again(why), Some(None)),
            Outcome::Unable(why, after) => {
                let shut = item.suspect(now, longest, chance, self.ill);
                (Settled::Again(why), (shut || after.is_some()).then_some(after))
            }
            Outcome::Turned(why) => {
                let since = *item.turned_since.get_or_insert(now);
                item.refusals = item.refusals.saturating_add(1);
                if item.refusals >= TURNED_AWAY.0 && now.since(since) >= TURNED_AWAY.1 {
                    (Settled::GivenUp(why), None)
                } else {
                    let shut = item.suspect(now, longest, chance, self.ill);
                    (Settled::Again(why), shut.then_some(None))
                }
            }
            Outcome::Refused(why) => {
                // Whoever judges an entry is well.
                (self.ill, self.gate) = (0, Moment::ZERO);
                item.refusals = item.refusals.saturating_add(1);
                item.not_before = now.after(backoff::wait(item.refusals, longest, chance));
                if item.refusals >= REFUSALS {
                    (Settled::GivenUp(why), None)
                } else {
                    (Settled::Again(why), None)
                }
            }
        };
        if let Settled::GivenUp(_) = settled {
            self.remove(id);
        } else {
            self.ready.insert(id);
        }
        if let Some(asked) = shut {
            self.ill = self.ill.saturating_add(1);
            let wait =
                backoff::wait(self.ill, longest, chance).max(asked.unwrap_or_default().min(LONGEST_ASKED));
            self.gate = self.gate.max(now.after(wait));
        }
        settled
    }

    /// Lets everything be tried at once. Suspects stay suspects: one failure more shuts no gate.
    fn relieve(&mut self) {
        (self.ill, self.gate) = (0, Moment::ZERO);
        for item in self.items.values_mut() {
            item.not_before = Moment::ZERO;
        }
    }

    fn remove(&mut self, id: u64) {
        self.ready.remove(&id);
        let Some(item) = self.items.remove(&id) else {
            return;
        };
        for lane in lanes(&item.entry) {
            let Some(waiting) = self.lanes.get_mut(lane) else {
                continue;
            };
            if waiting.front() == Some(&id) {
                waiting.pop_front();
            } else {
                waiting.retain(|other| *other != id);
            }
            match waiting.front().copied() {
                None => {
                    self.lanes.remove(lane);
                }
                Some(next) => self.perhaps_ready(next),
            }
        }
    }

    /// Whether nothing stands before `id` any more.
    fn perhaps_ready(&mut self, id: u64) {
        let Some(item) = self.items.get(&id) else {
            return;
        };
        let first = |lane: &str| self.lanes.get(lane).and_then(|waiting| waiting.front()) == Some(&id);
        if !item.flying && lanes(&item.entry).into_iter().all(first) {
            self.ready.insert(id);
        }
    }
}

impl Item {
    /// A failure while the receiver answered: whether it is the receiver's.
    fn suspect(&mut self, now: Moment, longest: Duration, chance: u64, ill: u32) -> bool {
        self.suspicion = self.suspicion.saturating_add(1);
        if self.suspicion < SUSPECT {
            return true;
        }
        self.not_before = now.after(backoff::wait(self.suspicion, longest, chance));
        self.suspicion == SUSPECT && ill < SUSPECT || ill >= ILL
    }
}

#[cfg(test)]
mod tests;
