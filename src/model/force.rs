//! What operators lay upon endpoints, whatever their probes say, and how much of it the rules of safety allow.

use crate::model::diagnostic::Place;
use crate::model::selector::Selector;
use crate::model::time::UnixTime;

/// What an override makes of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum ForceKind {
    /// It is not answered any more; who was told of it may still come, until the answer has expired.
    Drain,
    /// It counts as up.
    Up,
    /// It counts as down.
    Down,
}

impl ForceKind {
    /// All there are.
    pub const ALL: [Self; 3] = [Self::Drain, Self::Up, Self::Down];

    /// As written in commands and files.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Drain => "drain",
            Self::Up => "up",
            Self::Down => "down",
        }
    }

    /// What it is afterwards.
    #[must_use]
    pub fn done(self) -> &'static str {
        match self {
            Self::Drain => "drained",
            Self::Up => "forced up",
            Self::Down => "forced down",
        }
    }

    /// The kind that is written so.
    #[must_use]
    pub fn named(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// Whether it takes an endpoint out of the answers.
    #[must_use]
    pub fn removes(self) -> bool {
        self != Self::Up
    }
}

/// An entry of `overrides.toml`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileOverride {
    /// What it lies upon.
    pub select: Selector,
    /// What it makes of that.
    pub kind: ForceKind,
    /// Who answers for it; `None`: not said.
    pub owner: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// When it ends.
    pub until: Option<UnixTime>,
    /// Where it is written.
    pub place: Place,
}

/// What one command may take away.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SafetySettings {
    /// How many live endpoints a service must keep, 0 or more.
    pub min_live: u32,
    /// Largest share of a service's endpoints, and of those of all services that a pattern reaches, in (0, 1].
    pub max_removed: f64,
}

impl Default for SafetySettings {
    /// The defaults of `[safety]`: the last one stays, and of two one may go.
    fn default() -> Self {
        Self {
            min_live: 1,
            max_removed: 0.5,
        }
    }
}

/// What a service says of its own safety; `None`: as `[safety]` says.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct OwnSafety {
    /// How many live endpoints it must keep.
    pub min_live: Option<u32>,
    /// Largest share of its endpoints that one command may remove, in (0, 1].
    pub max_removed: Option<f64>,
}
