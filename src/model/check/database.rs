//! Settings of the checks that ask databases.

use std::fmt;
use std::net::SocketAddr;

use crate::model::check::Security;

/// A password. Never shown: its `Debug` says nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps `text`.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text, for whoever it is meant for.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

/// Whether TLS is spoken to a server that can do both on one port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsUse {
    /// Never.
    #[default]
    Disable,
    /// When the server can.
    Prefer,
    /// Always; a server that cannot fails.
    Require,
}

/// Settings of `postgres`.
#[derive(Clone, Debug, PartialEq)]
pub struct PostgresCheck {
    /// Who asks.
    pub user: String,
    /// What proves it, where the server wants proof.
    pub password: Option<Secret>,
    /// Which database is entered.
    pub database: String,
    /// Whether TLS is spoken.
    pub tls: TlsUse,
    /// How.
    pub security: Security,
}

/// Settings of `redis`.
#[derive(Clone, Debug, PartialEq)]
pub struct RedisCheck {
    /// Who asks; `None`: the server's default user.
    pub user: Option<String>,
    /// What proves it; `None`: nothing is proved.
    pub password: Option<Secret>,
    /// Whether TLS is spoken, to Sentinels too.
    pub tls: bool,
    /// How.
    pub security: Security,
    /// Who must agree that a master is the master.
    pub sentinels: Option<Sentinels>,
}

/// The Sentinels of a Redis master.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sentinels {
    /// Where they listen; at least one, none twice.
    pub addresses: Vec<SocketAddr>,
    /// What they call the master.
    pub master: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_show_itself() {
        let check = RedisCheck {
            user: None,
            password: Some(Secret::new("hunter2".to_owned())),
            tls: false,
            security: Security::default(),
            sentinels: None,
        };
        assert!(!format!("{check:?}").contains("hunter2"));
        assert_eq!(check.password.unwrap().reveal(), "hunter2");
    }
}
