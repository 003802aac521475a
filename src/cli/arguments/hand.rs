//! Commands by which an operator changes what is answered.

use clap::{Args, ValueEnum};

use crate::config::duration;

/// Upon whom, and how.
#[derive(Debug, Args)]
pub(crate) struct Target {
    /// SERVICE/ENDPOINT, SERVICE/POOL, SERVICE, or a pattern like '*/fra-*'
    pub(crate) select: String,
    /// Who answers for it [default: $USER@HOST]
    #[arg(long, value_name = "OWNER")]
    pub(crate) owner: Option<String>,
    /// Go past what would refuse it for safety (recorded)
    #[arg(long)]
    pub(crate) break_glass: bool,
    /// Only say what would change
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// Why, and for how long.
#[derive(Debug, Args)]
pub(crate) struct Lasting {
    /// Why, for whoever looks at it
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// For how long, e.g. 30m [default: until it is released]
    #[arg(long = "for", value_name = "TIME", value_parser = time)]
    pub(crate) lasting: Option<String>,
}

/// What `drain` takes.
#[derive(Debug, Args)]
pub(crate) struct Drain {
    #[command(flatten)]
    pub(crate) target: Target,
    #[command(flatten)]
    pub(crate) lasting: Lasting,
    /// Wait until no compliant cache holds an address any more: then the server may be stopped
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) wait: bool,
}

/// What `force` takes.
#[derive(Debug, Args)]
pub(crate) struct Force {
    /// What it shall count as
    #[arg(value_enum)]
    pub(crate) state: State,
    #[command(flatten)]
    pub(crate) target: Target,
    #[command(flatten)]
    pub(crate) lasting: Lasting,
}

/// What an endpoint is forced to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum State {
    /// It counts as up.
    Up,
    /// It counts as down.
    Down,
}

/// What `failover` takes.
#[derive(Debug, Args)]
pub(crate) struct Failover {
    /// The service's name, e.g. db.example.test
    pub(crate) service: String,
    /// The endpoint to switch to [default: the next healthy one]
    #[arg(long, value_name = "ENDPOINT")]
    pub(crate) to: Option<String>,
    /// Go past what would refuse it for safety (recorded)
    #[arg(long)]
    pub(crate) break_glass: bool,
    /// Only say what would change
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// Refuses what is no time before anything is asked of the server.
fn time(text: &str) -> Result<String, duration::DurationError> {
    duration::parse(text).map(|_| text.to_owned())
}
