//! Commands: one file each. Exit codes: 0 done, 1 it failed, 2 bad usage or bad configuration.

mod check;
mod client;
mod demo;
mod dig;
mod explain;
mod failover;
mod hand;
mod import;
mod notifications;
mod offline;
mod output;
mod plan;
mod reload;
mod replay;
mod serve;
mod simulate;
mod status;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Version and commit, as `--version` prints them.
pub const VERSION: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    " (commit ",
    env!("POINTSMAN_COMMIT"),
    ")"
);

/// hickory warns of malformed transactions, which anybody can send in any number.
const DEFAULT_LOG_LEVEL: &str = "info,hickory_proto=error,hickory_server=error";

/// A DNS server that answers with the address of an endpoint that is healthy now.
#[derive(Debug, Parser)]
#[command(name = "pointsman", version = VERSION, arg_required_else_help = true)]
struct Arguments {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

/// What every command takes.
#[derive(Debug, Args)]
pub(crate) struct Common {
    /// Server configuration [default: config/pointsman.toml, then /etc/pointsman/pointsman.toml]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print data as JSON
    #[arg(long, global = true)]
    json: bool,
    /// The running server's API, e.g. http://127.0.0.1:8053 [default: from the configuration]
    #[arg(long, global = true, value_name = "URL")]
    api: Option<String>,
    /// How the log is written
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text, value_name = "FORMAT")]
    log_format: LogFormat,
    /// What is logged: error, warn, info, debug, trace, or per part, e.g. `info,pointsman::probe=debug`
    #[arg(long, global = true, default_value = DEFAULT_LOG_LEVEL, value_name = "LEVEL")]
    log_level: String,
}

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server
    #[command(after_help = "Example:\n  pointsman serve --config /etc/pointsman/pointsman.toml")]
    Serve,
    /// The two-minute tour on this machine: two practice backends, one stops, the answer follows
    #[command(after_help = "Example:\n  pointsman demo")]
    Demo(demo::Options),
    /// Read all configuration and zones, print every mistake and every service's promise
    #[command(after_help = "Example:\n  pointsman check --config config/pointsman.toml")]
    Check(check::Options),
    /// What is answered now and why: a table of services and endpoints
    #[command(after_help = "Example:\n  pointsman status www.example.test")]
    Status(status::Options),
    /// The decision for one question, step by step, with the exact answer
    #[command(after_help = "Example:\n  pointsman explain www.example.test A --client 192.0.2.7")]
    Explain(explain::Options),
    /// Switch a failover service by hand
    #[command(after_help = "Example:\n  pointsman failover db.example.test --to nyc")]
    Failover(failover::Options),
    /// Make zones of what gdnsd, PowerDNS or Route 53 were told; lists what has no counterpart
    #[command(after_help = "Example:\n  pointsman import gdnsd /etc/gdnsd --out imported")]
    Import(import::Options),
    /// What another configuration would change: now, and under each single failure; and what has no standby
    #[command(after_help = "Example:\n  pointsman plan /etc/pointsman/next/pointsman.toml")]
    Plan(plan::Options),
    /// Feed recorded probes to a configuration, and show what it would have done
    #[command(
        after_help = "Example:\n  pointsman replay /var/lib/pointsman/probes.jsonl --config next/pointsman.toml"
    )]
    Replay(replay::Options),
    /// Let a written incident happen on virtual time, and hold it against its objective
    #[command(after_help = "Example:\n  pointsman simulate tests/scenarios/site-loss.toml")]
    Simulate(simulate::Options),
    /// Take endpoints out of the answers: no new client is sent there
    #[command(after_help = "Example:\n  pointsman drain '*/fra-*' --for 30m --reason 'new kernel'")]
    Drain(hand::DrainOptions),
    /// Let endpoints count as up or down, whatever their probes say
    #[command(
        after_help = "Example:\n  pointsman force down www.example.test/fra --reason 'serves old pages'"
    )]
    Force(hand::ForceOptions),
    /// Lift what was laid upon endpoints by drain or force
    #[command(after_help = "Example:\n  pointsman release www.example.test/fra")]
    Release(hand::Target),
    /// What operators laid upon endpoints, and until when
    #[command(after_help = "Example:\n  pointsman overrides --json")]
    Overrides,
    /// Whom the server tells of events, and how that goes
    #[command(after_help = "Example:\n  pointsman notifications test oncall")]
    Notifications(notifications::Options),
    /// Read the configuration and zones again; mistakes change nothing
    #[command(after_help = "Example:\n  pointsman reload")]
    Reload,
}

/// Runs the command line.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are printed, too, and are no failure.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    let common = arguments.common;
    let done = match arguments.command {
        Command::Serve => serve::run(&common),
        Command::Demo(options) => demo::run(&common, &options),
        Command::Check(options) => check::run(&common, &options),
        Command::Status(options) => status::run(&common, &options),
        Command::Explain(options) => explain::run(&common, &options),
        Command::Failover(options) => failover::run(&common, &options),
        Command::Import(options) => import::run(&common, &options),
        Command::Plan(options) => plan::run(&common, &options),
        Command::Replay(options) => replay::run(&common, &options),
        Command::Simulate(options) => simulate::run(&common, &options),
        Command::Drain(options) => hand::drain(&common, &options),
        Command::Force(options) => hand::force(&common, &options),
        Command::Release(options) => hand::release(&common, &options),
        Command::Overrides => hand::overrides(&common),
        Command::Notifications(options) => notifications::run(&common, &options),
        Command::Reload => reload::run(&common),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            output::fault(&format!("{error:#}"));
            if error.is::<NoConfiguration>() {
                ExitCode::from(2)
            } else {
                ExitCode::FAILURE
            }
        }
    }
}

/// Neither named nor found.
#[derive(Debug, thiserror::Error)]
#[error(
    "no configuration: neither config/pointsman.toml nor /etc/pointsman/pointsman.toml exists; \
     name one with --config FILE, or try `pointsman demo`"
)]
pub(crate) struct NoConfiguration;

impl Common {
    /// The configuration file that was named, else the first default that exists.
    ///
    /// # Errors
    /// When there is none: says where it was looked for.
    pub(crate) fn config_file(&self) -> Result<PathBuf, NoConfiguration> {
        self.config
            .clone()
            .or_else(crate::config::load::default_path)
            .ok_or(NoConfiguration)
    }
}
