//! What the front ends count. Each thread counts into a [`Tally`] of its own and adds it to its [`Cell`] once a
//! batch, so that counting costs a query next to nothing; whoever reads sums the cells.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use crate::answer::snapshot::About;

/// RCODEs counted apart: 0..=23 (BADCOOKIE is 23); what is larger counts as the last.
pub const RCODES: usize = 25;

macro_rules! counts {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Numbers of one thread's batch, or sums of all threads since the start.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct Tally {
            $($(#[$doc])* pub $name: u64,)*
            /// Answers by RCODE.
            pub rcodes: [u64; RCODES],
        }

        /// One thread's numbers; on cache lines of its own.
        #[repr(align(128))]
        #[derive(Debug, Default)]
        pub struct Cell {
            $($name: AtomicU64,)*
            rcodes: [AtomicU64; RCODES],
        }

        impl Cell {
            /// Adds `tally` and empties it.
            pub fn add(&self, tally: &mut Tally) {
                $(if tally.$name > 0 {
                    self.$name.fetch_add(tally.$name, Relaxed);
                })*
                for (sum, count) in self.rcodes.iter().zip(&tally.rcodes) {
                    if *count > 0 {
                        sum.fetch_add(*count, Relaxed);
                    }
                }
                *tally = Tally::default();
            }

            fn read_into(&self, sum: &mut Tally) {
                $(sum.$name = sum.$name.wrapping_add(self.$name.load(Relaxed));)*
                for (sum, count) in sum.rcodes.iter_mut().zip(&self.rcodes) {
                    *sum = sum.wrapping_add(count.load(Relaxed));
                }
            }
        }
    };
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
}

impl Tally {
    /// Counts an answer of the engine.
    #[inline]
    pub fn answered(&mut self, about: About) {
        self.answers += 1;
        self.truncated += u64::from(about.truncated);
        if let Some(count) = self.rcodes.get_mut(usize::from(about.rcode).min(RCODES - 1)) {
            *count += 1;
        }
    }
}

/// All threads' numbers.
#[derive(Debug, Default)]
pub struct Counters {
    cells: Mutex<Vec<(&'static str, Arc<Cell>)>>,
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
        };
        let mut tally = Tally {
            queries: 3,
            ..Tally::default()
        };
        tally.answered(about(0, false));
        tally.answered(about(3, true));
        tally.answered(about(4095, false));
        a.add(&mut tally);
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
        assert_eq!((udp.rcodes[0], udp.rcodes[3], udp.rcodes[RCODES - 1]), (1, 1, 1));
        assert_eq!(counters.total("tcp").connections, 1);
        assert_eq!(counters.totals().len(), 2);
    }
}
