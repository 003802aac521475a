//! `[[notify]]`: whom the operator wants to be told, of what, and how.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::model::selector::Selector;

/// One receiver of notifications.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    /// Its name: what is owed to it is kept under this over restarts.
    pub name: String,
    /// The way there.
    pub way: Way,
    /// What is told.
    pub format: Format,
    /// Which events.
    pub events: Events,
    /// Only events of these services, and of none in particular; empty: of all.
    pub services: Vec<Selector>,
    /// How long one delivery may take.
    pub timeout: Duration,
    /// The longest wait between two tries.
    pub longest_wait: Duration,
    /// How many events may be owed; past that the oldest are given up.
    pub backlog: usize,
}

/// The way to a receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// HTTP POST.
    Web(Web),
    /// A program: its path, and its arguments.
    Program(PathBuf, Vec<String>),
    /// The system's log; `None`: journald's socket, else syslog's.
    Log(Option<PathBuf>),
}

/// An HTTP receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Web {
    /// Where: `http` or `https`. May hold a token, hence a secret.
    pub url: Secret,
    /// What is said of it in logs and tables: scheme and host.
    pub shown: String,
    /// Further request headers.
    pub headers: Vec<(String, Secret)>,
    /// What bodies are signed with.
    pub secret: Option<Secret>,
    /// PagerDuty's key of the service that is paged.
    pub routing_key: Option<Secret>,
    /// Whom to trust instead of the system's authorities.
    pub ca_file: Option<PathBuf>,
}

/// What a receiver is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The event whole.
    Json,
    /// A message with blocks (incoming webhooks of Slack, and what is compatible).
    Slack,
    /// PagerDuty Events API v2.
    PagerDuty,
    /// Prometheus Alertmanager API v2.
    Alertmanager,
    /// journald's own protocol, with a field for each thing.
    Journal,
    /// A line of RFC 3164, as `/dev/log` takes it.
    Syslog,
}

impl Format {
    /// As written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Slack => "slack",
            Self::PagerDuty => "pagerduty",
            Self::Alertmanager => "alertmanager",
            Self::Journal => "journal",
            Self::Syslog => "syslog",
        }
    }

    /// Whether it tells of problems that begin and end, and of nothing else.
    #[must_use]
    pub fn pages(self) -> bool {
        matches!(self, Self::PagerDuty | Self::Alertmanager)
    }
}

/// Which events are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Events {
    /// Whatever somebody should look at, and the end of it.
    Alarms,
    /// All.
    All,
    /// Those of these kinds, e.g. `answer-changed`.
    Kinds(Vec<String>),
}

/// A text that is not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// Kinds of events, as the history writes them. A kind that ends in `-*` stands for all that begin so.
pub const KINDS: &[&str] = &[
    "state-changed",
    "shadowed",
    "answer-changed",
    "proposed",
    "held",
    "degraded",
    "restored",
    "target-degraded",
    "target-restored",
    "probe-fault",
    "isolated",
    "rejoined",
    "braked",
    "commanded",
    "lapsed",
    "safe-to-stop",
    "masked",
    "unmatched",
    "elected",
    "not-elected",
    "opened",
    "planned",
    "failover",
    "started",
    "stopped",
    "store-failed",
    "store-restored",
    "reload-refused",
    "audited",
    "drill-*",
    "gate-*",
];
