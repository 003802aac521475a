//! A thread's connections by number.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::event::epoll::EventFlags;

use crate::serve::admission::ConnectionId;
use crate::serve::progress::Progress;
use crate::serve::tcp::stream::Stream;

/// A connection of a thread.
pub(super) struct Held {
    pub(super) socket: OwnedFd,
    pub(super) peer: SocketAddr,
    /// The client's address as policies know it.
    pub(super) client: IpAddr,
    pub(super) id: ConnectionId,
    pub(super) progress: Arc<Progress>,
    pub(super) stream: Stream,
    /// The tick of the wheel that looks at it next; 0: none.
    pub(super) armed: u64,
    /// Whether it was looked at before.
    pub(super) seen: bool,
    /// What of all that happens to it the kernel tells.
    pub(super) watched: Option<EventFlags>,
}

/// Connections by number. A number is a place and who has it, so that what is said of one that is gone is not taken for
/// its successor's.
#[derive(Default)]
pub(super) struct Slab {
    places: Vec<(u32, Option<Box<Held>>)>,
    free: Vec<u32>,
}

fn key(place: u32, serial: u32) -> u64 {
    u64::from(serial) << 32 | u64::from(place)
}

impl Slab {
    /// The number that the next one gets.
    pub(super) fn next(&self) -> u64 {
        match self.free.last() {
            Some(place) => {
                let serial = self.places.get(*place as usize).map_or(0, |(serial, _)| *serial);
                key(*place, serial)
            }
            None => key(u32::try_from(self.places.len()).unwrap_or(u32::MAX - 8), 0),
        }
    }

    /// Puts it at [`Slab::next`].
    pub(super) fn insert(&mut self, held: Box<Held>) {
        match self.free.pop() {
            Some(place) => {
                if let Some((_, slot)) = self.places.get_mut(place as usize) {
                    *slot = Some(held);
                }
            }
            None => self.places.push((0, Some(held))),
        }
    }

    pub(super) fn get(&mut self, key: u64) -> Option<&mut Held> {
        let (serial, held) = self.places.get_mut((key & 0xffff_ffff) as usize)?;
        if u64::from(*serial) == key >> 32 {
            held.as_deref_mut()
        } else {
            None
        }
    }

    pub(super) fn remove(&mut self, key: u64) -> Option<Box<Held>> {
        let place = (key & 0xffff_ffff) as u32;
        let (serial, held) = self.places.get_mut(place as usize)?;
        if u64::from(*serial) != key >> 32 {
            return None;
        }
        let held = held.take()?;
        // Numbers of listeners and mailboxes are above all of these.
        *serial = serial.wrapping_add(1) & 0x7fff_ffff;
        self.free.push(place);
        Some(held)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.free.len() == self.places.len()
    }

    /// All numbers.
    pub(super) fn keys(&self) -> Vec<u64> {
        let places = self.places.iter().enumerate();
        places
            .filter(|(_, (_, held))| held.is_some())
            .map(|(place, (serial, _))| u64::from(*serial) << 32 | place as u64)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::Moment;

    fn held() -> Box<Held> {
        let peer: SocketAddr = "192.0.2.1:5".parse().unwrap();
        let now = Moment::from_secs(1);
        let mut admission = crate::serve::admission::Admission::new();
        let limits = crate::serve::admission::Limits {
            connections: 1,
            per_client: 1,
        };
        let crate::serve::admission::Verdict::Admit { id, .. } = admission.arrive(peer.ip(), limits, now)
        else {
            panic!("there is room");
        };
        Box::new(Held {
            socket: std::fs::File::open("/dev/null").unwrap().into(),
            peer,
            client: peer.ip(),
            id,
            progress: admission.progress(id).unwrap(),
            stream: Stream::new(now),
            armed: 0,
            seen: false,
            watched: None,
        })
    }

    #[test]
    fn a_number_is_never_taken_for_another_that_had_the_same_place() {
        let mut slab = Slab::default();
        let first = slab.next();
        slab.insert(held());
        let second = slab.next();
        slab.insert(held());
        assert_eq!(slab.keys(), [first, second]);
        assert!(slab.remove(first).is_some() && slab.remove(first).is_none());
        let third = slab.next();
        slab.insert(held());
        assert_eq!(third & 0xffff_ffff, first & 0xffff_ffff);
        assert!(slab.get(first).is_none() && slab.get(third).is_some() && slab.get(second).is_some());
    }
}
