//! `pointsman explain NAME [TYPE]`: live when a server runs, else on the configuration alone.

use std::net::IpAddr;
use std::process::ExitCode;

use anyhow::bail;
use serde::Deserialize;
use serde_json::Value;

use crate::api::explain::{explain, network_read, rtype_named};
use crate::api::live::Question;
use crate::cli::client::Client;
use crate::cli::unanswered::Unanswered;
use crate::cli::{Common, arguments, offline, output, terminal};
use crate::config::diagnostic::render;
use crate::config::load::load;
use crate::control::effect::Effect;
use crate::publish::publisher::Publisher;
use crate::wire::name::Name;

/// Exit code 0 with an explanation, 2 for a name or type that is none, or a refused configuration.
///
/// # Errors
/// When neither a server nor a configuration can be had.
pub(super) fn run(common: &Common, options: &arguments::Explain) -> anyhow::Result<ExitCode> {
    let name = match Name::from_text(&options.name) {
        Ok(name) => name,
        Err(error) => {
            output::fault(&format!("`{}` is no name: {error}", options.name));
            return Ok(ExitCode::from(2));
        }
    };
    let Some(rtype) = rtype_named(&options.rtype) else {
        output::fault(&format!(
            "`{}` is no record type; write e.g. A, AAAA, TYPE65280",
            options.rtype
        ));
        return Ok(ExitCode::from(2));
    };
    let subnet = match options.ecs.as_deref().map(network_read).transpose() {
        Ok(subnet) => subnet,
        Err(wrong) => {
            output::fault(&wrong);
            return Ok(ExitCode::from(2));
        }
    };
    let question = Question {
        name,
        rtype,
        client: options.client,
        subnet,
        dice: options.dice,
    };
    let report = if options.offline {
        None
    } else {
        let client = options.client.to_string();
        let dice = options.dice.to_string();
        let mut query = vec![
            ("name", options.name.as_str()),
            ("type", &options.rtype),
            ("client", &client),
            ("dice", &dice),
        ];
        query.extend(options.ecs.as_deref().map(|network| ("ecs", network)));
        match Client::new(common)?.get::<Value>("/v1/explain", &query) {
            Ok(report) => Some(report),
            Err(Unanswered::NoServer { base, .. }) if common.api.is_none() => {
                output::note(&format!(
                    "no server answers at {base}: decided on the configuration, every endpoint taken as up"
                ));
                None
            }
            Err(other) => return Err(other.into()),
        }
    };
    let report = match report {
        Some(report) => report,
        None => match undisturbed(common, &question)? {
            Some(report) => report,
            None => return Ok(ExitCode::from(2)),
        },
    };
    if common.json {
        output::json(&report)?
    } else {
        output::line(&text(&Report::deserialize(&report)?))
    }
    Ok(ExitCode::SUCCESS)
}

/// The same code as the server's, on a plan without observations.
fn undisturbed(common: &Common, question: &Question) -> anyhow::Result<Option<Value>> {
    let loaded = load(&common.config_file()?);
    let Some(plan) = loaded.plan else {
        output::note(&render(&loaded.diagnostics, terminal::error_color()));
        return Ok(None);
    };
    let (control, now, effects) = offline::signal_box(&plan);
    let mut publisher = Publisher::new(&plan, &loaded.contents, 0);
    for effect in effects {
        if let Effect::Publish(decisions) = effect {
            publisher.apply(&decisions);
        }
    }
    if plan.zones.iter().all(|zone| zone.refused) && !plan.zones.is_empty() {
        bail!("no zone is without mistakes; `pointsman check` shows them");
    }
    let report = explain(&plan, &control, &publisher.snapshot(), question, now);
    Ok(Some(serde_json::to_value(report)?))
}

/// What is printed of a report.
#[derive(Debug, Deserialize)]
struct Report {
    name: String,
    #[serde(rename = "type")]
    rtype: String,
    client: IpAddr,
    steps: Vec<String>,
    answer: Answer,
}

/// What is printed of an answer.
#[derive(Debug, Deserialize)]
pub(super) struct Answer {
    rcode: String,
    authoritative: bool,
    extended_errors: Vec<String>,
    answers: Vec<String>,
    authorities: Vec<String>,
    additionals: Vec<String>,
}

fn text(report: &Report) -> String {
    let mut lines = vec![
        format!("{} {} for {}", report.name, report.rtype, report.client),
        String::new(),
    ];
    lines.extend(
        report
            .steps
            .iter()
            .enumerate()
            .map(|(index, step)| format!("{:>3}. {step}", index + 1)),
    );
    lines.push(String::new());
    lines.extend(of_answer(&report.answer));
    lines.join("\n")
}

/// An answer's lines, as `dig` would write them.
pub(super) fn of_answer(answer: &Answer) -> Vec<String> {
    let aa = if answer.authoritative {
        ", authoritative"
    } else {
        ""
    };
    let mut lines = vec![format!(
        ";; {}{aa}",
        if answer.rcode.is_empty() {
            "no answer"
        } else {
            &answer.rcode
        }
    )];
    for (section, records) in [
        ("answer", &answer.answers),
        ("authority", &answer.authorities),
        ("additional", &answer.additionals),
    ] {
        if !records.is_empty() {
            lines.push(format!(";; {section}"));
            lines.extend(records.iter().cloned());
        }
    }
    lines.extend(
        answer
            .extended_errors
            .iter()
            .map(|error| format!(";; extended error: {error}")),
    );
    lines
}
