//! `recover_within`: an objective that the plan must promise to keep.

use std::time::Duration;

use crate::config::duration::text;
use crate::config::load::zones::Draft;
use crate::control::promise::Promise;
use crate::model::diagnostic::Diagnostic;
use crate::model::plan::{Plan, ZonePlan};
use crate::model::service::Service;

/// The objectives of `zone`, made from `draft`, that `plan` does not keep.
pub(crate) fn judge(plan: &Plan, zone: &ZonePlan, draft: &Draft) -> Vec<Diagnostic> {
    let Some(file) = &draft.file else {
        return Vec::new();
    };
    let services = zone
        .services
        .iter()
        .filter_map(|id| plan.services.get(id.index()));
    services
        .filter_map(|service| {
            let (what, instead) = missed(plan, service)?;
            let raw = file
                .raw
                .services
                .iter()
                .find(|raw| raw.label.value == service.label)?;
            let place = file.source.place(raw.recover_within.as_ref()?.at);
            Some(Diagnostic::error(place, what).instead(instead))
        })
        .collect()
}

/// What is wrong with a service's objective, and what to write instead.
fn missed(plan: &Plan, service: &Service) -> Option<(String, String)> {
    let objective = service.recover_within?;
    let promise = Promise::of(plan, service);
    let (silent, worst) = match (&promise, promise.worst()) {
        (_, Some(worst)) if worst <= objective => return None,
        (Promise::Automatic { silent, .. }, Some(worst)) => (silent, worst),
        (Promise::Manual { .. }, _) => {
            return Some((
                "nothing recovers by itself with `switch = \"manual\"`".to_owned(),
                "write switch = \"auto\", or remove `recover_within`".to_owned(),
            ));
        }
        _ => {
            return Some((
                "nothing recovers without a check".to_owned(),
                "write `check = …`, or remove `recover_within`".to_owned(),
            ));
        }
    };
    Some((
        format!(
            "the promise of `{}` is worse: {}",
            service.display_name(),
            silent.worst
        ),
        format!(
            "write `recover_within = \"{}\"`, or shorten one of these",
            text(Duration::from_secs(
                worst.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX)
            ))
        ),
    ))
}
