//! DNS over TLS, QUIC and HTTPS: where, as whom, and how much of it.

use std::net::SocketAddr;
use std::time::Duration;

use crate::model::identity::Identity;

/// `[dns.tls]`, `[dns.quic]`, `[dns.https]` and `[dns.encrypted]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Encrypted {
    /// DNS over TLS (RFC 7858).
    pub tls: Option<Door>,
    /// DNS over QUIC (RFC 9250).
    pub quic: Option<Door>,
    /// DNS over HTTPS (RFC 8484).
    pub https: Option<Door>,
    /// `[dns.https] path`: where queries are taken.
    pub path: String,
    /// `[dns.encrypted]`.
    pub limits: EncryptedLimits,
}

/// Where one of them listens, and as whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Door {
    /// `listen`.
    pub listen: Vec<SocketAddr>,
    /// `certificate` and `key`.
    pub identity: Identity,
}

/// `[dns.encrypted]`: for all three together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EncryptedLimits {
    /// Connections in all.
    pub connections: usize,
    /// Connections of one client (IPv4 /32, IPv6 /64).
    pub per_client: usize,
    /// Handshakes under way in all.
    pub handshakes: usize,
    /// Handshakes under way of one client.
    pub handshakes_per_client: usize,
    /// How long a handshake may take.
    pub handshake: Duration,
    /// Silence after which a connection is closed.
    pub idle: Duration,
    /// Queries of one connection that may be under way at once.
    pub streams: u32,
}

impl Encrypted {
    /// What is to be opened: `"TLS"`, `"QUIC"` or `"HTTPS"`, and its addresses.
    pub fn doors(&self) -> impl Iterator<Item = (&'static str, &Door)> {
        [("TLS", &self.tls), ("QUIC", &self.quic), ("HTTPS", &self.https)]
            .into_iter()
            .filter_map(|(name, door)| Some((name, door.as_ref()?)))
    }
}
