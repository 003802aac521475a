//! What the API asks of the signal box.

use crate::api::explain::explain;
use crate::api::live::{Look, Request};
use crate::control::effect::{Effect, HistoryEvent, Record};
use crate::control::event::{CommandTicket, Event};

use super::Desk;

impl Desk {
    pub(super) fn serve(&mut self, request: Request) {
        let now = self.parts.clock.now();
        // In every arm: whoever asked may have left.
        match request {
            Request::Status { service: None, reply } => {
                let _ = reply.send(Some(self.control.status(now)));
            }
            Request::Status {
                service: Some(name),
                reply,
            } => {
                let found = self.parts.plan.service_named(&name);
                let status = found.map(|service| vec![self.control.service_status(service, now)]);
                let _ = reply.send(status);
            }
            Request::Look(Look(look)) => look(&self.control, now),
            Request::Explain { question, reply } => {
                // What is due was not done yet only because this request came first.
                if self.control.next_wake().is_some_and(|wake| wake <= now.moment) {
                    self.step(Event::Woke);
                    self.carry_out();
                }
                let _ = reply.send(explain(
                    &self.parts.plan,
                    &self.control,
                    &self.snapshot,
                    &question,
                    now,
                ));
            }
            Request::Metrics { reply } => {
                let _ = reply.send(self.meters.panel(&self.control, &self.parts, now));
            }
            Request::Overrides { reply } => {
                let _ = reply.send(self.control.overrides(now));
            }
            Request::Heartbeat {
                service,
                endpoint,
                token,
                word,
                reply,
            } => {
                let targets = self.control.may_beat(&service, &endpoint, token.as_bytes());
                for (target, _) in &targets {
                    let (target, word) = (*target, word.clone());
                    self.step(Event::Heartbeat { target, word });
                }
                let _ = reply.send(targets.iter().map(|(_, within)| *within).min());
            }
            Request::Seq { reply } => {
                let _ = reply.send(self.parts.chronicle.last());
            }
            Request::Tell { alarm, kind } => {
                self.effects
                    .push(Effect::Tell(HistoryEvent { at: now, alarm, kind }));
            }
            Request::Keep(drill) => self.parts.store.remember(Record::Drill(drill)),
            Request::Command {
                by,
                command,
                manner,
                reply,
            } => {
                self.commands += 1;
                let ticket = CommandTicket(self.commands);
                self.waiting.insert(ticket, reply);
                self.step(Event::Commanded {
                    ticket,
                    by,
                    command,
                    manner,
                });
            }
        }
    }
}
