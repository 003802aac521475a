//! The slow leak: failures that interleave with successes, never `fall` in a row, yet too many.
//!
//! Failures by the endpoint's own word are counted; [`CLEARING`] good probes in a row clear the count. Lost probes
//! are chance until more than half of them are lost over a long time.

use serde::{Deserialize, Serialize};

use crate::health::loss::Record;
use crate::model::check::Rules;

/// Good probes in a row that clear the count, and that bring a leaking endpoint back.
pub const CLEARING: u16 = 10;

/// Lost probes it takes before "more than half of them are lost" is more than a bad minute: at 20 % loss, thirty
/// losses among sixty lie six standard deviations out.
const LOST_AT_LEAST: f32 = 30.0;

/// Count of failures that interleave with successes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leak {
    failures: u16,
    good: u16,
}

impl Leak {
    /// Failures that are too many: three times `fall`, nine at least.
    #[must_use]
    pub fn limit(rules: &Rules) -> u16 {
        u16::try_from(rules.fall.saturating_mul(3))
            .unwrap_or(u16::MAX)
            .max(9)
    }

    /// A failure by the endpoint's own word; true when the limit is reached.
    pub fn spoken(&mut self, rules: &Rules) -> bool {
        self.good = 0;
        self.failures = self.failures.saturating_add(1);
        self.failures >= Self::limit(rules)
    }

    /// A lost probe; true when the record shows more lost than not.
    pub fn silent(&mut self, record: &Record) -> bool {
        self.good = 0;
        let (share, lost) = record.lost();
        lost >= LOST_AT_LEAST && share > 0.5
    }

    /// Whether a few more lost probes could be a verdict.
    #[must_use]
    pub fn nearly_lossy(record: &Record) -> bool {
        let (share, lost) = record.lost();
        lost >= LOST_AT_LEAST - 5.0 && share > 0.45
    }

    /// A success; true when the count is clear.
    pub fn good(&mut self) -> bool {
        self.good = self.good.saturating_add(1);
        if self.good >= CLEARING {
            self.failures = 0;
        }
        self.good >= CLEARING
    }

    /// Failures counted.
    #[must_use]
    pub fn failures(self) -> u16 {
        self.failures
    }
}
