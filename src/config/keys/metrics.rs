//! Keys of `[metrics]`.

use super::{Fallback, Kind, Section, key};
use crate::config::defaults;

/// `[metrics]`
pub static METRICS: Section = Section {
    title: "[metrics]",
    keys: &[key(
        "endpoints",
        Kind::Boolean,
        Fallback::Boolean(defaults::ENDPOINT_METRICS),
        "whether each endpoint and address has series of its own at `/metrics`: about ten each",
    )],
    later: &[],
};
