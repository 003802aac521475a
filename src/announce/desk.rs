//! All receivers: who there is now, what comes in from the signal box, and how it goes.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::announce::carrier::{Carrier, carrier};
use crate::announce::delivery::{Courier, Ledger, Order};
use crate::announce::message::{Message, test_entry};
use crate::announce::queue::{Outcome, Queue};
use crate::announce::sorting::Sorter;
use crate::announce::status::{Gauge, HookStatus};
use crate::clock::Clock;
use crate::control::timeline::Entry;
use crate::model::hook::Hook;

/// What is owed from before, by receiver: numbers and entries in their order.
pub type Owed = HashMap<String, Vec<(u64, Arc<Entry>)>>;

/// What the desk is made of.
pub struct Parts {
    /// This node's name.
    pub node: Arc<str>,
    /// Both clocks.
    pub clock: Arc<dyn Clock>,
    /// Keeps what is owed.
    pub ledger: Arc<dyn Ledger>,
    /// Counts the tasks.
    pub tracker: TaskTracker,
    /// Ends them.
    pub stop: CancellationToken,
    /// For jitter.
    pub chance: u64,
}

/// A receiver with its task.
struct Line {
    name: Arc<str>,
    hook: Arc<Hook>,
    carrier: Arc<dyn Carrier>,
    orders: UnboundedSender<Order>,
    gauge: Arc<Gauge>,
}

struct Inner {
    parts: Parts,
    runtime: tokio::runtime::Handle,
    lines: ArcSwap<Vec<Line>>,
    /// Held while the receivers change.
    changing: Mutex<()>,
}

/// A handle; clones mean the same desk.
#[derive(Clone)]
pub struct Desk(Arc<Inner>);

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk").finish_non_exhaustive()
    }
}

impl Desk {
    /// Starts a task for each of `hooks`, on the runtime that is entered, with what is `owed` to it; what is owed to
    /// somebody else is forgotten.
    #[must_use]
    pub fn open(parts: Parts, hooks: &[Hook], owed: Owed) -> Self {
        let desk = Self(Arc::new(Inner {
            parts,
            runtime: tokio::runtime::Handle::current(),
            lines: ArcSwap::default(),
            changing: Mutex::new(()),
        }));
        desk.follow_with(hooks, owed);
        desk
    }

    /// Another configuration: new receivers begin with what happens from now on, and those that stay go on with what
    /// is owed to them.
    pub fn follow(&self, hooks: &[Hook]) {
        self.follow_with(hooks, Owed::new());
    }

    fn follow_with(&self, hooks: &[Hook], mut owed: Owed) {
        // Nothing panics while holding it.
        let _changing = self.0.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.0.lines.load_full();
        let lines = hooks
            .iter()
            .map(|hook| {
                let known = before.iter().find(|line| *line.name == *hook.name);
                match known {
                    Some(line) if *line.hook == *hook => line.again(),
                    Some(line) => line.change(hook, Arc::clone(&self.0.parts.clock)),
                    None => self.line(hook, owed.remove(&hook.name).unwrap_or_default()),
                }
            })
            .collect();
        self.0.lines.store(Arc::new(lines));
        for line in before.iter() {
            if !hooks.iter().any(|hook| *hook.name == *line.name) {
                // A task that has ended owes nothing.
                let _ = line.orders.send(Order::Retire);
            }
        }
        for (name, owed) in owed {
            tracing::warn!(
                target: "pointsman::announce", hook = %name, owed = owed.len(),
                "there is no such receiver any more: what was owed to it is forgotten"
            );
            self.0.parts.ledger.forget(&Arc::from(name));
        }
    }

    fn line(&self, hook: &Hook, owed: Vec<(u64, Arc<Entry>)>) -> Line {
        let parts = &self.0.parts;
        let (orders, inbox) = unbounded_channel();
        let line = Line {
            name: Arc::from(hook.name.as_str()),
            hook: Arc::new(hook.clone()),
            carrier: carrier(hook, Arc::clone(&parts.clock)),
            orders,
            gauge: Arc::default(),
        };
        if !owed.is_empty() {
            tracing::info!(
                target: "pointsman::announce", hook = %hook.name, owed = owed.len(), "goes on with what is owed"
            );
        }
        for (id, entry) in owed {
            // The inbox is here, and open.
            let _ = line.orders.send(Order::Owe(id, entry));
        }
        let courier = Courier {
            node: Arc::clone(&parts.node),
            name: Arc::clone(&line.name),
            queue: Queue::new(hook.longest_wait, hook.backlog),
            carrier: Arc::clone(&line.carrier),
            clock: Arc::clone(&parts.clock),
            ledger: Arc::clone(&parts.ledger),
            gauge: Arc::clone(&line.gauge),
            chance: parts.chance,
        };
        parts
            .tracker
            .spawn_on(courier.run(inbox, parts.stop.clone()), &self.0.runtime);
        line
    }

    /// Sends nothing any more until [`Desk::resume`]; returns when nothing is under way.
    pub async fn pause(&self) {
        let lines = self.0.lines.load_full();
        for line in lines.iter() {
            let (told, quiet) = oneshot::channel();
            if line.orders.send(Order::Pause(told)).is_ok() {
                // A task that ends meanwhile sends nothing either.
                let _ = quiet.await;
            }
        }
    }

    /// Goes on sending.
    pub fn resume(&self) {
        for line in self.0.lines.load().iter() {
            // A task that has ended was told to stop.
            let _ = line.orders.send(Order::Resume);
        }
    }

    /// How it goes, in the order of the configuration.
    #[must_use]
    pub fn status(&self) -> Vec<HookStatus> {
        let lines = self.0.lines.load();
        lines.iter().map(|line| line.gauge.status(&line.hook)).collect()
    }

    /// Sends a test to the receiver called `name`, past what is owed to it, once; `None`: there is none.
    pub async fn test(&self, name: &str, by: &str) -> Option<Outcome> {
        let parts = &self.0.parts;
        let (hook, carrier) = {
            let lines = self.0.lines.load();
            let line = lines.iter().find(|line| *line.name == *name)?;
            (Arc::clone(&line.name), Arc::clone(&line.carrier))
        };
        let entry = Arc::new(test_entry(&parts.node, parts.clock.now().wall.0, by));
        let message = Message {
            node: Arc::clone(&parts.node),
            hook,
            entry,
            attempt: 1,
        };
        Some(carrier.carry(&message).await)
    }

    /// The signal box's end. Problems that are `open` are told to be over; numbers begin after `last`.
    #[must_use]
    pub fn postbox(&self, open: Vec<String>, last: u64) -> Postbox {
        Postbox {
            desk: self.clone(),
            sorter: Sorter::new(open),
            last,
            // Unless the store says so, which is written once.
            unheard: false,
        }
    }
}

impl Line {
    fn again(&self) -> Self {
        Self {
            name: Arc::clone(&self.name),
            hook: Arc::clone(&self.hook),
            carrier: Arc::clone(&self.carrier),
            orders: self.orders.clone(),
            gauge: Arc::clone(&self.gauge),
        }
    }

    fn change(&self, hook: &Hook, clock: Arc<dyn Clock>) -> Self {
        let line = Self {
            hook: Arc::new(hook.clone()),
            carrier: carrier(hook, clock),
            ..self.again()
        };
        let order = Order::Change(Arc::clone(&line.hook), Arc::clone(&line.carrier));
        // A task that has ended was told to stop.
        let _ = line.orders.send(order);
        line
    }
}

/// The signal box's end: sorts entries and appends them to queues. It never waits.
#[derive(Debug)]
pub struct Postbox {
    desk: Desk,
    sorter: Sorter,
    last: u64,
    /// Whether the store knows that nobody is told.
    unheard: bool,
}

impl Postbox {
    /// Owes `entry` to everybody who wants it.
    pub fn post(&mut self, entry: &Arc<Entry>) {
        let sorted = self.sorter.sort(entry);
        let lines = self.desk.0.lines.load();
        let wanting = || lines.iter().filter(|line| sorted.wanted(entry, &line.hook));
        let names: Vec<Arc<str>> = wanting().map(|line| Arc::clone(&line.name)).collect();
        let (ledger, change) = (&self.desk.0.parts.ledger, sorted.change.as_ref());
        if lines.is_empty() {
            if change.is_some() || !self.unheard {
                ledger.unheard(change);
                self.unheard = true;
            }
            return;
        }
        self.unheard = false;
        self.last += 1;
        // First: what is confirmed at once must not be crossed out before it is written.
        ledger.owe(self.last, entry, &names, change);
        for line in wanting() {
            // The task of a stopping server has ended; what is owed is in the store.
            let _ = line.orders.send(Order::Owe(self.last, Arc::clone(entry)));
        }
    }
}
