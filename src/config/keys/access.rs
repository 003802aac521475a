//! Keys of `[access]` and `[dns.transfers]`: who may ask, and how much.

use super::{Fallback, Key, Kind, Section, key};
use crate::config::defaults;

/// `access` of `[zones]`.
pub(super) const DEFAULT: Key = key(
    "access",
    Kind::Table("[access]"),
    Fallback::Words("everybody"),
    "who may ask a zone that does not say itself",
);

/// `transfers` of `[dns]`.
pub(super) const TRANSFERS: Key = key(
    "transfers",
    Kind::Table("[dns.transfers]"),
    Fallback::Nothing,
    "limits of transfers and signatures",
);

/// `[access]` of a zone and of `[zones]`.
pub static ACCESS: Section = Section {
    title: "[access]",
    keys: &[
        key(
            "allow",
            Kind::Networks,
            Fallback::Words("everybody"),
            "clients that are answered",
        ),
        key(
            "deny",
            Kind::Networks,
            Fallback::Words("nobody"),
            "clients that are not, whatever `allow` says",
        ),
    ],
    later: &[],
};

/// `[dns.transfers]`
pub static DNS_TRANSFERS: Section = Section {
    title: "[dns.transfers]",
    keys: &[
        key(
            "concurrent",
            Kind::Integer(1, 10_000),
            Fallback::Integer(defaults::TRANSFERS),
            "transfers under way at once",
        ),
        key(
            "per_client",
            Kind::Integer(1, 10_000),
            Fallback::Integer(defaults::TRANSFERS_PER_CLIENT),
            "the same for one client (IPv4 address, IPv6 /64)",
        ),
        key(
            "signatures",
            Kind::Integer(1, 1_000_000),
            Fallback::Integer(defaults::SIGNATURES),
            "TSIG signatures of one client that are verified in a second",
        ),
    ],
    later: &[],
};
