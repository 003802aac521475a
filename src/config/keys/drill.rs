//! Keys of `[drill]`.

use std::time::Duration;

use super::{Fallback, Kind, Section, key};
use crate::config::defaults;

/// `[drill]`
pub static DRILL: Section = Section {
    title: "[drill]",
    keys: &[
        key(
            "every",
            Kind::Duration(Duration::from_secs(3600), Duration::from_secs(366 * 86_400)),
            Fallback::Words("only when an operator asks"),
            "how often the failover of each service is rehearsed; one that was never rehearsed is due in the first window",
        ),
        key(
            "window",
            Kind::Text,
            Fallback::Text(defaults::DRILL_WINDOW),
            "time of the day, in UTC, in which it is rehearsed: `\"02:00-04:00\"`",
        ),
        key(
            "services",
            Kind::Texts,
            Fallback::Words("every service"),
            "which services: names, or patterns like `*.example.test`",
        ),
        key(
            "for",
            Kind::Duration(Duration::from_secs(1), Duration::from_secs(3600)),
            Fallback::Duration(defaults::DRILL_FOR),
            "how long a scheduled drill lasts at the most",
        ),
    ],
    later: &[],
};
