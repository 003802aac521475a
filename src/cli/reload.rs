//! `pointsman reload`: the running server reads its files again.

use std::process::ExitCode;

use serde_json::{Value, json};

use crate::cli::client::Client;
use crate::cli::unanswered::Unanswered;
use crate::cli::{Common, output};

/// Exit code 0 when the new configuration is in force, 2 when it was refused.
///
/// # Errors
/// When no server answers.
pub(super) fn run(common: &Common) -> anyhow::Result<ExitCode> {
    match Client::new(common)?.post::<Value>("/v1/reload", &json!({})) {
        Ok(answer) if common.json => output::json(&answer)?,
        Ok(answer) => output::line(answer.get("detail").and_then(Value::as_str).unwrap_or("reloaded")),
        Err(Unanswered::Refused { status: 422, detail }) => {
            output::fault(&format!("nothing was changed:\n{detail}"));
            return Ok(ExitCode::from(2));
        }
        Err(other) => return Err(other.into()),
    }
    Ok(ExitCode::SUCCESS)
}
