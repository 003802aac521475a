//! What `drill` takes.

use clap::{Args, Subcommand};

use crate::config::duration;

/// A failover to be rehearsed, or reports of those that were.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, arg_required_else_help = true)]
pub(crate) struct Drill {
    #[command(subcommand)]
    pub(crate) look: Option<Look>,
    /// The service's name, e.g. www.example.test
    #[arg(required = true)]
    pub(crate) service: Option<String>,
    /// How long the endpoint is taken for failed at the most
    #[arg(long = "for", value_name = "TIME", default_value = "30s", value_parser = time)]
    pub(crate) lasting: String,
    /// The endpoint that shall seem to fail [default: the one that is answered]
    #[arg(long, value_name = "ENDPOINT")]
    pub(crate) endpoint: Option<String>,
    /// Why, for whoever looks at it
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// Who answers for it [default: $USER@HOST]
    #[arg(long, value_name = "OWNER")]
    pub(crate) owner: Option<String>,
    /// Go past `[safety]` (recorded)
    #[arg(long)]
    pub(crate) break_glass: bool,
    /// Only say what would happen, or which rule stands against it
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// Reports that are kept.
#[derive(Debug, Subcommand)]
pub(crate) enum Look {
    /// Drills that are kept, the latest first
    #[command(after_help = "Example:\n  pointsman drill list")]
    List,
    /// The report of one drill
    #[command(after_help = "Example:\n  pointsman drill show 7")]
    Show {
        /// Its number
        id: u64,
    },
}

/// Refuses what is no time before anything is asked of the server.
fn time(text: &str) -> Result<String, duration::DurationError> {
    duration::parse(text).map(|_| text.to_owned())
}
