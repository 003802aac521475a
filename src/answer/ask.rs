//! What is asked, by whom and how, and what becomes of it.

use std::net::IpAddr;

use crate::model::time::{Moment, UnixTime};

/// How a query came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// UDP: answers are limited in size, and nobody has shown that the source address is the sender's.
    Udp,
    /// TCP (RFC 7766).
    Tcp,
    /// DNS over TLS (RFC 7858).
    Tls,
    /// DNS over QUIC (RFC 9250).
    Quic,
    /// DNS over HTTPS (RFC 8484).
    Https,
}

impl Transport {
    /// Every way that a query can come.
    pub const ALL: [Self; 5] = [Self::Udp, Self::Tcp, Self::Tls, Self::Quic, Self::Https];

    /// Whether answers are limited in size and the source address is only claimed; the others carry 65,535 octets.
    #[inline]
    #[must_use]
    pub const fn is_datagram(self) -> bool {
        matches!(self, Self::Udp)
    }

    /// Whether nobody on the way can read the answer, so that its length is worth hiding (RFC 8467).
    #[inline]
    #[must_use]
    pub const fn is_encrypted(self) -> bool {
        matches!(self, Self::Tls | Self::Quic | Self::Https)
    }
}

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub struct Client {
    /// Source address.
    pub address: IpAddr,
    /// How the query came.
    pub transport: Transport,
}

/// One query to be answered.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// The message's octets.
    pub query: &'a [u8],
    /// Who asks.
    pub client: Client,
    /// When (coarse is good enough).
    pub now: Moment,
    /// The same on the wall clock: what servers that share a secret agree on (RFC 9018).
    pub wall: UnixTime,
    /// Chance: uniform in `u64`.
    pub dice: u64,
}

/// What becomes of a query. Total: every packet has an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Send the first `len` octets of `out`.
    Reply {
        /// How many octets of `out` are the answer.
        len: usize,
        /// What the counters need.
        about: About,
    },
    /// AXFR, IXFR, NOTIFY, UPDATE, or TSIG present: for `serve::transactions`.
    Transaction,
    /// Send nothing.
    Drop,
    /// Send nothing: the client's network has been answered often enough for now.
    Withhold,
}

/// What the counters need of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// RCODE, extended bits included.
    pub rcode: u16,
    /// QTYPE; 0 when the question could not be read.
    pub qtype: u16,
    /// Whether the answer was cut short (TC).
    pub truncated: bool,
    /// Whether it is what is left of an answer that the client's network was not to have any more.
    pub limited: bool,
    /// What was made of the client's cookie.
    pub cookie: Shown,
}

/// What a client has shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shown {
    /// Nothing that a cookie is sent back for.
    #[default]
    Nothing,
    /// Its own cookie alone: it gets one of ours.
    Itself,
    /// A cookie of ours that is not good: another client's, too old, or made up.
    Wrong,
    /// A cookie of ours: it can be reached where it says.
    Good,
}
