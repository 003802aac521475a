//! `pointsman notifications`: whom the server tells of events, and how that goes; `… test NAME` tries one.

use std::process::ExitCode;

use serde_json::{Value, json};

use crate::announce::status::HookStatus;
use crate::cli::arguments::{Notifications, Receivers};
use crate::cli::client::Client;
use crate::cli::table::{self, Cell, Column};
use crate::cli::{Common, hand, output, watch};

/// What stands in the table.
const COLUMNS: [Column; 8] = [
    Column::new("RECEIVER"),
    Column::new("TO").spare(1),
    Column::new("FORMAT").spare(3),
    Column::new("OWED"),
    Column::new("DELIVERED").spare(2),
    Column::new("FAILED").spare(4),
    Column::new("GIVEN UP"),
    Column::new("LAST").wraps(),
];

/// Asks the running server.
///
/// # Errors
/// When no server answers, or it refuses.
pub(super) fn run(common: &Common, options: &Notifications) -> anyhow::Result<ExitCode> {
    if let Some(Receivers::Test { name }) = &options.what {
        return test(common, &Client::new(common)?, name);
    }
    let look = |client: &Client| Ok(client.get("/v1/notifications", &[])?);
    watch::show(common, options.watch.watch, look, text)
}

fn text(answer: &Value) -> anyhow::Result<String> {
    let items = answer.get("items").cloned().unwrap_or_default();
    let items: Vec<HookStatus> = serde_json::from_value(items)?;
    if items.is_empty() {
        return Ok("nobody is told of events; write a [[notify]] in pointsman.toml".to_owned());
    }
    let rows: Vec<Vec<Cell>> = items.iter().map(row).collect();
    Ok(table::show(&COLUMNS, &rows))
}

fn row(receiver: &HookStatus) -> Vec<Cell> {
    let last = match (&receiver.last_error, receiver.last_success_unix_ms) {
        (Some(error), _) => error.text.clone(),
        (None, Some(_)) => "confirmed".to_owned(),
        (None, None) => "-".to_owned(),
    };
    let texts = [
        receiver.name.clone(),
        receiver.to.clone(),
        receiver.format.clone(),
        receiver.pending.to_string(),
        receiver.delivered.to_string(),
        receiver.failed.to_string(),
        receiver.given_up.to_string(),
        last,
    ];
    texts.into_iter().map(Cell::from).collect()
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
