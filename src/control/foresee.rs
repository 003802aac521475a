//! What a new plan would change: which answers differ at once, which differ under each single failure, and which names
//! a single failure would leave with nothing. The new plan is put in force on a copy of the signal box, so that the
//! forecast is what the server itself would do.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::control::effect::Effect;
use crate::control::event::{Event, ProbeTicket};
use crate::control::forecast::{Bare, Change, Failure, Forecast, Overload};
use crate::control::losses::{Extent, Loss, losses, overload};
use crate::control::status::{AnswerStatus, answer_status};
use crate::control::step::Control;
use crate::health::observation::{Evidence, FaultClass, Finding, Observation, Phase, Phases, Report};
use crate::model::check::{Expectation, Target};
use crate::model::id::TargetId;
use crate::model::plan::Plan;
use crate::model::time::Now;
use crate::policy::choice::Choice;
use crate::policy::decide::Decided;
use crate::policy::readings::Family;

/// How long a presumed answer takes; a refusal takes a fifth of it. Only the order matters.
const ANSWERS_AFTER: Duration = Duration::from_millis(5);

/// One service as it would answer.
#[derive(Clone, Debug)]
struct Sight {
    choices: [Choice; 2],
    words: [AnswerStatus; 2],
    all_down: [bool; 2],
    ttl: String,
    /// Load and what is left to carry it, where that is too little.
    overload: Option<(u64, u64)>,
}

type Sights = BTreeMap<String, Sight>;

impl Control {
    /// What `plan` would change now. `presume` says of each address that is probed for the first time whether it will
    /// turn out to be up.
    #[must_use]
    pub fn foresee(&self, plan: &Arc<Plan>, now: Now, presume: &dyn Fn(&Target) -> bool) -> Forecast {
        let mut before = self.clone();
        // A rehearsal is over by then.
        before.drill = None;
        let mut after = before.clone();
        let mut effects = Vec::new();
        after.step(now, Event::Planned(Arc::clone(plan)), &mut effects);
        let at_once = after.sights(now);
        let unknown: Vec<TargetId> = (0..after.watches.len())
            .map(TargetId::from_index)
            .filter(|target| {
                after
                    .watches
                    .get(target.index())
                    .is_some_and(|watch| watch.on_trial())
            })
            .collect();
        let now = after.hear_first_verdicts(now, effects, presume);
        let (old, new) = (before.sights(now), after.sights(now));
        let mut forecast = Forecast {
            changes: changes(&old, &new, Some(&at_once)),
            unknown: unknown.iter().map(|target| after.target_name(*target)).collect(),
            ..Forecast::default()
        };
        before.compare_losses(&mut after, now, &old, &new, &mut forecast);
        forecast
    }

    /// The audit alone: names of the plan in force that one failure leaves with nothing healthy.
    #[must_use]
    pub fn audit(&self, now: Now) -> Vec<Bare> {
        let mut forecast = Forecast::default();
        let (mut before, mut after) = (self.clone(), self.clone());
        let sights = self.sights(now);
        before.compare_losses(&mut after, now, &sights, &sights, &mut forecast);
        forecast.bare
    }

    /// Lets every address on trial be probed once, as `presume` says; when that is over. Nothing else is heard of.
    fn hear_first_verdicts(
        &mut self,
        now: Now,
        mut effects: Vec<Effect>,
        presume: &dyn Fn(&Target) -> bool,
    ) -> Now {
        let plan = Arc::clone(&self.plan);
        let end = now.moment.after(plan.node.startup_wait);
        let mut at = now;
        // Results in the order in which they come: refusals first.
        let mut coming: BTreeSet<(crate::model::time::Moment, ProbeTicket, bool)> = BTreeSet::new();
        while self.on_trial > 0 {
            for effect in effects.drain(..) {
                if let Effect::Probe { ticket, target, .. } = effect
                    && let Some(described) = plan.targets.get(target.index())
                    && self.watches.get(target.index()).is_some_and(|w| w.on_trial())
                {
                    let up = presume(described);
                    let takes = if up { ANSWERS_AFTER } else { ANSWERS_AFTER / 5 };
                    coming.insert((at.moment.after(takes), ticket, up));
                }
            }
            let next = coming.first().map(|(moment, ..)| *moment);
            let wake = self.next_wake();
            let Some(moment) = next.into_iter().chain(wake).min().filter(|moment| *moment <= end) else {
                break;
            };
            at.moment = at.moment.max(moment);
            let event = match coming.first().copied() {
                Some((moment, ticket, up)) if moment <= at.moment => {
                    coming.remove(&(moment, ticket, up));
                    let expects = self.expects(ticket);
                    Event::Probed {
                        ticket,
                        seen: presumed(at, up, expects),
                    }
                }
                _ => Event::Woke,
            };
            self.step(at, event, &mut effects);
        }
        at
    }

    fn expects(&self, ticket: ProbeTicket) -> Expectation {
        self.flights
            .get(&ticket)
            .and_then(|flight| self.plan.targets.get(flight.target.index()))
            .map(|target| target.check.expects)
            .unwrap_or_default()
    }

    /// What every service answers, decided afresh.
    fn sights(&self, now: Now) -> Sights {
        self.plan
            .services
            .iter()
            .filter_map(|service| {
                let decided = self.judged(now, service.id)?;
                Some((service.display_name(), self.sight(&decided)))
            })
            .collect()
    }

    fn sight(&self, decided: &Decided) -> Sight {
        let decision = &decided.decision;
        let [why_a, why_aaaa] = decided.why.clone();
        let service = self.plan.services.get(decision.service.index());
        let ttl = service.map(|service| service.ttl.to_string());
        Sight {
            words: [
                answer_status(&self.plan, Some(&decision.a), Some(why_a)),
                answer_status(&self.plan, Some(&decision.aaaa), Some(why_aaaa)),
            ],
            choices: [decision.a.clone(), decision.aaaa.clone()],
            all_down: decided.all_down,
            ttl: ttl.unwrap_or_default(),
            overload: service.and_then(|service| overload(service, &decided.answered)),
        }
    }

    /// Every single failure of either plan, under both.
    fn compare_losses(
        &mut self,
        after: &mut Self,
        now: Now,
        old: &Sights,
        new: &Sights,
        into: &mut Forecast,
    ) {
        let (old_losses, new_losses) = (losses(&self.plan), losses(&after.plan));
        let (old_users, new_users) = (self.targets_by_address(), after.targets_by_address());
        let all: BTreeSet<&Loss> = old_losses.keys().chain(new_losses.keys()).collect();
        let nothing = Extent::default();
        for loss in all {
            let [was, is] = [&old_losses, &new_losses].map(|losses| losses.get(loss).unwrap_or(&nothing));
            // A host is lost whatever is known of it; a site and a pool are what each plan says they are.
            let [old_addresses, new_addresses] = match loss {
                Loss::Host(addresses) => [addresses, addresses],
                Loss::Site(_) | Loss::Pool(..) => [&was.addresses, &is.addresses],
            };
            let before = self.lost(now, old_addresses, &old_users);
            let then = after.lost(now, new_addresses, &new_users);
            let name = name_of(loss);
            into.bare.extend(bare(&name, &before, &then, new));
            into.overloaded.extend(overloaded(&name, &before, &then, new));
            let touched: BTreeSet<&String> = before.keys().chain(then.keys()).collect();
            let sees = |lost: &Sights, calm: &Sights| -> Sights {
                touched
                    .iter()
                    .filter_map(|name| {
                        let sight = lost.get(*name).or_else(|| calm.get(*name))?;
                        Some(((*name).clone(), sight.clone()))
                    })
                    .collect()
            };
            let mut differs = changes(&sees(&before, old), &sees(&then, new), None);
            differs.retain(|change| {
                // What is said already is not said again under every failure.
                !into.changes.iter().any(|said| said.is_the_same(change))
            });
            if !differs.is_empty() {
                let endpoints: BTreeSet<String> = was.endpoints.union(&is.endpoints).cloned().collect();
                into.failures.push(Failure {
                    lost: name,
                    endpoints: endpoints.into_iter().collect(),
                    changes: differs,
                });
            }
        }
    }

    fn lost(
        &mut self,
        now: Now,
        addresses: &BTreeSet<std::net::IpAddr>,
        users: &BTreeMap<std::net::IpAddr, Vec<TargetId>>,
    ) -> Sights {
        self.without(now, addresses, users)
            .into_iter()
            .filter_map(|(id, decided)| {
                let service = self.plan.services.get(id.index())?;
                Some((service.display_name(), self.sight(&decided)))
            })
            .collect()
    }
}

fn presumed(at: Now, up: bool, expects: Expectation) -> Observation {
    Observation {
        at,
        finding: if up {
            Finding::Good
        } else {
            Finding::Bad {
                phase: Phase::Connect,
                class: FaultClass::Refused,
            }
        },
        phases: Phases::default(),
        evidence: Evidence::default(),
        report: Report {
            claim: expects.claim,
            lag: expects.max_lag,
            degraded: None,
        },
    }
}

fn name_of(loss: &Loss) -> String {
    match loss {
        Loss::Host(addresses) => {
            let list: Vec<String> = addresses.iter().map(ToString::to_string).collect();
            list.join(" and ")
        }
        Loss::Site(name) => format!("site {name}"),
        Loss::Pool(zone, name) => format!("pool {name} of {}", zone.trim_end_matches('.')),
    }
}

fn changes(old: &Sights, new: &Sights, at_once: Option<&Sights>) -> Vec<Change> {
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let mut found = Vec::new();
    for name in names {
        let (was, is) = (old.get(name), new.get(name));
        for family in Family::BOTH {
            let of = |sight: Option<&Sight>| {
                let sight = sight?;
                Some((
                    sight.choices.get(family.index())?.clone(),
                    sight.words.get(family.index())?.clone(),
                ))
            };
            let down = |sight: Option<&Sight>| {
                sight.is_some_and(|sight| sight.all_down.get(family.index()) == Some(&true))
            };
            let (from, to) = (of(was), of(is));
            let ttl = match (was, is) {
                (Some(was), Some(is)) if was.ttl != is.ttl => Some((was.ttl.clone(), is.ttl.clone())),
                _ => None,
            };
            let empty = |side: &Option<(Choice, AnswerStatus)>| {
                side.as_ref().is_none_or(|(c, _)| c.addresses.is_empty())
            };
            // A family that neither side has is not worth a word.
            if from.as_ref().map(|(c, _)| c) == to.as_ref().map(|(c, _)| c) && (ttl.is_none() || empty(&to))
                || from.is_none() && empty(&to) && !down(is)
                || to.is_none() && empty(&from)
            {
                continue;
            }
            let first = at_once.and_then(|sights| of(sights.get(name)));
            found.push(Change {
                service: name.clone(),
                rtype: family.as_str().to_owned(),
                waits: first
                    .as_ref()
                    .is_some_and(|(choice, _)| Some(choice) != to.as_ref().map(|(c, _)| c)),
                from: from.map(|(_, words)| words),
                to: to.map(|(_, words)| words),
                ttl,
                reaches_zero: down(is) && !down(was),
            });
        }
    }
    found
}

/// Which of `then` have nothing healthy, though they have without the loss.
fn bare(lost: &str, before: &Sights, then: &Sights, calm: &Sights) -> Vec<Bare> {
    let is_down = |sights: &Sights, name: &str, family: Family| {
        sights
            .get(name)
            .is_some_and(|sight| sight.all_down.get(family.index()) == Some(&true))
    };
    let mut found = Vec::new();
    for (name, sight) in then {
        for family in Family::BOTH {
            if is_down(then, name, family)
                && !is_down(calm, name, family)
                && let Some(answer) = sight.words.get(family.index())
            {
                found.push(Bare {
                    service: name.clone(),
                    rtype: family.as_str().to_owned(),
                    lost: lost.to_owned(),
                    answer: answer.clone(),
                    known: is_down(before, name, family),
                });
            }
        }
    }
    found
}

/// Which of `then` are loaded past what they can carry, though they are not without the loss.
fn overloaded(lost: &str, before: &Sights, then: &Sights, calm: &Sights) -> Vec<Overload> {
    let is_over =
        |sights: &Sights, name: &String| sights.get(name).is_some_and(|sight| sight.overload.is_some());
    then.iter()
        .filter(|(name, _)| !is_over(calm, name))
        .filter_map(|(name, sight)| {
            let (demand, capacity) = sight.overload?;
            Some(Overload {
                service: name.clone(),
                lost: lost.to_owned(),
                demand,
                capacity,
                known: is_over(before, name),
            })
        })
        .collect()
}
