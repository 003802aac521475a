//! From real health to effective health: how long down lasts at least, and how long a flapping target must prove itself.
//!
//! Going down passes at once (whether it may be believed was asked before, see [`isolation`](super::isolation) and
//! [`brake`](super::brake)). Coming up waits for `min_down` since it went down and for the damping's hold since it
//! really came up; going down again meanwhile begins anew.

use serde::{Deserialize, Serialize};

use crate::health::damping::Damping;
use crate::health::standing::{Health, Hold};
use crate::model::check::Rules;
use crate::model::time::{Moment, Now};

/// Effective health of one target and what holds it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Gate {
    effective: Health,
    since: Now,
    held: Option<Hold>,
    damping: Damping,
}

impl Gate {
    /// What counts.
    #[must_use]
    pub fn effective(&self) -> Health {
        self.effective
    }

    /// Since when.
    #[must_use]
    pub fn since(&self) -> Now {
        self.since
    }

    /// Why it is not what the probes say.
    #[must_use]
    pub fn held(&self) -> Option<Hold> {
        self.held
    }

    /// Whether it went down so soon after the last time that it will be held down.
    #[must_use]
    pub fn is_flapping(&self) -> bool {
        self.damping.hold() > std::time::Duration::ZERO
    }

    /// Begins at `now`, unknown.
    #[must_use]
    pub fn new(now: Now) -> Self {
        Self {
            since: now,
            ..Self::default()
        }
    }

    /// Really down, and believed; true when that changes what counts.
    pub fn down(&mut self, now: Now) -> bool {
        self.held = None;
        if self.effective != Health::Unknown {
            self.damping.went_down(now.moment);
        }
        if self.effective == Health::Down {
            return false;
        }
        self.effective = Health::Down;
        self.since = now;
        true
    }

    /// Takes this for granted from `now` on: what-if, never what is.
    pub fn suppose(&mut self, health: Health, now: Now) {
        self.held = None;
        if self.effective != health {
            self.effective = health;
            self.since = now;
        }
    }

    /// Follows what is made of others' states, of a target that nothing is probed for.
    pub fn follow(&mut self, health: Health, now: Now) {
        self.suppose(health, now);
    }

    /// Really down, but not believed yet, for this reason.
    pub fn doubt(&mut self, hold: Hold) {
        self.held = Some(hold);
    }

    /// Really up; true when that changes what counts. Otherwise [`Gate::deadline`] says when to ask again.
    /// `first`: whether this is the target's first verdict ever or follows such a one, which owes no minimum.
    pub fn up(&mut self, now: Now, rules: &Rules, first_down: bool) -> bool {
        self.held = None;
        if self.effective == Health::Up {
            return false;
        }
        if self.effective == Health::Down {
            let minimum = self.since.moment.after(rules.min_down);
            if !first_down && minimum > now.moment {
                self.held = Some(Hold::MinDown { until: minimum });
            }
            let proven = now.moment.after(self.damping.hold());
            if rules.damping && proven > now.moment && proven > minimum {
                self.held = Some(Hold::Flapping { until: proven });
            }
            if self.held.is_some() {
                return false;
            }
        }
        self.effective = Health::Up;
        self.since = now;
        true
    }

    /// When a hold ends by itself.
    #[must_use]
    pub fn deadline(&self) -> Option<Moment> {
        match self.held {
            Some(Hold::MinDown { until } | Hold::Flapping { until }) => Some(until),
            Some(Hold::Brake | Hold::Isolated) | None => None,
        }
    }

    /// Lets a hold end whose time is over; true when that changes what counts.
    pub fn expire(&mut self, now: Now) -> bool {
        if self.deadline().is_none_or(|until| until > now.moment) {
            return false;
        }
        self.held = None;
        self.effective = Health::Up;
        self.since = now;
        true
    }

    /// Drops a hold that kept it up although really down.
    pub fn believe_up(&mut self) {
        if matches!(self.held, Some(Hold::Brake | Hold::Isolated)) {
            self.held = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::time::UnixTime;

    fn at(secs: u64) -> Now {
        Now {
            moment: Moment::from_secs(secs),
            wall: UnixTime(secs * 1000),
        }
    }

    fn rules() -> Rules {
        Rules {
            interval: Duration::from_secs(5),
            fast_interval: Duration::from_secs(1),
            timeout: Duration::from_secs(2),
            fall: 3,
            rise: 2,
            false_alarm: 1e-6,
            min_down: Duration::from_secs(10),
            damping: true,
        }
    }

    #[test]
    fn down_lasts_min_down_and_then_ends_by_itself() {
        let mut gate = Gate::new(at(0));
        assert!(gate.up(at(1), &rules(), true));
        assert!(gate.down(at(100)));
        assert!(!gate.up(at(103), &rules(), false));
        assert_eq!(
            gate.held(),
            Some(Hold::MinDown {
                until: Moment::from_secs(110)
            })
        );
        assert!(!gate.expire(at(109)));
        assert!(gate.expire(at(110)));
        assert_eq!(gate.effective(), Health::Up);
    }

    #[test]
    fn the_second_flap_must_prove_itself_and_a_relapse_begins_anew() {
        let mut gate = Gate::new(at(0));
        gate.up(at(1), &rules(), true);
        gate.down(at(100));
        assert!(gate.up(at(120), &rules(), false));
        gate.down(at(150));
        assert!(!gate.up(at(170), &rules(), false));
        assert!(matches!(gate.held(), Some(Hold::Flapping { until }) if until > Moment::from_secs(220)));
        assert!(!gate.down(at(180)), "it was down in effect all the time");
        assert!(!gate.up(at(200), &rules(), false));
        assert!(matches!(gate.held(), Some(Hold::Flapping { until }) if until > Moment::from_secs(300)));
        let mut undamped = gate.clone();
        let off = Rules {
            damping: false,
            ..rules()
        };
        assert!(undamped.up(at(200), &off, false));
    }
}
