//! `pointsman drain|force|release`: the operator's hand on the running server; `pointsman overrides`: what stands.

mod wait;

use std::process::ExitCode;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::cli::arguments::{self, Drain, Force, Lasting, State, Target};
use crate::cli::client::Client;
use crate::cli::table::{self, Cell, Column};
use crate::cli::terminal::Style;
use crate::cli::{Common, output, watch};
use crate::model::force::ForceKind;
use crate::model::human;
use crate::model::time::UnixTime;

/// Drains: no new answers lead there.
///
/// # Errors
/// When no server answers, or it refuses.
pub(super) fn drain(common: &Common, options: &Drain) -> anyhow::Result<ExitCode> {
    let body = body(&options.target, Some(&options.lasting), None);
    let done = post(common, "/v1/drain", &body)?;
    if options.wait {
        return wait::until_safe(common, &options.target.select);
    }
    Ok(done)
}

/// Forces up or down.
///
/// # Errors
/// When no server answers, or it refuses.
pub(super) fn force(common: &Common, options: &Force) -> anyhow::Result<ExitCode> {
    let state = match options.state {
        State::Up => "up",
        State::Down => "down",
    };
    let body = body(&options.target, Some(&options.lasting), Some(state));
    post(common, "/v1/force", &body)
}

/// Lifts what was laid.
///
/// # Errors
/// When no server answers, or it refuses.
pub(super) fn release(common: &Common, options: &Target) -> anyhow::Result<ExitCode> {
    post(common, "/v1/release", &body(options, None, None))
}

fn body(target: &Target, lasting: Option<&Lasting>, state: Option<&str>) -> Value {
    let mut body = json!({
        "select": target.select,
        "owner": target.owner.clone().unwrap_or_else(whoami),
        "break_glass": target.break_glass,
        "dry_run": target.dry_run,
    });
    if let Some(fields) = body.as_object_mut() {
        let more = [
            ("reason", lasting.and_then(|lasting| lasting.reason.as_deref())),
            ("for", lasting.and_then(|lasting| lasting.lasting.as_deref())),
            ("state", state),
        ];
        for (key, value) in more {
            if let Some(value) = value {
                fields.insert(key.to_owned(), Value::from(value));
            }
        }
    }
    body
}

/// `$USER@HOST`, as far as the system says.
#[allow(clippy::disallowed_methods, reason = "no setting: who asks, for the record")]
pub(super) fn whoami() -> String {
    let user = std::env::var("USER").or_else(|_| std::env::var("LOGNAME"));
    let user = user.ok().filter(|user| !user.is_empty());
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let host = host
        .map(|host| host.trim().to_owned())
        .filter(|host| !host.is_empty());
    format!(
        "{}@{}",
        user.as_deref().unwrap_or("somebody"),
        host.as_deref().unwrap_or("somewhere")
    )
}

fn post(common: &Common, path: &str, body: &Value) -> anyhow::Result<ExitCode> {
    let answer: Value = Client::new(common)?.post(path, body)?;
    if common.json {
        output::json(&answer)?;
    } else {
        output::line(answer.get("detail").and_then(Value::as_str).unwrap_or("done"));
    }
    Ok(ExitCode::SUCCESS)
}

/// What lies upon an endpoint, as the API says it.
#[derive(Debug, Deserialize)]
pub(super) struct Forced {
    state: String,
    by: String,
    reason: Option<String>,
    select: String,
    until_unix_ms: Option<u64>,
    left_ms: Option<u64>,
    break_glass: bool,
    place: Option<String>,
    hides: Option<String>,
    wait: Option<Wait>,
}

/// For how long clients may still come, as the API says it.
#[derive(Debug, Deserialize)]
struct Wait {
    safe: bool,
    until_unix_ms: Option<u64>,
    left_ms: Option<u64>,
    still_answered_by: Vec<String>,
}

/// One override, as the API says it.
#[derive(Debug, Deserialize)]
struct Standing {
    #[serde(flatten)]
    forced: Forced,
    endpoints: Vec<Touched>,
}

#[derive(Debug, Deserialize)]
struct Touched {
    service: String,
    endpoint: String,
    real: String,
    counts: bool,
    hides: Option<String>,
    wait: Option<Wait>,
}

impl Wait {
    /// `may be cached until 2026-12-01 12:03:07 UTC (8 s more)`, `safe to stop`.
    fn words(&self) -> String {
        if !self.still_answered_by.is_empty() {
            return format!("still answered by {}", self.still_answered_by.join(", "));
        }
        match (self.until_unix_ms, self.left_ms) {
            (Some(until), Some(left)) => {
                let left = human::length(Duration::from_millis(left));
                format!("may be cached until {} ({left} more)", UnixTime(until))
            }
            _ if self.safe => "safe to stop".to_owned(),
            _ => "its addresses are not known here".to_owned(),
        }
    }
}

impl Forced {
    /// `drained`, `forced up`, `forced down`.
    pub(super) fn done(&self) -> &str {
        match ForceKind::named(&self.state) {
            Some(kind) => kind.done(),
            None => &self.state,
        }
    }

    /// `by alice@ops: maintenance; until 2026-12-01 00:00:00 UTC (8 min more)`.
    pub(super) fn note(&self) -> String {
        let mut note = format!("{} by {}", self.done(), self.by);
        if let Some(reason) = &self.reason {
            note.push_str(&format!(" ({reason})"));
        }
        if let Some(place) = &self.place {
            note.push_str(&format!(" in {place}"));
        }
        if let (Some(_), until) = (self.until_unix_ms, self.until()) {
            note.push_str(&format!(", until {until}"));
        }
        if let Some(wait) = &self.wait {
            note.push_str(&format!("; {}", wait.words()));
        }
        if let Some(hides) = &self.hides {
            note.push_str(&format!("; WARNING: it fails: {hides}"));
        }
        note
    }

    fn until(&self) -> String {
        let (Some(until), Some(left)) = (self.until_unix_ms, self.left_ms) else {
            return "released".to_owned();
        };
        let left = Duration::from_millis(left);
        format!("{} ({} more)", UnixTime(until), human::length(left))
    }
}

/// What stands in the table of overrides.
const OVERRIDES: [Column; 6] = [
    Column::new("SELECTOR"),
    Column::new("STATE"),
    Column::new("UNTIL").spare(1),
    Column::new("BY").spare(2),
    Column::new("REASON").wraps(),
    Column::new("ENDPOINTS").spare(3),
];

/// What stands in the table of the endpoints that they touch.
const TOUCHED: [Column; 4] = [
    Column::new("ENDPOINT"),
    Column::new("FORCED"),
    Column::new("REAL"),
    Column::new("NOTE").wraps(),
];

/// Exit code 0 with the table.
///
/// # Errors
/// When no server answers.
pub(super) fn overrides(common: &Common, options: &arguments::Overrides) -> anyhow::Result<ExitCode> {
    let look = |client: &Client| Ok(client.get("/v1/overrides", &[])?);
    watch::show(common, options.watch.watch, look, text)
}

fn text(answer: &Value) -> anyhow::Result<String> {
    let standing = Vec::<Standing>::deserialize(answer)?;
    if standing.is_empty() {
        return Ok("no overrides: everything follows its probes".to_owned());
    }
    let rows: Vec<Vec<Cell>> = standing.iter().map(row).collect();
    let mut text = table::show(&OVERRIDES, &rows);
    let rows: Vec<Vec<Cell>> = standing
        .iter()
        .flat_map(|over| over.endpoints.iter().map(|touched| touched_row(over, touched)))
        .collect();
    if !rows.is_empty() {
        text.push_str("\n\n");
        text.push_str(&table::show(&TOUCHED, &rows));
    }
    Ok(text)
}

fn row(over: &Standing) -> Vec<Cell> {
    let forced = &over.forced;
    let glass = if forced.break_glass { ", glass broken" } else { "" };
    let place = forced
        .place
        .as_ref()
        .map_or_else(String::new, |place| format!(" in {place}"));
    vec![
        forced.select.clone().into(),
        Cell::state(format!("{}{glass}", forced.done())),
        forced.until().into(),
        format!("{}{place}", forced.by).into(),
        forced.reason.clone().unwrap_or_default().into(),
        over.endpoints.len().to_string().into(),
    ]
}

fn touched_row(over: &Standing, touched: &Touched) -> Vec<Cell> {
    let style = if touched.hides.is_some() {
        Style::Bad
    } else {
        Style::Plain
    };
    let note = match &touched.hides {
        Some(hides) => format!("WARNING: it fails: {hides}"),
        None if !touched.counts => "a later override counts".to_owned(),
        None => touched.wait.as_ref().map(Wait::words).unwrap_or_default(),
    };
    vec![
        format!("{}/{}", touched.service, touched.endpoint).into(),
        Cell::state(over.forced.done()),
        Cell::state(touched.real.clone()),
        Cell::styled(note, style),
    ]
}
