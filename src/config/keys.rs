//! Every key that may be written, by table: its kind, range, default and purpose. The reader, the messages about
//! unknown keys, `check --defaults` and `docs/configuration.md` all follow these rows.

use std::fmt;
use std::time::Duration;

use crate::config::duration;

mod abuse;
mod access;
mod api;
mod around;
mod check;
mod database;
mod drill;
mod encrypted;
mod exec;
mod facets;
mod hand;
mod history;
mod member;
mod metrics;
mod notify;
mod on_failover;
mod process;
mod server;
mod tsig;
mod ttl;
mod unprobed;
mod zone;

pub use abuse::{DNS_COOKIES, DNS_RATE_LIMIT};
pub use access::{ACCESS, DNS_TRANSFERS};
pub use api::{API, API_CLIENT, API_TLS, API_TOKEN};
pub use around::{GEO, ISOLATION, RESOLVER};
pub use check::{
    BODY_JSON, CHECK, CHECK_DNS, CHECK_GRPC, CHECK_HTTP, CHECK_ICMP, CHECK_SECURITY, CHECK_TCP, CHECK_TLS,
    CHECK_TYPES, LATER_CHECK_TYPES, ROLE_TYPES,
};
pub use database::{CHECK_PATRONI, CHECK_POSTGRES, CHECK_REDIS, CHECK_ROLE};
pub use drill::DRILL;
pub use encrypted::{DNS_ENCRYPTED, DNS_HTTPS, DNS_QUIC, DNS_TLS};
pub use exec::CHECK_EXEC;
pub use facets::{BINDING, MX, SRV};
pub use hand::{OVERRIDE, OVERRIDES, OVERRIDES_FILE, SAFETY};
pub use history::HISTORY;
pub use metrics::METRICS;
pub use notify::NOTIFY;
pub use on_failover::ON_FAILOVER;
pub use process::PROCESS;
pub use server::{DEFAULTS, DEFAULTS_CHECK, DNS, DNS_TCP, PROBES, SERVER, STATE, ZONES};
pub use tsig::KEY;
pub use ttl::TTL;
pub use unprobed::{CHECK_COMBINED, CHECK_HEARTBEAT};
pub use zone::{ENDPOINT, POLICIES, POOL, SERVICE, STICKY_PREFIX, TRANSFER, ZONE};

/// All tables, in the order of the documentation.
pub static SECTIONS: &[&Section] = &[
    &SERVER,
    &DNS,
    &DNS_TCP,
    &DNS_COOKIES,
    &DNS_RATE_LIMIT,
    &DNS_TRANSFERS,
    &DNS_TLS,
    &DNS_QUIC,
    &DNS_HTTPS,
    &DNS_ENCRYPTED,
    &ZONES,
    &STATE,
    &HISTORY,
    &PROCESS,
    &API,
    &API_TLS,
    &API_TOKEN,
    &API_CLIENT,
    &METRICS,
    &DEFAULTS,
    &DEFAULTS_CHECK,
    &PROBES,
    &RESOLVER,
    &ISOLATION,
    &GEO,
    &SAFETY,
    &OVERRIDES,
    &DRILL,
    &KEY,
    &NOTIFY,
    &ZONE,
    &TRANSFER,
    &ACCESS,
    &CHECK,
    &CHECK_HTTP,
    &BODY_JSON,
    &CHECK_TCP,
    &CHECK_TLS,
    &CHECK_EXEC,
    &CHECK_DNS,
    &CHECK_ICMP,
    &CHECK_GRPC,
    &CHECK_SECURITY,
    &CHECK_ROLE,
    &CHECK_POSTGRES,
    &CHECK_REDIS,
    &CHECK_PATRONI,
    &CHECK_HEARTBEAT,
    &CHECK_COMBINED,
    &SERVICE,
    &POOL,
    &ENDPOINT,
    &STICKY_PREFIX,
    &TTL,
    &SRV,
    &MX,
    &BINDING,
    &ON_FAILOVER,
    &OVERRIDES_FILE,
    &OVERRIDE,
];

/// A table of a file.
#[derive(Debug)]
pub struct Section {
    /// As the documentation calls it: `[dns]`.
    pub title: &'static str,
    /// What may be written in it.
    pub keys: &'static [Key],
    /// Keys of the contract that this version does not have, and what to write instead.
    pub later: &'static [(&'static str, &'static str)],
}

impl Section {
    /// The row of `name`.
    #[must_use]
    pub fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }
}

/// One key.
#[derive(Debug)]
pub struct Key {
    /// As written.
    pub name: &'static str,
    /// What may be written.
    pub kind: Kind,
    /// What holds when nothing is written.
    pub default: Fallback,
    /// What it is for, a sentence without a full stop.
    pub about: &'static str,
}

/// What may be written for a key.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// `true` or `false`.
    Boolean,
    /// A text, or `false` for none.
    TextOrFalse,
    /// Any text.
    Text,
    /// A path, relative to the folder of the file it stands in (`records`: to the zones directory).
    Path,
    /// A domain name.
    Name,
    /// A list of domain names.
    Names,
    /// A text or a list of texts.
    Texts,
    /// A duration within a range.
    Duration(Duration, Duration),
    /// A whole number within a range.
    Integer(i64, i64),
    /// A number between two others, neither of them included.
    Between(f64, f64),
    /// A share above 0 and up to 1, or a percentage.
    Share,
    /// One of these texts.
    OneOf(&'static [&'static str]),
    /// An IP address or a list of them.
    Addresses,
    /// `ADDRESS:PORT`.
    Socket,
    /// `ADDRESS:PORT`, or `false` for none.
    SocketOrFalse,
    /// `ADDRESS:PORT` or a list of them.
    Sockets,
    /// A list of networks `ADDRESS/LENGTH`.
    Networks,
    /// A table described elsewhere.
    Table(&'static str),
    /// Several forms, in words.
    Forms(&'static str),
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean => f.write_str("`true` or `false`"),
            Self::TextOrFalse => f.write_str("text, or `false`"),
            Self::Text => f.write_str("text"),
            Self::Path => f.write_str("path"),
            Self::Name => f.write_str("domain name"),
            Self::Names => f.write_str("list of domain names"),
            Self::Texts => f.write_str("text or list of texts"),
            Self::Duration(least, most) => {
                write!(
                    f,
                    "duration, {} to {}",
                    duration::text(*least),
                    duration::text(*most)
                )
            }
            Self::Integer(least, most) => write!(f, "whole number, {least} to {most}"),
            Self::Between(least, most) => write!(f, "number between {least} and {most}"),
            Self::Share => f.write_str("percentage (`\"50%\"`) or share (`0.5`), above 0 and up to 1"),
            Self::OneOf(choices) => {
                let quoted: Vec<String> = choices.iter().map(|choice| format!("`\"{choice}\"`")).collect();
                f.write_str(&quoted.join(", "))
            }
            Self::Addresses => f.write_str("IP address or list of them"),
            Self::Socket => f.write_str("`ADDRESS:PORT`"),
            Self::SocketOrFalse => f.write_str("`ADDRESS:PORT`, or `false`"),
            Self::Sockets => f.write_str("`ADDRESS:PORT` or list of them"),
            Self::Networks => f.write_str("list of networks `ADDRESS/LENGTH`"),
            Self::Table(which) => write!(f, "table, see `{which}`"),
            Self::Forms(words) => f.write_str(words),
        }
    }
}

/// What holds when a key is not written.
#[derive(Clone, Copy, Debug)]
pub enum Fallback {
    /// It must be written.
    Required,
    /// Nothing.
    Nothing,
    /// In words.
    Words(&'static str),
    /// This text.
    Text(&'static str),
    /// This duration.
    Duration(Duration),
    /// This whole number.
    Integer(i64),
    /// This number.
    Number(f64),
    /// This.
    Boolean(bool),
}

/// As in TOML, for those that can be written.
impl fmt::Display for Fallback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Required => f.write_str("required"),
            Self::Nothing => f.write_str("none"),
            Self::Words(words) => f.write_str(words),
            Self::Text(text) => write!(f, "`\"{text}\"`"),
            Self::Duration(length) => write!(f, "`\"{}\"`", duration::text(*length)),
            Self::Integer(number) => write!(f, "`{number}`"),
            Self::Number(number) => write!(f, "`{number:e}`"),
            Self::Boolean(yes) => write!(f, "`{yes}`"),
        }
    }
}

/// A row, in one line of the tables below.
const fn key(name: &'static str, kind: Kind, default: Fallback, about: &'static str) -> Key {
    Key {
        name,
        kind,
        default,
        about,
    }
}
