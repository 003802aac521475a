//! Keys of what is run on a failover.

use std::time::Duration;

use super::{Fallback, Kind, Section, key};
use crate::config::defaults;

/// `on_failover` of a service.
pub static ON_FAILOVER: Section = Section {
    title: "on_failover",
    keys: &[
        key(
            "exec",
            Kind::Forms(
                "list: program (absolute path) and arguments; `{service}`, `{from}`, `{to}` are filled in",
            ),
            Fallback::Required,
            "program that is run when the active endpoint changes",
        ),
        key(
            "gate",
            Kind::Boolean,
            Fallback::Boolean(false),
            "whether it is run before the answer changes, which waits for it",
        ),
        key(
            "timeout",
            Kind::Duration(Duration::from_secs(1), Duration::from_secs(600)),
            Fallback::Duration(defaults::ON_FAILOVER_TIMEOUT),
            "for how long it may run; then it is killed with its children",
        ),
        key(
            "on_failure",
            Kind::OneOf(&["hold", "proceed"]),
            Fallback::Text(defaults::ON_FAILURE),
            "whether the old answer stands when a gate fails, or changes all the same",
        ),
        key(
            "on_timeout",
            Kind::OneOf(&["proceed", "hold"]),
            Fallback::Text(defaults::ON_TIMEOUT),
            "the same when a gate did not end in time",
        ),
    ],
    later: &[],
};
