//! Keys of checks.

use std::time::Duration;

use super::server::rules;
use super::{Fallback, Kind, Section, key};
use crate::config::defaults;

/// The kinds of checks of this version.
pub const CHECK_TYPES: [&str; 3] = ["http", "https", "tcp"];
/// Kinds of the contract that this version does not have.
pub const LATER_CHECK_TYPES: [&str; 7] = ["tls", "dns", "grpc", "postgres", "redis", "exec", "heartbeat"];

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
        key("port", Kind::Integer(1, 65_535), Fallback::Words("`80` for `http`, `443` for `https`, required for `tcp`"), "port that is probed, unless the endpoint says otherwise"),
        key("slow", Kind::Duration(Duration::from_millis(1), Duration::from_secs(60)), Fallback::Nothing, "successes that take longer, again and again, make an endpoint degraded; below `timeout`"),
        key("certificate_warning", Kind::Duration(Duration::ZERO, Duration::from_secs(365 * 86_400)), Fallback::Duration(defaults::CERTIFICATE_WARNING), "a certificate that ends sooner makes an endpoint degraded; `0s`: never"),
        key("inverted", Kind::Boolean, Fallback::Boolean(defaults::INVERTED), "success counts as failure and the other way round")
    ),
    later: &[
        ("role", "this version has the checks `http`, `https` and `tcp`"),
        ("max_lag", "this version has the checks `http`, `https` and `tcp`"),
        ("within", "this version has the checks `http`, `https` and `tcp`"),
    ],
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
            "follow_redirects",
            Kind::Boolean,
            Fallback::Boolean(defaults::FOLLOW_REDIRECTS),
            "follow up to five redirects, only to the same address",
        ),
        key(
            "sni",
            Kind::Name,
            Fallback::Words("`host`"),
            "name in SNI and for verification (`https`)",
        ),
        key(
            "verify",
            Kind::Boolean,
            Fallback::Boolean(defaults::VERIFY),
            "whether the certificate is verified (`https`)",
        ),
        key(
            "ca_file",
            Kind::Path,
            Fallback::Words("the system's authorities"),
            "PEM file of the authorities to trust (`https`)",
        ),
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
    ],
    later: &[],
};
