//! TCP (RFC 7766): who is let in, and threads that serve them ([`worker`]).
//!
//! Each thread has connections of its own, and waits for all of them at once. A connection is a pure machine
//! ([`stream`]); what is more than one question and one answer goes on as a task of the runtime ([`connection`]), with
//! its socket, for good. All threads accept from the same listeners, so that their number is nobody else's business.
//!
//! A listener never ends before it is told to: a client that is gone before it was accepted costs nothing, and when
//! file descriptors run out, the longest idle connections are closed and accepting goes on after a breath.

pub mod connection;
mod mailbox;
mod shift;
mod slab;
pub mod stream;
pub mod wheel;
mod worker;

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::answer::published::Published;
use crate::clock::{Clock, SystemClock};
use crate::model::plan::TcpSettings;
use crate::model::time::Moment;
use crate::serve::admission::{Admission, ConnectionId, Limits, Verdict};
use crate::serve::counters::{Cell, Counters, Tally};
use crate::serve::newcomers::Newcomers;
use crate::serve::progress::Progress;
use crate::serve::tcp::connection::{Connection, Ending};
use crate::serve::tcp::stream::idle_among;
use crate::serve::tcp::worker::{Mailbox, Worker};
use crate::serve::transactions::Transactions;
use crate::sys::option;

/// Cells for what is counted by tasks, so that threads of the runtime seldom meet at one.
const CELLS: usize = 8;
/// Seconds after which a connection is accepted that has sent nothing yet.
const SILENT: u16 = 5;

/// All TCP connections of the server, whichever listener they came by.
#[derive(Debug)]
pub struct TcpServer {
    pub(in crate::serve) published: Arc<Published>,
    pub(in crate::serve) clock: SystemClock,
    /// Threads of the runtime take turns at these, each always at the same.
    pub(in crate::serve) cells: Box<[Arc<Cell>]>,
    pub(in crate::serve) transactions: Transactions,
    pub(in crate::serve) settings: watch::Receiver<TcpSettings>,
    pub(in crate::serve) stop: CancellationToken,
    /// Connections, to be read without a lock.
    held: AtomicUsize,
    room: Mutex<Room>,
    mailboxes: Mutex<Vec<Arc<Mailbox>>>,
    tracker: TaskTracker,
}

#[derive(Debug, Default)]
struct Room {
    admission: Admission,
    newcomers: Newcomers,
    exits: HashMap<ConnectionId, Exit>,
}

impl Room {
    fn show_out(&mut self, id: ConnectionId) {
        match self.exits.remove(&id) {
            Some(Exit::Task(token)) => token.cancel(),
            Some(Exit::Thread(mailbox, key)) => mailbox.evict(key),
            None => {}
        }
    }
}

/// How a connection is told to end.
#[derive(Debug)]
enum Exit {
    Task(CancellationToken),
    Thread(Arc<Mailbox>, u64),
}

/// A connection that the runtime goes on with.
pub(in crate::serve) struct Resumed {
    pub(in crate::serve) socket: OwnedFd,
    pub(in crate::serve) peer: SocketAddr,
    pub(in crate::serve) id: ConnectionId,
    /// Read and not answered.
    pub(in crate::serve) carry: Vec<u8>,
    /// Not taken by the client.
    pub(in crate::serve) owed: Vec<u8>,
    pub(in crate::serve) age: Duration,
}

impl TcpServer {
    /// A server without listeners. `settings` may change while it runs; `stop` ends listeners and connections, whose
    /// threads and tasks `tracker` awaits.
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
            stop,
            held: AtomicUsize::new(0),
            room: Mutex::new(Room::default()),
            mailboxes: Mutex::default(),
            tracker,
        })
    }

    /// Starts `workers` threads that accept connections of `listeners` (not blocking, opened by whomever) until told to
    /// stop. To be called within the runtime that transactions are to run on.
    ///
    /// # Errors
    /// When a thread, or what it waits with, is refused by the system.
    pub fn listen(
        self: &Arc<Self>,
        listeners: Vec<std::net::TcpListener>,
        workers: usize,
        counters: &Counters,
    ) -> io::Result<()> {
        for listener in &listeners {
            // Connections inherit both. Answers that wait for the client's acknowledgement of the last ones cost 40 ms each.
            let _ = socket2::SockRef::from(listener).set_tcp_nodelay(true);
            let _ = option::defer_accept(listener, SILENT);
        }
        let listeners: Arc<[_]> = listeners.into();
        let (mut mailboxes, mut threads) = (Vec::new(), Vec::new());
        for index in 0..workers.max(1) {
            let worker = Worker::new(
                Arc::clone(self),
                Arc::clone(&listeners),
                (counters.cell("tcp"), counters.pulses.begin()),
                tokio::runtime::Handle::current(),
            )?;
            mailboxes.push(Arc::clone(&worker.mailbox));
            let spawned = std::thread::Builder::new()
                .name(format!("tcp-{index}"))
                .spawn(move || worker.run());
            match spawned {
                Ok(thread) => threads.push(thread),
                Err(error) => {
                    mailboxes.iter().for_each(|mailbox| mailbox.stop());
                    return Err(error);
                }
            }
        }
        self.mailboxes().extend(mailboxes.iter().cloned());
        let stop = self.stop.clone();
        self.tracker.spawn(async move {
            stop.cancelled().await;
            mailboxes.iter().for_each(|mailbox| mailbox.stop());
            // Joining waits for threads, which a task must not.
            let joining = move || threads.into_iter().all(|thread| thread.join().is_ok());
            if !tokio::task::spawn_blocking(joining).await.unwrap_or(false) {
                tracing::error!(target: "pointsman::stop", "a TCP worker ended by a panic");
            }
        });
        Ok(())
    }

    /// Accepts no more connections; those that are open go on. Who waits to be accepted is the affair of whoever else has
    /// the listeners.
    pub fn stop_accepting(&self) {
        self.mailboxes().iter().for_each(|mailbox| mailbox.leave());
    }

    fn mailboxes(&self) -> MutexGuard<'_, Vec<Arc<Mailbox>>> {
        self.mailboxes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many connections are open.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.room().admission.len()
    }

    /// For how long a connection may be idle now: the fewer places are left, the shorter.
    pub(in crate::serve) fn idle(&self) -> Duration {
        self.idle_of(&self.settings.borrow())
    }

    fn idle_of(&self, settings: &TcpSettings) -> Duration {
        let held = self.held.load(Ordering::Relaxed);
        idle_among(settings.idle, held, settings.connections)
    }

    /// Lets a connection in that a thread is to serve under `key`; `None`: it is to be closed.
    fn admit(
        &self,
        address: IpAddr,
        settings: &TcpSettings,
        now: Moment,
        (mailbox, key): (&Arc<Mailbox>, u64),
    ) -> Option<Admitted> {
        let limits = Limits {
            connections: settings.connections,
            per_client: settings.per_client,
        };
        let mut room = self.room();
        if !room.newcomers.admits(address, settings.new_per_prefix, now) {
            return None;
        }
        let verdict = room
            .admission
            .arrive_among(address, limits, settings.per_prefix, now);
        let Verdict::Admit { id, evict } = verdict else {
            return None;
        };
        if let Some(evict) = evict {
            room.show_out(evict);
        }
        let progress = room.admission.progress(id)?;
        room.exits.insert(id, Exit::Thread(Arc::clone(mailbox), key));
        self.held.store(room.admission.len(), Ordering::Relaxed);
        Some(Admitted {
            id,
            progress,
            has_evicted: evict.is_some(),
        })
    }

    /// A connection has ended.
    fn leave(&self, id: ConnectionId) {
        let mut room = self.room();
        room.exits.remove(&id);
        room.admission.leave(id);
        self.held.store(room.admission.len(), Ordering::Relaxed);
    }

    /// Goes on with a connection as a task of `runtime`.
    fn resume(self: &Arc<Self>, resumed: Resumed, runtime: &tokio::runtime::Handle) {
        let token = CancellationToken::new();
        {
            let mut room = self.room();
            // It may have been evicted by now.
            match room.exits.get_mut(&resumed.id) {
                Some(exit) => *exit = Exit::Task(token.clone()),
                None => token.cancel(),
            }
        }
        let server = Arc::clone(self);
        let task = async move {
            let Resumed {
                socket,
                peer,
                id,
                carry,
                owed,
                age,
            } = resumed;
            let place = Place { server: &server, id };
            let Ok(stream) = TcpStream::from_std(socket.into()) else {
                return;
            };
            let connection = Connection::new(stream, peer, &place).resumed(carry, owed, age);
            if connection.serve(&token).await == Ending::Stalled {
                server.count(|tally| tally.connections_stalled += 1);
            }
        };
        self.tracker.spawn_on(task, runtime);
    }

    /// Has an eighth of the connections closed, the longest idle; whether there were any.
    fn make_room(&self, now: Moment) -> bool {
        let mut room = self.room();
        let mut made = 0;
        for _ in 0..room.admission.len().div_ceil(8) {
            if let Some(evicted) = room.admission.make_room(now) {
                room.show_out(evicted);
                made += 1;
            }
        }
        self.held.store(room.admission.len(), Ordering::Relaxed);
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

/// A connection that was let in.
struct Admitted {
    id: ConnectionId,
    progress: Arc<Progress>,
    has_evicted: bool,
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
        self.server.leave(self.id);
        self.server.count(|tally| tally.connections_ended += 1);
    }
}
