//! When a service is to be rehearsed by itself: every so often, within a window of the day.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::control::drill::{State, StoredDrill};
use crate::model::drill::{DrillSettings, Window};
use crate::model::time::UnixTime;

const DAY: u64 = 86_400_000;

/// What became of a service's drills so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Past {
    /// When the last one began that ran its time.
    pub ran: Option<UnixTime>,
    /// When the last one was due that was refused, broke off, or did not take place.
    pub failed: Option<UnixTime>,
}

impl Past {
    /// What became of each service's drills, by name.
    #[must_use]
    pub fn of<'d>(drills: impl Iterator<Item = &'d StoredDrill>) -> BTreeMap<&'d str, Self> {
        let mut all: BTreeMap<&str, Self> = BTreeMap::new();
        for drill in drills {
            all.entry(&drill.service).or_default().note(drill);
        }
        all
    }

    /// One that an operator asked for and that broke off proves nothing, and is no failure of the calendar's.
    fn note(&mut self, drill: &StoredDrill) {
        let at = Some(drill.started);
        match drill.state {
            State::Running | State::Done => self.ran = self.ran.max(at),
            State::Cancelled | State::Aborted | State::Refused | State::Missed if drill.scheduled => {
                self.failed = self.failed.max(at);
            }
            State::Cancelled | State::Aborted | State::Refused | State::Missed => {}
        }
    }
}

/// What the calendar says of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// Nothing before then.
    Wait(UnixTime),
    /// It is time.
    Now,
    /// Its window, which ended then, went by without it.
    Missed(UnixTime),
}

/// Whether it is time for a service that is known since `since`. One that was never rehearsed is due at once; one that
/// failed to be is tried again in the next window.
#[must_use]
pub fn call(settings: &DrillSettings, past: Past, since: UnixTime, now: UnixTime) -> Option<Call> {
    let every = settings.every?;
    let due = past.ran.map(|ran| ran.after(every));
    let from = match (due, past.failed) {
        (Some(due), Some(failed)) if failed < due => due,
        (_, Some(failed)) => begins_after(settings.window, failed),
        (Some(due), None) => due,
        (None, None) => since,
    };
    let (begin, last) = window(settings.window, from, settings.lasting);
    let from = from.max(begin);
    Some(if now < from {
        Call::Wait(from)
    } else if now <= last {
        Call::Now
    } else {
        Call::Missed(last.after(settings.lasting))
    })
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The first window in which a drill of `lasting` can begin at `at` or later: its beginning, and the last moment for that.
fn window(window: Window, at: UnixTime, lasting: Duration) -> (UnixTime, UnixTime) {
    let offset = u64::from(window.from) * 60_000;
    let room = millis(window.length()).saturating_sub(millis(lasting));
    // The window that began last; none began before 1970.
    let day = at.0.saturating_sub(offset) / DAY;
    let begin = day * DAY + offset;
    let begin = if at.0 > begin + room { begin + DAY } else { begin };
    (UnixTime(begin), UnixTime(begin + room))
}

/// When the first window after `at` begins.
fn begins_after(window: Window, at: UnixTime) -> UnixTime {
    let offset = u64::from(window.from) * 60_000;
    let day = at.0.saturating_sub(offset) / DAY;
    UnixTime((day + 1) * DAY + offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3_600_000;

    fn settings() -> DrillSettings {
        DrillSettings {
            every: Some(Duration::from_secs(30 * 86_400)),
            window: Window::parse("02:00-04:00").unwrap(),
            ..DrillSettings::default()
        }
    }

    fn at(day: u64, hour: u64) -> UnixTime {
        UnixTime(20_000 * DAY + day * DAY + hour * HOUR)
    }

    #[test]
    fn without_every_nothing_is_due() {
        let never = DrillSettings::default();
        assert_eq!(call(&never, Past::default(), at(0, 0), at(400, 0)), None);
    }

    #[test]
    fn the_first_window_is_the_first_time_and_the_next_is_a_month_later() {
        let new = Past::default();
        let of = |past, now| call(&settings(), past, at(0, 12), now);
        assert_eq!(of(new, at(0, 12)), Some(Call::Wait(at(1, 2))));
        assert_eq!(of(new, at(1, 3)), Some(Call::Now));
        let ran = Past {
            ran: Some(at(1, 3)),
            ..Past::default()
        };
        assert_eq!(of(ran, at(1, 3)), Some(Call::Wait(at(31, 3))));
        assert_eq!(of(ran, at(31, 3)), Some(Call::Now));
        // A restart knows it from before: nothing is due again.
        assert_eq!(
            call(&settings(), ran, at(5, 2), at(5, 2)),
            Some(Call::Wait(at(31, 3)))
        );
    }

    #[test]
    fn a_failure_is_tried_again_in_the_next_window_and_a_window_gone_by_is_missed_once() {
        let past = Past {
            ran: Some(at(0, 3)),
            failed: Some(at(30, 3)),
        };
        let of = |past, now| call(&settings(), past, at(0, 0), now);
        assert_eq!(of(past, at(30, 3)), Some(Call::Wait(at(31, 2))));
        assert_eq!(of(past, at(31, 2)), Some(Call::Now));
        let down = Past {
            ran: Some(at(0, 3)),
            failed: None,
        };
        assert_eq!(of(down, at(33, 12)), Some(Call::Missed(at(30, 4))));
        let told = Past {
            failed: Some(at(33, 12)),
            ..down
        };
        assert_eq!(of(told, at(33, 12)), Some(Call::Wait(at(34, 2))));
    }

    #[test]
    fn one_that_would_not_end_within_the_window_waits_for_the_next() {
        let ran = Past {
            ran: Some(UnixTime(at(0, 4).0 - 10_000)),
            failed: None,
        };
        let now = UnixTime(at(30, 4).0 - 5_000);
        assert_eq!(call(&settings(), ran, at(0, 0), now), Some(Call::Wait(at(31, 2))));
    }
}
