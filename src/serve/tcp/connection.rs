//! One TCP connection: queries in, answers out, limits of time.
//!
//! What a read brings is answered at once and written by one call, so that pipelined queries cost little; when the
//! client does not take its answers, no more of its queries are read. Between turns an idle connection holds no
//! buffer: queries are read, and answers made, on the thread's own desk.

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use crate::answer::snapshot::{Ask, Client, Outcome, Scratch, Transport};
use crate::clock::Clock;
use crate::model::time::Now;
use crate::serve::counters::{Cell, Tally};
use crate::serve::dice::Dice;
use crate::serve::framing::{LONGEST, Messages, Outgoing, framed};
use crate::serve::tcp::Place;

/// Octets of one read.
const READ: usize = 16_384;
/// How long a stopping server goes on with answers that clients have not taken.
pub(super) const FAREWELL: Duration = Duration::from_secs(3);
/// And with transfers: the other end would have to begin anew.
const TRANSFERS: Duration = Duration::from_secs(20);
/// Messages of a transfer that may wait for the client.
const AHEAD: usize = 4;

/// What a thread needs to answer, for whichever connection is at its turn.
struct Desk {
    input: Box<[u8]>,
    outgoing: Outgoing,
    scratch: Scratch,
    dice: Dice,
    tally: Tally,
    /// Which of the server's cells it counts into.
    seat: usize,
}

/// Numbers the threads that answer.
static SEATS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static DESK: RefCell<Desk> = RefCell::new(Desk {
        input: vec![0; LONGEST + READ].into_boxed_slice(),
        outgoing: Outgoing::new(),
        scratch: Scratch::watching(),
        dice: Dice::from_system(),
        tally: Tally::default(),
        seat: SEATS.fetch_add(1, Ordering::Relaxed),
    });
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The client ended it, or the network did.
    Closed,
    /// It was idle for too long, or as old as a connection may get.
    Expired,
    /// A message that had begun did not come whole, or an answer was not taken, in time.
    Stalled,
    /// It had to make room, or the server stops.
    Cut,
}

/// Until a stopping server waits for nobody any more.
async fn farewell(stop: &CancellationToken, time: Duration) {
    stop.cancelled().await;
    sleep(time).await;
}

/// What a turn left to do.
enum Turn {
    Answered,
    Transaction(Vec<u8>),
    Ended,
}

/// One connection.
pub struct Connection<'a, S> {
    stream: S,
    peer: SocketAddr,
    place: &'a Place<'a>,
    /// Octets of messages not answered yet.
    carry: Vec<u8>,
    /// Octets of answers that the client has not taken yet.
    pending: Vec<u8>,
    /// The client sends no more.
    ended: bool,
    opened: Instant,
    /// When the last message was whole.
    active: Instant,
    /// When the first octet of the message in `carry` came.
    begun: Option<Instant>,
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin> Connection<'a, S> {
    /// A connection just opened.
    pub(in crate::serve) fn new(stream: S, peer: SocketAddr, place: &'a Place<'a>) -> Self {
        let now = Instant::now();
        Self {
            stream,
            peer,
            place,
            carry: Vec::new(),
            pending: Vec::new(),
            ended: false,
            opened: now,
            active: now,
            begun: None,
        }
    }

    /// A connection that somebody else served until now: `carry` was read and is not answered, `pending` is not written.
    pub(in crate::serve) fn resumed(mut self, carry: Vec<u8>, pending: Vec<u8>, age: Duration) -> Self {
        self.begun = (!carry.is_empty()).then_some(self.active);
        self.opened = self.opened.checked_sub(age).unwrap_or(self.opened);
        (self.carry, self.pending) = (carry, pending);
        self
    }

    /// Serves it until it ends or `cut` is cancelled.
    pub async fn serve(mut self, cut: &CancellationToken) -> Ending {
        let mut cut = pin!(cut.cancelled());
        let stop = self.place.server.stop.clone();
        let mut alarm = pin!(sleep_until(self.deadline()));
        loop {
            let begun = self.begun;
            let turn = tokio::select! {
                biased;
                () = &mut cut => return Ending::Cut,
                () = stop.cancelled() => return Ending::Cut,
                () = &mut alarm => {
                    // Armed once and moved when it rings: most connections never see it.
                    let deadline = self.deadline();
                    if deadline <= Instant::now() {
                        return if self.begun.is_some() { Ending::Stalled } else { Ending::Expired };
                    }
                    alarm.as_mut().reset(deadline);
                    continue;
                }
                turn = std::future::poll_fn(|context| DESK.with_borrow_mut(|desk| self.poll_turn(context, desk))) => turn,
            };
            let Ok(turn) = turn else { return Ending::Closed };
            if self.begun.is_some() && self.begun != begun {
                alarm.as_mut().reset(self.deadline());
            }
            let patience = if matches!(turn, Turn::Transaction(_)) {
                TRANSFERS
            } else {
                FAREWELL
            };
            let rest = async {
                self.flush().await?;
                match turn {
                    Turn::Answered => Ok(false),
                    Turn::Transaction(query) => self.transact(query).await.map(|()| false),
                    Turn::Ended => {
                        let _ = self.stream.shutdown().await;
                        Ok(true)
                    }
                }
            };
            let ended = tokio::select! {
                biased;
                () = &mut cut => return Ending::Cut,
                () = farewell(&stop, patience) => return Ending::Cut,
                ended = rest => ended,
            };
            match ended {
                Ok(false) => {}
                Ok(true) => return Ending::Closed,
                Err(error) if error.kind() == io::ErrorKind::TimedOut => return Ending::Stalled,
                Err(_) => return Ending::Closed,
            }
        }
    }

    /// When the connection must end if nothing more happens.
    fn deadline(&self) -> Instant {
        let settings = *self.place.server.settings.borrow();
        let idle = match self.begun {
            Some(begun) => begun + settings.message,
            None => self.active + settings.idle,
        };
        idle.min(self.opened + settings.total)
    }

    /// Reads once, unless whole messages are left, answers what is whole, writes once.
    fn poll_turn(&mut self, context: &mut Context<'_>, desk: &mut Desk) -> Poll<io::Result<Turn>> {
        let Desk {
            input,
            outgoing,
            scratch,
            dice,
            tally,
            seat,
        } = desk;
        let Some(cell) = self
            .place
            .server
            .cells
            .get(*seat % self.place.server.cells.len().max(1))
        else {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        };
        let carried = self.carry.len().min(LONGEST + READ);
        let mut filled = carried;
        if !self.ended && !Messages::of(&self.carry).is_whole() {
            let space = input
                .get_mut(carried..(carried + READ).min(LONGEST + READ))
                .unwrap_or(&mut []);
            let mut space = ReadBuf::new(space);
            ready!(Pin::new(&mut self.stream).poll_read(context, &mut space))?;
            filled += space.filled().len();
            self.ended = filled == carried;
        }
        if let (Some(place), Some(carry)) = (input.get_mut(..carried), self.carry.get(..carried)) {
            place.copy_from_slice(carry);
        }
        let mut messages = Messages::of(input.get(..filled).unwrap_or(&[]));
        let began = self.place.server.clock.now();
        scratch.keeps_idle_for(Some(self.place.server.idle()));
        let transaction = self.answer(&mut messages, outgoing, scratch, dice, (tally, cell), began);
        let rest = messages.rest();
        let (queries, answers) = (tally.queries, tally.answers);
        self.carry.clear();
        if rest.is_empty() {
            self.carry = Vec::new();
            self.begun = None;
        } else {
            self.carry.extend_from_slice(rest);
            if queries > 0 || self.begun.is_none() {
                self.begun = Some(Instant::now());
            }
        }
        if queries > 0 {
            self.active = Instant::now();
            cell.add(tally);
        }
        if !outgoing.octets().is_empty() {
            let written = match Pin::new(&mut self.stream).poll_write(context, outgoing.octets()) {
                Poll::Ready(written) => written,
                Poll::Pending => Ok(0),
            };
            if let Ok(written) = written {
                self.pending
                    .extend_from_slice(outgoing.octets().get(written..).unwrap_or(&[]));
            }
            outgoing.clear();
            if scratch.has_firsts() {
                // What the client does not take at once goes out as it does: the answer is made, and on its way.
                scratch.sent(self.place.server.clock.moment());
            }
            // All answers to what was read at once leave together.
            tally.each_took(answers, self.place.server.clock.moment().since(began.moment));
            cell.add(tally);
            written?;
        }
        if answers > 0 {
            self.place.progressed(!self.pending.is_empty());
        }
        Poll::Ready(Ok(match transaction {
            Some(query) => Turn::Transaction(query),
            None if self.ended && !Messages::of(&self.carry).is_whole() => Turn::Ended,
            None => Turn::Answered,
        }))
    }

    /// Answers messages until they, or the room for answers, run out, or one is a transaction, which is returned.
    fn answer(
        &self,
        messages: &mut Messages<'_>,
        outgoing: &mut Outgoing,
        scratch: &mut Scratch,
        dice: &mut Dice,
        (tally, cell): (&mut Tally, &Cell),
        now: Now,
    ) -> Option<Vec<u8>> {
        let snapshot = self.place.server.published.load();
        let client = Client {
            address: self.peer.ip().to_canonical(),
            transport: Transport::Tcp,
        };
        while !outgoing.is_full() {
            let query = messages.next()?;
            tally.queries += 1;
            let ask = Ask {
                query,
                client,
                now: now.moment,
                wall: now.wall,
                dice: dice.roll(),
            };
            match snapshot.answer(&ask, scratch, outgoing.room()) {
                Outcome::Reply { len, about } => {
                    outgoing.commit(len);
                    tally.answered(about);
                    if let Some(served) = scratch.served() {
                        served.ttl.into_iter().for_each(|ttl| tally.lives_for(ttl));
                        served.lanes.iter().for_each(|lane| cell.add_lane(*lane, 1));
                    }
                }
                Outcome::Transaction => {
                    tally.transactions += 1;
                    return Some(query.to_vec());
                }
                Outcome::Drop => tally.dropped += 1,
                Outcome::Withhold => tally.withheld += 1,
            }
        }
        None
    }

    /// Has the client take the answers that wait for it.
    async fn flush(&mut self) -> io::Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let limit = self.place.server.settings.borrow().message;
        timeout(limit, self.stream.write_all(&self.pending))
            .await
            .map_err(|_| io::ErrorKind::TimedOut)??;
        self.pending = Vec::new();
        self.place.progressed(false);
        Ok(())
    }

    /// Runs a transaction; its messages go out as the client takes them.
    async fn transact(&mut self, query: Vec<u8>) -> io::Result<()> {
        let (sink, mut messages) = mpsc::channel::<Vec<u8>>(AHEAD);
        let (place, peer) = (self.place, self.peer);
        place.progressed(true);
        let handling = place
            .server
            .transactions
            .handle(query, peer, Transport::Tcp, sink);
        let stream = &mut self.stream;
        let forwarding = async move {
            while let Some(message) = messages.recv().await {
                let limit = place.server.settings.borrow().message;
                let octets = framed(&message).ok_or(io::ErrorKind::InvalidData)?;
                timeout(limit, stream.write_all(&octets))
                    .await
                    .map_err(|_| io::ErrorKind::TimedOut)??;
                place.progressed(true);
            }
            io::Result::Ok(())
        };
        let (whole, forwarded) = tokio::join!(handling, forwarding);
        forwarded?;
        if !whole {
            // The client must not take a part for the whole: the connection ends before the last message.
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        self.active = Instant::now();
        place.progressed(false);
        Ok(())
    }
}
