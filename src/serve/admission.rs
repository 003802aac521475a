//! Who may hold a connection: limits in all and per client, and who must go when there is no room (RFC 7766
//! section 6.2.2). Pure: the listener asks, and does what is answered.
//!
//! A newcomer is nearly always let in: at a limit the connection that has been without an answered query for longest
//! makes room, of the same client where the client's limit is the reason. So clients that hold connections idle or
//! stall amid a message cost themselves, not others. Only when all others are at work is a newcomer turned away.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::model::time::Moment;
use crate::serve::progress::Progress;

/// How long a connection that is at work may go without progress before it is as good as idle.
const STALLED: Duration = Duration::from_secs(2);

/// A connection's number while it lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConnectionId(usize, u64);

/// What counts as one client: an IPv4 address, an IPv6 network of 64 bits (one host has it all).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Origin(u64, bool);

impl Origin {
    fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self(u32::from(address).into(), false),
            IpAddr::V6(address) => Self((u128::from(address) >> 64) as u64, true),
        }
    }
}

/// What counts as one network: an IPv4 network of 24 bits, an IPv6 network of 48 (one customer has it all).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::serve) struct Network(u64, bool);

impl Network {
    pub(in crate::serve) fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self((u32::from(address) >> 8).into(), false),
            IpAddr::V6(address) => Self((u128::from(address) >> 80) as u64, true),
        }
    }
}

/// What is known of a connection.
#[derive(Debug)]
struct Held {
    origin: Origin,
    network: Network,
    /// Progress: opened, a query answered, a message of a transfer taken. At work: answers or a transfer under way.
    progress: Arc<Progress>,
    /// Tells this connection from others that had its place.
    serial: u64,
}

/// Limits of [`Admission`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections in all.
    pub connections: usize,
    /// Connections of one client.
    pub per_client: usize,
}

/// What to do with a newcomer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Let it in; `evict` must be closed at once, it holds no place any more.
    Admit {
        /// Its number.
        id: ConnectionId,
        /// Who makes room.
        evict: Option<ConnectionId>,
    },
    /// Turn it away: everybody else is at work.
    Refuse,
}

/// Who holds a connection.
#[derive(Debug, Default)]
pub struct Admission {
    places: Vec<Option<Held>>,
    free: Vec<usize>,
    clients: HashMap<Origin, usize>,
    networks: HashMap<Network, usize>,
    held: usize,
    serial: u64,
}

impl Admission {
    /// Nobody.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many hold a connection.
    #[must_use]
    pub fn len(&self) -> usize {
        self.held
    }

    /// Whether nobody does.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.held == 0
    }

    /// A newcomer from `address`.
    pub fn arrive(&mut self, address: IpAddr, limits: Limits, now: Moment) -> Verdict {
        self.arrive_among(address, limits, usize::MAX, now)
    }

    /// A newcomer from `address`, of whose network (IPv4 /24, IPv6 /48) there may be `per_network` connections.
    pub fn arrive_among(
        &mut self,
        address: IpAddr,
        limits: Limits,
        per_network: usize,
        now: Moment,
    ) -> Verdict {
        let (origin, network) = (Origin::of(address), Network::of(address));
        let of_client = self.clients.get(&origin).copied().unwrap_or(0);
        let mut evict = None;
        if of_client >= limits.per_client.max(1) {
            evict = self.longest_without_progress(now, |held| held.origin == origin);
            if evict.is_none() {
                return Verdict::Refuse;
            }
        } else if self.networks.get(&network).copied().unwrap_or(0) >= per_network.max(1) {
            evict = self.longest_without_progress(now, |held| held.network == network);
            if evict.is_none() {
                return Verdict::Refuse;
            }
        } else if self.held >= limits.connections.max(1) {
            evict = self.longest_without_progress(now, |_| true);
            if evict.is_none() {
                return Verdict::Refuse;
            }
        }
        if let Some(id) = evict {
            self.leave(id);
        }
        self.serial += 1;
        let held = Held {
            origin,
            network,
            progress: Arc::new(Progress::new(now)),
            serial: self.serial,
        };
        let place = match self.free.pop() {
            Some(place) => place,
            None => {
                self.places.push(None);
                self.places.len() - 1
            }
        };
        if let Some(slot) = self.places.get_mut(place) {
            *slot = Some(held);
        }
        *self.clients.entry(origin).or_default() += 1;
        *self.networks.entry(network).or_default() += 1;
        self.held += 1;
        Verdict::Admit {
            id: ConnectionId(place, self.serial),
            evict,
        }
    }

    /// Makes room without a newcomer (no file descriptors are left): who must be closed.
    pub fn make_room(&mut self, now: Moment) -> Option<ConnectionId> {
        let id = self.longest_without_progress(now, |_| true)?;
        self.leave(id);
        Some(id)
    }

    /// `id` made progress; `at_work`: it is not done, and must not be taken for idle.
    pub fn progressed(&mut self, id: ConnectionId, at_work: bool, now: Moment) {
        if let Some(held) = self
            .places
            .get_mut(id.0)
            .and_then(Option::as_mut)
            .filter(|held| held.serial == id.1)
        {
            held.progress.beat(at_work, now);
        }
    }

    /// What `id` tells its progress by; `None` when it is gone.
    #[must_use]
    pub fn progress(&self, id: ConnectionId) -> Option<Arc<Progress>> {
        let held = self.places.get(id.0)?.as_ref()?;
        (held.serial == id.1).then(|| Arc::clone(&held.progress))
    }

    /// `id` is closed; does nothing when it was evicted before.
    pub fn leave(&mut self, id: ConnectionId) {
        let Some(slot) = self.places.get_mut(id.0) else {
            return;
        };
        let Some(held) = slot.take_if(|held| held.serial == id.1) else {
            return;
        };
        self.free.push(id.0);
        self.held = self.held.saturating_sub(1);
        one_less(&mut self.clients, held.origin);
        one_less(&mut self.networks, held.network);
    }

    /// Idle ones first, the longest idle of them; else the longest stalled. Linear, and only at a limit.
    fn longest_without_progress(&self, now: Moment, of: impl Fn(&Held) -> bool) -> Option<ConnectionId> {
        self.places
            .iter()
            .enumerate()
            .filter_map(|(place, held)| held.as_ref().map(|held| (place, held)))
            .filter(|(_, held)| of(held))
            .map(|(place, held)| {
                let rank = (held.progress.is_at_work(), held.progress.since(), held.serial);
                (place, rank)
            })
            .filter(|(_, (at_work, since, _))| !at_work || now.since(*since) >= STALLED)
            .min_by_key(|(_, rank)| *rank)
            .map(|(place, (_, _, serial))| ConnectionId(place, serial))
    }
}

fn one_less<K: std::hash::Hash + Eq>(counts: &mut HashMap<K, usize>, of: K) {
    if let Some(count) = counts.get_mut(&of) {
        *count = count.saturating_sub(1);
        if *count == 0 {
            counts.remove(&of);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMITS: Limits = Limits {
        connections: 4,
        per_client: 3,
    };

    fn client(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    fn at(secs: u64) -> Moment {
        Moment::from_secs(secs)
    }

    fn arrive(admission: &mut Admission, last: u8, secs: u64) -> (ConnectionId, Option<ConnectionId>) {
        match admission.arrive(client(last), LIMITS, at(secs)) {
            Verdict::Admit { id, evict } => (id, evict),
            Verdict::Refuse => panic!("refused"),
        }
    }

    #[test]
    fn a_client_at_its_limit_loses_its_own_oldest_idle_connection() {
        let mut admission = Admission::new();
        let (other, _) = arrive(&mut admission, 9, 0);
        let (first, _) = arrive(&mut admission, 1, 1);
        let (second, _) = arrive(&mut admission, 1, 2);
        arrive(&mut admission, 1, 3);
        admission.progressed(first, false, at(4));
        assert_eq!(arrive(&mut admission, 1, 5).1, Some(second));
        assert_eq!(admission.len(), 4);
        admission.leave(other);
        assert_eq!(admission.len(), 3);
    }

    #[test]
    fn when_all_is_full_the_oldest_idle_of_anybody_makes_room() {
        let mut admission = Admission::new();
        let ids: Vec<_> = (0..4).map(|n| arrive(&mut admission, n, n.into()).0).collect();
        admission.progressed(ids[0], true, at(4));
        assert_eq!(
            arrive(&mut admission, 7, 5).1,
            Some(ids[1]),
            "the busy one is spared"
        );
        assert_eq!(admission.len(), 4);
    }

    #[test]
    fn who_is_at_work_is_spared_until_it_stalls() {
        let mut admission = Admission::new();
        let ids: Vec<_> = (0..4).map(|n| arrive(&mut admission, n, 0).0).collect();
        for (n, id) in ids.iter().enumerate() {
            admission.progressed(*id, true, at(10 + n as u64));
        }
        assert_eq!(admission.arrive(client(9), LIMITS, at(11)), Verdict::Refuse);
        assert_eq!(
            arrive(&mut admission, 9, 12).1,
            Some(ids[0]),
            "no progress for two seconds"
        );
    }

    #[test]
    fn an_evicted_connection_that_leaves_later_takes_nothing_from_its_successor() {
        let mut admission = Admission::new();
        let ids: Vec<_> = (0..4).map(|n| arrive(&mut admission, n, n.into()).0).collect();
        let (newcomer, evicted) = arrive(&mut admission, 8, 9);
        assert_eq!(evicted, Some(ids[0]));
        admission.leave(ids[0]);
        admission.progressed(ids[0], true, at(10));
        assert_eq!(admission.len(), 4);
        admission.leave(newcomer);
        assert_eq!(admission.len(), 3);
    }

    #[test]
    fn an_ipv6_network_is_one_client() {
        let mut admission = Admission::new();
        let mut last = None;
        for host in 0..4u16 {
            let address = IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, host]);
            last = Some(admission.arrive(address, LIMITS, at(host.into())));
        }
        assert!(matches!(last, Some(Verdict::Admit { evict: Some(_), .. })));
    }

    proptest! {
        #[test]
        fn limits_hold_and_books_balance_whatever_comes(
            steps in prop::collection::vec((0u8..6, 0u8..4, any::<prop::sample::Index>()), 0..200),
        ) {
            let mut admission = Admission::new();
            let mut inside: Vec<(ConnectionId, u8)> = Vec::new();
            for (time, (step, last, index)) in steps.into_iter().enumerate() {
                let now = at(time as u64);
                let any = (!inside.is_empty()).then(|| index.index(inside.len().max(1)));
                match (step, any) {
                    (0..3, _) => if let Verdict::Admit { id, evict } = admission.arrive(client(last), LIMITS, now) {
                        let before = inside.len();
                        inside.retain(|(held, _)| Some(*held) != evict);
                        prop_assert_eq!(before - inside.len(), usize::from(evict.is_some()));
                        inside.push((id, last));
                    },
                    (3, Some(any)) => admission.leave(inside.swap_remove(any).0),
                    (4, Some(any)) => admission.progressed(inside[any].0, last > 1, now),
                    (5, Some(_)) => if let Some(gone) = admission.make_room(now) {
                        inside.retain(|(held, _)| *held != gone);
                    },
                    _ => {}
                }
                prop_assert_eq!(admission.len(), inside.len());
                prop_assert!(inside.len() <= LIMITS.connections);
                for last in 0..4 {
                    let count = inside.iter().filter(|(_, of)| *of == last).count();
                    prop_assert!(count <= LIMITS.per_client);
                    let known = admission.clients.get(&Origin::of(client(last))).copied().unwrap_or(0);
                    prop_assert_eq!(known, count);
                }
            }
        }
    }

    #[test]
    fn places_are_used_again_and_counts_return_to_nothing() {
        let mut admission = Admission::new();
        for round in 0..1000 {
            let (id, evict) = arrive(&mut admission, (round % 250) as u8, round);
            assert_eq!(evict, None);
            admission.leave(id);
        }
        assert!(admission.is_empty() && admission.clients.is_empty());
        assert_eq!(admission.places.len(), 1);
        assert_eq!(admission.make_room(at(0)), None);
    }
}
