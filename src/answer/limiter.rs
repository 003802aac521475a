//! How often one network is answered: a token for each answer, by network and kind of answer.
//!
//! The table has a fixed size and no locks. A *set* is one cache line of eight entries, chosen by a hash of the network,
//! so that it can be fetched before the kind of the answer is known. An entry is one word: a tag of network and kind,
//! and the time at which its bucket will be full again (the generic cell rate algorithm: that one number is the
//! bucket). A key that has no entry takes the one of its set whose bucket is fullest, *with what that bucket holds*: who
//! brings many keys into a set can never gain more than the set's eight buckets hold, and a heavy user is not forgotten
//! while there are lighter ones.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::model::abuse::RateSettings;
use crate::model::plan::Prefix;
use crate::model::time::Moment;
use crate::sys::memory;

/// Kinds of answers, each limited by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Data.
    Positive,
    /// The name exists, the type does not.
    NoData,
    /// The name does not exist.
    NxDomain,
    /// A delegation.
    Referral,
    /// Anything else.
    Error,
}

/// What becomes of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is sent.
    Pass,
    /// It is sent, cut short.
    Slip,
    /// It is not sent.
    Withhold,
}

/// Entries of a set: a cache line of them.
const WAYS: usize = 8;
/// Bits of an entry's time. In units of 2^-4 us they count 203 days; see [`debt`] for what is older.
const TIME: u32 = 48;
const MASK: u64 = (1 << TIME) - 1;
/// Units of time in a second.
const SECOND: u64 = 16_000_000;
/// Attempts at an entry that other threads change at the same time.
const TRIES: usize = 4;
/// Seconds without a limited answer after which the next one is news.
const QUIET: u64 = 60;

#[repr(align(64))]
#[derive(Debug, Default)]
struct Set([AtomicU64; WAYS]);

/// The table and its rules.
#[derive(Debug)]
pub struct Limiter {
    sets: Box<[Set]>,
    settings: RateSettings,
    /// Units of time that an answer costs, by kind.
    cost: [u64; RateSettings::KINDS],
    seed: u64,
    /// The second in which an answer was limited last, plus one; 0: never.
    limited: AtomicU64,
}

impl Limiter {
    /// An empty table; `seed` makes its hash unpredictable.
    #[must_use]
    pub fn new(settings: RateSettings, seed: u64) -> Self {
        let sets = settings.entries.div_ceil(WAYS).next_power_of_two();
        Self {
            sets: std::iter::repeat_with(Set::default).take(sets).collect(),
            cost: settings
                .per_second
                .map(|rate| SECOND / u64::from(rate.max(1)).min(SECOND)),
            settings,
            seed,
            limited: AtomicU64::new(0),
        }
    }

    /// The rules.
    #[must_use]
    pub fn settings(&self) -> &RateSettings {
        &self.settings
    }

    /// Octets of the table.
    #[must_use]
    pub fn octets(&self) -> usize {
        size_of_val(&*self.sets)
    }

    /// Asks for what is known of `address` to be near.
    #[inline]
    pub fn fetch(&self, address: IpAddr) {
        let set = self.set(self.hash(address));
        memory::prefetch_value(set);
    }

    /// Takes a token of `address` for an answer of `kind` at `now`. `dice` decides which of those without are cut short.
    #[inline]
    #[must_use]
    pub fn judge(&self, address: IpAddr, kind: Kind, now: Moment, dice: u64) -> Verdict {
        let Some(&cost) = self.cost.get(kind as usize) else {
            return Verdict::Pass;
        };
        let hash = self.hash(address);
        // The upper bits choose the set, the lower ones are the tag.
        let tag = (hash ^ (kind as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)) << TIME;
        let full = SECOND * u64::from(self.settings.burst);
        if self
            .set(hash)
            .take(tag, now.nanos() / 1000 * 16, cost, full.max(cost))
        {
            return Verdict::Pass;
        }
        self.refuse(address, now, dice)
    }

    #[cold]
    fn refuse(&self, address: IpAddr, now: Moment, dice: u64) -> Verdict {
        if self
            .settings
            .exempt
            .iter()
            .any(|network| network.contains(address))
        {
            return Verdict::Pass;
        }
        let second = now.nanos() / 1_000_000_000 + 1;
        // The first after a silence stays to be told, see `begins`.
        let last = self.limited.load(Relaxed);
        if last != second && last != 0 && second.saturating_sub(last) <= QUIET {
            self.limited.store(second, Relaxed);
        }
        match self.settings.slip {
            0 => Verdict::Withhold,
            slip if dice.is_multiple_of(u64::from(slip)) => Verdict::Slip,
            _ => Verdict::Withhold,
        }
    }

    /// Whether what was limited at `now` is news: nothing was for a minute, and nobody was told yet. Asked after
    /// something was limited.
    #[must_use]
    pub fn begins(&self, now: Moment) -> bool {
        let second = now.nanos() / 1_000_000_000 + 1;
        let last = self.limited.load(Relaxed);
        (last == 0 || second.saturating_sub(last) > QUIET)
            && self
                .limited
                .compare_exchange(last, second, Relaxed, Relaxed)
                .is_ok()
    }

    /// The network of `address`, as it is told to operators.
    #[must_use]
    pub fn network(&self, address: IpAddr) -> Prefix {
        let (length, width) = self.lengths(address);
        let keep = u32::from(length).min(width);
        let address = match address {
            IpAddr::V4(four) => {
                IpAddr::from((u32::from(four) & u32::MAX.checked_shl(32 - keep).unwrap_or(0)).to_be_bytes())
            }
            IpAddr::V6(six) => {
                IpAddr::from((u128::from(six) & u128::MAX.checked_shl(128 - keep).unwrap_or(0)).to_be_bytes())
            }
        };
        Prefix { address, length }
    }

    fn lengths(&self, address: IpAddr) -> (u8, u32) {
        match address {
            IpAddr::V4(_) => (self.settings.ipv4_prefix, 32),
            IpAddr::V6(_) => (self.settings.ipv6_prefix, 128),
        }
    }

    #[inline]
    fn hash(&self, address: IpAddr) -> u64 {
        let word = match address {
            IpAddr::V4(four) => {
                let keep = u32::from(self.settings.ipv4_prefix).min(32);
                u64::from(u32::from(four)) >> (32 - keep) | 1 << 40
            }
            IpAddr::V6(six) => {
                let keep = u32::from(self.settings.ipv6_prefix).min(128);
                let network = u128::from(six).checked_shr(128 - keep).unwrap_or(0);
                // The upper half counts as well, where more than 64 bits make a network.
                mix(network as u64, self.seed.rotate_left(17)) ^ mix((network >> 64) as u64, !self.seed)
            }
        };
        mix(mix(word, self.seed), self.seed.rotate_left(31))
    }

    #[inline]
    fn set(&self, hash: u64) -> &Set {
        static NONE: Set = Set([const { AtomicU64::new(0) }; WAYS]);
        // A power of two of sets.
        self.sets
            .get((hash >> 32) as usize & (self.sets.len() - 1))
            .unwrap_or(&NONE)
    }
}

/// Folds the 128-bit product of two words into one: an unknown seed makes it unpredictable.
#[inline]
fn mix(word: u64, seed: u64) -> u64 {
    let product = u128::from(word ^ seed) * u128::from(seed | 0x9e37_79b9_7f4a_7c15);
    product as u64 ^ (product >> 64) as u64
}

/// How far from full the bucket of `entry` is, in units of time. What seems further than a bucket can be is a time long
/// past that the clock has come round to.
#[inline]
const fn debt(entry: u64, now: u64, full: u64) -> u64 {
    let ahead = entry.wrapping_sub(now) & MASK;
    if ahead > full || entry == 0 { 0 } else { ahead }
}

impl Set {
    /// Whether there was a token for `tag`, which is taken.
    #[inline]
    fn take(&self, tag: u64, now: u64, cost: u64, full: u64) -> bool {
        for _ in 0..TRIES {
            // Its own entry, else the one with the smallest debt: by the order of what is compared.
            let mut best = (true, u64::MAX);
            let mut chosen = (&self.0[0], 0);
            for slot in &self.0 {
                let entry = slot.load(Relaxed);
                let rank = (entry & !MASK != tag, debt(entry, now, full));
                if rank < best {
                    (best, chosen) = (rank, (slot, entry));
                }
            }
            let after = best.1 + cost;
            if after > full {
                return false;
            }
            let entry = tag | (now.wrapping_add(after) & MASK);
            let (slot, seen) = chosen;
            if slot.compare_exchange(seen, entry, Relaxed, Relaxed).is_ok() {
                return true;
            }
        }
        // Others of the same set were answered meanwhile, and as many times.
        true
    }
}

#[cfg(test)]
mod tests;
