//! Services: a name, its endpoints, and how one is chosen.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::alias::Alias;
use crate::model::facets::Facets;
use crate::model::force::OwnSafety;
use crate::model::id::{EndpointId, GroupId, ServiceId, TargetId, ZoneId};
use crate::model::on_failover::OnFailover;
use crate::model::place::{Point, Region};
use crate::model::plan::Prefix;
use crate::model::time::Ttl;
use crate::wire::name::Name;

/// A service as described by the operator, checked, with everything defaulted.
#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    /// Its number in the plan.
    pub id: ServiceId,
    /// The zone it stands in.
    pub zone: ZoneId,
    /// As written in the zone file: `www`, `@`.
    pub label: String,
    /// The absolute owner name.
    pub owner: Name,
    /// The service's own group: policy and members; pools are nested groups.
    pub group: Group,
    /// TTL of its answers.
    pub ttl: TtlRule,
    /// Who decides on failure.
    pub switch: Switch,
    /// Who decides on recovery.
    pub failback: Failback,
    /// What is answered when nothing is healthy.
    pub when_all_down: WhenAllDown,
    /// Whether A and AAAA are judged together.
    pub families: Families,
    /// What one command may take away, where it differs from `[safety]`.
    pub safety: OwnSafety,
    /// An objective: the promise must not be worse.
    pub recover_within: Option<Duration>,
    /// What it answers besides addresses.
    pub facets: Facets,
    /// What is run when the active endpoint changes, under `failover`.
    pub on_failover: Option<OnFailover>,
    /// At most one endpoint is ever named; `None`: as the policy says.
    pub exclusive: Option<Handover>,
}

impl Service {
    /// What operators call it: `www.example.test` without the final dot.
    #[must_use]
    pub fn display_name(&self) -> String {
        self.owner.to_string().trim_end_matches('.').to_owned()
    }
}

/// Members under one policy.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Its number in the plan.
    pub id: GroupId,
    /// The pool's name; `None` for a service's own group.
    pub pool: Option<String>,
    /// How members are chosen.
    pub policy: Policy,
    /// In the order written.
    pub members: Vec<Member>,
    /// How many members must be up for the group to count as up; 1 or more.
    pub min_up: u32,
    /// How it counts and loads members that are not quite well.
    pub spread: Spread,
}

/// How a group counts and loads members that are not quite well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spread {
    /// With fewer members up than this, not counting degraded ones, the group is degraded itself; 0: never.
    pub degraded_below: u32,
    /// Which part of its weight a degraded member keeps under `weighted`, in thousandths.
    pub degraded_weight: u32,
    /// The load that members with a capacity share under `weighted`, in the same unit; `None`: the sum of weights.
    pub demand: Option<u32>,
}

impl Default for Spread {
    fn default() -> Self {
        Self {
            degraded_below: 0,
            degraded_weight: 500,
            demand: None,
        }
    }
}

/// A member of a group.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// Its share under `weighted` and `sticky`; 0 is used only when every other member is down.
    pub weight: u32,
    /// The most that it can serve, in any unit, under `weighted`; a pool that does not say can what its members can.
    pub capacity: Option<u32>,
    /// Whom it is for, under `subnet` and `geo`.
    pub serves: Serves,
    /// What it is.
    pub kind: MemberKind,
}

/// Whom a member is for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Serves {
    /// Clients in these networks (`subnet`).
    pub networks: Vec<Prefix>,
    /// Clients in these regions (`geo`).
    pub regions: Vec<Region>,
    /// Clients that are nearer to here than to any other member (`geo`).
    pub point: Option<Point>,
}

/// What a member is.
#[derive(Clone, Debug, PartialEq)]
pub enum MemberKind {
    /// An endpoint.
    Endpoint(EndpointId),
    /// A pool, as this service uses it.
    Pool(Group),
}

/// How members are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// The first healthy member in the order written.
    Failover,
    /// One healthy member by weight.
    Weighted,
    /// Every healthy member's addresses, rotated; at most `max_answers` of them.
    All {
        /// Addresses in an answer, 1 or more; `None`: as many as there are.
        max_answers: Option<u16>,
    },
    /// One healthy member by hash of the client's prefix: always the same while that one is up.
    Sticky(StickyPrefix),
    /// The healthy member with the longest network that holds the client.
    Subnet,
    /// The healthy member for the client's region, else the nearest.
    Geo,
    /// The healthy member whose probes are answered soonest.
    Fastest {
        /// By how much another must be faster to take its place, in hundredths: 0..=99.
        margin: u8,
    },
}

/// How much of an address stands for a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StickyPrefix {
    /// Bits of IPv4, 1..=32.
    pub v4: u8,
    /// Bits of IPv6, 1..=128.
    pub v6: u8,
}

impl Policy {
    /// As written in a zone file.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Failover => "failover",
            Self::Weighted => "weighted",
            Self::All { .. } => "all",
            Self::Sticky(_) => "sticky",
            Self::Subnet => "subnet",
            Self::Geo => "geo",
            Self::Fastest { .. } => "fastest",
        }
    }

    /// Whether it spreads clients over members, degraded ones included, rather than choosing one for all of them.
    #[must_use]
    pub fn spreads(self) -> bool {
        !matches!(self, Self::Failover)
    }
}

/// An endpoint as one service uses it.
#[derive(Clone, Debug, PartialEq)]
pub struct Endpoint {
    /// Its number in the plan.
    pub id: EndpointId,
    /// The service that uses it.
    pub service: ServiceId,
    /// The operator's name for it, unique within its service.
    pub name: String,
    /// Its addresses, at least one, in the order written; of an alias those that it was resolved to, perhaps none yet.
    pub addresses: Vec<EndpointAddress>,
    /// Its name elsewhere; `None`: its addresses are written.
    pub alias: Option<Alias>,
    /// The name that is answered in its place, its addresses being stand-ins for it (see [`cname`](crate::model::cname)).
    pub cname: Option<Name>,
}

/// One address of an endpoint, judged on its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndpointAddress {
    /// What is answered.
    pub address: IpAddr,
    /// What is probed; `None` without a check: up until an operator says otherwise.
    pub target: Option<TargetId>,
    /// What is probed besides and shown, but counts for nothing.
    pub shadow: Option<TargetId>,
}

/// TTL of a service's answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TtlRule {
    /// Always this.
    Fixed(Ttl),
    /// `max` while nothing is in doubt, `min` from the first failed probe until settled.
    Stable {
        /// While nothing is in doubt.
        max: Ttl,
        /// From the first failed probe until settled.
        min: Ttl,
    },
    /// Never past the earliest possible flip, within `min..=max`.
    Strict {
        /// At the most.
        max: Ttl,
        /// At the least.
        min: Ttl,
    },
}

/// Who decides on failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switch {
    /// The server.
    Auto,
    /// The operator; the server alarms and proposes.
    Manual,
}

/// Who decides on recovery of a preferred member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failback {
    /// The server, at once.
    Auto,
    /// The operator.
    Manual,
    /// The server, when the preferred member has been up for this long.
    After(Duration),
}

/// When the next writer of an exclusive service may be named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handover {
    /// When no compliant cache can hold the old answer.
    Safe,
    /// Sooner, when the old one has said that it is a standby now.
    Fast,
}

impl Handover {
    /// As written in a zone file.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Safe => "safe",
            Self::Fast => "fast",
        }
    }
}

/// What is answered when nothing is healthy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WhenAllDown {
    /// The last answer; before there was one, as `AssumeUp`.
    Last,
    /// As if every endpoint were up.
    AssumeUp,
    /// NODATA.
    None,
    /// SERVFAIL.
    Servfail,
    /// These addresses.
    Fallback(Vec<IpAddr>),
}

/// How address families are judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Families {
    /// A and AAAA apart.
    Apart,
    /// An endpoint is healthy only when all its addresses of both families are.
    Together,
}

/// As operators say it.
impl std::fmt::Display for TtlRule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Fixed(ttl) => write!(f, "{}s", ttl.secs()),
            Self::Stable { max, min } => write!(f, "stable {}s, in doubt {}s", max.secs(), min.secs()),
            Self::Strict { max, min } => write!(f, "strict {}s to {}s", min.secs(), max.secs()),
        }
    }
}

/// As written in a zone file.
impl std::fmt::Display for WhenAllDown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Last => f.write_str("last (keep the last answer)"),
            Self::AssumeUp => f.write_str("assume-up (answer as if every endpoint were up)"),
            Self::None => f.write_str("none (NODATA)"),
            Self::Servfail => f.write_str("servfail"),
            Self::Fallback(addresses) => {
                let list: Vec<String> = addresses.iter().map(ToString::to_string).collect();
                write!(f, "fallback ({})", list.join(", "))
            }
        }
    }
}
