//! TCP (RFC 7766): who is let in, and a task for each connection ([`connection`]).
//!
//! A listener never ends before it is told to: a client that is gone before it was accepted costs nothing, and when
//! file descriptors run out, the longest idle connection is closed and accepting goes on after a breath.

pub mod connection;

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::answer::published::Published;
use crate::clock::{Clock, SystemClock};
use crate::model::plan::TcpSettings;
use crate::serve::admission::{Admission, ConnectionId, Limits, Verdict};
use crate::serve::counters::{Cell, Counters, Tally};
use crate::serve::tcp::connection::{Connection, Ending};
use crate::serve::transactions::Transactions;

/// Cells for what is counted by connections, so that threads of the runtime seldom meet at one.
const CELLS: usize = 8;
/// Breath after file descriptors or memory ran out and nobody could be sent away.
const SHORTAGE: Duration = Duration::from_millis(20);
/// Time for the connections that were to make room to close.
const ROOM_MADE: Duration = Duration::from_millis(1);
/// Shortages are logged this often at the most.
const REMIND: Duration = Duration::from_secs(10);

/// All TCP connections of the server, whichever listener they came by.
#[derive(Debug)]
pub struct TcpServer {
    pub(in crate::serve) published: Arc<Published>,
    pub(in crate::serve) clock: SystemClock,
    /// Threads take turns at these, each always at the same.
    pub(in crate::serve) cells: Box<[Arc<Cell>]>,
    pub(in crate::serve) transactions: Transactions,
    pub(in crate::serve) settings: watch::Receiver<TcpSettings>,
    room: Mutex<Room>,
    stop: CancellationToken,
    /// Ends the listeners, not the connections.
    closing: CancellationToken,
    tracker: TaskTracker,
}

#[derive(Debug, Default)]
struct Room {
    admission: Admission,
    tokens: HashMap<ConnectionId, CancellationToken>,
}

impl TcpServer {
    /// A server without listeners. `settings` may change while it runs; `stop` ends listeners and connections, which
    /// all are tasks of `tracker`.
    #[must_use]
    pub fn new(
        published: Arc<Published>,
        clock: SystemClock,
        counters: &Counters,
        transactions: Transactions,
        settings: watch::Receiver<TcpSettings>,
        stop: CancellationToken,
        tracker: TaskTracker,
    ) -> Arc<Self> {
        Arc::new(Self {
            published,
            clock,
            cells: (0..CELLS).map(|_| counters.cell("tcp")).collect(),
            transactions,
            settings,
            room: Mutex::new(Room::default()),
            closing: stop.child_token(),
            stop,
            tracker,
        })
    }

    /// Accepts connections of `listener` (not blocking, see [`crate::serve::listen::tcp`]) until told to stop.
    ///
    /// # Errors
    /// When the runtime cannot take the listener.
    pub fn listen(self: &Arc<Self>, listener: std::net::TcpListener) -> io::Result<()> {
        let listener = TcpListener::from_std(listener)?;
        let server = Arc::clone(self);
        self.tracker.spawn(async move { server.accept(listener).await });
        Ok(())
    }

    /// Accepts no more connections; those that are open go on. Who waits to be accepted is the affair of whoever else has
    /// the listeners.
    pub fn stop_accepting(&self) {
        self.closing.cancel();
    }

    /// How many connections are open.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.room().admission.len()
    }

    async fn accept(self: Arc<Self>, listener: TcpListener) {
        let mut reminded: Option<Instant> = None;
        loop {
            let accepted = tokio::select! {
                biased;
                () = self.closing.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            let error = match accepted {
                Ok((stream, peer)) => {
                    self.welcome(stream, peer);
                    continue;
                }
                Err(error) => error,
            };
            self.count(|tally| tally.accept_errors += 1);
            if !is_shortage(&error) {
                // The client was gone before we came: its trouble alone (accept(2) passes on what the network said).
                tracing::debug!(%error, "a TCP connection could not be accepted");
                tokio::task::yield_now().await;
                continue;
            }
            let now = Instant::now();
            if reminded.is_none_or(|last| now.duration_since(last) >= REMIND) {
                reminded = Some(now);
                tracing::warn!(%error, "out of file descriptors or memory: idle TCP connections are closed; \
                    raise LimitNOFILE or lower `[dns.tcp] connections`");
            }
            let pause = if self.make_room() { ROOM_MADE } else { SHORTAGE };
            tokio::select! {
                () = self.closing.cancelled() => return,
                () = sleep(pause) => {}
            }
        }
    }

    fn welcome(self: &Arc<Self>, stream: TcpStream, peer: SocketAddr) {
        let limits = {
            let settings = self.settings.borrow();
            Limits {
                connections: settings.connections,
                per_client: settings.per_client,
            }
        };
        let now = self.clock.now().moment;
        let token = self.stop.child_token();
        let id = {
            let mut room = self.room();
            let Verdict::Admit { id, evict } = room.admission.arrive(peer.ip(), limits, now) else {
                drop(room);
                self.count(|tally| tally.connections_refused += 1);
                return;
            };
            if let Some(token) = evict.and_then(|id| room.tokens.remove(&id)) {
                token.cancel();
                self.count(|tally| tally.connections_evicted += 1);
            }
            room.tokens.insert(id, token.clone());
            id
        };
        self.count(|tally| tally.connections += 1);
        // Answers that wait for the client's acknowledgement of the last ones cost 40 ms each.
        let _ = stream.set_nodelay(true);
        let server = Arc::clone(self);
        self.tracker.spawn(async move {
            let place = Place { server: &server, id };
            let connection = Connection::new(stream, peer, &place);
            if connection.serve(&token).await == Ending::Stalled {
                server.count(|tally| tally.connections_stalled += 1);
            }
        });
    }

    /// Closes an eighth of the connections, the longest idle; whether there were any.
    fn make_room(&self) -> bool {
        let now = self.clock.now().moment;
        let mut room = self.room();
        let mut made = 0;
        for _ in 0..room.admission.len().div_ceil(8) {
            let evicted = room.admission.make_room(now);
            if let Some(token) = evicted.and_then(|id| room.tokens.remove(&id)) {
                token.cancel();
                made += 1;
            }
        }
        drop(room);
        self.count(|tally| tally.connections_evicted += made);
        made > 0
    }

    fn count(&self, what: impl FnOnce(&mut Tally)) {
        let mut tally = Tally::default();
        what(&mut tally);
        if let Some(cell) = self.cells.first() {
            cell.add(&mut tally);
        }
    }

    fn room(&self) -> MutexGuard<'_, Room> {
        self.room.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection's place among all; given back when dropped, whatever ended the connection.
#[derive(Debug)]
pub(in crate::serve) struct Place<'a> {
    pub(in crate::serve) server: &'a TcpServer,
    id: ConnectionId,
}

impl Place<'_> {
    /// The connection made progress; `at_work`: it is not to be taken for idle.
    pub(in crate::serve) fn progressed(&self, at_work: bool) {
        let now = self.server.clock.now().moment;
        self.server.room().admission.progressed(self.id, at_work, now);
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut room = self.server.room();
        room.tokens.remove(&self.id);
        room.admission.leave(self.id);
        drop(room);
        self.server.count(|tally| tally.connections_ended += 1);
    }
}

fn is_shortage(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM)
    )
}
