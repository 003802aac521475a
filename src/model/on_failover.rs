//! What is run when a service fails over, and whether the answer waits for it.

use std::path::PathBuf;
use std::time::Duration;

/// A program that is run when a failover service switches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnFailover {
    /// The program, absolute.
    pub program: PathBuf,
    /// Its arguments; `{service}`, `{from}` and `{to}` in them are filled in.
    pub arguments: Vec<String>,
    /// Whether it is a gate: it runs before the answer changes. Else it runs after, and delays nothing.
    pub gate: bool,
    /// For how long it may run; then it is killed.
    pub timeout: Duration,
    /// What becomes of a switch whose gate failed.
    pub on_failure: Otherwise,
    /// What becomes of a switch whose gate did not end in time.
    pub on_timeout: Otherwise,
}

/// What becomes of a switch whose gate was not passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Otherwise {
    /// The answer changes all the same.
    Proceed,
    /// The old answer stands, with an alarm; the gate is tried again, and an operator may go past it.
    Hold,
}

impl Otherwise {
    /// As written in a zone file.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Proceed => "proceed",
            Self::Hold => "hold",
        }
    }
}
