//! Keys that services and pools share, those of their members, and those of who is the writer.

use crate::config::defaults;

use super::{Fallback, Key, Kind, key};

/// What weights, capacities and demands are at the most.
const MOST: i64 = 1_000_000;

pub(super) const STICKY_PREFIX: Key = key(
    "sticky_prefix",
    Kind::Forms("`{ v4 = 24, v6 = 56 }`, bits"),
    Fallback::Words("`{ v4 = 24, v6 = 56 }`"),
    "how much of an address stands for a client (policy `sticky`)",
);
pub(super) const FASTEST_MARGIN: Key = key(
    "fastest_margin",
    Kind::Share,
    Fallback::Words("`\"20%\"`"),
    "by how much another must answer probes faster to take over, and by 5 ms (policy `fastest`)",
);
pub(super) const DEGRADED_WEIGHT: Key = key(
    "degraded_weight",
    Kind::Share,
    Fallback::Words("`\"50%\"`"),
    "which part of its weight a degraded member keeps (policy `weighted`)",
);
pub(super) const DEMAND: Key = key(
    "demand",
    Kind::Integer(1, MOST),
    Fallback::Words("the sum of weights"),
    "the load that members with a `capacity` share, in the same unit (policy `weighted`)",
);
pub(super) const CAPACITY: Key = key(
    "capacity",
    Kind::Integer(1, MOST),
    Fallback::Nothing,
    "the most it can serve, in any unit (policy `weighted`); its `weight` unless one is written",
);
pub(super) const NETWORKS: Key = key(
    "networks",
    Kind::Networks,
    Fallback::Words("none: for clients in nobody's networks"),
    "clients that it is for (policy `subnet`)",
);
pub(super) const REGIONS: Key = key(
    "regions",
    Kind::Texts,
    Fallback::Nothing,
    "clients that it is for (policy `geo`): continents `EU`, countries `DE`, subdivisions `US-NY`",
);
pub(super) const LOCATION: Key = key(
    "location",
    Kind::Forms("`[LATITUDE, LONGITUDE]` or `{ lat = 50.1, lon = 8.7 }`, degrees"),
    Fallback::Nothing,
    "where it is: for clients of nobody's regions that are nearest (policy `geo`)",
);
pub(super) const EXCLUSIVE: Key = key(
    "exclusive",
    Kind::Boolean,
    Fallback::Boolean(defaults::EXCLUSIVE),
    "whether at most one endpoint is ever named: the one that claims to be the primary",
);
pub(super) const HANDOVER: Key = key(
    "handover",
    Kind::OneOf(&["safe", "fast"]),
    Fallback::Text(defaults::HANDOVER),
    "when the next writer is named: once caches have let go of the old one, or once that has said it is a standby",
);
