//! What `events` takes.

use clap::{Args, Subcommand};

/// What happened.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Events {
    /// Only what concerns this service, e.g. www.example.test
    pub(crate) service: Option<String>,
    /// Go on with what happens from now on, until Ctrl-C
    #[arg(long, short)]
    pub(crate) follow: bool,
    /// Only these kinds, e.g. state-changed,answer-changed
    #[arg(long, value_name = "KIND,...")]
    pub(crate) kind: Option<String>,
    /// Only what happened in so much time, e.g. 2h
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// Only what somebody should look at
    #[arg(long)]
    pub(crate) alarms: bool,
    /// So many of the newest
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) limit: u16,
    #[command(subcommand)]
    pub(crate) look: Option<LookBack>,
}

/// Other looks at the history.
#[derive(Debug, Subcommand)]
pub(crate) enum LookBack {
    /// Whether every entry is as it was written; exit code 1 when not
    #[command(
        after_help = "Example:\n  pointsman events verify --offline --config /etc/pointsman/pointsman.toml"
    )]
    Verify {
        /// Read the state directory itself, without asking a server
        #[arg(long)]
        offline: bool,
    },
    /// Each change of an answer, from the first failed probe to the first changed answer
    #[command(after_help = "Example:\n  pointsman events failovers www.example.test")]
    Failovers {
        /// One service's name [default: all]
        service: Option<String>,
        /// So many of the newest
        #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
        limit: u16,
    },
}
