//! Keys of the history.

use std::time::Duration;

use super::{Fallback, Kind, Section, key};
use crate::config::defaults;

/// `[history]`
pub static HISTORY: Section = Section {
    title: "[history]",
    keys: &[
        key(
            "keep",
            Kind::Duration(Duration::from_secs(60), Duration::from_secs(3650 * 86_400)),
            Fallback::Duration(defaults::HISTORY_KEEP),
            "how long entries are kept",
        ),
        key(
            "size",
            Kind::Integer(1, 1_000_000),
            Fallback::Integer(defaults::HISTORY_SIZE),
            "MiB that the state file may use; past that the oldest entries go",
        ),
    ],
    later: &[],
};
