//! The doors: DNS sockets, opened when the verdicts are in, and the API's listener.

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Context;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::answer::published::Published;
use crate::api::live::Live;
use crate::api::routes::router;
use crate::api::server::Server;
use crate::clock::SystemClock;
use crate::model::plan::{NodeSettings, Plan, TcpSettings};
use crate::run::privileges::Privileges;
use crate::serve::counters::Counters;
use crate::serve::given::{Given, Kind};
use crate::serve::listen::BindError;
use crate::serve::sampler::Sampler;
use crate::serve::tcp::TcpServer;
use crate::serve::transactions::Transactions;
use crate::serve::udp::UdpWorkers;
use crate::serve::{listen, udp};

/// Transactions over UDP (NOTIFY, SOA with TSIG) that may wait for the runtime; more are dropped, and asked again.
const DATAGRAMS: usize = 256;

/// What is needed to open the DNS sockets.
#[derive(Debug)]
pub(super) struct Opening {
    pub(super) plan: Arc<Plan>,
    pub(super) published: Arc<Published>,
    pub(super) clock: SystemClock,
    pub(super) counters: Arc<Counters>,
    pub(super) tcp: watch::Receiver<TcpSettings>,
    pub(super) stop: CancellationToken,
    /// Sockets that are open already.
    pub(super) given: Given,
    /// For what needs one.
    pub(super) privileges: Privileges,
}

/// Opens every address and closes it again: what cannot work is told before the verdicts are waited for. What is
/// `given` is open.
pub(super) async fn try_bind(plan: &Plan, given: &Given, privileges: &Privileges) -> anyhow::Result<()> {
    let is_given =
        |address: &SocketAddr| given.has(Kind::Datagram, *address) || given.has(Kind::Stream, *address);
    let mut addresses = plan.node.listen.clone();
    addresses.retain(|address| !is_given(address));
    let tried = privileges.open(move || addresses.into_iter().try_for_each(listen::probe));
    Ok(tried.await??)
}

/// What is listened on, open and bound, but not read yet.
struct Bound {
    datagrams: Vec<UdpSocket>,
    listeners: Vec<TcpListener>,
}

impl Bound {
    /// Opens every address that was not given. Everything that needs a privilege belongs here.
    fn open(node: &NodeSettings, mut given: Given) -> anyhow::Result<Self> {
        let workers = workers(node);
        let (mut datagrams, mut listeners) = (Vec::new(), Vec::new());
        for &address in &node.listen {
            datagrams.extend(given.udp(address, workers, udp::BUFFER)?);
            listeners.push(given.tcp(address)?);
        }
        given.close_rest();
        Ok(Self { datagrams, listeners })
    }
}

/// Threads for UDP at each address, and for TCP in all.
fn workers(node: &NodeSettings) -> usize {
    match node.workers {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        workers => workers,
    }
}

impl Opening {
    /// Opens all sockets, then starts to read them; `beside` another process that does.
    pub(super) async fn open(self, tracker: &TaskTracker, beside: bool) -> anyhow::Result<Arc<Doors>> {
        let (plan, given) = (Arc::clone(&self.plan), self.given);
        let opened = self.privileges.open(move || Bound::open(&plan.node, given));
        let Bound { datagrams, listeners } = opened.await??;
        // Before the first packet is read.
        self.privileges.settle(&self.plan)?;
        let counters = self.counters;
        let transactions = Transactions::new(Arc::clone(&self.published), self.clock);
        let (sender, receiver) = mpsc::channel(DATAGRAMS);
        let tcp = TcpServer::new(
            Arc::clone(&self.published),
            self.clock,
            &counters,
            transactions.clone(),
            self.tcp,
            self.stop.clone(),
            tracker.clone(),
        );
        let kept: io::Result<Vec<_>> = listeners.iter().map(TcpListener::try_clone).collect();
        let kept = kept.context("a listener cannot be kept")?;
        tcp.listen(listeners, workers(&self.plan.node), &counters)
            .context("cannot start the TCP workers")?;
        tracker.spawn(transactions.serve_datagrams(receiver, self.stop.clone()));
        let front = udp::Front {
            published: self.published,
            clock: self.clock,
            counters: Arc::clone(&counters),
            transactions: sender,
            sampler: Arc::default(),
        };
        let running = udp::spawn(datagrams, &front, beside).context("cannot start the UDP workers")?;
        let doors = Arc::new(Doors {
            udp: Mutex::new(Some(running)),
            tcp,
            listeners: Mutex::new(kept),
            shared: AtomicBool::new(false),
            sampler: front.sampler,
        });
        let (stop, closing) = (self.stop, Arc::clone(&doors));
        tracker.spawn(async move {
            stop.cancelled().await;
            // Joining waits for threads, which a task must not.
            let joined = tokio::task::spawn_blocking(move || closing.close()).await;
            if joined.is_err() {
                tracing::error!(target: "pointsman::stop", "a UDP worker ended by a panic");
            }
            for (transport, tally) in counters.totals() {
                tracing::info!(
                    target: "pointsman::stop", transport, queries = tally.queries, answers = tally.answers,
                    truncated = tally.truncated, dropped = tally.dropped, transactions = tally.transactions,
                    overflows = tally.overflows, connections = tally.connections, "answered"
                );
            }
        });
        Ok(doors)
    }
}

/// The doors, open: what a successor is given, and what is left to it.
#[derive(Debug)]
pub(super) struct Doors {
    /// `None`: left, or closed.
    udp: Mutex<Option<UdpWorkers>>,
    tcp: Arc<TcpServer>,
    /// The listeners once more: those of the runtime cannot be given away.
    listeners: Mutex<Vec<TcpListener>>,
    /// Whether another process may read the same sockets: then none is shut down.
    shared: AtomicBool,
    /// Takes queries out.
    pub(super) sampler: Arc<Sampler>,
}

impl Doors {
    fn udp(&self) -> MutexGuard<'_, Option<UdpWorkers>> {
        self.udp.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn listeners(&self) -> MutexGuard<'_, Vec<TcpListener>> {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every socket once more.
    pub(super) fn copies(&self) -> io::Result<Vec<OwnedFd>> {
        let udp = self.udp();
        let datagrams = udp.iter().flat_map(UdpWorkers::sockets);
        let mut copies = Vec::new();
        for socket in datagrams {
            copies.push(socket.as_fd().try_clone_to_owned()?);
        }
        for listener in self.listeners().iter() {
            copies.push(listener.as_fd().try_clone_to_owned()?);
        }
        Ok(copies)
    }

    /// Whether another process has the sockets, too.
    pub(super) fn share(&self, shared: bool) {
        self.shared.store(shared, Ordering::Release);
    }

    /// Lets workers wait so little that they could leave soon, or takes that back.
    pub(super) fn hasten(&self, haste: bool) {
        if let Some(udp) = &*self.udp() {
            if haste {
                udp.make_haste();
            } else {
                udp.take_time();
            }
        }
    }

    /// Leaves the sockets to the other process that reads them; connections that are open go on. Waits for the workers.
    pub(super) fn leave(&self) {
        let udp = self.udp().take();
        self.tcp.stop_accepting();
        self.listeners().clear();
        if let Some(udp) = udp {
            udp.leave();
            udp.join();
        }
    }

    /// How many connections are open.
    pub(super) fn connections(&self) -> usize {
        self.tcp.connections()
    }

    /// Answers what is queued, then closes everything; nothing when it was left to another. Waits for the workers.
    fn close(&self) {
        let udp = self.udp().take();
        self.listeners().clear();
        if let Some(udp) = udp {
            if self.shared.load(Ordering::Acquire) {
                udp.leave();
            } else {
                udp.stop();
            }
            udp.join();
        }
    }
}

/// Opens the API's listener, when there is to be one.
pub(super) async fn bind_api(
    plan: &Plan,
    given: &mut Given,
    privileges: &Privileges,
) -> anyhow::Result<Option<TcpListener>> {
    let Some(address) = plan.node.api else {
        return Ok(None);
    };
    let failed = |error| BindError {
        address,
        transport: "the API",
        error,
    };
    let listener = if given.has(Kind::Stream, address) {
        given.tcp(address)?
    } else {
        let opened = privileges.open(move || TcpListener::bind(address));
        opened.await?.map_err(failed)?
    };
    listener.set_nonblocking(true).map_err(failed)?;
    Ok(Some(listener))
}

/// Serves the API until `stop`.
pub(super) fn serve_api(
    listener: TcpListener,
    live: Live,
    tracker: &TaskTracker,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let listener =
        tokio::net::TcpListener::from_std(listener).context("the runtime cannot take a listener")?;
    let server = Server {
        access: live.access.clone(),
        router: router(live),
        stop,
    };
    tracker.spawn(server.run(listener));
    Ok(())
}
