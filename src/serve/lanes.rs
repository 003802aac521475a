//! One thread's counts of what was answered for whom: a number for each lane (see
//! [`answer::served`](crate::answer::served)), in pages that are made when something on them is counted for the first
//! time. A server of a hundred thousand services of which a hundred are asked takes memory for those.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Lanes of a page: 8 KB.
const PAGE: usize = 1024;
/// Pages: four million lanes. What lies beyond is not counted.
const PAGES: usize = 4096;

type Page = Box<[AtomicU64]>;

/// Counts by lane.
#[derive(Debug)]
pub(super) struct Row {
    pages: Box<[OnceLock<Page>]>,
}

impl Default for Row {
    fn default() -> Self {
        Self {
            pages: (0..PAGES).map(|_| OnceLock::new()).collect(),
        }
    }
}

impl Row {
    /// Counts `more` on a lane by `put`.
    #[inline]
    pub(super) fn put(&self, lane: u32, more: u64, put: impl Fn(&AtomicU64, u64)) {
        let lane = lane as usize;
        if let Some(page) = self.pages.get(lane / PAGE)
            && let Some(sum) = page.get_or_init(blank).get(lane % PAGE)
        {
            put(sum, more);
        }
    }

    /// Adds to `sums`, by lane, what was counted.
    pub(super) fn read_into(&self, sums: &mut [u64]) {
        for (sums, page) in sums.chunks_mut(PAGE).zip(&self.pages) {
            let counts = page.get().into_iter().flatten();
            for (sum, count) in sums.iter_mut().zip(counts) {
                *sum = sum.wrapping_add(count.load(Relaxed));
            }
        }
    }
}

#[cold]
fn blank() -> Page {
    (0..PAGE).map(|_| AtomicU64::new(0)).collect()
}
