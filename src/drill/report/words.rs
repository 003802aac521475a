//! The report for people.

use std::fmt::Write as _;
use std::time::Duration;

use super::{Report, Verdict};
use crate::control::drill::State;
use crate::drill::panel::{FLOOR, Kind};
use crate::model::human;
use crate::model::time::UnixTime;

fn span(ms: f64) -> String {
    if ms < 1000.0 {
        format!("{ms:.1} ms")
    } else {
        format!("{:.3} s", ms / 1000.0)
    }
}

fn maybe(ms: Option<f64>) -> String {
    ms.map_or_else(|| "never".to_owned(), span)
}

pub(super) fn sentence(report: &Report) -> String {
    let verdict = match report.verdict {
        Verdict::Kept => "the promise was kept",
        Verdict::Broken => "THE PROMISE WAS BROKEN",
        Verdict::NotMeasured => "nothing was measured",
    };
    let found: Vec<String> = report
        .promise
        .iter()
        .map(|line| {
            format!(
                "{} {} (promised {})",
                line.what,
                maybe(line.found_ms),
                span(line.promised_ms)
            )
        })
        .collect();
    if found.is_empty() {
        format!("{verdict}: {}", report.why)
    } else {
        format!("{verdict}: {}", found.join(", "))
    }
}

pub(super) fn text(report: &Report) -> String {
    let mut text = format!(
        "drill {} of {}: {} is {}",
        report.id,
        report.service,
        if report.endpoint.is_empty() {
            "it"
        } else {
            &report.endpoint
        },
        match report.state {
            State::Running => "taken for failed now",
            State::Refused | State::Missed => "not touched",
            _ => "as before",
        }
    );
    let mut line = |words: String| {
        // Writing to a text does not fail.
        let _ = write!(text, "\n{words}");
    };
    let length = human::length(Duration::from_millis(report.lasting_ms));
    let reason = report
        .reason
        .as_ref()
        .map_or_else(String::new, |why| format!(" ({why})"));
    line(format!(
        "  began {}, for {length} at the most, by {}{reason}",
        UnixTime(report.started_unix_ms),
        report.by
    ));
    if report.state != State::Running {
        line(format!("  {}: {}", report.state.as_str(), report.why));
    }
    if !report.before.is_empty() {
        let before: Vec<String> = report
            .before
            .iter()
            .map(|(group, active)| format!("{active} for {group}"))
            .collect();
        line(format!("  active before and after: {}", before.join(", ")));
    }
    if report.asked.is_some() {
        chain(report, &mut line);
    }
    if let Some(asked) = report.asked.as_ref().filter(|_| !report.clients.is_empty()) {
        line(String::new());
        line(format!(
            "  time until clients had the new answer, asked over UDP at {asked}"
        ));
        line(format!(
            "  {:<34} {:>7} {:>10} {:>10} {:>10} {:>10}",
            "clients", "number", "p50", "p90", "p99", "max"
        ));
        clients(report, &mut line);
    }
    if !report.promise.is_empty() {
        line(String::new());
        for promise in &report.promise {
            line(format!(
                "  {:<50} promised {:>10}   found {:>10}   {}",
                promise.what,
                span(promise.promised_ms),
                maybe(promise.found_ms),
                if promise.kept { "kept" } else { "NOT KEPT" }
            ));
        }
        line(format!(
            "  {}",
            match report.verdict {
                Verdict::Kept => "the promise was kept",
                Verdict::Broken => "the promise was BROKEN",
                Verdict::NotMeasured => "it ended too early to tell whether the promise is kept",
            }
        ));
    }
    text
}

fn chain(report: &Report, line: &mut impl FnMut(String)) {
    let chain = &report.chain;
    let standby = report.standby.join(", ");
    let steps = [
        (chain.first_failed_ms, "first probe taken for failed".to_owned()),
        (chain.verdict_ms, format!("verdict: {} is down", report.endpoint)),
        (chain.published_ms, format!("published: {standby} answers")),
        (chain.last_old_ms, "last old answer to a fresh client".to_owned()),
        (
            chain.first_new_ms,
            "first new answer to a fresh client".to_owned(),
        ),
        (
            chain.reverted_ms,
            format!("reverted: {} answers again", report.endpoint),
        ),
        (chain.back_ms, "first answer as before".to_owned()),
    ];
    let mut steps: Vec<(f64, String)> = steps
        .into_iter()
        .filter_map(|(at, what)| Some((at?, what)))
        .collect();
    steps.sort_by(|a, b| a.0.total_cmp(&b.0));
    line(String::new());
    for (at, what) in steps {
        line(format!("  {:>10.3} s  {what}", at / 1000.0));
    }
}

fn clients(report: &Report, line: &mut impl FnMut(String)) {
    for row in &report.clients {
        let kind = match row.kind {
            Kind::Fresh => format!("{}, fresh", row.rtype),
            Kind::Cache => format!("{}, cache honouring the TTL", row.rtype),
            Kind::Floor => format!("{}, cache keeping {} s at least", row.rtype, FLOOR.as_secs()),
        };
        let at = |ms: Option<f64>| ms.map_or_else(|| "-".to_owned(), span);
        let mut notes = Vec::new();
        if row.computed > 0 {
            notes.push(format!(
                "{} computed from what they hold: they did not ask again before the end",
                row.computed
            ));
        }
        if row.never > 0 {
            notes.push(format!("{} never had it", row.never));
        }
        if row.lost > 0 {
            notes.push(format!("{} of {} questions lost", row.lost, row.questions));
        }
        line(
            format!(
                "  {kind:<34} {:>7} {:>10} {:>10} {:>10} {:>10}  {}",
                row.clients,
                at(row.p50_ms),
                at(row.p90_ms),
                at(row.p99_ms),
                at(row.max_ms),
                notes.join("; ")
            )
            .trim_end()
            .to_owned(),
        );
    }
}
