//! Keys of DNS over TLS, QUIC and HTTPS.

use std::time::Duration;

use super::{Fallback, Key, Kind, Section, key};
use crate::config::defaults;

const SECOND: Duration = Duration::from_secs(1);

const CERTIFICATE: &str = "PEM file with the certificate that is shown and those that lead to its authority; read again at every reload, and \
                           when it changes";

/// A key of a door whose certificate may be that of `[dns.tls]`.
const fn shared(name: &'static str, about: &'static str) -> Key {
    key(name, Kind::Path, Fallback::Words("that of `[dns.tls]`"), about)
}

/// `[dns.tls]`
pub static DNS_TLS: Section = Section {
    title: "[dns.tls]",
    keys: &[
        key(
            "listen",
            Kind::Sockets,
            Fallback::Required,
            "TCP addresses of DNS over TLS, usually with port 853",
        ),
        key("certificate", Kind::Path, Fallback::Required, CERTIFICATE),
        key("key", Kind::Path, Fallback::Required, "PEM file with its key"),
    ],
    later: &[],
};

/// `[dns.quic]`
pub static DNS_QUIC: Section = Section {
    title: "[dns.quic]",
    keys: &[
        key(
            "listen",
            Kind::Sockets,
            Fallback::Required,
            "UDP addresses of DNS over QUIC, usually with port 853",
        ),
        shared("certificate", CERTIFICATE),
        shared("key", "PEM file with its key"),
    ],
    later: &[],
};

/// `[dns.https]`
pub static DNS_HTTPS: Section = Section {
    title: "[dns.https]",
    keys: &[
        key(
            "listen",
            Kind::Sockets,
            Fallback::Required,
            "TCP addresses of DNS over HTTPS, usually with port 443",
        ),
        shared("certificate", CERTIFICATE),
        shared("key", "PEM file with its key"),
        key(
            "path",
            Kind::Text,
            Fallback::Words("`\"/dns-query\"`"),
            "path at which queries are taken",
        ),
    ],
    later: &[],
};

/// `[dns.encrypted]`
pub static DNS_ENCRYPTED: Section = Section {
    title: "[dns.encrypted]",
    keys: &[
        key(
            "connections",
            Kind::Integer(1, 1_000_000),
            Fallback::Integer(defaults::ENCRYPTED_CONNECTIONS),
            "connections in all; one more closes the oldest idle one",
        ),
        key(
            "per_client",
            Kind::Integer(1, 1_000_000),
            Fallback::Integer(defaults::ENCRYPTED_PER_CLIENT),
            "connections of one client (IPv4 address, IPv6 /64)",
        ),
        key(
            "handshakes",
            Kind::Integer(1, 100_000),
            Fallback::Integer(defaults::HANDSHAKES),
            "handshakes under way at once; one more ends the oldest",
        ),
        key(
            "handshakes_per_client",
            Kind::Integer(1, 100_000),
            Fallback::Integer(defaults::HANDSHAKES_PER_CLIENT),
            "handshakes of one client under way at once",
        ),
        key(
            "handshake",
            Kind::Duration(Duration::from_millis(100), Duration::from_secs(60)),
            Fallback::Duration(defaults::HANDSHAKE),
            "how long a handshake may take",
        ),
        key(
            "idle",
            Kind::Duration(SECOND, Duration::from_secs(3600)),
            Fallback::Duration(defaults::ENCRYPTED_IDLE),
            "silence after which a connection is closed",
        ),
        key(
            "streams",
            Kind::Integer(1, 10_000),
            Fallback::Integer(defaults::STREAMS),
            "queries of one connection that may be under way at once (QUIC, HTTP/2)",
        ),
    ],
    later: &[],
};
