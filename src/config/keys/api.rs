//! Keys of the API and of who may use it.

use super::{Fallback, Kind, Section, key};
use crate::config::defaults;

/// Names of roles.
const ROLES: &[&str] = &["read", "operate", "admin"];

/// `[api]`
pub static API: Section = Section {
    title: "[api]",
    keys: &[
        key(
            "listen",
            Kind::SocketOrFalse,
            Fallback::Text(defaults::API_LISTEN),
            "REST API, metrics and dashboard; `false` for none",
        ),
        key(
            "token_file",
            Kind::Path,
            Fallback::Nothing,
            "file with a token of the role `admin`",
        ),
        key(
            "loopback",
            Kind::OneOf(&["none", "read", "operate", "admin"]),
            Fallback::Words("`\"admin\"` while there is neither a token nor `client_ca`, else `\"none\"`"),
            "what whoever shows nothing may do from this machine",
        ),
        key(
            "tls",
            Kind::Table("[api.tls]"),
            Fallback::Nothing,
            "certificates; required when `listen` is not loopback",
        ),
        key(
            "tokens",
            Kind::Table("[[api.tokens]]"),
            Fallback::Nothing,
            "who is known by a token",
        ),
        key(
            "clients",
            Kind::Table("[[api.clients]]"),
            Fallback::Nothing,
            "who is known by a certificate",
        ),
    ],
    later: &[],
};

/// `[api.tls]`
pub static API_TLS: Section = Section {
    title: "[api.tls]",
    keys: &[
        key(
            "certificate",
            Kind::Path,
            Fallback::Required,
            "PEM file with the API's certificate and those that lead to its authority; read again at every reload",
        ),
        key("key", Kind::Path, Fallback::Required, "PEM file with its key"),
        key(
            "client_ca",
            Kind::Path,
            Fallback::Words("clients need no certificate"),
            "PEM file with the authorities of client certificates",
        ),
    ],
    later: &[],
};

/// `[[api.tokens]]`
pub static API_TOKEN: Section = Section {
    title: "[[api.tokens]]",
    keys: &[
        key(
            "name",
            Kind::Text,
            Fallback::Required,
            "who has it, for the audit",
        ),
        key("role", Kind::OneOf(ROLES), Fallback::Required, "what it allows"),
        key(
            "sha256",
            Kind::Text,
            Fallback::Required,
            "hash of the token in hexadecimal, as `pointsman token` prints it",
        ),
    ],
    later: &[],
};

/// `[[api.clients]]`
pub static API_CLIENT: Section = Section {
    title: "[[api.clients]]",
    keys: &[
        key(
            "name",
            Kind::Text,
            Fallback::Required,
            "common name or an alternative name of the certificate",
        ),
        key("role", Kind::OneOf(ROLES), Fallback::Required, "what it allows"),
    ],
    later: &[],
};
