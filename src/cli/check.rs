//! `pointsman check`: every mistake of all files, and every service's promise.

use std::fmt::Write;
use std::process::ExitCode;

use serde_json::{Value, json};

use crate::cli::{Common, arguments, output, table, terminal};
use crate::clock::{Clock, SystemClock};
use crate::config::defaults::Row;
use crate::config::diagnostic::render;
use crate::config::load::{Loaded, load};
use crate::control::promise::{Expectation, Promise, Sum};
use crate::model::diagnostic::Diagnostic;
use crate::model::service::Service;
use crate::tls;

/// Exit code 0 without mistakes, 2 with any.
///
/// # Errors
/// When there is no configuration at all.
pub(super) fn run(common: &Common, options: &arguments::Check) -> anyhow::Result<ExitCode> {
    if options.defaults {
        output::line(&defaults(common)?);
        return Ok(ExitCode::SUCCESS);
    }
    let file = common.config_file()?;
    let loaded = load(&file);
    let errors = loaded
        .diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.is_error())
        .count();
    let mut ended = ended(&loaded);
    ended.extend(expired(&loaded));
    let warnings = loaded.diagnostics.len() - errors + ended.len();
    if common.json {
        output::json(&as_json(&loaded))?;
    } else {
        if !loaded.diagnostics.is_empty() {
            output::line(&render(&loaded.diagnostics, terminal::color()));
        }
        if !ended.is_empty() {
            output::line(&render(&ended, terminal::color()));
        }
        output::line(&promises(&loaded));
        for line in encrypted(&loaded) {
            output::line(&line);
        }
        output::line(&format!(
            "{}: {}, {}",
            file.display(),
            counted(errors, "error"),
            counted(warnings, "warning")
        ));
    }
    Ok(if errors > 0 {
        ExitCode::from(2)
    } else {
        ExitCode::SUCCESS
    })
}

/// `1 error`, `2 errors`.
fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// Overrides of the file whose time is over: reading files needs no clock, this does.
fn ended(loaded: &Loaded) -> Vec<Diagnostic> {
    let now = SystemClock::start().now().wall;
    let overrides = loaded.plan.iter().flat_map(|plan| &plan.overrides);
    overrides
        .filter_map(|over| Some((over, over.until.filter(|until| *until <= now)?)))
        .map(|(over, until)| {
            Diagnostic::warning(
                over.place.clone(),
                format!("the override of `{}` ended {until}", over.select),
            )
            .instead("take it out")
        })
        .collect()
}

/// Certificates that do not hold now: reading them needs no clock, this does.
fn expired(loaded: &Loaded) -> Vec<Diagnostic> {
    let now = SystemClock::start().now().wall;
    let node = loaded.plan.iter().map(|plan| &plan.node);
    let identities = node.flat_map(|node| {
        let api = node.access.tls.iter().map(|tls| &tls.identity);
        api.chain(node.encrypted.doors().map(|(_, door)| &door.identity))
    });
    let mut found: Vec<Diagnostic> = identities
        .filter_map(|identity| {
            let (from, until) = tls::validity(identity)?;
            let what = if until < now {
                format!("the certificate ended {until}: clients will not believe it")
            } else if now < from {
                format!("the certificate begins {from}: until then clients will not believe it")
            } else {
                return None;
            };
            Some(Diagnostic::warning(identity.place.clone(), what).instead("have it renewed"))
        })
        .collect();
    // Two doors may show the same.
    found.dedup();
    found
}

/// Where DNS is encrypted.
fn encrypted(loaded: &Loaded) -> Vec<String> {
    let doors = loaded.plan.iter().flat_map(|plan| plan.node.encrypted.doors());
    doors
        .flat_map(|(over, door)| {
            let until = tls::validity(&door.identity)
                .map_or_else(String::new, |(_, until)| format!(", certificate until {until}"));
            let line = move |address| format!("DNS over {over} on {address}{until}");
            door.listen.iter().map(line)
        })
        .collect()
}

fn defaults(common: &Common) -> anyhow::Result<String> {
    let rows = crate::config::defaults::table();
    if common.json {
        let rows: Vec<Value> = rows
            .iter()
            .map(|row| json!({ "table": row.table, "key": row.key, "kind": row.kind, "default": row.default, "about": row.about }))
            .collect();
        return Ok(serde_json::to_string_pretty(&rows)?);
    }
    let cells = |row: &Row| {
        vec![
            row.table.into(),
            row.key.into(),
            row.default.clone(),
            row.kind.clone(),
            row.about.into(),
        ]
    };
    Ok(table::render(
        &["TABLE", "KEY", "DEFAULT", "MAY BE", "WHAT FOR"],
        &rows.iter().map(cells).collect::<Vec<_>>(),
    ))
}

fn promises(loaded: &Loaded) -> String {
    let Some(plan) = &loaded.plan else {
        return "nothing can be promised: the server's own file is refused".into();
    };
    let mut text = String::new();
    for zone in &plan.zones {
        let state = if zone.refused { "REFUSED" } else { "ok" };
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "zone {} ({}): {state}, {}",
            zone.origin,
            zone.source.display(),
            counted(zone.services.len(), "service")
        );
        for service in zone
            .services
            .iter()
            .filter_map(|id| plan.services.get(id.index()))
        {
            let _ = writeln!(text, "{}", of_service(service, &Promise::of(plan, service)));
        }
    }
    text.trim_end().to_owned()
}

fn of_service(service: &Service, promise: &Promise) -> String {
    let mut text = format!(
        "  service {} ({})",
        service.display_name(),
        service.group.policy.as_str()
    );
    for line in promise.to_string().lines() {
        let _ = write!(text, "\n    {line}");
    }
    let _ = write!(text, "\n    when all are down: {}", service.when_all_down);
    text
}

fn as_json(loaded: &Loaded) -> Value {
    let diagnostics: Vec<Value> = loaded.diagnostics.iter().map(of_diagnostic).collect();
    let services: Vec<Value> = loaded
        .plan
        .iter()
        .flat_map(|plan| plan.services.iter().map(move |service| (plan, service)))
        .map(|(plan, service)| {
            json!({
                "service": service.display_name(),
                "policy": service.group.policy.as_str(),
                "when_all_down": service.when_all_down.to_string(),
                "promise": of_promise(&Promise::of(plan, service)),
            })
        })
        .collect();
    json!({ "diagnostics": diagnostics, "services": services })
}

fn of_promise(promise: &Promise) -> Value {
    let sum = |sum: &Sum| {
        let terms: Vec<Value> = sum
            .terms
            .iter()
            .map(|term| json!({ "what": term.what, "seconds": term.adds.as_secs_f64() }))
            .collect();
        json!({ "seconds": sum.total().as_secs_f64(), "terms": terms })
    };
    let kind = |expectation: &Expectation| {
        json!({
            "detection_seconds": expectation.detection.as_secs_f64(),
            "typical": sum(&expectation.typical),
            "worst": sum(&expectation.worst),
        })
    };
    match promise {
        Promise::Unchecked => Value::Null,
        Promise::Automatic { hard, silent } => {
            json!({ "switch": "auto", "hard": kind(hard), "silent": kind(silent) })
        }
        Promise::Manual { hard, silent } => {
            json!({ "switch": "manual", "hard": kind(hard), "silent": kind(silent) })
        }
    }
}

fn of_diagnostic(diagnostic: &Diagnostic) -> Value {
    json!({
        "severity": if diagnostic.is_error() { "error" } else { "warning" },
        "file": diagnostic.place.file.display().to_string(),
        "line": diagnostic.place.line,
        "column": diagnostic.place.column,
        "what": diagnostic.what,
        "instead": diagnostic.instead,
    })
}
