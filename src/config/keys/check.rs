//! Keys of checks.

use std::time::Duration;

use super::server::rules;
use super::{Fallback, Key, Kind, Section, key};
use crate::config::defaults;
use crate::model::check::RCODES;

/// The kinds of checks of this version.
pub const CHECK_TYPES: [&str; 12] = [
    "http",
    "https",
    "tcp",
    "tls",
    "dns",
    "icmp",
    "grpc",
    "postgres",
    "redis",
    "patroni",
    "heartbeat",
    "exec",
];
/// Kinds of the contract that this version does not have.
pub const LATER_CHECK_TYPES: [&str; 0] = [];
/// Kinds that learn the endpoint's role.
pub const ROLE_TYPES: [&str; 3] = ["postgres", "redis", "patroni"];

/// `[checks.NAME]`, whatever its type.
pub static CHECK: Section = Section {
    title: "[checks.NAME]",
    keys: rules!(
        Fallback::Words("`[defaults.check]`"),
        Fallback::Words("`[defaults.check]`"),
        Fallback::Words("`[defaults.check]`"),
        Fallback::Words("`[defaults.check]`"),
        Fallback::Words("`[defaults.check]`"),
        Fallback::Words("`[defaults.check]`"),
        Fallback::Words("`[defaults.check]`"),
        Fallback::Words("`[defaults.check]`");
        key("type", Kind::OneOf(&CHECK_TYPES), Fallback::Required, "what is asked"),
        key("port", Kind::Integer(1, 65_535), Fallback::Words("`80` for `http`, `443` for `https` and `tls`, `53` for `dns`, `5432` for `postgres`, `6379` for `redis`, `8008` for `patroni`, required for `tcp` and `grpc`, none for `icmp`"), "port that is probed, unless the endpoint says otherwise"),
        key("source", Kind::Addresses, Fallback::Words("the system chooses"), "address of this node that probes come from; one for each family"),
        key("slow", Kind::Duration(Duration::from_millis(1), Duration::from_secs(60)), Fallback::Nothing, "successes that take longer, again and again, make an endpoint degraded; below `timeout`"),
        key("certificate_warning", Kind::Duration(Duration::ZERO, Duration::from_secs(365 * 86_400)), Fallback::Duration(defaults::CERTIFICATE_WARNING), "a certificate that ends sooner makes an endpoint degraded; `0s`: never"),
        key("inverted", Kind::Boolean, Fallback::Boolean(defaults::INVERTED), "success counts as failure and the other way round"),
        key("shadow", Kind::Boolean, Fallback::Boolean(defaults::SHADOW), "probed and shown, not counted: its endpoints are answered as if without a check")
    ),
    later: &[("within", "write type = \"heartbeat\"")],
};

/// Of the checks that a connection is made for by us alone.
const PROXY_HEADER: Key = key(
    "proxy_header",
    Kind::Integer(1, 2),
    Fallback::Nothing,
    "version of the PROXY protocol that each connection begins with",
);

/// `[checks.NAME]` that speaks TLS, besides [`CHECK`].
pub static CHECK_SECURITY: Section = Section {
    title: "[checks.NAME] over TLS",
    keys: &[
        key(
            "sni",
            Kind::Name,
            Fallback::Words("`host` for `https`, otherwise the address"),
            "name in SNI and for verification",
        ),
        key(
            "verify",
            Kind::Boolean,
            Fallback::Boolean(defaults::VERIFY),
            "whether the certificate is verified",
        ),
        key(
            "ca_file",
            Kind::Path,
            Fallback::Words("the system's authorities"),
            "PEM file of the authorities to trust",
        ),
        key(
            "client_cert",
            Kind::Path,
            Fallback::Nothing,
            "PEM file of a certificate of our own, for endpoints that ask for one",
        ),
        key(
            "client_key",
            Kind::Path,
            Fallback::Words("required with `client_cert`"),
            "PEM file of its private key",
        ),
    ],
    later: &[],
};

/// `body_json = { … }`.
pub static BODY_JSON: Section = Section {
    title: "body_json",
    keys: &[
        key(
            "pointer",
            Kind::Text,
            Fallback::Required,
            "JSON pointer (RFC 6901) to a value",
        ),
        key(
            "equals",
            Kind::Forms("text, number, `true` or `false`"),
            Fallback::Words("anything, if it is there"),
            "the value",
        ),
    ],
    later: &[],
};

/// `[checks.NAME]` with `type = "http"` or `"https"`, besides [`CHECK`].
pub static CHECK_HTTP: Section = Section {
    title: "[checks.NAME] of type http, https",
    keys: &[
        key(
            "method",
            Kind::Text,
            Fallback::Text(defaults::HTTP_METHOD),
            "request method",
        ),
        key(
            "host",
            Kind::Text,
            Fallback::Words("the address"),
            "`Host` header, and the name in SNI unless `sni` says otherwise",
        ),
        key(
            "headers",
            Kind::Forms("table of header names and texts (or lists of texts)"),
            Fallback::Nothing,
            "further request headers",
        ),
        key(
            "path",
            Kind::Text,
            Fallback::Text(defaults::HTTP_PATH),
            "path and query",
        ),
        key(
            "status",
            Kind::Forms("status code, range `\"200-299\"`, or list of both, within 100 to 599"),
            Fallback::Text(defaults::HTTP_STATUS),
            "accepted status codes",
        ),
        key(
            "body",
            Kind::Text,
            Fallback::Nothing,
            "text that the first 64 KiB of the body must contain",
        ),
        key(
            "body_regex",
            Kind::Text,
            Fallback::Nothing,
            "regular expression that must match there; not together with `body`",
        ),
        key(
            "body_json",
            Kind::Table("body_json"),
            Fallback::Nothing,
            "what the body must hold as JSON; not together with `body` and `body_regex`",
        ),
        key(
            "follow_redirects",
            Kind::Boolean,
            Fallback::Boolean(defaults::FOLLOW_REDIRECTS),
            "follow up to five redirects, only to the same address",
        ),
        PROXY_HEADER,
        key(
            "http_version",
            Kind::OneOf(&["1.1", "2", "any"]),
            Fallback::Text(defaults::HTTP_VERSION),
            "versions that are offered",
        ),
        key(
            "keepalive",
            Kind::Boolean,
            Fallback::Boolean(defaults::KEEPALIVE),
            "whether one connection serves several probes",
        ),
    ],
    later: &[],
};

/// `[checks.NAME]` with `type = "tcp"`, besides [`CHECK`].
pub static CHECK_TCP: Section = Section {
    title: "[checks.NAME] of type tcp",
    keys: &[
        key(
            "send",
            Kind::Text,
            Fallback::Nothing,
            "sent after connecting (`\"PING\\r\\n\"`)",
        ),
        key(
            "expect",
            Kind::Text,
            Fallback::Nothing,
            "text that the first 64 KiB received must contain",
        ),
        PROXY_HEADER,
    ],
    later: &[],
};

/// `[checks.NAME]` with `type = "tls"`, besides [`CHECK`] and [`CHECK_SECURITY`].
pub static CHECK_TLS: Section = Section {
    title: "[checks.NAME] of type tls",
    keys: &[
        key("send", Kind::Text, Fallback::Nothing, "sent after the handshake"),
        key(
            "expect",
            Kind::Text,
            Fallback::Nothing,
            "text that the first 64 KiB received must contain",
        ),
        PROXY_HEADER,
    ],
    later: &[],
};

/// `[checks.NAME]` with `type = "dns"`, besides [`CHECK`].
pub static CHECK_DNS: Section = Section {
    title: "[checks.NAME] of type dns",
    keys: &[
        key(
            "name",
            Kind::Name,
            Fallback::Required,
            "name that the server is asked for",
        ),
        key(
            "query_type",
            Kind::Text,
            Fallback::Text(defaults::QUERY_TYPE),
            "type that it is asked for: mnemonic, or `TYPEnnn`",
        ),
        key(
            "transport",
            Kind::OneOf(&["udp", "tcp"]),
            Fallback::Text(defaults::TRANSPORT),
            "over what; a truncated answer over UDP is asked for again over TCP",
        ),
        key(
            "rcode",
            Kind::OneOf(&RCODES),
            Fallback::Text(defaults::RCODE),
            "response code that is expected",
        ),
        key(
            "expect",
            Kind::Texts,
            Fallback::Words("any data, with `NOERROR`"),
            "data as in a master file, of which the answer must hold one",
        ),
        key(
            "recursion",
            Kind::Boolean,
            Fallback::Boolean(defaults::RECURSION),
            "whether recursion is desired",
        ),
    ],
    later: &[],
};

/// `[checks.NAME]` with `type = "icmp"`, besides [`CHECK`].
pub static CHECK_ICMP: Section = Section {
    title: "[checks.NAME] of type icmp",
    keys: &[key(
        "payload",
        Kind::Integer(0, 1452),
        Fallback::Integer(defaults::PAYLOAD),
        "octets after the header of the echo request",
    )],
    later: &[],
};

/// `[checks.NAME]` with `type = "grpc"`, besides [`CHECK`] and [`CHECK_SECURITY`].
pub static CHECK_GRPC: Section = Section {
    title: "[checks.NAME] of type grpc",
    keys: &[
        key(
            "service",
            Kind::Text,
            Fallback::Words("the server as a whole"),
            "service whose health is asked for",
        ),
        key(
            "host",
            Kind::Text,
            Fallback::Words("the address and port"),
            "`:authority`, and the name in SNI unless `sni` says otherwise",
        ),
        key(
            "tls",
            Kind::Boolean,
            Fallback::Boolean(defaults::GRPC_TLS),
            "whether TLS is spoken",
        ),
        PROXY_HEADER,
    ],
    later: &[],
};
