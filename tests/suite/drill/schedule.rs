//! The calendar on virtual time: a year of windows, restarts in between, refusals and windows gone by.

use pointsman::control::drill::StoredDrill;
use pointsman::control::drill::calendar::{Call, Past, call};
use pointsman::model::drill::{DrillSettings, Window};
use pointsman::model::time::UnixTime;

use super::*;

const MINUTE: u64 = 60_000;
const DAY: u64 = 1440 * MINUTE;
/// 2026-11-25 00:00 UTC.
const BEGIN: u64 = 20_782 * DAY;

fn row(at: UnixTime, state: State) -> StoredDrill {
    StoredDrill {
        id: 1,
        service: "www.example.test".to_owned(),
        endpoint: "fra".to_owned(),
        by: "schedule".to_owned(),
        reason: None,
        scheduled: true,
        before: Vec::new(),
        started: at,
        until: at,
        state,
        why: String::new(),
        report: None,
    }
}

/// A year, looked at every minute while the server runs; what is on disk is all that a restart knows.
fn year(
    settings: &DrillSettings,
    runs: impl Fn(u64) -> bool,
    becomes: impl Fn(u64) -> State,
) -> Vec<StoredDrill> {
    let mut disk: Vec<StoredDrill> = Vec::new();
    let mut since = None;
    for minute in 0..365 * 1440 {
        let now = UnixTime(BEGIN + minute * MINUTE);
        if !runs(minute) {
            since = None;
            continue;
        }
        let since = *since.get_or_insert(now);
        let past = Past::of(disk.iter())
            .get("www.example.test")
            .copied()
            .unwrap_or_default();
        match call(settings, past, since, now) {
            Some(Call::Now) => disk.push(row(now, becomes(minute))),
            Some(Call::Missed(_)) => disk.push(row(now, State::Missed)),
            Some(Call::Wait(_)) | None => {}
        }
    }
    disk
}

fn settings() -> DrillSettings {
    DrillSettings {
        every: Some(Duration::from_secs(30 * 86_400)),
        window: Window::parse("02:00-04:00").unwrap(),
        ..DrillSettings::default()
    }
}

fn in_window(drill: &StoredDrill) -> bool {
    (120..240).contains(&(drill.started.0 / MINUTE % 1440))
}

#[test]
fn a_year_has_a_drill_a_month_each_within_its_window() {
    let held = year(&settings(), |_| true, |_| State::Done);
    assert_eq!(held.len(), 13);
    assert!(held.iter().all(in_window));
    let apart = held.windows(2).map(|w| w[1].started.0 - w[0].started.0);
    assert!(apart.into_iter().all(|gap| gap == 30 * DAY));
}

#[test]
fn a_restart_every_day_changes_nothing() {
    let all_along = year(&settings(), |_| true, |_| State::Done);
    let restarted = year(&settings(), |minute| minute % 1440 != 700, |_| State::Done);
    assert_eq!(all_along, restarted);
}

#[test]
fn what_is_refused_is_tried_again_the_next_night_and_what_is_missed_is_said_once() {
    let refused = year(
        &settings(),
        |_| true,
        |minute| {
            // Every drill of the first hundred days is refused.
            if minute < 100 * 1440 {
                State::Refused
            } else {
                State::Done
            }
        },
    );
    let tries = refused
        .iter()
        .filter(|drill| drill.state == State::Refused)
        .count();
    assert_eq!(tries, 100, "once a night");
    assert!(refused.iter().all(in_window));
    let restarted = year(
        &settings(),
        |minute| minute % 7 != 0,
        |minute| {
            if minute < 100 * 1440 {
                State::Refused
            } else {
                State::Done
            }
        },
    );
    let again = restarted.iter().filter(|drill| drill.state == State::Refused);
    assert_eq!(again.count(), 100, "restarts every few minutes make it no more");
    // Down for ten days when one is due.
    let down = |minute: u64| !(30 * 1440..40 * 1440).contains(&minute);
    let held = year(&settings(), down, |_| State::Done);
    let missed: Vec<u64> = held
        .iter()
        .filter(|drill| drill.state == State::Missed)
        .map(|drill| (drill.started.0 - BEGIN) / DAY)
        .collect();
    assert_eq!(missed, [40], "said at the start");
    let next = held
        .iter()
        .find(|drill| drill.started.0 > BEGIN + 40 * DAY && drill.state == State::Done);
    assert_eq!(
        (next.unwrap().started.0 - BEGIN) / DAY,
        40,
        "and made up for the same night"
    );
}
