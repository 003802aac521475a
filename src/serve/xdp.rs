//! Past the kernel: queries taken from a network interface before the kernel's stack sees them, and answered past it
//! (AF_XDP). One thread for each queue of the interface; the same desk as for sockets.
//!
//! The sockets stay open beside it. What the program in the kernel does not take (TCP, fragments, options, VLANs, other
//! interfaces) comes by them, and so does everything when nothing can be opened here.

pub mod open;

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use arc_swap::Cache;
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};

use crate::clock::Clock;
use crate::model::time::Moment;
use crate::serve::counters::Cell;
use crate::serve::desk::{Desk, Queries, Replies};
use crate::serve::udp::{Datagram, Front};
use crate::serve::xdp::open::Interface;
use crate::sys::batch::BATCH;
use crate::sys::origin::ReturnPath;
use crate::sys::xdp::channel::{Arrived, Channel, Leaving, MESSAGE};
use crate::sys::xdp::kernel::Link;
use crate::wire::frame;

/// How often a worker looks up what the kernel lost, and without queries lets go of a snapshot that is no longer in
/// force.
const LOOK_UP: Duration = Duration::from_secs(1);
/// Pause before what the interface did not take is sent again, and after a failed call.
const PAUSE: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 1_000_000,
};
/// Pause while the interface is away.
const AFTER_ERROR: Duration = Duration::from_millis(100);
const SECOND: Timespec = Timespec {
    tv_sec: 1,
    tv_nsec: 0,
};

/// Running workers.
#[derive(Debug)]
pub struct XdpWorkers {
    stop: Arc<Stop>,
    /// While they live, frames are handed to the workers.
    links: Vec<Link>,
    threads: Vec<JoinHandle<()>>,
}

/// How workers are told to stop.
#[derive(Debug)]
struct Stop {
    told: AtomicBool,
    /// Readable from then on.
    bell: OwnedFd,
}

/// Starts a thread for each queue of `interfaces`. Transactions are answered by those of `sockets` that listen on the
/// address asked.
///
/// # Errors
/// When a thread cannot be started; those that could are stopped.
pub fn spawn(
    interfaces: Vec<Interface>,
    sockets: &[Arc<UdpSocket>],
    front: &Front,
) -> io::Result<XdpWorkers> {
    let mut workers = XdpWorkers {
        stop: Arc::new(Stop {
            told: AtomicBool::new(false),
            bell: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
        }),
        links: Vec::new(),
        threads: Vec::new(),
    };
    let mut homes: Vec<Home> = Vec::new();
    for socket in sockets {
        let address = socket.local_addr()?;
        // Those that share an address do so for the kernel's sake.
        if homes.iter().all(|home| home.address != address) {
            let socket = Arc::clone(socket);
            homes.push(Home { address, socket });
        }
    }
    let homes: Arc<[Home]> = homes.into();
    for interface in interfaces {
        workers.links.push(interface.link);
        for (queue, channel) in interface.channels {
            let worker = Worker {
                scope: interface.index,
                homes: Arc::clone(&homes),
                stop: Arc::clone(&workers.stop),
                cell: front.counters.cell("xdp"),
                front: front.clone(),
            };
            let spawned = std::thread::Builder::new()
                .name(format!("xdp-{queue}"))
                .spawn(move || worker.run(channel));
            match spawned {
                Ok(thread) => workers.threads.push(thread),
                Err(error) => {
                    workers.stop();
                    return Err(error);
                }
            }
        }
    }
    Ok(workers)
}

impl XdpWorkers {
    /// Takes the programs off the interfaces, so that what comes from now on comes to the sockets, and tells all workers to
    /// stop: each answers what it has and ends.
    pub fn stop(&mut self) {
        self.links.clear();
        self.stop.told.store(true, Ordering::Release);
        // It cannot fail: the counter is far from full.
        let _ = rustix::io::write(&self.stop.bell, &1u64.to_ne_bytes());
    }

    /// Waits until all have ended.
    pub fn join(self) {
        for thread in self.threads {
            let _ = thread.join();
        }
    }
}

/// A socket that listens.
#[derive(Debug)]
struct Home {
    address: SocketAddr,
    socket: Arc<UdpSocket>,
}

struct Worker {
    /// The interface's number: what link-local addresses mean depends on it.
    scope: u32,
    homes: Arc<[Home]>,
    stop: Arc<Stop>,
    cell: Arc<Cell>,
    front: Front,
}

impl Worker {
    fn run(&self, mut channel: Channel) {
        // As for sockets: a panic costs a batch.
        while catch_unwind(AssertUnwindSafe(|| self.serve(&mut channel))).is_err() {
            tracing::error!("an XDP worker panicked and begins anew; please report it");
        }
    }

    fn serve(&self, channel: &mut Channel) {
        let mut desk = Desk::new(Arc::clone(&self.cell));
        let mut snapshot = Cache::new(&*self.front.published);
        let clock = self.front.clock;
        let mut next = Moment::default();
        loop {
            let count = channel.receive();
            if count == 0 {
                if self.stop.told.load(Ordering::Acquire) {
                    return;
                }
                if !self.wait(channel) {
                    // Nobody asked for a while. An old snapshot is let go, so that its memory comes back.
                    snapshot.load();
                    desk.tally.overflows += channel.losses().unwrap_or(0);
                    desk.keep();
                }
                continue;
            }
            let now = clock.now();
            if now.moment >= next {
                next = now.moment.after(LOOK_UP);
                desk.tally.overflows += channel.losses().unwrap_or(0);
            }
            let (arrived, leaving) = channel.parts();
            let letters = Letters::read(arrived);
            desk.tally.dropped += (count - letters.whole) as u64;
            let mut replies = Turned {
                letters: &letters,
                leaving,
                refused: 0,
            };
            desk.answer(now, snapshot.load(), &letters, &mut replies, |index, query| {
                self.hand_over(&letters, index, query)
            });
            desk.tally.send_errors += replies.refused;
            if let Err(error) = channel.send() {
                desk.tally.send_errors += 1;
                tracing::debug!(%error, "an interface failed to send");
            }
            desk.sent(now.moment, || clock.moment());
        }
    }

    /// Waits until something comes, a second passes, or what was not sent may be tried again. Whether something came.
    fn wait(&self, channel: &mut Channel) -> bool {
        let waiting = channel.is_waiting();
        let mut ready = [
            PollFd::new(channel, PollFlags::IN),
            PollFd::new(&self.stop.bell, PollFlags::IN),
        ];
        let came = poll(&mut ready, Some(if waiting { &PAUSE } else { &SECOND }));
        // So it shows that the interface was taken away.
        let is_broken = ready
            .iter()
            .any(|ready| ready.revents().intersects(PollFlags::ERR | PollFlags::NVAL));
        if is_broken {
            std::thread::sleep(AFTER_ERROR);
        }
        if waiting {
            // What fails now is tried again, or counted with the next answers.
            let _ = channel.send();
        }
        matches!(came, Ok(1..)) && !is_broken
    }

    /// Whether the runtime took the transaction. It is answered by a socket: who sends such has no hurry.
    #[cold]
    fn hand_over(&self, letters: &Letters<'_>, index: usize, query: &[u8]) -> bool {
        let Some(letter) = letters.get(index) else {
            return false;
        };
        let asked = SocketAddr::new(letter.destination, letter.destination_port);
        let wildcard = |home: &&Home| {
            let address = home.address;
            address.ip().is_unspecified()
                && address.is_ipv4() == asked.is_ipv4()
                && address.port() == asked.port()
        };
        let own = self.homes.iter().find(|home| home.address == asked);
        let Some(home) = own.or_else(|| self.homes.iter().find(wildcard)) else {
            return false;
        };
        let peer = SocketAddr::new(letter.source, letter.source_port);
        let datagram = Datagram {
            query: query.to_vec(),
            path: ReturnPath::new(peer, letter.destination, self.scope),
            socket: Arc::clone(&home.socket),
        };
        self.front.transactions.try_send(datagram).is_ok()
    }
}

/// The datagrams of a batch of frames.
struct Letters<'a> {
    letters: [Option<frame::Datagram<'a>>; BATCH],
    count: usize,
    /// How many are whole.
    whole: usize,
}

impl<'a> Letters<'a> {
    fn read(arrived: Arrived<'a>) -> Self {
        let count = arrived.len().min(BATCH);
        (0..count).for_each(|index| arrived.fetch(index));
        let mut letters = [None; BATCH];
        let mut whole = 0;
        for (index, letter) in letters.iter_mut().enumerate().take(count) {
            *letter = frame::read(arrived.octets(index));
            whole += usize::from(letter.is_some());
        }
        Self {
            letters,
            count,
            whole,
        }
    }

    #[inline]
    fn get(&self, index: usize) -> Option<&frame::Datagram<'a>> {
        self.letters.get(index)?.as_ref()
    }
}

impl<'q> Queries<'q> for &Letters<'q> {
    #[inline]
    fn count(self) -> usize {
        self.count
    }

    #[inline]
    fn octets(self, index: usize) -> Option<&'q [u8]> {
        Some(self.get(index)?.payload)
    }

    #[inline]
    fn sender(self, index: usize) -> Option<IpAddr> {
        Some(self.get(index)?.source)
    }
}

/// Answers in frames of their own.
struct Turned<'a> {
    letters: &'a Letters<'a>,
    leaving: Leaving<'a>,
    /// Answers for which there was no frame.
    refused: u64,
}

impl Replies for Turned<'_> {
    #[inline]
    fn room(&mut self, index: usize) -> &mut [u8] {
        let headers = self.letters.get(index).map_or(0, frame::Datagram::headers);
        self.leaving.room(headers)
    }

    #[inline]
    fn answer(&mut self, index: usize, length: usize) {
        let sent = self.letters.get(index).is_some_and(|letter| {
            let frame = self.leaving.frame();
            letter
                .turn(frame, MESSAGE..MESSAGE + length)
                .is_some_and(|octets| self.leaving.send(octets.start, octets.len()))
        });
        self.refused += u64::from(!sent);
    }
}
