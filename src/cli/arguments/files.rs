//! Commands that work on files.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

/// What `demo` takes.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Leave after the tour instead of staying up until Ctrl-C
    #[arg(long)]
    pub(crate) once: bool,
}

/// What `practice` takes.
#[derive(Debug, Args)]
pub(crate) struct Practice {
    /// Where to listen: an address and a port each, e.g. 127.0.0.2:8080
    #[arg(value_name = "ADDRESS:PORT", required = true)]
    pub(crate) addresses: Vec<std::net::SocketAddr>,
}

/// What `check` takes.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// Print every setting's default with its reason, and leave
    #[arg(long)]
    pub(crate) defaults: bool,
}

/// What `plan` takes.
#[derive(Debug, Args)]
pub(crate) struct Plan {
    /// The configuration that would be put in force (its `pointsman.toml`)
    #[arg(value_name = "NEW_CONFIG", value_hint = ValueHint::FilePath)]
    pub(crate) new: PathBuf,
    /// Do not ask a running server: compare with the configuration, every endpoint taken as up
    #[arg(long)]
    pub(crate) offline: bool,
    /// Exit with 0 although names would be left with nothing healthy
    #[arg(long)]
    pub(crate) acknowledge: bool,
}

/// What `replay` takes.
#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// Recordings in the order of time: NAME.1, then NAME (`[state] record`)
    #[arg(value_name = "RECORDING", required = true, value_hint = ValueHint::FilePath)]
    pub(crate) files: Vec<PathBuf>,
    /// Only what differs
    #[arg(long)]
    pub(crate) differences: bool,
}

/// What `simulate` takes.
#[derive(Debug, Args)]
pub(crate) struct Simulate {
    /// Scenario files
    #[arg(value_name = "SCENARIO.toml", required = true, value_hint = ValueHint::FilePath)]
    pub(crate) files: Vec<PathBuf>,
    /// Another seed than the scenario's: other jitter, losses and dice
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// Verdicts alone, without the timeline
    #[arg(long)]
    pub(crate) brief: bool,
}

/// What `import` takes.
#[derive(Debug, Args)]
pub(crate) struct Import {
    #[command(subcommand)]
    pub(crate) from: From,
    /// Where to write: pointsman.toml and zones/
    #[arg(long, global = true, value_name = "DIR", default_value = "imported", value_hint = ValueHint::DirPath)]
    pub(crate) out: PathBuf,
    /// Write over files that are there
    #[arg(long, global = true)]
    pub(crate) force: bool,
}

/// Whose configuration is read.
#[derive(Debug, Subcommand)]
pub(crate) enum From {
    /// A gdnsd configuration directory: `config` and `zones/`
    #[command(after_help = "Example:\n  pointsman import gdnsd /etc/gdnsd --out imported")]
    Gdnsd {
        /// The directory, e.g. /etc/gdnsd
        #[arg(value_hint = ValueHint::DirPath)]
        directory: PathBuf,
    },
    /// A PowerDNS zone file with LUA records
    #[command(after_help = "Example:\n  pointsman import powerdns example.com.zone --origin example.com")]
    Powerdns {
        /// The zone file
        #[arg(value_hint = ValueHint::FilePath)]
        zone: PathBuf,
        /// The zone's origin [default: the file's first `$ORIGIN`, else its name]
        #[arg(long)]
        origin: Option<String>,
    },
    /// Output of `aws route53 list-resource-record-sets`, with that of `list-health-checks`
    #[command(after_help = "Example:\n  pointsman import route53 sets.json --health-checks checks.json")]
    Route53 {
        /// The record sets
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
        /// The health checks, when they are in a file of their own
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        health_checks: Option<PathBuf>,
    },
}
