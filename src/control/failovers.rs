//! How long each failover took, from the first failed probe to the answer that is published. Listens to what is told.

use std::collections::{BTreeMap, BTreeSet};

use crate::control::effect::{HistoryEvent, HistoryKind};
use crate::health::standing::Health;
use crate::model::histogram::Histogram;
use crate::model::time::{Moment, UnixTime};

/// Bounds of the time from a first failed probe to a verdict, in nanoseconds.
static DETECTION: [u64; 14] = [
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    2_000_000_000,
    3_000_000_000,
    5_000_000_000,
    10_000_000_000,
    15_000_000_000,
    30_000_000_000,
    60_000_000_000,
    120_000_000_000,
    300_000_000_000,
];

/// Bounds of the time from a verdict to the answer, in nanoseconds. Exclusive services wait for caches: hence minutes.
static ANSWER: [u64; 14] = [
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    50_000_000,
    100_000_000,
    1_000_000_000,
    10_000_000_000,
    60_000_000_000,
    300_000_000_000,
];

/// A verdict of down that the answer of a service has not followed yet.
#[derive(Clone, Copy, Debug)]
struct Pending {
    first: Moment,
    verdict: Moment,
}

/// The last failover of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Last {
    /// How many there were.
    pub count: u64,
    /// When the new answer was decided.
    pub at: UnixTime,
    /// From the first failed probe to the verdict, in nanoseconds.
    pub detection: u64,
    /// From the verdict to the answer in force, in nanoseconds.
    pub answer: u64,
}

/// All failovers so far.
#[derive(Clone, Debug)]
pub struct Failovers {
    /// From the first failed probe to the verdict.
    pub detection: Histogram,
    /// From the verdict to the answer in force.
    pub answer: Histogram,
    /// From the first failed probe to the answer in force.
    pub whole: Histogram,
    /// By service.
    pub last: BTreeMap<String, Last>,
    pending: BTreeMap<String, Pending>,
}

impl Default for Failovers {
    fn default() -> Self {
        Self {
            detection: Histogram::new(&DETECTION),
            answer: Histogram::new(&ANSWER),
            whole: Histogram::new(&DETECTION),
            last: BTreeMap::new(),
            pending: BTreeMap::new(),
        }
    }
}

impl Failovers {
    /// Takes in what happened; `published` is when the last snapshot was swapped in.
    pub fn told(&mut self, event: &HistoryEvent, published: Moment) {
        match &event.kind {
            HistoryKind::StateChanged {
                services,
                from,
                to,
                since_first,
                ..
            } => {
                for service in services {
                    if *to == Health::Down && *from != Health::Unknown {
                        let verdict = event.at.moment;
                        let first = Moment::from_nanos(verdict.nanos().saturating_sub(*since_first));
                        // The first of several that fail together began it.
                        self.pending
                            .entry(service.clone())
                            .or_insert(Pending { first, verdict });
                    } else {
                        self.pending.remove(service);
                    }
                }
            }
            HistoryKind::AnswerChanged { service, .. } => {
                if let Some(pending) = self.pending.remove(service) {
                    self.note(service, pending, event.at.wall, published.max(event.at.moment));
                }
            }
            _ => {}
        }
    }

    fn note(&mut self, service: &str, pending: Pending, at: UnixTime, published: Moment) {
        let nanos = |from: Moment, to: Moment| to.nanos().saturating_sub(from.nanos());
        let detection = nanos(pending.first, pending.verdict);
        let answer = nanos(pending.verdict, published);
        self.detection.observe(detection);
        self.answer.observe(answer);
        self.whole.observe(nanos(pending.first, published));
        let count = self
            .last
            .get(service)
            .map_or(0, |last| last.count)
            .saturating_add(1);
        let last = Last {
            count,
            at,
            detection,
            answer,
        };
        self.last.insert(service.to_owned(), last);
    }

    /// Forgets services that are no longer there.
    pub fn keep(&mut self, services: &BTreeSet<String>) {
        self.last.retain(|service, _| services.contains(service));
        self.pending.retain(|service, _| services.contains(service));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::observation::Evidence;
    use crate::model::time::Now;

    fn at(millis: u64) -> Now {
        Now {
            moment: Moment::from_millis(millis),
            wall: UnixTime(millis),
        }
    }

    fn changed(millis: u64, to: Health, since_first: u64) -> HistoryEvent {
        HistoryEvent {
            at: at(millis),
            alarm: false,
            kind: HistoryKind::StateChanged {
                check: "web".to_owned(),
                target: "192.0.2.1:80".to_owned(),
                services: vec!["www".to_owned()],
                from: if to == Health::Down {
                    Health::Up
                } else {
                    Health::Down
                },
                to,
                why: String::new(),
                evidence: Evidence::default(),
                since_first: since_first * 1_000_000,
            },
        }
    }

    fn answered(millis: u64) -> HistoryEvent {
        HistoryEvent {
            at: at(millis),
            alarm: false,
            kind: HistoryKind::AnswerChanged {
                service: "www".to_owned(),
                from: Vec::new(),
                to: Vec::new(),
                why: String::new(),
            },
        }
    }

    #[test]
    fn a_failover_is_timed_from_its_first_failed_probe_to_its_answer() {
        let mut failovers = Failovers::default();
        failovers.told(&changed(5000, Health::Down, 1200), Moment::ZERO);
        failovers.told(&answered(5000), Moment::from_millis(5003));
        let last = failovers.last["www"];
        assert_eq!(
            (last.count, last.detection, last.answer),
            (1, 1_200_000_000, 3_000_000)
        );
        assert_eq!(failovers.whole.sum(), 1_203_000_000);
    }

    #[test]
    fn an_answer_that_changes_for_another_reason_is_none() {
        let mut failovers = Failovers::default();
        failovers.told(&answered(1000), Moment::from_millis(1001));
        failovers.told(&changed(5000, Health::Down, 1200), Moment::ZERO);
        failovers.told(&changed(6000, Health::Up, 100), Moment::ZERO);
        failovers.told(&answered(6000), Moment::from_millis(6001));
        assert!(failovers.last.is_empty());
        assert_eq!(failovers.detection.count(), 0);
    }
}
