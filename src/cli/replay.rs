//! `pointsman replay RECORDING…`: recorded probes fed to a configuration, beside what happened when they were recorded.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use serde_json::{Value, json};

use crate::cli::{Common, arguments, output, terminal};
use crate::config::diagnostic::render;
use crate::config::load::load;
use crate::simulate::recording::Entry;
use crate::simulate::replay::{Line, Replay, Replayed, compare};

/// Exit code 0, 2 for a configuration with mistakes.
///
/// # Errors
/// When a recording cannot be read.
pub(super) fn run(common: &Common, options: &arguments::Replay) -> anyhow::Result<ExitCode> {
    let file = common.config_file()?;
    let loaded = load(&file);
    let Some(plan) = loaded.plan.as_ref().filter(|_| !loaded.has_errors()) else {
        output::note(&render(&loaded.diagnostics, terminal::error_color()));
        return Ok(ExitCode::from(2));
    };
    let mut replay = Replay::new(plan.clone());
    let mut broken = 0;
    for path in &options.files {
        broken += feed(&mut replay, path)?;
    }
    if broken > 0 {
        output::note(&format!("{broken} lines are not whole and were left out"));
    }
    let replayed = replay.finish();
    let lines = compare(&replayed);
    if common.json {
        output::json(&as_json(&replayed, &lines))?;
    } else {
        output::line(&text(&file, &replayed, &lines, options.differences));
    }
    Ok(ExitCode::SUCCESS)
}

/// Feeds a file line by line; how many lines were no entries (the last one of a crash).
fn feed(replay: &mut Replay, path: &Path) -> anyhow::Result<u64> {
    let file = std::fs::File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut broken = 0;
    for line in BufReader::new(file).split(b'\n') {
        let line = line.with_context(|| format!("cannot read {}", path.display()))?;
        match serde_json::from_slice::<Entry>(&line) {
            Ok(entry) => replay.feed(&entry),
            Err(_) => broken += 1,
        }
    }
    Ok(broken)
}

fn counts(lines: &[Line]) -> (usize, usize, usize) {
    let count = |then, now| {
        lines
            .iter()
            .filter(|line| line.then == then && line.now == now)
            .count()
    };
    (count(true, true), count(true, false), count(false, true))
}

fn text(config: &Path, replayed: &Replayed, lines: &[Line], differences: bool) -> String {
    let first = lines.first().map_or(0, |line| line.changed.at);
    let mut all: Vec<String> = Vec::new();
    for line in lines {
        let mark = match (line.then, line.now) {
            (true, true) if differences => continue,
            (true, true) => " ",
            (true, false) => "-",
            _ => "+",
        };
        let after = line.changed.at.saturating_sub(first);
        all.push(format!(
            "{mark} {:>6}.{:03}s  {}",
            after / 1000,
            after % 1000,
            line.changed.text
        ));
    }
    all.extend(replayed.notes.iter().map(|note| format!("note: {note}")));
    for (target, probes) in &replayed.unchecked {
        all.push(format!(
            "note: {target} is not checked by this configuration: {probes} probes left out"
        ));
    }
    for target in &replayed.unseen {
        all.push(format!("note: {target} was never probed: taken as up"));
    }
    let (same, then, now) = counts(lines);
    all.push(format!(
        "{}: {} probes fed; {same} changes as they happened, {then} that would not have happened (-), {now} that \
         would have happened instead (+)",
        config.display(),
        replayed.probes
    ));
    all.join("\n")
}

fn as_json(replayed: &Replayed, lines: &[Line]) -> Value {
    let changes: Vec<Value> = lines
        .iter()
        .map(|line| {
            json!({
                "unix_ms": line.changed.at,
                "what": line.changed.text,
                "happened": line.then,
                "would_have": line.now,
            })
        })
        .collect();
    let (same, then, now) = counts(lines);
    json!({
        "probes": replayed.probes,
        "same": same,
        "only_then": then,
        "only_now": now,
        "changes": changes,
        "unchecked": replayed.unchecked,
        "never_probed": replayed.unseen,
        "notes": replayed.notes,
    })
}
