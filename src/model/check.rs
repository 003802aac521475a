//! Checks: what is asked of an endpoint, how often, and what counts as an answer.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::model::id::{CheckId, TargetId, ZoneId};

/// A check definition with everything defaulted.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// Its number in the plan.
    pub id: CheckId,
    /// The zone whose file defines it.
    pub zone: ZoneId,
    /// Its name there.
    pub name: String,
    /// What is asked.
    pub kind: CheckKind,
    /// How often, and how the results are judged.
    pub rules: Rules,
    /// Which role an endpoint must have, for checks that can tell.
    pub expects: Expectation,
    /// How a probe's result is taken before the rules judge it.
    pub treatment: Treatment,
}

/// How a probe's result is taken before the rules judge it, and what makes a target that answers less than well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Treatment {
    /// `inverted`: success counts as failure and the other way round; this node's own faults stay what they are.
    pub inverted: bool,
    /// `shadow`: probed and shown, not counted.
    pub shadow: bool,
    /// `slow`: a success that takes longer, again and again, makes the target degraded. `None`: however long.
    pub slow: Option<Duration>,
    /// `certificate_warning`: a certificate that ends sooner makes the target degraded. `None`: none does.
    pub certificate_warning: Option<Duration>,
}

/// What an endpoint says it is, for checks that can tell (databases).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Claim {
    /// It takes writes.
    Primary,
    /// It follows a primary.
    Standby,
}

impl Claim {
    /// As written in a zone file and printed.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Standby => "standby",
        }
    }
}

/// What an endpoint that answers must claim to be usable. A claim counts at once, without `rise` and `fall`: it is the
/// endpoint's own word, not a lost packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expectation {
    /// `role`; `None`: any.
    pub claim: Option<Claim>,
    /// `max_lag`: how far a standby may be behind its primary.
    pub max_lag: Option<Duration>,
}

/// How a target's results become a verdict.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rules {
    /// From the start of one probe to the start of the next, at the most (jitter takes up to 10 % off).
    pub interval: Duration,
    /// From the end of one probe to the start of the next while a state is in doubt, at the most.
    pub fast_interval: Duration,
    /// A probe that takes longer is a failure.
    pub timeout: Duration,
    /// Failures in a row before a target is down, at least; 1 or more.
    pub fall: u32,
    /// Successes in a row before it is up again; 1 or more.
    pub rise: u32,
    /// Chance that random loss alone suffices for a verdict of down; in (0, 1).
    pub false_alarm: f64,
    /// How long down lasts at least.
    pub min_down: Duration,
    /// Whether a target that flaps is held down for longer and longer.
    pub damping: bool,
}

/// The kinds of checks with their settings.
#[derive(Clone, Debug, PartialEq)]
pub enum CheckKind {
    /// `http` and `https`.
    Http(Box<HttpCheck>),
    /// `tcp`.
    Tcp(TcpCheck),
}

/// Settings of `http` and `https`.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpCheck {
    /// Whether TLS is spoken.
    pub tls: bool,
    /// Request method, e.g. `GET`.
    pub method: String,
    /// `Host` header and, unless `sni` says otherwise, the name in SNI; the address when `None`.
    pub host: Option<String>,
    /// Path and query, begins with `/`.
    pub path: String,
    /// Further request headers, in order.
    pub headers: Vec<(String, String)>,
    /// Accepted status codes, inclusive ranges within 100..=599.
    pub status: Vec<(u16, u16)>,
    /// What the body (its first 64 KiB) must contain.
    pub body: Option<BodyMatch>,
    /// Whether redirects are followed (at most 5, only to the same address).
    pub follow_redirects: bool,
    /// Name in SNI and for verification, when not `host`.
    pub sni: Option<String>,
    /// Whether the certificate is verified.
    pub verify: bool,
    /// PEM file of the authorities to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// Which HTTP versions are offered.
    pub version: HttpVersion,
    /// Whether one connection serves several probes.
    pub keepalive: bool,
}

/// What a body must contain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BodyMatch {
    /// This text, anywhere.
    Substring(String),
    /// A match of this regular expression (checked at load).
    Regex(String),
}

/// HTTP versions to offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpVersion {
    /// HTTP/1.1 only: what a check speaks unless told otherwise.
    Http1,
    /// HTTP/2 only (prior knowledge without TLS).
    Http2,
    /// Whatever ALPN yields.
    Any,
}

/// Settings of `tcp`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TcpCheck {
    /// Sent after connecting.
    pub send: Option<Vec<u8>>,
    /// What the first 64 KiB received must contain.
    pub expect: Option<Vec<u8>>,
}

/// One probe stream: a check against an address. Services that agree on both share it.
#[derive(Clone, Debug)]
pub struct Target {
    /// Its number in the plan.
    pub id: TargetId,
    /// The check.
    pub check: Arc<Check>,
    /// The address that is probed.
    pub address: IpAddr,
    /// The port that is probed.
    pub port: u16,
}

impl Target {
    /// Whether `other` (of another plan) is the same probe stream, so that health may be kept:
    /// the same question to the same address and port. Names of checks do not matter.
    #[must_use]
    pub fn is_same_stream(&self, other: &Self) -> bool {
        self.address == other.address
            && self.port == other.port
            && self.check.kind == other.check.kind
            && self.check.rules == other.check.rules
            && self.check.expects == other.check.expects
            && self.check.treatment == other.check.treatment
    }
}
