//! `pointsman drill SERVICE`: a failover rehearsed on the running server, with its report; `drill list`, `drill show ID`.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::arguments::{Drill, Look};
use crate::cli::client::Client;
use crate::cli::table::{self, Cell, Column};
use crate::cli::terminal::Style;
use crate::cli::unanswered::Unanswered;
use crate::cli::{Common, hand, output};
use crate::config::duration;
use crate::control::drill::State;
use crate::drill::report::{Report, Verdict};
use crate::model::time::UnixTime;

/// Of the list.
const COLUMNS: [Column; 8] = [
    Column::new("ID"),
    Column::new("BEGAN"),
    Column::new("SERVICE"),
    Column::new("ENDPOINT"),
    Column::new("STATE"),
    Column::new("PROMISE"),
    Column::new("BY").spare(2),
    Column::new("NOTE").wraps().spare(1),
];
/// How often the server is asked how far it is.
const LOOK: Duration = Duration::from_millis(200);
/// A report that does not come so long after its drill's end does not come.
const PATIENCE: Duration = Duration::from_secs(20);

/// Rehearses, waits and reports. Exit code 0 when the promise was kept, 1 when not.
///
/// # Errors
/// When no server answers, or it refuses.
pub(super) fn run(common: &Common, options: &Drill) -> anyhow::Result<ExitCode> {
    let client = Client::new(common)?;
    match (&options.look, &options.service) {
        (Some(Look::List), _) => list(common, &client),
        (Some(Look::Show { id }), _) => show(common, &client, *id),
        (None, Some(service)) => rehearse(common, &client, service, options),
        (None, None) => bail!("name a service, or `list` or `show ID`"),
    }
}

fn rehearse(common: &Common, client: &Client, service: &str, options: &Drill) -> anyhow::Result<ExitCode> {
    let owner = options.owner.clone().unwrap_or_else(hand::whoami);
    let body = json!({
        "service": service, "for": options.lasting, "endpoint": options.endpoint, "reason": options.reason,
        "owner": owner, "break_glass": options.break_glass, "dry_run": options.dry_run,
    });
    let begun: Value = client.post("/v1/drill", &body)?;
    let said = begun.get("detail").and_then(Value::as_str).unwrap_or_default();
    let Some(id) = begun.get("id").and_then(Value::as_u64) else {
        if common.json {
            output::json(&begun)?;
        } else {
            output::line(said);
        }
        return Ok(ExitCode::SUCCESS);
    };
    output::note(&format!("drill {id}: {said} (Ctrl-C ends it early)"));
    let lasting = duration::parse(&options.lasting)?;
    let report = follow(client, id, lasting.saturating_add(PATIENCE), &owner)?;
    print(common, &report)?;
    Ok(code(&report))
}

/// Asks until the report is there; an interrupt ends the drill first.
fn follow(client: &Client, id: u64, patience: Duration, owner: &str) -> anyhow::Result<Report> {
    let looks = patience.as_millis() / LOOK.as_millis().max(1);
    let mut said = [false; 4];
    let mut cancelled = false;
    let (mut interrupt, mut terminate) = client.block_on(async {
        std::io::Result::Ok((signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?))
    })?;
    for _ in 0..looks {
        let report = client.get::<Report>(&format!("/v1/drills/{id}"), &[])?;
        progress(&report, &mut said);
        // A report that is there has what was measured; without a panel its time is up at once.
        if report.state != State::Running && !report.promise.is_empty() {
            return Ok(report);
        }
        let ends = client.block_on(async {
            tokio::select! {
                biased;
                _ = interrupt.recv() => true,
                _ = terminate.recv() => true,
                () = tokio::time::sleep(LOOK) => false,
            }
        });
        if ends && !cancelled {
            cancelled = true;
            output::note("ending it");
            let body = json!({ "owner": owner });
            match client.post::<Value>(&format!("/v1/drills/{id}/cancel"), &body) {
                // It may have ended by itself meanwhile.
                Ok(_) | Err(Unanswered::Refused { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    let report = client.get::<Report>(&format!("/v1/drills/{id}"), &[])?;
    if report.state == State::Running {
        bail!("drill {id} has not ended in time; `pointsman status` shows what is answered");
    }
    Ok(report)
}

/// What has happened since the last look.
fn progress(report: &Report, said: &mut [bool; 4]) {
    let chain = &report.chain;
    let steps = [
        (chain.first_failed_ms, "the first probe was taken for failed"),
        (chain.verdict_ms, "verdict: down"),
        (chain.published_ms, "the new answer is published"),
        (chain.reverted_ms, "reverted"),
    ];
    for ((at, what), said) in steps.into_iter().zip(said) {
        if let Some(at) = at
            && !std::mem::replace(said, true)
        {
            output::note(&format!("{:>9.3} s  {what}", at / 1000.0));
        }
    }
}

fn print(common: &Common, report: &Report) -> anyhow::Result<()> {
    if common.json {
        output::json(report)
    } else {
        output::line(&report.text());
        Ok(())
    }
}

/// 0 when what was promised was kept.
fn code(report: &Report) -> ExitCode {
    match report.verdict {
        Verdict::Kept => ExitCode::SUCCESS,
        Verdict::Broken | Verdict::NotMeasured => ExitCode::FAILURE,
    }
}

fn list(common: &Common, client: &Client) -> anyhow::Result<ExitCode> {
    let answer: Value = client.get("/v1/drills", &[])?;
    if common.json {
        output::json(&answer)?;
        return Ok(ExitCode::SUCCESS);
    }
    let items = answer.get("items").cloned().unwrap_or_default();
    let reports = Vec::<Report>::deserialize(items).context("the server's reports are of another version")?;
    if reports.is_empty() {
        output::line("no drill yet: pointsman drill SERVICE rehearses a failover");
        return Ok(ExitCode::SUCCESS);
    }
    let rows: Vec<Vec<Cell>> = reports.iter().map(row).collect();
    output::line(&table::show(&COLUMNS, &rows));
    Ok(ExitCode::SUCCESS)
}

fn row(report: &Report) -> Vec<Cell> {
    let verdict = match report.verdict {
        Verdict::Kept => Cell::styled("kept", Style::Good),
        Verdict::Broken => Cell::styled("broken", Style::Bad),
        Verdict::NotMeasured => Cell::from("-".to_owned()),
    };
    vec![
        Cell::from(report.id.to_string()),
        Cell::from(UnixTime(report.started_unix_ms).to_string()),
        Cell::from(report.service.clone()),
        Cell::from(report.endpoint.clone()),
        Cell::from(report.state.as_str().to_owned()),
        verdict,
        Cell::from(report.by.clone()),
        Cell::from(report.why.clone()),
    ]
}

fn show(common: &Common, client: &Client, id: u64) -> anyhow::Result<ExitCode> {
    let report = client.get::<Report>(&format!("/v1/drills/{id}"), &[])?;
    print(common, &report)?;
    Ok(ExitCode::SUCCESS)
}
