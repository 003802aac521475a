//! Keys of what keeps the server from being abused.

use super::{Fallback, Kind, Section, key};
use crate::config::defaults;

/// `[dns.cookies]`
pub static DNS_COOKIES: Section = Section {
    title: "[dns.cookies]",
    keys: &[
        key(
            "enabled",
            Kind::Boolean,
            Fallback::Boolean(defaults::COOKIES),
            "DNS cookies (RFC 7873); without them the option is unknown",
        ),
        key(
            "secret_file",
            Kind::Path,
            Fallback::Words("a secret of this process's own, another one each day"),
            "file with secrets of 32 hexadecimal digits, one a line; the first makes cookies, all verify them",
        ),
        key(
            "require",
            Kind::OneOf(&["never", "limited", "always"]),
            Fallback::Text(defaults::COOKIES_REQUIRED),
            "who is told by BADCOOKIE to show a cookie: nobody, who is over its limit, or everybody who asks over UDP \
             (who has none at all is sent to TCP then)",
        ),
        key(
            "max_without",
            Kind::Integer(64, 4096),
            Fallback::Words("as large as with a cookie"),
            "octets of the largest UDP answer to a client that shows no good cookie; what is larger is cut short",
        ),
        key(
            "lane",
            Kind::Boolean,
            Fallback::Boolean(defaults::COOKIE_LANE),
            "whether datagrams that bring a whole cookie have a socket and a thread of their own, one per address, so \
             that a flood of others does not crowd them out",
        ),
    ],
    later: &[],
};

/// Answers per second that may be configured: what a bucket counts exactly enough.
const MOST: i64 = 1_000_000;

/// `[dns.rate_limit]`
pub static DNS_RATE_LIMIT: Section = Section {
    title: "[dns.rate_limit]",
    keys: &[
        key(
            "per_second",
            Kind::Integer(0, MOST),
            Fallback::Integer(defaults::RATE),
            "UDP answers of one kind to one network without a cookie; 0: nobody is limited",
        ),
        key(
            "nodata_per_second",
            Kind::Integer(1, MOST),
            Fallback::Words("`per_second`"),
            "the same for answers without data",
        ),
        key(
            "nxdomain_per_second",
            Kind::Integer(1, MOST),
            Fallback::Words("`per_second`"),
            "the same for names that do not exist",
        ),
        key(
            "referrals_per_second",
            Kind::Integer(1, MOST),
            Fallback::Words("`per_second`"),
            "the same for delegations",
        ),
        key(
            "errors_per_second",
            Kind::Integer(1, MOST),
            Fallback::Words("`per_second`"),
            "the same for REFUSED, FORMERR and all other errors",
        ),
        key(
            "burst",
            Kind::Integer(1, 60),
            Fallback::Integer(defaults::RATE_BURST),
            "seconds' worth of answers that may be given at once after a silence",
        ),
        key(
            "slip",
            Kind::Integer(0, 100),
            Fallback::Integer(defaults::RATE_SLIP),
            "one of so many answers over the limit is sent, cut short (TC, or BADCOOKIE to who has a client cookie); \
             0: none",
        ),
        key(
            "ipv4_prefix",
            Kind::Integer(8, 32),
            Fallback::Integer(defaults::RATE_IPV4),
            "bits of an IPv4 address that make a network",
        ),
        key(
            "ipv6_prefix",
            Kind::Integer(16, 128),
            Fallback::Integer(defaults::RATE_IPV6),
            "bits of an IPv6 address that make a network",
        ),
        key(
            "exempt",
            Kind::Networks,
            Fallback::Words("nobody"),
            "networks that are never limited",
        ),
        key(
            "entries",
            Kind::Integer(1024, 1 << 24),
            Fallback::Integer(defaults::RATE_ENTRIES),
            "networks and kinds of answers that are told apart, 8 octets each; rounded up to a power of two",
        ),
    ],
    later: &[],
};
