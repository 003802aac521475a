//! DNS over TLS (RFC 7858): the framing of TCP over a stream whose handshake is done.
//!
//! What a read brings is answered at once and written by one call, so that pipelined queries cost little; when the
//! client does not take its answers, no more of its queries are read. Between turns an idle connection holds no
//! buffer of ours.

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};

use crate::answer::snapshot::{Ask, Client, Outcome, Scratch};
use crate::clock::Clock;
use crate::model::time::Now;
use crate::serve::counters::{Cell, Tally};
use crate::serve::dice::Dice;
use crate::serve::encrypted::entrance::Entrance;
use crate::serve::encrypted::gate::Pass;
use crate::serve::framing::{LONGEST, Messages, Outgoing, framed};

/// Octets of one read: a TLS record.
const READ: usize = 16_384;
/// Messages of a transfer that may wait for the client.
const AHEAD: usize = 4;

/// What a thread needs to answer, for whichever connection is at its turn.
struct Desk {
    input: Box<[u8]>,
    outgoing: Outgoing,
    scratch: Scratch,
    dice: Dice,
    tally: Tally,
    /// Which of the entrance's cells it counts into.
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
pub(super) enum Ending {
    /// The client ended it, or the network did; or it was idle for too long, or as old as a connection may get.
    Closed,
    /// A message that had begun did not come whole, or an answer was not taken, in time.
    Stalled,
    /// It had to make room, or the server stops.
    Cut,
}

/// What a turn left to do.
enum Turn {
    Answered,
    Transaction(Vec<u8>),
    Ended,
}

/// One connection.
pub(super) struct Connection<'a, S> {
    stream: S,
    peer: SocketAddr,
    entrance: &'a Entrance,
    pass: &'a Pass,
    /// Octets of messages not answered yet.
    carry: Vec<u8>,
    /// Octets of answers that the stream has not taken yet.
    pending: Vec<u8>,
    /// The stream has taken answers that may not have left.
    unflushed: bool,
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
    pub(super) fn new(stream: S, peer: SocketAddr, entrance: &'a Entrance, pass: &'a Pass) -> Self {
        let now = Instant::now();
        Self {
            stream,
            peer,
            entrance,
            pass,
            carry: Vec::new(),
            pending: Vec::new(),
            unflushed: false,
            ended: false,
            opened: now,
            active: now,
            begun: None,
        }
    }

    /// Serves it until it ends.
    pub(super) async fn serve(mut self) -> Ending {
        let ending = self.serve_on().await;
        if ending != Ending::Stalled {
            // A closure that is told (close_notify) is no truncation; whoever does not take it, does not.
            let _ = timeout(self.patience(), self.stream.shutdown()).await;
        }
        ending
    }

    async fn serve_on(&mut self) -> Ending {
        let pass = self.pass;
        let mut cut = pin!(pass.cut());
        let mut alarm = pin!(sleep_until(self.deadline()));
        loop {
            let begun = self.begun;
            let turn = tokio::select! {
                biased;
                () = &mut cut => return Ending::Cut,
                () = &mut alarm => {
                    // Armed once and moved when it rings: most connections never see it.
                    let deadline = self.deadline();
                    if deadline <= Instant::now() {
                        return if self.begun.is_some() { Ending::Stalled } else { Ending::Closed };
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
            let rest = async {
                self.flush().await?;
                match turn {
                    Turn::Answered => Ok(false),
                    Turn::Transaction(query) => self.transact(query).await.map(|()| false),
                    Turn::Ended => Ok(true),
                }
            };
            let ended = tokio::select! {
                biased;
                () = &mut cut => return Ending::Cut,
                ended = rest => ended,
            };
            match ended {
                Ok(false) => {}
                Err(error) if error.kind() == io::ErrorKind::TimedOut => return Ending::Stalled,
                Ok(true) | Err(_) => return Ending::Closed,
            }
        }
    }

    /// When the connection must end if nothing more happens.
    fn deadline(&self) -> Instant {
        let settings = *self.entrance.front.tcp.borrow();
        let idle = match self.begun {
            Some(begun) => begun + settings.message,
            None => self.active + self.entrance.front.limits().idle,
        };
        idle.min(self.opened + settings.total)
    }

    /// How long an answer may wait to be taken.
    fn patience(&self) -> std::time::Duration {
        self.entrance.front.tcp.borrow().message
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
        let entrance = self.entrance;
        let Some(cell) = entrance.cell(*seat) else {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        };
        let carried = self.carry.len().min(LONGEST + READ);
        let mut filled = carried;
        if !self.ended && !Messages::of(&self.carry).is_whole() {
            let space = input
                .get_mut(carried..(carried + READ).min(LONGEST + READ))
                .unwrap_or(&mut []);
            let mut space = ReadBuf::new(space);
            match ready!(Pin::new(&mut self.stream).poll_read(context, &mut space)) {
                // Gone without close_notify, as many clients go.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => self.ended = true,
                read => read?,
            }
            filled += space.filled().len();
            self.ended |= filled == carried;
        }
        if let (Some(place), Some(carry)) = (input.get_mut(..carried), self.carry.get(..carried)) {
            place.copy_from_slice(carry);
        }
        scratch.keeps_idle_for(Some(entrance.front.limits().idle));
        let mut messages = Messages::of(input.get(..filled).unwrap_or(&[]));
        let began = entrance.front.clock.now();
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
        }
        if !outgoing.octets().is_empty() {
            let written = match Pin::new(&mut self.stream).poll_write(context, outgoing.octets()) {
                Poll::Ready(written) => written,
                Poll::Pending => Ok(0),
            };
            if let Ok(written) = written {
                self.pending
                    .extend_from_slice(outgoing.octets().get(written..).unwrap_or(&[]));
                self.unflushed = true;
            }
            outgoing.clear();
            if scratch.has_firsts() {
                // What the client does not take at once goes out as it does: the answer is made, and on its way.
                scratch.sent(entrance.front.clock.moment());
            }
            // All answers to what was read at once leave together.
            tally.each_took(answers, entrance.front.clock.moment().since(began.moment));
            cell.add(tally);
            written?;
        } else if queries > 0 {
            cell.add(tally);
        }
        if answers > 0 {
            self.pass.progressed(!self.pending.is_empty());
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
        let snapshot = self.entrance.front.published.load();
        let client = Client {
            address: self.peer.ip().to_canonical(),
            transport: self.entrance.transport,
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
                Outcome::Drop | Outcome::Withhold => tally.dropped += 1,
            }
        }
        None
    }

    /// Has the client take the answers that wait for it.
    async fn flush(&mut self) -> io::Result<()> {
        if !self.unflushed {
            return Ok(());
        }
        let stream = &mut self.stream;
        let pending = &self.pending;
        let limit = self.entrance.front.tcp.borrow().message;
        let written = async {
            stream.write_all(pending).await?;
            stream.flush().await
        };
        timeout(limit, written)
            .await
            .map_err(|_| io::ErrorKind::TimedOut)??;
        self.unflushed = false;
        if !self.pending.is_empty() {
            self.pending = Vec::new();
            self.pass.progressed(false);
        }
        Ok(())
    }

    /// Runs a transaction; its messages go out as the client takes them (transfers: RFC 9103).
    async fn transact(&mut self, query: Vec<u8>) -> io::Result<()> {
        let (sink, mut messages) = mpsc::channel::<Vec<u8>>(AHEAD);
        let (entrance, pass, limit) = (self.entrance, self.pass, self.patience());
        pass.progressed(true);
        let transactions = &entrance.front.transactions;
        let handling = transactions.handle(query, self.peer, entrance.transport, sink);
        let stream = &mut self.stream;
        let forwarding = async move {
            while let Some(message) = messages.recv().await {
                let octets = framed(&message).ok_or(io::ErrorKind::InvalidData)?;
                let written = async {
                    stream.write_all(&octets).await?;
                    stream.flush().await
                };
                timeout(limit, written)
                    .await
                    .map_err(|_| io::ErrorKind::TimedOut)??;
                pass.progressed(true);
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
        pass.progressed(false);
        Ok(())
    }
}
