//! A client behind a cache: it asks again only when the TTL is over (or the cache's own floor, where it has one).

use std::net::IpAddr;
use std::time::Duration;

use crate::model::id::ServiceId;
use crate::model::time::Moment;
use crate::policy::readings::Family;
use crate::simulate::world::World;

/// What a cache holds of one service and family.
#[derive(Clone, Debug, Default)]
pub struct Client {
    held: Option<(Vec<IpAddr>, Moment)>,
    floor: Duration,
}

impl Client {
    /// A client whose resolver is not compliant: it keeps every answer for `floor` at least.
    #[must_use]
    pub fn keeping(floor: Duration) -> Self {
        Self { held: None, floor }
    }

    /// The addresses that the client would connect to now; `None` while the server does not answer.
    pub fn resolve(&mut self, world: &mut World, service: ServiceId, family: Family) -> Option<&[IpAddr]> {
        let now = world.now().moment;
        if self.held.as_ref().is_none_or(|(_, until)| *until <= now) {
            let (addresses, ttl) = world.answer(service, family)?;
            self.held = Some((addresses, now.after(ttl.duration().max(self.floor))));
        }
        self.held.as_ref().map(|(addresses, _)| addresses.as_slice())
    }

    /// The first address that its cache still holds at `at`, when nobody can be asked.
    #[must_use]
    pub fn cached(&self, at: Moment) -> Option<IpAddr> {
        let (addresses, until) = self.held.as_ref()?;
        addresses.first().copied().filter(|_| *until > at)
    }
}
