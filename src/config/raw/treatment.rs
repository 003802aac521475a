//! How a check's results are taken, as far as it is written.

use std::time::Duration;

use super::document::{At, Table};

/// Keys that every type of check has besides its rules.
#[derive(Debug, Default)]
pub(crate) struct RawTreatment {
    pub(crate) inverted: Option<At<bool>>,
    pub(crate) shadow: Option<At<bool>>,
    pub(crate) slow: Option<At<Duration>>,
    pub(crate) certificate_warning: Option<At<Duration>>,
}

impl RawTreatment {
    /// From `[checks.NAME]`.
    pub(crate) fn read(table: &Table<'_>) -> Self {
        Self {
            inverted: table.boolean("inverted"),
            shadow: table.boolean("shadow"),
            slow: table.duration("slow"),
            certificate_warning: table.duration("certificate_warning"),
        }
    }
}
