//! `pointsman failover SERVICE [--to ENDPOINT]`: a switch by hand.

use std::process::ExitCode;

use serde_json::{Value, json};

use crate::cli::client::Client;
use crate::cli::{Common, hand, output};

/// What the command takes.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// The service's name, e.g. db.example.test
    service: String,
    /// The endpoint to switch to [default: the next healthy one]
    #[arg(long, value_name = "ENDPOINT")]
    to: Option<String>,
    /// Go past what would refuse it for safety (recorded)
    #[arg(long)]
    break_glass: bool,
    /// Only say what would change
    #[arg(long)]
    dry_run: bool,
}

/// Asks the running server; a refusal says which rule stands against it.
///
/// # Errors
/// When no server answers, or it refuses.
pub(super) fn run(common: &Common, options: &Options) -> anyhow::Result<ExitCode> {
    let body = json!({
        "service": options.service, "to": options.to, "owner": hand::whoami(),
        "break_glass": options.break_glass, "dry_run": options.dry_run,
    });
    let answer: Value = Client::new(common)?.post("/v1/failover", &body)?;
    if common.json {
        output::json(&answer)?;
    } else {
        output::line(answer.get("detail").and_then(Value::as_str).unwrap_or("done"));
    }
    Ok(ExitCode::SUCCESS)
}
