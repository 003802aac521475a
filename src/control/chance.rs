//! Chance with a seed: SplitMix64 (Steele, Lea and Flood 2014), so that the same seed and events give the same effects.

use std::time::Duration;

/// A stream of numbers.
#[derive(Clone, Debug)]
pub struct Chance(u64);

/// Jitter takes at most this share off an interval, and never adds.
pub(crate) const JITTER: f64 = 0.1;

impl Chance {
    /// The stream of `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number, uniform in `u64`.
    pub fn throw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in [0, 1).
    #[allow(clippy::cast_precision_loss, reason = "53 bits fit a double exactly")]
    pub fn share(&mut self) -> f64 {
        (self.throw() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// `interval` with up to a tenth taken off.
    pub fn jittered(&mut self, interval: Duration) -> Duration {
        interval.mul_f64(1.0 - JITTER * self.share())
    }
}
