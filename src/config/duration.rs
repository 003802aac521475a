//! Durations as operators write them: `"5s"`, `"500ms"`, `"1h30m"`.

use std::time::Duration;

/// Units and their milliseconds, longest first.
const UNITS: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// Why a text is not a duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// Nothing is written.
    #[error("an empty duration")]
    Empty,
    /// A number without a unit.
    #[error("`{0}` has no unit")]
    NoUnit(String),
    /// Something where a number was expected.
    #[error("`{0}` is not a duration")]
    NotANumber(String),
    /// A unit that does not exist.
    #[error("`{0}` is not a unit of time")]
    UnknownUnit(String),
    /// Units in the wrong order, or one of them twice.
    #[error("units go from the longest to the shortest, each once")]
    Order,
    /// More than 2^64 milliseconds.
    #[error("a duration past every clock")]
    TooLong,
}

/// Reads a duration: whole numbers with the units `d`, `h`, `m`, `s`, `ms`, from the longest to the shortest.
///
/// # Errors
/// [`DurationError`] says what is wrong.
pub fn parse(text: &str) -> Result<Duration, DurationError> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(DurationError::Empty);
    }
    let (mut millis, mut allowed) = (0u64, 0usize);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (number, tail) = rest.split_at(digits);
        if number.is_empty() {
            return Err(DurationError::NotANumber(text.to_owned()));
        }
        let letters = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        if unit.is_empty() {
            return Err(DurationError::NoUnit(text.to_owned()));
        }
        let at = UNITS
            .iter()
            .position(|(name, _)| *name == unit)
            .ok_or_else(|| DurationError::UnknownUnit(unit.to_owned()))?;
        if at < allowed {
            return Err(DurationError::Order);
        }
        allowed = at + 1;
        let scale = UNITS.get(at).map_or(0, |(_, scale)| *scale);
        let number: u64 = number.parse().map_err(|_| DurationError::TooLong)?;
        millis = number
            .checked_mul(scale)
            .and_then(|more| millis.checked_add(more))
            .ok_or(DurationError::TooLong)?;
        rest = tail;
    }
    Ok(Duration::from_millis(millis))
}

/// The shortest text that [`parse`] reads as `duration` (whole milliseconds).
#[must_use]
pub fn text(duration: Duration) -> String {
    let mut left = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    if left == 0 {
        return "0s".to_owned();
    }
    let mut written = String::new();
    for (unit, scale) in UNITS {
        if left >= scale {
            written.push_str(&format!("{}{unit}", left / scale));
            left %= scale;
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_written() {
        for (written, millis) in [
            ("5s", 5_000),
            ("500ms", 500),
            ("1h30m", 5_400_000),
            ("1m500ms", 60_500),
            ("0s", 0),
            ("2d", 172_800_000),
        ] {
            let duration = Duration::from_millis(millis);
            assert_eq!(parse(written), Ok(duration), "{written}");
            assert_eq!(text(duration), written);
        }
        assert_eq!(parse("90m"), Ok(Duration::from_secs(5400)));
        assert_eq!(text(Duration::from_secs(5400)), "1h30m");
    }

    #[test]
    fn what_is_no_duration_is_refused_with_the_reason() {
        for (written, error) in [
            ("", DurationError::Empty),
            ("5", DurationError::NoUnit("5".into())),
            ("fast", DurationError::NotANumber("fast".into())),
            ("-5s", DurationError::NotANumber("-5s".into())),
            ("5sec", DurationError::UnknownUnit("sec".into())),
            ("1.5s", DurationError::UnknownUnit(".".into())),
            ("5s1m", DurationError::Order),
            ("5s5s", DurationError::Order),
            ("99999999999999999999s", DurationError::TooLong),
            ("999999999999999999d", DurationError::TooLong),
        ] {
            assert_eq!(parse(written), Err(error), "{written}");
        }
    }
}
