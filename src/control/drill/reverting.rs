//! How a drill begins and how it ends: by the clock, by an operator, or by anything that is not rehearsed.

use std::time::Duration;

use crate::control::drill::{News, Order, Stage, State, StoredDrill, Subject};
use crate::control::effect::{Done, Effect, HistoryKind, Record, Refusal};
use crate::control::promise::Promise;
use crate::control::schedule::Due;
use crate::control::step::Control;
use crate::control::storing::{Asked, Awaiting, not_stored};
use crate::health::standing::Health;
use crate::model::cname::shown;
use crate::model::human;
use crate::model::id::{EndpointId, ServiceId, TargetId};
use crate::model::time::Now;
use crate::policy::choice::Decision;

impl Control {
    /// Judges a drill and hands it to the disk: before anything follows from it, the next process must know of it.
    pub(crate) fn drill(&mut self, now: Now, asked: Asked, order: Order, effects: &mut Vec<Effect>) {
        match self.judge_drill(now, &asked, &order) {
            Err(refusal) => effects.push(Effect::Answer(asked.ticket, Err(refusal))),
            Ok(drill) if asked.manner.dry_run => {
                let said = self.foretell_drill(&drill.stored, &drill.standby);
                effects.push(Effect::Answer(
                    asked.ticket,
                    Ok(Done(format!("would do: {said}"))),
                ));
            }
            Ok(drill) => {
                let records = vec![Record::Drill(drill.stored)];
                self.persist(now, records, Awaiting::Drill(asked, order), effects);
            }
        }
    }

    fn foretell_drill(&self, stored: &StoredDrill, standby: &[EndpointId]) -> String {
        let names: Vec<String> = standby.iter().map(|id| self.endpoint_name(*id)).collect();
        format!(
            "{}: {} is taken for failed for {} at the most, {} answers instead, then everything is as before",
            stored.service,
            stored.endpoint,
            human::length(stored.until.since(stored.started)),
            names.join(", "),
        )
    }

    /// The disk has spoken: judged again, since the world went on, and in force.
    pub(crate) fn drill_now(
        &mut self,
        now: Now,
        asked: &Asked,
        order: &Order,
        stored: Result<(), String>,
        effects: &mut Vec<Effect>,
    ) {
        let judged = match &stored {
            Err(reason) => Err(not_stored(reason)),
            Ok(()) => self.judge_drill(now, asked, order),
        };
        let mut drill = match judged {
            Ok(drill) => drill,
            Err(refusal) => {
                // The disk may hold it as running.
                let row = refused(now, asked, order, &refusal);
                effects.push(Effect::Remember(Record::Drill(row)));
                effects.push(Effect::Answer(asked.ticket, Err(refusal)));
                return;
            }
        };
        let said = self.foretell_drill(&drill.stored, &drill.standby);
        let stored = &mut drill.stored;
        let news = News::Started {
            id: stored.id,
            service: stored.service.clone(),
            endpoint: stored.endpoint.clone(),
            by: stored.by.clone(),
            reason: stored.reason.clone(),
            lasting_ms: u64::try_from(order.lasting.as_millis()).unwrap_or(u64::MAX),
        };
        let last = self
            .desks
            .get(drill.service.index())
            .and_then(|desk| desk.last.clone());
        let subject = Subject {
            drill: stored.clone(),
            at: now,
            owner: stored.service.clone(),
            families: self.families_of(drill.endpoint, last.as_ref()),
            names: self.names_of(drill.endpoint),
            standby: drill.standby.iter().map(|id| self.endpoint_name(*id)).collect(),
            promised: self.promised(drill.service),
        };
        self.schedule.enter(drill.until, Due::Drill);
        for (target, twin) in &drill.twins {
            if twin.beats {
                self.schedule
                    .enter(twin.due.max(now.moment), Due::Rehearse(*target));
            }
        }
        self.mark(drill.service);
        self.drill = Some(drill);
        Self::tell(now, false, HistoryKind::Drill(news), effects);
        effects.push(Effect::Drilled(Stage::Began(Box::new(subject))));
        effects.push(Effect::Answer(asked.ticket, Ok(Done(said))));
    }

    /// What is promised of a hard failure.
    fn promised(&self, service: ServiceId) -> (Duration, Duration) {
        let service = self.plan.services.get(service.index());
        match service.map(|service| Promise::of(&self.plan, service)) {
            Some(Promise::Automatic { hard, .. }) => (hard.detection, hard.worst.total()),
            // Neither is drilled.
            Some(Promise::Manual { .. } | Promise::Unchecked) | None => Default::default(),
        }
    }

    /// Which of A and AAAA lead to an endpoint.
    fn families_of(&self, endpoint: EndpointId, last: Option<&Decision>) -> [bool; 2] {
        let described = self.plan.endpoints.get(endpoint.index());
        let addresses = described.map(|endpoint| endpoint.addresses.as_slice());
        let of_it = |address| {
            let mut addresses = addresses.unwrap_or_default().iter();
            addresses.any(|known| known.address == address)
        };
        let leads = |choice: Option<&crate::policy::choice::Choice>| {
            choice.is_some_and(|choice| choice.addresses.iter().any(|address| of_it(*address)))
        };
        [leads(last.map(|d| &d.a)), leads(last.map(|d| &d.aaaa))]
    }

    fn names_of(&self, endpoint: EndpointId) -> Vec<String> {
        let described = self.plan.endpoints.get(endpoint.index());
        let addresses = described.into_iter().flat_map(|endpoint| &endpoint.addresses);
        let mut names: Vec<String> = addresses
            .map(|known| shown(&self.plan.endpoints, known.address))
            .collect();
        names.dedup();
        names
    }

    /// Ends the drill numbered `id`, when it is the one in force.
    pub(crate) fn cancel_drill(&mut self, now: Now, asked: &Asked, id: u64, effects: &mut Vec<Effect>) {
        let is_it = self.drill.as_ref().is_some_and(|drill| drill.stored.id == id);
        let result = if is_it {
            let why = format!("cancelled by {}", asked.by);
            self.end_drill(now, State::Cancelled, why, effects);
            Ok(Done(format!("drill {id} is over; everything is as before")))
        } else {
            Err(Refusal {
                rule: "no-such-drill",
                detail: format!("drill {id} is not going on; `pointsman drill list` shows what was"),
            })
        };
        effects.push(Effect::Answer(asked.ticket, result));
    }

    /// In every step: is it time to end it, or to believe a twin?
    pub(crate) fn look_after_drill(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if self.drill.is_none() {
            return;
        }
        match self.ends_drill(now) {
            Some((state, why)) => self.end_drill(now, state, why, effects),
            None => self.believe_twins(now, effects),
        }
    }

    /// Why the drill must end now.
    fn ends_drill(&self, now: Now) -> Option<(State, String)> {
        let drill = self.drill.as_ref()?;
        let aborted = |why: String| Some((State::Aborted, why));
        if drill.touched {
            return aborted(format!(
                "an operator's command on {} comes first",
                drill.stored.service
            ));
        }
        if self.isolation.is_frozen() {
            return aborted("this node seems to be cut off".to_owned());
        }
        let really_down = |target: &TargetId| {
            let watch = self.watches.get(target.index());
            watch.is_some_and(|watch| watch.gate.effective() == Health::Down)
        };
        if drill.twins.keys().any(really_down) {
            let endpoint = &drill.stored.endpoint;
            return aborted(format!("{endpoint} really failed in the middle"));
        }
        let trouble = |id: &EndpointId| {
            let trouble = self.trouble_of(now, *id)?;
            Some(format!("{}: {trouble}", self.endpoint_name(*id)))
        };
        if let Some(trouble) = drill.standby.iter().find_map(trouble) {
            return aborted(format!("who answers instead is not well any more, {trouble}"));
        }
        (now.moment >= drill.until).then(|| (State::Done, "its time is over".to_owned()))
    }

    /// Drops what was rehearsed and publishes what is true.
    pub(crate) fn end_drill(&mut self, now: Now, state: State, why: String, effects: &mut Vec<Effect>) {
        let Some(drill) = self.drill.take() else { return };
        self.mark(drill.service);
        self.publish(now, effects);
        let stored = StoredDrill {
            state,
            why: why.clone(),
            ..drill.stored
        };
        Self::tell_ended(now, &stored, effects);
        effects.push(Effect::Drilled(Stage::Ended(stored.id, now, state, why)));
        effects.push(Effect::Remember(Record::Drill(stored)));
    }

    fn tell_ended(now: Now, stored: &StoredDrill, effects: &mut Vec<Effect>) {
        let news = News::Ended {
            id: stored.id,
            service: stored.service.clone(),
            endpoint: stored.endpoint.clone(),
            state: stored.state,
            why: stored.why.clone(),
        };
        Self::tell(now, news.is_alarm(), HistoryKind::Drill(news), effects);
    }

    /// Somebody laid a hand upon a service: a rehearsal gives way.
    pub(crate) fn give_way(&mut self, service: ServiceId) {
        if let Some(drill) = &mut self.drill
            && drill.service == service
        {
            drill.touched = true;
        }
    }

    /// Drills that the last process left: it ended in the middle. Who was active stands on disk as it was, since a
    /// rehearsal never writes there.
    pub(crate) fn close_interrupted(&mut self, now: Now, effects: &mut Vec<Effect>) {
        for drill in std::mem::take(&mut self.interrupted) {
            let stored = StoredDrill {
                state: State::Aborted,
                why: "the server ended in the middle; since its start everything follows the probes"
                    .to_owned(),
                ..drill
            };
            Self::tell_ended(now, &stored, effects);
            effects.push(Effect::Drilled(Stage::Left(Box::new(stored.clone()))));
            effects.push(Effect::Remember(Record::Drill(stored)));
        }
    }
}

/// How a refused drill stands on disk.
fn refused(now: Now, asked: &Asked, order: &Order, refusal: &Refusal) -> StoredDrill {
    StoredDrill {
        id: order.id,
        service: order.service.clone(),
        endpoint: order.endpoint.clone().unwrap_or_default(),
        by: asked.by.clone(),
        reason: order.reason.clone(),
        scheduled: order.scheduled,
        before: Vec::new(),
        started: now.wall,
        until: now.wall,
        state: State::Refused,
        why: refusal.to_string(),
        report: None,
    }
}
