//! Takes queries out of what comes, for a successor that has to answer them as this server does.
//!
//! A closed sampler costs a worker one look a batch, at a line that nobody writes.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::model::time::{Moment, Now};
use crate::serve::desk::Queries;

/// A query that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The message.
    pub query: Vec<u8>,
    /// Who sent it.
    pub client: IpAddr,
    /// When.
    pub at: Now,
}

/// Shared by the workers and whoever wants samples.
#[derive(Debug, Default)]
pub struct Sampler {
    open: AtomicBool,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    samples: Vec<Sample>,
    most: usize,
    /// Between two of them, so that they spread over the whole time.
    apart: Duration,
    next: Moment,
}

impl Sampler {
    /// Takes up to `most` queries from now on, spread over `time`.
    pub fn open(&self, most: usize, time: Duration) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let apart = time / u32::try_from(most.max(1)).unwrap_or(u32::MAX);
        *taken = Taken {
            most,
            apart,
            ..Taken::default()
        };
        self.open.store(most > 0, Ordering::Release);
    }

    /// Whether queries are wanted.
    #[inline]
    pub fn is_open(&self) -> bool {
        self.open.load(Ordering::Relaxed)
    }

    /// Takes one of these, when it is time; a worker that meets another here passes.
    #[cold]
    pub fn take<'q>(&self, queries: &impl Queries<'q>, now: Now) {
        let Ok(mut taken) = self.taken.try_lock() else {
            return;
        };
        if now.moment < taken.next {
            return;
        }
        if taken.samples.len() >= taken.most {
            self.open.store(false, Ordering::Release);
            return;
        }
        let (Some(query), Some(client)) = (queries.octets(0), queries.sender(0)) else {
            return;
        };
        taken.next = now.moment.after(taken.apart);
        let query = query.to_vec();
        taken.samples.push(Sample {
            query,
            client,
            at: now,
        });
    }

    /// Ends it; what was taken.
    pub fn close(&self) -> Vec<Sample> {
        self.open.store(false, Ordering::Release);
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut taken.samples)
    }
}
