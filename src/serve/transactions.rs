//! What is more than one question and one answer: AXFR and IXFR (RFC 5936, 1995), NOTIFY (RFC 1996), UPDATE (RFC
//! 2136), and whatever is signed (TSIG, RFC 8945).
//!
//! A signature is verified before anything is looked at, and every answer to a signed query is signed. Zones go out
//! through hickory's [`RequestHandler`]; an ordinary query that is signed is answered by the engine, like any other.
//! We are the primary: there is nobody to notify us, and updates come from the operator's files alone.

pub mod handler;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use hickory_server::net::NetError;
use hickory_server::net::runtime::TokioTime;
use hickory_server::net::xfer::Protocol;
use hickory_server::proto::rr::Record;
use hickory_server::proto::serialize::binary::BinEncoder;
use hickory_server::server::{Request, RequestHandler, ResponseHandler, ResponseInfo};
use hickory_server::zone_handler::MessageResponse;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::answer::published::Published;
use crate::answer::snapshot::{Ask, Client, Outcome, Scratch, Snapshot, Transport};
use crate::clock::{Clock, SystemClock};
use crate::serve::dice::Dice;
use crate::serve::quotas::Quotas;
use crate::serve::transactions::handler::Handler;
use crate::serve::tsig::layout::{Layout, Malformed};
use crate::serve::tsig::{Fault, Signer};
use crate::serve::udp::Datagram;

const HEADER: usize = 12;
/// Bits of the header's third octet.
const AA: u8 = 0x04;
const TC: u8 = 0x02;
const FORMERR: u8 = 1;
const NOTIMP: u8 = 4;
const REFUSED: u8 = 5;
const NOTAUTH: u8 = 9;
const QUERY: u8 = 0;
const NOTIFY: u8 = 4;
const UPDATE: u8 = 5;
const AXFR: u16 = 252;
const IXFR: u16 = 251;
/// Our EDNS payload size (DNS flag day 2020).
pub(in crate::serve) const PAYLOAD: u16 = 1232;

/// Answers transactions.
#[derive(Clone, Debug)]
pub struct Transactions {
    published: Arc<Published>,
    clock: SystemClock,
    seldom: Arc<Seldom>,
    quotas: Arc<Quotas>,
}

/// Lets one message a second into the log, where anybody can cause as many as they like.
#[derive(Debug, Default)]
struct Seldom(AtomicU64);

impl Seldom {
    /// Whether this is the first time in second `now`.
    fn may(&self, now: u64) -> bool {
        self.0.swap(now, Ordering::Relaxed) != now
    }
}

impl Transactions {
    /// Answers from `published`.
    #[must_use]
    pub fn new(published: Arc<Published>, clock: SystemClock) -> Self {
        Self {
            published,
            clock,
            seldom: Arc::default(),
            quotas: Arc::default(),
        }
    }

    /// Answers those that come by UDP, one after another, until told to stop.
    pub async fn serve_datagrams(self, mut datagrams: mpsc::Receiver<Datagram>, stop: CancellationToken) {
        loop {
            let mut datagram = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                datagram = datagrams.recv() => match datagram {
                    Some(datagram) => datagram,
                    None => return,
                },
            };
            let (sink, mut messages) = mpsc::channel(1);
            let (this, peer) = (self.clone(), datagram.path.peer());
            let query = std::mem::take(&mut datagram.query);
            // A task of its own, so that a panic ends it alone.
            let handled = tokio::spawn(async move { this.handle(query, peer, Transport::Udp, sink).await });
            while let Some(message) = messages.recv().await {
                if let Err(error) = datagram.path.send(&datagram.socket, &message) {
                    tracing::debug!(%peer, %error, "an answer was not sent");
                }
            }
            if let Err(error) = handled.await {
                tracing::error!(%peer, %error, "a transaction failed; please report it");
            }
        }
    }

    /// Answers `query` of `peer` with messages to `sink`, which are one by UDP. False when the answer was broken off:
    /// the connection must then be closed.
    pub async fn handle(
        &self,
        query: Vec<u8>,
        peer: SocketAddr,
        transport: Transport,
        sink: mpsc::Sender<Vec<u8>>,
    ) -> bool {
        let Some(header) = query.first_chunk::<HEADER>().copied() else {
            return true;
        };
        if header[2] & 0x80 != 0 {
            return true;
        }
        let snapshot = self.published.load_full();
        let mut out = WireSink {
            out: sink,
            signer: None,
            clock: self.clock,
            limit: usize::from(u16::MAX),
        };
        let layout = match Layout::of(&query) {
            Err(Malformed) => return out.send(bare(&query, None, FORMERR)).await,
            Ok(layout) => layout,
        };
        if transport.is_datagram() {
            out.limit = usize::from(layout.payload.unwrap_or(512).clamp(512, PAYLOAD));
        }
        let mut key = None;
        let mut stripped = None;
        if let Some(signature) = &layout.signature {
            let now = self.clock.now().wall.secs();
            if !self.quotas.may_verify(peer.ip(), snapshot.quotas(), now) {
                return out.send(bare(&query, Some(&layout), REFUSED)).await;
            }
            match signature.verify(&query, snapshot.keys(), now) {
                Err(Fault::Malformed) => return out.send(bare(&query, Some(&layout), FORMERR)).await,
                Err(Fault::Flawed(flaw, key)) => {
                    if self.seldom.may(now) {
                        tracing::info!(%peer, key = %signature.key, ?flaw, "a signature does not hold");
                    }
                    out.sign(Signer::flawed(signature, flaw, key, now));
                    return out.send(bare(&query, Some(&layout), NOTAUTH)).await;
                }
                Ok(known) => {
                    key = Some(known.name.clone());
                    out.sign(Signer::new(signature, known));
                    stripped = Some(signature.strip(&query));
                }
            }
        }
        let opcode = header[2] >> 3 & 15;
        if !matches!(opcode, QUERY | NOTIFY | UPDATE) {
            return out.send(bare(&query, Some(&layout), NOTIMP)).await;
        }
        let is_transfer = layout
            .question
            .is_some_and(|(qtype, _)| matches!(qtype, AXFR | IXFR));
        if opcode == QUERY && !is_transfer {
            let plain = stripped.unwrap_or(query);
            let client = Client {
                address: peer.ip().to_canonical(),
                transport,
            };
            return self.answer(&snapshot, &plain, client, &layout, &out).await;
        }
        if u16::from_be_bytes([header[4], header[5]]) != 1 {
            return out.send(bare(&query, None, FORMERR)).await;
        }
        if is_transfer && transport == Transport::Https {
            // An answer over HTTPS is one message.
            return out.send(bare(&query, Some(&layout), REFUSED)).await;
        }
        let protocol = match transport {
            Transport::Udp => Protocol::Udp,
            // What carries the stream does not matter to transfers.
            Transport::Tcp | Transport::Tls | Transport::Quic | Transport::Https => Protocol::Tcp,
        };
        let unreadable = bare(&query, Some(&layout), FORMERR);
        let Ok(request) = Request::from_bytes(query, peer, protocol) else {
            return out.send(unreadable).await;
        };
        let handler = Handler::new(snapshot, self.clock.now().moment, peer.ip(), key, out.overhead())
            .within(Arc::clone(&self.quotas));
        handler.handle_request::<_, TokioTime>(&request, out).await;
        if let Some((zone, rcode)) = handler.refused()
            && self.seldom.may(self.clock.now().wall.secs())
        {
            tracing::info!(%peer, zone, %rcode, "a transfer, NOTIFY or UPDATE was refused");
        }
        !handler.broke_off()
    }

    /// Has the engine answer what is an ordinary query but for its signature.
    async fn answer(
        &self,
        snapshot: &Snapshot,
        query: &[u8],
        client: Client,
        layout: &Layout,
        out: &WireSink,
    ) -> bool {
        let mut octets = vec![0; usize::from(u16::MAX)];
        let now = self.clock.now();
        let ask = Ask {
            query,
            client,
            now: now.moment,
            wall: now.wall,
            dice: Dice::from_system().roll(),
        };
        let Outcome::Reply { len, .. } = snapshot.answer(&ask, &mut Scratch::default(), &mut octets) else {
            return true;
        };
        octets.truncate(len);
        if octets.len() + out.overhead() > out.limit {
            // No room for the signature: the question alone, cut short (RFC 8945 section 5.3).
            let flags = octets
                .first_chunk::<4>()
                .map_or([0; 2], |[_, _, high, low]| [*high, *low]);
            octets = bare(query, Some(layout), flags[1] & 0x0f);
            if let Some(high) = octets.get_mut(2) {
                *high |= flags[0] & AA | TC;
            }
        }
        out.send(octets).await
    }
}

/// The header of `query` as an answer with `rcode`, its question when that could be read, OPT when it has one.
fn bare(query: &[u8], layout: Option<&Layout>, rcode: u8) -> Vec<u8> {
    let end = layout.map_or(HEADER, |layout| layout.question_end);
    let mut answer = query.get(..end).unwrap_or(&[]).to_vec();
    if let Some([_, _, high, low, ..]) = answer.first_chunk_mut::<HEADER>() {
        *high = *high & 0x79 | 0x80;
        *low = *low & 0x10 | rcode;
    }
    let from = if end > HEADER { 6 } else { 4 };
    if let Some(counts) = answer.get_mut(from..HEADER) {
        counts.fill(0);
    }
    if layout.is_some_and(|layout| layout.payload.is_some()) {
        let [high, low] = PAYLOAD.to_be_bytes();
        answer.extend_from_slice(&[0, 0, 41, high, low, 0, 0, 0, 0, 0, 0]);
        if let Some(additionals) = answer.get_mut(11) {
            *additionals = 1;
        }
    }
    answer
}

/// Takes hickory's responses, and sends their octets, signed when the query was. Bounded: a slow reader of a transfer
/// holds its maker up.
#[derive(Clone, Debug)]
struct WireSink {
    out: mpsc::Sender<Vec<u8>>,
    signer: Option<Arc<Mutex<Signer>>>,
    clock: SystemClock,
    limit: usize,
}

impl WireSink {
    fn sign(&mut self, signer: Signer) {
        self.signer = Some(Arc::new(Mutex::new(signer)));
    }

    /// Octets that a signature takes.
    fn overhead(&self) -> usize {
        let signer = self.signer.as_ref();
        signer.map_or(0, |signer| {
            signer.lock().unwrap_or_else(PoisonError::into_inner).overhead()
        })
    }

    /// False when nobody listens any more.
    async fn send(&self, mut message: Vec<u8>) -> bool {
        let overhead = self.overhead();
        if message.len() + overhead > self.limit {
            // Names of 255 octets: not even the question and the signature fit. The client comes back over TCP.
            message.truncate(HEADER);
            if let Some([_, _, high, _, counts @ ..]) = message.first_chunk_mut::<HEADER>() {
                *high |= TC;
                counts.fill(0);
            }
        }
        if let Some(signer) = self
            .signer
            .as_ref()
            .filter(|_| message.len() + overhead <= self.limit)
        {
            let now = self.clock.now().wall.secs();
            signer
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .sign(&mut message, now);
        }
        self.out.send(message).await.is_ok()
    }
}

#[async_trait]
impl ResponseHandler for WireSink {
    async fn send_response<'a>(
        &mut self,
        response: MessageResponse<
            '_,
            'a,
            impl Iterator<Item = &'a Record> + Send + 'a,
            impl Iterator<Item = &'a Record> + Send + 'a,
            impl Iterator<Item = &'a Record> + Send + 'a,
            impl Iterator<Item = &'a Record> + Send + 'a,
        >,
    ) -> Result<ResponseInfo, NetError> {
        let mut octets = Vec::with_capacity(512);
        let info = {
            let mut encoder = BinEncoder::new(&mut octets);
            let limit = self.limit.saturating_sub(self.overhead());
            encoder.set_max_size(u16::try_from(limit).unwrap_or(u16::MAX));
            response.destructive_emit(&mut encoder)?
        };
        if self.send(octets).await {
            Ok(info)
        } else {
            Err(NetError::from("the peer is gone"))
        }
    }
}
