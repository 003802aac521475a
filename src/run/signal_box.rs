//! The thread that owns the signal box and the publisher: events in, effects carried out in order.
//!
//! It drains what waits before it publishes, so that several verdicts at once make one snapshot. No step waits
//! on disk, network or readers.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

use crate::answer::published::Published;
use crate::answer::snapshot::Snapshot;
use crate::api::live::Request;
use crate::clock::Clock;
use crate::control::drill::Stage;
use crate::control::effect::{Done, Effect, Refusal};
use crate::control::event::{CommandTicket, Event, Remembered};
use crate::control::step::Control;
use crate::model::plan::Plan;
use crate::model::time::{Moment, Now};
use crate::probe::runner::Runner;
use crate::publish::publisher::Publisher;
use crate::publish::tables::Tables;
use crate::run::chronicle::{Chronicle, Swap};
use crate::run::gate::Gates;
use crate::run::metering::DeskMeters;
use crate::run::recorder::Recorder;
use crate::simulate::recording::Entry;
use crate::store::Store;

pub mod handing;
mod hands;
mod requests;
use handing::Handing;
use hands::retention;

/// How many events are taken before the effects so far are carried out.
const DRAIN: usize = 1024;
/// How long a reference target may take to answer.
const REFERENCE_BUDGET: Duration = Duration::from_secs(1);

/// What the thread is told besides events.
#[derive(Debug)]
pub enum Message {
    /// A new configuration with its tables; replied to when it is in force.
    Replan(Arc<Plan>, Tables, oneshot::Sender<()>),
    /// A copy of the signal box at this moment, for what-if questions.
    Copy(oneshot::Sender<(Box<Control>, Now)>),
    /// A successor wants to decide from now on.
    HandOver(Handing),
    /// End.
    Stop,
}

/// What the thread is made of.
pub struct SignalBox {
    /// The configuration to begin with.
    pub plan: Arc<Plan>,
    /// Makes snapshots.
    pub publisher: Publisher,
    /// Where they are swapped in.
    pub published: Arc<Published>,
    /// Carries out probes.
    pub runner: Runner,
    /// Runs programs of `on_failover`.
    pub gates: Gates,
    /// Keeps what must survive.
    pub store: Store,
    /// Both clocks.
    pub clock: Arc<dyn Clock>,
    /// Told when the sockets may open.
    pub open: Option<oneshot::Sender<()>>,
    /// Where the store's word goes.
    pub events: mpsc::Sender<Event>,
    /// What the store held.
    pub remembered: Remembered,
    /// For jitter.
    pub seed: u64,
    /// Where every event is written down, when that is wanted.
    pub recorder: Option<Recorder>,
    /// Tells what happens.
    pub chronicle: Chronicle,
    /// Where steps of drills go, each with the moment of the last publication.
    pub stages: mpsc::Sender<(Stage, Moment)>,
    /// The plan in force, for those who must know it.
    pub plans: watch::Sender<Arc<Plan>>,
    /// What goes on where another server stopped, with effects that are not carried out yet.
    pub begun: Option<Begun>,
}

/// A signal box that goes on where another server's stopped.
#[derive(Debug)]
pub struct Begun {
    /// It.
    pub control: Box<Control>,
    /// What it wants; its first decisions are published already.
    pub effects: Vec<Effect>,
    /// The process that it takes over from.
    pub from: i32,
    /// What was told already, by kind, and whether somebody should look.
    pub told: Vec<(String, bool, u64)>,
}

/// What the thread listens to.
#[derive(Debug)]
pub struct Inbox {
    /// Replans and the end; first.
    pub messages: mpsc::Receiver<Message>,
    /// Probe results; bounded, so that probes wait while the thread is busy.
    pub events: mpsc::Receiver<Event>,
    /// What the API asks.
    pub requests: mpsc::Receiver<Request>,
}

/// Starts the thread. `failed` is dropped when it ends.
///
/// # Errors
/// When the system gives no thread or no timer.
pub fn spawn(
    signal_box: SignalBox,
    inbox: Inbox,
    failed: oneshot::Sender<()>,
) -> std::io::Result<std::thread::JoinHandle<()>> {
    // A runtime of its own: its timer sleeps until the next deadline, and nothing else shares its thread.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()?;
    std::thread::Builder::new()
        .name("signal-box".into())
        .spawn(move || {
            runtime.block_on(Desk::new(signal_box).run(inbox));
            drop(failed);
        })
}

struct Desk {
    control: Control,
    parts: SignalBox,
    snapshot: Arc<Snapshot>,
    retired: Vec<Arc<Snapshot>>,
    effects: Vec<Effect>,
    /// Events that an effect brought about at once.
    owed: Vec<Event>,
    waiting: HashMap<CommandTicket, oneshot::Sender<Result<Done, Refusal>>>,
    commands: u64,
    swap: Swap,
    meters: DeskMeters,
    /// The process that it took over from.
    from: Option<i32>,
}

impl Desk {
    fn new(mut parts: SignalBox) -> Self {
        let now = parts.clock.now();
        let remembered = std::mem::take(&mut parts.remembered);
        if let Some(recorder) = &mut parts.recorder {
            recorder.record(Entry::start(&parts.plan, &remembered, now));
        }
        parts.store.keep(retention(&parts.plan));
        let begun = parts.begun.take();
        let from = begun.as_ref().map(|begun| begun.from);
        let (control, effects) = match begun {
            Some(begun) => {
                parts.chronicle.inherit(begun.told);
                (*begun.control, begun.effects)
            }
            None => {
                let plan = Arc::clone(&parts.plan);
                (Control::new(plan, remembered, parts.seed, now), Vec::new())
            }
        };
        let snapshot = parts.published.load_full();
        let (retired, owed, waiting) = (Vec::new(), Vec::new(), HashMap::new());
        Self {
            control,
            parts,
            snapshot,
            retired,
            effects,
            owed,
            waiting,
            commands: 0,
            swap: Swap::default(),
            meters: DeskMeters::new(),
            from,
        }
    }

    async fn run(mut self, mut inbox: Inbox) {
        self.parts
            .chronicle
            .begin(self.parts.clock.now(), self.from, &self.parts.store);
        self.step(Event::Woke);
        self.carry_out();
        let mut look = Moment::ZERO;
        loop {
            let now = self.parts.clock.now();
            if now.moment >= look {
                self.parts.chronicle.look(now, &self.parts.store);
                look = self.parts.chronicle.next_look(now.moment);
            }
            let wake = self.control.next_wake();
            tokio::select! {
                biased;
                message = inbox.messages.recv() => match message {
                    None | Some(Message::Stop) => break,
                    Some(Message::HandOver(handing)) => {
                        if self.hand_over(handing).await {
                            return;
                        }
                    }
                    Some(Message::Replan(plan, tables, reply)) => self.replan(plan, tables, reply),
                    Some(Message::Copy(reply)) => {
                        // Whoever asked may have left.
                        let _ = reply.send((Box::new(self.control.clone()), self.parts.clock.now()));
                    }
                },
                event = inbox.events.recv() => match event {
                    None => break,
                    Some(event) => self.drain(event, &mut inbox.events),
                },
                Some(request) = inbox.requests.recv() => self.serve(request),
                () = until(wake, &*self.parts.clock) => self.step(Event::Woke),
                () = until(Some(look), &*self.parts.clock) => continue,
            }
            self.carry_out();
        }
        let now = self.parts.clock.now();
        self.parts.chronicle.end(now, &self.parts.store);
    }

    /// Takes this event and those that already wait.
    fn drain(&mut self, first: Event, events: &mut mpsc::Receiver<Event>) {
        self.step(first);
        for _ in 1..DRAIN {
            match events.try_recv() {
                Ok(event) => self.step(event),
                Err(_) => break,
            }
        }
    }

    fn replan(&mut self, plan: Arc<Plan>, tables: Tables, reply: oneshot::Sender<()>) {
        self.parts.publisher.adopt(&plan, tables);
        self.parts.plan = Arc::clone(&plan);
        self.parts.store.keep(retention(&plan));
        self.meters.replan(&plan);
        self.parts.plans.send_replace(Arc::clone(&plan));
        // Static records and zones change without any decision: without a service there is none.
        self.effects.push(Effect::Publish(Vec::new()));
        self.step(Event::Planned(plan));
        self.carry_out();
        // Whoever asked may have left.
        let _ = reply.send(());
    }

    fn step(&mut self, event: Event) {
        let now = self.parts.clock.now();
        if let Some(recorder) = &mut self.parts.recorder
            && let Some(entry) = Entry::of(&self.control, now, &event)
        {
            recorder.record(entry);
        }
        self.control.step(now, event, &mut self.effects);
    }

    /// Carries the effects out, in order; publishing comes first wherever it stands, since answers must not wait
    /// for log lines.
    fn carry_out(&mut self) {
        let mut effects = std::mem::take(&mut self.effects);
        let (mut decisions, mut publishes) = (Vec::new(), false);
        for effect in &mut effects {
            if let Effect::Publish(decided) = effect {
                decisions.append(decided);
                publishes = true;
            }
        }
        if publishes {
            self.publish(&decisions);
        }
        self.retired.retain(|snapshot| Arc::strong_count(snapshot) > 1);
        let changed = self.look_over(&decisions, &effects);
        for effect in effects {
            match effect {
                Effect::Publish(_) => {}
                Effect::Probe {
                    ticket,
                    target,
                    budget,
                } => {
                    if let Some(target) = self.parts.plan.targets.get(target.index()) {
                        self.parts.runner.probe(ticket, target, budget.0);
                    }
                }
                Effect::ProbeReference { reference } => {
                    let references = &self.parts.plan.node.isolation.references;
                    if let Some(&address) = references.get(reference) {
                        self.probe_reference(reference, address);
                    }
                }
                Effect::Gate(order) => self.parts.gates.start(*order),
                Effect::Ungate(ticket) => self.parts.gates.stop(ticket),
                Effect::Forget(ticket) => self.parts.runner.forget(ticket),
                Effect::Remember(record) => self.parts.store.remember(record),
                Effect::Persist(ticket, records) => self.persist(ticket, records),
                Effect::Tell(event) => {
                    let publisher = &self.parts.publisher;
                    let firsts = |service: &str| {
                        let id = changed.get(service);
                        id.map(|id| publisher.firsts(*id)).unwrap_or_default()
                    };
                    self.parts
                        .chronicle
                        .tell(&event, self.swap, firsts, &self.parts.store);
                    self.meters.told(&event, self.swap.published.moment);
                    if let Some(recorder) = &mut self.parts.recorder
                        && let Some(entry) = Entry::told(&event)
                    {
                        recorder.record(entry);
                    }
                }
                Effect::Answer(ticket, result) => {
                    if let Some(reply) = self.waiting.remove(&ticket) {
                        let _ = reply.send(result);
                    }
                }
                Effect::Drilled(stage) => {
                    // A drill has a handful of steps; were they not taken, its report would be lost, nothing else.
                    if self
                        .parts
                        .stages
                        .try_send((stage, self.swap.published.moment))
                        .is_err()
                    {
                        tracing::error!(target: "pointsman::drill", "nobody takes the steps of a drill");
                    }
                }
                Effect::OpenSockets => {
                    if let Some(open) = self.parts.open.take() {
                        let _ = open.send(());
                    }
                }
            }
        }
        if !self.owed.is_empty() {
            for event in std::mem::take(&mut self.owed) {
                self.step(event);
            }
            self.carry_out();
        }
    }
}

/// Sleeps until `wake`; for ever when there is no deadline.
async fn until(wake: Option<Moment>, clock: &dyn Clock) {
    match wake {
        Some(wake) => tokio::time::sleep(wake.since(clock.now().moment)).await,
        None => std::future::pending().await,
    }
}
