//! `recover_within`: an objective that the plan must promise to keep.

use crate::config::load::zones::Draft;
use crate::model::diagnostic::Diagnostic;
use crate::model::plan::Plan;

/// The objectives of the zone that `plan` does not keep.
pub(crate) fn judge(_plan: &Plan, _draft: &Draft) -> Vec<Diagnostic> {
    Vec::new()
}
