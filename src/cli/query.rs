//! `pointsman query NAME [TYPE]`: what a client gets, over DNS.

use std::net::{IpAddr, SocketAddr};
use std::process::ExitCode;

use serde::Deserialize;

use crate::api::explain::rtype_named;
use crate::cli::{Common, Usage, arguments, client, dig, explain, output};
use crate::wire::name::Name;

/// Where DNS is when nobody says otherwise.
const PORT: u16 = 53;

/// Exit code 0 with an answer, whatever it says; 1 without one.
///
/// # Errors
/// When nothing that makes sense comes in time.
pub(super) fn run(common: &Common, options: &arguments::Query) -> anyhow::Result<ExitCode> {
    if let Err(error) = Name::from_text(&options.name) {
        return Err(Usage(format!("`{}` is no name: {error}", options.name)).into());
    }
    let Some(rtype) = rtype_named(&options.rtype) else {
        return Err(Usage(format!(
            "`{}` is no record type; write e.g. A, AAAA, TYPE65280",
            options.rtype
        ))
        .into());
    };
    let server = match &options.server {
        Some(said) => place(said)?,
        None => client::dns_of(common)?,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let answer = runtime.block_on(dig::ask(server, &options.name, rtype))?;
    if common.json {
        output::json(&answer)?;
    } else if options.short {
        let data = answer.answers.iter().filter_map(|record| dig::data(record));
        let lines: Vec<&str> = data.collect();
        if !lines.is_empty() {
            output::line(&lines.join("\n"));
        }
    } else {
        let answer = explain::Answer::deserialize(serde_json::to_value(answer)?)?;
        output::line(&explain::of_answer(&answer).join("\n"));
    }
    Ok(ExitCode::SUCCESS)
}

/// `127.0.0.1`, `127.0.0.1:5353`, `[::1]:5353`.
fn place(said: &str) -> Result<SocketAddr, Usage> {
    let alone = said
        .parse::<IpAddr>()
        .ok()
        .map(|address| SocketAddr::new(address, PORT));
    alone.or_else(|| said.parse().ok()).ok_or_else(|| {
        Usage(format!(
            "--server: `{said}` is no address; write e.g. 127.0.0.1:5353"
        ))
    })
}
