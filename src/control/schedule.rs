//! What is due when: a heap whose entries are believed only if they still hold when they come up.
//!
//! Rescheduling leaves the old entry behind; it is dropped when its time comes, since whoever is due keeps the moment
//! that counts. That makes every operation logarithmic, and keeps what waits small.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::control::event::StoreTicket;
use crate::model::id::{CheckId, EndpointId, ServiceId, TargetId};
use crate::model::time::Moment;

/// Something that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Due {
    /// A target's regular probe.
    Probe(TargetId),
    /// A confirming probe of this run of failures.
    Confirm(TargetId, u32),
    /// Another try for a first verdict.
    Hurry(TargetId),
    /// The end of the silence that is allowed.
    Silence(TargetId),
    /// The end of a hold.
    Hold(TargetId),
    /// A service whose answer depends on time alone now.
    Decide(ServiceId),
    /// The next one that the brake lets go.
    Brake(CheckId),
    /// The references.
    References,
    /// The end of the time for first verdicts.
    TrialEnds,
    /// The disk's word on something that was to be stored: it does not answer.
    Stored(StoreTicket),
    /// The end of a gate's time, or another try.
    Gate(ServiceId),
    /// The end of an override.
    Lapse,
    /// To look at the wall clock, on which an override's end depends.
    Clock,
    /// To look which drained endpoints are safe to stop.
    Drains,
    /// To say again that an endpoint is forced up while it fails.
    Remind(EndpointId),
    /// To look for probes that were never heard of again.
    Sweep,
    /// To look after a rehearsed failover.
    Drill,
    /// The rehearsed silence of a target that reports itself.
    Rehearse(TargetId),
}

/// The heap.
#[derive(Clone, Debug, Default)]
pub struct Schedule {
    heap: BinaryHeap<Reverse<(Moment, u64, Due)>>,
    entered: u64,
}

impl Schedule {
    /// Enters something; what is due at the same moment comes in the order of entry.
    pub fn enter(&mut self, at: Moment, due: Due) {
        self.entered = self.entered.wrapping_add(1);
        self.heap.push(Reverse((at, self.entered, due)));
    }

    /// The next moment at which something is due.
    #[must_use]
    pub fn next(&self) -> Option<Moment> {
        self.heap.peek().map(|Reverse((at, _, _))| *at)
    }

    /// Takes what is due by `now`.
    pub fn take(&mut self, now: Moment) -> Option<(Moment, Due)> {
        if self.next()? > now {
            return None;
        }
        self.heap.pop().map(|Reverse((at, _, due))| (at, due))
    }

    /// How many entries wait, stale ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_comes_in_time_and_then_in_the_order_of_entry() {
        let mut schedule = Schedule::default();
        let t = Moment::from_secs;
        schedule.enter(t(2), Due::References);
        schedule.enter(t(1), Due::Probe(TargetId(9)));
        schedule.enter(t(1), Due::Probe(TargetId(1)));
        assert_eq!(schedule.next(), Some(t(1)));
        assert_eq!(schedule.take(t(0)), None);
        let taken: Vec<Due> = std::iter::from_fn(|| schedule.take(t(2)).map(|(_, due)| due)).collect();
        assert_eq!(
            taken,
            [Due::Probe(TargetId(9)), Due::Probe(TargetId(1)), Due::References]
        );
        assert!(schedule.is_empty());
    }
}
