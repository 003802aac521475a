//! What the two servers say to each other.
//!
//! The protocol has a version: a server tells it first, and one that speaks another is told what to do. Fields may be
//! added within a version: what one does not know, it passes over, and what it misses, it finds out by itself.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::api::live::Outlook;
use crate::control::legacy::Legacy;
use crate::run::takeover::counts::Counts;
use crate::run::takeover::questions::{Digest, Question};

/// The first word of every conversation.
pub const MAGIC: &str = "pointsman takeover";
/// The version of what follows.
pub const VERSION: u32 = 1;

/// The successor's words.
#[derive(Debug, Serialize, Deserialize)]
pub enum Bidding {
    /// Who it is.
    Hello {
        /// [`MAGIC`].
        magic: String,
        /// [`VERSION`].
        version: u32,
        /// The program's version.
        program: String,
    },
    /// What it wants to know before.
    Court {
        /// Take so many queries out of what comes.
        most: usize,
        /// For so long, in milliseconds.
        for_ms: u64,
        /// Say what this configuration would change.
        changes: Option<PathBuf>,
    },
    /// It wants the state, and answers to these questions.
    Freeze(Vec<Question>),
    /// It will not take over.
    Refuse(String),
    /// It answers.
    Answering,
    /// It decides.
    Deciding,
}

/// The running server's words.
#[derive(Debug, Serialize, Deserialize)]
pub enum Parting {
    /// Go on.
    Welcome {
        /// The program's version.
        program: String,
        /// Its clock, in nanoseconds: the other goes on with it.
        moment: u64,
        /// What its own cookies are made of, where no secret is shared.
        #[serde(default)]
        cookies: Option<[u8; 16]>,
    },
    /// No, and why.
    Dismiss(String),
    /// What was asked for before.
    Trial {
        /// Queries that came just now.
        questions: Vec<Question>,
        /// What the configuration would change, or why that cannot be said.
        changes: Option<Result<Outlook, String>>,
        /// What its zones hold.
        zones: Vec<Digest>,
    },
    /// Not now, and why; ask again.
    Busy(String),
    /// All that it leaves. The sockets come in the next frames.
    Bequest(Box<Bequest>),
    /// Sockets; `last`: there are no more.
    Sockets {
        /// Whether these are the last.
        last: bool,
    },
    /// The house is yours.
    Yours,
    /// It answers no more; what it counted.
    Left(Counts),
}

/// What the running server leaves.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Bequest {
    /// What the signal box knows.
    pub legacy: Legacy,
    /// Its answers, in the order of the questions: first those of the trial, then the successor's. Empty: it gives none.
    pub answers: Vec<Vec<u8>>,
    /// What was counted so far.
    pub counts: Counts,
    /// The number of the last entry of the history.
    pub last_entry: u64,
    /// Entries of its life, by kind, and whether somebody should look.
    pub told: Vec<(String, bool, u64)>,
}
