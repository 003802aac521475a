//! Chance for picking among answers: xorshift, one a thread, seeded from the system. Not for secrets.

use std::hash::{BuildHasher, Hasher, RandomState};

/// A generator of uniform 64-bit numbers (xorshift64*).
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// A generator with a seed of its own from the system.
    #[must_use]
    pub fn from_system() -> Self {
        Self::seeded(RandomState::new().build_hasher().finish())
    }

    /// A generator with this seed.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        // Zero is the one state that xorshift never leaves.
        Self(seed | 1)
    }

    /// The next number.
    #[inline]
    pub fn roll(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bit_comes_up_about_half_the_time() {
        let mut dice = Dice::seeded(0);
        let mut ones = [0u32; 64];
        for _ in 0..10_000 {
            let roll = dice.roll();
            for (bit, count) in ones.iter_mut().enumerate() {
                *count += u32::from(roll >> bit & 1 == 1);
            }
        }
        assert!(
            ones.iter().all(|count| (4_700..=5_300).contains(count)),
            "{ones:?}"
        );
    }

    #[test]
    fn two_generators_of_the_system_differ() {
        assert_ne!(Dice::from_system().roll(), Dice::from_system().roll());
    }
}
