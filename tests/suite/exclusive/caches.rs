//! The law, held against every answer: a cache that asks at every moment holds it for its whole TTL.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use pointsman::model::check::Claim;
use pointsman::model::service::Handover;
use pointsman::model::time::Moment;
use pointsman::policy::choice::{Choice, Decision, Lifetime, Pick};

use super::plans::server_of;
use super::world::World;

/// What caches may hold: the decision in force and what earlier ones left.
#[derive(Default)]
pub(super) struct Caches {
    pub(super) current: Option<(Vec<IpAddr>, Lifetime)>,
    pub(super) left: BTreeMap<IpAddr, Moment>,
    /// When each address began to be named.
    pub(super) began: BTreeMap<IpAddr, Moment>,
}

impl World {
    /// The law: whoever begins to be named finds nobody else in any cache.
    pub(super) fn publish(&mut self, decision: &Decision) {
        self.withdraw();
        let now = self.now;
        let addresses: Vec<IpAddr> = [&decision.a, &decision.aaaa]
            .into_iter()
            .flat_map(answered)
            .collect();
        for named in &addresses {
            for other in self.caches.left.keys().filter(|other| *other != named) {
                let until = self.caches.left[other];
                if until <= now {
                    continue;
                }
                let server = self.servers[server_of(*other)];
                let since = self.caches.began.get(other).copied().unwrap_or(Moment::ZERO);
                // It is a standby, or was one after it had begun to be named.
                let demoted =
                    server.claim == Claim::Standby || server.demoted_at.is_some_and(|at| at >= since);
                assert!(
                    self.shape.handover == Handover::Fast && demoted,
                    "seed {}: {named} is named at {now:?}, and caches hold {other} until {until:?}; {:?}",
                    self.life,
                    self.servers
                );
            }
            self.caches.began.entry(*named).or_insert(now);
        }
        assert!(addresses.len() <= 1, "seed {}: {addresses:?}", self.life);
        if let Some(one) = addresses.first() {
            let server = server_of(*one);
            if self.named.last() != Some(&server) {
                self.named.push(server);
            }
        }
        self.caches.began.retain(|address, _| {
            addresses.contains(address) || self.caches.left.get(address).is_some_and(|until| *until > now)
        });
        self.caches.current = Some((addresses, decision.lifetime));
    }

    /// The decision in force is over: caches keep what was given until now, for its whole TTL.
    pub(super) fn withdraw(&mut self) {
        if let Some((addresses, lifetime)) = self.caches.current.take() {
            let now = self.now;
            let ttl = |at: Moment| at.after(lifetime.at(at).duration());
            // TTLs fall by whole seconds: the last second has the latest end.
            let until = (0..=100)
                .map(|n| ttl(now.before(Duration::from_millis(n * 10))))
                .max()
                .unwrap();
            for address in addresses {
                let left = self.caches.left.entry(address).or_insert(until);
                *left = (*left).max(until);
            }
        }
    }
}

fn answered(choice: &Choice) -> Vec<IpAddr> {
    match choice.pick {
        Pick::Nothing | Pick::Fail => Vec::new(),
        _ => choice.addresses.clone(),
    }
}
