//! A connection without its socket: octets in, answers out, deadlines that end it. Pure; the [`worker`](super::worker)
//! does what it is told here.
//!
//! All that a read brought is answered before anything is written, and all answers leave together. While the client has
//! not taken its answers, none of its queries are read. Between turns an idle connection holds no buffer.

use std::time::Duration;

use crate::model::time::Moment;
use crate::serve::framing::{Messages, Outgoing};
use crate::serve::tcp::connection::Ending;

/// Limits of one connection, as they stand at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Silence between messages.
    pub idle: Duration,
    /// Time for a begun message to come whole, or for answers to be taken.
    pub message: Duration,
    /// Age.
    pub total: Duration,
    /// Messages; 0: as many as come.
    pub queries: u64,
}

/// What became of one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// So many octets of the room are its answer.
    Answered(usize),
    /// It gets none.
    Silent,
    /// It needs more than one answer, or one that takes its time: it stays carried, for somebody else.
    Transaction,
}

/// What is to be done next, once what was gathered is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Read, when there is more.
    Read,
    /// Take another turn: whole messages are carried that there was no room to answer.
    Again,
    /// What is carried begins with a transaction.
    Transaction,
    /// Close.
    Close,
}

/// The state of one connection.
#[derive(Clone, Debug)]
pub struct Stream {
    /// Octets of messages that are not answered yet.
    carry: Vec<u8>,
    /// Octets of answers that the client has not taken yet.
    owed: Vec<u8>,
    opened: Moment,
    /// When the last message was whole.
    active: Moment,
    /// When the first octet of the message in `carry` came.
    begun: Option<Moment>,
    /// Since when answers are owed.
    stuck: Option<Moment>,
    /// The client sends no more.
    ended: bool,
    /// Messages that came.
    messages: u64,
}

impl Stream {
    /// A connection just opened.
    #[must_use]
    pub fn new(now: Moment) -> Self {
        Self {
            carry: Vec::new(),
            owed: Vec::new(),
            opened: now,
            active: now,
            begun: None,
            stuck: None,
            ended: false,
            messages: 0,
        }
    }

    /// What is carried: goes before what is read next.
    #[must_use]
    pub fn carried(&self) -> &[u8] {
        &self.carry
    }

    /// Whether to read before the next turn: not while a whole message is carried or the client has said its last.
    #[must_use]
    pub fn is_hungry(&self) -> bool {
        !self.ended && (self.carry.is_empty() || !Messages::of(&self.carry).is_whole())
    }

    /// The client sends no more.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// Answers messages in `octets`, which are those carried and those just read, until they or the room run out, or one
    /// is a transaction. Answers are gathered in `outgoing`.
    pub fn turn(
        &mut self,
        octets: &[u8],
        outgoing: &mut Outgoing,
        patience: &Patience,
        now: Moment,
        mut answer: impl FnMut(&[u8], &mut [u8]) -> Fate,
    ) -> Turn {
        let mut messages = Messages::of(octets);
        let mut rest = octets;
        let mut turn = Turn::Again;
        let before = self.messages;
        while !outgoing.is_full() {
            if patience.queries > 0 && self.messages >= patience.queries {
                // The client has more to ask, but not here.
                self.ended = true;
                turn = Turn::Close;
                break;
            }
            let Some(query) = messages.next() else {
                turn = Turn::Read;
                break;
            };
            match answer(query, outgoing.room()) {
                Fate::Answered(length) => outgoing.commit(length),
                Fate::Silent => {}
                Fate::Transaction => {
                    turn = Turn::Transaction;
                    break;
                }
            }
            rest = messages.rest();
            self.messages += 1;
        }
        let progressed = self.messages > before;
        if progressed {
            self.active = now;
        }
        if rest.is_empty() {
            if !self.carry.is_empty() {
                self.carry = Vec::new();
            }
            self.begun = None;
        } else {
            if progressed || self.begun.is_none() {
                self.begun = Some(now);
            }
            // As long as before does not mean the same: a message may have come whole and as much of the next one.
            if rest != self.carry {
                self.carry.clear();
                self.carry.extend_from_slice(rest);
            }
        }
        if self.ended && turn == Turn::Read {
            turn = Turn::Close;
        }
        turn
    }

    /// These octets of answers were not taken at once.
    pub fn owe(&mut self, octets: &[u8], now: Moment) {
        if !octets.is_empty() {
            self.owed.extend_from_slice(octets);
            self.stuck.get_or_insert(now);
        }
    }

    /// Octets of answers that wait for the client.
    #[must_use]
    pub fn owed(&self) -> &[u8] {
        &self.owed
    }

    /// The client took so many of the octets that it was owed.
    pub fn took(&mut self, octets: usize) {
        if octets >= self.owed.len() {
            self.owed = Vec::new();
            self.stuck = None;
        } else {
            self.owed.drain(..octets);
        }
    }

    /// Whether it is amid a message, or has answers to take.
    #[must_use]
    pub fn is_at_work(&self) -> bool {
        self.begun.is_some() || self.stuck.is_some()
    }

    /// When it must end if nothing more happens, and as what.
    #[must_use]
    pub fn deadline(&self, patience: &Patience) -> (Moment, Ending) {
        let (moment, ending) = match self.stuck.or(self.begun) {
            Some(since) => (since.after(patience.message), Ending::Stalled),
            None => (self.active.after(patience.idle), Ending::Expired),
        };
        (moment.min(self.opened.after(patience.total)), ending)
    }

    /// What somebody else needs to go on with it: octets carried, octets owed, and when it was opened.
    #[must_use]
    pub fn into_parts(self) -> (Vec<u8>, Vec<u8>, Moment) {
        (self.carry, self.owed, self.opened)
    }
}

/// For how long a connection may be idle when `held` of `limit` places are taken: all of `idle` up to half of them, then
/// less and less, nothing for the last twentieth (RFC 7766 section 6.2.3, RFC 7828 section 3.3.2). In eighths, so that it
/// seldom changes.
#[must_use]
pub fn idle_among(idle: Duration, held: usize, limit: usize) -> Duration {
    let free = limit.saturating_sub(held);
    if free.saturating_mul(2) >= limit {
        idle
    } else if free.saturating_mul(20) < limit {
        Duration::ZERO
    } else {
        let eighths = free.saturating_mul(16) / limit.max(1);
        idle * u32::try_from(eighths.clamp(1, 8)).unwrap_or(8) / 8
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::serve::framing::framed;

    const PATIENCE: Patience = Patience {
        idle: Duration::from_secs(10),
        message: Duration::from_secs(3),
        total: Duration::from_secs(100),
        queries: 0,
    };

    /// Echoes; what begins with 0 gets nothing, with 1 is long, with 2 is a transaction.
    fn echo(query: &[u8], room: &mut [u8]) -> Fate {
        match query.first() {
            Some(0) => Fate::Silent,
            Some(2) => Fate::Transaction,
            Some(1) => {
                room[..9000].fill(1);
                Fate::Answered(9000)
            }
            _ => {
                room[..query.len()].copy_from_slice(query);
                Fate::Answered(query.len())
            }
        }
    }

    /// Feeds `octets` as one read, and takes turns until it wants more; what was written.
    fn feed(stream: &mut Stream, octets: &[u8], patience: &Patience, now: Moment) -> (Vec<u8>, Turn) {
        let (mut written, mut outgoing) = (Vec::new(), Outgoing::new());
        let mut fresh = octets;
        loop {
            let all = [stream.carried(), fresh].concat();
            fresh = &[];
            let turn = stream.turn(&all, &mut outgoing, patience, now, echo);
            written.extend_from_slice(outgoing.octets());
            outgoing.clear();
            if turn != Turn::Again {
                return (written, turn);
            }
        }
    }

    #[test]
    fn what_is_carried_is_kept_when_it_is_as_long_as_what_was_carried() {
        let now = Moment::from_secs(1);
        let octets = [framed(&[3, 3, 3]).unwrap(), framed(&[4; 7]).unwrap()].concat();
        let mut stream = Stream::new(now);
        let mut written = Vec::new();
        for part in [&octets[..2], &octets[2..7], &octets[7..]] {
            written.extend(feed(&mut stream, part, &PATIENCE, now).0);
        }
        assert_eq!(written, octets);
    }

    proptest! {
        #[test]
        fn however_the_stream_is_cut_the_answers_are_the_same(
            messages in prop::collection::vec(prop::collection::vec(0u8..6, 0..200), 0..20),
            cuts in prop::collection::vec(1usize..300, 1..30),
        ) {
            let octets: Vec<u8> = messages.iter().flat_map(|m| framed(m).unwrap()).collect();
            let now = Moment::from_secs(1);
            let mut whole = Stream::new(now);
            let (expected, last) = feed(&mut whole, &octets, &PATIENCE, now);
            let mut cut = Stream::new(now);
            let (mut written, mut at, mut turn) = (Vec::new(), 0, Turn::Read);
            for length in cuts.iter().cycle() {
                if at == octets.len() || turn == Turn::Transaction {
                    break;
                }
                let end = (at + length).min(octets.len());
                let (more, next) = feed(&mut cut, &octets[at..end], &PATIENCE, now);
                written.extend(more);
                (at, turn) = (end, next);
            }
            prop_assert_eq!(written, expected);
            prop_assert_eq!(turn == Turn::Transaction, last == Turn::Transaction);
            // Nothing is lost: what is carried is what was sent, from the first message that is not answered.
            let rest = [cut.carried(), &octets[at..]].concat();
            prop_assert_eq!(&rest[..], whole.carried());
            let transaction = messages.iter().any(|m| m.first() == Some(&2));
            prop_assert_eq!(last == Turn::Transaction, transaction);
            prop_assert_eq!(whole.is_at_work(), transaction);
        }

        #[test]
        fn one_of_its_deadlines_is_always_ahead_and_each_ends_it_as_it_should(
            steps in prop::collection::vec((0u8..5, 1u64..20_000), 1..60),
        ) {
            let mut now = Moment::from_secs(1);
            let opened = now;
            let mut stream = Stream::new(now);
            let (mut active, mut waits): (Moment, Option<Moment>) = (now, None);
            let mut part = false;
            for (step, millis) in steps {
                let (deadline, ending) = stream.deadline(&PATIENCE);
                prop_assert!(deadline <= opened.after(PATIENCE.total));
                let expected = match waits {
                    Some(since) => (since.after(PATIENCE.message), Ending::Stalled),
                    None => (active.after(PATIENCE.idle), Ending::Expired),
                };
                prop_assert_eq!((deadline, ending), (expected.0.min(opened.after(PATIENCE.total)), expected.1));
                now = now.after(Duration::from_millis(millis));
                if now >= deadline {
                    break;
                }
                match step {
                    // A whole message, alone or ending the one that had begun.
                    0 | 1 if stream.owed().is_empty() => {
                        let message: &[u8] = if part { b"c" } else { b"\0\x03abc" };
                        feed(&mut stream, message, &PATIENCE, now);
                        (active, waits, part) = (now, None, false);
                    }
                    2 if stream.owed().is_empty() && !part => {
                        feed(&mut stream, b"\0\x03ab", &PATIENCE, now);
                        (waits, part) = (Some(now), true);
                    }
                    3 if !part => {
                        stream.owe(b"answer", now);
                        waits = waits.or(Some(now));
                    }
                    4 if !stream.owed().is_empty() => {
                        stream.took(2);
                        if stream.owed().is_empty() {
                            waits = None;
                        }
                    }
                    _ => {}
                }
            }
        }
    }

    #[test]
    fn a_client_that_ends_gets_all_answers_first_and_then_the_end() {
        let now = Moment::from_secs(1);
        let mut stream = Stream::new(now);
        stream.end();
        let (written, turn) = feed(
            &mut stream,
            b"\0\x011\0\x013\0\x011\0\x011\0\x05ab",
            &PATIENCE,
            now,
        );
        assert_eq!((written.len(), turn), (3 + 3 * 3, Turn::Close));
        assert!(!stream.is_hungry());
    }

    #[test]
    fn so_many_queries_and_no_more() {
        let now = Moment::from_secs(1);
        let patience = Patience {
            queries: 2,
            ..PATIENCE
        };
        let mut stream = Stream::new(now);
        assert_eq!(feed(&mut stream, b"\0\x013", &patience, now).1, Turn::Read);
        let (written, turn) = feed(&mut stream, b"\0\x014\0\x015", &patience, now);
        assert_eq!((&written[..], turn), (&b"\0\x014"[..], Turn::Close));
    }

    #[test]
    fn the_fuller_it_is_the_shorter_is_the_time_to_be_idle() {
        let idle = Duration::from_secs(8);
        let times = [0, 50, 51, 70, 90, 95, 96, 100, 200].map(|held| idle_among(idle, held, 100).as_secs());
        assert_eq!(times, [8, 8, 7, 4, 1, 1, 0, 0, 0]);
        assert_eq!(idle_among(idle, 0, 1), idle);
    }
}
