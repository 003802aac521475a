//! Commands: one file each. Exit codes: 0 done, 1 it failed, 2 bad usage or bad configuration.

mod arguments;
mod check;
mod client;
mod demo;
mod dig;
mod drill;
mod events;
mod explain;
mod failover;
mod hand;
mod import;
mod manual;
mod notifications;
mod offline;
mod output;
mod plan;
mod practice;
mod query;
mod reload;
mod replay;
mod serve;
mod simulate;
mod status;
mod table;
mod terminal;
mod token;
mod unanswered;
mod watch;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ColorChoice, CommandFactory, FromArgMatches, ValueEnum};

pub(crate) use arguments::Common;
use arguments::{Arguments, Color, Command};

/// Version and commit, as `--version` prints them.
pub const VERSION: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    " (commit ",
    env!("POINTSMAN_COMMIT"),
    ")"
);

/// Runs the command line.
#[must_use]
pub fn main() -> ExitCode {
    let color = color_said(std::env::args_os());
    terminal::choose(color);
    let command = Arguments::command().color(match color {
        Color::Auto => ColorChoice::Auto,
        Color::Always => ColorChoice::Always,
        Color::Never => ColorChoice::Never,
    });
    let parsed = command
        .try_get_matches()
        .and_then(|matches| Arguments::from_arg_matches(&matches));
    let arguments = match parsed {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are printed, too, and are no failure.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    let common = arguments.common;
    let done = match arguments.command {
        Command::Serve(options) => serve::run(&common, &options),
        Command::Demo(options) => demo::run(&common, &options),
        Command::Check(options) => check::run(&common, &options),
        Command::Status(options) => status::run(&common, &options),
        Command::Explain(options) => explain::run(&common, &options),
        Command::Query(options) => query::run(&common, &options),
        Command::Practice(options) => practice::run(&options),
        Command::Failover(options) => failover::run(&common, &options),
        Command::Drill(options) => drill::run(&common, &options),
        Command::Events(options) => events::run(&common, &options),
        Command::Import(options) => import::run(&common, &options),
        Command::Plan(options) => plan::run(&common, &options),
        Command::Replay(options) => replay::run(&common, &options),
        Command::Simulate(options) => simulate::run(&common, &options),
        Command::Drain(options) => hand::drain(&common, &options),
        Command::Force(options) => hand::force(&common, &options),
        Command::Release(options) => hand::release(&common, &options),
        Command::Overrides(options) => hand::overrides(&common, &options),
        Command::Notifications(options) => notifications::run(&common, &options),
        Command::Reload => reload::run(&common),
        Command::Token(options) => token::run(&common, &options),
        Command::Completions(options) => manual::completions(&options),
        Command::Man(options) => manual::pages(&options),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            output::fault(&format!("{error:#}"));
            if error.is::<NoConfiguration>() || error.is::<Usage>() {
                ExitCode::from(2)
            } else {
                ExitCode::FAILURE
            }
        }
    }
}

/// What `--color` says, before anything is parsed: errors of the parser are coloured, too.
fn color_said(arguments: impl Iterator<Item = OsString>) -> Color {
    let mut said = Color::Auto;
    let mut arguments = arguments.skip(1).take_while(|argument| argument != "--");
    while let Some(argument) = arguments.next() {
        let value = match argument.to_str() {
            Some("--color") => arguments.next(),
            Some(text) => text.strip_prefix("--color=").map(OsString::from),
            None => None,
        };
        let value = value.and_then(|value| Color::from_str(value.to_str()?, true).ok());
        said = value.unwrap_or(said);
    }
    said
}

/// What was said cannot be meant: exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub(crate) String);

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
