//! DNS over QUIC (RFC 9250): one query and its answers on each stream.
//!
//! 0-RTT is off: what is sent again costs us nothing, but it would be an exception to explain. While many handshakes are
//! under way, a client must first show that its address is its own (Retry, RFC 9000 section 8.1.2), which costs us no
//! reckoning and no memory.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;

use quinn::crypto::rustls::QuicServerConfig;
use quinn::{Endpoint, EndpointConfig, IdleTimeout, ReadToEndError, SendStream, TokioRuntime, VarInt};
use tokio::pin;
use tokio::sync::mpsc;
use tokio::time::{Duration, sleep, timeout};

use crate::model::encrypted::EncryptedLimits;
use crate::serve::encrypted::doq::{self, Code, Fault, LONGEST_STREAM};
use crate::serve::encrypted::entrance::{Answer, Entrance};
use crate::serve::encrypted::gate::{Pass, Stage};
use crate::serve::encrypted::listener::Opened;
use crate::serve::framing::{LENGTH, framed};

/// What is spoken.
pub(super) const PROTOCOLS: &[&[u8]] = &[b"doq"];

/// Octets of answers that one connection may have waiting for its client.
const UNSENT: u64 = 256 * 1024;
/// Octets of queries that one connection may have under way.
const UNREAD: u32 = 256 * 1024;
/// Messages of a transfer that may wait for the client.
const AHEAD: usize = 4;
/// Handshakes under way from which on addresses are validated first, as a part of all that may be.
const CALM: usize = 8;

/// What the streams and timers of a connection are limited to.
pub(super) fn config(
    crypto: Arc<rustls::ServerConfig>,
    limits: EncryptedLimits,
) -> io::Result<quinn::ServerConfig> {
    let crypto = QuicServerConfig::try_from(crypto).map_err(io::Error::other)?;
    let mut transport = quinn::TransportConfig::default();
    let idle = IdleTimeout::try_from(limits.idle).map_err(io::Error::other)?;
    transport
        .max_concurrent_bidi_streams(VarInt::from_u32(limits.streams))
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .max_idle_timeout(Some(idle))
        .stream_receive_window(VarInt::from_u32(LONGEST_STREAM as u32 + 1))
        .receive_window(VarInt::from_u32(UNREAD))
        .send_window(UNSENT)
        .datagram_receive_buffer_size(None);
    let mut config = quinn::ServerConfig::with_crypto(Arc::new(crypto));
    config.transport_config(Arc::new(transport));
    Ok(config)
}

/// An endpoint on `socket`; within a runtime.
pub(super) fn open(socket: UdpSocket, config: quinn::ServerConfig) -> io::Result<Endpoint> {
    Endpoint::new(
        EndpointConfig::default(),
        Some(config),
        socket,
        Arc::new(TokioRuntime),
    )
}

/// Accepts connections until the server stops.
pub(super) async fn accept(entrance: Arc<Entrance>, endpoint: Endpoint) {
    let front = &entrance.front;
    loop {
        let incoming = tokio::select! {
            biased;
            () = front.stop.cancelled() => break,
            incoming = endpoint.accept() => incoming,
        };
        let Some(incoming) = incoming else { return };
        if !incoming.remote_address_validated()
            && incoming.may_retry()
            && front.gate.handshakes() >= front.limits().handshakes.div_ceil(CALM)
        {
            // Errors are of those that were sent one before, which `may_retry` has told apart.
            let _ = incoming.retry();
            continue;
        }
        welcome(&entrance, incoming);
    }
    endpoint.close(code(Code::NoError), b"the server stops");
    endpoint.wait_idle().await;
}

fn welcome(entrance: &Arc<Entrance>, incoming: quinn::Incoming) {
    let peer = incoming.remote_address();
    let Some((handshake, evicted)) = entrance.front.gate.enter(Stage::Handshake, peer.ip()) else {
        entrance.count(|tally| tally.connections_refused += 1);
        incoming.refuse();
        return;
    };
    entrance.count(|tally| {
        tally.handshakes += 1;
        tally.handshakes_evicted += u64::from(evicted);
    });
    let connecting = match incoming.accept() {
        Ok(connecting) => connecting,
        Err(error) => {
            entrance.count(|tally| tally.handshakes_failed += 1);
            tracing::debug!(transport = "quic", %peer, %error, "no handshake");
            return;
        }
    };
    let entrance = Arc::clone(entrance);
    let tracker = entrance.front.tracker.clone();
    tracker.spawn(async move {
        let limit = entrance.front.limits().handshake;
        let shaken = tokio::select! {
            biased;
            // Counted by whoever needed the place.
            () = handshake.cut() => return,
            shaken = timeout(limit, connecting) => shaken,
        };
        drop(handshake);
        let Ok(Ok(connection)) = shaken else {
            entrance.count(|tally| tally.handshakes_failed += 1);
            tracing::debug!(transport = "quic", %peer, "no handshake");
            return;
        };
        let Some((pass, evicted)) = entrance.front.gate.enter(Stage::Connection, peer.ip()) else {
            entrance.count(|tally| tally.connections_refused += 1);
            connection.close(code(Code::ExcessiveLoad), b"too many connections");
            return;
        };
        let opened = Opened::count(&entrance, evicted);
        serve(&entrance, &connection, &Arc::new(pass)).await;
        drop(opened);
    });
}

/// Takes streams until the connection ends.
async fn serve(entrance: &Arc<Entrance>, connection: &quinn::Connection, pass: &Arc<Pass>) {
    let total: Duration = entrance.front.tcp.borrow().total;
    let old = sleep(total);
    pin!(old);
    loop {
        let stream = tokio::select! {
            biased;
            () = pass.cut() => {
                let (why, reason) = if entrance.front.stop.is_cancelled() {
                    (Code::NoError, &b"the server stops"[..])
                } else {
                    (Code::ExcessiveLoad, &b"others need the place"[..])
                };
                return connection.close(code(why), reason);
            }
            () = &mut old => return connection.close(code(Code::NoError), b"open for long enough"),
            stream = connection.accept_bi() => stream,
        };
        let Ok((send, receive)) = stream else { return };
        let (entrance, connection, pass) = (Arc::clone(entrance), connection.clone(), Arc::clone(pass));
        tokio::spawn(async move {
            if let Err(fault) = stream_of(&entrance, &connection, &pass, (send, receive)).await {
                entrance.count(|tally| tally.dropped += 1);
                tracing::debug!(transport = "quic", peer = %connection.remote_address(), %fault, "a client broke the rules");
                connection.close(code(Code::ProtocolError), fault.to_string().as_bytes());
            }
        });
    }
}

/// One query and its answers.
///
/// # Errors
/// What the client did wrong.
async fn stream_of(
    entrance: &Entrance,
    connection: &quinn::Connection,
    pass: &Pass,
    (mut send, mut receive): (SendStream, quinn::RecvStream),
) -> Result<(), Fault> {
    let limit = entrance.front.tcp.borrow().message;
    let stream = match timeout(limit, receive.read_to_end(LONGEST_STREAM)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(ReadToEndError::TooLong)) => return Err(Fault::Second),
        // The client does not want to know any more, or is gone.
        Ok(Err(ReadToEndError::Read(_))) => {
            let _ = send.reset(code(Code::NoError));
            return Ok(());
        }
        Err(_) => return Err(Fault::NoFin),
    };
    let query = doq::message(&stream)?;
    let peer = connection.remote_address();
    match entrance.answer(query, peer.ip(), LENGTH) {
        Answer::Nothing => {
            let _ = send.reset(code(Code::ProtocolError));
        }
        Answer::Message(mut message) => {
            let length = u16::try_from(message.len().saturating_sub(LENGTH)).unwrap_or(u16::MAX);
            if let Some(place) = message.first_chunk_mut::<LENGTH>() {
                *place = length.to_be_bytes();
            }
            let whole = taken(&mut send, &message, limit).await;
            end(&mut send, whole);
        }
        Answer::Transaction => {
            pass.progressed(true);
            let whole = transact(entrance, pass, query.to_vec(), peer, &mut send).await;
            end(&mut send, whole);
        }
    }
    pass.progressed(false);
    Ok(())
}

/// Runs a transaction; its messages go out as the client takes them. Whether all did.
async fn transact(
    entrance: &Entrance,
    pass: &Pass,
    query: Vec<u8>,
    peer: SocketAddr,
    send: &mut SendStream,
) -> bool {
    let (sink, mut messages) = mpsc::channel::<Vec<u8>>(AHEAD);
    let limit = entrance.front.tcp.borrow().message;
    let transactions = &entrance.front.transactions;
    let handling = transactions.handle(query, peer, entrance.transport, sink);
    let forwarding = async move {
        while let Some(message) = messages.recv().await {
            let Some(octets) = framed(&message) else {
                return false;
            };
            if !taken(send, &octets, limit).await {
                return false;
            }
            pass.progressed(true);
        }
        true
    };
    let (whole, forwarded) = tokio::join!(handling, forwarding);
    whole && forwarded
}

/// Whether the client took `octets` in time.
async fn taken(send: &mut SendStream, octets: &[u8], limit: Duration) -> bool {
    matches!(timeout(limit, send.write_all(octets)).await, Ok(Ok(())))
}

/// Ends a stream: with STREAM FIN, or so that nobody takes a part for the whole. Errors are the client's: it is gone,
/// or does not want to know any more.
fn end(send: &mut SendStream, whole: bool) {
    if whole {
        let _ = send.finish();
    } else {
        let _ = send.reset(code(Code::InternalError));
    }
}

fn code(code: Code) -> VarInt {
    VarInt::from_u32(code as u32)
}
