//! Flap damping: an endpoint that keeps going down must prove itself for longer and longer.
//!
//! Each time it really goes down counts one; the count halves every [`HALF_LIFE`]. From the second on it must have
//! answered for [`FIRST_HOLD`] without a break before it is answered again, twice as long for each one more, ten
//! minutes at the most.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::time::Moment;

/// The count halves in this time: two failures in one half-hour are a pattern, two in a day are not.
const HALF_LIFE: Duration = Duration::from_secs(30 * 60);
/// What the second flap costs: longer than the good phases of what usually flaps (restart loops, overload).
const FIRST_HOLD: Duration = Duration::from_secs(60);
/// Past this a hold would rather hide a repaired endpoint than protect anybody.
const LONGEST_HOLD: Duration = Duration::from_secs(600);

/// Decayed count of flaps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Damping {
    flaps: f32,
    at: Moment,
    hold: Duration,
}

impl Damping {
    /// It went down.
    pub fn went_down(&mut self, now: Moment) {
        let halves = now.since(self.at).as_secs_f32() / HALF_LIFE.as_secs_f32();
        self.flaps = self.flaps * (-halves).exp2() + 1.0;
        self.at = now;
        self.hold = if self.flaps < 1.5 {
            Duration::ZERO
        } else {
            FIRST_HOLD
                .mul_f32((self.flaps - 2.0).clamp(-1.0, 8.0).exp2())
                .min(LONGEST_HOLD)
        };
    }

    /// How long it must answer without a break before it is trusted again; zero: at once.
    #[must_use]
    pub fn hold(&self) -> Duration {
        self.hold
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_failure_is_free_and_holds_grow_to_ten_minutes() {
        let mut damping = Damping::default();
        let mut holds = Vec::new();
        for n in 0..12 {
            damping.went_down(Moment::from_secs(1000 + n * 60));
            holds.push(damping.hold());
        }
        assert_eq!(holds[0], Duration::ZERO);
        assert!(holds[1] >= Duration::from_secs(55), "{holds:?}");
        assert!(holds.windows(2).all(|w| w[0] <= w[1]));
        assert_eq!(holds[11], LONGEST_HOLD);
    }

    #[test]
    fn after_hours_of_health_it_is_forgotten() {
        let mut damping = Damping::default();
        for n in 0..5 {
            damping.went_down(Moment::from_secs(n * 60));
        }
        damping.went_down(Moment::from_secs(4 * 3600));
        assert_eq!(damping.hold(), Duration::ZERO);
    }
}
