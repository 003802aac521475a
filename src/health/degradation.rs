//! Answers, but not as it should: slow, its certificate near the end, or less than well by its own word.
//!
//! Latency is a mean that forgets ([`WEIGHT`] for the newest success), so that one slow answer is not a slow endpoint.
//! Above the limit for so many successes in a row it is slow, and below 80 % of it for as many it is not any more:
//! between the two it stays what it was. Only successes are measured; down is another matter.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::check::Treatment;
use crate::model::time::UnixTime;

/// What the newest success weighs in the mean: after three, two thirds of it are new.
const WEIGHT: f64 = 0.3;
/// Of the limit; below this a slow endpoint is on its way back.
const RETURN: f64 = 0.8;
/// A single answer above the mean proves nothing, whatever `rise` says.
const LEAST_COUNT: u32 = 2;
const DAY: u64 = 86_400;

/// What is known of one target's lesser troubles.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Degradation {
    /// Mean latency of successes.
    mean: Option<Duration>,
    slow: bool,
    /// Successes in a row that spoke for the other state.
    against: u32,
    /// When the certificate ends, once that is nearer than the warning.
    certificate: Option<UnixTime>,
    /// In the endpoint's own words.
    own: Option<String>,
}

impl Degradation {
    /// Takes in a success that took `took` and ended at `wall`; `rise` successes in a row make or end slowness.
    pub fn good(
        &mut self,
        took: Duration,
        certificate: Option<UnixTime>,
        own: Option<String>,
        (treatment, rise): (&Treatment, u32),
        wall: UnixTime,
    ) {
        let mean = self.mean.map_or(took, |mean| {
            mean.mul_f64(1.0 - WEIGHT).saturating_add(took.mul_f64(WEIGHT))
        });
        self.mean = Some(mean);
        self.slow &= treatment.slow.is_some();
        if let Some(limit) = treatment.slow {
            let speaks_against = if self.slow {
                mean < limit.mul_f64(RETURN)
            } else {
                mean > limit
            };
            self.against = if speaks_against {
                self.against.saturating_add(1)
            } else {
                0
            };
            if self.against >= rise.max(LEAST_COUNT) {
                self.slow = !self.slow;
                self.against = 0;
            }
        }
        self.certificate = certificate
            .zip(treatment.certificate_warning)
            .filter(|(ends, warning)| ends.secs().saturating_sub(wall.secs()) < warning.as_secs())
            .map(|(ends, _)| ends);
        self.own = own;
    }

    /// It went down: what comes back is measured anew.
    pub fn down(&mut self) {
        *self = Self::default();
    }

    /// Whether anything is not as it should be.
    #[must_use]
    pub fn is_some(&self) -> bool {
        self.slow || self.certificate.is_some() || self.own.is_some()
    }

    /// Mean latency of successes.
    #[must_use]
    pub fn mean(&self) -> Option<Duration> {
        self.mean
    }

    /// How many successes more could change whether it is slow, at the least: 1 means the next one.
    #[must_use]
    pub fn flips_after(&self, treatment: &Treatment, rise: u32) -> Option<u32> {
        treatment.slow?;
        Some(rise.max(LEAST_COUNT).saturating_sub(self.against).max(1))
    }

    /// What is wrong, in words: `slow, 740 ms of 500 ms; certificate ends in 6 days`.
    #[must_use]
    pub fn in_words(&self, treatment: &Treatment, wall: UnixTime) -> Option<String> {
        let mut words = Vec::new();
        if let (true, Some(mean), Some(limit)) = (self.slow, self.mean, treatment.slow) {
            words.push(format!(
                "slow, {} ms of {} ms",
                mean.as_millis(),
                limit.as_millis()
            ));
        }
        if let Some(ends) = self.certificate {
            words.push(match ends.secs().checked_sub(wall.secs()) {
                None => "certificate has ended".to_owned(),
                Some(left) if left >= 2 * DAY => format!("certificate ends in {} days", left / DAY),
                Some(left) => format!("certificate ends in {} hours", left / 3600),
            });
        }
        words.extend(self.own.clone());
        (!words.is_empty()).then(|| words.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TREATMENT: Treatment = Treatment {
        slow: Some(Duration::from_millis(500)),
        certificate_warning: Some(Duration::from_secs(7 * DAY)),
        inverted: false,
        shadow: false,
    };

    fn fed(degradation: &mut Degradation, millis: &[u64]) -> Vec<bool> {
        millis
            .iter()
            .map(|took| {
                let took = Duration::from_millis(*took);
                degradation.good(took, None, None, (&TREATMENT, 2), UnixTime(0));
                degradation.is_some()
            })
            .collect()
    }

    #[test]
    fn one_slow_answer_is_not_a_slow_endpoint() {
        let mut degradation = Degradation::default();
        assert_eq!(fed(&mut degradation, &[100, 1600, 100, 100]), [false; 4]);
        assert_eq!(fed(&mut Degradation::default(), &[600, 700]), [false, true]);
    }

    #[test]
    fn it_stays_slow_until_well_below_the_limit() {
        let mut degradation = Degradation::default();
        fed(&mut degradation, &[740; 8]);
        assert_eq!(
            degradation.in_words(&TREATMENT, UnixTime(0)).as_deref(),
            Some("slow, 740 ms of 500 ms")
        );
        // 450 ms is below the limit, not below 80 % of it.
        assert!(fed(&mut degradation, &[450; 50]).iter().all(|slow| *slow));
        let back = fed(&mut degradation, &[300; 8]);
        assert!(back[0] && !back[7], "{back:?}");
        assert_eq!(degradation.in_words(&TREATMENT, UnixTime(0)), None);
    }

    #[test]
    fn a_certificate_is_told_of_in_time_and_by_its_days() {
        let told = |left: u64| {
            let mut degradation = Degradation::default();
            let (wall, ends) = (UnixTime(1_000_000_000), UnixTime(1_000_000_000 + left * 1000));
            degradation.good(Duration::ZERO, Some(ends), None, (&TREATMENT, 2), wall);
            degradation.in_words(&TREATMENT, wall)
        };
        assert_eq!(told(7 * DAY), None);
        assert_eq!(told(7 * DAY - 1).as_deref(), Some("certificate ends in 6 days"));
        assert_eq!(told(DAY).as_deref(), Some("certificate ends in 24 hours"));
        let mut degradation = Degradation::default();
        let wall = UnixTime(9_000_000);
        degradation.good(
            Duration::ZERO,
            Some(UnixTime(1_000)),
            Some("replica lost".into()),
            (&TREATMENT, 2),
            wall,
        );
        assert_eq!(
            degradation.in_words(&TREATMENT, wall).as_deref(),
            Some("certificate has ended; replica lost")
        );
        degradation.down();
        assert!(!degradation.is_some());
    }
}
