//! `pointsman plan NEW_CONFIG`: what it would change now and under each single failure, and what has no standby.

use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;

use serde_json::json;

use crate::api::live::Outlook;
use crate::cli::client::Client;
use crate::cli::unanswered::Unanswered;
use crate::cli::{Common, arguments, offline, output, terminal};
use crate::config::diagnostic::render;
use crate::config::load::{Loaded, load};
use crate::control::forecast::{Bare, Change};
use crate::control::status::AnswerStatus;
use crate::run::rehearse::records;

/// Exit code 0 when nothing asks for the operator's word, 1 when some name would be left with nothing healthy, now or
/// by a single failure, where it is not so today; 2 for a configuration with mistakes.
///
/// # Errors
/// When neither a server nor the present configuration can be had.
pub(super) fn run(common: &Common, options: &arguments::Plan) -> anyhow::Result<ExitCode> {
    let new = load(&options.new);
    if new.has_errors() || new.plan.is_none() {
        output::note(&render(&new.diagnostics, terminal::error_color()));
        output::fault(&format!("{} has mistakes", options.new.display()));
        return Ok(ExitCode::from(2));
    }
    let live = if options.offline {
        None
    } else {
        let config = options.new.canonicalize()?;
        match Client::new(common)?.post::<Outlook>("/v1/plan", &json!({ "config": config })) {
            Ok(outlook) => Some(outlook),
            Err(Unanswered::NoServer { base, .. }) if common.api.is_none() => {
                output::note(&format!(
                    "no server answers at {base}: compared with the configuration, every endpoint taken as up"
                ));
                None
            }
            Err(other) => return Err(other.into()),
        }
    };
    let outlook = match live {
        Some(outlook) => outlook,
        None => match compared(&common.config_file()?, &new)? {
            Some(outlook) => outlook,
            None => return Ok(ExitCode::from(2)),
        },
    };
    let alarms = outlook.forecast.alarms();
    if common.json {
        output::json(&outlook)?;
    } else {
        output::line(&text(&outlook));
        output::line(&verdict(alarms, options.acknowledge));
    }
    Ok(if alarms > 0 && !options.acknowledge {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// Without a server: from the configuration in use to the new one.
fn compared(old: &Path, new: &Loaded) -> anyhow::Result<Option<Outlook>> {
    let old = load(old);
    let (Some(before), Some(after)) = (&old.plan, &new.plan) else {
        output::note(&render(&old.diagnostics, terminal::error_color()));
        output::fault("the present configuration is refused; name another with `--config FILE`");
        return Ok(None);
    };
    let (control, now, _) = offline::signal_box(before);
    Ok(Some(Outlook {
        forecast: control.foresee(after, now, &|_| true),
        records: records(&old, new),
    }))
}

fn verdict(alarms: usize, acknowledged: bool) -> String {
    match (alarms, acknowledged) {
        (0, _) => {
            "ok: no name is left with nothing healthy, or too little of it, that is not so today".to_owned()
        }
        (count, true) => format!("acknowledged: {count} marked with `!`"),
        (count, false) => format!(
            "{count} marked with `!`: left with nothing healthy or too little of it, and not so today; add a standby, or \
             say `--acknowledge`"
        ),
    }
}

fn text(outlook: &Outlook) -> String {
    let forecast = &outlook.forecast;
    let mut text = String::new();
    // Writing to a string cannot fail.
    if forecast.changes.is_empty() && outlook.records.is_empty() {
        text.push_str("now: every name is answered as before\n");
    } else {
        text.push_str("now:\n");
        for change in &forecast.changes {
            let _ = writeln!(text, "{}", of_change(change, "  "));
        }
        for records in &outlook.records {
            let what = match (records.before, records.after) {
                (0, count) => format!("new, {count} records"),
                (count, 0) => format!("gone, {count} records"),
                (before, after) => format!("other data: {before} before, {after} after"),
            };
            let _ = writeln!(text, "    {} {}: {what}", records.owner, records.rtype);
        }
    }
    if !forecast.unknown.is_empty() {
        text.push_str(
            "unknown until probed, presumed up here (the old answer stands until their first verdict):\n",
        );
        for target in &forecast.unknown {
            let _ = writeln!(text, "    {target}");
        }
    }
    if forecast.failures.is_empty() {
        text.push_str("under each single failure: nothing else differs\n");
    } else {
        text.push_str("under a single failure, beyond what differs now:\n");
        for failure in &forecast.failures {
            let _ = writeln!(
                text,
                "  without {} ({}):",
                failure.lost,
                failure.endpoints.join(", ")
            );
            for change in &failure.changes {
                let _ = writeln!(text, "{}", of_change(change, "    "));
            }
        }
    }
    if forecast.bare.is_empty() {
        text.push_str("no standby: every name survives each single failure\n");
    } else {
        text.push_str("no standby:\n");
        for bare in &forecast.bare {
            let _ = writeln!(text, "{}", of_bare(bare));
        }
    }
    if !forecast.overloaded.is_empty() {
        text.push_str("too little left:\n");
        for over in &forecast.overloaded {
            let (mark, today) = if over.known {
                ("  ", "; so today, too")
            } else {
                ("! ", "")
            };
            let _ = writeln!(
                text,
                "  {mark}{}: without {} a load of {} has {} to carry it{today}",
                over.service, over.lost, over.demand, over.capacity
            );
        }
    }
    text.trim_end().to_owned()
}

fn of_change(change: &Change, indent: &str) -> String {
    let mark = if change.reaches_zero { "! " } else { "  " };
    let side = |answer: &Option<AnswerStatus>| {
        answer
            .as_ref()
            .map_or_else(|| "no such service".to_owned(), answered)
    };
    let mut line = format!("{indent}{mark}{} {}: ", change.service, change.rtype);
    let (from, to) = (side(&change.from), side(&change.to));
    if from != to {
        let _ = write!(line, "{from} -> {to}");
    } else if change.ttl.is_none() {
        let _ = write!(line, "{to}, in other shares or another order");
    } else {
        line.push_str(&to);
    }
    if let Some((from, to)) = &change.ttl {
        let _ = write!(line, "; TTL {from} -> {to}");
    }
    if change.waits {
        line.push_str("; once new addresses have a verdict");
    }
    if change.reaches_zero {
        line.push_str("; nothing healthy is left");
    }
    line
}

fn answered(answer: &AnswerStatus) -> String {
    let addresses = answer.addresses.join(", ");
    match answer.pick.as_str() {
        "nothing" if addresses.is_empty() => "no data".to_owned(),
        "fixed" | "servfail" => addresses,
        pick => format!("{addresses} ({pick})"),
    }
}

fn of_bare(bare: &Bare) -> String {
    format!(
        "  {}{} {}: without {} answers {} ({}){}",
        if bare.known { "  " } else { "! " },
        bare.service,
        bare.rtype,
        bare.lost,
        answered(&bare.answer),
        bare.answer.why,
        if bare.known { "; so today, too" } else { "" }
    )
}
