//! The timeline as log lines: one line per state change and answer change, with its evidence.

use crate::control::effect::{HistoryEvent, HistoryKind};
use crate::model::time::Moment;

/// Logs what happened; `warn` means that somebody should look. `published` is when the last snapshot was swapped in.
pub(super) fn tell(event: &HistoryEvent, published: Moment) {
    match &event.kind {
        HistoryKind::StateChanged {
            check,
            target,
            services,
            from,
            to,
            why,
            evidence,
            since_first,
        } => {
            let (services, from, to) = (services.join(","), from.as_str(), to.as_str());
            let (status, body) = (evidence.status, String::from_utf8_lossy(&evidence.body));
            let detected_ms = since_first / 1_000_000;
            let evidence = &evidence.text;
            if event.alarm {
                tracing::warn!(target: "pointsman::state", %check, address = %target, %services, from, to, %why, %evidence, status, %body, detected_ms, "state changed");
            } else {
                tracing::info!(target: "pointsman::state", %check, address = %target, %services, from, to, %why, %evidence, status, detected_ms, "state changed");
            }
        }
        HistoryKind::AnswerChanged {
            service,
            from,
            to,
            why,
        } => {
            let (from, to) = (from.join(","), to.join(","));
            let publish_us = published.since(event.at.moment).as_micros();
            if event.alarm {
                tracing::warn!(target: "pointsman::answer", %service, %from, %to, %why, publish_us, "answer changed");
            } else {
                tracing::info!(target: "pointsman::answer", %service, %from, %to, %why, publish_us, "answer changed");
            }
        }
        HistoryKind::Proposed {
            service,
            active,
            proposed,
        } => tracing::warn!(
            target: "pointsman::answer", %service, %active, %proposed,
            "the active endpoint is down and the operator decides: pointsman failover {service} --to {proposed}"
        ),
        HistoryKind::Held {
            target,
            services,
            why,
        } => {
            let services = services.join(",");
            tracing::info!(target: "pointsman::state", address = %target, %services, %why, "answers again, held down for now");
        }
        HistoryKind::Degraded {
            service,
            what: Some(what),
        } => {
            tracing::warn!(target: "pointsman::answer", %service, %what, "the answer is not what it should be");
        }
        HistoryKind::Degraded { service, what: None } => {
            tracing::info!(target: "pointsman::answer", %service, "the answer is what it should be again");
        }
        HistoryKind::Shadowed {
            check,
            target,
            services,
            to,
            why,
        } => {
            let (services, to) = (services.join(","), to.as_str());
            tracing::info!(target: "pointsman::state", %check, address = %target, %services, to, %why, "in shadow: would have changed state");
        }
        HistoryKind::TargetDegraded {
            target,
            services,
            why,
        } => {
            let services = services.join(",");
            match why {
                Some(why) => {
                    tracing::warn!(target: "pointsman::state", address = %target, %services, %why, "degraded");
                }
                None => {
                    tracing::info!(target: "pointsman::state", address = %target, %services, "no longer degraded");
                }
            }
        }
        HistoryKind::ProbeFault { target, why } => {
            tracing::warn!(target: "pointsman::probe", address = %target, %why, "this node cannot probe; such results do not count");
        }
        HistoryKind::Isolated(true) => tracing::error!(
            target: "pointsman::isolation",
            "most probes and every reference fail: this node seems to be the one cut off; states are frozen"
        ),
        HistoryKind::Isolated(false) => {
            tracing::warn!(target: "pointsman::isolation", "a reference answers again; states follow the probes");
        }
        HistoryKind::Braked { check, waiting } => tracing::warn!(
            target: "pointsman::isolation", %check, waiting,
            "too many endpoints of one check went down within a minute; the rest wait"
        ),
        HistoryKind::Commanded {
            by,
            what,
            break_glass: false,
            ..
        } => tracing::info!(target: "pointsman::operator", %by, %what, "command"),
        HistoryKind::Commanded { by, what, .. } => tracing::warn!(
            target: "pointsman::operator", %by, %what, break_glass = true, "command, past the rules of safety"
        ),
        HistoryKind::Lapsed { what, .. } if event.alarm => tracing::warn!(
            target: "pointsman::operator", %what, "its time is over; take it out of the file"
        ),
        HistoryKind::Lapsed { what, .. } => {
            tracing::info!(target: "pointsman::operator", %what, "its time is over: the override is gone");
        }
        HistoryKind::SafeToStop {
            service,
            endpoint,
            addresses,
        } => tracing::info!(
            target: "pointsman::operator", %service, %endpoint, addresses = %addresses.join(","),
            "drained: safe to stop, no compliant cache holds it"
        ),
        HistoryKind::Masked {
            service,
            endpoint,
            by,
            evidence,
        } => tracing::warn!(
            target: "pointsman::operator", %service, %endpoint, %by, %evidence,
            "forced up although it fails: clients are sent there"
        ),
        HistoryKind::Unmatched { what } => {
            tracing::warn!(target: "pointsman::operator", %what, "this override means no endpoint any more");
        }
        HistoryKind::Elected { service, to } => {
            tracing::info!(target: "pointsman::answer", %service, writer = %to, "the writer is on disk");
        }
        HistoryKind::Gate(news) => {
            let (service, from, to, text) = (&news.service, &news.from, &news.to, &news.text);
            let stage = news.stage.as_str();
            if event.alarm {
                tracing::warn!(target: "pointsman::gate", %service, %from, %to, stage, %text, "gate");
            } else {
                tracing::info!(target: "pointsman::gate", %service, %from, %to, stage, %text, "gate");
            }
        }
        HistoryKind::NotElected { service, to, why } => {
            tracing::error!(
                target: "pointsman::answer",
                %service, writer = %to, %why,
                "the writer is not named: the state directory does not keep it, and a restart would forget it"
            );
        }
        HistoryKind::Opened { unknown } if unknown.is_empty() => {
            tracing::info!(target: "pointsman::start", "every endpoint has a verdict; answering");
        }
        HistoryKind::Opened { unknown } => tracing::warn!(
            target: "pointsman::start", unknown = %unknown.join(","),
            "startup_wait is over; what has no verdict is treated as up; answering"
        ),
        HistoryKind::Audited {
            by,
            from,
            what,
            outcome,
        } => tracing::info!(target: "pointsman::audit", %by, %from, %what, %outcome, "asked"),
        HistoryKind::ReloadRefused { by, mistakes, first } => tracing::error!(
            target: "pointsman::reload", %by, mistakes, %first, "reload refused: the configuration in force stays"
        ),
        HistoryKind::Drill(news) => {
            let (service, what) = (news.service(), news.text());
            if event.alarm {
                tracing::warn!(target: "pointsman::drill", %service, "{what}");
            } else {
                tracing::info!(target: "pointsman::drill", %service, "{what}");
            }
        }
        HistoryKind::Planned { kept, new, gone } => {
            tracing::info!(target: "pointsman::reload", kept, new, gone, "configuration in force");
        }
    }
}
