//! TCP connections that begin with a handshake: accepted, limited in number and time, and handed to DNS over TLS or
//! HTTPS.
//!
//! A client that sends nothing, or half a greeting, costs a place among the handshakes and no reckoning. The reckoning is
//! done when the greeting is whole, by so many threads at a time that one is left for the connections that stand.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

use crate::answer::snapshot::Transport;
use crate::serve::encrypted::entrance::{Entrance, name};
use crate::serve::encrypted::gate::Stage;
use crate::serve::encrypted::https;
use crate::serve::encrypted::stream::{Connection, Ending};

/// Breath after file descriptors or memory ran out and nobody could be sent away.
const SHORTAGE: Duration = Duration::from_millis(20);
/// Time for the connections that were to make room to close.
const ROOM_MADE: Duration = Duration::from_millis(1);
/// Shortages are logged this often at the most.
const REMIND: Duration = Duration::from_secs(10);

/// Accepts connections until the server stops.
pub(super) async fn accept(entrance: Arc<Entrance>, listener: TcpListener, config: Arc<ServerConfig>) {
    let front = &entrance.front;
    let mut reminded: Option<Instant> = None;
    loop {
        let accepted = tokio::select! {
            biased;
            () = front.stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let error = match accepted {
            Ok((stream, peer)) => {
                welcome(&entrance, stream, peer, &config);
                continue;
            }
            Err(error) => error,
        };
        entrance.count(|tally| tally.accept_errors += 1);
        if !is_shortage(&error) {
            // The client was gone before we came: its trouble alone.
            tokio::task::yield_now().await;
            continue;
        }
        let now = Instant::now();
        if reminded.is_none_or(|last| now.duration_since(last) >= REMIND) {
            reminded = Some(now);
            tracing::warn!(%error, "out of file descriptors or memory: idle encrypted connections are closed; \
                raise LimitNOFILE or lower `[dns.encrypted] connections`");
        }
        let made = front.gate.make_room();
        entrance.count(|tally| tally.connections_evicted += made);
        tokio::select! {
            () = front.stop.cancelled() => return,
            () = sleep(if made > 0 { ROOM_MADE } else { SHORTAGE }) => {}
        }
    }
}

fn welcome(entrance: &Arc<Entrance>, stream: TcpStream, peer: SocketAddr, config: &Arc<ServerConfig>) {
    let Some((handshake, evicted)) = entrance.front.gate.enter(Stage::Handshake, peer.ip()) else {
        entrance.count(|tally| tally.connections_refused += 1);
        return;
    };
    entrance.count(|tally| {
        tally.handshakes += 1;
        tally.handshakes_evicted += u64::from(evicted);
    });
    // Answers that wait for the client's acknowledgement of the last ones cost 40 ms each.
    let _ = stream.set_nodelay(true);
    let (entrance, config) = (Arc::clone(entrance), Arc::clone(config));
    let tracker = entrance.front.tracker.clone();
    tracker.spawn(async move {
        let limit = entrance.front.limits().handshake;
        let shaken = tokio::select! {
            biased;
            // Counted by whoever needed the place.
            () = handshake.cut() => return,
            shaken = timeout(limit, shake(&entrance, stream, config)) => shaken,
        };
        drop(handshake);
        match shaken {
            Ok(Ok(stream)) => serve(&entrance, stream, peer).await,
            failed => {
                entrance.count(|tally| tally.handshakes_failed += 1);
                let reason = match failed {
                    Ok(Err(error)) => error.to_string(),
                    _ => "not in time".to_owned(),
                };
                tracing::debug!(transport = name(entrance.transport), %peer, reason, "no handshake");
            }
        }
    });
}

async fn shake(
    entrance: &Entrance,
    stream: TcpStream,
    config: Arc<ServerConfig>,
) -> io::Result<TlsStream<TcpStream>> {
    let greeted = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), stream).await?;
    let mut shaking = pin!(greeted.into_stream(config));
    // The greeting is here: the first poll agrees on keys and signs.
    let first = {
        let _turn = entrance.front.turns.acquire().await;
        poll_fn(|context| Poll::Ready(shaking.as_mut().poll(context))).await
    };
    match first {
        Poll::Ready(shaken) => shaken,
        Poll::Pending => shaking.await,
    }
}

async fn serve(entrance: &Arc<Entrance>, stream: TlsStream<TcpStream>, peer: SocketAddr) {
    let Some((pass, evicted)) = entrance.front.gate.enter(Stage::Connection, peer.ip()) else {
        entrance.count(|tally| tally.connections_refused += 1);
        return;
    };
    let opened = Opened::count(entrance, evicted);
    if entrance.transport == Transport::Https {
        https::serve(entrance, stream, peer, pass).await;
    } else if Connection::new(stream, peer, entrance, &pass).serve().await == Ending::Stalled {
        entrance.count(|tally| tally.connections_stalled += 1);
    }
    drop(opened);
}

/// A connection that is counted as open until this is dropped.
pub(super) struct Opened(Arc<Entrance>);

impl Opened {
    /// Counts one, and whom it drove out.
    pub(super) fn count(entrance: &Arc<Entrance>, evicted: bool) -> Self {
        entrance.count(|tally| {
            tally.connections += 1;
            tally.connections_evicted += u64::from(evicted);
        });
        Self(Arc::clone(entrance))
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        self.0.count(|tally| tally.connections_ended += 1);
    }
}

fn is_shortage(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM)
    )
}
