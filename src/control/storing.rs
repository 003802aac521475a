//! Waits for the disk before it obeys: what was acknowledged survives the end of the process.
//!
//! A command is judged, what must survive is handed to the store, and only the store's word puts it in force. A duty of
//! its own adds a variant to [`Awaiting`] and says in [`Control::stored`] what becomes of it.

use std::time::Duration;

use crate::control::drill::Order;
use crate::control::effect::{Done, Effect, HistoryKind, Record, Refusal};
use crate::control::event::{CommandTicket, Manner, StoreTicket};
use crate::control::hand::Handed;
use crate::control::schedule::Due;
use crate::control::step::Control;
use crate::model::time::Now;

/// A disk that has not answered for so long does not answer: the operator is told instead of kept waiting.
const PATIENCE: Duration = Duration::from_secs(5);

/// Who asked for something, and how.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub ticket: CommandTicket,
    pub by: String,
    pub manner: Manner,
}

/// What is to be done when the disk has spoken.
#[derive(Clone, Debug)]
pub(crate) enum Awaiting {
    /// A switch by hand: the service, and the member that shall be active.
    Failover {
        asked: Asked,
        service: String,
        to: String,
    },
    /// A drain, force or release.
    Force(Asked, Handed),
    /// A rehearsed failover, before anything follows from it.
    Drill(Asked, Order),
    /// The writer of an exclusive service, before it is named.
    Writer { service: String, to: String },
}

impl Control {
    /// Hands `records` to the disk; [`Control::stored`] goes on with `awaiting`.
    pub(super) fn persist(
        &mut self,
        now: Now,
        records: Vec<Record>,
        awaiting: Awaiting,
        effects: &mut Vec<Effect>,
    ) {
        self.last_store_ticket = self.last_store_ticket.wrapping_add(1);
        let ticket = StoreTicket(self.last_store_ticket);
        self.awaiting.insert(ticket, awaiting);
        self.schedule
            .enter(now.moment.after(PATIENCE), Due::Stored(ticket));
        effects.push(Effect::Persist(ticket, records));
    }

    /// The disk's word; one that comes after it was given up changes nothing.
    pub(super) fn stored(
        &mut self,
        now: Now,
        ticket: StoreTicket,
        result: Result<(), String>,
        effects: &mut Vec<Effect>,
    ) {
        match self.awaiting.remove(&ticket) {
            None => {}
            Some(Awaiting::Writer { service, to }) => self.elected(now, &service, &to, result, effects),
            Some(Awaiting::Drill(asked, order)) => self.drill_now(now, &asked, &order, result, effects),
            Some(Awaiting::Force(asked, handed)) => self.force_now(now, &asked, &handed, result, effects),
            Some(Awaiting::Failover { asked, service, to }) => {
                self.fail_over_now(now, &asked, &service, &to, result, effects);
            }
        }
    }

    /// After a reload the schedule is new.
    pub(super) fn wait_for_the_disk_again(&mut self, now: Now) {
        for ticket in self.awaiting.keys() {
            self.schedule
                .enter(now.moment.after(PATIENCE), Due::Stored(*ticket));
        }
    }

    pub(super) fn stored_too_late(&mut self, now: Now, ticket: StoreTicket, effects: &mut Vec<Effect>) {
        let result = Err(format!("it has not answered for {} s", PATIENCE.as_secs()));
        self.stored(now, ticket, result, effects);
    }

    /// What was obeyed is published before it is told and acknowledged.
    pub(super) fn acknowledge(
        &mut self,
        now: Now,
        asked: &Asked,
        services: Vec<String>,
        result: Result<Done, Refusal>,
        effects: &mut Vec<Effect>,
    ) {
        if let Ok(Done(what)) = &result {
            self.publish(now, effects);
            let kind = HistoryKind::Commanded {
                services,
                by: asked.by.clone(),
                what: what.clone(),
                break_glass: asked.manner.break_glass,
            };
            Self::tell(now, asked.manner.break_glass, kind, effects);
        }
        effects.push(Effect::Answer(asked.ticket, result));
    }
}

/// A command is not obeyed when it would be forgotten by a restart.
pub(super) fn not_stored(reason: &str) -> Refusal {
    Refusal {
        rule: "not-stored",
        detail: format!(
            "the state directory does not keep it ({reason}), so that a restart would forget it; nothing was changed; \
             --break-glass goes on all the same"
        ),
    }
}

/// The writer of an exclusive service is on disk, or not named.
pub(super) fn writer_not_stored(reason: &str) -> Refusal {
    Refusal {
        rule: "not-stored",
        detail: format!(
            "the state directory does not keep it ({reason}); a restart would forget the writer and might name another \
             one: nothing was changed; mend the disk, then try again"
        ),
    }
}

/// What is added to the word of a command that was obeyed although the disk does not keep it.
pub(super) fn unless_kept(result: &Result<(), String>) -> String {
    match result {
        Ok(()) => String::new(),
        Err(reason) => format!(" (not stored: {reason}; a restart may forget it)"),
    }
}
