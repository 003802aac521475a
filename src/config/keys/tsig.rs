//! Keys of TSIG.

use super::{Fallback, Kind, Section, key};
use crate::config::defaults;

/// `[keys.NAME]`
pub static KEY: Section = Section {
    title: "[keys.NAME]",
    keys: &[
        key(
            "algorithm",
            Kind::OneOf(&["hmac-sha256", "hmac-sha384", "hmac-sha512"]),
            Fallback::Text(defaults::TSIG_ALGORITHM),
            "TSIG algorithm",
        ),
        key(
            "secret",
            Kind::Text,
            Fallback::Words("none; this or `secret_file` is required"),
            "the shared secret in base64",
        ),
        key(
            "secret_file",
            Kind::Path,
            Fallback::Words("none; this or `secret` is required"),
            "file with the shared secret in base64",
        ),
    ],
    later: &[],
};
