//! Exclusive services: who is the writer is on disk before it is named.
//!
//! What survives a restart, by the service's name: the writer itself (the seats of its group), ` before` for whom caches
//! may still hold when the writer is not named yet, ` at` for the addresses under which it is named, and ` ttl`, the longest time that an answer may be held.

use std::time::Duration;

use crate::control::deciding::{by_hand_key, seat_key};
use crate::control::effect::{Effect, HistoryKind, Record};
use crate::control::gate::gate_of;
use crate::control::ledger::GRACE;
use crate::control::schedule::Due;
use crate::control::step::Control;
use crate::control::storing::Awaiting;
use crate::control::watch::Desk;
use crate::model::service::{Endpoint, MemberKind, Service};
use crate::model::time::{Moment, Now, Ttl};
use crate::policy::decide::Decided;
use crate::policy::exclusive::{Stand, stands};
use crate::policy::readings::Family;
use crate::policy::tree::member_name;
use crate::policy::ttl::longest;
use crate::policy::witness::Nobody;

/// After the disk did not take a writer: when to try again.
const AGAIN: Duration = Duration::from_secs(2);

impl Control {
    /// After a decision: starts an election, or notes that one is complete.
    pub(super) fn see_to_writer(
        &mut self,
        now: Now,
        service: &Service,
        desk: &mut Desk,
        decided: &Decided,
        said: &mut Vec<Effect>,
    ) {
        let name = service.display_name();
        // A TTL that was lowered counts until what was answered with the longer one has expired.
        let tail = self.ledger.tail(&name, now.moment).as_secs().saturating_add(1);
        let known = self
            .remembered
            .get(&ttl_key(&name))
            .and_then(|ttl| ttl.parse().ok());
        let ttl = u64::from(longest(service.ttl).secs()).max(tail.min(known.unwrap_or(0)));
        self.keep(ttl_key(&name), ttl.to_string(), said);
        let named = !decided.answered.is_empty();
        if named && decided.elect.is_none() && !self.is_electing(&name) {
            // The writer is answered: nobody before it matters after a restart.
            self.keep(before_key(&name), String::new(), said);
            self.take_at_its_word(now, service, desk, decided);
        }
        let Some(member) = decided.elect.and_then(|index| service.group.members.get(index)) else {
            self.at_rest(now, service, &mut desk.gate, said);
            return;
        };
        let to = member_name(&self.plan.endpoints, member);
        if self.is_electing(&name) {
            return;
        }
        let key = seat_key(service, &service.group, Family::V4);
        let from = self.remembered.get(&key).cloned().filter(|from| *from != to);
        if let Some(from) = from.filter(|_| gate_of(service).is_some()) {
            let why = decided.why.first().map_or("", String::as_str);
            if !self.admit(now, service, &mut desk.gate, (&from, &to), why, said) {
                return;
            }
        }
        let records = self.writer_records(service, &to, false);
        self.persist(now, records, Awaiting::Writer { service: name, to }, said);
    }

    /// Whether `endpoint` is on disk as the writer under these very addresses.
    pub(super) fn is_writer_at(&self, service: &str, endpoint: &Endpoint) -> bool {
        self.remembered.get(&at_key(service)) == Some(&addresses_of(endpoint))
    }

    /// An operator's word stands in for a claim until the endpoint claims by itself.
    fn take_at_its_word(&self, now: Now, service: &Service, desk: &mut Desk, decided: &Decided) {
        let seats = &mut desk.memory.seats;
        let key = |family| (service.group.id, family);
        let by_hand = |family| seats.get(&key(family)).is_some_and(|seat| seat.by_hand);
        if !Family::BOTH.into_iter().any(by_hand) {
            return;
        }
        let stands = stands(service, &self.plan.endpoints, &self.eyes(now, false));
        let claims =
            |stand: &Stand| stand.claims && stand.endpoint.is_some_and(|id| decided.answered.contains(&id));
        if stands.iter().any(claims) {
            for family in Family::BOTH {
                if let Some(seat) = seats.get_mut(&key(family)) {
                    seat.by_hand = false;
                }
            }
        }
    }

    fn member_named(&self, service: &Service, name: &str) -> Option<&Endpoint> {
        service
            .group
            .members
            .iter()
            .find_map(|member| match &member.kind {
                MemberKind::Endpoint(id) => self
                    .plan
                    .endpoints
                    .get(id.index())
                    .filter(|known| known.name == name),
                MemberKind::Pool(_) => None,
            })
    }

    fn is_electing(&self, name: &str) -> bool {
        let is_it =
            |waiting: &Awaiting| matches!(waiting, Awaiting::Writer { service, .. } if service == name);
        self.awaiting.values().any(is_it)
    }

    /// What must be on disk before `to` is named.
    pub(super) fn writer_records(&self, service: &Service, to: &str, by_hand: bool) -> Vec<Record> {
        let name = service.display_name();
        let known = self
            .remembered
            .get(&seat_key(service, &service.group, Family::V4));
        let earlier = self
            .remembered
            .get(&before_key(&name))
            .filter(|before| !before.is_empty());
        let before = known
            .filter(|known| *known != to)
            .or(earlier)
            .cloned()
            .unwrap_or_default();
        let endpoint = self.member_named(service, to);
        let mut records = vec![
            Record::Active {
                group: before_key(&name),
                active: before,
            },
            Record::Active {
                group: at_key(&name),
                active: endpoint.map(addresses_of).unwrap_or_default(),
            },
        ];
        for family in Family::BOTH {
            let key = seat_key(service, &service.group, family);
            records.push(Record::Active {
                group: by_hand_key(&key),
                active: if by_hand { "yes" } else { "" }.to_owned(),
            });
            records.push(Record::Active {
                group: key,
                active: to.to_owned(),
            });
        }
        records
    }

    /// The disk has spoken of a new writer.
    pub(super) fn elected(
        &mut self,
        now: Now,
        name: &str,
        to: &str,
        stored: Result<(), String>,
        effects: &mut Vec<Effect>,
    ) {
        let plan = self.plan.clone();
        let Some(service) = plan
            .service_named(name)
            .filter(|service| service.exclusive.is_some())
        else {
            return;
        };
        if let Err(why) = stored {
            let kind = HistoryKind::NotElected {
                service: name.to_owned(),
                to: to.to_owned(),
                why,
            };
            Self::tell(now, true, kind, effects);
            // The disk may hold what was given up: it is written again who the writer is.
            self.forget_writer(service);
            self.ask_again(service, now.moment.after(AGAIN));
            return;
        }
        let index = service
            .group
            .members
            .iter()
            .position(|member| member_name(&plan.endpoints, member) == to);
        let Some(desk) = self.desks.get(service.id.index()) else {
            return;
        };
        // The world went on while the disk was busy.
        let (mut memory, fresh) = (desk.memory.clone(), desk.fresh);
        let decided = self.weigh(service, &mut memory, fresh, now, &mut Nobody);
        if index.is_none() || decided.elect != index {
            self.forget_writer(service);
            self.mark(service.id);
            return;
        }
        let key = seat_key(service, &service.group, Family::V4);
        let from = self.remembered.get(&key).cloned().unwrap_or_default();
        for record in self.writer_records(service, to, false) {
            if let Record::Active { group, active } = record {
                self.remembered.insert(group, active);
            }
        }
        self.seat(service, index, false);
        let kind = HistoryKind::Elected {
            service: name.to_owned(),
            to: to.to_owned(),
        };
        Self::tell(now, false, kind, effects);
        if from != to {
            self.run_hook(service, &from, to, "it is the writer", effects);
        }
    }

    fn seat(&mut self, service: &Service, index: Option<usize>, by_hand: bool) {
        if let Some(desk) = self.desks.get_mut(service.id.index()) {
            for family in Family::BOTH {
                let seat = desk.memory.seats.entry((service.group.id, family)).or_default();
                seat.active = index;
                seat.by_hand = by_hand;
            }
        }
        self.mark(service.id);
    }

    /// Makes the next decision write down who the writer is.
    fn forget_writer(&mut self, service: &Service) {
        for family in Family::BOTH {
            let key = seat_key(service, &service.group, family);
            self.remembered.remove(&by_hand_key(&key));
            self.remembered.remove(&key);
        }
        self.remembered.remove(&at_key(&service.display_name()));
        // Unknown, so that it is written again when a writer is named.
        let before = before_key(&service.display_name());
        self.remembered.insert(before, "?".to_owned());
    }

    fn ask_again(&mut self, service: &Service, at: Moment) {
        if let Some(desk) = self.desks.get_mut(service.id.index()) {
            desk.wake = Some(at);
            self.schedule.enter(at, Due::Decide(service.id));
        }
    }

    /// Every exclusive service is decided anew: this node is cut off, or no more.
    pub(super) fn mark_exclusive(&mut self) {
        let plan = self.plan.clone();
        for service in plan.services.iter().filter(|service| service.exclusive.is_some()) {
            self.mark(service.id);
        }
    }

    /// What caches may hold of an earlier life's answers.
    pub(super) fn inherit(&mut self, now: Now, service: &Service) {
        let name = service.display_name();
        let known = self
            .remembered
            .get(&ttl_key(&name))
            .and_then(|ttl| ttl.parse().ok());
        let ttl = longest(service.ttl).max(known.map_or(Ttl::default(), Ttl::from_secs));
        let until = now.moment.after(ttl.duration()).after(GRACE);
        if service.exclusive.is_none() || self.lost {
            self.ledger.inherit(&name, until);
            return;
        }
        // A writer is on disk before it is named: what is not there was never answered.
        let Some(writer) = self
            .remembered
            .get(&seat_key(service, &service.group, Family::V4))
        else {
            return;
        };
        let before = self
            .remembered
            .get(&before_key(&name))
            .is_some_and(|before| !before.is_empty());
        let endpoint = self.member_named(service, writer);
        match endpoint {
            // One that stood elsewhere may be held under its old addresses.
            Some(endpoint) if !before && self.is_writer_at(&name, endpoint) => {
                let addresses: Vec<_> = endpoint.addresses.iter().map(|known| known.address).collect();
                for address in addresses {
                    self.ledger.inherit_address(&name, address, until);
                }
            }
            _ => self.ledger.inherit(&name, until),
        }
    }
}

fn before_key(name: &str) -> String {
    format!("{name} before")
}

fn addresses_of(endpoint: &Endpoint) -> String {
    let words: Vec<String> = endpoint
        .addresses
        .iter()
        .map(|known| known.address.to_string())
        .collect();
    words.join(" ")
}

fn at_key(name: &str) -> String {
    format!("{name} at")
}

fn ttl_key(name: &str) -> String {
    format!("{name} ttl")
}
