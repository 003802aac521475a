//! What the commands that let somebody in take.

use clap::{Args, ValueEnum};

/// What `token` takes.
#[derive(Debug, Args)]
pub(crate) struct Token {
    /// Who will have it, for the audit
    pub(crate) name: String,
    /// What it allows
    #[arg(long, value_enum, default_value_t = RoleName::Read)]
    pub(crate) role: RoleName,
}

/// What somebody may do; each role may what the one before may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RoleName {
    /// Look at everything
    Read,
    /// Steer: drain, force, release, switch, drill, plan
    Operate,
    /// Put another configuration in force
    Admin,
}
