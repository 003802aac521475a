//! How connections tell their progress to whoever may have to choose one that makes room.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::model::time::Moment;

/// When a connection last made progress, and whether it is at work: told without a lock by whoever serves it. On a cache
/// line of its own, as each thread serves others.
#[repr(align(64))]
#[derive(Debug)]
pub struct Progress(AtomicU64);

impl Progress {
    /// Of a connection just opened.
    #[must_use]
    pub fn new(now: Moment) -> Self {
        Self(AtomicU64::new(now.nanos() << 1))
    }

    /// It made progress; `at_work`: it is not done, and must not be taken for idle.
    #[inline]
    pub fn beat(&self, at_work: bool, now: Moment) {
        self.0.store(now.nanos() << 1 | u64::from(at_work), Relaxed);
    }

    /// When it last made progress.
    pub(in crate::serve) fn since(&self) -> Moment {
        Moment::from_nanos(self.0.load(Relaxed) >> 1)
    }

    /// Whether it is at work.
    pub(in crate::serve) fn is_at_work(&self) -> bool {
        self.0.load(Relaxed) & 1 == 1
    }
}
