//! Overrides through time: from one life to the next, from one plan to the next, and to their end.

use std::time::Duration;

use crate::control::effect::{Effect, HistoryKind, Record};
use crate::control::overrides::{Override, Overrides, StoredOverride};
use crate::control::schedule::Due;
use crate::control::step::Control;
use crate::model::plan::Plan;
use crate::model::reach::matching;
use crate::model::time::Now;

/// How often the wall clock is looked at while something depends on it.
const CLOCK: Duration = Duration::from_millis(250);
/// By how many milliseconds the wall clock may be off before dates are put right.
const STEP: u64 = 200;

impl Control {
    /// Overrides whose time is over.
    pub(super) fn lapse(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let over_by = |over: &Override| over.expiry.is_some_and(|expiry| expiry.at <= now.moment);
        if !self.overrides.standing.iter().any(over_by) {
            return;
        }
        let standing = std::mem::take(&mut self.overrides.standing);
        let (lapsed, rest): (Vec<_>, Vec<_>) = standing.into_iter().partition(over_by);
        self.lay(now, rest);
        for over in lapsed {
            if over.place.is_none() {
                effects.push(Effect::Remember(Record::Released(over.id)));
            }
            let what = format!("{}: {}", over.select, over.words());
            let services = self.named_by(&over.select);
            let kind = HistoryKind::Lapsed { services, what };
            Self::tell(now, over.place.is_some(), kind, effects);
        }
    }

    /// What an earlier life left, and what the file says.
    pub(super) fn recall_overrides(&mut self, now: Now, stored: Vec<StoredOverride>) {
        self.last_override = stored.iter().map(|over| over.id).max().unwrap_or(0);
        let of_file = self
            .plan
            .overrides
            .iter()
            .map(|entry| Override::of_file(entry, now));
        let commands = stored
            .into_iter()
            .filter_map(|over| Override::restored(over, now));
        self.overrides = Overrides::new(of_file.chain(commands).collect(), &self.plan);
        self.plan_overrides(now);
        self.follow_drains(now);
    }

    /// The same overrides on a new plan, with what its file says.
    pub(super) fn move_overrides(&mut self, now: Now, old: &Plan, effects: &mut Vec<Effect>) {
        let known = std::mem::take(&mut self.overrides.standing);
        let of_file = self
            .plan
            .overrides
            .iter()
            .map(|entry| Override::of_file(entry, now));
        let commands = known.into_iter().filter(|over| over.place.is_none());
        self.overrides = Overrides::new(of_file.chain(commands).collect(), &self.plan);
        // Endpoints have other numbers now; what is still so is said again.
        self.masked.clear();
        self.watching_clock = false;
        self.plan_overrides(now);
        self.move_drains(now, old);
        for over in &self.overrides.standing {
            if matching(&over.select, &self.plan).is_empty() {
                let what = format!("{}: {}", over.select, over.words());
                Self::tell(now, true, HistoryKind::Unmatched { what }, effects);
            }
        }
    }

    /// Enters what time does to overrides.
    pub(super) fn plan_overrides(&mut self, now: Now) {
        let mut any = false;
        for expiry in self.overrides.standing.iter().filter_map(|over| over.expiry) {
            self.schedule.enter(expiry.at, Due::Lapse);
            any = true;
        }
        if any && !std::mem::replace(&mut self.watching_clock, true) {
            self.schedule.enter(now.moment.after(CLOCK), Due::Clock);
        }
    }

    /// The wall clock may have stepped: commands keep their length and are written anew, the file's dates stay dates.
    pub(super) fn look_at_clock(&mut self, now: Now, effects: &mut Vec<Effect>) {
        self.watching_clock = self.overrides.standing.iter().any(|over| over.expiry.is_some());
        if !self.watching_clock {
            return;
        }
        self.schedule.enter(now.moment.after(CLOCK), Due::Clock);
        let mut moved = false;
        for over in &mut self.overrides.standing {
            let Some(expiry) = &mut over.expiry else { continue };
            let wall = now.wall.after(expiry.at.since(now.moment));
            if wall.0.abs_diff(expiry.wall.0) <= STEP {
                continue;
            }
            if over.place.is_some() {
                expiry.at = now.moment.after(expiry.wall.since(now.wall));
                moved = true;
            } else {
                expiry.wall = wall;
                effects.push(Effect::Remember(Record::Override(over.stored())));
            }
        }
        if moved {
            let standing = std::mem::take(&mut self.overrides.standing);
            self.lay(now, standing);
        }
    }
}
