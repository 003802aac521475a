//! The timeline as data: one entry for each thing that happened, the same for the store, for those who watch live,
//! and for those who are notified.
//!
//! A [`HistoryEvent`] is what the signal box tells; an [`Entry`] is that event with a number, a sentence for people and
//! its facts for programs. Nothing is looked up: what the entry says is what the event says.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::control::effect::{HistoryEvent, HistoryKind};

/// One entry of the timeline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Entry {
    /// Its number: grows by one from entry to entry, over restarts too; the first is 1.
    pub seq: u64,
    /// When, in milliseconds since 1970-01-01 UTC.
    pub unix_ms: u64,
    /// Whether somebody should look.
    pub alarm: bool,
    /// What happened, in kebab-case: `state-changed`, `answer-changed`, `commanded`.
    pub kind: String,
    /// The services it concerns; empty: the whole server.
    pub services: Vec<String>,
    /// The endpoint it concerns, when it is one; else the target, as `check address:port`.
    pub endpoint: Option<String>,
    /// Who did it, when somebody did.
    pub by: Option<String>,
    /// One sentence for people.
    pub text: String,
    /// What was told, for programs; its keys depend on `kind`.
    pub facts: Value,
}

/// What an entry takes from its event's kind.
struct Said<'e> {
    kind: &'static str,
    services: &'e [String],
    endpoint: Option<String>,
    by: Option<&'e str>,
    text: String,
    facts: Value,
}

impl Entry {
    /// The entry of an event, with the number `seq`.
    #[must_use]
    pub fn of(seq: u64, event: &HistoryEvent) -> Self {
        let said = said(&event.kind);
        Self {
            seq,
            unix_ms: event.at.wall.0,
            alarm: event.alarm,
            kind: said.kind.to_owned(),
            services: said.services.to_vec(),
            endpoint: said.endpoint,
            by: said.by.map(str::to_owned),
            text: said.text,
            facts: said.facts,
        }
    }

    /// Whether it concerns `service`; what concerns the whole server concerns each.
    #[must_use]
    pub fn concerns(&self, service: &str) -> bool {
        self.services.is_empty() || self.services.iter().any(|one| one == service)
    }
}

/// A list as a sentence has it.
fn list(of: &[String]) -> String {
    if of.is_empty() {
        "nothing".to_owned()
    } else {
        of.join(", ")
    }
}

fn plain<'e>(kind: &'static str, services: &'e [String], text: String, facts: Value) -> Said<'e> {
    Said {
        kind,
        services,
        endpoint: None,
        by: None,
        text,
        facts,
    }
}

/// Of every kind, so that the compiler asks for the sentence of a new one.
fn said(kind: &HistoryKind) -> Said<'_> {
    let one = std::slice::from_ref;
    match kind {
        // What probes brought about.
        HistoryKind::StateChanged {
            check,
            target,
            services,
            from,
            to,
            why,
            evidence,
            since_first,
        } => Said {
            endpoint: Some(format!("{check} {target}")),
            ..plain(
                "state-changed",
                services,
                format!("{target} ({check}) is {}: {why}", to.as_str()),
                json!({
                    "check": check, "target": target, "from": from.as_str(), "to": to.as_str(), "why": why,
                    "evidence": evidence.text, "status": evidence.status,
                    "body": String::from_utf8_lossy(&evidence.body), "since_first_us": since_first / 1000,
                }),
            )
        },
        HistoryKind::Shadowed {
            check,
            target,
            services,
            to,
            why,
        } => Said {
            endpoint: Some(format!("{check} {target}")),
            ..plain(
                "shadowed",
                services,
                format!("in shadow: {target} ({check}) would be {}: {why}", to.as_str()),
                json!({ "check": check, "target": target, "to": to.as_str(), "why": why }),
            )
        },
        HistoryKind::Held {
            target,
            services,
            why,
        } => Said {
            endpoint: Some(target.clone()),
            ..plain(
                "held",
                services,
                format!("{target} answers again and is held down: {why}"),
                json!({ "target": target, "why": why }),
            )
        },
        HistoryKind::TargetDegraded {
            target,
            services,
            why,
        } => {
            let (kind, text) = match why {
                Some(why) => ("target-degraded", format!("{target} is degraded: {why}")),
                None => ("target-restored", format!("{target} is no longer degraded")),
            };
            Said {
                endpoint: Some(target.clone()),
                ..plain(kind, services, text, json!({ "target": target, "why": why }))
            }
        }
        HistoryKind::ProbeFault { target, why } => Said {
            endpoint: Some(target.clone()),
            ..plain(
                "probe-fault",
                &[],
                format!("this node cannot probe {target}: {why}; such results do not count"),
                json!({ "target": target, "why": why }),
            )
        },
        HistoryKind::Isolated(true) => plain(
            "isolated",
            &[],
            "most probes and every reference fail: this node seems to be the one cut off; states are frozen"
                .to_owned(),
            json!({}),
        ),
        HistoryKind::Isolated(false) => plain(
            "rejoined",
            &[],
            "a reference answers again; states follow the probes".to_owned(),
            json!({}),
        ),
        HistoryKind::Braked { check, waiting } => plain(
            "braked",
            &[],
            format!("too many endpoints of check {check} went down within a minute; {waiting} wait"),
            json!({ "check": check, "waiting": waiting }),
        ),
        // What became of answers.
        HistoryKind::AnswerChanged {
            service,
            from,
            to,
            why,
        } => plain(
            "answer-changed",
            one(service),
            format!("{service} answers {} instead of {}: {why}", list(to), list(from)),
            json!({ "from": from, "to": to, "why": why }),
        ),
        HistoryKind::Proposed {
            service,
            active,
            proposed,
        } => Said {
            endpoint: Some(proposed.clone()),
            ..plain(
                "proposed",
                one(service),
                format!(
                    "{active} is down and the operator decides: pointsman failover {service} --to {proposed}"
                ),
                json!({ "active": active, "proposed": proposed }),
            )
        },
        HistoryKind::Degraded { service, what } => match what {
            Some(what) => plain(
                "degraded",
                one(service),
                format!("the answer of {service} is not what it should be: {what}"),
                json!({ "what": what }),
            ),
            None => plain(
                "restored",
                one(service),
                format!("the answer of {service} is what it should be again"),
                json!({}),
            ),
        },
        HistoryKind::Elected { service, to } => Said {
            endpoint: Some(to.clone()),
            ..plain(
                "elected",
                one(service),
                format!("{to} is on disk as the writer of {service}"),
                json!({ "to": to }),
            )
        },
        HistoryKind::Gate(news) => Said {
            endpoint: Some(news.to.clone()),
            ..plain(
                news.stage.as_str(),
                one(&news.service),
                news.to_string(),
                json!({ "from": news.from, "to": news.to, "text": news.text }),
            )
        },
        HistoryKind::NotElected { service, to, why } => Said {
            endpoint: Some(to.clone()),
            ..plain(
                "not-elected",
                one(service),
                format!("{to} is not named as the writer of {service}: the disk did not take it: {why}"),
                json!({ "to": to, "why": why }),
            )
        },
        // What operators did and what became of it; the server's own life.
        HistoryKind::Commanded {
            services,
            by,
            what,
            break_glass,
        } => Said {
            by: Some(by),
            ..plain(
                "commanded",
                services,
                what.clone(),
                json!({ "what": what, "break_glass": break_glass }),
            )
        },
        HistoryKind::Lapsed { services, what } => plain(
            "lapsed",
            services,
            format!("its time is over: {what}"),
            json!({ "what": what }),
        ),
        HistoryKind::SafeToStop {
            service,
            endpoint,
            addresses,
        } => Said {
            endpoint: Some(endpoint.clone()),
            ..plain(
                "safe-to-stop",
                one(service),
                format!("{endpoint} is drained and safe to stop: no compliant cache holds it"),
                json!({ "addresses": addresses }),
            )
        },
        HistoryKind::Masked {
            service,
            endpoint,
            by,
            evidence,
        } => Said {
            endpoint: Some(endpoint.clone()),
            by: Some(by),
            ..plain(
                "masked",
                one(service),
                format!("{endpoint} is forced up although it fails: {evidence}"),
                json!({ "override": by, "evidence": evidence }),
            )
        },
        HistoryKind::Unmatched { what } => plain(
            "unmatched",
            &[],
            format!("this override means no endpoint any more: {what}"),
            json!({ "what": what }),
        ),
        HistoryKind::Opened { unknown } => plain(
            "opened",
            &[],
            if unknown.is_empty() {
                "every endpoint has a verdict; answering".to_owned()
            } else {
                format!(
                    "startup_wait is over; what has no verdict is treated as up: {}",
                    list(unknown)
                )
            },
            json!({ "unknown": unknown }),
        ),
        HistoryKind::Audited {
            by,
            from,
            what,
            outcome,
        } => Said {
            by: Some(by),
            ..plain(
                "audited",
                &[],
                format!("{by} from {from}: {what}: {outcome}"),
                json!({ "from": from, "what": what, "outcome": outcome }),
            )
        },
        HistoryKind::ReloadRefused { by, mistakes, first } => Said {
            by: Some(by),
            ..plain(
                "reload-refused",
                &[],
                format!("reload refused, {mistakes} mistakes; the first: {first}"),
                json!({ "mistakes": mistakes, "first": first }),
            )
        },
        HistoryKind::Drill(news) => Said {
            kind: news.kind(),
            services: one(news.service()),
            endpoint: news.endpoint().map(str::to_owned),
            by: news.by(),
            text: news.text(),
            facts: serde_json::to_value(news).unwrap_or_default(),
        },
        HistoryKind::Planned { kept, new, gone } => plain(
            "planned",
            &[],
            format!("configuration in force: {kept} targets kept, {new} new, {gone} gone"),
            json!({ "kept": kept, "new": new, "gone": gone }),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::{Moment, Now, UnixTime};

    #[test]
    fn an_entry_says_what_the_event_says_and_is_read_back() {
        let event = HistoryEvent {
            at: Now {
                moment: Moment::from_secs(3),
                wall: UnixTime(1_767_225_600_000),
            },
            alarm: true,
            kind: HistoryKind::AnswerChanged {
                service: "www.example.test".to_owned(),
                from: vec!["192.0.2.1".to_owned()],
                to: Vec::new(),
                why: "nothing is up".to_owned(),
            },
        };
        let entry = Entry::of(7, &event);
        assert_eq!(
            (entry.seq, entry.unix_ms, entry.alarm),
            (7, 1_767_225_600_000, true)
        );
        assert_eq!(
            entry.text,
            "www.example.test answers nothing instead of 192.0.2.1: nothing is up"
        );
        assert!(entry.concerns("www.example.test") && !entry.concerns("db.example.test"));
        let text = serde_json::to_string(&entry).unwrap();
        assert_eq!(serde_json::from_str::<Entry>(&text).unwrap(), entry);
    }
}
