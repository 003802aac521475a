//! One encrypted transport's way to the engine: what it counts, and an answer for each message.

use std::cell::RefCell;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::answer::published::Published;
use crate::answer::snapshot::{Ask, Client, Outcome, Scratch, Transport};
use crate::clock::{Clock, SystemClock};
use crate::model::encrypted::{Encrypted, EncryptedLimits};
use crate::model::plan::TcpSettings;
use crate::serve::counters::{Cell, Counters, Tally};
use crate::serve::dice::Dice;
use crate::serve::encrypted::gate::Gate;
use crate::serve::transactions::Transactions;

/// Cells for what is counted by connections, so that threads of the runtime seldom meet at one.
const CELLS: usize = 8;

/// What all encrypted transports share.
#[derive(Debug)]
pub(super) struct Front {
    pub(super) published: Arc<Published>,
    pub(super) clock: SystemClock,
    pub(super) transactions: Transactions,
    /// For what holds for TCP as well: lifetimes, and patience with messages.
    pub(super) tcp: watch::Receiver<TcpSettings>,
    pub(super) settings: watch::Receiver<Arc<Encrypted>>,
    pub(super) gate: Arc<Gate>,
    /// How many threads may reckon for handshakes at once; one is left for those whose handshakes are done.
    pub(super) turns: Semaphore,
    pub(super) stop: CancellationToken,
    pub(super) tracker: TaskTracker,
}

impl Front {
    pub(super) fn limits(&self) -> EncryptedLimits {
        self.settings.borrow().limits
    }
}

/// One transport.
#[derive(Debug)]
pub(super) struct Entrance {
    pub(super) front: Arc<Front>,
    pub(super) transport: Transport,
    cells: Box<[Arc<Cell>]>,
}

/// What becomes of one message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// This.
    Message(Vec<u8>),
    /// It is for [`Transactions`].
    Transaction,
    /// Nothing is answered: it is no query.
    Nothing,
}

/// What a thread needs to answer.
struct Desk {
    out: Box<[u8]>,
    scratch: Scratch,
    dice: Dice,
    tally: Tally,
    seat: usize,
}

/// Numbers the threads that answer.
static SEATS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static DESK: RefCell<Desk> = RefCell::new(Desk {
        out: vec![0; usize::from(u16::MAX)].into_boxed_slice(),
        scratch: Scratch::watching(),
        dice: Dice::from_system(),
        tally: Tally::default(),
        seat: SEATS.fetch_add(1, Ordering::Relaxed),
    });
}

impl Entrance {
    pub(super) fn new(front: &Arc<Front>, transport: Transport, counters: &Counters) -> Arc<Self> {
        let name = name(transport);
        Arc::new(Self {
            front: Arc::clone(front),
            transport,
            cells: (0..CELLS).map(|_| counters.cell(name)).collect(),
        })
    }

    /// The cell of the thread with this seat.
    pub(super) fn cell(&self, seat: usize) -> Option<&Cell> {
        self.cells.get(seat % CELLS).map(|cell| &**cell)
    }

    /// Counts something seldom.
    pub(super) fn count(&self, what: impl FnOnce(&mut Tally)) {
        let mut tally = Tally::default();
        what(&mut tally);
        if let Some(cell) = self.cells.first() {
            cell.add(&mut tally);
        }
    }

    /// Answers one message of `peer`; the answer stands behind `ahead` octets that are left for its frame.
    pub(super) fn answer(&self, query: &[u8], peer: IpAddr, ahead: usize) -> Answer {
        DESK.with_borrow_mut(|desk| self.answer_at(desk, query, peer, ahead))
    }

    fn answer_at(&self, desk: &mut Desk, query: &[u8], peer: IpAddr, ahead: usize) -> Answer {
        let Desk {
            out,
            scratch,
            dice,
            tally,
            seat,
        } = desk;
        let began = self.front.clock.now();
        tally.queries += 1;
        let ask = Ask {
            query,
            client: Client {
                address: peer.to_canonical(),
                transport: self.transport,
            },
            now: began.moment,
            wall: began.wall,
            dice: dice.roll(),
        };
        let cell = self.cell(*seat);
        let answer = match self.front.published.load().answer(&ask, scratch, out) {
            Outcome::Reply { len, about } => {
                tally.answered(about);
                if let Some(served) = scratch.served() {
                    served.ttl.into_iter().for_each(|ttl| tally.lives_for(ttl));
                    let lanes = served.lanes.iter();
                    cell.into_iter()
                        .for_each(|cell| lanes.clone().for_each(|lane| cell.add_lane(*lane, 1)));
                }
                let mut message = vec![0; ahead];
                message.extend_from_slice(out.get(..len).unwrap_or(&[]));
                let now = self.front.clock.moment();
                if scratch.has_firsts() {
                    scratch.sent(now);
                }
                tally.each_took(1, now.since(began.moment));
                Answer::Message(message)
            }
            Outcome::Transaction => {
                tally.transactions += 1;
                Answer::Transaction
            }
            Outcome::Drop | Outcome::Withhold => {
                tally.dropped += 1;
                Answer::Nothing
            }
        };
        cell.into_iter().for_each(|cell| cell.add(tally));
        answer
    }
}

/// The transport's name in counters and logs.
pub(super) fn name(transport: Transport) -> &'static str {
    match transport {
        Transport::Udp => "udp",
        Transport::Tcp => "tcp",
        Transport::Tls => "tls",
        Transport::Quic => "quic",
        Transport::Https => "https",
    }
}
