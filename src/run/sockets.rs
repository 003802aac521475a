//! The doors: DNS sockets, opened when the verdicts are in, and the API's listener.

use std::net::{TcpListener, UdpSocket};
use std::sync::Arc;

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
use crate::serve::counters::Counters;
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
    pub(super) stop: CancellationToken,
    /// Sockets that are open already.
    pub(super) given: Given,
}

/// Opens every address and closes it again: what cannot work is told before the verdicts are waited for. What is
/// `given` is open.
pub(super) fn try_bind(plan: &Plan, given: &Given) -> anyhow::Result<()> {
    for &address in &plan.node.listen {
        if !given.has(Kind::Datagram, address) && !given.has(Kind::Stream, address) {
            listen::probe(address)?;
        }
    }
    Ok(())
}

/// What is listened on, open and bound, but not read yet.
struct Bound {
    datagrams: Vec<UdpSocket>,
    listeners: Vec<TcpListener>,
}

impl Bound {
    /// Opens every address that was not given. Everything that needs a privilege belongs here.
    fn open(node: &NodeSettings, mut given: Given) -> anyhow::Result<Self> {
        let workers = match node.workers {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            workers => workers,
        };
        let (mut datagrams, mut listeners) = (Vec::new(), Vec::new());
        for &address in &node.listen {
            datagrams.extend(given.udp(address, workers, udp::BUFFER)?);
            listeners.push(given.tcp(address)?);
        }
        given.close_rest();
        Ok(Self { datagrams, listeners })
    }
}

impl Opening {
    /// Opens all sockets, then starts to read them.
    pub(super) async fn open(self, tracker: &TaskTracker) -> anyhow::Result<()> {
        let Bound { datagrams, listeners } = Bound::open(&self.plan.node, self.given)?;
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
        for listener in listeners {
            tcp.listen(listener)
                .context("the runtime cannot take a listener")?;
        }
        tracker.spawn(transactions.serve_datagrams(receiver, self.stop.clone()));
        let front = udp::Front {
            published: self.published,
            clock: self.clock,
            counters: Arc::clone(&counters),
            transactions: sender,
            sampler: Arc::default(),
        };
        let running = udp::spawn(datagrams, &front, false).context("cannot start the UDP workers")?;
        let stop = self.stop;
        tracker.spawn(async move {
            stop.cancelled().await;
            running.stop();
            // Joining waits for threads, which a task must not.
            let joined = tokio::task::spawn_blocking(move || running.join()).await;
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
        Ok(())
    }
}

/// Opens the API, when there is to be one.
pub(super) async fn open_api(
    plan: &Plan,
    given: &mut Given,
    live: Live,
    tracker: &TaskTracker,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let Some(address) = plan.node.api else {
        return Ok(());
    };
    let failed = |error| BindError {
        address,
        transport: "the API",
        error,
    };
    let listener = if given.has(Kind::Stream, address) {
        tokio::net::TcpListener::from_std(given.tcp(address)?).map_err(failed)?
    } else {
        tokio::net::TcpListener::bind(address).await.map_err(failed)?
    };
    let server = Server {
        access: live.access.clone(),
        router: router(live),
        stop,
    };
    tracker.spawn(server.run(listener));
    Ok(())
}
