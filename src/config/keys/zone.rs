//! Keys of zone files.

use std::time::Duration;

use super::member;
use super::ttl::TTL_FORMS;
use super::{Fallback, Kind, Section, key};
use crate::config::defaults;

/// The policies of this version.
pub const POLICIES: [&str; 7] = [
    "failover", "weighted", "all", "sticky", "subnet", "geo", "fastest",
];

/// The top of a zone file.
pub static ZONE: Section = Section {
    title: "zone file",
    keys: &[
        key("origin", Kind::Name, Fallback::Required, "the zone's name"),
        key(
            "records",
            Kind::Path,
            Fallback::Nothing,
            "RFC 1035 master file with SOA, NS and all static records, within the zones directory",
        ),
        key(
            "nameservers",
            Kind::Names,
            Fallback::Words("none; required without `records`"),
            "makes the NS records of a zone without `records`",
        ),
        key(
            "hostmaster",
            Kind::Name,
            Fallback::Words("none; required without `records`"),
            "makes the SOA of a zone without `records`, with the first of `nameservers`",
        ),
        key(
            "ttl",
            Kind::Forms(TTL_FORMS),
            Fallback::Duration(defaults::TTL),
            "TTL of service answers",
        ),
        key(
            "transfer",
            Kind::Table("[transfer]"),
            Fallback::Words("that of `[zones] transfer`"),
            "who may transfer the zone",
        ),
        key(
            "access",
            Kind::Table("[access]"),
            Fallback::Words("that of `[zones] access`"),
            "who may ask the zone's names",
        ),
        key(
            "checks",
            Kind::Table("[checks.NAME]"),
            Fallback::Nothing,
            "checks by name",
        ),
        key(
            "pools",
            Kind::Table("[pools.NAME]"),
            Fallback::Nothing,
            "pools by name",
        ),
        key(
            "services",
            Kind::Table("[services.NAME]"),
            Fallback::Nothing,
            "services by owner name, relative to the origin; `\"@\"` is the origin",
        ),
    ],
    later: &[],
};

/// `[transfer]` of a zone and of `[zones]`.
pub static TRANSFER: Section = Section {
    title: "[transfer]",
    keys: &[
        key(
            "allow",
            Kind::Networks,
            Fallback::Nothing,
            "clients that need no key",
        ),
        key(
            "keys",
            Kind::Names,
            Fallback::Nothing,
            "TSIG keys of `[keys]` that suffice from anywhere",
        ),
    ],
    later: &[],
};

/// `[services.NAME]`
pub static SERVICE: Section = Section {
    title: "[services.NAME]",
    keys: &[
        key(
            "policy",
            Kind::OneOf(&POLICIES),
            Fallback::Required,
            "how one endpoint or pool is chosen",
        ),
        key(
            "check",
            Kind::Text,
            Fallback::Words("none: up until an operator says otherwise"),
            "name of a check in this file",
        ),
        key(
            "shadow_check",
            Kind::Text,
            Fallback::Nothing,
            "name of a check that is probed beside `check` and shown, not counted",
        ),
        key(
            "endpoints",
            Kind::Forms("list of endpoints, see `endpoint`"),
            Fallback::Words("none; this or `pools` is required"),
            "what is chosen from, in order of preference",
        ),
        key(
            "pools",
            Kind::Texts,
            Fallback::Words("none; this or `endpoints` is required"),
            "names of pools in this file, in order of preference",
        ),
        key(
            "max_answers",
            Kind::Integer(1, 65_535),
            Fallback::Words("all of them"),
            "addresses in an answer (policy `all`)",
        ),
        member::STICKY_PREFIX,
        member::FASTEST_MARGIN,
        member::DEGRADED_WEIGHT,
        member::DEMAND,
        key(
            "ttl",
            Kind::Forms(TTL_FORMS),
            Fallback::Words("the zone's `ttl`"),
            "TTL of its answers",
        ),
        key(
            "switch",
            Kind::OneOf(&["auto", "manual"]),
            Fallback::Text(defaults::SWITCH),
            "who decides on failure (policy `failover`)",
        ),
        key(
            "failback",
            Kind::Forms("`\"auto\"`, `\"manual\"` or `{ after = \"5m\" }`"),
            Fallback::Text(defaults::FAILBACK),
            "who decides on recovery of a preferred endpoint (policy `failover`)",
        ),
        key(
            "when_all_down",
            Kind::Forms(
                "`\"last\"`, `\"assume-up\"`, `\"none\"`, `\"servfail\"` or `{ fallback = [\"203.0.113.9\"] }`",
            ),
            Fallback::Words("`\"last\"` for `failover`, `\"assume-up\"` for the others"),
            "what is answered when nothing is healthy",
        ),
        member::EXCLUSIVE,
        member::HANDOVER,
        key(
            "families",
            Kind::OneOf(&["apart", "together"]),
            Fallback::Text(defaults::FAMILIES),
            "whether A and AAAA are judged apart",
        ),
        key(
            "on_failover",
            Kind::Table("on_failover"),
            Fallback::Nothing,
            "program that is run when the active endpoint changes, before the answer does or after (policy `failover`)",
        ),
        key(
            "recover_within",
            Kind::Duration(Duration::from_secs(1), Duration::from_secs(86_400)),
            Fallback::Nothing,
            "an objective: the configuration is refused when its promise is worse",
        ),
        key(
            "min_live",
            Kind::Integer(0, 65_535),
            Fallback::Words("that of `[safety]`"),
            "how many live endpoints a drain or force must leave to it",
        ),
        key(
            "max_removed",
            Kind::Share,
            Fallback::Words("that of `[safety]`"),
            "the largest share of its endpoints that one command may remove",
        ),
        key(
            "endpoint_names",
            Kind::Boolean,
            Fallback::Words("`false`; `true` with `srv` or `mx`"),
            "whether each endpoint has a host name `ENDPOINT.SERVICE`, which answers its addresses while they are usable",
        ),
        key(
            "srv",
            Kind::Forms("list of tables, see `srv`"),
            Fallback::Nothing,
            "SRV records that name the endpoints that are answered",
        ),
        key(
            "mx",
            Kind::Table("mx"),
            Fallback::Nothing,
            "MX records at the service's name that name the endpoints that are answered",
        ),
        key(
            "https",
            Kind::Table("https"),
            Fallback::Nothing,
            "an HTTPS record at the service's name, its hints the addresses that are answered",
        ),
        key(
            "svcb",
            Kind::Table("https"),
            Fallback::Nothing,
            "an SVCB record at the service's name, its hints the addresses that are answered",
        ),
    ],
    later: &[],
};

/// `[pools.NAME]`
pub static POOL: Section = Section {
    title: "[pools.NAME]",
    keys: &[
        key(
            "policy",
            Kind::OneOf(&POLICIES),
            Fallback::Required,
            "how one member is chosen",
        ),
        key(
            "check",
            Kind::Text,
            Fallback::Words("that of the service"),
            "name of a check in this file",
        ),
        key(
            "shadow_check",
            Kind::Text,
            Fallback::Words("that of the service"),
            "name of a check that is probed beside `check` and shown, not counted",
        ),
        key(
            "endpoints",
            Kind::Forms("list of endpoints, see `endpoint`"),
            Fallback::Words("none; this or `pools` is required"),
            "members, in order of preference",
        ),
        key(
            "pools",
            Kind::Texts,
            Fallback::Words("none; this or `endpoints` is required"),
            "names of pools in this file, in order of preference",
        ),
        key(
            "max_answers",
            Kind::Integer(1, 65_535),
            Fallback::Words("all of them"),
            "addresses in an answer (policy `all`)",
        ),
        key(
            "min_up",
            Kind::Integer(1, 65_535),
            Fallback::Integer(defaults::MIN_UP),
            "members that must be up for the pool to count as up",
        ),
        key(
            "weight",
            Kind::Integer(0, 65_535),
            Fallback::Words("its `capacity`, else `1`"),
            "its share where a `weighted` or `sticky` service or pool names it",
        ),
        key(
            "degraded_below",
            Kind::Integer(1, 65_535),
            Fallback::Words("never"),
            "with fewer members up, the pool is degraded: preferred less, before it is down",
        ),
        member::STICKY_PREFIX,
        member::FASTEST_MARGIN,
        member::DEGRADED_WEIGHT,
        member::DEMAND,
        member::CAPACITY,
        member::NETWORKS,
        member::REGIONS,
        member::LOCATION,
    ],
    later: &[],
};

/// An element of `endpoints`.
pub static ENDPOINT: Section = Section {
    title: "endpoint",
    keys: &[
        key(
            "name",
            Kind::Text,
            Fallback::Required,
            "the operator's name for it, unique within its service",
        ),
        key(
            "address",
            Kind::Addresses,
            Fallback::Words("none; this, `alias` or `cname` is required"),
            "what is answered; each address is probed on its own",
        ),
        key(
            "alias",
            Kind::Name,
            Fallback::Nothing,
            "a name elsewhere: the server resolves it and answers its addresses, each probed on its own",
        ),
        key(
            "cname",
            Kind::Name,
            Fallback::Nothing,
            "a name that is answered by CNAME when the endpoint is chosen",
        ),
        key(
            "weight",
            Kind::Integer(0, 65_535),
            Fallback::Words("its `capacity`, else `1`"),
            "its share (policies `weighted` and `sticky`); 0 only when all others are down",
        ),
        member::CAPACITY,
        member::NETWORKS,
        member::REGIONS,
        member::LOCATION,
        key(
            "check",
            Kind::Text,
            Fallback::Words("that of the pool, then of the service"),
            "name of a check in this file",
        ),
        key(
            "shadow_check",
            Kind::Text,
            Fallback::Words("that of the pool, then of the service"),
            "name of a check that is probed beside `check` and shown, not counted",
        ),
        key(
            "port",
            Kind::Integer(1, 65_535),
            Fallback::Words("that of the check"),
            "port that is probed",
        ),
        key(
            "probe_address",
            Kind::Addresses,
            Fallback::Words("`address`"),
            "what is probed instead of what is answered: one for each address, in the same order",
        ),
    ],
    later: &[],
};

/// The table form of `sticky_prefix`.
pub static STICKY_PREFIX: Section = Section {
    title: "sticky_prefix",
    keys: &[
        key(
            "v4",
            Kind::Integer(1, 32),
            Fallback::Integer(defaults::STICKY_V4),
            "bits of IPv4",
        ),
        key(
            "v6",
            Kind::Integer(1, 128),
            Fallback::Integer(defaults::STICKY_V6),
            "bits of IPv6",
        ),
    ],
    later: &[],
};
