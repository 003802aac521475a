//! Keys of checks that nothing is probed for: those made of others, and those that endpoints answer by themselves.

use std::time::Duration;

use super::{Fallback, Kind, Section, key};
use crate::config::defaults;

/// `[checks.NAME]` with `type = "heartbeat"`.
pub static CHECK_HEARTBEAT: Section = Section {
    title: "[checks.NAME] of type heartbeat",
    keys: &[
        key(
            "type",
            Kind::OneOf(&["heartbeat"]),
            Fallback::Required,
            "that nothing is probed",
        ),
        key(
            "within",
            Kind::Duration(Duration::from_millis(100), Duration::from_secs(86_400)),
            Fallback::Required,
            "silence that lasts longer is down at once; a heartbeat is up at once",
        ),
        key(
            "token_file",
            Kind::Path,
            Fallback::Required,
            "file with the token that endpoints show; it allows heartbeats and nothing else",
        ),
        key(
            "min_down",
            Kind::Duration(Duration::ZERO, Duration::from_secs(86_400)),
            Fallback::Words("`[defaults.check]`"),
            "how long down lasts at least",
        ),
        key(
            "damping",
            Kind::Boolean,
            Fallback::Words("`[defaults.check]`"),
            "whether a target that flaps is held down for longer and longer",
        ),
        key(
            "shadow",
            Kind::Boolean,
            Fallback::Boolean(defaults::SHADOW),
            "shown, not counted",
        ),
    ],
    later: &[],
};

/// `[checks.NAME]` without `type`.
pub static CHECK_COMBINED: Section = Section {
    title: "[checks.NAME] of other checks",
    keys: &[
        key(
            "all_of",
            Kind::Texts,
            Fallback::Words("none; this or `any_of` is required"),
            "names of checks in this file that must all succeed",
        ),
        key(
            "any_of",
            Kind::Texts,
            Fallback::Words("none; this or `all_of` is required"),
            "names of checks in this file of which `at_least` must succeed",
        ),
        key(
            "at_least",
            Kind::Integer(1, 100),
            Fallback::Integer(defaults::AT_LEAST),
            "how many of `any_of` must succeed",
        ),
        key(
            "shadow",
            Kind::Boolean,
            Fallback::Boolean(defaults::SHADOW),
            "shown, not counted",
        ),
    ],
    later: &[],
};
