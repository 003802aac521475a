//! Settings of the checks that speak a protocol of the web or below it.

use std::path::PathBuf;

use crate::wire::name::Name;

/// Settings of `http` and `https`.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpCheck {
    /// Whether TLS is spoken.
    pub tls: bool,
    /// Request method, e.g. `GET`.
    pub method: String,
    /// `Host` header and, unless `sni` says otherwise, the name in SNI; the address when `None`.
    pub host: Option<String>,
    /// Path and query, begins with `/`.
    pub path: String,
    /// Further request headers, in order.
    pub headers: Vec<(String, String)>,
    /// Accepted status codes, inclusive ranges within 100..=599.
    pub status: Vec<(u16, u16)>,
    /// What the body (its first 64 KiB) must contain.
    pub body: Option<BodyMatch>,
    /// Whether redirects are followed (at most 5, only to the same address).
    pub follow_redirects: bool,
    /// Keys of TLS; used by redirects to `https`, too.
    pub security: Security,
    /// Which HTTP versions are offered.
    pub version: HttpVersion,
    /// Whether one connection serves several probes.
    pub keepalive: bool,
}

/// What a body must contain.
#[derive(Clone, Debug, PartialEq)]
pub enum BodyMatch {
    /// This text, anywhere.
    Substring(String),
    /// A match of this regular expression (checked at load).
    Regex(String),
    /// It is JSON (RFC 8259) and holds something there.
    Json {
        /// A JSON pointer (RFC 6901; checked at load).
        pointer: String,
        /// What stands there; anything when `None`.
        equals: Option<Scalar>,
    },
}

/// A single value of JSON.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar {
    /// A text.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A number.
    Number(f64),
    /// `true` or `false`.
    Boolean(bool),
}

/// HTTP versions to offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpVersion {
    /// HTTP/1.1 only: what a check speaks unless told otherwise.
    Http1,
    /// HTTP/2 only (prior knowledge without TLS).
    Http2,
    /// Whatever ALPN yields.
    Any,
}

/// Settings of `tcp`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TcpCheck {
    /// Sent after connecting.
    pub send: Option<Vec<u8>>,
    /// What the first 64 KiB received must contain.
    pub expect: Option<Vec<u8>>,
}

/// Settings of `tls`.
#[derive(Clone, Debug, PartialEq)]
pub struct TlsCheck {
    /// Names, authorities, our own certificate.
    pub security: Security,
    /// What is said and heard within TLS.
    pub talk: TcpCheck,
}

/// How TLS is spoken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Security {
    /// Name in SNI and for verification; what the kind of check says when `None`.
    pub sni: Option<String>,
    /// Whether the certificate is verified.
    pub verify: bool,
    /// PEM file of the authorities to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// Shown to endpoints that ask who we are.
    pub identity: Option<Identity>,
}

impl Default for Security {
    /// Verified by the system's authorities.
    fn default() -> Self {
        Self {
            sni: None,
            verify: true,
            ca_file: None,
            identity: None,
        }
    }
}

/// A certificate of our own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// PEM file of the certificate and those between it and its authority.
    pub certificate: PathBuf,
    /// PEM file of its private key.
    pub key: PathBuf,
}

/// Settings of `dns`.
#[derive(Clone, Debug, PartialEq)]
pub struct DnsCheck {
    /// The name that is asked for.
    pub name: Name,
    /// The type that is asked for.
    pub rtype: u16,
    /// Over what it is asked.
    pub transport: Transport,
    /// Whether recursion is desired (RD).
    pub recursion: bool,
    /// The response code that is expected, one of [`RCODES`].
    pub rcode: u8,
    /// Data of which the answer must hold one, when not empty.
    pub expect: Vec<Rdata>,
}

/// Data that an answer may hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rdata {
    /// As it is written.
    pub text: String,
    /// In uncompressed wire form.
    pub wire: Vec<u8>,
}

/// What carries a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// UDP, and TCP when the answer is truncated.
    Udp,
    /// TCP.
    Tcp,
}

/// Response codes that may be expected (RFC 1035 section 4.1.1), by their number.
pub const RCODES: [&str; 6] = ["NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"];

/// Settings of `icmp`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IcmpCheck {
    /// Octets after the header of the echo request; 0 to 1452.
    pub payload: u16,
}

/// Settings of `grpc`.
#[derive(Clone, Debug, PartialEq)]
pub struct GrpcCheck {
    /// The service that is asked about; empty: the server as a whole.
    pub service: String,
    /// `:authority` and, unless `sni` says otherwise, the name in SNI; the address when `None`.
    pub host: Option<String>,
    /// Whether TLS is spoken.
    pub tls: bool,
    /// Keys of TLS.
    pub security: Security,
}
