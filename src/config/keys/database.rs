//! Keys of the checks that ask databases.

use std::time::Duration;

use super::{Fallback, Key, Kind, Section, key};
use crate::config::defaults;

const PASSWORD_FILE: Key = key(
    "password_file",
    Kind::Path,
    Fallback::Nothing,
    "file with the password on its only line; read when the configuration is",
);

/// `[checks.NAME]` of a type that learns the endpoint's role, besides [`super::CHECK`].
pub static CHECK_ROLE: Section = Section {
    title: "[checks.NAME] of a database",
    keys: &[
        key(
            "role",
            Kind::OneOf(&["primary", "standby"]),
            Fallback::Words("any"),
            "role that an endpoint must have to be answered; another one counts at once, without `fall`",
        ),
        key(
            "max_lag",
            Kind::Duration(Duration::from_millis(1), Duration::from_secs(7 * 86_400)),
            Fallback::Nothing,
            "how far a standby may be behind its primary; one that cannot say is too far. Beside `role = \"primary\"` it counts for exclusive services alone",
        ),
    ],
    later: &[],
};

/// `[checks.NAME]` with `type = "postgres"`.
pub static CHECK_POSTGRES: Section = Section {
    title: "[checks.NAME] of type postgres",
    keys: &[
        key(
            "user",
            Kind::Text,
            Fallback::Text(defaults::POSTGRES_USER),
            "role that logs in",
        ),
        PASSWORD_FILE,
        key(
            "database",
            Kind::Text,
            Fallback::Text(defaults::POSTGRES_DATABASE),
            "database that is entered",
        ),
        key(
            "tls",
            Kind::OneOf(&["disable", "prefer", "require"]),
            Fallback::Text(defaults::POSTGRES_TLS),
            "whether TLS is asked for",
        ),
    ],
    later: &[],
};

/// `[checks.NAME]` with `type = "redis"`.
pub static CHECK_REDIS: Section = Section {
    title: "[checks.NAME] of type redis",
    keys: &[
        key(
            "user",
            Kind::Text,
            Fallback::Words("the server's default user"),
            "ACL user that logs in",
        ),
        PASSWORD_FILE,
        key(
            "tls",
            Kind::Boolean,
            Fallback::Boolean(defaults::REDIS_TLS),
            "whether TLS is spoken, to Sentinels too",
        ),
        key(
            "sentinels",
            Kind::Sockets,
            Fallback::Nothing,
            "Sentinels of which a majority must name this endpoint before it counts as the primary",
        ),
        key(
            "master",
            Kind::Text,
            Fallback::Words("required with `sentinels`"),
            "what the Sentinels call the master",
        ),
    ],
    later: &[],
};

/// `[checks.NAME]` with `type = "patroni"`.
pub static CHECK_PATRONI: Section = Section {
    title: "[checks.NAME] of type patroni",
    keys: &[
        key(
            "tls",
            Kind::Boolean,
            Fallback::Boolean(defaults::PATRONI_TLS),
            "whether its REST API speaks `https`",
        ),
        key(
            "host",
            Kind::Text,
            Fallback::Words("the address"),
            "`Host` header, and the name in SNI unless `sni` says otherwise",
        ),
    ],
    later: &[],
};
