//! `pointsman simulate SCENARIO.toml…`: written incidents on virtual time, held against their objectives.

mod event;
mod file;
mod inline;
mod raw;

use std::process::ExitCode;

use serde_json::{Value, json};

use crate::cli::{Common, arguments, output};
use crate::simulate::incident::Incident;
use crate::simulate::rehearsal::{Outcome, rehearse};
use crate::simulate::told::clock;

/// Exit code 0 when every objective held, 1 when one was missed, 2 for a scenario or configuration with mistakes.
///
/// # Errors
/// When a file cannot be read.
pub(super) fn run(common: &Common, options: &arguments::Simulate) -> anyhow::Result<ExitCode> {
    let (mut held, mut reports) = (true, Vec::new());
    for path in &options.files {
        // A scenario without a configuration of its own is about the one in use.
        let mut incident = match file::read(path, common.config.as_deref())? {
            Ok(incident) => incident,
            Err(mistakes) => {
                output::note(&mistakes);
                return Ok(ExitCode::from(2));
            }
        };
        incident.seed = options.seed.unwrap_or(incident.seed);
        let outcome = rehearse(&incident);
        held &= outcome.held();
        let name = path.display().to_string();
        if common.json {
            reports.push(as_json(&name, &incident, &outcome));
        } else {
            output::line(&text(&name, &outcome, options.brief));
        }
    }
    if common.json {
        output::json(&reports)?;
    }
    Ok(if held {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn text(name: &str, outcome: &Outcome, brief: bool) -> String {
    let mut lines = vec![name.to_owned()];
    if !brief {
        lines.extend(
            outcome
                .timeline
                .iter()
                .map(|(at, told)| format!("  {:>10}  {told}", clock(*at))),
        );
    }
    for (service, met) in &outcome.services {
        lines.push(format!(
            "  {service}: {} of {} connections served ({:.3} %), recovered after {:?} at the most",
            met.served,
            met.tried,
            met.availability() * 100.0,
            met.recovery
        ));
    }
    for verdict in &outcome.verdicts {
        let mark = if verdict.held { "held  " } else { "MISSED" };
        lines.push(format!("  {mark}  {}: {}", verdict.asked, verdict.found));
    }
    lines.push(format!(
        "  {}: {} answers changed",
        if outcome.held() { "held" } else { "MISSED" },
        outcome.switches
    ));
    lines.join("\n")
}

fn as_json(name: &str, incident: &Incident, outcome: &Outcome) -> Value {
    let timeline: Vec<Value> = outcome
        .timeline
        .iter()
        .map(|(at, told)| json!({ "seconds": at.since(crate::model::time::Moment::ZERO).as_secs_f64(), "what": told }))
        .collect();
    let services: Vec<Value> = outcome
        .services
        .iter()
        .map(|(service, met)| {
            json!({
                "service": service,
                "tried": met.tried,
                "served": met.served,
                "availability": met.availability(),
                "recovery_seconds": met.recovery.as_secs_f64(),
            })
        })
        .collect();
    let verdicts: Vec<Value> = outcome
        .verdicts
        .iter()
        .map(|verdict| json!({ "asked": verdict.asked, "found": verdict.found, "held": verdict.held }))
        .collect();
    json!({
        "scenario": name,
        "seed": incident.seed,
        "held": outcome.held(),
        "switches": outcome.switches,
        "services": services,
        "verdicts": verdicts,
        "timeline": timeline,
    })
}
