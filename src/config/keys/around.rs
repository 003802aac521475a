//! Keys of the server file about what is around the node: resolvers, references, where clients are.

use super::{Fallback, Kind, Section, key};

/// `[resolver]`
pub static RESOLVER: Section = Section {
    title: "[resolver]",
    keys: &[key(
        "nameservers",
        Kind::Sockets,
        Fallback::Words("those of the system (`/etc/resolv.conf`)"),
        "recursive servers that resolve the `alias` of endpoints",
    )],
    later: &[],
};

/// `[isolation]`
pub static ISOLATION: Section = Section {
    title: "[isolation]",
    keys: &[
        key(
            "references",
            Kind::Sockets,
            Fallback::Nothing,
            "reachable by TCP whenever this node is well connected (gateway, peers)",
        ),
        key(
            "max_down_per_minute",
            Kind::Share,
            Fallback::Nothing,
            "of the endpoints of one check with ten or more, how many may go down per minute; the rest wait and are reported",
        ),
    ],
    later: &[],
};

/// `[geo]`
pub static GEO: Section = Section {
    title: "[geo]",
    keys: &[key(
        "database",
        Kind::Path,
        Fallback::Words("none; policy `geo` requires it"),
        "database of addresses in MaxMind's format; read again when it changes, and the old one kept when it is broken",
    )],
    later: &[],
};
