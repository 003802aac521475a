//! From an entry to what a receiver understands. Pure: what is sent is a function of the message.

pub mod alertmanager;
pub mod json;
pub mod line;
pub mod pagerduty;
pub mod slack;

use crate::announce::message::Message;
use crate::announce::signal::Signal;

/// The longest text that is passed on whole; evidence may hold the beginning of a page.
const LONGEST: usize = 2000;

/// One line, shortened, without control characters.
fn plain(text: &str) -> String {
    let mut short: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(LONGEST)
        .collect();
    if text.chars().nth(LONGEST).is_some() {
        short.push('…');
    }
    short
}

/// How bad it is, in the words of PagerDuty, which others borrowed.
fn severity(message: &Message) -> &'static str {
    match (message.entry.alarm, Signal::of(&message.entry)) {
        (true, Signal::Begins(_)) => "critical",
        (true, _) => "warning",
        (false, _) => "info",
    }
}

/// RFC 3339 in UTC, with milliseconds.
fn timestamp(unix_ms: u64) -> String {
    let (days, ms) = (unix_ms / 86_400_000, unix_ms % 86_400_000);
    let (year, month, day) = civil(days);
    let (seconds, ms) = (ms / 1000, ms % 1000);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{ms:03}Z",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    )
}

/// Year, month and day of the day that is `days` after 1970-01-01, by counting in eras of 400 years that begin in March.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_rfc_3339_has_them() {
        for (unix_ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_767_225_599_999, "2025-12-31T23:59:59.999Z"),
            (4_102_444_800_001, "2100-01-01T00:00:00.001Z"),
        ] {
            assert_eq!(timestamp(unix_ms), text);
        }
    }

    #[test]
    fn texts_are_one_line_and_not_too_long() {
        assert_eq!(plain("a\nb\x1b[2J"), "a b [2J");
        assert_eq!(plain(&"ü".repeat(3000)).chars().count(), LONGEST + 1);
    }
}
