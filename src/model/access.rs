//! Who may ask what of the API.

use serde::{Deserialize, Serialize};

use crate::model::identity::Identity;

/// What somebody may do: each role may what the one before may.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Look at everything.
    Read,
    /// Steer: drain, force, release, switch, drill, plan.
    Operate,
    /// Put another configuration in force.
    Admin,
}

impl Role {
    /// All of them, the least first.
    pub const ALL: [Self; 3] = [Self::Read, Self::Operate, Self::Admin];

    /// As written in the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Operate => "operate",
            Self::Admin => "admin",
        }
    }

    /// The role with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == name)
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// `[api]` without its address: by what people and programs are known, and what that allows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApiAccess {
    /// Those of the file and of `token_file`.
    pub tokens: Vec<ApiToken>,
    /// `[[api.clients]]`.
    pub clients: Vec<ApiClient>,
    /// `[api.tls]`; `None`: plain HTTP, on loopback only.
    pub tls: Option<ApiTls>,
    /// `loopback`; `None`: not written.
    pub loopback: Option<Loopback>,
}

/// What whoever shows nothing may do from this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loopback {
    /// Nothing.
    Nothing,
    /// What this role may.
    Role(Role),
}

impl ApiAccess {
    /// What whoever shows nothing may do from this machine: what is written; else everything, as long as nobody can
    /// be told from anybody else.
    #[must_use]
    pub fn anonymous(&self) -> Option<Role> {
        match self.loopback {
            Some(Loopback::Role(role)) => Some(role),
            Some(Loopback::Nothing) => None,
            None => (!self.knows_somebody()).then_some(Role::Admin),
        }
    }

    /// Whether there is anything to be known by.
    #[must_use]
    pub fn knows_somebody(&self) -> bool {
        !self.tokens.is_empty() || self.tls.as_ref().is_some_and(|tls| !tls.client_ca.is_empty())
    }
}

/// A token, by its hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiToken {
    /// Who has it, for the audit.
    pub name: String,
    /// What it allows.
    pub role: Role,
    /// SHA-256 of the token.
    pub sha256: [u8; 32],
}

/// A client certificate, by a name that stands in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiClient {
    /// Its common name, or one of its alternative names.
    pub name: String,
    /// What it allows.
    pub role: Role,
}

/// What the API shows and believes as TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiTls {
    /// What it shows.
    pub identity: Identity,
    /// Authorities of client certificates, in DER; none: no client has one.
    pub client_ca: Vec<Vec<u8>>,
}
