//! Asking all Sentinels at once who the master is, and counting their votes.
//!
//! A majority is one of those that are configured, not of those that answer: the few on our side of a split network
//! must not outvote the rest.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::timeout;

use super::resp::{Reply, ask};
use super::{PROTOCOL, connect};
use crate::model::check::{Check, RedisCheck, Sentinels};
use crate::probe::conduct::Tools;
use crate::probe::sheet::{Fault, Sheet};
use crate::probe::tls::secure::Secure;

/// What one Sentinel says.
enum Word {
    /// The master is there.
    Named(SocketAddr),
    /// Something that is no address of a master.
    Nobody(String),
}

/// Questions under way; dropped, they end.
pub(super) struct Poll {
    asked: usize,
    answers: JoinSet<Option<Word>>,
}

impl Poll {
    /// Asks all. None of them may use up more than three quarters of `budget`, so that a verdict is possible.
    pub(super) fn begin(
        check: &Arc<Check>,
        settings: &RedisCheck,
        whom: &Sentinels,
        secure: &Arc<Secure>,
        budget: Duration,
        tools: &Arc<Tools>,
    ) -> Self {
        let mut answers = JoinSet::new();
        for address in &whom.addresses {
            let (address, tls, way) = (*address, settings.tls, check.way);
            let (secure, tools, master) = (Arc::clone(secure), Arc::clone(tools), whom.master.clone());
            answers.spawn(async move {
                let mut sheet = Sheet::begin(way);
                let asking = one(&mut sheet, tls, &secure, address, &master, &tools);
                timeout(budget.mul_f64(0.75), asking).await.ok()?.ok()
            });
        }
        Self {
            asked: whom.addresses.len(),
            answers,
        }
    }

    /// Waits for them, until the votes about `address` suffice.
    pub(super) async fn votes(mut self, address: SocketAddr) -> Votes {
        let mut votes = Votes {
            asked: self.asked,
            ..Votes::default()
        };
        while let Some(answer) = self.answers.join_next().await {
            match answer {
                Ok(Some(Word::Named(named))) if named == address => {
                    votes.for_it = votes.for_it.saturating_add(1)
                }
                Ok(Some(Word::Named(named))) => votes.against(named.to_string()),
                Ok(Some(Word::Nobody(text))) => votes.against(text),
                Ok(None) | Err(_) => {}
            }
            if votes.for_it >= votes.majority() {
                break;
            }
        }
        votes
    }
}

async fn one(
    sheet: &mut Sheet,
    tls: bool,
    secure: &Secure,
    address: SocketAddr,
    master: &str,
    tools: &Tools,
) -> Result<Word, Fault> {
    let mut line = connect(sheet, tls, secure, address, tools).await?;
    let answer = ask(sheet, &mut line, &["SENTINEL", "get-master-addr-by-name", master]).await?;
    tools.tracker.spawn(line.leave(b"QUIT\r\n"));
    match &answer {
        Reply::Array(parts) => {
            let host = parts.first().and_then(Reply::text).unwrap_or_default();
            let port = parts.get(1).and_then(Reply::text).unwrap_or_default();
            Ok(match (host.parse::<IpAddr>(), port.parse()) {
                (Ok(host), Ok(port)) => Word::Named(SocketAddr::new(host, port)),
                _ => Word::Nobody(format!("{host}:{port}")),
            })
        }
        Reply::Nil => Ok(Word::Nobody(format!("no `{master}`"))),
        Reply::Error(text) => Err(sheet.fault(crate::health::observation::FaultClass::Status, text.clone())),
        _ => {
            let text = format!("the answer is not that of a {PROTOCOL} Sentinel");
            Err(sheet.fault(crate::health::observation::FaultClass::Garbage, text))
        }
    }
}

/// What the Sentinels said.
#[derive(Debug, Default)]
pub(super) struct Votes {
    asked: usize,
    for_it: usize,
    against: usize,
    /// Whom the first one that disagrees names.
    other: Option<String>,
}

/// What that means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// A majority names the endpoint.
    Agreed,
    /// A majority answers, but does not name it.
    Denied,
    /// No majority answers.
    Unknown,
}

impl Votes {
    fn against(&mut self, other: String) {
        self.against = self.against.saturating_add(1);
        self.other.get_or_insert(other);
    }

    fn majority(&self) -> usize {
        (self.asked / 2).saturating_add(1)
    }

    pub(super) fn verdict(&self) -> Verdict {
        if self.for_it >= self.majority() {
            Verdict::Agreed
        } else if self.for_it.saturating_add(self.against) >= self.majority() {
            Verdict::Denied
        } else {
            Verdict::Unknown
        }
    }

    /// `2 of 3 Sentinels name it`, `1 of 3 Sentinels name it, 2 another (192.0.2.2:6379)`.
    pub(super) fn in_words(&self) -> String {
        let mut text = format!("{} of {} Sentinels name it", self.for_it, self.asked);
        if let Some(other) = &self.other {
            text.push_str(&format!(", {} another ({other})", self.against));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_majority_is_one_of_all_that_are_configured() {
        for (asked, for_it, against, verdict) in [
            (3, 2, 0, Verdict::Agreed),
            (3, 2, 1, Verdict::Agreed),
            (3, 1, 0, Verdict::Unknown),
            (3, 1, 1, Verdict::Denied),
            (3, 0, 2, Verdict::Denied),
            (3, 0, 1, Verdict::Unknown),
            (2, 1, 0, Verdict::Unknown),
            (2, 1, 1, Verdict::Denied),
            (1, 1, 0, Verdict::Agreed),
            (5, 2, 0, Verdict::Unknown),
        ] {
            let votes = Votes {
                asked,
                for_it,
                against,
                other: None,
            };
            assert_eq!(votes.verdict(), verdict, "{votes:?}");
        }
    }
}
