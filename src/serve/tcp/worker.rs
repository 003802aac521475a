//! A thread and its connections: accepts, reads, writes and closes, and waits for all of them at once.
//!
//! A connection is accepted when its first query is there (`TCP_DEFER_ACCEPT`), is read at once, and is looked at once
//! more a turn later before the kernel is asked to watch it: one that is used for a single query costs neither that nor
//! a wake-up of its own. No lock, task or timer per query; the clock is read twice a turn.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::Cache;
use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, Event, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{SocketFlags, acceptfrom_with};

use crate::answer::snapshot::Snapshot;
use crate::clock::Clock;
use crate::model::time::Moment;
use crate::serve::counters::Cell;
use crate::serve::pulse::Pulse;
use crate::serve::tcp::connection::{Ending, FAREWELL};
pub(in crate::serve) use crate::serve::tcp::mailbox::Mailbox;
use crate::serve::tcp::shift::{Next, Shift};
use crate::serve::tcp::slab::Held;
use crate::serve::tcp::stream::Stream;
use crate::serve::tcp::{Resumed, TcpServer};

/// Numbers of listeners are this and their index.
const LISTENER: u64 = 1 << 63;
/// The number of the mailbox.
const BELL: u64 = u64::MAX;
/// Events of one turn.
const EVENTS: usize = 256;
/// Connections accepted in one turn by one listener: those that are open must not wait for long.
const ACCEPTS: usize = 32;
/// How often limits that have changed are applied to open connections, and without queries an old snapshot is let go.
const LOOK_UP: Duration = Duration::from_secs(1);
/// Breath after file descriptors or memory ran out and nobody could be sent away.
const SHORTAGE: Duration = Duration::from_millis(20);
/// Time for the connections that were to make room to close.
const ROOM_MADE: Duration = Duration::from_millis(1);
/// Shortages are logged this often at the most.
const REMIND: Duration = Duration::from_secs(10);
/// Pause after the system refused to wait, so that a lasting failure does not take the core.
const AFTER_ERROR: Duration = Duration::from_millis(5);

/// What a thread works with.
pub(super) struct Worker {
    pub(super) server: Arc<TcpServer>,
    pub(super) mailbox: Arc<Mailbox>,
    pub(super) cell: Arc<Cell>,
    listeners: Arc<[TcpListener]>,
    runtime: tokio::runtime::Handle,
    pulse: Arc<Pulse>,
    epoll: OwnedFd,
}

impl Worker {
    /// A worker that accepts from `listeners`.
    ///
    /// # Errors
    /// What the kernel says.
    pub(super) fn new(
        server: Arc<TcpServer>,
        listeners: Arc<[TcpListener]>,
        (cell, pulse): (Arc<Cell>, Arc<Pulse>),
        runtime: tokio::runtime::Handle,
    ) -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let mailbox = Arc::new(Mailbox::new()?);
        let (bell, flags) = (EventData::new_u64(BELL), EventFlags::IN | EventFlags::ET);
        epoll::add(&epoll, &mailbox.bell, bell, flags)?;
        let worker = Self {
            server,
            mailbox,
            cell,
            listeners,
            runtime,
            pulse,
            epoll,
        };
        worker.listen()?;
        Ok(worker)
    }

    /// Of the threads that wait for a listener, one is woken.
    fn listen(&self) -> io::Result<()> {
        for (index, listener) in self.listeners.iter().enumerate() {
            let key = EventData::new_u64(LISTENER | index as u64);
            epoll::add(&self.epoll, listener, key, EventFlags::IN | EventFlags::EXCLUSIVE)?;
        }
        Ok(())
    }

    fn turn_away(&self) {
        for listener in &*self.listeners {
            let _ = epoll::delete(&self.epoll, listener);
        }
    }

    /// Serves until told to stop.
    pub(super) fn run(self) {
        let mut shift = Shift::new(&self.server);
        // The engine is total; should it ever not be, one panic must cost one connection and not a thread.
        while catch_unwind(AssertUnwindSafe(|| self.serve(&mut shift))).is_err() {
            tracing::error!("a TCP worker panicked and begins anew; please report it");
            if let Some(key) = shift.current.take() {
                self.close(&mut shift, key);
            }
        }
        for key in shift.slab.keys() {
            self.close(&mut shift, key);
        }
        self.cell.keep(&mut shift.tally);
    }

    fn serve(&self, shift: &mut Shift) {
        let mut snapshot = Cache::new(&*self.server.published);
        let mut events: Vec<Event> = Vec::with_capacity(EVENTS);
        loop {
            events.clear();
            let pause = Timespec::try_from(shift.pause(LOOK_UP)).ok();
            match epoll::wait(&self.epoll, spare_capacity(&mut events), pause.as_ref()) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => {
                    tracing::debug!(%error, "a TCP worker cannot wait");
                    std::thread::sleep(AFTER_ERROR);
                }
            }
            self.pulse.beat();
            shift.now = self.server.clock.now();
            if self.mailbox.is_leaving() && shift.deaf != Some(Moment::FAR) {
                // Who waits to be accepted is the affair of whoever else has the listeners.
                shift.deaf = Some(Moment::FAR);
                self.turn_away();
            }
            self.look_up(shift);
            let snapshot: &Snapshot = snapshot.load();
            let earlier = std::mem::take(&mut shift.ready);
            let mut listening = 0u64;
            for event in &events {
                let (key, flags) = (event.data.u64(), event.flags);
                if key < LISTENER {
                    let over = flags.intersects(EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR);
                    self.drive(shift, snapshot, key, over);
                } else if key != BELL {
                    listening |= 1 << (key & 63);
                }
            }
            while listening != 0 && shift.deaf.is_none() {
                let first = listening.trailing_zeros() as usize;
                listening &= listening - 1;
                // More than 64 listeners share bits.
                for listener in self.listeners.iter().skip(first).step_by(64) {
                    self.accept(shift, snapshot, listener);
                }
            }
            for key in &earlier {
                self.drive(shift, snapshot, *key, false);
            }
            shift.put_back(earlier);
            for key in self.mailbox.evicted() {
                self.close(shift, key);
            }
            self.ring(shift);
            shift.count(|| self.server.clock.moment());
            self.cell.keep(&mut shift.tally);
            if self.is_done(shift, snapshot) {
                return;
            }
        }
    }

    /// What is done once in a while.
    fn look_up(&self, shift: &mut Shift) {
        if shift.deaf.is_some_and(|until| until <= shift.now.moment) {
            shift.deaf = None;
            if self.listen().is_err() {
                shift.deaf = Some(shift.now.moment.after(SHORTAGE));
                self.turn_away();
            }
        }
        if shift.look_up(&self.server, LOOK_UP) {
            for key in shift.slab.keys() {
                shift.arm(key, true);
            }
        }
    }

    /// Whether a stopping worker has nothing left to do.
    fn is_done(&self, shift: &mut Shift, snapshot: &Snapshot) -> bool {
        if !self.mailbox.is_stopping() {
            return false;
        }
        if shift.stops.is_none() {
            shift.stops = Some(shift.now.moment.after(FAREWELL));
            shift.deaf = Some(shift.now.moment.after(FAREWELL * 2));
            self.turn_away();
            // Whoever is not amid a message is answered what it has sent, and closed.
            for key in shift.slab.keys() {
                self.drive(shift, snapshot, key, false);
            }
            shift.count(|| self.server.clock.moment());
        }
        shift.slab.is_empty() || shift.stops.is_some_and(|end| end <= shift.now.moment)
    }

    /// Closes those whose time is over.
    fn ring(&self, shift: &mut Shift) {
        let mut due = std::mem::take(&mut shift.due);
        shift.wheel.ring(shift.now.moment, &mut due);
        for (key, tick) in due.drain(..) {
            let Some(held) = shift.slab.get(key).filter(|held| held.armed == tick) else {
                continue;
            };
            let (deadline, ending) = held.stream.deadline(&shift.patience);
            if deadline <= shift.now.moment {
                shift.tally.connections_stalled += u64::from(ending == Ending::Stalled);
                self.close(shift, key);
            } else {
                shift.arm(key, true);
            }
        }
        shift.due = due;
    }

    fn accept(&self, shift: &mut Shift, snapshot: &Snapshot, listener: &TcpListener) {
        for _ in 0..ACCEPTS {
            match acceptfrom_with(listener, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC) {
                Ok((socket, Some(peer))) => {
                    if let Ok(peer) = SocketAddr::try_from(peer) {
                        self.welcome(shift, snapshot, socket, peer);
                    }
                }
                Ok((_, None)) | Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return,
                Err(error @ (Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM)) => {
                    shift.tally.accept_errors += 1;
                    self.shortage(shift, error);
                    return;
                }
                Err(error) => {
                    // The client was gone before we came: its trouble alone (accept(2) passes on what the network said).
                    shift.tally.accept_errors += 1;
                    tracing::debug!(%error, "a TCP connection could not be accepted");
                }
            }
        }
    }

    #[cold]
    fn shortage(&self, shift: &mut Shift, error: Errno) {
        let now = shift.now.moment;
        if shift.reminded.is_none_or(|last| now.since(last) >= REMIND) {
            shift.reminded = Some(now);
            tracing::warn!(%error, "out of file descriptors or memory: idle TCP connections are closed; \
                raise LimitNOFILE or lower `[dns.tcp] connections`");
        }
        let made = self.server.make_room(now);
        shift.deaf = Some(now.after(if made { ROOM_MADE } else { SHORTAGE }));
        self.turn_away();
    }

    fn welcome(&self, shift: &mut Shift, snapshot: &Snapshot, socket: OwnedFd, peer: SocketAddr) {
        let (key, now) = (shift.slab.next(), shift.now.moment);
        let client = peer.ip().to_canonical();
        let door = (&self.mailbox, key);
        let Some(admitted) = self.server.admit(client, &shift.settings, now, door) else {
            shift.tally.connections_refused += 1;
            return;
        };
        shift.tally.connections += 1;
        shift.tally.connections_evicted += u64::from(admitted.has_evicted);
        shift.slab.insert(Box::new(Held {
            socket,
            peer,
            client,
            id: admitted.id,
            progress: admitted.progress,
            stream: Stream::new(now),
            armed: 0,
            seen: false,
            watched: None,
        }));
        self.drive(shift, snapshot, key, false);
    }

    /// Does all that can be done for a connection now.
    fn drive(&self, shift: &mut Shift, snapshot: &Snapshot, key: u64, over: bool) {
        shift.current = Some(key);
        let next = shift.drive(snapshot, &self.cell, key, over);
        shift.current = None;
        match next {
            Next::Gone => {}
            Next::Soon => shift.ready.push(key),
            Next::Watch(flags) => self.watch(shift, key, flags),
            Next::Close => self.close(shift, key),
            Next::HandOver => self.hand_over(shift, key),
        }
    }

    /// Has the kernel tell what happens to a connection.
    fn watch(&self, shift: &mut Shift, key: u64, flags: EventFlags) {
        let Some(held) = shift.slab.get(key) else { return };
        let data = EventData::new_u64(key);
        let done = match held.watched {
            Some(old) if old == flags => Ok(()),
            Some(_) => epoll::modify(&self.epoll, &held.socket, data, flags),
            None => epoll::add(&self.epoll, &held.socket, data, flags),
        };
        if done.is_err() {
            self.close(shift, key);
            return;
        }
        held.watched = Some(flags);
        shift.arm(key, false);
    }

    fn close(&self, shift: &mut Shift, key: u64) {
        if let Some(held) = shift.slab.remove(key) {
            shift.tally.connections_ended += 1;
            self.server.leave(held.id);
        }
    }

    /// Gives a connection to the runtime.
    fn hand_over(&self, shift: &mut Shift, key: u64) {
        let Some(held) = shift.slab.remove(key) else {
            return;
        };
        if held.watched.is_some() {
            let _ = epoll::delete(&self.epoll, &held.socket);
        }
        let Held {
            socket,
            peer,
            id,
            stream,
            ..
        } = *held;
        let (carry, owed, opened) = stream.into_parts();
        let age = shift.now.moment.since(opened);
        let resumed = Resumed {
            socket,
            peer,
            id,
            carry,
            owed,
            age,
        };
        self.server.resume(resumed, &self.runtime);
    }
}

/// When a stopping worker ends, whatever is left.
pub(super) type Stops = Option<Moment>;
