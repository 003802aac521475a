//! A batch of queries answered, wherever they lie and wherever the answers go: sockets and what comes past the kernel
//! share it. The compiler makes one of it for each front end, so that sharing costs nothing.
//!
//! No lock, allocation or clock reading per query.

use std::net::IpAddr;
use std::sync::Arc;

use crate::answer::snapshot::{Ask, Client, Outcome, Prepared, Scratch, Snapshot, Transport};
use crate::model::plan::Prefix;
use crate::model::time::{Moment, Now};
use crate::serve::counters::{Cell, Tally};
use crate::serve::dice::Dice;
use crate::sys::batch::{self, BATCH};

/// Where the queries of a batch lie, at most [`BATCH`] of them.
pub trait Queries<'q>: Copy {
    /// How many there are.
    fn count(self) -> usize;
    /// The octets of query `index`; `None` when it is too long to be read.
    fn octets(self, index: usize) -> Option<&'q [u8]>;
    /// Who sent query `index`; `None` for a place where nobody's lies, which is passed over.
    fn sender(self, index: usize) -> Option<IpAddr>;
}

/// Where the answers of a batch go.
pub trait Replies {
    /// Room for the answer to query `index`, at least 512 octets; the same again until [`Replies::answer`] takes them.
    fn room(&mut self, index: usize) -> &mut [u8];
    /// The first `length` octets of the room are the answer to query `index`.
    fn answer(&mut self, index: usize, length: usize);
}

/// What one thread answers with.
#[derive(Debug)]
pub struct Desk {
    /// What was counted and not yet kept.
    pub tally: Tally,
    cell: Arc<Cell>,
    scratch: Scratch,
    dice: Dice,
}

impl Desk {
    /// A desk whose thread alone writes into `cell`.
    #[must_use]
    pub fn new(cell: Arc<Cell>) -> Self {
        Self {
            tally: Tally::default(),
            cell,
            scratch: Scratch::watching(),
            dice: Dice::from_system(),
        }
    }

    /// Answers a batch that came at `now`. What is a transaction goes to `hand_over`, with its index and its octets,
    /// which says whether somebody takes care of it.
    #[inline]
    pub fn answer<'q>(
        &mut self,
        now: Now,
        snapshot: &Snapshot,
        queries: impl Queries<'q>,
        replies: &mut impl Replies,
        mut hand_over: impl FnMut(usize, &[u8]) -> bool,
    ) {
        // Three passes: what the queries wait for in memory, their slots and then their names, is fetched at the same
        // time.
        let mut prepared: [Option<Prepared<'_>>; BATCH] = [None; BATCH];
        for (index, prepared) in prepared.iter_mut().enumerate().take(queries.count()) {
            *prepared = queries.octets(index).map(|query| snapshot.prepare(query));
        }
        for (index, prepared) in prepared.iter().enumerate() {
            if let Some(prepared) = prepared {
                snapshot.fetch(prepared);
                snapshot.expect(queries.sender(index));
            }
        }
        let mut latest = None;
        let tally = &mut self.tally;
        for (index, prepared) in prepared.iter().enumerate().take(queries.count()) {
            let Some(address) = queries.sender(index) else {
                continue;
            };
            tally.queries += 1;
            let (Some(query), Some(prepared)) = (queries.octets(index), *prepared) else {
                tally.dropped += 1;
                continue;
            };
            let ask = Ask {
                query,
                client: Client {
                    address,
                    transport: Transport::Udp,
                },
                now: now.moment,
                wall: now.wall,
                dice: self.dice.roll(),
            };
            match snapshot.finish(prepared, &ask, &mut self.scratch, replies.room(index)) {
                Outcome::Reply { len, about } => {
                    replies.answer(index, len);
                    tally.answered(about);
                    if about.limited {
                        latest = Some(address);
                    }
                    if let Some(served) = self.scratch.served() {
                        served.ttl.into_iter().for_each(|ttl| tally.lives_for(ttl));
                        served.lanes.iter().for_each(|lane| self.cell.keep_lane(*lane));
                    }
                }
                Outcome::Transaction => {
                    tally.transactions += 1;
                    tally.transactions_refused += u64::from(!hand_over(index, query));
                }
                Outcome::Drop => tally.dropped += 1,
                Outcome::Withhold => {
                    tally.withheld += 1;
                    latest = Some(address);
                }
            }
        }
        if let Some(address) = latest
            && let Some(network) = snapshot.news_of_limit(address, now.moment)
        {
            tell(network);
        }
    }

    /// The batch that came at `since` was sent; what was counted is kept. `clock` is read once, or twice when
    /// something was answered for the first time.
    #[inline]
    pub fn sent(&mut self, since: Moment, clock: impl Fn() -> Moment) {
        if self.scratch.has_firsts() {
            self.scratch.sent(clock());
        }
        // All answers of a batch leave together: each took as long as the batch.
        self.tally.each_took(self.tally.answers, clock().since(since));
        self.keep();
    }

    /// Keeps what was counted.
    #[inline]
    pub fn keep(&mut self) {
        self.cell.keep(&mut self.tally);
    }
}

/// Tells that answers are limited: once, until nothing was for a minute. How much it is, the counters tell.
#[cold]
fn tell(network: Prefix) {
    tracing::warn!(
        target: "pointsman::limit",
        network = %network.address, prefix = network.length,
        "answers over UDP to clients without a cookie are limited, among others to this network"
    );
}

impl<'q> Queries<'q> for batch::Queries<'q> {
    #[inline]
    fn count(self) -> usize {
        self.len()
    }

    #[inline]
    fn octets(self, index: usize) -> Option<&'q [u8]> {
        batch::Queries::octets(&self, index)
    }

    #[inline]
    fn sender(self, index: usize) -> Option<IpAddr> {
        // A socket that is shut down for reading hands out empty messages from nobody.
        self.peer(index).map(|peer| peer.ip())
    }
}

impl Replies for batch::Replies<'_> {
    #[inline]
    fn room(&mut self, _: usize) -> &mut [u8] {
        batch::Replies::room(self)
    }

    #[inline]
    fn answer(&mut self, index: usize, length: usize) {
        batch::Replies::answer(self, index, length);
    }
}
