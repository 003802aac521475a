//! What a thread has at hand, and how it serves one connection.

use std::time::Duration;

use rustix::event::epoll::EventFlags;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};
use tokio::sync::watch;

use crate::answer::snapshot::{Ask, Client, Outcome, Scratch, Snapshot, Transport};
use crate::clock::Clock;
use crate::model::plan::TcpSettings;
use crate::model::time::{Moment, Now};
use crate::serve::counters::{Cell, Tally};
use crate::serve::dice::Dice;
use crate::serve::framing::{LONGEST, Outgoing};
use crate::serve::tcp::TcpServer;
use crate::serve::tcp::slab::Slab;
use crate::serve::tcp::stream::{Fate, Patience, Turn};
use crate::serve::tcp::wheel::Wheel;
use crate::serve::tcp::worker::Stops;

/// Octets of one read.
const READ: usize = 16_384;
/// Turns of one connection before others have theirs.
const TURNS: usize = 4;
/// No connection is closed sooner, however full it is: whoever is told to close gets the time to do so.
const LEAST_IDLE: Duration = Duration::from_secs(1);

/// Told of what comes and of the client's end, once each.
const READS: EventFlags = EventFlags::IN.union(EventFlags::RDHUP).union(EventFlags::ET);

/// What becomes of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// It was gone.
    Gone,
    /// Look at it again in the next turn.
    Soon,
    /// Wait for these events.
    Watch(EventFlags),
    /// It ends.
    Close,
    /// The runtime goes on with it.
    HandOver,
}

/// What a thread has at hand.
pub(super) struct Shift {
    pub(super) slab: Slab,
    pub(super) wheel: Wheel,
    /// Connections to look at in the next turn, whatever happens.
    pub(super) ready: Vec<u64>,
    pub(super) due: Vec<(u64, u64)>,
    /// When this turn began.
    pub(super) now: Now,
    pub(super) tally: Tally,
    pub(super) settings: TcpSettings,
    pub(super) patience: Patience,
    /// Until when nobody is accepted.
    pub(super) deaf: Option<Moment>,
    pub(super) reminded: Option<Moment>,
    /// The connection being served, should that panic.
    pub(super) current: Option<u64>,
    pub(super) stops: Stops,
    changes: watch::Receiver<TcpSettings>,
    looks_up: Moment,
    /// The idle time that connections were armed for.
    armed_idle: Duration,
    /// The idle time that clients are told.
    told: Option<Duration>,
    input: Box<[u8]>,
    outgoing: Outgoing,
    scratch: Scratch,
    dice: Dice,
}

impl Shift {
    pub(super) fn new(server: &TcpServer) -> Self {
        let now = server.clock.now();
        let settings = *server.settings.borrow();
        Self {
            slab: Slab::default(),
            wheel: Wheel::new(now.moment),
            ready: Vec::new(),
            due: Vec::new(),
            now,
            tally: Tally::default(),
            settings,
            patience: patience(&settings, settings.idle),
            deaf: None,
            reminded: None,
            current: None,
            stops: None,
            changes: server.settings.clone(),
            looks_up: now.moment,
            armed_idle: settings.idle,
            told: None,
            input: vec![0; LONGEST + READ].into_boxed_slice(),
            outgoing: Outgoing::new(),
            scratch: Scratch::watching(),
            dice: Dice::from_system(),
        }
    }

    /// For how long there is nothing to do, at most `most`.
    pub(super) fn pause(&self, most: Duration) -> Duration {
        if !self.ready.is_empty() {
            return Duration::ZERO;
        }
        let now = self.now.moment;
        let rings = self.wheel.quiet(now).unwrap_or(most).min(most);
        let soon = [self.deaf, self.stops];
        soon.into_iter()
            .flatten()
            .fold(rings, |pause, moment| pause.min(moment.since(now)))
    }

    /// Takes the limits of the moment; whether those of open connections became shorter, which is told once in `every`.
    pub(super) fn look_up(&mut self, server: &TcpServer, every: Duration) -> bool {
        let changed = self.changes.has_changed().unwrap_or(false);
        if changed {
            self.settings = *self.changes.borrow_and_update();
        }
        let idle = server.idle_of(&self.settings);
        if changed || self.told != Some(idle) {
            self.told = Some(idle);
            self.scratch.keeps_idle_for(Some(idle));
            self.patience = patience(&self.settings, idle);
        }
        let shorter = changed || idle < self.armed_idle;
        if !changed && self.now.moment < self.looks_up {
            return false;
        }
        self.looks_up = self.now.moment.after(every);
        self.armed_idle = idle;
        shorter
    }

    /// Has the wheel look at a connection when its time is over; unless `anew` not if it looks earlier anyway.
    pub(super) fn arm(&mut self, key: u64, anew: bool) {
        let Some(held) = self.slab.get(key) else { return };
        let (deadline, _) = held.stream.deadline(&self.patience);
        if anew || held.armed == 0 || Wheel::tick(deadline) < held.armed {
            held.armed = self.wheel.arm(key, deadline);
        }
    }

    /// Keeps a list's memory.
    pub(super) fn put_back(&mut self, mut list: Vec<u64>) {
        if self.ready.is_empty() {
            list.clear();
            self.ready = list;
        }
    }

    /// Counts the time that this turn's answers took.
    pub(super) fn count(&mut self, clock: impl Fn() -> Moment) {
        if self.tally.answers > 0 {
            let now = clock();
            if self.scratch.has_firsts() {
                // What a client does not take at once goes out as it does: the answer is made, and on its way.
                self.scratch.sent(now);
            }
            self.tally
                .each_took(self.tally.answers, now.since(self.now.moment));
        }
    }

    /// Writes what is owed, reads, answers and writes, until there is nothing more to read. `over`: it is read to its
    /// end, which is known to be there.
    pub(super) fn drive(&mut self, snapshot: &Snapshot, cell: &Cell, key: u64, over: bool) -> Next {
        let Self {
            slab,
            input,
            outgoing,
            scratch,
            dice,
            tally,
            now,
            patience,
            stops,
            ..
        } = self;
        let Some(held) = slab.get(key) else {
            return Next::Gone;
        };
        let moment = now.moment;
        let stopping = stops.is_some();
        let is_new = !std::mem::replace(&mut held.seen, true);
        // When there is nothing to read.
        let idle = if is_new {
            Next::Soon
        } else {
            Next::Watch(held.watched.unwrap_or(READS))
        };
        for _ in 0..TURNS {
            if !held.stream.owed().is_empty() {
                match send(&held.socket, held.stream.owed(), SendFlags::NOSIGNAL) {
                    Ok(taken) => {
                        held.stream.took(taken);
                        held.progress.beat(!held.stream.owed().is_empty(), moment);
                    }
                    Err(Errno::AGAIN) => {}
                    Err(Errno::INTR) => continue,
                    Err(_) => return Next::Close,
                }
                if !held.stream.owed().is_empty() {
                    return Next::Watch(READS | EventFlags::OUT);
                }
            }
            let carried = held.stream.carried().len();
            let mut filled = carried;
            let mut drained = false;
            if held.stream.is_hungry() {
                let Some(space) = input.get_mut(carried..(carried + READ).min(LONGEST + READ)) else {
                    return Next::Close;
                };
                let wanted = space.len();
                match recv(&held.socket, space, RecvFlags::empty()) {
                    Ok((_, 0)) => held.stream.end(),
                    Ok((_, read)) => {
                        filled += read;
                        drained = read < wanted && !over;
                    }
                    Err(Errno::AGAIN) if stopping && !held.stream.is_at_work() => return Next::Close,
                    Err(Errno::AGAIN) => return idle,
                    Err(Errno::INTR) => continue,
                    Err(_) => return Next::Close,
                }
            }
            let (Some(front), Some(octets)) =
                (input.get_mut(..carried), held.stream.carried().get(..carried))
            else {
                return Next::Close;
            };
            front.copy_from_slice(octets);
            let answers = tally.answers;
            let client = Client {
                address: held.client,
                transport: Transport::Tcp,
            };
            let octets = input.get(..filled).unwrap_or(&[]);
            let turn = held
                .stream
                .turn(octets, outgoing, patience, moment, |query, room| {
                    let ask = Ask {
                        query,
                        client,
                        now: moment,
                        wall: now.wall,
                        dice: dice.roll(),
                    };
                    match snapshot.answer(&ask, scratch, room) {
                        Outcome::Reply { len, about } => {
                            tally.queries += 1;
                            tally.answered(about);
                            if let Some(served) = scratch.served() {
                                served.ttl.into_iter().for_each(|ttl| tally.lives_for(ttl));
                                served.lanes.iter().for_each(|lane| cell.keep_lane(*lane));
                            }
                            Fate::Answered(len)
                        }
                        Outcome::Transaction => Fate::Transaction,
                        Outcome::Drop | Outcome::Withhold => {
                            tally.queries += 1;
                            tally.dropped += 1;
                            Fate::Silent
                        }
                    }
                });
            if !outgoing.octets().is_empty() {
                // All answers to what was read at once leave together.
                let sent = send(&held.socket, outgoing.octets(), SendFlags::NOSIGNAL);
                let taken = match sent {
                    Ok(taken) => taken,
                    Err(Errno::AGAIN | Errno::INTR) => 0,
                    Err(_) => {
                        outgoing.clear();
                        return Next::Close;
                    }
                };
                held.stream
                    .owe(outgoing.octets().get(taken..).unwrap_or(&[]), moment);
                outgoing.clear();
            }
            let owes = !held.stream.owed().is_empty();
            if tally.answers > answers {
                held.progress.beat(owes, moment);
            }
            match turn {
                Turn::Transaction => return Next::HandOver,
                _ if owes => return Next::Watch(READS | EventFlags::OUT),
                Turn::Close => return Next::Close,
                Turn::Again => {}
                Turn::Read if drained && stopping && !held.stream.is_at_work() => return Next::Close,
                Turn::Read if drained => return idle,
                Turn::Read => {}
            }
        }
        Next::Soon
    }
}

fn patience(settings: &TcpSettings, idle: Duration) -> Patience {
    Patience {
        idle: idle.max(LEAST_IDLE.min(settings.idle)),
        message: settings.message,
        total: settings.total,
        queries: settings.queries,
    }
}
