//! Standing of one address of an endpoint: what is true, what is held, since when and why.

use serde::{Deserialize, Serialize};

use crate::model::time::{Moment, Now};

/// What is known of a target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Health {
    /// No verdict yet.
    #[default]
    Unknown,
    /// It answers as the check asks.
    Up,
    /// It answers, but something is not as it should be; preferred less.
    Degraded,
    /// It does not answer.
    Down,
}

impl Health {
    /// As printed in tables and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Up => "up",
            Self::Degraded => "degraded",
            Self::Down => "down",
        }
    }
}

/// Why a verdict other than the probes' own is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Hold {
    /// Probes succeed, but it was down for less than `min_down`.
    MinDown {
        /// Until then.
        until: Moment,
    },
    /// Probes succeed, but it flapped.
    Flapping {
        /// Until then.
        until: Moment,
    },
    /// Probes fail, but too many endpoints of the check went down within a minute.
    Brake,
    /// Probes fail, but so do most others and the references: this node is the one cut off.
    Isolated,
}

/// Standing of one probed address.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// What the probes alone say.
    pub real: Health,
    /// What counts: `real`, unless held.
    pub effective: Health,
    /// Why `effective` is not `real`.
    pub held: Option<Hold>,
    /// Whether a probe failed since the last settled state (or succeeded, while down).
    pub in_doubt: bool,
    /// Earliest moment at which `effective` could change.
    pub earliest_flip: Moment,
    /// Since when `effective` is what it is.
    pub since: Now,
    /// Why, in a sentence, for logs and tables.
    pub why: String,
}
