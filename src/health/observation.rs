//! The result of one probe: phase reached, times, class of failure, evidence.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::check::Claim;
use crate::model::time::{Now, UnixTime};

/// What one probe found.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// When it ended.
    pub at: Now,
    /// Good, or what was wrong.
    pub finding: Finding,
    /// How long each phase took.
    pub phases: Phases,
    /// What an operator wants to see.
    pub evidence: Evidence,
    /// What the endpoint said of itself.
    pub report: Report,
}

impl Observation {
    /// The same with success and failure exchanged, which the evidence says. A failure of this node's own stays one.
    #[must_use]
    pub fn inverted(mut self) -> Self {
        let text = std::mem::take(&mut self.evidence.text);
        self.finding = match self.finding {
            Finding::Good => {
                self.evidence.text = format!("inverted: the probe succeeded ({text})");
                Finding::Bad {
                    phase: self.phases.last(),
                    class: FaultClass::Content,
                }
            }
            local @ Finding::Bad {
                class: FaultClass::Local,
                ..
            } => {
                self.evidence.text = text;
                local
            }
            Finding::Bad { .. } => {
                self.evidence.text = format!("inverted: {text}");
                Finding::Good
            }
        };
        self.report = Report::default();
        self
    }
}

/// What an endpoint that answered said of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Its role, for checks that can tell.
    pub claim: Option<Claim>,
    /// How far a standby is behind its primary.
    pub lag: Option<Duration>,
    /// Why it is preferred less although it answers as it should; `None`: all is well.
    pub degraded: Option<String>,
}

/// Good or bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Finding {
    /// The endpoint answered as the check asks.
    Good,
    /// It did not.
    Bad {
        /// The phase in which it failed.
        phase: Phase,
        /// How it failed.
        class: FaultClass,
    },
}

impl Finding {
    /// Whether the probe succeeded.
    #[must_use]
    pub fn is_good(self) -> bool {
        matches!(self, Self::Good)
    }

    /// Whether this node itself was at fault.
    #[must_use]
    pub fn is_own_fault(self) -> bool {
        matches!(
            self,
            Self::Bad {
                class: FaultClass::Local,
                ..
            }
        )
    }
}

/// Phases of a probe, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Phase {
    /// Finding the address.
    Resolve,
    /// Connecting.
    Connect,
    /// TLS handshake.
    Tls,
    /// Until the first octet of the answer (the status line, for HTTP).
    FirstByte,
    /// Reading the answer.
    Body,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Resolve => "resolve",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::FirstByte => "first-byte",
            Self::Body => "body",
        })
    }
}

/// How a probe failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum FaultClass {
    /// The connection was refused: somebody is there and says no.
    Refused,
    /// The connection was reset or closed early.
    Reset,
    /// Nothing came in time.
    Timeout,
    /// The network said that there is no way.
    Unreachable,
    /// TLS failed: certificate, protocol, alert.
    Tls,
    /// An HTTP status that is not accepted.
    Status,
    /// The content is not what the check expects.
    Content,
    /// What came is not the protocol.
    Garbage,
    /// This node's own fault (no file descriptors, no route of ours): says nothing about the endpoint.
    Local,
}

impl FaultClass {
    /// Every class.
    pub const ALL: [Self; 9] = [
        Self::Refused,
        Self::Reset,
        Self::Timeout,
        Self::Unreachable,
        Self::Tls,
        Self::Status,
        Self::Content,
        Self::Garbage,
        Self::Local,
    ];

    /// Whether the endpoint itself spoke: such a failure is not explained by lost packets.
    #[must_use]
    pub fn is_spoken(self) -> bool {
        !matches!(self, Self::Timeout | Self::Unreachable | Self::Local)
    }
}

impl fmt::Display for FaultClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused => "refused",
            Self::Reset => "reset",
            Self::Timeout => "timeout",
            Self::Unreachable => "unreachable",
            Self::Tls => "tls",
            Self::Status => "status",
            Self::Content => "content",
            Self::Garbage => "garbage",
            Self::Local => "local",
        })
    }
}

/// Time of each phase that was reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Phases {
    /// Finding the address.
    pub resolve: Option<Duration>,
    /// Connecting.
    pub connect: Option<Duration>,
    /// TLS handshake.
    pub tls: Option<Duration>,
    /// Until the first octet of the answer.
    pub first_byte: Option<Duration>,
    /// Reading the answer.
    pub body: Option<Duration>,
    /// From beginning to end.
    pub total: Duration,
}

impl Phases {
    /// The last phase that was reached.
    #[must_use]
    pub fn last(&self) -> Phase {
        let reached = [
            (self.body, Phase::Body),
            (self.first_byte, Phase::FirstByte),
            (self.tls, Phase::Tls),
        ];
        reached
            .into_iter()
            .find_map(|(took, phase)| took.map(|_| phase))
            .unwrap_or(Phase::Connect)
    }
}

/// What an operator wants to see of a probe.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// A sentence: `connection refused`, `status 503, expected 200-299`.
    pub text: String,
    /// HTTP status, when one came.
    pub status: Option<u16>,
    /// First 256 octets of a refused body.
    pub body: Vec<u8>,
    /// When the certificate ends.
    pub certificate_expiry: Option<UnixTime>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(finding: Finding, text: &str) -> Observation {
        Observation {
            at: Now::default(),
            finding,
            phases: Phases::default(),
            evidence: Evidence {
                text: text.to_owned(),
                ..Evidence::default()
            },
            report: Report::default(),
        }
    }

    #[test]
    fn an_inverted_observation_says_so_and_twice_inverted_is_good_again() {
        let refused = Finding::Bad {
            phase: Phase::Connect,
            class: FaultClass::Refused,
        };
        let good = seen(refused, "connection refused").inverted();
        assert_eq!(good.finding, Finding::Good);
        assert_eq!(good.evidence.text, "inverted: connection refused");
        let bad = seen(Finding::Good, "status 200").inverted();
        assert!(matches!(bad.finding, Finding::Bad { class, .. } if class.is_spoken()));
        assert_eq!(bad.evidence.text, "inverted: the probe succeeded (status 200)");
        assert!(bad.inverted().finding.is_good());
    }

    #[test]
    fn an_own_fault_stays_one() {
        let local = Finding::Bad {
            phase: Phase::Connect,
            class: FaultClass::Local,
        };
        let seen = seen(local, "no free file descriptor");
        assert_eq!(seen.clone().inverted(), seen);
    }
}
