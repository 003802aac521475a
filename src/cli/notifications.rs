//! `pointsman notifications`: whom the server tells of events, and how that goes; `… test NAME` tries one.

use std::process::ExitCode;

use serde_json::{Value, json};

use crate::announce::status::HookStatus;
use crate::cli::client::Client;
use crate::cli::{Common, hand, output, table};

/// What the command takes.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Send a test to a receiver, and say how it went
    Test {
        /// The receiver's name, as `pointsman notifications` lists it
        name: String,
    },
}

#[derive(Debug, serde::Deserialize, serde::Serialize)]
struct Receivers {
    items: Vec<HookStatus>,
}

/// Asks the running server.
///
/// # Errors
/// When no server answers, or it refuses.
pub(super) fn run(common: &Common, options: &Options) -> anyhow::Result<ExitCode> {
    let client = Client::new(common)?;
    match &options.what {
        None => list(common, &client),
        Some(What::Test { name }) => test(common, &client, name),
    }
}

fn list(common: &Common, client: &Client) -> anyhow::Result<ExitCode> {
    let receivers: Receivers = client.get("/v1/notifications", &[])?;
    if common.json {
        output::json(&receivers)?;
        return Ok(ExitCode::SUCCESS);
    }
    if receivers.items.is_empty() {
        output::line("nobody is told of events; write a [[notify]] in pointsman.toml");
        return Ok(ExitCode::SUCCESS);
    }
    let rows: Vec<Vec<String>> = receivers.items.iter().map(row).collect();
    let heads = [
        "RECEIVER",
        "TO",
        "FORMAT",
        "OWED",
        "DELIVERED",
        "FAILED",
        "GIVEN UP",
        "LAST",
    ];
    output::line(&table::render(&heads, &rows));
    for receiver in &receivers.items {
        if let Some(error) = &receiver.last_error {
            output::line(&format!("{}: {}", receiver.name, error.text));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn row(receiver: &HookStatus) -> Vec<String> {
    let last = match (&receiver.last_error, receiver.last_success_unix_ms) {
        (Some(_), _) => "failed",
        (None, Some(_)) => "confirmed",
        (None, None) => "-",
    };
    vec![
        receiver.name.clone(),
        receiver.to.clone(),
        receiver.format.clone(),
        receiver.pending.to_string(),
        receiver.delivered.to_string(),
        receiver.failed.to_string(),
        receiver.given_up.to_string(),
        last.to_owned(),
    ]
}

fn test(common: &Common, client: &Client, name: &str) -> anyhow::Result<ExitCode> {
    // A name with a slash is nobody's; as it stands it would be another path.
    let path: String = name
        .bytes()
        .map(|octet| match octet {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(octet).to_string(),
            _ => format!("%{octet:02X}"),
        })
        .collect();
    let body = json!({ "owner": hand::whoami() });
    let answer: Value = client.post(&format!("/v1/notifications/{path}/test"), &body)?;
    if common.json {
        output::json(&answer)?;
    } else {
        output::line(answer.get("detail").and_then(Value::as_str).unwrap_or("done"));
    }
    let delivered = answer.get("delivered").and_then(Value::as_bool).unwrap_or(false);
    Ok(if delivered {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
