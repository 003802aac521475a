//! What the command line takes. This file and those in `arguments/` are also part of `build.rs`, which makes the man
//! pages and shell completions of them: they name clap, std, and what stands beside them in `cli`, nothing else.

#[path = "arguments/access.rs"]
mod access;
#[path = "arguments/ask.rs"]
mod ask;
#[path = "arguments/drill.rs"]
mod drill;
#[path = "arguments/events.rs"]
mod events;
#[path = "arguments/files.rs"]
mod files;
#[path = "arguments/hand.rs"]
mod hand;
#[path = "arguments/serve.rs"]
mod serve;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use access::{RoleName, Token};
pub(crate) use ask::{Explain, Notifications, Overrides, Query, Receivers, Status};
pub(crate) use drill::{Drill, Look};
pub(crate) use events::{Events, LookBack};
pub(crate) use files::{Check, Demo, From, Import, Plan, Practice, Replay, Simulate};
pub(crate) use hand::{Drain, Failover, Force, Lasting, State, Target};
pub(crate) use serve::Serve;

/// hickory warns of malformed transactions, which anybody can send in any number.
pub(crate) const DEFAULT_LOG_LEVEL: &str = "info,hickory_proto=error,hickory_server=error";

/// What stands below the help of the program itself, and in its man page.
const AFTER: &str = "\
Exit codes:
  0  done
  1  it failed
  2  bad usage or bad configuration

Example:
  pointsman check && pointsman serve";

/// A DNS server that answers with the address of an endpoint that is healthy now.
#[derive(Debug, Parser)]
#[command(
    name = "pointsman",
    version = super::VERSION,
    arg_required_else_help = true,
    after_help = AFTER
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct Common {
    /// Server configuration [default: config/pointsman.toml, then /etc/pointsman/pointsman.toml]
    #[arg(long, global = true, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,
    /// Print data as JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// The running server's API, e.g. http://127.0.0.1:8053 [default: from the configuration]
    #[arg(long, global = true, value_name = "URL", value_hint = clap::ValueHint::Url)]
    pub(crate) api: Option<String>,
    /// The file that holds your token for the API [default: `[api] token_file`]
    #[arg(long, global = true, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub(crate) token_file: Option<PathBuf>,
    /// Certificates (PEM) to trust besides the system's, for an API over TLS
    #[arg(long, global = true, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub(crate) ca_file: Option<PathBuf>,
    /// Your certificate and its private key (PEM), for an API that asks for one
    #[arg(long, global = true, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub(crate) identity: Option<PathBuf>,
    /// When to colour: on a terminal (unless NO_COLOR is set), always, never
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    pub(crate) color: Color,
    /// How the log is written
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text, value_name = "FORMAT")]
    pub(crate) log_format: LogFormat,
    /// What is logged: error, warn, info, debug, trace, or per part, e.g. `info,pointsman::probe=debug`
    #[arg(long, global = true, default_value = DEFAULT_LOG_LEVEL, value_name = "LEVEL")]
    pub(crate) log_level: String,
}

/// When to colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Also into a pipe.
    Always,
    /// Nowhere.
    Never,
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
pub(crate) enum Command {
    /// Run the server
    #[command(
        after_help = "Examples:\n  pointsman serve --config /etc/pointsman/pointsman.toml\n  pointsman serve --takeover"
    )]
    Serve(Serve),
    /// The two-minute tour on this machine: two practice backends, one stops, the answer follows
    #[command(after_help = "Example:\n  pointsman demo")]
    Demo(Demo),
    /// Backends to practise with: HTTP servers that say they are well, until Ctrl-C
    #[command(after_help = "Example:\n  pointsman practice 127.0.0.2:8080 127.0.0.3:8080")]
    Practice(Practice),
    /// Read all configuration and zones, print every mistake and every service's promise
    #[command(after_help = "Example:\n  pointsman check --config config/pointsman.toml")]
    Check(Check),
    /// What is answered now and why: a table of services and endpoints
    #[command(after_help = "Examples:\n  pointsman status www.example.test\n  pointsman status --watch 1")]
    Status(Status),
    /// The decision for one question, step by step, with the exact answer
    #[command(after_help = "Example:\n  pointsman explain www.example.test A --client 192.0.2.7")]
    Explain(Explain),
    /// Ask a server over DNS: what a client gets
    #[command(
        after_help = "Examples:\n  pointsman query www.example.test\n  pointsman query www.example.test AAAA --server 192.0.2.53"
    )]
    Query(Query),
    /// Switch a failover service by hand
    #[command(after_help = "Example:\n  pointsman failover db.example.test --to nyc")]
    Failover(Failover),
    /// Rehearse a failover on the running server, measure it, revert it; or show reports
    #[command(
        after_help = "Examples:\n  pointsman drill www.example.test --for 30s --reason monthly\n  pointsman drill list"
    )]
    Drill(Drill),
    /// What happened, when, and who did it; whether the history is as it was written
    #[command(
        after_help = "Examples:\n  pointsman events www.example.test --since 2h\n  pointsman events --follow --alarms\n  pointsman events failovers\n  pointsman events verify"
    )]
    Events(Events),
    /// Make zones of what gdnsd, PowerDNS or Route 53 were told; lists what has no counterpart
    #[command(after_help = "Example:\n  pointsman import gdnsd /etc/gdnsd --out imported")]
    Import(Import),
    /// What another configuration would change: now, and under each single failure; and what has no standby
    #[command(after_help = "Example:\n  pointsman plan /etc/pointsman/next/pointsman.toml")]
    Plan(Plan),
    /// Feed recorded probes to a configuration, and show what it would have done
    #[command(
        after_help = "Example:\n  pointsman replay /var/lib/pointsman/probes.jsonl --config next/pointsman.toml"
    )]
    Replay(Replay),
    /// Let a written incident happen on virtual time, and hold it against its objective
    #[command(after_help = "Example:\n  pointsman simulate tests/scenarios/site-loss.toml")]
    Simulate(Simulate),
    /// Take endpoints out of the answers: no new client is sent there
    #[command(after_help = "Example:\n  pointsman drain '*/fra-*' --for 30m --reason 'new kernel'")]
    Drain(Drain),
    /// Let endpoints count as up or down, whatever their probes say
    #[command(
        after_help = "Example:\n  pointsman force down www.example.test/fra --reason 'serves old pages'"
    )]
    Force(Force),
    /// Lift what was laid upon endpoints by drain or force
    #[command(after_help = "Example:\n  pointsman release www.example.test/fra")]
    Release(Target),
    /// What operators laid upon endpoints, and until when
    #[command(after_help = "Example:\n  pointsman overrides --json")]
    Overrides(Overrides),
    /// Whom the server tells of events, and how that goes
    #[command(after_help = "Examples:\n  pointsman notifications\n  pointsman notifications test oncall")]
    Notifications(Notifications),
    /// Read the configuration and zones again; mistakes change nothing
    #[command(after_help = "Example:\n  pointsman reload")]
    Reload,
    /// Make a token for the API; prints it once, with the lines for the configuration
    #[command(after_help = "Example:\n  pointsman token --role operate alice > alice.token")]
    Token(Token),
    /// Print a shell's completions of this program's commands
    #[command(after_help = "\
Examples:
  pointsman completions bash > ~/.local/share/bash-completion/completions/pointsman
  pointsman completions zsh > ~/.zfunc/_pointsman
  pointsman completions fish > ~/.config/fish/completions/pointsman.fish")]
    Completions(Completions),
    /// Print a command's man page, or write them all into a folder
    #[command(after_help = "\
Examples:
  pointsman man status | man -l -
  pointsman man --out /usr/local/share/man/man1")]
    Man(Manual),
}

/// What `completions` takes.
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// Whose completions
    #[arg(value_enum)]
    pub(crate) shell: Shell,
}

/// A shell that completes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shell {
    /// bash, 4.4 and later.
    Bash,
    /// zsh.
    Zsh,
    /// fish.
    Fish,
}

/// What `man` takes.
#[derive(Debug, Args)]
pub(crate) struct Manual {
    /// A command, e.g. `status`, or `import gdnsd` [default: the program itself]
    #[arg(value_name = "COMMAND", conflicts_with = "out")]
    pub(crate) command: Vec<String>,
    /// Write all pages into this folder
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    pub(crate) out: Option<PathBuf>,
}
