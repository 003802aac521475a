//! Keys of TTLs.

use super::{Fallback, Kind, Section, key};
use crate::config::defaults;

/// What may be written for `ttl`.
pub(super) const TTL_FORMS: &str = "duration in whole seconds (fixed), or `{ mode = \"fixed\" | \"stable\" | \"strict\", max = \"10s\", min = \"2s\" }`";

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
