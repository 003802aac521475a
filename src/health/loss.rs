//! A target's record of failures by chance: how often do probes fail although the target is well?
//!
//! Only failures that were followed by a success without a verdict in between are entered: those were chance (or
//! a passing trouble). Failures that led to a verdict of down say nothing about chance. Old entries fade.

use serde::{Deserialize, Serialize};

/// How many probes the record remembers; older ones fade exponentially. 500 are forty minutes at the default
/// interval: long enough for a bound on 20 % loss within 0.04, short enough to follow a path through the day.
const MEMORY: f32 = 500.0;

/// What is presumed of the losses of a path without a record: with these two numbers one probe in four may be lost.
const PRESUMED_LOST: f64 = 0.5;
/// Of how many probes.
const PRESUMED_PROBES: f64 = 5.6;
/// The presumption fades with each probe, and is gone after so many: twelve minutes at the default interval.
const PRESUMPTION_LASTS: f64 = 144.0;
/// A failure that has faded below this is forgotten.
const FORGOTTEN: f64 = 0.01;

/// Standard deviations added to a count: a one-sided bound of about 90 % on the rate.
const DEVIATIONS: f64 = 1.28;

/// Decayed counts of probes, and of failures by chance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Record {
    probes: f32,
    silent: f32,
    spoken: f32,
}

impl Record {
    /// Enters one probe that succeeded.
    pub fn good(&mut self) {
        self.enter(1, 0, 0);
    }

    /// Enters a run of failures that ended in a success.
    pub fn passed_over(&mut self, silent: u16, spoken: u16) {
        self.enter(silent.saturating_add(spoken), silent, spoken);
    }

    fn enter(&mut self, probes: u16, silent: u16, spoken: u16) {
        let probes = f32::from(probes);
        let keep = (-probes / MEMORY).exp();
        self.probes = self.probes * keep + probes;
        self.silent = self.silent * keep + f32::from(silent);
        self.spoken = self.spoken * keep + f32::from(spoken);
    }

    /// Upper bound on the chance that a probe of this target is lost, in (0, 1].
    ///
    /// `presume`: whether a path without a record is presumed lossy.
    #[must_use]
    pub fn silent_chance(&self, presume: bool) -> f64 {
        let (lost, of) = if presume {
            let fades = (1.0 - f64::from(self.probes) / PRESUMPTION_LASTS).max(0.0);
            (PRESUMED_LOST * fades, PRESUMED_PROBES * fades)
        } else {
            (0.0, 0.0)
        };
        upper(f64::from(self.silent) + lost, f64::from(self.probes) + of)
    }

    /// Upper bound on the chance that this target, being well, fails a probe by its own word, in [0, 1].
    /// Nothing is presumed: whoever refuses a connection has spoken.
    #[must_use]
    pub fn spoken_chance(&self) -> f64 {
        upper(f64::from(self.spoken), f64::from(self.probes))
    }

    /// Share of lost probes and how many were lost, for the slow leak and for people.
    #[must_use]
    pub fn lost(&self) -> (f32, f32) {
        (self.silent / self.probes.max(1.0), self.silent)
    }
}

fn upper(failures: f64, probes: f64) -> f64 {
    if failures < FORGOTTEN {
        return 0.0;
    }
    ((failures + DEVIATIONS * failures.sqrt()) / probes.max(1.0)).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_without_a_record_is_presumed_to_lose_a_quarter_and_a_clean_one_is_believed_in_time() {
        let mut record = Record::default();
        let at_first = record.silent_chance(true);
        assert!((0.2..0.3).contains(&at_first), "{at_first}");
        for _ in 0..180 {
            record.good();
        }
        assert_eq!(record.silent_chance(true), 0.0);
        assert_eq!(record.spoken_chance(), 0.0);
    }

    #[test]
    fn the_bound_lies_above_the_rate_and_follows_it() {
        let mut record = Record::default();
        for _ in 0..400 {
            for _ in 0..4 {
                record.good();
            }
            record.passed_over(1, 0);
        }
        let bound = record.silent_chance(true);
        assert!((0.2..0.27).contains(&bound), "{bound}");
        for _ in 0..3000 {
            record.good();
        }
        assert!(record.silent_chance(true) < 0.01);
    }

    #[test]
    fn a_few_short_outages_among_many_good_probes_do_not_reach_one_in_a_hundred() {
        let mut record = Record::default();
        for _ in 0..1000 {
            record.good();
        }
        record.passed_over(0, 2);
        assert!(record.spoken_chance() < 0.01);
    }
}
