//! DNS that nobody on the way can read: over TLS (RFC 7858), QUIC (RFC 9250) and HTTPS (RFC 8484).
//!
//! All three run on threads of their own: a flood of handshakes delays neither probes and decisions nor what is answered
//! over UDP and TCP. Certificates are exchanged while connections go on.

mod doh;
mod doq;
mod entrance;
mod gate;
mod https;
mod listener;
mod quic;
mod stream;

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use tokio::sync::{Semaphore, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::answer::published::Published;
use crate::answer::snapshot::Transport;
use crate::clock::SystemClock;
use crate::model::encrypted::{Door, Encrypted};
use crate::model::plan::TcpSettings;
use crate::serve::counters::Counters;
use crate::serve::encrypted::entrance::{Entrance, Front, name};
use crate::serve::encrypted::gate::Gate;
use crate::serve::given::{Given, Kind};
use crate::serve::listen::{self, BindError};
use crate::serve::transactions::Transactions;
use crate::tls::{Shown, server};

/// What is spoken over TLS.
const DOT: &[&[u8]] = &[b"dot"];
/// How long what is under way may go on when the server stops.
const GOODBYE: Duration = Duration::from_secs(4);

/// Sockets of the three; none where they are off.
#[derive(Debug, Default)]
pub struct Sockets {
    /// Of DNS over TLS, not blocking.
    pub tls: Vec<TcpListener>,
    /// Of DNS over QUIC.
    pub quic: Vec<UdpSocket>,
    /// Of DNS over HTTPS, not blocking.
    pub https: Vec<TcpListener>,
}

impl Sockets {
    /// Opens what `encrypted` wants and is not among the `given`.
    ///
    /// # Errors
    /// [`BindError`] of the first that fails.
    pub fn open(encrypted: &Encrypted, given: &mut Given) -> Result<Self, BindError> {
        let mut sockets = Self::default();
        for address in addresses(encrypted.tls.as_ref()) {
            sockets.tls.push(given.tcp(address)?);
        }
        for address in addresses(encrypted.quic.as_ref()) {
            sockets.quic.push(given.quic(address)?);
        }
        for address in addresses(encrypted.https.as_ref()) {
            sockets.https.push(given.tcp(address)?);
        }
        Ok(sockets)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tls.is_empty() && self.quic.is_empty() && self.https.is_empty()
    }
}

/// What `encrypted` wants and is not among the `given`.
#[must_use]
pub fn missing(encrypted: &Encrypted, given: &Given) -> Vec<(Kind, SocketAddr)> {
    let streams = addresses(encrypted.tls.as_ref()).chain(addresses(encrypted.https.as_ref()));
    streams
        .map(|address| (Kind::Stream, address))
        .chain(addresses(encrypted.quic.as_ref()).map(|address| (Kind::Datagram, address)))
        .filter(|(kind, address)| !given.has(*kind, *address))
        .collect()
}

/// Opens an address and closes it again: what cannot work is told before anything is waited for.
///
/// # Errors
/// [`BindError`].
pub fn probe((kind, address): (Kind, SocketAddr)) -> Result<(), BindError> {
    match kind {
        Kind::Stream => listen::tcp(address).map(drop),
        Kind::Datagram => listen::quic(address).map(drop),
    }
}

fn addresses(door: Option<&Door>) -> impl Iterator<Item = SocketAddr> {
    door.into_iter().flat_map(|door| door.listen.iter().copied())
}

/// What the front ends need.
#[derive(Clone, Debug)]
pub struct EncryptedFronts {
    /// What is answered from.
    pub published: Arc<Published>,
    /// The time.
    pub clock: SystemClock,
    /// Where they count.
    pub counters: Arc<Counters>,
    /// Transfers, and what is signed.
    pub transactions: Transactions,
    /// Lifetime of connections, and patience with messages.
    pub tcp: watch::Receiver<TcpSettings>,
    /// Certificates, path and limits, which may change.
    pub settings: watch::Receiver<Arc<Encrypted>>,
    /// Ends them.
    pub stop: CancellationToken,
}

impl EncryptedFronts {
    /// Starts threads that serve `sockets` until stopped. To be joined after that.
    ///
    /// # Errors
    /// When the system gives no threads, or a socket or certificate cannot be used.
    pub async fn spawn(self, sockets: Sockets) -> io::Result<std::thread::JoinHandle<()>> {
        let threads = std::thread::available_parallelism().map_or(2, |cores| cores.get().max(2));
        let (tell, told) = oneshot::channel();
        // Made and dropped by a thread of its own: a runtime must not be dropped within another.
        let thread = std::thread::Builder::new()
            .name("encrypted".to_owned())
            .spawn(move || {
                let runtime = tokio::runtime::Builder::new_multi_thread()
                    .worker_threads(threads)
                    .thread_name("encrypted")
                    .enable_all()
                    .build();
                let started = runtime.and_then(|runtime| {
                    let inside = runtime.enter();
                    let running = self.start(sockets, threads)?;
                    drop(inside);
                    Ok((runtime, running))
                });
                match started {
                    Err(error) => {
                        // Whoever asked has not left: it waits for this alone.
                        let _ = tell.send(Err(error));
                    }
                    Ok((runtime, front)) => {
                        let _ = tell.send(Ok(()));
                        runtime.block_on(async {
                            front.stop.cancelled().await;
                            front.tracker.close();
                            let _ = tokio::time::timeout(GOODBYE, front.tracker.wait()).await;
                        });
                        runtime.shutdown_background();
                    }
                }
            })?;
        told.await.map_err(io::Error::other)??;
        Ok(thread)
    }

    /// Within the runtime: a task for each socket, and one that follows the settings.
    fn start(self, sockets: Sockets, threads: usize) -> io::Result<Arc<Front>> {
        let settings = self.settings.clone();
        let front = Arc::new(Front {
            published: self.published,
            clock: self.clock,
            transactions: self.transactions,
            tcp: self.tcp,
            gate: Gate::new(self.clock, self.settings.clone(), self.stop.clone()),
            settings: self.settings,
            turns: Semaphore::new(threads.saturating_sub(1).max(1)),
            stop: self.stop,
            tracker: TaskTracker::new(),
        });
        let now = Arc::clone(&settings.borrow());
        let mut follower = Follower {
            front: Arc::clone(&front),
            of: Arc::clone(&now),
            shown: Vec::new(),
            endpoints: Vec::new(),
        };
        for (transport, listeners, protocols) in [
            (Transport::Tls, sockets.tls, DOT),
            (Transport::Https, sockets.https, https::PROTOCOLS),
        ] {
            let Some(door) = door(&now, transport).filter(|_| !listeners.is_empty()) else {
                continue;
            };
            let config = follower.show(transport, door, protocols)?;
            let entrance = Entrance::new(&front, transport, &self.counters);
            for listener in listeners {
                let listener = tokio::net::TcpListener::from_std(listener)?;
                let task = listener::accept(Arc::clone(&entrance), listener, Arc::clone(&config));
                front.tracker.spawn(task);
            }
        }
        if let Some(door) = door(&now, Transport::Quic).filter(|_| !sockets.quic.is_empty()) {
            let crypto = follower.show(Transport::Quic, door, quic::PROTOCOLS)?;
            let entrance = Entrance::new(&front, Transport::Quic, &self.counters);
            for socket in sockets.quic {
                let endpoint = quic::open(socket, quic::config(Arc::clone(&crypto), now.limits)?)?;
                follower.endpoints.push((endpoint.clone(), Arc::clone(&crypto)));
                front.tracker.spawn(quic::accept(Arc::clone(&entrance), endpoint));
            }
        }
        front.tracker.spawn(follower.run(settings));
        Ok(front)
    }
}

fn door(encrypted: &Encrypted, transport: Transport) -> Option<&Door> {
    match transport {
        Transport::Udp | Transport::Tcp => None,
        Transport::Tls => encrypted.tls.as_ref(),
        Transport::Quic => encrypted.quic.as_ref(),
        Transport::Https => encrypted.https.as_ref(),
    }
}

/// Puts changed settings in force.
struct Follower {
    front: Arc<Front>,
    of: Arc<Encrypted>,
    shown: Vec<(Transport, Arc<Shown>)>,
    endpoints: Vec<(quinn::Endpoint, Arc<ServerConfig>)>,
}

impl Follower {
    /// What connections of `transport` are accepted with, now and after every exchange of its certificate.
    fn show(
        &mut self,
        transport: Transport,
        door: &Door,
        protocols: &[&[u8]],
    ) -> io::Result<Arc<ServerConfig>> {
        let shown = Shown::nothing();
        shown.show(&door.identity).map_err(io::Error::other)?;
        self.shown.push((transport, Arc::clone(&shown)));
        let config = server(shown, &[], protocols).map_err(io::Error::other)?;
        Ok(Arc::new(config))
    }

    async fn run(mut self, mut settings: watch::Receiver<Arc<Encrypted>>) {
        let stop = self.front.stop.clone();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                changed = settings.changed() => if changed.is_err() { return },
            }
            let next = Arc::clone(&settings.borrow_and_update());
            self.follow(next);
        }
    }

    fn follow(&mut self, next: Arc<Encrypted>) {
        for (transport, shown) in &self.shown {
            let (Some(new), old) = (door(&next, *transport), door(&self.of, *transport)) else {
                continue;
            };
            if old.is_some_and(|old| old.identity == new.identity) {
                continue;
            }
            let transport = name(*transport);
            match shown.show(&new.identity) {
                Ok(()) => tracing::info!(transport, "a new certificate is shown from now on"),
                Err(error) => {
                    tracing::error!(transport, %error, "the new certificate cannot be used; the one before is shown still");
                }
            }
        }
        if self.of.limits != next.limits {
            for (endpoint, crypto) in &self.endpoints {
                match quic::config(Arc::clone(crypto), next.limits) {
                    Ok(config) => endpoint.set_server_config(Some(config)),
                    Err(error) => tracing::error!(%error, "the limits of QUIC cannot be changed"),
                }
            }
        }
        self.of = next;
    }
}
