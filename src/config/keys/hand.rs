//! Keys of the operator's hand: what one command may take away, and what stands in a file.

use super::{Fallback, Kind, Section, key};
use crate::config::defaults;

/// `[safety]`
pub static SAFETY: Section = Section {
    title: "[safety]",
    keys: &[
        key(
            "min_live",
            Kind::Integer(0, 65_535),
            Fallback::Integer(defaults::MIN_LIVE),
            "how many live endpoints a drain or force must leave to each service",
        ),
        key(
            "max_removed",
            Kind::Share,
            Fallback::Text(defaults::MAX_REMOVED),
            "the largest share of a service's endpoints, and of all that a pattern's services have, that one command may remove",
        ),
    ],
    later: &[],
};

/// `[overrides]`
pub static OVERRIDES: Section = Section {
    title: "[overrides]",
    keys: &[key(
        "file",
        Kind::Path,
        Fallback::Words("`overrides.toml` beside this file, when it is there"),
        "file with overrides, read again with the configuration",
    )],
    later: &[],
};

/// `overrides.toml`
pub static OVERRIDES_FILE: Section = Section {
    title: "overrides.toml",
    keys: &[key(
        "override",
        Kind::Table("[[override]]"),
        Fallback::Nothing,
        "what is laid upon endpoints; on one endpoint the last one counts",
    )],
    later: &[],
};

/// `[[override]]`
pub static OVERRIDE: Section = Section {
    title: "[[override]]",
    keys: &[
        key(
            "select",
            Kind::Text,
            Fallback::Required,
            "upon whom: `SERVICE/ENDPOINT`, `SERVICE/POOL`, `SERVICE`, or a pattern like `*/fra-*`",
        ),
        key(
            "state",
            Kind::OneOf(&["drain", "up", "down"]),
            Fallback::Required,
            "what it is there",
        ),
        key(
            "reason",
            Kind::Text,
            Fallback::Nothing,
            "why, for whoever looks at it",
        ),
        key("owner", Kind::Text, Fallback::Nothing, "who answers for it"),
        key(
            "until",
            Kind::Forms("date and time with its offset: `2026-12-01T00:00:00Z`"),
            Fallback::Words("as long as it is written"),
            "when it ends",
        ),
    ],
    later: &[],
};
