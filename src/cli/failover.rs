//! `pointsman failover SERVICE [--to ENDPOINT]`: a switch by hand.

use std::process::ExitCode;

use serde_json::{Value, json};

use crate::cli::client::Client;
use crate::cli::{Common, arguments, hand, output};

/// Asks the running server; a refusal says which rule stands against it.
///
/// # Errors
/// When no server answers, or it refuses.
pub(super) fn run(common: &Common, options: &arguments::Failover) -> anyhow::Result<ExitCode> {
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
