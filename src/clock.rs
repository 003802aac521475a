//! The clock of the edges: tokio's, so that a paused runtime makes everything virtual.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::model::time::{Moment, Now, UnixTime};

/// Reads both clocks.
pub trait Clock: Send + Sync + 'static {
    /// Now, on both.
    fn now(&self) -> Now;
}

/// The system's clocks; moments count from its creation.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    start: tokio::time::Instant,
}

impl SystemClock {
    /// A clock that begins now. One per process, made first thing, copied to every thread.
    #[must_use]
    pub fn start() -> Self {
        Self {
            start: tokio::time::Instant::now(),
        }
    }

    /// A clock that goes on with another process's, which shows `moment` now.
    #[must_use]
    pub fn going_on(moment: Moment) -> Self {
        let now = tokio::time::Instant::now();
        let begun = now.checked_sub(moment.since(Moment::ZERO));
        Self {
            start: begun.unwrap_or(now),
        }
    }

    /// The monotonic clock alone, at half the price.
    #[must_use]
    pub fn moment(&self) -> Moment {
        Moment::from_nanos(u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Now {
        #[allow(clippy::disallowed_methods, reason = "this file owns the clock")]
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Now {
            moment: self.moment(),
            wall: UnixTime(u64::try_from(wall.as_millis()).unwrap_or(u64::MAX)),
        }
    }
}
