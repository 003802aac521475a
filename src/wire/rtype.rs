//! Numbers of types and codes, and where names stand in the data of the types whose names matter.
//!
//! Only the types of RFC 1035 may have their names compressed (RFC 3597 section 4); of those, the ones
//! that zones hold today are listed. Everything else is octets.

/// IPv4 address.
pub const A: u16 = 1;
/// Name server.
pub const NS: u16 = 2;
/// Canonical name.
pub const CNAME: u16 = 5;
/// Start of authority.
pub const SOA: u16 = 6;
/// Pointer.
pub const PTR: u16 = 12;
/// Mail exchange.
pub const MX: u16 = 15;
/// Text.
pub const TXT: u16 = 16;
/// IPv6 address.
pub const AAAA: u16 = 28;
/// Service location.
pub const SRV: u16 = 33;
/// Redirection of a subtree (RFC 6672).
pub const DNAME: u16 = 39;
/// EDNS (RFC 6891).
pub const OPT: u16 = 41;
/// Delegation signer (RFC 4034).
pub const DS: u16 = 43;
/// Service binding (RFC 9460).
pub const SVCB: u16 = 64;
/// Service binding of HTTP (RFC 9460).
pub const HTTPS: u16 = 65;
/// Key exchange (RFC 2930): meta.
pub const TKEY: u16 = 249;
/// Signature of a transaction (RFC 8945): meta.
pub const TSIG: u16 = 250;
/// Incremental transfer: QTYPE only.
pub const IXFR: u16 = 251;
/// Transfer: QTYPE only.
pub const AXFR: u16 = 252;
/// Mailbox records (obsolete): QTYPE only.
pub const MAILB: u16 = 253;
/// Mail agents (obsolete): QTYPE only.
pub const MAILA: u16 = 254;
/// Everything: QTYPE only (RFC 8482).
pub const ANY: u16 = 255;

/// The Internet.
pub const CLASS_IN: u16 = 1;
/// Chaos: questions about the server itself.
pub const CLASS_CH: u16 = 3;

/// Response codes; above 15 they need an OPT record.
pub mod rcode {
    /// No error.
    pub const NOERROR: u16 = 0;
    /// The query is malformed.
    pub const FORMERR: u16 = 1;
    /// The server cannot answer now.
    pub const SERVFAIL: u16 = 2;
    /// The name does not exist.
    pub const NXDOMAIN: u16 = 3;
    /// The kind of query is not implemented.
    pub const NOTIMP: u16 = 4;
    /// Not served here.
    pub const REFUSED: u16 = 5;
    /// A name that DNAME makes is too long (RFC 6672 section 2.2).
    pub const YXDOMAIN: u16 = 6;
    /// An EDNS version that is not spoken.
    pub const BADVERS: u16 = 16;
    /// A cookie that is missing or wrong (RFC 7873 section 8).
    pub const BADCOOKIE: u16 = 23;
}

/// Where compressible names stand in the data of a type: after `skip` octets, `names` in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compressible {
    /// Octets before the first name.
    pub skip: usize,
    /// How many names follow each other.
    pub names: usize,
}

/// The compressible names of `rtype`'s data; `None` when it is plain octets.
#[must_use]
pub fn compressible(rtype: u16) -> Option<Compressible> {
    let (skip, names) = match rtype {
        NS | CNAME | PTR => (0, 1),
        MX => (2, 1),
        SOA => (0, 2),
        _ => return None,
    };
    Some(Compressible { skip, names })
}

/// Octets before the name in `rtype`'s data whose addresses belong into the additional section.
#[must_use]
pub fn target_at(rtype: u16) -> Option<usize> {
    match rtype {
        NS => Some(0),
        MX | SVCB | HTTPS => Some(2),
        SRV => Some(6),
        _ => None,
    }
}
