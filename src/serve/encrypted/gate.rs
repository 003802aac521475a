//! Who may shake hands, and who may hold a connection: the limits of [`Admission`] for each, whichever transport.
//!
//! Whoever connects and does no more costs itself: at a limit the handshake that has been under way for longest ends, of
//! the same client where the client's limit is the reason. An honest handshake is over within milliseconds, and is the
//! last in that line.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::clock::SystemClock;
use crate::model::encrypted::Encrypted;
use crate::serve::admission::{Admission, ConnectionId, Limits, Verdict};

/// What a place is held for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// A handshake.
    Handshake,
    /// A connection whose handshake is done.
    Connection,
}

/// Places of all encrypted transports together.
#[derive(Debug)]
pub(super) struct Gate {
    clock: SystemClock,
    settings: watch::Receiver<Arc<Encrypted>>,
    stop: CancellationToken,
    room: Mutex<Room>,
}

#[derive(Debug, Default)]
struct Room {
    handshakes: Book,
    connections: Book,
}

#[derive(Debug, Default)]
struct Book {
    admission: Admission,
    tokens: HashMap<ConnectionId, CancellationToken>,
}

impl Room {
    fn book(&mut self, stage: Stage) -> &mut Book {
        match stage {
            Stage::Handshake => &mut self.handshakes,
            Stage::Connection => &mut self.connections,
        }
    }
}

impl Gate {
    /// Nobody is inside. `stop` ends all that will be.
    pub(super) fn new(
        clock: SystemClock,
        settings: watch::Receiver<Arc<Encrypted>>,
        stop: CancellationToken,
    ) -> Arc<Self> {
        Arc::new(Self {
            clock,
            settings,
            stop,
            room: Mutex::default(),
        })
    }

    /// A place for `address`, and whether another had to give up its own; nothing when all others are at work.
    pub(super) fn enter(self: &Arc<Self>, stage: Stage, address: IpAddr) -> Option<(Pass, bool)> {
        let limits = {
            let settings = self.settings.borrow();
            let limits = settings.limits;
            match stage {
                Stage::Handshake => Limits {
                    connections: limits.handshakes,
                    per_client: limits.handshakes_per_client,
                },
                Stage::Connection => Limits {
                    connections: limits.connections,
                    per_client: limits.per_client,
                },
            }
        };
        let cut = self.stop.child_token();
        let mut room = self.room();
        let book = room.book(stage);
        let Verdict::Admit { id, evict } = book.admission.arrive(address, limits, self.clock.moment()) else {
            return None;
        };
        let evicted = evict.and_then(|id| book.tokens.remove(&id));
        book.tokens.insert(id, cut.clone());
        drop(room);
        if let Some(other) = &evicted {
            other.cancel();
        }
        let gate = Arc::clone(self);
        Some((Pass { gate, stage, id, cut }, evicted.is_some()))
    }

    /// Handshakes under way.
    pub(super) fn handshakes(&self) -> usize {
        self.room().handshakes.admission.len()
    }

    /// Has an eighth of all connections and handshakes closed, the longest idle; how many.
    pub(super) fn make_room(&self) -> u64 {
        let now = self.clock.moment();
        let mut room = self.room();
        let mut made = 0;
        for stage in [Stage::Handshake, Stage::Connection] {
            let book = room.book(stage);
            for _ in 0..book.admission.len().div_ceil(8) {
                let evicted = book.admission.make_room(now);
                if let Some(token) = evicted.and_then(|id| book.tokens.remove(&id)) {
                    token.cancel();
                    made += 1;
                }
            }
        }
        made
    }

    fn room(&self) -> MutexGuard<'_, Room> {
        self.room.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place; given back when dropped.
#[derive(Debug)]
pub(super) struct Pass {
    gate: Arc<Gate>,
    stage: Stage,
    id: ConnectionId,
    cut: CancellationToken,
}

impl Pass {
    /// Returns when the place must be left: it was needed for another, or the server stops.
    pub(super) async fn cut(&self) {
        self.cut.cancelled().await;
    }

    /// There was progress; `at_work`: there is more to do, so that it is not to be taken for idle.
    pub(super) fn progressed(&self, at_work: bool) {
        let now = self.gate.clock.moment();
        self.gate
            .room()
            .book(self.stage)
            .admission
            .progressed(self.id, at_work, now);
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let mut room = self.gate.room();
        let book = room.book(self.stage);
        book.tokens.remove(&self.id);
        book.admission.leave(self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::encrypted::EncryptedLimits;

    fn gate(handshakes: usize, per_client: usize) -> Arc<Gate> {
        let limits = EncryptedLimits {
            handshakes,
            handshakes_per_client: per_client,
            connections: 1,
            per_client: 1,
            ..EncryptedLimits::default()
        };
        let settings = Encrypted {
            limits,
            ..Encrypted::default()
        };
        let (_, settings) = watch::channel(Arc::new(settings));
        Gate::new(SystemClock::start(), settings, CancellationToken::new())
    }

    fn client(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    #[test]
    fn the_oldest_handshake_of_a_client_at_its_limit_ends_and_nobody_elses() {
        let gate = gate(8, 2);
        let (other, _) = gate.enter(Stage::Handshake, client(1)).unwrap();
        let (first, _) = gate.enter(Stage::Handshake, client(2)).unwrap();
        let (second, _) = gate.enter(Stage::Handshake, client(2)).unwrap();
        let (third, evicted) = gate.enter(Stage::Handshake, client(2)).unwrap();
        assert!(evicted && first.cut.is_cancelled());
        assert!(
            ![&other, &second, &third]
                .iter()
                .any(|pass| pass.cut.is_cancelled())
        );
        assert_eq!(gate.handshakes(), 3);
        drop((first, other));
        assert_eq!(gate.handshakes(), 2, "the evicted one had nothing to give back");
    }

    #[test]
    fn connections_and_handshakes_are_counted_apart() {
        let gate = gate(1, 1);
        let (handshake, _) = gate.enter(Stage::Handshake, client(1)).unwrap();
        let (connection, evicted) = gate.enter(Stage::Connection, client(1)).unwrap();
        assert!(!evicted && !handshake.cut.is_cancelled());
        connection.progressed(true);
        assert!(
            gate.enter(Stage::Connection, client(1)).is_none(),
            "it is at work"
        );
        assert_eq!(gate.make_room(), 1);
        assert!(handshake.cut.is_cancelled() && !connection.cut.is_cancelled());
    }

    #[test]
    fn stopping_ends_all() {
        let gate = gate(4, 4);
        let (pass, _) = gate.enter(Stage::Connection, client(1)).unwrap();
        gate.stop.cancel();
        assert!(pass.cut.is_cancelled());
    }
}
