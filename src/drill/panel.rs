//! A panel of clients that ask this server over real UDP while a failover is rehearsed.
//!
//! *Fresh* clients ask again and again, as those do that keep nothing: they see when the answer changes. *Caches* ask when
//! the TTL is over; *floors* keep every answer for half a minute at least, as resolvers do that do not honour TTLs. A cache
//! that has just been filled is the worst there is, one about to ask the best: the first answers of a kind's clients are
//! taken for having come at moments spread evenly over their time.

use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query};
use hickory_proto::rr::{Name, RData, RecordType};
use serde::{Deserialize, Serialize};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::model::time::Moment;

/// Fresh clients of each type.
const FRESH: u32 = 4;
/// Between two questions of one fresh client; they take turns, so that the server is asked every 10 ms.
const EVERY: Duration = Duration::from_millis(40);
/// Caches of each kind and type.
const CACHES: u32 = 25;
/// How long a resolver keeps an answer that does not honour TTLs.
pub const FLOOR: Duration = Duration::from_secs(30);
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(1);
/// How soon a cache that got no answer asks again.
const AGAIN: Duration = Duration::from_millis(200);
/// How long the first answers may take in all.
const WARM_UP: Duration = Duration::from_secs(3);
/// Changes of one client's answers that are kept: more than a drill has.
const KEPT: usize = 20_000;

/// How a client asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Again and again.
    Fresh,
    /// When the TTL is over.
    Cache,
    /// When the TTL and half a minute are over.
    Floor,
}

/// An answer; of a fresh client, the same one several times in a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Addresses, or `CNAME lb.example.net`, sorted.
    pub answers: Vec<String>,
    /// When it came first.
    pub first: Moment,
    /// When it came last.
    pub last: Moment,
    /// Until when the client goes by it without asking.
    pub until: Moment,
}

/// One client and what it heard.
#[derive(Clone, Debug)]
pub struct Client {
    /// How it asks.
    pub kind: Kind,
    /// `A`, `AAAA`.
    pub rtype: &'static str,
    /// In the order of time.
    pub heard: Vec<Heard>,
    /// Questions.
    pub asked: u64,
    /// Questions without an answer.
    pub lost: u64,
}

/// The clients at work.
#[derive(Debug)]
pub struct Panel {
    clients: JoinSet<Client>,
    ready: mpsc::Receiver<()>,
    stop: CancellationToken,
}

impl Panel {
    /// Lets clients ask `server` for the types `a` and `aaaa` of `owner`.
    ///
    /// # Errors
    /// When there is no socket to be had, or `owner` is no name.
    pub async fn open(
        server: SocketAddr,
        owner: &str,
        [a, aaaa]: [bool; 2],
        clock: Arc<dyn Clock>,
    ) -> anyhow::Result<Self> {
        let mut owner = Name::from_str(owner)?;
        owner.set_fqdn(true);
        let (is_ready, ready) = mpsc::channel(1024);
        let stop = CancellationToken::new();
        let mut clients = JoinSet::new();
        let types = [(a, "A", RecordType::A), (aaaa, "AAAA", RecordType::AAAA)];
        for (_, called, rtype) in types.into_iter().filter(|(wanted, ..)| *wanted) {
            for (kind, count) in [(Kind::Fresh, FRESH), (Kind::Cache, CACHES), (Kind::Floor, CACHES)] {
                for nth in 0..count {
                    let any = if server.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
                    let socket = UdpSocket::bind(any).await?;
                    socket.connect(server).await?;
                    let asking = Asking {
                        client: Client {
                            kind,
                            rtype: called,
                            heard: Vec::new(),
                            asked: 0,
                            lost: 0,
                        },
                        question: Query::query(owner.clone(), rtype),
                        socket,
                        clock: Arc::clone(&clock),
                        id: socket_id(nth),
                        share: f64::from(nth + 1) / f64::from(count),
                        ready: Some(is_ready.clone()),
                    };
                    clients.spawn(asking.until(stop.clone()));
                }
            }
        }
        Ok(Self { clients, ready, stop })
    }

    /// Waits until every client has its first answer, or has given it up; whether they all were there in time.
    pub async fn warmed_up(&mut self) -> bool {
        let count = self.clients.len();
        let all = async {
            for _ in 0..count {
                if self.ready.recv().await.is_none() {
                    return;
                }
            }
        };
        tokio::time::timeout(WARM_UP, all).await.is_ok()
    }

    /// Sends the clients home and hears what they heard.
    pub async fn close(mut self) -> Vec<Client> {
        self.stop.cancel();
        let mut all = Vec::new();
        while let Some(ended) = self.clients.join_next().await {
            // One that broke off has nothing to tell.
            all.extend(ended);
        }
        all.sort_by_key(|client| (client.rtype, client.kind));
        all
    }
}

/// Any number will do to begin with: sockets of a panel are connected, and nobody else's answers reach them.
fn socket_id(nth: u32) -> u16 {
    u16::try_from(nth % 60_000).unwrap_or(0).wrapping_mul(257)
}

struct Asking {
    client: Client,
    question: Query,
    socket: UdpSocket,
    clock: Arc<dyn Clock>,
    id: u16,
    /// Which part of its time the first answer is still good for; of a fresh client: when its turn is.
    share: f64,
    ready: Option<mpsc::Sender<()>>,
}

impl Asking {
    async fn until(mut self, stop: CancellationToken) -> Client {
        if self.client.kind == Kind::Fresh {
            tokio::time::sleep(EVERY.mul_f64(self.share)).await;
        }
        let mut turns = tokio::time::interval(EVERY);
        turns.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let wait = self.ask().await;
            if let Some(ready) = self.ready.take() {
                // The panel may have been closed.
                let _ = ready.send(()).await;
            }
            let next = async {
                match self.client.kind {
                    Kind::Fresh => {
                        turns.tick().await;
                    }
                    Kind::Cache | Kind::Floor => tokio::time::sleep(wait).await,
                }
            };
            tokio::select! {
                biased;
                () = stop.cancelled() => return self.client,
                () = next => {}
            }
        }
    }

    /// One question; for how long its answer will do.
    async fn ask(&mut self) -> Duration {
        let first = self.client.heard.is_empty();
        self.client.asked += 1;
        self.id = self.id.wrapping_add(1);
        let answer = tokio::time::timeout(PATIENCE, exchange(&self.socket, self.id, &self.question)).await;
        let now = self.clock.now().moment;
        let Ok(Some((answers, ttl))) = answer else {
            self.client.lost += 1;
            return AGAIN;
        };
        let mut keeps = match self.client.kind {
            Kind::Fresh => Duration::ZERO,
            Kind::Cache => ttl,
            Kind::Floor => ttl.max(FLOOR),
        };
        if first {
            keeps = keeps.mul_f64(self.share);
        }
        let until = now.after(keeps);
        let full = self.client.heard.len() >= KEPT;
        let fresh = self.client.kind == Kind::Fresh;
        match self.client.heard.last_mut() {
            Some(last) if fresh && last.answers == answers => (last.last, last.until) = (now, until),
            _ if full => {}
            _ => self.client.heard.push(Heard {
                answers,
                first: now,
                last: now,
                until,
            }),
        }
        keeps
    }
}

/// Asks and waits for the answer to this very question: what it says, and for how long.
async fn exchange(socket: &UdpSocket, id: u16, question: &Query) -> Option<(Vec<String>, Duration)> {
    let mut message = Message::new(id, MessageType::Query, OpCode::Query);
    message.add_query(question.clone());
    message.edns = Some(Edns::new());
    socket.send(&message.to_vec().ok()?).await.ok()?;
    let mut octets = vec![0; 4096];
    loop {
        let length = socket.recv(&mut octets).await.ok()?;
        // A late answer to an earlier question is no answer to this one.
        let Ok(message) = Message::from_vec(octets.get(..length)?) else {
            continue;
        };
        if message.metadata.id == id {
            return Some(said(&message));
        }
    }
}

fn said(message: &Message) -> (Vec<String>, Duration) {
    let mut answers: Vec<String> = message
        .answers
        .iter()
        .filter_map(|record| match &record.data {
            RData::CNAME(name) => Some(format!("CNAME {}", name.0.to_string().trim_end_matches('.'))),
            RData::A(address) => Some(address.to_string()),
            RData::AAAA(address) => Some(address.to_string()),
            _ => None,
        })
        .collect();
    answers.sort_unstable();
    let ttl = message.answers.iter().map(|record| record.ttl).min();
    // What is not there is asked for again soon.
    (answers, Duration::from_secs(u64::from(ttl.unwrap_or(1))))
}
