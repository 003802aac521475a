//! What the signal box tells, in sentences: for timelines.

use std::net::IpAddr;

use crate::control::effect::{HistoryEvent, HistoryKind};
use crate::model::time::Moment;

/// What was told, in a sentence.
#[must_use]
pub fn sentence(event: &HistoryEvent) -> String {
    match &event.kind {
        HistoryKind::StateChanged {
            check,
            target,
            from,
            to,
            why,
            ..
        } => format!("{check} {target}: {} -> {} ({why})", from.as_str(), to.as_str()),
        HistoryKind::AnswerChanged {
            service,
            from,
            to,
            why,
        } => {
            format!("{service}: {} -> {} ({why})", from.join(", "), to.join(", "))
        }
        HistoryKind::Proposed {
            service,
            active,
            proposed,
        } => format!("{service}: {active} is down; proposed: pointsman failover {service} --to {proposed}"),
        HistoryKind::Held { target, why, .. } => format!("{target}: {why}"),
        HistoryKind::Degraded { service, what } => match what {
            Some(what) => format!("{service}: {what}"),
            None => format!("{service}: as it should be again"),
        },
        HistoryKind::ProbeFault { target, why } => format!("{target}: fault of the prober: {why}"),
        HistoryKind::Isolated(true) => "this node seems cut off: states are frozen".to_owned(),
        HistoryKind::Isolated(false) => "this node is connected again".to_owned(),
        HistoryKind::Braked { check, waiting } => {
            format!("check {check}: {waiting} wait at the brake")
        }
        HistoryKind::Commanded { by, what, .. } => format!("{by}: {what}"),
        HistoryKind::Opened { unknown } if unknown.is_empty() => "answers".to_owned(),
        HistoryKind::Opened { unknown } => format!("unknown, presumed up: {}", unknown.join(", ")),
        HistoryKind::Planned { kept, new, gone } => {
            format!("another configuration is in force: {kept} addresses kept, {new} new, {gone} gone")
        }
        #[allow(
            unreachable_patterns,
            reason = "what is told grows; what has no sentence yet is shown as it is"
        )]
        other => format!("{other:?}"),
    }
}

/// Addresses in words.
#[must_use]
pub fn list(addresses: &[IpAddr]) -> String {
    if addresses.is_empty() {
        return "nothing".to_owned();
    }
    let words: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    words.join(", ")
}

/// `61.250s`, since the scenario began.
#[must_use]
pub fn clock(moment: Moment) -> String {
    format!("{:.3}s", moment.since(Moment::ZERO).as_secs_f64())
}
