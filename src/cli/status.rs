//! `pointsman status [SERVICE]`: what is answered now and why, and how every endpoint stands.

use std::process::ExitCode;

use serde::Deserialize;
use serde_json::Value;

use crate::cli::client::Client;
use crate::cli::hand::Forced;
use crate::cli::table::{self, Cell, Column};
use crate::cli::terminal::Style;
use crate::cli::{Common, arguments, watch};

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
    alias: Option<Alias>,
    forced: Option<Forced>,
    addresses: Vec<Address>,
}

#[derive(Debug, Deserialize)]
struct Alias {
    name: String,
    trouble: Option<String>,
    kept_for_ms: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct Address {
    address: String,
    probe: Option<Probe>,
    shadow: Option<Probe>,
}

#[derive(Debug, Deserialize)]
struct Probe {
    check: String,
    target: String,
    shadow: bool,
    effective: String,
    held: Option<String>,
    degraded: Option<String>,
    claim: Option<String>,
    lag_ms: Option<u64>,
    as_expected: bool,
    for_ms: u64,
    latency_us: Option<u64>,
    evidence: Option<Evidence>,
    parts: Vec<Probe>,
}

#[derive(Debug, Deserialize)]
struct Evidence {
    text: String,
}

/// What stands in the table of services.
const SERVICES: [Column; 5] = [
    Column::new("SERVICE"),
    Column::new("POLICY").spare(1),
    Column::new("ANSWERS").wraps(),
    Column::new("TTL").spare(2),
    Column::new("WHY").wraps(),
];

/// What stands in the table of endpoints.
const ENDPOINTS: [Column; 7] = [
    Column::new("ENDPOINT"),
    Column::new("ADDRESS").spare(1),
    Column::new("STATE"),
    Column::new("FOR").spare(2),
    Column::new("LATENCY").spare(4),
    Column::new("CHECK").spare(3),
    Column::new("NOTE").wraps(),
];

/// Exit code 0 with the table.
///
/// # Errors
/// When no server answers, or there is no such service.
pub(super) fn run(common: &Common, options: &arguments::Status) -> anyhow::Result<ExitCode> {
    let query: Vec<(&str, &str)> = options
        .service
        .iter()
        .map(|service| ("service", service.as_str()))
        .collect();
    let look = |client: &Client| Ok(client.get("/v1/status", &query)?);
    watch::show(common, options.watch.watch, look, text)
}

fn text(status: &Value) -> anyhow::Result<String> {
    let services = Vec::<Service>::deserialize(status)?;
    if services.is_empty() {
        return Ok("no services: the zones have static records alone".to_owned());
    }
    let rows: Vec<Vec<Cell>> = services.iter().map(of_service).collect();
    let mut text = table::show(&SERVICES, &rows);
    let rows: Vec<Vec<Cell>> = services.iter().flat_map(of_endpoints).map(cells).collect();
    if !rows.is_empty() {
        text.push_str("\n\n");
        text.push_str(&table::show(&ENDPOINTS, &rows));
    }
    Ok(text)
}

/// A row of the table of endpoints: the state has its colour.
fn cells(row: Vec<String>) -> Vec<Cell> {
    row.into_iter()
        .enumerate()
        .map(|(at, text)| {
            if at == 2 {
                Cell::state(text)
            } else {
                Cell::from(text)
            }
        })
        .collect()
}

fn of_service(service: &Service) -> Vec<Cell> {
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
    let doubtful = service.degraded.is_some() || service.proposed.is_some();
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
        service.service.clone().into(),
        service.policy.clone().into(),
        Cell::styled(
            answers,
            if addresses.is_empty() {
                Style::Bad
            } else {
                Style::Plain
            },
        ),
        format!("{} s", service.ttl).into(),
        Cell::styled(why, if doubtful { Style::Doubtful } else { Style::Plain }),
    ]
}

fn of_endpoints(service: &Service) -> impl Iterator<Item = Vec<String>> {
    service.endpoints.iter().flat_map(move |endpoint| {
        let mark = if endpoint.answered { "*" } else { "" };
        let name = format!("{}/{}{mark}", service.service, endpoint.name);
        let is_down = endpoint.addresses.is_empty();
        let alias = endpoint.alias.as_ref();
        let alias = alias.and_then(|alias| of_alias(name.clone(), alias, is_down));
        let addresses = endpoint.addresses.iter().flat_map(move |address| {
            let name = name.clone();
            let mut rows = Vec::new();
            match &address.probe {
                Some(probe) => of_probe(name, &address.address, "", probe, &mut rows),
                None => {
                    let mut row = vec![String::new(); 7];
                    row.splice(..3, [name, address.address.clone(), "up".to_owned()]);
                    row.splice(5..6, ["none".to_owned()]);
                    rows.push(row);
                }
            }
            if let (Some(forced), Some([.., real, _, _, _, note])) =
                (&endpoint.forced, rows.first_mut().map(Vec::as_mut_slice))
            {
                *real = state(endpoint, real);
                *note = forced.note();
            }
            if let Some(probe) = &address.shadow {
                of_probe(String::new(), &probe.target, "", probe, &mut rows);
            }
            rows
        });
        alias.into_iter().chain(addresses)
    })
}

/// A stream's row, and one for each that it is judged by, whose check is shown below that of the whole.
fn of_probe(name: String, address: &str, above: &str, probe: &Probe, rows: &mut Vec<Vec<String>>) {
    let note = probe
        .held
        .clone()
        .or_else(|| {
            let degraded = probe.degraded.as_ref()?;
            Some(format!("degraded: {degraded}"))
        })
        .or_else(|| probe.evidence.as_ref().map(|evidence| evidence.text.clone()))
        .or_else(|| {
            let elsewhere = !probe.as_expected && probe.effective == "up";
            elsewhere.then(|| "not answered: not the role, or not as near, as its check asks for".to_owned())
        });
    let latency = probe
        .latency_us
        .map_or_else(String::new, |us| format!("{}.{:03} ms", us / 1000, us % 1000));
    let check = format!("{above}{}", probe.check);
    let shadow = if probe.shadow { " (shadow)" } else { "" };
    rows.push(vec![
        name,
        address.to_owned(),
        with_claim(probe),
        ago(probe.for_ms),
        latency,
        format!("{check}{shadow}"),
        note.unwrap_or_default(),
    ]);
    for part in &probe.parts {
        of_probe(String::new(), &part.target, &format!("{check}/"), part, rows);
    }
}

/// `up`, `up, primary`, `up, standby (0.2 s behind)`.
fn with_claim(probe: &Probe) -> String {
    let mut text = probe.effective.clone();
    if let Some(claim) = probe.claim.as_ref().filter(|_| probe.effective != "down") {
        text.push_str(", ");
        text.push_str(claim);
        if let Some(ms) = probe.lag_ms {
            text.push_str(&format!(" ({}.{} s behind)", ms / 1000, ms % 1000 / 100));
        }
    }
    text
}

/// A row for a name that cannot be resolved.
fn of_alias(endpoint: String, alias: &Alias, is_down: bool) -> Option<Vec<String>> {
    let trouble = alias.trouble.as_ref()?;
    let kept = alias.kept_for_ms.map(ago);
    let note = match &kept {
        Some(_) => format!("not resolved: {trouble}; the last good addresses are kept"),
        None => format!("not resolved: {trouble}"),
    };
    let state = if is_down { "down" } else { "kept" };
    Some(vec![
        endpoint,
        alias.name.clone(),
        state.to_owned(),
        kept.unwrap_or_default(),
        String::new(),
        "alias".to_owned(),
        note,
    ])
}

/// What counts, and what is real behind it.
fn state(endpoint: &Endpoint, real: &str) -> String {
    match &endpoint.forced {
        Some(forced) => format!("{} ({real})", forced.done()),
        None => real.to_owned(),
    }
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
