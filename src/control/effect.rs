//! Everything the signal box can ask for.

use crate::control::drill::{News, Stage, StoredDrill};
use crate::control::event::{CommandTicket, GateTicket, ProbeBudget, ProbeTicket, StoreTicket};
use crate::control::gate::GateOrder;
use crate::control::overrides::StoredOverride;
use crate::health::observation::Evidence;
use crate::health::standing::Health;
use crate::model::id::TargetId;
use crate::model::time::Now;
use crate::policy::choice::Decision;

/// Something to be done by the shell, in order.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Probe a target now.
    Probe {
        /// Comes back in `Event::Probed`.
        ticket: ProbeTicket,
        /// Which target of the plan in force.
        target: TargetId,
        /// At the most.
        budget: ProbeBudget,
    },
    /// Probe a reference target now (TCP connect).
    ProbeReference {
        /// Index into `[isolation] references`.
        reference: usize,
    },
    /// Stop this probe: its target is gone. No event is owed.
    Forget(ProbeTicket),
    /// Answer from these from now on.
    Publish(Vec<Decision>),
    /// Keep over restarts, when the disk has time for it; a later record of the same thing takes its place.
    Remember(Record),
    /// Put these on disk, all or none, before anything follows from them; `Event::Stored` says how it went.
    Persist(StoreTicket, Vec<Record>),
    /// Log (and later: keep in the history).
    Tell(HistoryEvent),
    /// The answer to a command.
    Answer(CommandTicket, Result<Done, Refusal>),
    /// A drill came so far: for whoever measures it.
    Drilled(Stage),
    /// Run a program of `on_failover`; `Event::Gated` says how it ended.
    Gate(Box<GateOrder>),
    /// Kill this program with its children: it is not waited for any more. No event is owed.
    Ungate(GateTicket),
    /// Every endpoint has a verdict, or `startup_wait` is over: serve.
    OpenSockets,
}

/// Something that survives a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// The active member of a failover group, or whether an operator put it there.
    Active {
        /// `www.example.test` or `www.example.test/pool`.
        group: String,
        /// Member's name.
        active: String,
    },
    /// An override, new or changed.
    Override(StoredOverride),
    /// The override of this number is gone.
    Released(u64),
    /// A drill, new or changed.
    Drill(StoredDrill),
}

/// A command was carried out: a sentence for the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done(pub String);

/// A command was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{rule}: {detail}")]
pub struct Refusal {
    /// Short name of the rule, e.g. `no-such-service`.
    pub rule: &'static str,
    /// The sentence: what stands against it, and how to go on.
    pub detail: String,
}

/// Something for the timeline.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryEvent {
    /// When.
    pub at: Now,
    /// Whether somebody should look.
    pub alarm: bool,
    /// What.
    pub kind: HistoryKind,
}

/// News of a gate or hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GateNews {
    /// The service.
    pub service: String,
    /// The endpoint that is active, or was.
    pub from: String,
    /// The endpoint that is to be, or is.
    pub to: String,
    /// What became of it.
    pub stage: GateStage,
    /// Why, and what the program wrote.
    pub text: String,
}

/// What became of a program of `on_failover`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GateStage {
    /// It runs; the old answer stands.
    Started,
    /// It ended with success.
    Passed,
    /// It ended otherwise.
    Failed,
    /// It did not end in time.
    TimedOut,
    /// It was stopped: the switch is not called for any more.
    Cancelled,
    /// A hook that nothing waits for ended with success.
    HookRan,
    /// A hook that nothing waits for failed.
    HookFailed,
}

/// A sentence for people.
impl std::fmt::Display for GateNews {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (service, from, to) = (&self.service, &self.from, &self.to);
        let what = match self.stage {
            GateStage::Started => "its gate runs",
            GateStage::Passed => "its gate was passed",
            GateStage::Failed => "its gate failed",
            GateStage::TimedOut => "its gate took too long",
            GateStage::Cancelled => "its gate was stopped",
            GateStage::HookRan => "its hook ran",
            GateStage::HookFailed => "its hook failed",
        };
        write!(f, "{service}, from {from} to {to}: {what}: {}", self.text)
    }
}

impl GateStage {
    /// As entries of the timeline are called.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Started => "gate-started",
            Self::Passed => "gate-passed",
            Self::Failed => "gate-failed",
            Self::TimedOut => "gate-timed-out",
            Self::Cancelled => "gate-cancelled",
            Self::HookRan => "hook-ran",
            Self::HookFailed => "hook-failed",
        }
    }

    /// Whether somebody should look.
    #[must_use]
    pub fn is_alarming(self) -> bool {
        matches!(self, Self::Failed | Self::TimedOut | Self::HookFailed)
    }
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum HistoryKind {
    /// An endpoint's address changed state.
    StateChanged {
        /// `check` as named in the zone.
        check: String,
        /// Address and port.
        target: String,
        /// Services that use it.
        services: Vec<String>,
        /// Before.
        from: Health,
        /// After.
        to: Health,
        /// Why, in a sentence.
        why: String,
        /// The last probe's evidence.
        evidence: Evidence,
        /// Nanoseconds since the first failed (or good) probe of this change.
        since_first: u64,
    },
    /// A check in shadow would have changed the state of an address.
    Shadowed {
        /// `check` as named in the zone.
        check: String,
        /// Address and port.
        target: String,
        /// Services that would have heeded it.
        services: Vec<String>,
        /// What the state would be.
        to: Health,
        /// Why, in a sentence.
        why: String,
    },
    /// A service's answer changed.
    AnswerChanged {
        /// The service.
        service: String,
        /// Addresses before.
        from: Vec<String>,
        /// Addresses after.
        to: Vec<String>,
        /// Why, in a sentence.
        why: String,
    },
    /// What became of a gate, or of a hook that nothing waits for.
    Gate(Box<GateNews>),
    /// A manual switch is proposed.
    Proposed {
        /// The service.
        service: String,
        /// The endpoint that answers now.
        active: String,
        /// The endpoint that should.
        proposed: String,
    },
    /// An address answers again, but is held down for a while: it flapped, or was down for less than `min_down`.
    Held {
        /// `check address:port`.
        target: String,
        /// Services that use it.
        services: Vec<String>,
        /// For how long, and why.
        why: String,
    },
    /// A service's answer is not what it should be (`Some`: what is answered and why), or is again (`None`).
    Degraded {
        /// The service.
        service: String,
        /// As the extended error says it.
        what: Option<String>,
    },
    /// An address answers, but less than well (`Some`: why), or is well again (`None`).
    TargetDegraded {
        /// `check address:port`.
        target: String,
        /// Services that use it.
        services: Vec<String>,
        /// `slow, 740 ms of 500 ms`.
        why: Option<String>,
    },
    /// Probes of a target fail through this node's own fault; told at the first, second, fourth, eighth… one.
    ProbeFault {
        /// `check address:port`.
        target: String,
        /// What went wrong.
        why: String,
    },
    /// This node seems cut off: states are frozen (true), or thawed.
    Isolated(bool),
    /// The correlation brake holds endpoints of a check up.
    Braked {
        /// The check.
        check: String,
        /// How many wait.
        waiting: usize,
    },
    /// A command was carried out.
    Commanded {
        /// The services it was about; empty: too many to be named.
        services: Vec<String>,
        /// Who.
        by: String,
        /// What, in a sentence.
        what: String,
        /// Whether it went past a safety rule.
        break_glass: bool,
    },
    /// An override's time is over.
    Lapsed {
        /// The services it lay upon; empty: too many to be named.
        services: Vec<String>,
        /// Upon what it lay, and what it was.
        what: String,
    },
    /// A drained endpoint is in no compliant cache any more: its server may be stopped.
    SafeToStop {
        /// The service.
        service: String,
        /// The endpoint.
        endpoint: String,
        /// Its addresses.
        addresses: Vec<String>,
    },
    /// An endpoint is forced up while it fails.
    Masked {
        /// The service.
        service: String,
        /// The endpoint.
        endpoint: String,
        /// What was laid upon it, and by whom.
        by: String,
        /// What its probes say.
        evidence: String,
    },
    /// An override stands that means no endpoint of the plan in force.
    Unmatched {
        /// Upon what it lies, and what it is.
        what: String,
    },
    /// The writer of an exclusive service is on disk, and about to be named.
    Elected {
        /// The service.
        service: String,
        /// Its writer.
        to: String,
    },
    /// The disk did not take the writer of an exclusive service: it is not named.
    NotElected {
        /// The service.
        service: String,
        /// Who would be its writer.
        to: String,
        /// What the disk said.
        why: String,
    },
    /// The sockets open; what is still unknown is treated as up.
    Opened {
        /// `check address:port` of what is unknown.
        unknown: Vec<String>,
    },
    /// Somebody asked for a change: whether it was made stands in entries of its own.
    Audited {
        /// Who: the name of a token or certificate, and the owner that was claimed.
        by: String,
        /// From which address.
        from: String,
        /// What was asked for.
        what: String,
        /// `accepted`, `refused: …`, `denied: …`.
        outcome: String,
    },
    /// A configuration was refused: the one in force stays.
    ReloadRefused {
        /// Who asked for it: `SIGHUP`, `a changed file`, `alice from 127.0.0.1`.
        by: String,
        /// How many mistakes it has.
        mistakes: usize,
        /// The first of them.
        first: String,
    },
    /// A rehearsed failover.
    Drill(News),
    /// A new configuration is in force.
    Planned {
        /// How many targets kept their health.
        kept: usize,
        /// How many are new.
        new: usize,
        /// How many are gone.
        gone: usize,
    },
}
