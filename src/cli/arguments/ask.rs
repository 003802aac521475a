//! Commands that look and change nothing.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use clap::{Args, Subcommand};

/// What `status` takes.
#[derive(Debug, Args)]
pub(crate) struct Status {
    /// One service's name, e.g. www.example.test [default: all]
    pub(crate) service: Option<String>,
    #[command(flatten)]
    pub(crate) watch: Watch,
}

/// What `overrides` takes.
#[derive(Debug, Args)]
pub(crate) struct Overrides {
    #[command(flatten)]
    pub(crate) watch: Watch,
}

/// What `notifications` takes.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Notifications {
    #[command(flatten)]
    pub(crate) watch: Watch,
    #[command(subcommand)]
    pub(crate) what: Option<Receivers>,
}

/// What can be done with receivers of notifications.
#[derive(Debug, Subcommand)]
pub(crate) enum Receivers {
    /// Send a test to a receiver, and say how it went
    #[command(after_help = "Example:\n  pointsman notifications test oncall")]
    Test {
        /// The receiver's name, as `pointsman notifications` lists it
        name: String,
    },
}

/// Looking again and again.
#[derive(Debug, Args)]
pub(crate) struct Watch {
    /// Look again every SECONDS, until Ctrl-C; on a terminal it is drawn in place
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "2", value_parser = seconds)]
    pub(crate) watch: Option<Duration>,
}

/// What `explain` takes.
#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// The name that is asked for
    pub(crate) name: String,
    /// The type that is asked for
    #[arg(value_name = "TYPE", default_value = "A")]
    pub(crate) rtype: String,
    /// The address that asks
    #[arg(long, value_name = "IP", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    pub(crate) client: IpAddr,
    /// The network that it tells of its own client (EDNS Client Subnet), where its word is taken
    #[arg(long, value_name = "NETWORK")]
    pub(crate) ecs: Option<String>,
    /// The throw of the dice that policies with chance go by, 0..2^64
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) dice: u64,
    /// Do not ask a running server: decide on the configuration, every endpoint taken as up
    #[arg(long)]
    pub(crate) offline: bool,
}

/// What `query` takes.
#[derive(Debug, Args)]
pub(crate) struct Query {
    /// The name that is asked for
    pub(crate) name: String,
    /// The type that is asked for
    #[arg(value_name = "TYPE", default_value = "A")]
    pub(crate) rtype: String,
    /// Who is asked: an address, with a port where it is not 53 [default: `[dns] listen` of the configuration]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) server: Option<String>,
    /// The records' data alone, a line each
    #[arg(long)]
    pub(crate) short: bool,
}

/// `2`, `0.5`, `1m`: a tenth of a second at the least, a day at the most.
fn seconds(text: &str) -> Result<Duration, String> {
    let plain = text
        .parse::<f64>()
        .ok()
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let found = plain.or_else(|| crate::config::duration::parse(text).ok());
    match found {
        Some(every) if (Duration::from_millis(100)..=Duration::from_secs(86_400)).contains(&every) => {
            Ok(every)
        }
        Some(_) => Err("write a time from 0.1 to 86400 seconds".to_owned()),
        None => Err("it is no time: write e.g. `--watch 2`, and what is watched before it".to_owned()),
    }
}
