//! The doors: DNS sockets, opened when the verdicts are in, and the API's listener.

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use anyhow::Context;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::answer::published::Published;
use crate::api::live::Live;
use crate::api::routes::router;
use crate::api::server::Server;
use crate::clock::SystemClock;
use crate::model::encrypted::Encrypted;
use crate::model::plan::{NodeSettings, Plan, TcpSettings};
use crate::run::bypass::Bypass;
use crate::run::doors::Doors;
use crate::run::privileges::Privileges;
use crate::serve::counters::Counters;
use crate::serve::encrypted::{self, EncryptedFronts};
use crate::serve::given::{Given, Kind};
use crate::serve::listen::BindError;
use crate::serve::tcp::TcpServer;
use crate::serve::transactions::Transactions;
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
    pub(super) encrypted: watch::Receiver<Arc<Encrypted>>,
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
    let encrypted = encrypted::missing(&plan.node.encrypted, given);
    let tried = privileges.open(move || {
        addresses.into_iter().try_for_each(listen::probe)?;
        encrypted.into_iter().try_for_each(encrypted::probe)
    });
    Ok(tried.await??)
}

/// What is listened on, open and bound, but not read yet.
struct Bound {
    datagrams: Vec<UdpSocket>,
    listeners: Vec<TcpListener>,
    encrypted: encrypted::Sockets,
    bypass: Bypass,
}

impl Bound {
    /// Opens every address that was not given. Everything that needs a privilege belongs here.
    fn open(node: &NodeSettings, mut given: Given) -> anyhow::Result<Self> {
        let workers = workers(node);
        let (mut datagrams, mut listeners) = (Vec::new(), Vec::new());
        for &address in &node.listen {
            datagrams.extend(given.udp(address, workers, udp::BUFFER, node.cookies.lane)?);
            listeners.push(given.tcp(address)?);
        }
        let encrypted = encrypted::Sockets::open(&node.encrypted, &mut given)?;
        given.close_rest();
        let bypass = Bypass::open(node, &datagrams);
        Ok(Self {
            datagrams,
            listeners,
            bypass,
            encrypted,
        })
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
        let Bound {
            datagrams,
            listeners,
            encrypted,
            bypass,
        } = opened.await??;
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
            self.tcp.clone(),
            self.stop.clone(),
            tracker.clone(),
        );
        let streams = listeners
            .iter()
            .chain(&encrypted.tls)
            .chain(&encrypted.https)
            .map(TcpListener::as_fd);
        let kept: io::Result<Vec<OwnedFd>> = streams
            .chain(encrypted.quic.iter().map(UdpSocket::as_fd))
            .map(|socket| socket.try_clone_to_owned())
            .collect();
        let kept = kept.context("a listener cannot be kept")?;
        let encrypted_stop = self.stop.child_token();
        tcp.listen(listeners, workers(&self.plan.node), &counters)
            .context("cannot start the TCP workers")?;
        let encrypted = if encrypted.is_empty() {
            None
        } else {
            let fronts = EncryptedFronts {
                published: Arc::clone(&self.published),
                clock: self.clock,
                counters: Arc::clone(&counters),
                transactions: transactions.clone(),
                tcp: self.tcp,
                settings: self.encrypted,
                stop: encrypted_stop.clone(),
            };
            let running = fronts.spawn(encrypted).await;
            Some(running.context("cannot serve DNS over TLS, QUIC or HTTPS")?)
        };
        tracker.spawn(transactions.serve_datagrams(receiver, self.stop.clone()));
        let front = udp::Front {
            published: self.published,
            clock: self.clock,
            counters: Arc::clone(&counters),
            transactions: sender,
            sampler: Arc::default(),
            affinity: self.plan.node.affinity,
        };
        let running = udp::spawn(datagrams, &front, beside).context("cannot start the UDP workers")?;
        let bypassing = bypass.spawn(&running, &front);
        let doors = Arc::new(Doors {
            udp: Mutex::new(Some(running)),
            tcp,
            bypassing: Mutex::new(Some(bypassing)),
            encrypted: Mutex::new(encrypted),
            encrypted_stop,
            copies: Mutex::new(kept),
            shared: AtomicBool::new(false),
            sampler: front.sampler,
        });
        let (stop, closing) = (self.stop, Arc::clone(&doors));
        tracker.spawn(async move {
            stop.cancelled().await;
            // Joining waits for threads, which a task must not.
            let joined = tokio::task::spawn_blocking(move || closing.close());
            if !matches!(joined.await, Ok(true)) {
                tracing::error!(target: "pointsman::stop", "a thread that answers ended by a panic");
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
