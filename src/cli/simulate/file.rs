//! A scenario's file: read, checked against its configuration, made an incident.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use toml::Spanned;

use crate::cli::simulate::event::event;
use crate::cli::simulate::inline;
use crate::cli::simulate::raw::{RawClients, RawObjective, Scenario};
use crate::config::duration;
use crate::model::plan::Plan;
use crate::model::time::Moment;
use crate::simulate::incident::{Clients, Expect, Incident, Never, Objective};

/// Says where in the file what is wrong.
struct Places<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Places<'_> {
    fn mistake(&self, at: usize, what: impl std::fmt::Display) -> String {
        let before = self.text.get(..at).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        format!("{}:{line}:{column}: error: {what}", self.path.display())
    }

    fn duration(&self, text: &Spanned<String>) -> Result<Duration, String> {
        span_of(text.get_ref()).map_err(|why| self.mistake(text.span().start, why))
    }
}

pub(super) fn span_of(text: &str) -> Result<Duration, String> {
    duration::parse(text).map_err(|error| format!("{error}; write it like \"30s\" or \"1m30s\""))
}

pub(super) fn share_of(text: &str) -> Result<f64, String> {
    let percent = text
        .trim()
        .strip_suffix('%')
        .and_then(|number| number.trim().parse::<f64>().ok());
    percent
        .map(|percent| percent / 100.0)
        .filter(|share| (0.0..=1.0).contains(share))
        .ok_or_else(|| format!("`{text}` is no share; write a percentage like \"99.9%\""))
}

/// Reads the scenario at `path`; `config`: the configuration it is about, when it names none.
///
/// # Errors
/// When the file cannot be read. The inner error: every mistake that was found, rendered.
pub(super) fn read(path: &Path, config: Option<&Path>) -> anyhow::Result<Result<Incident, String>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let places = Places { path, text: &text };
    let scenario: Scenario = match toml::from_str(&text) {
        Ok(scenario) => scenario,
        Err(error) => {
            let at = error.span().map_or(0, |span| span.start);
            return Ok(Err(places.mistake(at, error.message())));
        }
    };
    let server = scenario.server.as_deref();
    let plan = match (&scenario.zone, &scenario.config) {
        (Some(zone), None) => inline::plan(path, server, zone)?,
        (None, Some(config)) => inline::read(&path.parent().unwrap_or(Path::new("")).join(config)),
        (None, None) => match config
            .map(Path::to_owned)
            .or_else(crate::config::load::default_path)
        {
            Some(config) => inline::read(&config),
            None => Err(places.mistake(
                0,
                "no configuration; write `zone = '''…'''`, or `config = \"FILE\"`",
            )),
        },
        (Some(_), Some(_)) => Err(places.mistake(0, "both `zone` and `config`; leave one out")),
    };
    let plan = match plan {
        Ok(plan) => plan,
        Err(mistakes) => return Ok(Err(mistakes)),
    };
    let mut mistakes = Vec::new();
    let mut events = Vec::new();
    for raw in &scenario.event {
        match event(path, server, raw.get_ref(), &plan)? {
            Ok(turn) => events.push(turn),
            Err(what) => mistakes.push(places.mistake(raw.span().start, what)),
        }
    }
    events.sort_by_key(|turn| turn.at);
    let parts = (
        places.duration(&scenario.lasts),
        clients(&scenario.clients, &places),
        objective(&scenario.objective, &places, &plan, &mut mistakes),
    );
    Ok(match parts {
        (Ok(lasts), Ok(clients), Ok(objective)) if mistakes.is_empty() => Ok(Incident {
            plan,
            events,
            lasts: Moment::ZERO.after(lasts),
            seed: scenario.seed.unwrap_or(1),
            clients,
            objective,
        }),
        (lasts, clients, objective) => {
            mistakes.extend(lasts.err());
            mistakes.extend(clients.err());
            mistakes.extend(objective.err());
            Err(mistakes.join("\n"))
        }
    })
}

fn clients(raw: &RawClients, places: &Places<'_>) -> Result<Clients, String> {
    let standard = Clients::default();
    let or = |text: &Option<Spanned<String>>, standard| match text {
        Some(text) => places.duration(text),
        None => Ok(standard),
    };
    Ok(Clients {
        count: raw.count.unwrap_or(standard.count),
        every: or(&raw.every, standard.every)?.max(Duration::from_millis(10)),
        patience: or(&raw.patience, standard.patience)?,
        floor: or(&raw.cache_floor, standard.floor)?,
        tls: raw.tls.unwrap_or(standard.tls),
    })
}

fn objective(
    raw: &RawObjective,
    places: &Places<'_>,
    plan: &Plan,
    mistakes: &mut Vec<String>,
) -> Result<Objective, String> {
    let mut objective = Objective {
        recover_within: raw
            .recover_within
            .as_ref()
            .map(|text| places.duration(text))
            .transpose()?,
        max_switches: raw.max_switches,
        ..Objective::default()
    };
    if let Some(text) = &raw.availability {
        let share = share_of(text.get_ref()).map_err(|why| places.mistake(text.span().start, why))?;
        objective.availability = Some(share);
    }
    for never in &raw.never_named {
        let (at, raw) = (never.span().start, never.get_ref());
        let moment = |text: &Option<String>, standard| match text {
            Some(text) => span_of(text).map(|span| Moment::ZERO.after(span)),
            None => Ok(standard),
        };
        match (
            raw.whom().addresses(plan),
            moment(&raw.from, Moment::ZERO),
            moment(&raw.until, Moment::FAR),
        ) {
            (Ok(addresses), Ok(from), Ok(until)) => objective.never_named.push(Never {
                told: raw.whom().told(),
                service: raw.service.clone(),
                addresses,
                from,
                until,
            }),
            (addresses, from, until) => {
                let all = [addresses.err(), from.err(), until.err()];
                mistakes.extend(all.into_iter().flatten().map(|what| places.mistake(at, what)));
            }
        }
    }
    for answer in &raw.answers {
        let (at, raw) = (answer.span().start, answer.get_ref());
        match span_of(&raw.at) {
            Ok(when) => objective.expect.push(Expect {
                at: Moment::ZERO.after(when),
                service: raw.service.trim_end_matches('.').to_owned(),
                addresses: raw.are.clone(),
            }),
            Err(what) => mistakes.push(places.mistake(at, what)),
        }
    }
    Ok(objective)
}
