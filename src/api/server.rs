//! The API's listener: connections in a limited number, each cut when its client is slow in either direction.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{Instant, Sleep, sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower_service::Service;

use crate::api::guard::Peer;
use crate::api::tls;
use crate::model::access::ApiAccess;
use crate::tls::{Shown, server};

/// Connections at once.
const CONNECTIONS: usize = 512;
/// Of these from one address: a proxy or a room of dashboards has tens.
const PER_ADDRESS: usize = 256;
/// How long the head of a request may take, and how long a connection may be idle.
const HEAD: Duration = Duration::from_secs(10);
/// How long the handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long a client may take no octet of an answer.
const UNREAD: Duration = Duration::from_secs(20);
/// Octets of the largest head.
const LARGEST_HEAD: usize = 32 * 1024;
/// What is spoken over TLS.
const PROTOCOLS: &[&[u8]] = &[b"http/1.1"];
/// How long requests may go on when the server stops.
const GOODBYE: Duration = Duration::from_secs(3);

/// What is served, and to whom.
#[derive(Clone, Debug)]
pub struct Server {
    /// The routes.
    pub router: Router,
    /// Who may use them, and by which certificates.
    pub access: watch::Receiver<Arc<ApiAccess>>,
    /// Ends it.
    pub stop: CancellationToken,
}

impl Server {
    /// Accepts connections until it is stopped; then waits for the requests under way.
    pub async fn run(self, listener: TcpListener) {
        let (counts, connections) = (Arc::new(Counts::default()), TaskTracker::new());
        let mut access = self.access.clone();
        let mut acceptor = Acceptor::new(&access.borrow_and_update());
        loop {
            let accepted = tokio::select! {
                () = self.stop.cancelled() => break,
                accepted = listener.accept() => accepted,
            };
            let (stream, address) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(target: "pointsman::api", %error, "cannot accept a connection");
                    // Most likely no descriptors are left: some will be.
                    sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            let Some(place) = Counts::enter(&counts, address.ip()) else {
                tracing::debug!(target: "pointsman::api", %address, "too many connections");
                continue;
            };
            if access.has_changed().unwrap_or(false) {
                acceptor = acceptor.next(&access.borrow_and_update());
            }
            let (server, acceptor) = (self.clone(), acceptor.tls.clone());
            connections.spawn(async move {
                server.connection(stream, address, acceptor).await;
                drop(place);
            });
        }
        connections.close();
        // Whoever is slower than this is cut by the end of the runtime.
        let _ = timeout(GOODBYE + Duration::from_secs(1), connections.wait()).await;
    }

    async fn connection(self, stream: TcpStream, address: SocketAddr, acceptor: Option<TlsAcceptor>) {
        let _ = stream.set_nodelay(true);
        let stream = Patient::new(stream);
        let Some(acceptor) = acceptor else {
            let peer = Peer {
                address,
                names: Vec::new(),
            };
            return self.serve(stream, peer).await;
        };
        match timeout(HANDSHAKE, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => {
                let shown = stream.get_ref().1.peer_certificates();
                let names = shown.and_then(|chain| chain.first());
                let names = names
                    .map(|certificate| tls::names(certificate))
                    .unwrap_or_default();
                self.serve(stream, Peer { address, names }).await;
            }
            Ok(Err(error)) => {
                tracing::debug!(target: "pointsman::api", %address, %error, "no handshake");
            }
            Err(_) => tracing::debug!(target: "pointsman::api", %address, "no handshake in time"),
        }
    }

    async fn serve(self, stream: impl AsyncRead + AsyncWrite + Unpin, peer: Peer) {
        let (router, address) = (self.router, peer.address);
        let service = service_fn(move |mut request: hyper::Request<Incoming>| {
            request.extensions_mut().insert(peer.clone());
            router.clone().call(request.map(Body::new))
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD)
            .max_buf_size(LARGEST_HEAD)
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = std::pin::pin!(connection);
        let served = tokio::select! {
            served = connection.as_mut() => served,
            () = self.stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                match timeout(GOODBYE, connection).await {
                    Ok(served) => served,
                    Err(_) => return,
                }
            }
        };
        if let Err(error) = served {
            tracing::debug!(target: "pointsman::api", %address, %error, "a connection broke off");
        }
    }
}

/// What the next connections are accepted with.
struct Acceptor {
    of: Arc<ApiAccess>,
    tls: Option<TlsAcceptor>,
}

impl Acceptor {
    fn new(access: &Arc<ApiAccess>) -> Self {
        let tls = access.tls.as_ref().map(|wanted| {
            let shown = Shown::nothing();
            let config = shown
                .show(&wanted.identity)
                .and_then(|()| server(Arc::clone(&shown), &wanted.client_ca, PROTOCOLS));
            config.unwrap_or_else(|error| {
                tracing::error!(target: "pointsman::api", %error, "the certificates cannot be used; nobody can connect");
                // Not plain HTTP where TLS was asked for: a configuration without a certificate fails each handshake.
                rustls::ServerConfig::builder()
                    .with_no_client_auth()
                    .with_cert_resolver(Shown::nothing())
            })
        });
        Self {
            of: Arc::clone(access),
            tls: tls.map(|config| TlsAcceptor::from(Arc::new(config))),
        }
    }

    /// After a reload: made anew only when it differs, so that sessions may be resumed.
    fn next(self, access: &Arc<ApiAccess>) -> Self {
        if self.of.tls == access.tls {
            return self;
        }
        tracing::info!(target: "pointsman::api", "new certificates in force");
        Self::new(access)
    }
}

/// Open connections.
#[derive(Debug, Default)]
struct Counts(Mutex<HashMap<IpAddr, usize>>);

impl Counts {
    fn enter(counts: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let mut open = counts.0.lock().unwrap_or_else(PoisonError::into_inner);
        if open.values().sum::<usize>() >= CONNECTIONS {
            return None;
        }
        let own = open.entry(address).or_default();
        if *own >= PER_ADDRESS {
            return None;
        }
        *own += 1;
        Some(Place {
            counts: Arc::clone(counts),
            address,
        })
    }
}

/// A connection's place; given back when dropped.
struct Place {
    counts: Arc<Counts>,
    address: IpAddr,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.counts.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = open.get_mut(&self.address) {
            *own = own.saturating_sub(1);
            if *own == 0 {
                open.remove(&self.address);
            }
        }
    }
}

/// A stream that fails when its client takes nothing for [`UNREAD`].
struct Patient {
    stream: TcpStream,
    /// Since when a write waits, and until when it may.
    waits: Option<Pin<Box<Sleep>>>,
}

impl Patient {
    fn new(stream: TcpStream) -> Self {
        Self { stream, waits: None }
    }

    /// Fails when a write that is pending has been so for too long.
    fn judge<T>(&mut self, context: &mut Context<'_>, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.waits = None;
            return polled;
        }
        let deadline = Instant::now() + UNREAD;
        let waits = self
            .waits
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        match waits.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl AsyncRead for Patient {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Patient {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(context, octets);
        self.judge(context, polled)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_flush(context);
        self.judge(context, polled)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
