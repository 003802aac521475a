//! Keys of the server file.

use std::time::Duration;

use super::{Fallback, Kind, Section, key};
use crate::config::defaults;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);

/// The top of `pointsman.toml`.
pub static SERVER: Section = Section {
    title: "pointsman.toml",
    keys: &[
        key(
            "node",
            Kind::Text,
            Fallback::Words("the host's name"),
            "this node in NSID, logs and events",
        ),
        key("dns", Kind::Table("[dns]"), Fallback::Nothing, "the DNS server"),
        key(
            "zones",
            Kind::Table("[zones]"),
            Fallback::Nothing,
            "where zones are",
        ),
        key(
            "state",
            Kind::Table("[state]"),
            Fallback::Nothing,
            "what survives restarts",
        ),
        key(
            "process",
            Kind::Table("[process]"),
            Fallback::Nothing,
            "who the server is to the system, and what it may do",
        ),
        key("api", Kind::Table("[api]"), Fallback::Nothing, "the local API"),
        key(
            "metrics",
            Kind::Table("[metrics]"),
            Fallback::Nothing,
            "what `/metrics` shows",
        ),
        key(
            "defaults",
            Kind::Table("[defaults.check]"),
            Fallback::Nothing,
            "what checks do not say themselves",
        ),
        key(
            "probes",
            Kind::Table("[probes]"),
            Fallback::Nothing,
            "limits of probing",
        ),
        key(
            "resolver",
            Kind::Table("[resolver]"),
            Fallback::Nothing,
            "who resolves names of endpoints",
        ),
        key(
            "isolation",
            Kind::Table("[isolation]"),
            Fallback::Nothing,
            "is it them, or is it us",
        ),
        key(
            "safety",
            Kind::Table("[safety]"),
            Fallback::Nothing,
            "how much one command may take away",
        ),
        key(
            "overrides",
            Kind::Table("[overrides]"),
            Fallback::Nothing,
            "overrides in a file",
        ),
        key(
            "drill",
            Kind::Table("[drill]"),
            Fallback::Nothing,
            "when failovers are rehearsed by themselves",
        ),
        key(
            "keys",
            Kind::Table("[keys.NAME]"),
            Fallback::Nothing,
            "TSIG keys by name",
        ),
        key(
            "history",
            Kind::Table("[history]"),
            Fallback::Nothing,
            "how much of what happened is kept",
        ),
        key(
            "notify",
            Kind::Table("[[notify]]"),
            Fallback::Words("nobody"),
            "whom to tell of events",
        ),
        key(
            "geo",
            Kind::Table("[geo]"),
            Fallback::Nothing,
            "where clients are",
        ),
    ],
    later: &[("cluster", "run each node on its own")],
};

/// `[dns]`
pub static DNS: Section = Section {
    title: "[dns]",
    keys: &[
        key(
            "listen",
            Kind::Sockets,
            Fallback::Text(defaults::LISTEN),
            "UDP and TCP addresses to answer on",
        ),
        key(
            "workers",
            Kind::Integer(0, 1024),
            Fallback::Integer(defaults::WORKERS),
            "UDP threads per address; 0 is one per core",
        ),
        key(
            "affinity",
            Kind::Boolean,
            Fallback::Boolean(defaults::AFFINITY),
            "whether each UDP thread stays on a core of its own, one after the other of those it may use",
        ),
        key(
            "xdp",
            Kind::Texts,
            Fallback::Words("nowhere"),
            "interfaces whose UDP queries are taken past the kernel (AF_XDP)",
        ),
        key(
            "startup_wait",
            Kind::Duration(Duration::ZERO, MINUTE),
            Fallback::Duration(defaults::STARTUP_WAIT),
            "how long the first answers wait for the first verdicts",
        ),
        key(
            "version",
            Kind::TextOrFalse,
            Fallback::Text(defaults::VERSION),
            "what `version.bind` and `version.server` answer in class CH; `false` refuses",
        ),
        key(
            "identity",
            Kind::TextOrFalse,
            Fallback::Words("`node`"),
            "what `id.server` and `hostname.bind` answer in class CH; `false` refuses",
        ),
        key(
            "udp_payload",
            Kind::Integer(512, 4096),
            Fallback::Integer(defaults::UDP_PAYLOAD),
            "octets of the largest UDP answer",
        ),
        key(
            "trust_ecs",
            Kind::Networks,
            Fallback::Words("nobody"),
            "resolvers that are believed when they tell their clients' networks (EDNS Client Subnet, RFC 7871)",
        ),
        key(
            "tcp",
            Kind::Table("[dns.tcp]"),
            Fallback::Nothing,
            "limits of TCP",
        ),
        super::access::TRANSFERS,
        key(
            "cookies",
            Kind::Table("[dns.cookies]"),
            Fallback::Nothing,
            "DNS cookies",
        ),
        key(
            "rate_limit",
            Kind::Table("[dns.rate_limit]"),
            Fallback::Nothing,
            "how often one network is answered over UDP",
        ),
        key(
            "tls",
            Kind::Table("[dns.tls]"),
            Fallback::Nothing,
            "DNS over TLS (RFC 7858)",
        ),
        key(
            "quic",
            Kind::Table("[dns.quic]"),
            Fallback::Nothing,
            "DNS over QUIC (RFC 9250)",
        ),
        key(
            "https",
            Kind::Table("[dns.https]"),
            Fallback::Nothing,
            "DNS over HTTPS (RFC 8484)",
        ),
        key(
            "encrypted",
            Kind::Table("[dns.encrypted]"),
            Fallback::Nothing,
            "limits of these three",
        ),
    ],
    later: &[],
};

/// `[dns.tcp]`
pub static DNS_TCP: Section = Section {
    title: "[dns.tcp]",
    keys: &[
        key(
            "connections",
            Kind::Integer(1, 1_000_000),
            Fallback::Integer(defaults::TCP_CONNECTIONS),
            "connections in all; one more closes the oldest idle one",
        ),
        key(
            "per_client",
            Kind::Integer(1, 1_000_000),
            Fallback::Integer(defaults::TCP_PER_CLIENT),
            "connections of one client (IPv4 address, IPv6 /64)",
        ),
        key(
            "per_prefix",
            Kind::Integer(1, 1_000_000),
            Fallback::Integer(defaults::TCP_PER_PREFIX),
            "connections of one network (IPv4 /24, IPv6 /48); one more closes its oldest idle one",
        ),
        key(
            "new_per_prefix",
            Kind::Integer(1, 1_000_000),
            Fallback::Words("no limit"),
            "new connections of one network per second; a second's worth may come at once, more are closed unread",
        ),
        key(
            "queries",
            Kind::Integer(1, 1_000_000_000),
            Fallback::Words("no limit"),
            "queries after which a connection is closed",
        ),
        key(
            "idle",
            Kind::Duration(Duration::from_millis(100), Duration::from_secs(3600)),
            Fallback::Duration(defaults::TCP_IDLE),
            "silence after which a connection is closed; less when more than half of `connections` are open",
        ),
        key(
            "total",
            Kind::Duration(SECOND, DAY),
            Fallback::Duration(defaults::TCP_TOTAL),
            "lifetime of a connection",
        ),
        key(
            "message",
            Kind::Duration(Duration::from_millis(100), Duration::from_secs(30)),
            Fallback::Duration(defaults::TCP_MESSAGE),
            "time for a begun message to arrive whole, or for an answer to be taken",
        ),
    ],
    later: &[],
};

/// `[zones]`
pub static ZONES: Section = Section {
    title: "[zones]",
    keys: &[
        key(
            "directory",
            Kind::Path,
            Fallback::Text(defaults::ZONES_DIRECTORY),
            "every `*.toml` in it is a zone; a `NAME.zone` that no `*.toml` claims is a static zone with origin NAME",
        ),
        key(
            "watch",
            Kind::Boolean,
            Fallback::Boolean(defaults::WATCH),
            "reload when a file changes",
        ),
        key(
            "transfer",
            Kind::Table("[transfer]"),
            Fallback::Words("nobody"),
            "who may transfer a zone that does not say itself",
        ),
        super::access::DEFAULT,
    ],
    later: &[],
};

/// `[state]`
pub static STATE: Section = Section {
    title: "[state]",
    keys: &[
        key(
            "directory",
            Kind::Path,
            Fallback::Text(defaults::STATE_DIRECTORY),
            "overrides, active endpoints, history",
        ),
        key(
            "record",
            Kind::Path,
            Fallback::Words("nothing is recorded"),
            "file in which every probe is written down, for `pointsman replay`; relative to this file",
        ),
        key(
            "record_limit",
            Kind::Integer(1, 1_000_000),
            Fallback::Integer(defaults::RECORD_LIMIT),
            "MiB of a recording; at this size it becomes NAME.1 and another one is begun",
        ),
    ],
    later: &[],
};

/// `[defaults]`
pub static DEFAULTS: Section = Section {
    title: "[defaults]",
    keys: &[key(
        "check",
        Kind::Table("[defaults.check]"),
        Fallback::Nothing,
        "what checks do not say themselves",
    )],
    later: &[],
};

/// The keys that judge a check's results, with the range of each: the same in `[defaults.check]` and `[checks.NAME]`.
macro_rules! rules {
    ($interval:expr, $fast:expr, $timeout:expr, $fall:expr, $rise:expr, $false_alarm:expr, $min_down:expr, $damping:expr; $($more:expr),*) => {
        &[
            $($more,)*
            key("interval", Kind::Duration(Duration::from_millis(100), Duration::from_secs(86_400)), $interval, "between the starts of two probes, at the most (jitter takes up to 10 % off)"),
            key("fast_interval", Kind::Duration(Duration::from_millis(50), Duration::from_secs(86_400)), $fast, "between probes while a state is in doubt; never above `interval`"),
            key("timeout", Kind::Duration(Duration::from_millis(10), Duration::from_secs(60)), $timeout, "a probe that takes longer is a failure"),
            key("fall", Kind::Integer(1, 100), $fall, "failures in a row before a target is down, at least"),
            key("rise", Kind::Integer(1, 100), $rise, "successes in a row before it is up again"),
            key("false_alarm", Kind::Between(0.0, 1.0), $false_alarm, "chance that random loss alone suffices for a verdict of down; a lossy path needs more than `fall` failures"),
            key("min_down", Kind::Duration(Duration::ZERO, Duration::from_secs(86_400)), $min_down, "how long down lasts at least"),
            key("damping", Kind::Boolean, $damping, "whether a target that flaps is held down for longer and longer"),
        ]
    };
}
pub(super) use rules;

/// `[defaults.check]`
pub static DEFAULTS_CHECK: Section = Section {
    title: "[defaults.check]",
    keys: rules!(
        Fallback::Duration(defaults::INTERVAL),
        Fallback::Duration(defaults::FAST_INTERVAL),
        Fallback::Duration(defaults::TIMEOUT),
        Fallback::Integer(defaults::FALL),
        Fallback::Integer(defaults::RISE),
        Fallback::Number(defaults::FALSE_ALARM),
        Fallback::Duration(defaults::MIN_DOWN),
        Fallback::Boolean(defaults::DAMPING);
    ),
    later: &[],
};

/// `[probes]`
pub static PROBES: Section = Section {
    title: "[probes]",
    keys: &[
        key(
            "concurrency",
            Kind::Integer(1, 65_535),
            Fallback::Integer(defaults::PROBE_CONCURRENCY),
            "probes under way at once, at the most",
        ),
        key(
            "exec_concurrency",
            Kind::Integer(1, 1024),
            Fallback::Integer(defaults::EXEC_CONCURRENCY),
            "programs of checks of type `exec` that run at once, at the most",
        ),
    ],
    later: &[],
};
