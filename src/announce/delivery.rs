//! The task of one receiver: takes what is due from its queue, has it carried, and crosses out what is confirmed.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::oneshot;
use tokio::task::{Id, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::announce::carrier::Carrier;
use crate::announce::message::Message;
use crate::announce::queue::{Delivery, Outcome, Queue, Settled};
use crate::announce::sorting::Change;
use crate::announce::status::Gauge;
use crate::clock::Clock;
use crate::control::timeline::Entry;
use crate::model::hook::Hook;

/// How long a stopping server waits for deliveries under way, so that what is confirmed just now is crossed out.
const LAST_WORDS: Duration = Duration::from_millis(1500);

/// Keeps over restarts what is owed. Nothing of it waits for a disk.
pub trait Ledger: Send + Sync + 'static {
    /// `entry` was looked at: it is owed to `hooks` (perhaps to none) under the number `id`, and changes what problems
    /// are open.
    fn owe(&self, id: u64, entry: &Arc<Entry>, hooks: &[Arc<str>], change: Option<&Change>);
    /// There are no receivers: what happens from now on is owed to nobody, whoever is configured later.
    fn unheard(&self, change: Option<&Change>);
    /// It is not owed to `hook` any more.
    fn settle(&self, hook: &Arc<str>, id: u64);
    /// Nothing is owed to `hook` any more: it was taken out of the configuration.
    fn forget(&self, hook: &Arc<str>);
}

/// What the task is told.
pub enum Order {
    /// An entry to be delivered.
    Owe(u64, Arc<Entry>),
    /// The receiver's configuration has changed.
    Change(Arc<Hook>, Arc<dyn Carrier>),
    /// The receiver was taken out of the configuration.
    Retire,
    /// Nothing is to be sent until [`Order::Resume`]; told when nothing is under way any more.
    Pause(oneshot::Sender<()>),
    /// All goes on.
    Resume,
}

/// The task of one receiver.
pub struct Courier {
    /// This node.
    pub node: Arc<str>,
    /// The receiver's name.
    pub name: Arc<str>,
    /// What is owed.
    pub queue: Queue,
    /// The way there.
    pub carrier: Arc<dyn Carrier>,
    /// Both clocks.
    pub clock: Arc<dyn Clock>,
    /// Where what is confirmed is crossed out.
    pub ledger: Arc<dyn Ledger>,
    /// Kept up to date.
    pub gauge: Arc<Gauge>,
    /// For jitter.
    pub chance: u64,
}

impl Courier {
    /// Delivers until `stop`, or until the receiver is taken out.
    pub async fn run(mut self, mut orders: UnboundedReceiver<Order>, stop: CancellationToken) {
        let mut flying = JoinSet::new();
        let mut ids: HashMap<Id, u64> = HashMap::new();
        // Whether nothing is to be sent, and who is to be told that nothing is under way.
        let mut paused: Option<Option<oneshot::Sender<()>>> = None;
        self.count();
        loop {
            if ids.is_empty()
                && let Some(told) = paused.as_mut().and_then(Option::take)
            {
                // Whoever asked may have left.
                let _ = told.send(());
            }
            while paused.is_none()
                && let Some(delivery) = self.queue.next(self.clock.now().moment)
            {
                let id = delivery.id;
                let task = flying.spawn(self.carry(delivery));
                ids.insert(task.id(), id);
            }
            let wake = self.wake(!ids.is_empty()).filter(|_| paused.is_none());
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some(landed) = flying.join_next_with_id() => self.land(landed, &mut ids),
                order = orders.recv() => match order {
                    None => break,
                    Some(Order::Retire) => {
                        self.retire();
                        return;
                    }
                    Some(Order::Pause(told)) => paused = Some(Some(told)),
                    Some(Order::Resume) => paused = None,
                    Some(order) => self.obey(order),
                },
                () = sleep(wake) => {}
            }
            self.count();
        }
        let landing = async {
            while let Some(landed) = flying.join_next_with_id().await {
                self.land(landed, &mut ids);
            }
        };
        // Who is not heard of in time is told again after the start.
        let _ = tokio::time::timeout(LAST_WORDS, landing).await;
    }

    /// How long until something is due; nothing when a landing will say.
    fn wake(&self, flying: bool) -> Option<Duration> {
        let now = self.clock.now();
        let wait = self.queue.wake().map(|at| at.since(now.moment));
        let shown = wait.filter(|wait| !flying && !wait.is_zero());
        let unix_ms = |wait: Duration| {
            let ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
            now.wall.0.saturating_add(ms)
        };
        self.gauge.next_try(shown.map(unix_ms));
        // While one is under way, what is due waits for it.
        wait.filter(|wait| !(flying && wait.is_zero()))
    }

    fn carry(&self, delivery: Delivery) -> impl Future<Output = Outcome> + Send + 'static {
        let message = Message {
            node: Arc::clone(&self.node),
            hook: Arc::clone(&self.name),
            entry: delivery.entry,
            attempt: delivery.attempt,
        };
        let carrier = Arc::clone(&self.carrier);
        async move { carrier.carry(&message).await }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Owe(id, entry) => {
                let given_up = self.queue.push(id, entry);
                for id in &given_up {
                    self.ledger.settle(&self.name, *id);
                }
                let count = given_up.len() as u64;
                let before = self.gauge.given_up.fetch_add(count, Ordering::Relaxed);
                // The first is said, then every power of two.
                if count > 0 && (before + count).ilog2() != before.checked_ilog2().unwrap_or(u32::MAX) {
                    tracing::error!(
                        target: "pointsman::announce", hook = %self.name, given_up = before + count,
                        "more is owed than `backlog` allows: the oldest are given up"
                    );
                }
            }
            Order::Change(hook, carrier) => {
                self.queue.adapt(hook.longest_wait, hook.backlog);
                self.carrier = carrier;
            }
            Order::Retire | Order::Pause(_) | Order::Resume => {}
        }
    }

    fn retire(&self) {
        self.ledger.forget(&self.name);
        if self.queue.is_empty() {
            tracing::info!(target: "pointsman::announce", hook = %self.name, "not told any more");
        } else {
            tracing::warn!(
                target: "pointsman::announce", hook = %self.name, owed = self.queue.len(),
                "not told any more; what was owed is forgotten"
            );
        }
    }

    fn land(&mut self, landed: Result<(Id, Outcome), tokio::task::JoinError>, ids: &mut HashMap<Id, u64>) {
        let (task, outcome) = match landed {
            Ok(landed) => landed,
            Err(error) => (
                error.id(),
                Outcome::Unable("the delivery broke off".to_owned(), None),
            ),
        };
        let Some(id) = ids.remove(&task) else {
            return;
        };
        let now = self.clock.now();
        // A linear congruential generator: jitter needs no better one.
        self.chance = self
            .chance
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let hook = &self.name;
        match self.queue.done(now.moment, id, outcome, self.chance >> 16) {
            Settled::Confirmed => {
                if self.gauge.is_failing() {
                    tracing::info!(target: "pointsman::announce", %hook, owed = self.queue.len(), "takes what it is told again");
                }
                self.gauge.succeeded(now.wall.0);
                self.ledger.settle(hook, id);
            }
            Settled::Again(why) => {
                let fresh = !self.gauge.is_failing();
                let failures = self.gauge.failed(now.wall.0, &why);
                if fresh || failures.is_power_of_two() {
                    tracing::warn!(target: "pointsman::announce", %hook, %why, owed = self.queue.len(), "not delivered; it is tried again");
                }
            }
            Settled::GivenUp(why) => {
                self.gauge.failed(now.wall.0, &why);
                self.gauge.given_up.fetch_add(1, Ordering::Relaxed);
                self.ledger.settle(hook, id);
                tracing::error!(target: "pointsman::announce", %hook, %why, "refused too often: this one is set aside");
            }
            Settled::Gone => {}
        }
    }

    fn count(&self) {
        let owed = self.queue.len() as u64;
        self.gauge.pending.store(owed, Ordering::Relaxed);
    }
}

async fn sleep(wait: Option<Duration>) {
    match wait {
        Some(wait) => tokio::time::sleep(wait).await,
        None => std::future::pending().await,
    }
}
