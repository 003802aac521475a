//! The TTL ledger: until when a compliant cache may still hold an address of a service.
//!
//! Each decision that is replaced leaves its addresses behind in caches, for as long as the TTL that was handed out
//! with them. What is in the decision in force is still being handed out. From that follow when a drained server may
//! be stopped, and when the next exclusive writer may be named.
//!
//! Accounts are kept by names and addresses, so that a reload changes nothing in them.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::control::step::Control;
use crate::model::id::ServiceId;
use crate::model::time::Moment;
use crate::policy::choice::{Choice, Decision, Lifetime, Pick};
pub use crate::policy::exclusive::Held;

/// Until an answer that was made from the last decision has reached the cache that asked: a worker finishes its batch,
/// and the packet crosses the network.
pub const GRACE: Duration = Duration::from_millis(500);

/// What was answered, by service.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Ledger {
    accounts: BTreeMap<String, Account>,
    /// Until when anything of an earlier life may be held; what it answered is not known address by address.
    earlier: BTreeMap<String, Moment>,
    /// When the last of that is over.
    earlier_ends: Moment,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Account {
    /// What the decision in force may answer, and for how long.
    current: Vec<IpAddr>,
    lifetime: Option<Lifetime>,
    /// What earlier decisions left in caches.
    left: BTreeMap<IpAddr, Moment>,
}

impl Ledger {
    /// `decision` is in force for `service` from `now` on.
    pub fn note(&mut self, service: &str, decision: &Decision, now: Moment) {
        if !self.accounts.contains_key(service) {
            self.accounts.insert(service.to_owned(), Account::default());
        }
        if self.earlier_ends <= now {
            self.earlier.clear();
        }
        if let Some(account) = self.accounts.get_mut(service) {
            account.replace(now);
            account.current = answered(decision);
            account.lifetime = Some(decision.lifetime);
        }
    }

    /// `service` is answered no more.
    pub fn close(&mut self, service: &str, now: Moment) {
        if let Some(account) = self.accounts.get_mut(service) {
            account.replace(now);
        }
    }

    /// Closes the accounts of services that `is_there` does not know, and forgets those that nothing is left of.
    pub fn sweep(&mut self, is_there: impl Fn(&str) -> bool, now: Moment) {
        for (service, account) in &mut self.accounts {
            if !is_there(service) {
                account.replace(now);
            }
        }
        self.accounts
            .retain(|_, account| !account.current.is_empty() || !account.left.is_empty());
        self.earlier.retain(|_, until| *until > now);
    }

    /// An earlier life answered something for `service` that caches may hold until then.
    pub fn inherit(&mut self, service: &str, until: Moment) {
        self.earlier.insert(service.to_owned(), until);
        self.earlier_ends = self.earlier_ends.max(until);
    }

    /// The same of one address, which an earlier life is known to have answered.
    pub fn inherit_address(&mut self, service: &str, address: IpAddr, until: Moment) {
        let account = self.accounts.entry(service.to_owned()).or_default();
        account.left.insert(address, until);
    }

    /// Whether caches may hold `address` as an answer of `service`.
    #[must_use]
    pub fn held(&self, service: &str, address: IpAddr, now: Moment) -> Held {
        let earlier = self.earlier.get(service).copied();
        let account = self.accounts.get(service);
        if account.is_some_and(|account| account.current.contains(&address)) {
            return Held::Still;
        }
        let left = account.and_then(|account| account.left.get(&address).copied());
        match left.into_iter().chain(earlier).max() {
            Some(until) if until > now => Held::Until(until),
            _ => Held::No,
        }
    }

    /// Whether caches may hold any of `addresses`: the worst of them.
    #[must_use]
    pub fn held_any(&self, service: &str, addresses: impl IntoIterator<Item = IpAddr>, now: Moment) -> Held {
        let worse = |a: Held, b: Held| match (a, b) {
            (Held::Still, _) | (_, Held::Still) => Held::Still,
            (Held::Until(a), Held::Until(b)) => Held::Until(a.max(b)),
            (Held::Until(at), Held::No) | (Held::No, Held::Until(at)) => Held::Until(at),
            (Held::No, Held::No) => Held::No,
        };
        addresses
            .into_iter()
            .map(|address| self.held(service, address, now))
            .fold(Held::No, worse)
    }

    /// For how long caches may hold what was answered for `service` and is answered no more, or with a shorter TTL.
    #[must_use]
    pub fn tail(&self, service: &str, now: Moment) -> Duration {
        let account = self.accounts.get(service);
        let left = account.into_iter().flat_map(|account| account.left.values());
        let earlier = self.earlier.get(service);
        left.chain(earlier)
            .map(|until| until.since(now))
            .max()
            .unwrap_or_default()
    }

    /// Whether caches may hold anything of `service` but addresses that `excepted` names.
    #[must_use]
    pub fn held_but(&self, service: &str, excepted: impl Fn(IpAddr) -> bool, now: Moment) -> Held {
        let earlier = self.earlier.get(service).copied().filter(|until| *until > now);
        let rest = earlier.map_or(Held::No, Held::Until);
        let Some(account) = self.accounts.get(service) else {
            return rest;
        };
        let known = account.current.iter().chain(account.left.keys()).copied();
        match (
            self.held_any(service, known.filter(|address| !excepted(*address)), now),
            rest,
        ) {
            (Held::No, rest) => rest,
            (Held::Until(a), Held::Until(b)) => Held::Until(a.max(b)),
            (worst, _) => worst,
        }
    }
}

impl Control {
    /// For how long, in milliseconds, caches may still hold an address that is answered no more.
    pub(super) fn cached_ms(&self, service: ServiceId, address: IpAddr, now: Moment) -> Option<u64> {
        let service = self.plan.services.get(service.index())?;
        match self.ledger.held(&service.display_name(), address, now) {
            Held::Until(until) => u64::try_from(until.since(now).as_millis()).ok(),
            Held::Still | Held::No => None,
        }
    }
}

impl Account {
    /// The decision in force is over.
    fn replace(&mut self, now: Moment) {
        self.left.retain(|_, until| *until > now);
        let Some(lifetime) = self.lifetime.take() else {
            self.current.clear();
            return;
        };
        let until = longest(lifetime, now).after(GRACE);
        for address in self.current.drain(..) {
            let left = self.left.entry(address).or_insert(until);
            *left = (*left).max(until);
        }
    }
}

/// The last moment at which a cache may hold an answer that was given until `now`.
fn longest(lifetime: Lifetime, now: Moment) -> Moment {
    match lifetime {
        Lifetime::Fixed(ttl) => now.after(ttl.duration()),
        // Until the flip, but never more than `most` after the answer; `least` may reach past the flip.
        Lifetime::Until { flip, least, most } => flip
            .min(now.after(most.duration()))
            .max(now.after(least.min(most).duration())),
    }
}

/// Every address that a decision may answer with.
fn answered(decision: &Decision) -> Vec<IpAddr> {
    let of = |choice: &Choice| match choice.pick {
        Pick::Nothing | Pick::Fail => Vec::new(),
        _ => choice.addresses.clone(),
    };
    let mut all = of(&decision.a);
    all.extend(of(&decision.aaaa));
    all.extend(&decision.usable);
    all.sort_unstable();
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::chance::Chance;
    use crate::model::id::ServiceId;
    use crate::model::time::Ttl;

    fn decision(addresses: &[IpAddr], lifetime: Lifetime) -> Decision {
        Decision {
            service: ServiceId(0),
            a: Choice {
                addresses: addresses.to_vec(),
                pick: if addresses.is_empty() {
                    Pick::Nothing
                } else {
                    Pick::Fixed
                },
            },
            aaaa: Choice::default(),
            lifetime,
            said: [None, None],
            usable: Vec::new(),
        }
    }

    fn address(n: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, n])
    }

    #[test]
    fn what_is_answered_is_held_and_what_is_not_expires() {
        let mut ledger = Ledger::default();
        let ttl = |secs| Lifetime::Fixed(Ttl::from_secs(secs));
        let at = Moment::from_secs;
        ledger.note("w", &decision(&[address(1)], ttl(60)), at(0));
        assert_eq!(ledger.held("w", address(1), at(1)), Held::Still);
        ledger.note("w", &decision(&[address(1)], ttl(2)), at(10));
        ledger.note("w", &decision(&[address(2)], ttl(2)), at(20));
        let until = at(70).after(GRACE);
        assert_eq!(
            ledger.held("w", address(1), at(21)),
            Held::Until(until),
            "the long TTL counts, although a short one came after it"
        );
        assert_eq!(ledger.held("w", address(1), until), Held::No);
        assert_eq!(ledger.held("w", address(3), at(21)), Held::No);
        assert_eq!(
            ledger.held_but("w", |a| a == address(2), at(21)),
            Held::Until(until)
        );
        ledger.sweep(|_| false, at(30));
        assert_eq!(
            ledger.held("w", address(2), at(30)),
            Held::Until(at(32).after(GRACE))
        );
        ledger.inherit("v", at(40));
        assert_eq!(ledger.held("v", address(9), at(30)), Held::Until(at(40)));
        ledger.sweep(|_| false, at(200));
        assert!(ledger.accounts.is_empty() && ledger.earlier.is_empty());
    }

    /// Caches ask at random moments of random timelines, with every mode of TTL.
    #[test]
    fn no_cache_holds_an_address_longer_than_the_ledger_says_and_it_says_less_than_a_second_more() {
        for seed in 0..2000 {
            let mut chance = Chance::new(seed);
            let mut ledger = Ledger::default();
            let mut now = Moment::ZERO;
            // Until when the fullest cache holds each address.
            let mut truth = BTreeMap::<IpAddr, Moment>::new();
            for _ in 0..20 {
                let ttl = |chance: &mut Chance| Ttl::from_secs((chance.throw() % 20) as u32);
                let lifetime = if chance.throw().is_multiple_of(2) {
                    Lifetime::Fixed(ttl(&mut chance))
                } else {
                    let (one, other) = (ttl(&mut chance), ttl(&mut chance));
                    Lifetime::Until {
                        flip: now.after(Duration::from_millis(chance.throw() % 30_000)),
                        least: one.min(other),
                        most: one.max(other),
                    }
                };
                let named: Vec<IpAddr> = (0..3)
                    .filter(|_| chance.throw().is_multiple_of(2))
                    .map(address)
                    .collect();
                ledger.note("w", &decision(&named, lifetime), now);
                let end = now.after(Duration::from_millis(chance.throw() % 10_000));
                // The last moment counts as well as any before it.
                let mut asked = now;
                while asked <= end {
                    for address in &named {
                        let until = asked.after(lifetime.at(asked).duration());
                        let held = truth.entry(*address).or_insert(until);
                        *held = (*held).max(until);
                    }
                    asked = asked.after(Duration::from_millis(50));
                }
                now = end;
                ledger.note("w", &decision(&[], lifetime), now);
                for (address, until) in &truth {
                    match ledger.held("w", *address, now) {
                        Held::Still => panic!("nothing is answered now"),
                        Held::Until(said) => {
                            assert!(said >= *until, "seed {seed}: {address} {said:?} {until:?}");
                            let slack = GRACE + Duration::from_millis(1050);
                            assert!(
                                said <= until.after(slack) || *until < now,
                                "seed {seed}: {said:?} {until:?}"
                            );
                        }
                        Held::No => assert!(*until <= now, "seed {seed}"),
                    }
                }
            }
        }
    }
}
