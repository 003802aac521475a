//! The whole checked configuration, immutable.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::model::abuse::{CookieSettings, RateSettings};
use crate::model::access::ApiAccess;
use crate::model::check::{Check, Target};
use crate::model::drill::DrillSettings;
use crate::model::encrypted::Encrypted;
use crate::model::force::{FileOverride, SafetySettings};
use crate::model::hook::Hook;
use crate::model::id::{ServiceId, ZoneId};
use crate::model::place::Atlas;
use crate::model::service::{Endpoint, Service};
use crate::wire::name::Name;

/// Everything the operator described, checked and numbered.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Settings of this node.
    pub node: NodeSettings,
    /// By [`ZoneId`].
    pub zones: Vec<ZonePlan>,
    /// By [`ServiceId`].
    pub services: Vec<Service>,
    /// By `EndpointId`.
    pub endpoints: Vec<Endpoint>,
    /// By `CheckId`.
    pub checks: Vec<Arc<Check>>,
    /// By `TargetId`.
    pub targets: Vec<Target>,
    /// `overrides.toml`, in the order written.
    pub overrides: Vec<FileOverride>,
    /// How many `GroupId`s there are.
    pub groups: usize,
}

impl Plan {
    /// The service named `name` (absolute or without the final dot, any case).
    #[must_use]
    pub fn service_named(&self, name: &str) -> Option<&Service> {
        let wanted = name.trim_end_matches('.').to_ascii_lowercase();
        self.services
            .iter()
            .find(|service| service.display_name().to_ascii_lowercase() == wanted)
    }
}

/// One zone.
#[derive(Clone, Debug)]
pub struct ZonePlan {
    /// Its number in the plan.
    pub id: ZoneId,
    /// Its origin.
    pub origin: Name,
    /// The file that describes it.
    pub source: Arc<Path>,
    /// Its services.
    pub services: Vec<ServiceId>,
    /// Who may transfer it.
    pub transfer: TransferRules,
    /// Who may ask.
    pub access: AccessRules,
    /// A zone whose files have mistakes is known but not served: SERVFAIL below its origin,
    /// so that an enclosing zone never answers for it.
    pub refused: bool,
}

/// Who may ask a zone's names: whoever is not within `deny`, and within `allow` where that says anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessRules {
    /// Networks that may; empty: all.
    pub allow: Vec<Prefix>,
    /// Networks that may not, whatever `allow` says.
    pub deny: Vec<Prefix>,
}

impl AccessRules {
    /// Whether everybody may.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.allow.is_empty() && self.deny.is_empty()
    }

    /// Whether a client at `address` may.
    #[must_use]
    pub fn permit(&self, address: IpAddr) -> bool {
        let within = |networks: &[Prefix]| networks.iter().any(|network| network.contains(address));
        !within(&self.deny) && (self.allow.is_empty() || within(&self.allow))
    }
}

/// What expensive work may be asked for (`[dns.transfers]`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuotaSettings {
    /// Transfers under way at once, at the most.
    pub transfers: usize,
    /// The same for one client (IPv4 address, IPv6 /64).
    pub transfers_per_client: usize,
    /// Signatures of one client that are verified in a second, at the most.
    pub signatures: u32,
}

impl Default for QuotaSettings {
    fn default() -> Self {
        Self {
            transfers: 16,
            transfers_per_client: 4,
            signatures: 200,
        }
    }
}

/// Who may transfer a zone: a client within `allow`, or one that signs with one of `keys`.
/// Both empty: nobody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TransferRules {
    /// Networks that need no key.
    pub allow: Vec<Prefix>,
    /// Names of TSIG keys.
    pub keys: Vec<Name>,
}

/// A network: address and prefix length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Prefix {
    /// Any address within; bits past `length` are zero.
    pub address: IpAddr,
    /// 0..=32 or 0..=128.
    pub length: u8,
}

impl Prefix {
    /// Whether `address` lies within; IPv4-mapped IPv6 addresses count as IPv4.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        fn same(a: u128, b: u128, width: u32, length: u8) -> bool {
            let keep = u32::from(length).min(width);
            keep == 0 || (a ^ b) >> (width - keep) == 0
        }
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(a), IpAddr::V4(b)) => same(u32::from(a).into(), u32::from(b).into(), 32, self.length),
            (IpAddr::V6(a), IpAddr::V6(b)) => same(a.into(), b.into(), 128, self.length),
            _ => false,
        }
    }
}

/// A shared secret for TSIG (RFC 8945).
#[derive(Clone, PartialEq, Eq)]
pub struct TsigKey {
    /// The key's name.
    pub name: Name,
    /// Its algorithm.
    pub algorithm: TsigAlgorithm,
    /// The secret, decoded.
    pub secret: Vec<u8>,
}

impl std::fmt::Debug for TsigKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TsigKey")
            .field("name", &self.name)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

/// TSIG algorithms served (RFC 8945 section 6, the recommended ones).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TsigAlgorithm {
    /// `hmac-sha256`
    HmacSha256,
    /// `hmac-sha384`
    HmacSha384,
    /// `hmac-sha512`
    HmacSha512,
}

/// Settings of this node.
#[derive(Clone, Debug)]
pub struct NodeSettings {
    /// `node`: in NSID, logs and events.
    pub name: String,
    /// `[dns] listen`: UDP and TCP.
    pub listen: Vec<SocketAddr>,
    /// `[dns] workers`: UDP threads per address; 0 = one per core.
    pub workers: usize,
    /// `[dns] affinity`: whether each UDP thread stays on a core of its own.
    pub affinity: bool,
    /// `[dns] xdp`: interfaces whose queries are taken past the kernel.
    pub xdp: Vec<String>,
    /// `[dns] startup_wait`.
    pub startup_wait: Duration,
    /// `[dns] version`: what `version.bind` answers; `None`: REFUSED.
    pub version: Option<String>,
    /// `[dns] identity`: what `id.server` answers; `None`: REFUSED.
    pub identity: Option<String>,
    /// `[dns] udp_payload`: EDNS payload limit, 512..=4096.
    pub udp_payload: u16,
    /// `[dns.tcp]`.
    pub tcp: TcpSettings,
    /// `[dns.cookies]`.
    pub cookies: CookieSettings,
    /// `[dns.rate_limit]`; `None`: nobody is limited.
    pub rate_limit: Option<RateSettings>,
    /// `[dns.tls]`, `[dns.quic]`, `[dns.https]`, `[dns.encrypted]`.
    pub encrypted: Encrypted,
    /// `[probes] concurrency`: probes under way at once, at the most.
    pub probe_concurrency: usize,
    /// `[probes] exec_concurrency`: programs that run at once, at the most.
    pub exec_concurrency: usize,
    /// `[zones] directory`, resolved.
    pub zones_directory: PathBuf,
    /// `[zones] watch`.
    pub watch: bool,
    /// `[state] directory`, resolved.
    pub state_directory: PathBuf,
    /// `[state] record`, resolved: where every probe is written down; `None`: nowhere.
    pub record: Option<PathBuf>,
    /// `[state] record_limit`, in octets: a larger recording begins anew, and the one before is kept.
    pub record_limit: u64,
    /// `[api] listen`; `None`: no API.
    pub api: Option<SocketAddr>,
    /// Who may use it.
    pub access: ApiAccess,
    /// `[metrics] endpoints`: whether each endpoint has series of its own.
    pub endpoint_metrics: bool,
    /// `[resolver] nameservers`; none: those of the system.
    pub resolvers: Vec<SocketAddr>,
    /// `[isolation]`.
    pub isolation: IsolationSettings,
    /// `[safety]`.
    pub safety: SafetySettings,
    /// `[drill]`.
    pub drill: DrillSettings,
    /// `[keys]`.
    pub keys: Vec<TsigKey>,
    /// `[history]`.
    pub history: HistorySettings,
    /// `[[notify]]`.
    pub hooks: Vec<Hook>,
    /// Resolvers whose word on their clients' networks is taken (RFC 7871).
    pub trust_ecs: Vec<Prefix>,
    /// Where clients are.
    pub geo: Option<GeoDatabase>,
    /// `[dns.transfers]`.
    pub quotas: QuotaSettings,
}

/// A database of where addresses are.
#[derive(Clone, Debug)]
pub struct GeoDatabase {
    /// The file it was read from.
    pub path: PathBuf,
    /// What it says.
    pub atlas: Arc<dyn Atlas>,
}

impl PartialEq for GeoDatabase {
    fn eq(&self, other: &Self) -> bool {
        self.path == other.path && Arc::ptr_eq(&self.atlas, &other.atlas)
    }
}

/// `[dns.tcp]`: RFC 7766 section 6.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpSettings {
    /// Connections in all.
    pub connections: usize,
    /// Connections of one client address (IPv4 /32, IPv6 /64).
    pub per_client: usize,
    /// Connections of one network (IPv4 /24, IPv6 /48).
    pub per_prefix: usize,
    /// New connections of one network per second; 0: as many as come.
    pub new_per_prefix: u32,
    /// Queries of one connection; 0: as many as come.
    pub queries: u64,
    /// Idle time before a connection is closed.
    pub idle: Duration,
    /// Lifetime of a connection.
    pub total: Duration,
    /// Time for a begun message to arrive whole, or for an answer to be taken.
    pub message: Duration,
}

/// `[history]`: how much of what happened is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HistorySettings {
    /// Entries older than this go.
    pub keep: Duration,
    /// The oldest go while the state file uses more octets than this.
    pub octets: u64,
}

/// `[isolation]`: is it them, or is it us?
#[derive(Clone, Debug, Default, PartialEq)]
pub struct IsolationSettings {
    /// Reachable by TCP whenever this node is well connected.
    pub references: Vec<SocketAddr>,
    /// Share of the endpoints of one check (with ten or more) that may go down per minute, in (0, 1].
    pub max_down_per_minute: Option<f64>,
}
