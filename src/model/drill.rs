//! When failovers are rehearsed by themselves.

use std::time::Duration;

use crate::model::selector::Selector;

/// `[drill]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DrillSettings {
    /// How often each service; `None`: only when an operator asks.
    pub every: Option<Duration>,
    /// At which time of the day.
    pub window: Window,
    /// Which services: those of any endpoint that one of these means; none: all.
    pub services: Vec<Selector>,
    /// How long each lasts at the most.
    pub lasting: Duration,
}

impl Default for DrillSettings {
    fn default() -> Self {
        Self {
            every: None,
            window: Window::default(),
            services: Vec::new(),
            lasting: Duration::from_secs(30),
        }
    }
}

/// A part of every day, in UTC: a day has no hour twice there, and none is missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// Minutes after midnight at which it begins, below 1440.
    pub from: u32,
    /// Minutes after midnight at which it ends; not later than `from`: on the next day. Equal: the whole day.
    pub to: u32,
}

impl Window {
    /// `02:00-04:00`; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (from, to) = text.split_once('-')?;
        let minutes = |text: &str| {
            let (hour, minute) = text.trim().split_once(':')?;
            let digits = |text: &str| text.len() == 2 && text.bytes().all(|octet| octet.is_ascii_digit());
            let (hour, minute): (u32, u32) = match digits(hour) && digits(minute) {
                true => (hour.parse().ok()?, minute.parse().ok()?),
                false => return None,
            };
            (minute < 60 && (hour < 24 || hour == 24 && minute == 0)).then_some(hour * 60 + minute)
        };
        let from = minutes(from)?;
        (from < 1440).then_some(Self {
            from,
            to: minutes(to)? % 1440,
        })
    }

    /// How long it is, 1 minute to a day.
    #[must_use]
    pub fn length(self) -> Duration {
        let minutes = match (self.to + 1440 - self.from) % 1440 {
            0 => 1440,
            some => some,
        };
        Duration::from_secs(u64::from(minutes) * 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_read_and_measured() {
        for (text, from, minutes) in [
            ("02:00-04:00", 120, 120),
            ("23:30-00:30", 1410, 60),
            ("00:00-24:00", 0, 1440),
            ("05:00-05:00", 300, 1440),
        ] {
            let window = Window::parse(text).unwrap();
            assert_eq!(window.from, from, "{text}");
            assert_eq!(window.length().as_secs(), minutes * 60, "{text}");
        }
        for text in [
            "",
            "2-4",
            "02:00",
            "2:00-4:00",
            "24:00-25:00",
            "02:60-03:00",
            "a-b",
            "-02:0-0-1:0",
        ] {
            assert_eq!(Window::parse(text), None, "{text}");
        }
    }
}
