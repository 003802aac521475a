//! `pointsman status [SERVICE]`: what is answered now and why, and how every endpoint stands.

use std::process::ExitCode;

use serde::Deserialize;
use serde_json::Value;

use crate::cli::client::Client;
use crate::cli::{Common, output, table};

/// What the command takes.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// One service's name, e.g. www.example.test [default: all]
    service: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Service {
    service: String,
    policy: String,
    a: Answer,
    aaaa: Answer,
    ttl: u32,
    degraded: Option<String>,
    proposed: Option<String>,
    endpoints: Vec<Endpoint>,
}

#[derive(Debug, Deserialize)]
struct Answer {
    addresses: Vec<String>,
    why: String,
}

#[derive(Debug, Deserialize)]
struct Endpoint {
    name: String,
    answered: bool,
    addresses: Vec<Address>,
}

#[derive(Debug, Deserialize)]
struct Address {
    address: String,
    probe: Option<Probe>,
}

#[derive(Debug, Deserialize)]
struct Probe {
    check: String,
    effective: String,
    held: Option<String>,
    degraded: Option<String>,
    for_ms: u64,
    latency_us: Option<u64>,
    evidence: Option<Evidence>,
}

#[derive(Debug, Deserialize)]
struct Evidence {
    text: String,
}

/// Exit code 0 with the table.
///
/// # Errors
/// When no server answers, or there is no such service.
pub(super) fn run(common: &Common, options: &Options) -> anyhow::Result<ExitCode> {
    let query: Vec<(&str, &str)> = options
        .service
        .iter()
        .map(|service| ("service", service.as_str()))
        .collect();
    let status: Value = Client::new(common)?.get("/v1/status", &query)?;
    if common.json {
        output::json(&status)?;
        return Ok(ExitCode::SUCCESS);
    }
    let services = Vec::<Service>::deserialize(&status)?;
    output::line(&table::render(
        &["SERVICE", "POLICY", "ANSWERS", "TTL", "WHY"],
        &services.iter().map(of_service).collect::<Vec<_>>(),
    ));
    let rows: Vec<Vec<String>> = services.iter().flat_map(of_endpoints).collect();
    if !rows.is_empty() {
        output::line("");
        output::line(&table::render(
            &["ENDPOINT", "ADDRESS", "STATE", "FOR", "LATENCY", "CHECK", "NOTE"],
            &rows,
        ));
    }
    Ok(ExitCode::SUCCESS)
}

fn of_service(service: &Service) -> Vec<String> {
    let addresses: Vec<&str> = service
        .a
        .addresses
        .iter()
        .chain(&service.aaaa.addresses)
        .map(String::as_str)
        .collect();
    let reason = if service.a.addresses.is_empty() && !service.aaaa.addresses.is_empty() {
        &service.aaaa.why
    } else {
        &service.a.why
    };
    let mut why = service.degraded.clone().unwrap_or_else(|| reason.clone());
    if let Some(proposed) = &service.proposed {
        why = format!("{why}; proposed: {proposed}");
    }
    let answers = if addresses.is_empty() {
        "nothing".to_owned()
    } else {
        addresses.join(" ")
    };
    vec![
        service.service.clone(),
        service.policy.clone(),
        answers,
        format!("{} s", service.ttl),
        why,
    ]
}

fn of_endpoints(service: &Service) -> impl Iterator<Item = Vec<String>> {
    service.endpoints.iter().flat_map(move |endpoint| {
        endpoint.addresses.iter().map(move |address| {
            let mark = if endpoint.answered { "*" } else { "" };
            let name = format!("{}/{}{mark}", service.service, endpoint.name);
            let Some(probe) = &address.probe else {
                return vec![
                    name,
                    address.address.clone(),
                    "up".into(),
                    String::new(),
                    String::new(),
                    "none".into(),
                    String::new(),
                ];
            };
            let note = probe
                .held
                .clone()
                .or_else(|| {
                    let degraded = probe.degraded.as_ref()?;
                    Some(format!("degraded: {degraded}"))
                })
                .or_else(|| probe.evidence.as_ref().map(|evidence| evidence.text.clone()));
            let latency = probe
                .latency_us
                .map_or_else(String::new, |us| format!("{}.{:03} ms", us / 1000, us % 1000));
            vec![
                name,
                address.address.clone(),
                probe.effective.clone(),
                ago(probe.for_ms),
                latency,
                probe.check.clone(),
                note.unwrap_or_default(),
            ]
        })
    })
}

/// `41 s`, `7 min`, `3 h`, `12 d`.
fn ago(millis: u64) -> String {
    let seconds = millis / 1000;
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} min", seconds / 60),
        7200..=172_799 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}
