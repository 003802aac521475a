//! How it goes with each receiver: for the API, the command line and metrics.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use crate::model::hook::{Hook, Way};

/// One receiver, as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct HookStatus {
    /// Its name.
    pub name: String,
    /// Where it is: scheme and host, a program's path, a socket's path, `journal`.
    pub to: String,
    /// What it is told: `json`, `slack`, `pagerduty`, `alertmanager`, `journal`, `syslog`.
    pub format: String,
    /// Entries that are owed to it.
    pub pending: u64,
    /// Entries that it confirmed since the start.
    pub delivered: u64,
    /// Attempts that failed since the start.
    pub failed: u64,
    /// Entries that were set aside or given up since the start: refused too often, or past the backlog.
    pub given_up: u64,
    /// When it last confirmed one, in milliseconds since 1970; `null`: not since the start.
    pub last_success_unix_ms: Option<u64>,
    /// The last failure since the last success.
    pub last_error: Option<LastError>,
    /// When it is tried next, in milliseconds since 1970; `null`: now, or nothing is owed.
    pub next_try_unix_ms: Option<u64>,
}

/// A failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct LastError {
    /// When, in milliseconds since 1970.
    pub unix_ms: u64,
    /// What.
    pub text: String,
}

/// What the task of a receiver keeps count of.
#[derive(Debug, Default)]
pub struct Gauge {
    pub(super) pending: AtomicU64,
    pub(super) delivered: AtomicU64,
    pub(super) failed: AtomicU64,
    pub(super) given_up: AtomicU64,
    said: Mutex<Said>,
}

#[derive(Clone, Debug, Default)]
struct Said {
    success: Option<u64>,
    error: Option<LastError>,
    next_try: Option<u64>,
}

impl Gauge {
    fn said(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn succeeded(&self, unix_ms: u64) {
        self.delivered.fetch_add(1, Ordering::Relaxed);
        let mut said = self.said();
        (said.success, said.error) = (Some(unix_ms), None);
    }

    pub(super) fn failed(&self, unix_ms: u64, text: &str) -> u64 {
        self.said().error = Some(LastError {
            unix_ms,
            text: text.to_owned(),
        });
        self.failed.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(super) fn next_try(&self, unix_ms: Option<u64>) {
        self.said().next_try = unix_ms;
    }

    /// Whether the last attempt failed.
    pub(super) fn is_failing(&self) -> bool {
        self.said().error.is_some()
    }

    /// How it goes with `hook`.
    #[must_use]
    pub fn status(&self, hook: &Hook) -> HookStatus {
        let said = self.said().clone();
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        HookStatus {
            name: hook.name.clone(),
            to: match &hook.way {
                Way::Web(web) => web.shown.clone(),
                Way::Program(path, _) => path.display().to_string(),
                Way::Log(Some(path)) => path.display().to_string(),
                Way::Log(None) => "journal".to_owned(),
            },
            format: hook.format.as_str().to_owned(),
            pending: count(&self.pending),
            delivered: count(&self.delivered),
            failed: count(&self.failed),
            given_up: count(&self.given_up),
            last_success_unix_ms: said.success,
            last_error: said.error,
            next_try_unix_ms: said.next_try,
        }
    }
}
