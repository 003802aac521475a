//! The chain of a failover: first failed probe, verdict, publication, first changed answer, each with its time.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::control::effect::{HistoryEvent, HistoryKind};
use crate::health::standing::Health;
use crate::model::time::{Moment, Now};

/// How one answer came to change, and how long each step took. Times are of the monotonic clock; the wall times beside
/// them are for people.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Chain {
    /// Number of the entry that says how the answer changed.
    pub change: u64,
    /// What began it: `probe`, `operator`, `plan`, or `other` (time passed, a share moved).
    pub cause: String,
    /// Whose verdict it was, as `check address:port`; only when a probe began it.
    pub target: Option<String>,
    /// End of the first probe that spoke for the verdict (the first that failed, for one of down), in milliseconds since
    /// 1970.
    pub first_probe_unix_ms: Option<u64>,
    /// The verdict.
    pub verdict_unix_ms: Option<u64>,
    /// When the new answer was put in force.
    pub published_unix_ms: u64,
    /// When it was first sent to somebody; `None`: nobody has asked yet, or nobody did in time.
    pub first_answer_unix_ms: Option<u64>,
    /// From the first probe to the verdict, in microseconds.
    pub detection_us: Option<u64>,
    /// From the verdict (or the command) to the decision.
    pub decision_us: u64,
    /// From the decision to the new answer in force.
    pub publish_us: u64,
    /// From there to the first answer sent.
    pub first_answer_us: Option<u64>,
    /// From the first probe to the first answer sent; only when both are known.
    pub total_us: Option<u64>,
}

impl Chain {
    /// Completes it: the first answer was sent `after_us` microseconds after the publication.
    pub fn answered(&mut self, after_us: u64) {
        self.first_answer_us = Some(after_us);
        self.first_answer_unix_ms = Some(self.published_unix_ms.saturating_add(after_us / 1000));
        self.total_us = self.detection_us.map(|detection| {
            detection
                .saturating_add(self.decision_us)
                .saturating_add(self.publish_us)
                .saturating_add(after_us)
        });
    }
}

/// What may have begun a change of answers, until the change comes.
#[derive(Debug, Default)]
pub struct Causes {
    /// When an operator was obeyed, or an override lapsed: of what is told in one go.
    operator: Vec<Moment>,
    /// When another plan came in force.
    plan: Option<Moment>,
    /// By service: verdicts since its last change.
    verdicts: HashMap<String, Vec<Verdict>>,
}

/// A verdict on one address.
#[derive(Clone, Debug)]
struct Verdict {
    target: String,
    address: String,
    down: bool,
    at: Now,
    since_first: u64,
}

/// Verdicts that are kept of a service: an answer changes by one of the last few, or by none of them.
const KEPT: usize = 8;
/// How long a verdict may be the cause of a change that waits for the disk, or for caches.
const LASTING: Duration = Duration::from_secs(600);

impl Causes {
    /// Looks at all that is about to be told in one go: what a command changed is told before the command.
    pub fn expect<'e>(&mut self, events: impl Iterator<Item = &'e HistoryEvent>) {
        let operator = |event: &&HistoryEvent| {
            matches!(
                event.kind,
                HistoryKind::Commanded { .. } | HistoryKind::Lapsed { .. }
            )
        };
        self.operator.clear();
        self.operator
            .extend(events.filter(operator).map(|event| event.at.moment));
    }

    /// Takes in what may be a cause of what is told later.
    pub fn hear(&mut self, event: &HistoryEvent) {
        match &event.kind {
            HistoryKind::Planned { .. } => {
                self.plan = Some(event.at.moment);
                // Services may be gone, or be others.
                self.verdicts.clear();
            }
            // A first verdict takes nothing away; at the start there is one of every address.
            HistoryKind::StateChanged {
                from: Health::Unknown,
                ..
            } => {}
            HistoryKind::StateChanged {
                check,
                target,
                services,
                to,
                since_first,
                ..
            } => {
                let address = target
                    .parse::<SocketAddr>()
                    .map_or_else(|_| target.clone(), |at| at.ip().to_string());
                for service in services {
                    let verdicts = self.verdicts.entry(service.clone()).or_default();
                    if verdicts.len() >= KEPT {
                        verdicts.remove(0);
                    }
                    verdicts.push(Verdict {
                        target: format!("{check} {target}"),
                        address: address.clone(),
                        down: *to == Health::Down,
                        at: event.at,
                        since_first: *since_first,
                    });
                }
            }
            _ => {}
        }
    }

    /// The chain of a change that is told now, as far as the publication: decided at `decided`, in force at `published`
    /// (its wall time beside it).
    pub fn explain(
        &mut self,
        event: &HistoryEvent,
        (service, from, to): (&str, &[String], &[String]),
        decided: Moment,
        published: Now,
    ) -> Chain {
        let now = event.at.moment;
        let verdicts = self.verdicts.remove(service).unwrap_or_default();
        let concerns = |verdict: &&Verdict| {
            let side = if verdict.down { from } else { to };
            side.contains(&verdict.address)
        };
        let at_once = |verdict: &&Verdict| verdict.at.moment == now;
        let latest = |verdict: &&Verdict| now.since(verdict.at.moment) <= LASTING;
        let newest = || verdicts.iter().rev();
        let verdict = newest()
            .filter(at_once)
            .find(concerns)
            .or_else(|| newest().find(at_once));
        let (cause, verdict) = match verdict {
            Some(verdict) => ("probe", Some(verdict)),
            None if self.operator.contains(&now) => ("operator", None),
            None if self.plan == Some(now) => ("plan", None),
            None => match newest().filter(latest).find(concerns) {
                Some(verdict) => ("probe", Some(verdict)),
                None => ("other", None),
            },
        };
        let begun = verdict.map_or(event.at, |verdict| verdict.at);
        Chain {
            cause: cause.to_owned(),
            target: verdict.map(|verdict| verdict.target.clone()),
            first_probe_unix_ms: verdict.map(|verdict| {
                let before = verdict.since_first / 1_000_000;
                verdict.at.wall.0.saturating_sub(before)
            }),
            verdict_unix_ms: verdict.map(|verdict| verdict.at.wall.0),
            published_unix_ms: published.wall.0,
            detection_us: verdict.map(|verdict| verdict.since_first / 1000),
            decision_us: micros(decided.since(begun.moment)),
            publish_us: micros(published.moment.since(decided)),
            ..Chain::default()
        }
    }
}

/// Whole microseconds.
#[must_use]
pub fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::UnixTime;

    fn at(ms: u64) -> Now {
        Now {
            moment: Moment::from_millis(ms),
            wall: UnixTime(1_000_000 + ms),
        }
    }

    fn verdict(ms: u64, target: &str, to: Health) -> HistoryEvent {
        let kind = HistoryKind::StateChanged {
            check: "web".to_owned(),
            target: target.to_owned(),
            services: vec!["www.example.test".to_owned()],
            from: if to == Health::Down {
                Health::Up
            } else {
                Health::Down
            },
            to,
            why: String::new(),
            evidence: Default::default(),
            since_first: 2_000_000_000,
        };
        HistoryEvent {
            at: at(ms),
            alarm: true,
            kind,
        }
    }

    fn changed(causes: &mut Causes, ms: u64) -> Chain {
        let event = HistoryEvent {
            at: at(ms),
            alarm: false,
            kind: HistoryKind::Isolated(false),
        };
        let (from, to) = (["192.0.2.1".to_owned()], ["192.0.2.2".to_owned()]);
        causes.explain(
            &event,
            ("www.example.test", &from, &to),
            at(ms + 1).moment,
            at(ms + 3),
        )
    }

    #[test]
    fn a_verdict_of_the_same_moment_is_the_cause_and_its_times_are_the_chains() {
        let mut causes = Causes::default();
        causes.hear(&verdict(9000, "192.0.2.1:80", Health::Down));
        causes.hear(&verdict(9000, "192.0.2.9:80", Health::Down));
        let mut chain = changed(&mut causes, 9000);
        assert_eq!(
            (chain.cause.as_str(), chain.target.as_deref()),
            ("probe", Some("web 192.0.2.1:80"))
        );
        assert_eq!(chain.first_probe_unix_ms, Some(1_007_000));
        let steps = (chain.detection_us, chain.decision_us, chain.publish_us);
        assert_eq!(steps, (Some(2_000_000), 1000, 2000));
        assert_eq!(chain.total_us, None, "nobody has been answered yet");
        chain.answered(500);
        assert_eq!(chain.total_us, Some(2_003_500));
    }

    #[test]
    fn a_later_change_has_the_verdict_that_took_its_address_away_as_its_cause_and_only_once() {
        let mut causes = Causes::default();
        causes.hear(&verdict(1000, "192.0.2.1:80", Health::Down));
        causes.hear(&verdict(1000, "192.0.2.7:80", Health::Down));
        assert_eq!(
            changed(&mut causes, 5000).target.as_deref(),
            Some("web 192.0.2.1:80")
        );
        assert_eq!(changed(&mut causes, 6000).cause, "other");
        causes.hear(&verdict(7000, "192.0.2.7:80", Health::Down));
        assert_eq!(
            changed(&mut causes, 8000).cause,
            "other",
            "its address was in no answer"
        );
        causes.hear(&verdict(10_000, "192.0.2.1:80", Health::Down));
        assert_eq!(changed(&mut causes, 700_000).cause, "other", "that was long ago");
    }

    #[test]
    fn an_operator_is_the_cause_of_what_follows_at_once() {
        let mut causes = Causes::default();
        causes.hear(&verdict(900, "192.0.2.1:80", Health::Down));
        let kind = HistoryKind::Lapsed {
            services: Vec::new(),
            what: String::new(),
        };
        let lapsed = HistoryEvent {
            at: at(1000),
            alarm: false,
            kind,
        };
        causes.expect([&lapsed].into_iter());
        assert_eq!(changed(&mut causes, 1000).cause, "operator");
        assert_eq!(changed(&mut causes, 1001).cause, "other");
    }
}
