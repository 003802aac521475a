//! When a new answer was first sent: the last link of a failover's chain.
//!
//! Whoever answers looks at one octet beside what it reads anyway. Only the first one after a publication writes there,
//! and notes the time once its answer is sent; so a query costs nothing, and no cache line is written per query.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use crate::model::time::Moment;

/// When the answers of one publication were first sent.
#[derive(Debug)]
pub struct First {
    edition: u64,
    /// Nanoseconds since the process began; [`u64::MAX`]: not yet.
    at: AtomicU64,
}

impl First {
    /// Of the publication with this number.
    #[must_use]
    pub fn of(edition: u64) -> Self {
        Self {
            edition,
            at: AtomicU64::new(u64::MAX),
        }
    }

    /// The publication's number.
    #[must_use]
    pub fn edition(&self) -> u64 {
        self.edition
    }

    /// When; `None`: not yet.
    #[must_use]
    pub fn at(&self) -> Option<Moment> {
        match self.at.load(Relaxed) {
            u64::MAX => None,
            nanos => Some(Moment::from_nanos(nanos)),
        }
    }

    /// An answer was sent at `at`; the earliest counts.
    pub fn sent(&self, at: Moment) {
        self.at.fetch_min(at.nanos(), Relaxed);
    }
}

/// Whether a set of answers still waits for its first.
#[derive(Debug, Default)]
pub(crate) struct Fresh {
    waits: AtomicBool,
    first: Option<Arc<First>>,
}

impl Fresh {
    /// Waits for the first answer of a new edition.
    pub(crate) fn wait(first: Arc<First>) -> Self {
        Self {
            waits: AtomicBool::new(true),
            first: Some(first),
        }
    }

    /// The same, for the same answers encoded anew.
    pub(crate) fn again(&self) -> Self {
        Self {
            waits: AtomicBool::new(self.waits.load(Relaxed)),
            first: self.first.clone(),
        }
    }

    /// What it waits for, or waited for.
    pub(crate) fn first(&self) -> Option<&Arc<First>> {
        self.first.as_ref()
    }
}

/// What a worker has just answered for the first time, until that is sent. One that does not watch leaves the first
/// answer to those that do: an explanation is no answer.
#[derive(Debug, Default)]
pub(crate) struct Firsts {
    watches: bool,
    waiting: RefCell<Vec<Arc<First>>>,
}

impl Firsts {
    /// Of a worker whose answers are sent.
    pub(crate) fn watching() -> Self {
        Self {
            watches: true,
            waiting: RefCell::default(),
        }
    }

    /// Is told of every answer made of `fresh`.
    #[inline]
    pub(crate) fn see(&self, fresh: &Fresh) {
        if fresh.waits.load(Relaxed) {
            self.take(fresh);
        }
    }

    #[cold]
    fn take(&self, fresh: &Fresh) {
        // Of several workers at once one is enough: their batches end within microseconds of each other.
        if self.watches
            && fresh.waits.swap(false, Relaxed)
            && let Some(first) = &fresh.first
            && let Ok(mut waiting) = self.waiting.try_borrow_mut()
        {
            waiting.push(Arc::clone(first));
        }
    }

    /// Whether something waits to be noted.
    #[inline]
    pub(crate) fn any(&mut self) -> bool {
        !self.waiting.get_mut().is_empty()
    }

    /// It was sent at `now`.
    #[cold]
    pub(crate) fn sent(&mut self, now: Moment) {
        for first in self.waiting.get_mut().drain(..) {
            first.sent(now);
        }
    }
}
