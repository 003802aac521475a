//! Diagnostics as they are gathered: all that a reader can use, and no more.

use crate::model::diagnostic::{Diagnostic, Place, Severity};

/// Diagnostics of one severity that are listed; the rest are counted. A file that is no zone at all has a mistake
/// on every line, and nobody reads more than this.
const MOST: usize = 1_000;

/// Errors after which reading is given up: this is no zone.
const HOPELESS: usize = 20_000;

/// What was found so far.
#[derive(Debug, Default)]
pub(super) struct Report {
    list: Vec<Diagnostic>,
    errors: usize,
    warnings: usize,
}

impl Report {
    /// Adds one.
    pub(super) fn add(&mut self, diagnostic: Diagnostic) {
        let count = match diagnostic.severity {
            Severity::Error => &mut self.errors,
            Severity::Warning => &mut self.warnings,
        };
        *count += 1;
        if *count <= MOST {
            self.list.push(diagnostic);
        }
    }

    /// Adds a warning that is made only when there is room for it.
    pub(super) fn warn(&mut self, make: impl FnOnce() -> Diagnostic) {
        if self.warnings < MOST {
            self.add(make());
        } else {
            self.warnings += 1;
        }
    }

    /// Whether nothing was found.
    pub(super) fn is_empty(&self) -> bool {
        self.errors == 0 && self.warnings == 0
    }

    /// Whether so much is wrong that the rest need not be read.
    pub(super) fn is_hopeless(&self) -> bool {
        self.errors >= HOPELESS
    }

    /// Brings what was found into the order of the text.
    pub(super) fn sort(&mut self) {
        self.list.sort_by(|a, b| a.place.cmp(&b.place));
    }

    /// All of them, with a line about `whole` for those that were only counted.
    pub(super) fn finish(mut self, whole: &Place) -> Vec<Diagnostic> {
        let more = |count: usize| count.saturating_sub(MOST);
        if more(self.errors) > 0 {
            let rest = if self.is_hopeless() {
                ", and the rest was not read"
            } else {
                ""
            };
            let text = format!("{} more mistakes are not shown{rest}", more(self.errors));
            self.list.push(Diagnostic::error(whole.clone(), text));
        }
        if more(self.warnings) > 0 {
            let text = format!("{} more warnings are not shown", more(self.warnings));
            self.list.push(Diagnostic::warning(whole.clone(), text));
        }
        self.list
    }
}
