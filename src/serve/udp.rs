//! UDP: one plain thread per core and address, each with its own socket; batches in, batches out.
//!
//! No task, lock, allocation or clock reading per query: the snapshot is revalidated once a batch, and the time read twice.
//! What is a transaction goes to the runtime by a bounded channel; when that is full, it is dropped and counted, and
//! the client asks again.

use std::io;
use std::net::UdpSocket;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use arc_swap::Cache;
use tokio::sync::mpsc;

use crate::answer::published::Published;
use crate::clock::{Clock, SystemClock};
use crate::model::time::Moment;
use crate::serve::cores;
use crate::serve::counters::{Cell, Counters};
use crate::serve::desk::Desk;
use crate::serve::pulse::Pulse;
use crate::serve::sampler::Sampler;
use crate::sys::batch::{Batch, Queries};
use crate::sys::option;
use crate::sys::origin::ReturnPath;

/// Socket buffers, each way: with the system's default, 512 outstanding queries already lost some.
pub const BUFFER: usize = 4 << 20;
/// Batches that a stopping worker still answers: what was queued when it was told.
const FAREWELL: usize = 256;
/// How often a worker looks up what the kernel dropped, and without queries lets go of a snapshot that is no longer in
/// force.
const LOOK_UP: Duration = Duration::from_secs(1);
/// The same while a server takes over from another: so long a worker may wait before it sees that it is to leave.
const HASTE: Duration = Duration::from_millis(20);
/// Pause after a failed receive call, so that a lasting failure does not take the core.
const AFTER_ERROR: Duration = Duration::from_millis(5);

/// A transaction that came by UDP: the runtime answers it by the same socket.
#[derive(Debug)]
pub struct Datagram {
    /// The message.
    pub query: Vec<u8>,
    /// To whom, and from which address, the answer goes.
    pub path: ReturnPath,
    /// By which socket.
    pub socket: Arc<UdpSocket>,
}

/// What every worker needs.
#[derive(Clone, Debug)]
pub struct Front {
    /// What is answered from.
    pub published: Arc<Published>,
    /// The time.
    pub clock: SystemClock,
    /// Where it counts.
    pub counters: Arc<Counters>,
    /// Where transactions go.
    pub transactions: mpsc::Sender<Datagram>,
    /// Takes queries out for a successor's trial.
    pub sampler: Arc<Sampler>,
    /// Whether each thread stays on a core of its own.
    pub affinity: bool,
}

/// Running workers.
#[derive(Debug)]
pub struct UdpWorkers {
    stop: Arc<AtomicU8>,
    sockets: Vec<Arc<UdpSocket>>,
    threads: Vec<JoinHandle<()>>,
}

/// What a worker is to do.
mod told {
    /// Answer.
    pub(super) const ANSWER: u8 = 0;
    /// Answer what is queued, then end.
    pub(super) const STOP: u8 = 1;
    /// End after the batch at hand: what is queued is another process's.
    pub(super) const LEAVE: u8 = 2;
}

/// Starts a thread for each socket. `beside`: another process reads the same sockets, so that how long a call waits
/// stays its affair until [`UdpWorkers::take_time`].
///
/// # Errors
/// When a thread cannot be started; those that could are stopped.
pub fn spawn(sockets: Vec<UdpSocket>, front: &Front, beside: bool) -> io::Result<UdpWorkers> {
    let mut workers = UdpWorkers {
        stop: Arc::new(AtomicU8::new(told::ANSWER)),
        sockets: sockets.into_iter().map(Arc::new).collect(),
        threads: Vec::new(),
    };
    for (index, socket) in workers.sockets.iter().enumerate() {
        socket.set_read_timeout(Some(if beside { HASTE } else { LOOK_UP }))?;
        let worker = Worker {
            socket: Arc::clone(socket),
            stop: Arc::clone(&workers.stop),
            cell: front.counters.cell("udp"),
            pulse: front.counters.pulses.begin(),
            front: front.clone(),
        };
        let spawned = std::thread::Builder::new()
            .name(format!("udp-{index}"))
            .spawn(move || {
                if worker.front.affinity {
                    cores::stay(index);
                }
                worker.run();
            });
        match spawned {
            Ok(thread) => workers.threads.push(thread),
            Err(error) => {
                workers.stop();
                return Err(error);
            }
        }
    }
    Ok(workers)
}

impl UdpWorkers {
    /// The sockets, by which others may answer, too.
    #[must_use]
    pub fn sockets(&self) -> &[Arc<UdpSocket>] {
        &self.sockets
    }

    /// Tells all to stop: each answers what is queued and ends.
    pub fn stop(&self) {
        self.stop.store(told::STOP, Ordering::Release);
        for socket in &self.sockets {
            // Wakes the blocked receive call. The kernel says "not connected", and does it.
            let _ = socket2::SockRef::from(&**socket).shutdown(std::net::Shutdown::Read);
        }
    }

    /// Tells all to leave the sockets to another process that reads them, too: each ends after the batch at hand, within
    /// some 20 ms after [`UdpWorkers::make_haste`]. Not one query is lost.
    pub fn leave(&self) {
        self.stop.store(told::LEAVE, Ordering::Release);
    }

    /// Lets no call wait for long, so that workers could leave soon. The time belongs to the socket, for every process
    /// that has it.
    pub fn make_haste(&self) {
        self.wait_at_most(HASTE);
    }

    /// Takes that back.
    pub fn take_time(&self) {
        self.wait_at_most(LOOK_UP);
    }

    fn wait_at_most(&self, time: Duration) {
        for socket in &self.sockets {
            if let Err(error) = socket.set_read_timeout(Some(time)) {
                tracing::warn!(%error, "how long a UDP socket waits cannot be set");
            }
        }
    }

    /// Waits until all have ended.
    pub fn join(self) {
        for thread in self.threads {
            let _ = thread.join();
        }
    }
}

/// What the kernel has dropped at a socket, looked at now and then.
#[derive(Default)]
struct Losses {
    seen: u32,
    /// When to look again.
    next: Moment,
    /// Each look shows that the worker moves.
    pulse: Arc<Pulse>,
}

impl Losses {
    /// How many more than last time.
    fn look(&mut self, socket: &UdpSocket, now: Moment) -> u64 {
        self.next = now.after(LOOK_UP);
        self.pulse.beat();
        let seen = option::dropped(socket).unwrap_or(self.seen);
        let more = seen.wrapping_sub(self.seen);
        self.seen = seen;
        u64::from(more)
    }
}

struct Worker {
    socket: Arc<UdpSocket>,
    stop: Arc<AtomicU8>,
    cell: Arc<Cell>,
    pulse: Arc<Pulse>,
    front: Front,
}

impl Worker {
    fn run(self) {
        // The engine is total; should it ever not be, one thread's panic must not cost a share of all queries.
        while catch_unwind(AssertUnwindSafe(|| self.serve())).is_err() {
            tracing::error!("a UDP worker panicked and begins anew; please report it");
        }
    }

    fn serve(&self) {
        let mut batch = Batch::new();
        let mut desk = Desk::new(Arc::clone(&self.cell));
        let mut snapshot = Cache::new(&*self.front.published);
        let mut losses = Losses {
            pulse: Arc::clone(&self.pulse),
            ..Losses::default()
        };
        let mut farewell = 0;
        loop {
            let told = self.stop.load(Ordering::Acquire);
            if told == told::LEAVE {
                return;
            }
            let stopping = told == told::STOP;
            if stopping {
                farewell += 1;
            }
            match batch.receive(&self.socket, !stopping) {
                Ok(0) if stopping => return,
                Ok(_) if farewell > FAREWELL => return,
                Ok(_) => {}
                Err(_) if stopping => return,
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock
                    ) =>
                {
                    // Nobody asked for a while. An old snapshot is let go, so that its memory comes back.
                    snapshot.load();
                    desk.tally.overflows += losses.look(&self.socket, self.front.clock.moment());
                    desk.keep();
                    continue;
                }
                Err(error) => {
                    desk.tally.receive_errors += 1;
                    desk.keep();
                    tracing::debug!(%error, "a UDP socket failed to receive");
                    std::thread::sleep(AFTER_ERROR);
                    continue;
                }
            }
            let now = self.front.clock.now();
            if now.moment >= losses.next {
                desk.tally.overflows += losses.look(&self.socket, now.moment);
            }
            let (queries, mut replies) = batch.parts();
            if self.front.sampler.is_open() {
                self.front.sampler.take(&queries, now);
            }
            desk.answer(now, snapshot.load(), queries, &mut replies, |index, query| {
                self.hand_over(&queries, index, query)
            });
            desk.tally.send_errors += batch.send(&self.socket).refused as u64;
            desk.sent(now.moment, || self.front.clock.moment());
        }
    }

    /// Whether the runtime took the transaction.
    fn hand_over(&self, queries: &Queries<'_>, index: usize, query: &[u8]) -> bool {
        let Some(path) = queries.return_path(index) else {
            return false;
        };
        let datagram = Datagram {
            query: query.to_vec(),
            path,
            socket: Arc::clone(&self.socket),
        };
        self.front.transactions.try_send(datagram).is_ok()
    }
}
