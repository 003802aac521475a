//! The operator's hand: drain, force, release. Judged, put on disk, and only then in force.

use std::time::Duration;

use crate::control::effect::{Done, Effect, Record, Refusal};
use crate::control::overrides::{Expiry, Override, Overrides, place_in_words};
use crate::control::step::Control;
use crate::control::storing::{Asked, Awaiting, not_stored, unless_kept};
use crate::model::force::ForceKind;
use crate::model::human;
use crate::model::id::EndpointId;
use crate::model::reach::{matching, meant};
use crate::model::selector::Selector;
use crate::model::service::Service;
use crate::model::time::Now;
use crate::policy::readings::Forced;
use crate::policy::witness::Nobody;

/// Commands that stand at once: each costs a walk over all names when something changes.
const MOST: usize = 1000;
/// Longest reason and owner, in octets: they stand in every line of the log.
const WORDS: usize = 512;
/// Services that the timeline names of one command: it is found under each of them.
const NAMED: usize = 1000;
/// Services and names that are spelt out in an answer; the others are counted.
const SPELT: usize = 20;

/// What a drain or force asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wish {
    pub kind: ForceKind,
    pub select: String,
    pub reason: Option<String>,
    pub lasting: Option<Duration>,
}

/// An override that may be laid, or some that may be lifted.
struct Judged {
    standing: Vec<Override>,
    records: Vec<Record>,
    said: String,
}

impl Control {
    /// Judges a drain or force and hands it to the disk.
    pub(super) fn force(&mut self, now: Now, asked: Asked, wish: Wish, effects: &mut Vec<Effect>) {
        let id = self.last_override.wrapping_add(1);
        self.hand_over(now, asked, Handed::Wish(wish, id), effects);
        self.last_override = id;
    }

    /// Judges a release and hands it to the disk.
    pub(super) fn release(&mut self, now: Now, asked: Asked, select: String, effects: &mut Vec<Effect>) {
        self.hand_over(now, asked, Handed::Release(select), effects);
    }

    fn hand_over(&mut self, now: Now, asked: Asked, handed: Handed, effects: &mut Vec<Effect>) {
        match self.judge(now, &asked, &handed) {
            Err(refusal) => effects.push(Effect::Answer(asked.ticket, Err(refusal))),
            Ok(judged) if asked.manner.dry_run => {
                let done = Done(format!("would do: {}", judged.said));
                effects.push(Effect::Answer(asked.ticket, Ok(done)));
            }
            Ok(judged) => self.persist(now, judged.records, Awaiting::Force(asked, handed), effects),
        }
    }

    /// The disk has spoken: judged again, since the world went on, and put in force.
    pub(super) fn force_now(
        &mut self,
        now: Now,
        asked: &Asked,
        handed: &Handed,
        stored: Result<(), String>,
        effects: &mut Vec<Effect>,
    ) {
        let judged = match &stored {
            Err(reason) if !asked.manner.break_glass => Err(not_stored(reason)),
            _ => self.judge(now, asked, handed),
        };
        let result = match judged {
            Ok(judged) => {
                self.lay(now, judged.standing);
                if stored.is_err() {
                    // Tried again when the disk is well.
                    effects.extend(judged.records.into_iter().map(Effect::Remember));
                }
                Ok(Done(format!("{}{}", judged.said, unless_kept(&stored))))
            }
            Err(refusal) => {
                // The disk may hold what was not done.
                self.write_all_again(handed, effects);
                Err(refusal)
            }
        };
        let select = match handed {
            Handed::Wish(wish, _) => &wish.select,
            Handed::Release(select) => select,
        };
        let services = parse(select)
            .map(|select| self.named_by(&select))
            .unwrap_or_default();
        self.acknowledge(now, asked, services, result, effects);
    }

    /// The services whose endpoints `select` means; none when there are too many to be named.
    pub(super) fn named_by(&self, select: &Selector) -> Vec<String> {
        let services = self.services_of(&matching(select, &self.plan));
        if services.len() > NAMED {
            return Vec::new();
        }
        services.iter().map(|service| service.display_name()).collect()
    }

    fn write_all_again(&self, handed: &Handed, effects: &mut Vec<Effect>) {
        if let Handed::Wish(_, id) = handed {
            effects.push(Effect::Remember(Record::Released(*id)));
        }
        let standing = self.overrides.standing.iter().filter(|over| over.place.is_none());
        effects.extend(standing.map(|over| Effect::Remember(Record::Override(over.stored()))));
    }

    /// Puts `standing` in force; services whose endpoints it changes are decided anew.
    pub(super) fn lay(&mut self, now: Now, standing: Vec<Override>) {
        let next = Overrides::new(standing, &self.plan);
        let before = std::mem::replace(&mut self.overrides, next);
        let plan = self.plan.clone();
        for endpoint in &plan.endpoints {
            if before.forced(endpoint.id) != self.overrides.forced(endpoint.id) {
                self.give_way(endpoint.service);
                self.mark(endpoint.service);
            }
        }
        self.plan_overrides(now);
        self.follow_drains(now);
    }

    fn judge(&self, now: Now, asked: &Asked, handed: &Handed) -> Result<Judged, Refusal> {
        if !self.opened {
            let detail = "first verdicts are still awaited; try again in a few seconds";
            return refuse("starting", detail);
        }
        match handed {
            Handed::Wish(wish, id) => self.judge_force(now, asked, wish, *id),
            Handed::Release(select) => self.judge_release(now, select),
        }
    }

    fn judge_force(&self, now: Now, asked: &Asked, wish: &Wish, id: u64) -> Result<Judged, Refusal> {
        let select = parse(&wish.select)?;
        let matched = matching(&select, &self.plan);
        if matched.is_empty() {
            return Err(self.no_match(&select));
        }
        let too_long = |text: &str| text.len() > WORDS;
        if too_long(&asked.by) || wish.reason.as_deref().is_some_and(too_long) {
            return refuse(
                "too-long",
                format!("owner and reason have at most {WORDS} octets each"),
            );
        }
        if wish.lasting.is_some_and(|length| length.is_zero()) {
            return refuse("no-time", "it would end at once; give it time, like 30m");
        }
        let over = Override {
            id,
            kind: wish.kind,
            owner: asked.by.clone(),
            reason: wish.reason.clone(),
            created: now.wall,
            expiry: wish.lasting.map(|length| Expiry::after(length, now)),
            break_glass: asked.manner.break_glass,
            place: None,
            select,
        };
        // The latest word on the same selector takes the place of earlier ones.
        let (replaced, mut standing): (Vec<_>, Vec<_>) = self
            .overrides
            .standing
            .iter()
            .cloned()
            .partition(|known| known.place.is_none() && known.select == over.select);
        if standing.len() >= MOST {
            return refuse(
                "too-many",
                format!("{MOST} overrides stand; release some (`pointsman overrides`)"),
            );
        }
        let mut records: Vec<Record> = replaced.iter().map(|known| Record::Released(known.id)).collect();
        records.push(Record::Override(over.stored()));
        let until = over.expiry.map(|expiry| {
            let length = human::length(expiry.length);
            format!("until {} ({length})", expiry.wall)
        });
        standing.push(over);
        let supposed = Overrides::new(standing, &self.plan);
        let touched = self.services_of(&matched);
        if wish.kind.removes() && !asked.manner.break_glass {
            self.judge_safety(now, &touched, &self.overrides.forced, &supposed.forced)?;
        }
        let mut said = self.foretell(now, &touched, &matched, wish.kind.done(), &supposed.forced);
        said.extend(until);
        Ok(Judged {
            said: join(&said, touched.len()),
            standing: supposed.standing,
            records,
        })
    }

    fn judge_release(&self, now: Now, select: &str) -> Result<Judged, Refusal> {
        let select = parse(select)?;
        let mine = matching(&select, &self.plan);
        let (mut lifted, mut standing, mut touched, mut others) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for over in &self.overrides.standing {
            let theirs = matching(&over.select, &self.plan);
            let within = !theirs.is_empty() && theirs.iter().all(|id| mine.binary_search(id).is_ok());
            if over.place.is_none() && (over.select == select || within) {
                lifted.push(Record::Released(over.id));
                touched.extend(theirs);
                continue;
            }
            if theirs.iter().any(|id| mine.binary_search(id).is_ok()) {
                others.push(over);
            }
            standing.push(over.clone());
        }
        if lifted.is_empty() {
            return Err(match others.last() {
                Some(Override {
                    place: Some(place),
                    kind,
                    ..
                }) => Refusal {
                    rule: "in-file",
                    detail: format!(
                        "{select} is {}, and that stands in {}: take it out there, the file is read again",
                        kind.done(),
                        place_in_words(place)
                    ),
                },
                Some(over) => Refusal {
                    rule: "part-of-more",
                    detail: format!(
                        "{select} is {} as a part of {}; release that: pointsman release '{}'",
                        over.words(),
                        over.select,
                        over.select
                    ),
                },
                None if mine.is_empty() => self.no_match(&select),
                None => Refusal {
                    rule: "no-override",
                    detail: format!("nothing is laid upon {select}; `pointsman overrides` lists what stands"),
                },
            });
        }
        touched.sort_unstable();
        touched.dedup();
        let supposed = Overrides::new(standing, &self.plan);
        let services = self.services_of(&touched);
        let mut said = self.foretell(now, &services, &touched, "released", &supposed.forced);
        said.extend(
            others
                .iter()
                .map(|over| format!("still {} through {}", over.words(), over.select)),
        );
        Ok(Judged {
            said: join(&said, services.len()),
            standing: supposed.standing,
            records: lifted,
        })
    }

    /// A sentence for each service: what was done to whom, and who answers then; at last how many were meant.
    fn foretell(
        &self,
        now: Now,
        touched: &[&Service],
        matched: &[EndpointId],
        done: &str,
        forced: &[Option<Forced>],
    ) -> Vec<String> {
        let name = |id: &EndpointId| {
            let endpoint = self.plan.endpoints.get(id.index());
            endpoint.map_or_else(String::new, |endpoint| endpoint.name.clone())
        };
        let mut said: Vec<String> = touched
            .iter()
            .take(SPELT)
            .map(|service| {
                let of_it = |id: &&EndpointId| {
                    let endpoint = self.plan.endpoints.get(id.index());
                    endpoint.is_some_and(|endpoint| endpoint.service == service.id)
                };
                let names = some_of(matched.iter().filter(of_it).map(name).collect());
                let Some(desk) = self.desks.get(service.id.index()) else {
                    return String::new();
                };
                let (mut memory, fresh) = (desk.memory.clone(), desk.fresh);
                let decided = self.weigh_as(forced, service, &mut memory, fresh, now, &mut Nobody);
                let answers = match decided.answered.as_slice() {
                    [] => "no endpoint of it answers".to_owned(),
                    [one] => format!("{} answers", name(one)),
                    more => format!("{} answer", some_of(more.iter().map(name).collect())),
                };
                let not_well = decided.decision.degraded().map(|what| format!(" ({what})"));
                format!(
                    "{}: {names} {done}, {answers}{}",
                    service.display_name(),
                    not_well.unwrap_or_default()
                )
            })
            .collect();
        if touched.len() > SPELT {
            said.push(format!("and {} services more", touched.len() - SPELT));
        }
        said.push(match matched.len() {
            1 => "1 endpoint matches".to_owned(),
            count => format!("{count} endpoints match"),
        });
        said
    }

    fn services_of(&self, endpoints: &[EndpointId]) -> Vec<&Service> {
        let mut ids: Vec<_> = endpoints
            .iter()
            .filter_map(|id| self.plan.endpoints.get(id.index()))
            .map(|endpoint| endpoint.service)
            .collect();
        ids.sort_unstable();
        ids.dedup();
        ids.iter()
            .filter_map(|id| self.plan.services.get(id.index()))
            .collect()
    }

    /// Nothing is called so: what was meant?
    fn no_match(&self, select: &Selector) -> Refusal {
        let hint = meant(select, &self.plan).map_or_else(
            || "`pointsman status` lists services and endpoints".to_owned(),
            |near| format!("did you mean `{near}`?"),
        );
        Refusal {
            rule: "no-match",
            detail: format!("{select} matches no endpoint; {hint}"),
        }
    }
}

/// What was handed to the disk.
#[derive(Clone, Debug)]
pub(crate) enum Handed {
    /// An override with its number.
    Wish(Wish, u64),
    /// What is to be released.
    Release(String),
}

fn refuse<T>(rule: &'static str, detail: impl Into<String>) -> Result<T, Refusal> {
    let detail = detail.into();
    Err(Refusal { rule, detail })
}

fn parse(select: &str) -> Result<Selector, Refusal> {
    Selector::parse(select).or_else(|error| {
        refuse(
            "bad-selector",
            format!("{error}; write SERVICE/ENDPOINT, SERVICE, or a pattern like */fra-*"),
        )
    })
}

/// One service in one line, several in one line each.
fn join(said: &[String], services: usize) -> String {
    said.join(if services > 1 { "\n" } else { "; " })
}

/// The first few of many.
fn some_of(mut names: Vec<String>) -> String {
    let more = names.len().saturating_sub(SPELT);
    names.truncate(SPELT);
    let spelt = names.join(", ");
    if more > 0 {
        format!("{spelt} and {more} more")
    } else {
        spelt
    }
}
