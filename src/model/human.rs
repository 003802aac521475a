//! Times as people read them.

use std::fmt;
use std::time::Duration;

use crate::model::time::UnixTime;

const DAY: u64 = 86_400;

/// The two largest units: `8 s`, `30 min`, `1 h 30 min`, `2 d 3 h`. Rounded up to whole seconds, so that nobody comes
/// too early.
#[must_use]
pub fn length(duration: Duration) -> String {
    let seconds = duration.as_secs() + u64::from(duration.subsec_nanos() > 0);
    let units = [
        (seconds / DAY, "d"),
        (seconds % DAY / 3600, "h"),
        (seconds % 3600 / 60, "min"),
        (seconds % 60, "s"),
    ];
    let mut said = units.iter().skip_while(|(count, _)| *count == 0).take(2);
    let Some((count, unit)) = said.next() else {
        return "0 s".to_owned();
    };
    match said.next() {
        Some((more, smaller)) if *more > 0 => format!("{count} {unit} {more} {smaller}"),
        _ => format!("{count} {unit}"),
    }
}

impl UnixTime {
    /// The time of this date in UTC (Gregorian calendar); `None` for what is no date or lies before 1970.
    #[must_use]
    pub fn from_civil(date: (i64, u32, u32), (hour, minute, second): (u32, u32, u32)) -> Option<Self> {
        let (year, month, day) = date;
        if !(1970..=9999).contains(&year)
            || !(1..=12).contains(&month)
            || hour > 23
            || minute > 59
            || second > 60
        {
            return None;
        }
        let days = days_from_civil(year, month, day);
        if day == 0 || civil_from_days(days) != date {
            return None;
        }
        let seconds = days * 86_400 + i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second);
        Some(Self(u64::try_from(seconds).ok()?.checked_mul(1000)?))
    }

    /// `until` later by `by`; saturates.
    #[must_use]
    pub fn after(self, by: Duration) -> Self {
        Self(
            self.0
                .saturating_add(u64::try_from(by.as_millis()).unwrap_or(u64::MAX)),
        )
    }

    /// How long after `earlier` this is; zero when it is not.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

/// `2026-12-01 00:00:00 UTC`.
impl fmt::Display for UnixTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.secs();
        let (year, month, day) = civil_from_days(i64::try_from(seconds / DAY).unwrap_or(i64::MAX / 2));
        let (hour, minute, second) = (seconds % DAY / 3600, seconds % 3600 / 60, seconds % 60);
        write!(
            f,
            "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC"
        )
    }
}

/// Days since 1970-01-01 (H. Hinnant, "chrono-compatible low-level date algorithms").
fn days_from_civil(year: i64, month: u32, day: u32) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let shifted = (i64::from(month) + 9) % 12;
    let of_year = (153 * shifted + 2) / 5 + i64::from(day) - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Year, month, day of that many days since 1970-01-01 (the same source).
fn civil_from_days(days: i64) -> (i64, u32, u32) {
    let days = days.saturating_add(719_468);
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let part = |number: i64| u32::try_from(number).unwrap_or(1);
    let day = part(of_year - (153 * shifted + 2) / 5 + 1);
    let month = part(if shifted < 10 { shifted + 3 } else { shifted - 9 });
    (year + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_said_in_two_units() {
        for (millis, said) in [
            (0, "0 s"),
            (1, "1 s"),
            (8_000, "8 s"),
            (1_800_000, "30 min"),
            (5_400_000, "1 h 30 min"),
            (90_061_000, "1 d 1 h"),
            (86_400_000 + 60_000, "1 d"),
        ] {
            assert_eq!(length(Duration::from_millis(millis)), said);
        }
    }

    #[test]
    fn dates_are_there_and_back_again() {
        for (date, time, seconds) in [
            ((1970, 1, 1), (0, 0, 0), 0),
            ((2000, 2, 29), (23, 59, 59), 951_868_799),
            ((2026, 12, 1), (0, 0, 0), 1_796_083_200),
            ((2100, 3, 1), (12, 30, 0), 4_107_587_400),
        ] {
            let at = UnixTime::from_civil(date, time).unwrap();
            assert_eq!(at, UnixTime(seconds * 1000), "{date:?}");
            let ((year, month, day), (hour, minute, second)) = (date, time);
            assert_eq!(
                at.to_string(),
                format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
            );
        }
        for (date, time) in [
            ((2026, 2, 29), (0, 0, 0)),
            ((2026, 13, 1), (0, 0, 0)),
            ((2026, 4, 31), (0, 0, 0)),
            ((2026, 1, 0), (0, 0, 0)),
            ((1969, 12, 31), (0, 0, 0)),
            ((2026, 1, 1), (24, 0, 0)),
        ] {
            assert_eq!(UnixTime::from_civil(date, time), None, "{date:?} {time:?}");
        }
    }
}
