//! How reloads went.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use crate::clock::{Clock, SystemClock};
use crate::model::time::UnixTime;

/// Counts of the loader.
#[derive(Debug)]
pub struct Reloads {
    loaded: AtomicU64,
    refused: AtomicU64,
    last_refused: AtomicBool,
    at: AtomicU64,
    clock: SystemClock,
}

impl Reloads {
    /// Nothing reloaded yet; the configuration in force was read just now.
    #[must_use]
    pub fn new(clock: SystemClock) -> Self {
        Self {
            loaded: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            last_refused: AtomicBool::new(false),
            at: AtomicU64::new(clock.now().wall.0),
            clock,
        }
    }

    /// A reload is over.
    pub fn note(&self, loaded: bool) {
        let count = if loaded { &self.loaded } else { &self.refused };
        count.fetch_add(1, Relaxed);
        self.last_refused.store(!loaded, Relaxed);
        if loaded {
            self.at.store(self.clock.now().wall.0, Relaxed);
        }
    }

    /// How many succeeded and how many were refused.
    #[must_use]
    pub fn counts(&self) -> (u64, u64) {
        (self.loaded.load(Relaxed), self.refused.load(Relaxed))
    }

    /// Whether the last one succeeded, or there was none.
    #[must_use]
    pub fn last_succeeded(&self) -> bool {
        !self.last_refused.load(Relaxed)
    }

    /// When the configuration in force was read.
    #[must_use]
    pub fn at(&self) -> UnixTime {
        UnixTime(self.at.load(Relaxed))
    }
}
