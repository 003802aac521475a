//! Everything that can happen to the signal box.

use std::sync::Arc;
use std::time::Duration;

use crate::control::drill::{Order, StoredDrill};
use crate::control::gate::GateResult;
use crate::control::overrides::StoredOverride;
use crate::health::monitor::Role;
use crate::health::observation::Observation;
use crate::model::force::ForceKind;
use crate::model::id::TargetId;
use crate::model::plan::Plan;
use crate::model::time::Moment;

/// What an endpoint says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// How it is.
    pub kind: WordKind,
    /// Why, in its own words; may be empty.
    pub text: String,
}

/// How an endpoint says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WordKind {
    /// Well.
    Up,
    /// Less than well.
    Degraded,
    /// Not to be used.
    Down,
}

/// Names one probe that was asked for; never reused within a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProbeTicket(pub u64);

/// Names one command, so that its answer finds the one who asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommandTicket(pub u64);

/// Names one `Effect::Persist`, so that the disk's word finds what waits for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StoreTicket(pub u64);

/// Names one program of `on_failover` that was started; never reused within a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GateTicket(pub u64);

/// Something happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// A probe ended.
    Probed {
        /// Which.
        ticket: ProbeTicket,
        /// What it found.
        seen: Observation,
    },
    /// A probe ended that another life of this node had sent: it is judged like one's own.
    Heard {
        /// Of which target.
        target: TargetId,
        /// Why it was sent.
        role: Role,
        /// Whether it was one of those that are sent at the interval.
        regular: bool,
        /// When it was sent.
        began: Moment,
        /// What it found.
        seen: Observation,
    },
    /// A probe of a reference target (`[isolation] references`) ended.
    ReferenceProbed {
        /// Index into `[isolation] references`.
        reference: usize,
        /// Whether it answered.
        reachable: bool,
    },
    /// An operator asks for something.
    Commanded {
        /// Who asks.
        ticket: CommandTicket,
        /// For the history: user, address.
        by: String,
        /// What.
        command: Command,
        /// How.
        manner: Manner,
    },
    /// What `Effect::Persist` asked for is on disk, or cannot be put there.
    Stored {
        /// Which.
        ticket: StoreTicket,
        /// Why not.
        result: Result<(), String>,
    },
    /// A program of `on_failover` has ended.
    Gated {
        /// Which.
        ticket: GateTicket,
        /// How.
        result: GateResult,
    },
    /// An endpoint reports itself; whether it may was asked before.
    Heartbeat {
        /// Which target.
        target: TargetId,
        /// What it says.
        word: Word,
    },
    /// A new configuration is in force.
    Planned(Arc<Plan>),
    /// A deadline passed.
    Woke,
}

/// What an operator may ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Switch a failover service by hand: to `to`, or to the next healthy endpoint (to the most preferred healthy
    /// one when the active one is not it).
    Failover {
        /// The service's name: `www.example.test`.
        service: String,
        /// The endpoint's name.
        to: Option<String>,
    },
    /// Lay something upon endpoints: drain them, force them up or down.
    Force {
        /// What.
        kind: ForceKind,
        /// On whom, as a [`Selector`](crate::model::selector::Selector).
        select: String,
        /// Why.
        reason: Option<String>,
        /// For how long; `None`: until it is released.
        lasting: Option<Duration>,
    },
    /// Rehearse a failover.
    Drill(Order),
    /// End the drill of this number.
    CancelDrill(u64),
    /// Lift what was laid upon endpoints.
    Release {
        /// From whom, as a [`Selector`](crate::model::selector::Selector).
        select: String,
    },
}

/// How a command is to be carried out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Manner {
    /// Go past what would refuse it for safety; recorded.
    pub break_glass: bool,
    /// Only say what would change.
    pub dry_run: bool,
}

/// What must survive a restart, as it was stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remembered {
    /// Service name and path of pools (`www.example.test`, `www.example.test/eu`) to active member's name.
    pub actives: Vec<(String, String)>,
    /// What operators laid upon endpoints, oldest first.
    pub overrides: Vec<StoredOverride>,
    /// Drills, oldest first.
    pub drills: Vec<StoredDrill>,
    /// Whether something may have been remembered that cannot be read any more.
    pub lost: bool,
}

/// How long a probe may take; the remaining part of `startup_wait` may cut it short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProbeBudget(pub Duration);
