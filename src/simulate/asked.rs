//! A simulated node asked: what it answers, and what it would remember.

use std::net::{IpAddr, Ipv4Addr};

use crate::control::event::Remembered;
use crate::model::id::ServiceId;
use crate::model::time::Ttl;
use crate::policy::choice::client::ClientKey;
use crate::policy::choice::{Choice, Decision};
use crate::policy::readings::Family;
use crate::simulate::world::World;

/// Who asks, for policies that want to know.
const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

impl World {
    /// What is answered for a family now; `None` before the sockets are open.
    #[must_use]
    pub fn choice(&self, service: ServiceId, family: Family) -> Option<&Choice> {
        self.opened?;
        let decision = self.decisions.get(&service)?;
        Some(match family {
            Family::V4 => &decision.a,
            Family::V6 => &decision.aaaa,
        })
    }

    /// The decision in force.
    #[must_use]
    pub fn decision(&self, service: ServiceId) -> Option<&Decision> {
        self.decisions.get(&service)
    }

    /// One answer with its TTL; `None` before the sockets are open.
    pub fn answer(&mut self, service: ServiceId, family: Family) -> Option<(Vec<IpAddr>, Ttl)> {
        let dice = self.chance.throw();
        let now = self.now;
        let choice = self.choice(service, family)?;
        let client = ClientKey::whole(CLIENT, None);
        let ttl = self.decisions.get(&service)?.lifetime.at(now);
        let addresses = choice.pick(&client, dice).map_or_else(Vec::new, |picked| {
            let run = usize::from(picked.count).max(1);
            (0..usize::from(picked.take))
                .filter_map(|nth| {
                    let at = usize::from(picked.first) + (usize::from(picked.start) + nth) % run;
                    choice.addresses.get(at).copied()
                })
                .collect()
        });
        Some((addresses, ttl))
    }

    /// What an earlier life would find on disk.
    #[must_use]
    pub fn remembered(&self) -> Remembered {
        Remembered {
            actives: self.disk.clone().into_iter().collect(),
            overrides: self.overrides.values().cloned().collect(),
            drills: self.drills.values().cloned().collect(),
            lost: false,
        }
    }
}
