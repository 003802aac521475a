//! A rehearsed failover on the live server, always reverted.
//!
//! ```text
//!  judged ──► on disk ──► in force ──► (detected ──► answered by the standby) ──► reverted
//!                            │                                                      ▲
//!                            └── time over, cancelled, a standby in doubt, ─────────┘
//!                                an operator's hand, a reload, this node cut off
//! ```
//!
//! What is rehearsed is the *detection*, not only the switch: each target of the drilled endpoint gets a **twin**, a copy
//! of all that is known of it. From then on probes go out and come back as ever. The target itself hears what they found;
//! the twin hears of each that it was refused. `fall`, `fast_interval`, confirming probes, isolation and the brake decide
//! upon the twin as they would upon a dead server, in the time that they take for one.
//!
//! The drilled service alone looks at the twins, on a *copy* of what it remembers; the original goes on being decided
//! by what is true, unpublished. To revert is to drop both copies: no flap was counted, no seat moved, nothing was written
//! down, and what really happened meanwhile is known. Other services that use the same targets notice nothing. What is on
//! disk of who is active is never touched by a rehearsal, so that `kill -9` in the middle reverts it, too.

pub mod calendar;
pub(crate) mod judging;
pub(crate) mod reverting;
pub(crate) mod twins;

pub use judging::rehearsable;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::control::watch::Watch;
use crate::model::id::{EndpointId, ServiceId, TargetId};
use crate::model::time::{Moment, Now, UnixTime};
use crate::policy::readings::Memory;

/// Rehearsed states by target.
pub(crate) type Twins = BTreeMap<TargetId, Watch>;

/// What an operator, or the schedule, asks to be rehearsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// Its number: larger than any before.
    pub id: u64,
    /// The service's name.
    pub service: String,
    /// The endpoint that shall seem to fail; `None`: the one that is answered.
    pub endpoint: Option<String>,
    /// After so long it ends at the latest.
    pub lasting: Duration,
    /// Why.
    pub reason: Option<String>,
    /// Whether the schedule asks.
    pub scheduled: bool,
}

/// How far a drill came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It is going on; found on disk at a start: the process ended in the middle.
    Running,
    /// Its time was over.
    Done,
    /// An operator ended it.
    Cancelled,
    /// It was ended early by what happened.
    Aborted,
    /// It never began.
    Refused,
    /// It was scheduled, and its window went by.
    Missed,
}

impl State {
    /// As stored and printed.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Cancelled => "cancelled",
            Self::Aborted => "aborted",
            Self::Refused => "refused",
            Self::Missed => "missed",
        }
    }

    /// The state that is written so.
    #[must_use]
    pub fn named(text: &str) -> Option<Self> {
        [
            Self::Running,
            Self::Done,
            Self::Cancelled,
            Self::Aborted,
            Self::Refused,
            Self::Missed,
        ]
        .into_iter()
        .find(|state| state.as_str() == text)
    }
}

/// A drill as it is on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredDrill {
    /// Larger ones came later.
    pub id: u64,
    /// The service's name.
    pub service: String,
    /// The endpoint that seemed to fail; empty when it was refused before one was chosen.
    pub endpoint: String,
    /// Who answers for it.
    pub by: String,
    /// Why.
    pub reason: Option<String>,
    /// Whether the schedule asked.
    pub scheduled: bool,
    /// Who was active in each failover group of the service before: group, member.
    pub before: Vec<(String, String)>,
    /// When it began.
    pub started: UnixTime,
    /// When it ends at the latest.
    pub until: UnixTime,
    /// How far it came.
    pub state: State,
    /// Why it ended so; empty while it runs.
    pub why: String,
    /// What was measured, as JSON.
    pub report: Option<String>,
}

/// A step of a drill, for whoever measures it. Moments are those of the signal box.
#[derive(Clone, Debug, PartialEq)]
pub enum Stage {
    /// It is in force from now on.
    Began(Box<Subject>),
    /// The first rehearsed failure.
    Failed(u64, Now),
    /// Every address of the endpoint counts as down.
    Detected(u64, Now),
    /// No answer leads to the endpoint any more, by what is published now.
    Answered(u64, Now),
    /// It is over, and what is published now is what is true.
    Ended(u64, Now, State, String),
    /// One that the last process left unfinished: nothing of it is in force.
    Left(Box<StoredDrill>),
}

/// What is drilled.
#[derive(Clone, Debug, PartialEq)]
pub struct Subject {
    /// As it is on disk.
    pub drill: StoredDrill,
    /// When it began.
    pub at: Now,
    /// The owner name that clients ask for.
    pub owner: String,
    /// Whether A, and whether AAAA, leads to the endpoint.
    pub families: [bool; 2],
    /// What names the endpoint in an answer: addresses, `CNAME lb.example.net`.
    pub names: Vec<String>,
    /// Who shall answer instead.
    pub standby: Vec<String>,
    /// What is promised of a hard failure: until the verdict, and until the last compliant cache has the new answer.
    pub promised: (Duration, Duration),
}

/// Something about a drill for the timeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "drill", rename_all = "kebab-case")]
pub enum News {
    /// It began.
    Started {
        /// Its number.
        id: u64,
        /// The service.
        service: String,
        /// The endpoint that seems to fail.
        endpoint: String,
        /// Who asked.
        by: String,
        /// Why.
        reason: Option<String>,
        /// How long it lasts at the most, in milliseconds.
        lasting_ms: u64,
    },
    /// It ended, and everything is as before.
    Ended {
        /// Its number.
        id: u64,
        /// The service.
        service: String,
        /// The endpoint.
        endpoint: String,
        /// How.
        state: State,
        /// Why.
        why: String,
    },
    /// What it showed.
    Measured {
        /// Its number.
        id: u64,
        /// The service.
        service: String,
        /// Whether the promise was kept.
        kept: bool,
        /// The report in a sentence.
        text: String,
    },
    /// One that the schedule asked for was refused.
    Refused {
        /// Its number.
        id: u64,
        /// The service.
        service: String,
        /// The rule and the sentence.
        why: String,
    },
    /// One that was due did not take place in its window.
    Missed {
        /// The service.
        service: String,
        /// Why, as far as it is known.
        why: String,
    },
}

impl News {
    /// `drill-started`, `drill-ended`, `drill-measured`, `drill-refused`, `drill-missed`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Started { .. } => "drill-started",
            Self::Ended { .. } => "drill-ended",
            Self::Measured { .. } => "drill-measured",
            Self::Refused { .. } => "drill-refused",
            Self::Missed { .. } => "drill-missed",
        }
    }

    /// The service.
    #[must_use]
    pub fn service(&self) -> &String {
        match self {
            Self::Started { service, .. }
            | Self::Ended { service, .. }
            | Self::Measured { service, .. }
            | Self::Refused { service, .. }
            | Self::Missed { service, .. } => service,
        }
    }

    /// The endpoint, when it is about one.
    #[must_use]
    pub fn endpoint(&self) -> Option<&str> {
        match self {
            Self::Started { endpoint, .. } | Self::Ended { endpoint, .. } => Some(endpoint),
            Self::Measured { .. } | Self::Refused { .. } | Self::Missed { .. } => None,
        }
    }

    /// Who did it, when somebody did.
    #[must_use]
    pub fn by(&self) -> Option<&str> {
        match self {
            Self::Started { by, .. } => Some(by),
            _ => None,
        }
    }

    /// Whether somebody should look.
    #[must_use]
    pub fn is_alarm(&self) -> bool {
        match self {
            Self::Started { .. } => false,
            Self::Ended { state, .. } => *state == State::Aborted,
            Self::Measured { kept, .. } => !kept,
            Self::Refused { .. } | Self::Missed { .. } => true,
        }
    }

    /// A sentence for people.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Started {
                id,
                endpoint,
                by,
                reason,
                lasting_ms,
                ..
            } => {
                let reason = reason
                    .as_ref()
                    .map_or_else(String::new, |why| format!(" ({why})"));
                let length = crate::model::human::length(Duration::from_millis(*lasting_ms));
                format!(
                    "drill {id}: {endpoint} is taken for failed for {length} at the most, by {by}{reason}"
                )
            }
            Self::Ended {
                id,
                endpoint,
                state,
                why,
                ..
            } => format!(
                "drill {id} is {}: {why}; {endpoint} counts as its probes say",
                state.as_str()
            ),
            Self::Measured { id, text, .. } => format!("drill {id}: {text}"),
            Self::Refused { id, why, .. } => format!("the scheduled drill {id} was refused: {why}"),
            Self::Missed { why, .. } => format!("a scheduled drill did not take place: {why}"),
        }
    }
}

/// A drill in force.
#[derive(Clone, Debug)]
pub(crate) struct Drill {
    pub stored: StoredDrill,
    pub service: ServiceId,
    pub endpoint: EndpointId,
    pub began: Moment,
    pub until: Moment,
    /// States of its targets as if its server refused every connection since it began.
    pub twins: Twins,
    /// What the service would remember.
    pub memory: Memory,
    /// Who answers instead, or will.
    pub standby: Vec<EndpointId>,
    pub failed: bool,
    pub detected: bool,
    pub answered: bool,
    /// When verdicts that wait are looked at again.
    pub again: Option<Moment>,
    /// Whether an operator's command concerns its service.
    pub touched: bool,
}
