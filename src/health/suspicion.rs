//! The sequential test: how many failures in a row are more than chance?
//!
//! Each failure of a run weighs `-ln p`, where `p` bounds the chance that it came about at random, taken from the
//! target's own [`Record`]. A run is believed when at least `fall` scheduled probes failed and the weights reach
//! `-ln(false_alarm)`. `p` never counts for less than `false_alarm^(1/fall)`, so that a clean record asks for `fall`
//! failures exactly; a lossy one asks for more, and for one beyond what the test says, because losses come in bursts.
//! No more than [`MOST`] are ever asked for: a dead endpoint is always found.
//!
//! What a lossy record asks for beyond `fall` does not cost time: *confirming* probes are sent between the scheduled
//! ones, so that all the failures are at hand when the `fall`-th scheduled probe ends.

use serde::{Deserialize, Serialize};

use crate::health::loss::Record;
use crate::model::check::Rules;

/// Failures in a row that are always enough (or `fall`, when that is more). Fourteen at the default `false_alarm`
/// bear a path that loses one probe in three; worse than that, the endpoint is of no use to clients either.
pub const MOST: u16 = 14;

/// Failures since the last success.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Failed probes of the regular schedule; `fall` counts these.
    pub scheduled: u16,
    /// Failures that may be lost packets, confirming probes included.
    pub silent: u16,
    /// Failures by the endpoint's own word, confirming probes included.
    pub spoken: u16,
}

impl Run {
    /// All failures of the run.
    #[must_use]
    pub fn failures(self) -> u16 {
        self.silent.saturating_add(self.spoken)
    }
}

/// What failures weigh for one target now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    silent: f64,
    spoken: f64,
    most: f64,
    enough: f64,
    fall: u16,
}

impl Scale {
    /// The scale for a target with this record. A single failure (`fall = 1`) leaves no time for confirming probes:
    /// then nothing is presumed of a path without a record.
    #[must_use]
    pub fn new(record: &Record, rules: &Rules) -> Self {
        let fall = u16::try_from(rules.fall.max(1)).unwrap_or(u16::MAX);
        let enough = -rules.false_alarm.clamp(f64::MIN_POSITIVE, 0.999_999).ln();
        let most = enough / f64::from(fall);
        let least = enough / f64::from(fall.max(MOST));
        let weigh = |chance: f64| {
            if chance <= 0.0 {
                most
            } else {
                (-chance.ln()).clamp(least, most)
            }
        };
        Self {
            silent: weigh(record.silent_chance(fall > 1)),
            spoken: weigh(record.spoken_chance()),
            most,
            enough,
            fall,
        }
    }

    /// Whether chance no longer explains the run.
    #[must_use]
    pub fn convinces(&self, run: Run) -> bool {
        run.scheduled >= self.fall && (self.missing(run) == 0 || run.failures() >= self.fall.max(MOST))
    }

    /// How many more failures like the run's latest kind are asked for; 0 when the weights suffice.
    #[must_use]
    pub fn missing(&self, run: Run) -> u16 {
        let mut lightest = self.most;
        if run.silent > 0 || run.spoken == 0 {
            lightest = lightest.min(self.silent);
        }
        if run.spoken > 0 {
            lightest = lightest.min(self.spoken);
        }
        let weight = f64::from(run.silent) * self.silent + f64::from(run.spoken) * self.spoken;
        let burst = if lightest < self.most - 1e-9 {
            lightest
        } else {
            0.0
        };
        let open = self.enough + burst - weight;
        if open <= 1e-9 {
            return 0;
        }
        let asked = (open / lightest - 1e-9).ceil().clamp(1.0, f64::from(u16::MAX));
        let left = self.fall.max(MOST).saturating_sub(run.failures());
        // In range: clamped above.
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "clamped to u16"
        )]
        let asked = asked as u16;
        asked.min(left)
    }

    /// How many failures in all a run like this one needs.
    #[must_use]
    pub fn asked(&self, run: Run) -> u16 {
        self.fall.max(run.failures().saturating_add(self.missing(run)))
    }

    /// How many confirming probes to send before the next scheduled one, when `flying` are still under way: an even
    /// share of what is missing beyond the scheduled probes to come.
    #[must_use]
    pub fn confirming(&self, run: Run, flying: u16) -> u16 {
        let to_come = self.fall.saturating_sub(run.scheduled);
        if to_come == 0 {
            return self.missing(run).saturating_sub(flying);
        }
        self.missing(run)
            .saturating_sub(to_come)
            .saturating_sub(flying)
            .div_ceil(to_come)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn rules(fall: u32) -> Rules {
        Rules {
            interval: Duration::from_secs(5),
            fast_interval: Duration::from_secs(1),
            timeout: Duration::from_secs(2),
            fall,
            rise: 2,
            false_alarm: 1e-6,
            min_down: Duration::from_secs(10),
            damping: true,
        }
    }

    fn clean() -> Record {
        let mut record = Record::default();
        for _ in 0..400 {
            record.good();
        }
        record
    }

    fn lossy() -> Record {
        let mut record = Record::default();
        for _ in 0..200 {
            record.passed_over(1, 0);
            for _ in 0..4 {
                record.good();
            }
        }
        record
    }

    #[test]
    fn a_clean_record_asks_for_fall_failures_exactly() {
        for fall in 1..=20u16 {
            let scale = Scale::new(&clean(), &rules(fall.into()));
            for n in 0..=fall {
                let run = Run {
                    scheduled: n,
                    silent: n,
                    spoken: 0,
                };
                assert_eq!(scale.convinces(run), n == fall, "fall {fall}, {n} failures");
                assert_eq!(
                    scale.confirming(run, 0),
                    0,
                    "no confirming probes on a clean record"
                );
            }
        }
    }

    #[test]
    fn a_refusal_without_any_record_asks_for_fall_failures_and_a_timeout_for_more() {
        let scale = Scale::new(&Record::default(), &rules(3));
        assert!(scale.convinces(Run {
            scheduled: 3,
            silent: 0,
            spoken: 3
        }));
        let silent = Run {
            scheduled: 3,
            silent: 3,
            spoken: 0,
        };
        assert!(!scale.convinces(silent));
        assert!(scale.asked(silent) >= 10);
    }

    #[test]
    fn one_probe_in_five_lost_asks_for_so_many_that_chance_rarely_suffices() {
        let scale = Scale::new(&lossy(), &rules(3));
        let run = Run {
            scheduled: 1,
            silent: 1,
            spoken: 0,
        };
        let asked = scale.asked(run);
        assert!(0.2_f64.powi(asked.into()) <= 1e-6, "{asked}");
        assert!(asked <= MOST);
    }

    #[test]
    fn what_is_missing_is_sent_in_the_gaps_between_scheduled_probes() {
        let scale = Scale::new(&Record::default(), &rules(3));
        let mut run = Run {
            scheduled: 1,
            silent: 1,
            spoken: 0,
        };
        let first = scale.confirming(run, 0);
        run.silent += first + 1;
        run.scheduled += 1;
        let second = scale.confirming(run, 0);
        run.silent += second + 1;
        run.scheduled += 1;
        assert!(scale.convinces(run), "{run:?} after {first} and {second}");
    }

    #[test]
    fn a_dead_endpoint_is_found_whatever_the_record() {
        let mut worst = Record::default();
        for _ in 0..500 {
            worst.passed_over(9, 9);
            worst.good();
        }
        for fall in [1, 3, 14, 30] {
            let scale = Scale::new(&worst, &rules(fall));
            let n = u16::try_from(fall).unwrap().max(MOST);
            assert!(scale.convinces(Run {
                scheduled: n,
                silent: n,
                spoken: 0
            }));
        }
    }
}
