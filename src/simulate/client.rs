//! A client behind a compliant cache: it asks again only when the TTL is over.

use std::net::IpAddr;

use crate::model::id::ServiceId;
use crate::model::time::Moment;
use crate::policy::readings::Family;
use crate::simulate::world::World;

/// What a cache holds of one service and family.
#[derive(Clone, Debug, Default)]
pub struct Client {
    held: Option<(Vec<IpAddr>, Moment)>,
}

impl Client {
    /// The addresses that the client would connect to now; `None` while the server does not answer.
    pub fn resolve(&mut self, world: &mut World, service: ServiceId, family: Family) -> Option<&[IpAddr]> {
        let now = world.now().moment;
        if self.held.as_ref().is_none_or(|(_, until)| *until <= now) {
            let (addresses, ttl) = world.answer(service, family)?;
            self.held = Some((addresses, now.after(ttl.duration())));
        }
        self.held.as_ref().map(|(addresses, _)| addresses.as_slice())
    }
}
