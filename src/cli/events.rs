//! `pointsman events`: what happened, when, and who did it; `events verify`, `events failovers`.

mod follow;
mod line;

use std::process::ExitCode;

use serde::Deserialize;
use serde_json::Value;

use crate::cli::arguments::{Events, LookBack};
use crate::cli::client::Client;
use crate::cli::table::{self, Cell, Column};
use crate::cli::terminal::{self, Style};
use crate::cli::unanswered::Unanswered;
use crate::cli::{Common, Usage, output};
use crate::clock::{Clock, SystemClock};
use crate::config::duration;
use crate::config::load::load;
use crate::control::timeline::Entry;
use crate::store::history::History;
use crate::store::history::chain::Verified;
use crate::store::history::failovers::{Failover, Failovers};

/// Of the table of failovers.
const COLUMNS: [Column; 9] = [
    Column::new("WHEN"),
    Column::new("SERVICE"),
    Column::new("ANSWER").wraps(),
    Column::new("CAUSE").spare(4),
    Column::new("DETECTED"),
    Column::new("DECIDED").spare(3),
    Column::new("IN FORCE").spare(2),
    Column::new("FIRST ANSWER").spare(1),
    Column::new("TOTAL"),
];

/// A page of entries, as the API has it.
#[derive(Debug, Deserialize)]
struct Page {
    items: Vec<Entry>,
}

/// Exit code 0 with the timeline; 1 when the chain is broken.
///
/// # Errors
/// When no server answers, or the history cannot be read.
pub(super) fn run(common: &Common, options: &Events) -> anyhow::Result<ExitCode> {
    match &options.look {
        Some(LookBack::Verify { offline }) => verify(common, *offline),
        Some(LookBack::Failovers { service, limit }) => failovers(common, service.as_deref(), *limit),
        None => timeline(common, options),
    }
}

fn timeline(common: &Common, options: &Events) -> anyhow::Result<ExitCode> {
    let client = Client::new(common)?;
    let limit = options.limit.to_string();
    let since = options.since.as_deref().map(since).transpose()?;
    let mut query: Vec<(&str, &str)> = vec![("limit", &limit)];
    query.extend(options.service.as_deref().map(|service| ("service", service)));
    query.extend(options.kind.as_deref().map(|kind| ("kind", kind)));
    query.extend(since.as_deref().map(|since| ("since", since)));
    if options.alarms {
        query.push(("alarm", "true"));
    }
    let page: Value = client.get("/v1/events", &query)?;
    if common.json && !options.follow {
        output::json(&page)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut items = Page::deserialize(&page)?.items;
    items.reverse();
    for entry in &items {
        print(common, entry)?;
    }
    if !options.follow {
        if items.is_empty() {
            output::note("nothing happened that fits");
        }
        return Ok(ExitCode::SUCCESS);
    }
    follow::follow(common, &client, options, items.last().map(|entry| entry.seq))
}

/// `2h` as the time it begins at, in milliseconds since 1970.
fn since(text: &str) -> Result<String, Usage> {
    let length =
        duration::parse(text).map_err(|error| Usage(format!("--since: {error}; write e.g. --since 2h")))?;
    let now = SystemClock::start().now().wall.0;
    let length = u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
    Ok(now.saturating_sub(length).to_string())
}

fn print(common: &Common, entry: &Entry) -> anyhow::Result<()> {
    if common.json {
        output::line(&serde_json::to_string(entry)?);
    } else {
        output::line(&line::of(entry, terminal::color()));
    }
    Ok(())
}

fn verify(common: &Common, offline: bool) -> anyhow::Result<ExitCode> {
    let asked = if offline {
        None
    } else {
        match Client::new(common)?.get::<Verified>("/v1/events/verify", &[]) {
            Ok(verified) => Some(verified),
            Err(error @ Unanswered::NoServer { .. })
                if common.api.is_none() && common.config_file().is_ok() =>
            {
                output::note(&format!("{error}; reading the state directory itself"));
                None
            }
            Err(error) => return Err(error.into()),
        }
    };
    let verified = match asked {
        Some(verified) => verified,
        None => offline_history(common)?.verify()?,
    };
    if common.json {
        output::json(&verified)?;
    } else {
        output::line(&in_words(&verified));
    }
    Ok(if verified.intact {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The history of the state directory that the configuration names.
fn offline_history(common: &Common) -> anyhow::Result<History> {
    let loaded = load(&common.config_file()?);
    let Some(plan) = loaded.plan else {
        return Err(Usage("the configuration has mistakes: `pointsman check` shows them".to_owned()).into());
    };
    Ok(History::offline(&plan.node.state_directory))
}

fn in_words(verified: &Verified) -> String {
    let lost = match verified.lost {
        0 => String::new(),
        1 => "; 1 entry was lost on its way to the disk, which the chain says".to_owned(),
        lost => format!("; {lost} entries were lost on their way to the disk, which the chain says"),
    };
    match &verified.broken {
        None if verified.entries == 0 => "intact: there are no entries".to_owned(),
        None => format!(
            "intact: {} entries, {} to {}{lost}\nhead {}",
            verified.entries, verified.first, verified.last, verified.head
        ),
        Some(broken) => format!(
            "BROKEN at entry {}: {}\n{} entries before it are as they were written{lost}",
            broken.seq,
            broken.why,
            verified.entries.saturating_sub(1)
        ),
    }
}

fn failovers(common: &Common, service: Option<&str>, limit: u16) -> anyhow::Result<ExitCode> {
    let client = Client::new(common)?;
    let limit = limit.to_string();
    let mut query = vec![("limit", limit.as_str())];
    query.extend(service.map(|service| ("service", service)));
    let found: Value = client.get("/v1/failovers", &query)?;
    if common.json {
        output::json(&found)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut items = Failovers::deserialize(&found)?.items;
    items.reverse();
    if items.is_empty() {
        output::note("no answer has changed yet");
    } else {
        output::line(&table::show(&COLUMNS, &items.iter().map(row).collect::<Vec<_>>()));
    }
    Ok(ExitCode::SUCCESS)
}

fn row(failover: &Failover) -> Vec<Cell> {
    let chain = &failover.chain;
    let list = |words: &[String]| {
        if words.is_empty() {
            "nothing".to_owned()
        } else {
            words.join(" ")
        }
    };
    let missing = if failover.complete {
        "nobody asked"
    } else {
        "waiting"
    };
    let step = |us: Option<u64>| us.map_or_else(|| "-".to_owned(), time);
    let answered = chain.first_answer_us.map_or_else(|| missing.to_owned(), time);
    vec![
        line::local(failover.unix_ms).into(),
        failover.service.as_str().into(),
        format!("{} -> {}", list(&failover.from), list(&failover.to)).into(),
        chain.cause.as_str().into(),
        step(chain.detection_us).into(),
        time(chain.decision_us).into(),
        time(chain.publish_us).into(),
        answered.into(),
        Cell::styled(step(chain.total_us), Style::Head),
    ]
}

/// `7.102 s`, `12.3 ms`, `41 us`.
fn time(us: u64) -> String {
    match us {
        0..=999 => format!("{us} us"),
        1000..=999_999 => format!("{}.{} ms", us / 1000, us % 1000 / 100),
        _ => format!("{}.{:03} s", us / 1_000_000, us % 1_000_000 / 1000),
    }
}
