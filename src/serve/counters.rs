//! What the front ends count. Each thread counts into a [`Tally`] of its own and adds it to its [`Cell`] once a
//! batch, so that counting costs a query next to nothing; whoever reads sums the cells.
//!
//! A UDP worker is the only one that writes into its cell: a load and a store do ([`Cell::keep`]). Threads of the
//! runtime may share one, and add ([`Cell::add`]).

mod saved;

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::answer::snapshot::{About, Shown};
use crate::model::histogram::{Histogram, bucket};
use crate::serve::kinds::{CODES, TYPES, column, row};
use crate::serve::lanes::Row;
use crate::serve::pulse::Pulses;

pub use saved::Saved;

/// Bounds of the time in which queries are answered, in nanoseconds.
pub static LATENCY: [u64; 15] = [
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    500_000_000,
    1_000_000_000,
];

/// Bounds of the TTL of services' answers, in seconds.
pub static LIFETIMES: [u64; 12] = [0, 1, 2, 5, 10, 20, 30, 60, 120, 300, 900, 3600];

/// The thread that adds is the only one that writes.
fn keep(sum: &AtomicU64, more: u64) {
    sum.store(sum.load(Relaxed).wrapping_add(more), Relaxed);
}

fn add(sum: &AtomicU64, more: u64) {
    sum.fetch_add(more, Relaxed);
}

macro_rules! counts {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Numbers of one thread's batch, or sums of all threads since the start.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct Tally {
            $($(#[$doc])* pub $name: u64,)*
            /// Answers by type ([`TYPES`]) and RCODE ([`CODES`]).
            pub kinds: [[u64; CODES.len()]; TYPES.len()],
            /// Answers by the time they took ([`LATENCY`]).
            pub latency: [u64; LATENCY.len() + 1],
            /// Answers of services by their TTL ([`LIFETIMES`]).
            pub lifetimes: [u64; LIFETIMES.len() + 1],
            /// The rows of `kinds` that are not all zero.
            touched: u32,
        }

        /// One thread's numbers; on cache lines of its own.
        #[repr(align(128))]
        #[derive(Debug, Default)]
        pub struct Cell {
            $($name: AtomicU64,)*
            kinds: [[AtomicU64; CODES.len()]; TYPES.len()],
            latency: [AtomicU64; LATENCY.len() + 1],
            lifetimes: [AtomicU64; LIFETIMES.len() + 1],
            lanes: Row,
        }

        impl Tally {
            fn named(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), self.$name),)*]
            }

            fn set(&mut self, name: &str, count: u64) {
                match name {
                    $(stringify!($name) => self.$name = count,)*
                    // Counted by another version.
                    _ => {}
                }
            }
        }

        impl Cell {
            fn put(&self, tally: &mut Tally, put: impl Fn(&AtomicU64, u64)) {
                if tally.lives > 0 {
                    put_all(&self.lifetimes, &mut tally.lifetimes, &put);
                }
                $(if tally.$name > 0 {
                    put(&self.$name, std::mem::take(&mut tally.$name));
                })*
                while let row @ 0..32 = tally.touched.trailing_zeros() as usize {
                    if let (Some(sums), Some(counts)) = (self.kinds.get(row), tally.kinds.get_mut(row)) {
                        put_all(sums, counts, &put);
                    }
                    tally.touched &= tally.touched - 1;
                }
                put_all(&self.latency, &mut tally.latency, &put);
            }

            fn read_into(&self, sum: &mut Tally) {
                $(sum.$name = sum.$name.wrapping_add(self.$name.load(Relaxed));)*
                for (sums, counts) in sum.kinds.iter_mut().zip(&self.kinds) {
                    read_all(sums, counts);
                }
                read_all(&mut sum.latency, &self.latency);
                read_all(&mut sum.lifetimes, &self.lifetimes);
            }
        }
    };
}

fn put_all(sums: &[AtomicU64], counts: &mut [u64], put: &impl Fn(&AtomicU64, u64)) {
    for (sum, count) in sums.iter().zip(counts) {
        if *count > 0 {
            put(sum, std::mem::take(count));
        }
    }
}

fn read_all(sums: &mut [u64], counts: &[AtomicU64]) {
    for (sum, count) in sums.iter_mut().zip(counts) {
        *sum = sum.wrapping_add(count.load(Relaxed));
    }
}

counts! {
    /// Messages received.
    queries,
    /// Answers made by the engine.
    answers,
    /// Answers cut short (TC).
    truncated,
    /// Messages that were not answered on purpose: responses, runts.
    dropped,
    /// Answers withheld because the client's network was answered often enough.
    withheld,
    /// Answers cut short for the same reason.
    limited,
    /// Answered queries with a good cookie of ours.
    cookies_good,
    /// Answered queries with a cookie that is not.
    cookies_wrong,
    /// Answered queries with the client's cookie alone.
    cookies_new,
    /// Messages handed to the transaction handler (transfers, NOTIFY, UPDATE, signed queries).
    transactions,
    /// Transactions given up because too many were waiting.
    transactions_refused,
    /// Answers that the kernel did not take.
    send_errors,
    /// Failed receive calls.
    receive_errors,
    /// Datagrams lost because the socket's buffer was full.
    overflows,
    /// TCP connections accepted.
    connections,
    /// TCP connections turned away because of a limit.
    connections_refused,
    /// TCP connections closed early to make room for newer ones.
    connections_evicted,
    /// TCP connections closed because a time limit passed amid a message or an answer.
    connections_stalled,
    /// Failed accept calls.
    accept_errors,
    /// TLS and QUIC handshakes begun.
    handshakes,
    /// Those that broke off, or were not done in time.
    handshakes_failed,
    /// Those that were ended to make room for newer ones.
    handshakes_evicted,
    /// TCP connections that have ended.
    connections_ended,
    /// The sum of the times in `latency`, in nanoseconds.
    took,
    /// The number of TTLs in `lifetimes`.
    lives,
    /// Their sum, in seconds.
    lived,
}

impl Tally {
    /// Counts an answer of the engine.
    #[inline]
    pub fn answered(&mut self, about: About) {
        self.answers += 1;
        self.truncated += u64::from(about.truncated);
        self.limited += u64::from(about.limited);
        match about.cookie {
            Shown::Nothing => {}
            Shown::Itself => self.cookies_new += 1,
            Shown::Wrong => self.cookies_wrong += 1,
            Shown::Good => self.cookies_good += 1,
        }
        let row = row(about.qtype);
        self.touched |= 1 << row;
        let codes = self.kinds.get_mut(row);
        if let Some(count) = codes.and_then(|codes| codes.get_mut(column(about.rcode))) {
            *count += 1;
        }
    }

    /// Counts the TTL of a service's answer, in seconds.
    #[inline]
    pub fn lives_for(&mut self, ttl: u32) {
        self.lives += 1;
        self.lived += u64::from(ttl);
        if let Some(count) = self.lifetimes.get_mut(bucket(&LIFETIMES, u64::from(ttl))) {
            *count += 1;
        }
    }

    /// Says that each of `answers` took this long, from when it was taken from the kernel until it was handed back.
    pub fn each_took(&mut self, answers: u64, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.took = self.took.saturating_add(nanos.saturating_mul(answers));
        if let Some(count) = self.latency.get_mut(bucket(&LATENCY, nanos)) {
            *count += answers;
        }
    }

    /// Adds the TTLs that `other` counted.
    pub fn live_as_long_as(&mut self, other: &Self) {
        self.lives += other.lives;
        self.lived += other.lived;
        for (sum, count) in self.lifetimes.iter_mut().zip(other.lifetimes) {
            *sum += count;
        }
    }

    /// Answers with this RCODE.
    #[must_use]
    pub fn of_rcode(&self, rcode: u16) -> u64 {
        let column = column(rcode);
        self.kinds.iter().filter_map(|codes| codes.get(column)).sum()
    }

    /// How long answers took, in nanoseconds.
    #[must_use]
    pub fn latencies(&self) -> Histogram {
        Histogram::of(&LATENCY, &self.latency, self.took)
    }

    /// The TTLs of services' answers, in seconds.
    #[must_use]
    pub fn ttls(&self) -> Histogram {
        Histogram::of(&LIFETIMES, &self.lifetimes, self.lived)
    }
}

impl Cell {
    /// Adds `tally` and empties it. Only for the one thread that writes into this cell.
    pub fn keep(&self, tally: &mut Tally) {
        self.put(tally, keep);
    }

    /// Adds `tally` and empties it; any thread may.
    pub fn add(&self, tally: &mut Tally) {
        self.put(tally, add);
    }

    /// What was answered for whom. Only for the one thread that writes into this cell.
    #[inline]
    pub fn keep_lane(&self, lane: u32) {
        self.lanes.put(lane, 1, keep);
    }

    /// The same; any thread may.
    #[inline]
    pub fn add_lane(&self, lane: u32, count: u64) {
        self.lanes.put(lane, count, add);
    }
}

/// All threads' numbers.
#[derive(Debug, Default)]
pub struct Counters {
    cells: Mutex<Vec<(&'static str, Arc<Cell>)>>,
    /// Those of the UDP workers, which beat at least once in two seconds.
    pub pulses: Pulses,
}

impl Counters {
    /// Nothing counted yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A new cell for one thread; `transport` is what [`Counters::totals`] sums by.
    #[must_use]
    pub fn cell(&self, transport: &'static str) -> Arc<Cell> {
        let cell = Arc::new(Cell::default());
        let mut cells = self.cells.lock().unwrap_or_else(PoisonError::into_inner);
        cells.push((transport, Arc::clone(&cell)));
        cell
    }

    /// Sums by transport (`"udp"`, `"tcp"`), in the order of their first cells.
    #[must_use]
    pub fn totals(&self) -> Vec<(&'static str, Tally)> {
        let mut totals: Vec<(&'static str, Tally)> = Vec::new();
        for (transport, cell) in self.cells.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            match totals.iter_mut().find(|(name, _)| name == transport) {
                Some((_, sum)) => cell.read_into(sum),
                None => {
                    let mut sum = Tally::default();
                    cell.read_into(&mut sum);
                    totals.push((transport, sum));
                }
            }
        }
        totals
    }

    /// Adds to `sums`, by lane, what all threads counted.
    pub fn read_lanes(&self, sums: &mut [u64]) {
        for (_, cell) in self.cells.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            cell.lanes.read_into(sums);
        }
    }

    /// The sum of one transport; zeros when there is none.
    #[must_use]
    pub fn total(&self, transport: &str) -> Tally {
        self.totals()
            .into_iter()
            .find(|(name, _)| *name == transport)
            .map_or_else(Tally::default, |(_, sum)| sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_summed_by_transport() {
        let counters = Counters::new();
        let (a, b, tcp) = (counters.cell("udp"), counters.cell("udp"), counters.cell("tcp"));
        let about = |rcode, truncated| About {
            rcode,
            truncated,
            qtype: 1,
            ..About::default()
        };
        let mut tally = Tally {
            queries: 3,
            ..Tally::default()
        };
        tally.answered(about(0, false));
        tally.answered(about(3, true));
        tally.answered(about(4095, false));
        tally.lives_for(30);
        tally.each_took(3, Duration::from_micros(20));
        a.keep(&mut tally);
        assert_eq!(tally, Tally::default(), "an added tally begins anew");
        tally.queries = 4;
        b.add(&mut tally);
        tally.connections = 1;
        tcp.add(&mut tally);
        let udp = counters.total("udp");
        assert_eq!(
            (udp.queries, udp.answers, udp.truncated, udp.connections),
            (7, 3, 1, 0)
        );
        assert_eq!([0, 3, 4095, 5].map(|code| udp.of_rcode(code)), [1, 1, 1, 0]);
        assert_eq!(counters.total("tcp").connections, 1);
        assert_eq!(counters.totals().len(), 2);
        assert_eq!((udp.ttls().count(), udp.ttls().sum()), (1, 30));
        assert_eq!((udp.latencies().count(), udp.latencies().sum()), (3, 60_000));
    }

    #[test]
    fn lanes_of_all_threads_are_summed() {
        let counters = Counters::new();
        let (udp, tcp) = (counters.cell("udp"), counters.cell("tcp"));
        for lane in [1, 1, 5000, u32::MAX] {
            udp.keep_lane(lane);
        }
        tcp.add_lane(5000, 7);
        let mut sums = vec![0; 5001];
        counters.read_lanes(&mut sums);
        assert_eq!((sums[0], sums[1], sums[5000]), (0, 2, 8));
    }
}
