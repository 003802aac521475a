//! Keys of zone files.

use std::time::Duration;

use super::{Fallback, Kind, Section, key};
use crate::config::defaults;

/// The policies of this version.
pub const POLICIES: [&str; 3] = ["failover", "weighted", "all"];
/// Policies of the contract that this version does not have.
pub const LATER_POLICIES: [&str; 4] = ["geo", "subnet", "sticky", "fastest"];
const TTL_FORMS: &str = "duration in whole seconds (fixed), or `{ mode = \"fixed\" | \"stable\" | \"strict\", max = \"10s\", min = \"2s\" }`";

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
        key(
            "families",
            Kind::OneOf(&["apart", "together"]),
            Fallback::Text(defaults::FAMILIES),
            "whether A and AAAA are judged apart",
        ),
        key(
            "recover_within",
            Kind::Duration(Duration::from_secs(1), Duration::from_secs(86_400)),
            Fallback::Nothing,
            "an objective: the configuration is refused when its promise is worse",
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
    later: &[(
        "exclusive",
        "remove it; a service of this version may be answered by several nodes",
    )],
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
            Fallback::Integer(defaults::WEIGHT),
            "its share where a `weighted` service or pool names it",
        ),
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
            Fallback::Required,
            "what is answered; each address is probed on its own",
        ),
        key(
            "weight",
            Kind::Integer(0, 65_535),
            Fallback::Integer(defaults::WEIGHT),
            "its share (policy `weighted`); 0 only when all others are down",
        ),
        key(
            "check",
            Kind::Text,
            Fallback::Words("that of the pool, then of the service"),
            "name of a check in this file",
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
    later: &[
        ("cname", "use `address`"),
        ("alias", "use `address`"),
        ("regions", "remove it; policy `geo` is not supported either"),
        ("networks", "remove it; policy `subnet` is not supported either"),
    ],
};

/// The table form of `ttl`.
pub static TTL: Section = Section {
    title: "ttl",
    keys: &[
        key(
            "mode",
            Kind::OneOf(&["fixed", "stable", "strict"]),
            Fallback::Required,
            "how it follows the state",
        ),
        key(
            "max",
            Kind::Forms("duration in whole seconds"),
            Fallback::Duration(defaults::TTL),
            "while nothing is in doubt",
        ),
        key(
            "min",
            Kind::Forms("duration in whole seconds"),
            Fallback::Words("`\"2s\"` for `stable`, `\"1s\"` for `strict`, never above `max`"),
            "while a state is in doubt",
        ),
    ],
    later: &[],
};
