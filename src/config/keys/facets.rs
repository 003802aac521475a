//! Keys of what a service answers besides addresses.

use super::{Fallback, Kind, Section, key};
use crate::config::defaults;

/// An element of `srv`.
pub static SRV: Section = Section {
    title: "srv",
    keys: &[
        key(
            "name",
            Kind::Text,
            Fallback::Required,
            "the name below the service's that answers SRV: `_service._protocol`",
        ),
        key(
            "port",
            Kind::Integer(0, 65_535),
            Fallback::Required,
            "the port of each endpoint",
        ),
        key(
            "priority",
            Kind::Integer(0, 65_535),
            Fallback::Integer(defaults::SRV_PRIORITY),
            "the priority of each record: which endpoints are named is the policy's business",
        ),
        key(
            "weight",
            Kind::Integer(0, 65_535),
            Fallback::Words("the `weight` of each endpoint"),
            "the weight of each record",
        ),
    ],
    later: &[],
};

/// `mx` of a service.
pub static MX: Section = Section {
    title: "mx",
    keys: &[key(
        "preference",
        Kind::Integer(0, 65_535),
        Fallback::Integer(defaults::MX_PREFERENCE),
        "the preference of each record: which endpoints are named is the policy's business",
    )],
    later: &[],
};

/// `https` and `svcb` of a service.
pub static BINDING: Section = Section {
    title: "https",
    keys: &[
        key(
            "priority",
            Kind::Integer(1, 65_535),
            Fallback::Integer(defaults::BINDING_PRIORITY),
            "SvcPriority",
        ),
        key(
            "alpn",
            Kind::Texts,
            Fallback::Nothing,
            "protocols: `\"h2\"`, `\"h3\"`, …",
        ),
        key(
            "port",
            Kind::Integer(1, 65_535),
            Fallback::Words("that of the scheme"),
            "the port of each endpoint",
        ),
        key(
            "hints",
            Kind::Boolean,
            Fallback::Boolean(defaults::HINTS),
            "whether the addresses that A and AAAA answer are given as hints",
        ),
    ],
    later: &[],
};
