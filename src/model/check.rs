//! Checks: what is asked of an endpoint, how often, and what counts as an answer.

mod database;
mod exec;
mod web;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

pub use database::{PostgresCheck, RedisCheck, Secret, Sentinels, TlsUse};
pub use exec::ExecCheck;
pub use web::{
    BodyMatch, DnsCheck, GrpcCheck, HttpCheck, HttpVersion, IcmpCheck, Identity, RCODES, Rdata, Scalar,
    Security, TcpCheck, TlsCheck, Transport,
};

use serde::{Deserialize, Serialize};

use crate::model::id::{CheckId, TargetId, ZoneId};
use crate::model::token::Token;

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
    /// How its connections are made.
    pub way: Way,
    /// How a probe's result is taken before the rules judge it.
    pub treatment: Treatment,
}

/// How a check's connections to an endpoint are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Way {
    /// `source` of IPv4; `None`: the system chooses.
    pub source_v4: Option<Ipv4Addr>,
    /// `source` of IPv6.
    pub source_v6: Option<Ipv6Addr>,
    /// What each TCP connection begins with.
    pub proxy_header: Option<ProxyHeader>,
}

impl Way {
    /// The source address towards `address`; `None`: the system chooses.
    #[must_use]
    pub fn source(&self, address: IpAddr) -> Option<IpAddr> {
        match address {
            IpAddr::V4(_) => self.source_v4.map(IpAddr::V4),
            IpAddr::V6(_) => self.source_v6.map(IpAddr::V6),
        }
    }
}

/// Versions of the PROXY protocol, as haproxy's `doc/proxy-protocol.txt` describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyHeader {
    /// The line of text, with the addresses of the connection itself.
    V1,
    /// The binary form, with the command LOCAL: a connection of the proxy's own.
    V2,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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
    /// `tls`.
    Tls(Box<TlsCheck>),
    /// `exec`.
    Exec(ExecCheck),
    /// `dns`.
    Dns(Box<DnsCheck>),
    /// `icmp`.
    Icmp(IcmpCheck),
    /// `grpc`.
    Grpc(Box<GrpcCheck>),
    /// `postgres`.
    Postgres(Box<PostgresCheck>),
    /// `redis`.
    Redis(Box<RedisCheck>),
    /// `patroni`: how its REST API is asked.
    Patroni(Box<HttpCheck>),
    /// Others, judged together; nothing is probed for it.
    Combined(Combined),
    /// The endpoint reports itself; nothing is probed for it.
    Heartbeat(HeartbeatCheck),
}

/// Settings of `heartbeat`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeartbeatCheck {
    /// Silence that lasts longer is a failure.
    pub within: Duration,
    /// What an endpoint shows to be believed.
    pub token: Token,
}

impl HeartbeatCheck {
    /// How results become a verdict: one is enough, in either direction; `otherwise` says the rest.
    #[must_use]
    pub fn rules(&self, otherwise: Rules) -> Rules {
        Rules {
            interval: self.within,
            fast_interval: self.within,
            timeout: Duration::ZERO,
            fall: 1,
            rise: 1,
            // No record of earlier silences makes this one a matter of chance.
            false_alarm: 0.999_999,
            ..otherwise
        }
    }
}

impl CheckKind {
    /// As written in a zone file.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Http(_) => "http",
            Self::Tcp(_) => "tcp",
            Self::Tls(_) => "tls",
            Self::Exec(_) => "exec",
            Self::Dns(_) => "dns",
            Self::Icmp(_) => "icmp",
            Self::Grpc(_) => "grpc",
            Self::Postgres(_) => "postgres",
            Self::Redis(_) => "redis",
            Self::Patroni(_) => "patroni",
            Self::Combined(_) => "combined",
            Self::Heartbeat(_) => "heartbeat",
        }
    }

    /// Whether what was learned by `self` holds for `other`: the same question. Heartbeats are the same whatever their
    /// token and their time.
    #[must_use]
    pub fn asks_the_same(&self, other: &Self) -> bool {
        matches!((self, other), (Self::Heartbeat(_), Self::Heartbeat(_))) || self == other
    }
}

/// A check that is made of others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Combined {
    /// How many of them are needed.
    pub need: Need,
    /// Their names, at least one, in the order written.
    pub parts: Vec<String>,
}

/// How many parts of a combined check are needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// `all_of`
    All,
    /// `any_of` with `at_least`; 1 or more.
    AtLeast(u32),
}

impl CheckKind {
    /// Whether it learns the endpoint's role.
    #[must_use]
    pub fn tells_role(&self) -> bool {
        matches!(self, Self::Postgres(_) | Self::Redis(_) | Self::Patroni(_))
    }
}

impl Need {
    /// How many of `parts` (one or more) are needed: 1 to all of them.
    #[must_use]
    pub fn count(self, parts: usize) -> usize {
        match self {
            Self::All => parts,
            Self::AtLeast(count) => usize::try_from(count).unwrap_or(usize::MAX).min(parts),
        }
        .max(1)
    }
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
    /// The port that is probed; 0 where there is none.
    pub port: u16,
    /// Of a combined check: the streams that it is judged by, in the order of its parts.
    pub parts: Vec<TargetId>,
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
            && self.check.way == other.check.way
            && self.check.treatment == other.check.treatment
            && self.parts == other.parts
    }

    /// Address and port as printed; the address alone where there is no port.
    #[must_use]
    pub fn place(&self) -> String {
        match self.port {
            0 => self.address.to_string(),
            port => SocketAddr::new(self.address, port).to_string(),
        }
    }

    /// Whether it is judged by other streams, and nothing is probed for it.
    #[must_use]
    pub fn is_derived(&self) -> bool {
        matches!(self.check.kind, CheckKind::Combined(_))
    }
}
