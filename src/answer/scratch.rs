//! What a worker keeps from one answer to the next.

use std::time::Duration;

use crate::answer::first::Firsts;
use crate::answer::served::{Served, Whom};
use crate::model::time::Moment;
use crate::wire::places::Places;

/// A worker's reusable memory.
#[derive(Debug)]
pub struct Scratch {
    pub(crate) places: Places,
    pub(crate) data: Vec<u8>,
    pub(crate) firsts: Firsts,
    pub(crate) served: Served,
    pub(crate) keepalive: Option<u16>,
}

impl Scratch {
    /// Whom to count for the last answer; `None` when no service had a say in it.
    #[inline]
    #[must_use]
    pub fn served(&self) -> Option<Whom<'_>> {
        self.served.whom()
    }
}

impl Default for Scratch {
    fn default() -> Self {
        Self {
            places: Places::default(),
            data: Vec::with_capacity(1024),
            firsts: Firsts::default(),
            served: Served::default(),
            keepalive: None,
        }
    }
}

impl Scratch {
    /// Memory of a worker whose answers are sent: it notices which are the first after a publication, and is told when
    /// they were sent ([`Scratch::sent`]).
    #[must_use]
    pub fn watching() -> Self {
        Self {
            firsts: Firsts::watching(),
            ..Self::default()
        }
    }

    /// What is told to clients of a connection that ask for how long it may be idle (RFC 7828), rounded down to tenths
    /// of a second; none: the option is passed over, as it must be where there is no connection.
    #[inline]
    pub fn keeps_idle_for(&mut self, idle: Option<Duration>) {
        self.keepalive = idle.map(|idle| u16::try_from(idle.as_millis() / 100).unwrap_or(u16::MAX));
    }

    /// Whether something was answered for the first time since it was last told.
    #[inline]
    pub fn has_firsts(&mut self) -> bool {
        self.firsts.any()
    }

    /// What was answered so far is sent.
    pub fn sent(&mut self, now: Moment) {
        self.firsts.sent(now);
    }
}
