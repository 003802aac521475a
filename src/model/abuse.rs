//! What keeps the server from being abused: cookies, and how often one network is answered.

use crate::model::plan::Prefix;

/// `[dns.cookies]`: DNS cookies (RFC 7873).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CookieSettings {
    /// What cookies are made of.
    pub secrets: CookieSecrets,
    /// Who is told to show one.
    pub require: Require,
    /// Octets of the largest UDP answer to a client that shows none; `None`: as large as to any other.
    pub max_without: Option<u16>,
    /// Whether datagrams that bring a whole cookie have a socket of their own.
    pub lane: bool,
}

/// What cookies are made of and verified by. Not to be printed.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum CookieSecrets {
    /// There are no cookies: the option is unknown.
    #[default]
    Off,
    /// This process's own, from which the secret of each day follows.
    Own([u8; 16]),
    /// Shared between servers: the first makes cookies, all verify them. At least one.
    Shared(Vec<[u8; 16]>),
}

impl std::fmt::Debug for CookieSecrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Off => f.write_str("Off"),
            Self::Own(_) => f.write_str("Own"),
            Self::Shared(secrets) => write!(f, "Shared({})", secrets.len()),
        }
    }
}

/// Who is told to show a cookie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Require {
    /// Nobody.
    Never,
    /// Clients that are over their limit.
    #[default]
    Limited,
    /// Everybody who asks over UDP.
    Always,
}

/// `[dns.rate_limit]`: answers over UDP to clients that have shown no cookie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateSettings {
    /// Answers per second to one network, by [`RateSettings::KINDS`].
    pub per_second: [u32; Self::KINDS],
    /// Seconds' worth of answers that may be given at once, after a silence.
    pub burst: u32,
    /// One of so many answers over the limit is sent, cut short; 0: none.
    pub slip: u32,
    /// Bits of an IPv4 address that make a network.
    pub ipv4_prefix: u8,
    /// Bits of an IPv6 address that make a network.
    pub ipv6_prefix: u8,
    /// Networks that are never limited.
    pub exempt: Vec<Prefix>,
    /// Networks and kinds of answers that are told apart.
    pub entries: usize,
}

impl RateSettings {
    /// Kinds of answers: data, NODATA, NXDOMAIN, referrals, errors.
    pub const KINDS: usize = 5;
}
