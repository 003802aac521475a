//! Connections that wait for the next probe of their target (`keepalive = true`).
//!
//! At most one per target. A task drives each while it waits, so that a close by the endpoint is noticed and the next
//! probe dials afresh instead of failing. They end with their check, with the runner, or after ten minutes unused.

use std::net::SocketAddr;
use std::sync::PoisonError;
use std::time::Duration;

use tokio::time::Instant;

use crate::probe::conduct::Tools;
use crate::probe::http::question::Question;
use crate::probe::http::wire::Wire;

/// How long a connection may wait: its target is gone, or probed so rarely that keeping it is no gain.
const LONGEST: Duration = Duration::from_secs(600);

/// A waiting connection.
pub(crate) struct Idle {
    wire: Wire,
    since: Instant,
}

impl std::fmt::Debug for Idle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Idle")
            .field("since", &self.since)
            .finish_non_exhaustive()
    }
}

/// The connection that waits for `address`, unless the endpoint closed it in the meantime.
pub(crate) fn take(question: &Question, address: SocketAddr) -> Option<Wire> {
    let idle = question
        .idle
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .remove(&address)?;
    (!idle.wire.is_closed()).then_some(idle.wire)
}

/// Keeps `wire` for the next probe of `address`.
pub(crate) fn keep(question: &Question, address: SocketAddr, mut wire: Wire, tools: &Tools) {
    wire.settle(&tools.tracker, &tools.token);
    let idle = Idle {
        wire,
        since: Instant::now(),
    };
    question
        .idle
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .insert(address, idle);
}

/// Closes what has waited too long.
pub(crate) fn sweep(question: &Question) {
    question
        .idle
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .retain(|_, idle| !idle.wire.is_closed() && idle.since.elapsed() < LONGEST);
}
