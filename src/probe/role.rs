//! What an endpoint says of its role, in words.

use std::time::Duration;

use crate::model::check::Claim;

/// `primary`, `standby, 0.2 s behind`, `standby, lag unknown`.
pub(crate) fn word(claim: Claim, lag: Option<Duration>) -> String {
    match (claim, lag) {
        (Claim::Primary, _) => "primary".to_owned(),
        (Claim::Standby, Some(lag)) => format!("standby, {:.1} s behind", lag.as_secs_f64()),
        (Claim::Standby, None) => "standby, lag unknown".to_owned(),
    }
}
