//! Counts by size: what a histogram of the metrics is made of. Whole numbers of whatever unit; bounds are fixed.

use std::time::Duration;

/// Bounds of a histogram and its counts so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Histogram {
    bounds: &'static [u64],
    /// One more than there are bounds: the last is what is larger than all of them. Not cumulative.
    counts: Box<[u64]>,
    sum: u64,
}

impl Histogram {
    /// Nothing counted yet. `bounds` grow; a value belongs to the first that is not smaller.
    #[must_use]
    pub fn new(bounds: &'static [u64]) -> Self {
        Self::of(bounds, &[], 0)
    }

    /// Counts made elsewhere, by bucket as [`bucket`] numbers them, with the sum of all values.
    #[must_use]
    pub fn of(bounds: &'static [u64], counts: &[u64], sum: u64) -> Self {
        let all = (0..=bounds.len()).map(|index| counts.get(index).copied().unwrap_or(0));
        Self {
            bounds,
            counts: all.collect(),
            sum,
        }
    }

    /// Counts one value.
    pub fn observe(&mut self, value: u64) {
        if let Some(count) = self.counts.get_mut(bucket(self.bounds, value)) {
            *count = count.saturating_add(1);
        }
        self.sum = self.sum.saturating_add(value);
    }

    /// Counts a time, in nanoseconds.
    pub fn took(&mut self, time: Duration) {
        self.observe(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    }

    /// How many were counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Their sum.
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.sum
    }

    /// How many were at most each bound: bound and cumulative count.
    pub fn cumulative(&self) -> impl Iterator<Item = (u64, u64)> {
        let mut so_far = 0;
        self.bounds.iter().zip(&self.counts).map(move |(bound, count)| {
            so_far += count;
            (*bound, so_far)
        })
    }
}

/// Which bucket a value belongs to: `bounds.len()` when it is larger than all.
#[inline]
#[must_use]
pub fn bucket(bounds: &[u64], value: u64) -> usize {
    // No branches: for the few bounds that there are this is quicker than a search.
    bounds.iter().map(|bound| usize::from(value > *bound)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_counts_below_every_bound_that_it_does_not_pass() {
        static BOUNDS: [u64; 3] = [10, 20, 30];
        let mut histogram = Histogram::new(&BOUNDS);
        for value in [0, 10, 11, 30, 31, 1000] {
            histogram.observe(value);
        }
        let cumulative: Vec<_> = histogram.cumulative().collect();
        assert_eq!(cumulative, [(10, 2), (20, 3), (30, 4)]);
        assert_eq!((histogram.count(), histogram.sum()), (6, 1082));
        let again = Histogram::of(&BOUNDS, &[2, 1, 1, 2], 1082);
        assert_eq!(again, histogram);
    }
}
