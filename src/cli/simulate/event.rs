//! One event of a scenario: who becomes what, or what is done.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::cli::simulate::file::{share_of, span_of};
use crate::cli::simulate::inline;
use crate::cli::simulate::raw::RawEvent;
use crate::control::event::Command;
use crate::model::force::ForceKind;
use crate::model::plan::Plan;
use crate::model::time::Moment;
use crate::simulate::incident::{Turn, What};
use crate::simulate::network::Condition;

/// One event; the inner error is what is wrong with it.
pub(super) fn event(
    path: &Path,
    server: Option<&str>,
    raw: &RawEvent,
    plan: &Arc<Plan>,
) -> anyhow::Result<Result<Turn, String>> {
    if raw.deed.as_deref() == Some("reload")
        && let Some(zone) = &raw.zone
    {
        let plan = inline::plan(path, raw.server.as_deref().or(server), zone)?;
        return Ok(span_of(&raw.at).and_then(|at| {
            Ok(Turn {
                at: Moment::ZERO.after(at),
                told: "reload".to_owned(),
                what: What::Reload(plan?),
            })
        }));
    }
    Ok(made(raw, plan))
}

fn made(raw: &RawEvent, plan: &Plan) -> Result<Turn, String> {
    let whom = raw.whom();
    let at = Moment::ZERO.after(span_of(&raw.at)?);
    let (told, what) = match (raw.deed.as_deref(), raw.is.as_deref()) {
        (Some("cut-off"), None) => ("this node is cut off".to_owned(), What::CutOff(true)),
        (Some("connect"), None) => ("this node is connected again".to_owned(), What::CutOff(false)),
        (Some("clock-step"), None) => {
            let by = raw.by.as_deref().ok_or("say `by = \"1h\"` or `by = \"-1h\"`")?;
            let size = span_of(by.trim_start_matches('-'))?;
            let millis = i64::try_from(size.as_millis()).map_err(|_| "a step past every clock".to_owned())?;
            let by_millis = if by.starts_with('-') { -millis } else { millis };
            (format!("the clock steps by {by}"), What::ClockStep(by_millis))
        }
        (Some("restart"), None) => {
            let gone = raw.over.as_deref().map_or(Ok(Duration::ZERO), span_of)?;
            (format!("pointsman restarts ({gone:?} away)"), What::Restart(gone))
        }
        (Some("failover"), None) => {
            let service = raw.service.clone().ok_or("say `service`")?;
            let told = format!(
                "pointsman failover {service}{}",
                raw.to.as_ref().map_or(String::new(), |to| format!(" --to {to}"))
            );
            (
                told,
                What::Command(Command::Failover {
                    service,
                    to: raw.to.clone(),
                }),
            )
        }
        (Some(word @ ("drain" | "force-up" | "force-down" | "release")), None) => by_hand(raw, word)?,
        (Some("reload"), None) => return Err("say `zone = '''…'''`: what is read then".to_owned()),
        (None, Some(word)) => match whom.reference {
            Some(reference) if word == "well" || word == "silent" => (
                format!("{}: {word}", whom.told()),
                What::Reference(reference, word == "well"),
            ),
            Some(_) => return Err("a reference is `well` or `silent`".to_owned()),
            None => {
                let condition = condition(raw, word)?;
                let addresses = whom.addresses(plan)?;
                (
                    format!("{}: {word}", whom.told()),
                    What::Become(addresses, condition),
                )
            }
        },
        (Some(deed), None) => {
            return Err(format!(
                "nobody can `{deed}`; write cut-off, connect, clock-step, restart, reload, failover, drain, force-up, force-down or \
                 release"
            ));
        }
        _ => return Err("say either `is` (how somebody is from then on) or `do`".to_owned()),
    };
    Ok(Turn { at, told, what })
}

/// What an operator lays upon endpoints, or lifts.
fn by_hand(raw: &RawEvent, word: &str) -> Result<(String, What), String> {
    let select = raw
        .endpoint
        .clone()
        .ok_or("say `endpoint`: SERVICE/ENDPOINT, or a pattern like \"*/fra\"")?;
    let lasting = raw.over.as_deref().map(span_of).transpose()?;
    let told = format!("pointsman {} {select}", word.replace('-', " "));
    let force = |kind| Command::Force {
        kind,
        select: select.clone(),
        reason: Some("the scenario".to_owned()),
        lasting,
    };
    let command = match word {
        "drain" => force(ForceKind::Drain),
        "force-up" => force(ForceKind::Up),
        "force-down" => force(ForceKind::Down),
        _ => Command::Release {
            select: select.clone(),
        },
    };
    Ok((told, What::Command(command)))
}

fn condition(raw: &RawEvent, word: &str) -> Result<Condition, String> {
    let span = |text: &Option<String>, what: &str| match text {
        Some(text) => span_of(text),
        None => Err(format!("`{word}` needs `{what}`")),
    };
    let share = || match &raw.share {
        Some(text) => share_of(text),
        None => Err(format!("`{word}` needs `share`, e.g. \"30%\"")),
    };
    Ok(match word {
        "well" => Condition::WELL,
        "refusing" => Condition::Refusing,
        "silent" => Condition::Silent,
        "failing" => Condition::Failing { chance: share()? },
        "lossy" => Condition::Lossy { loss: share()? },
        "slow" => match &raw.over {
            Some(_) => Condition::Slowing {
                to: span(&raw.after, "after")?,
                over: span(&raw.over, "over")?,
            },
            None => Condition::Well {
                after: span(&raw.after, "after")?,
            },
        },
        "flapping" => Condition::Wave {
            up: span(&raw.up, "up")?,
            down: span(&raw.down, "down")?,
            refuses: raw.refuses.unwrap_or(true),
        },
        "bad-certificate" => Condition::Untrusted,
        "unheard" => Condition::Unheard,
        "hollow" => Condition::Hollow,
        _ => {
            return Err(format!(
                "nobody is `{word}`; write well, refusing, silent, failing, lossy, slow, flapping, bad-certificate, unheard or hollow"
            ));
        }
    })
}
