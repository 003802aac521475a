//! Names hashed and compared whatever their letter case, eight octets at a time, without a copy in lower case.

use std::hash::Hasher;
use std::sync::Arc;

use foldhash::SharedSeed;
use foldhash::quality::FoldHasher;

/// Octets of a name that are folded at once.
const WORD: usize = 8;

/// How names are hashed: seeded, so that nobody can choose names that collide.
#[derive(Clone, Debug)]
pub struct NameHash {
    seed: u64,
    shared: Arc<SharedSeed>,
}

impl NameHash {
    /// A hash of its own for each `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            seed: seed.rotate_left(32) ^ 0x9e37_79b9_7f4a_7c15,
            shared: Arc::new(SharedSeed::from_u64(seed)),
        }
    }

    /// The hash of a name in wire form, the same for every letter case.
    #[inline]
    #[must_use]
    pub fn of(&self, name: &[u8]) -> u64 {
        let mut hasher = FoldHasher::with_seed(self.seed ^ name.len() as u64, &self.shared);
        let (words, tail) = name.as_chunks::<WORD>();
        for word in words {
            hasher.write_u64(lower(u64::from_le_bytes(*word)));
        }
        hasher.write_u64(lower(last_word(name, tail)));
        hasher.finish()
    }
}

/// Whether two names in wire form are the same but for letter case; `key` is in lower case.
#[inline]
#[must_use]
pub fn is_same(name: &[u8], key: &[u8]) -> bool {
    if name.len() != key.len() {
        return false;
    }
    let ((words, tail), (key_words, key_tail)) = (name.as_chunks::<WORD>(), key.as_chunks::<WORD>());
    let same =
        |word: &[u8; WORD], key: &[u8; WORD]| lower(u64::from_le_bytes(*word)) == u64::from_le_bytes(*key);
    words.iter().zip(key_words).all(|(word, key)| same(word, key))
        && lower(last_word(name, tail)) == last_word(key, key_tail)
}

/// The octets after the last whole word: the name's last eight when it has so many (some of them once more, which does no
/// harm and saves a loop), else all of it.
#[inline]
fn last_word(name: &[u8], tail: &[u8]) -> u64 {
    match name.last_chunk::<WORD>() {
        Some(word) => u64::from_le_bytes(*word),
        None => tail.iter().fold(0, |word, &octet| word << 8 | u64::from(octet)),
    }
}

/// Eight octets in lower case. Octets of length are below `A` and stay as they are.
#[inline]
const fn lower(word: u64) -> u64 {
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let low = word & !HIGH;
    // The high bit of each octet: set from `A` on, and set past `Z`; carries cannot leave an octet.
    let from_a = low + 0x3f3f_3f3f_3f3f_3f3f;
    let past_z = low + 0x2525_2525_2525_2525;
    let capital = from_a & !past_z & !word & HIGH;
    word | capital >> 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_octet_folds_as_ascii_does_at_every_place() {
        for octet in 0..=255u8 {
            for place in 0..8 {
                let mut word = [b'Z'; 8];
                word[place] = octet;
                let folded = lower(u64::from_le_bytes(word)).to_le_bytes();
                assert_eq!(folded, word.to_ascii_lowercase().as_slice(), "{octet} at {place}");
            }
        }
    }

    #[test]
    fn names_of_every_length_are_the_same_in_every_letter_case_and_no_other_way() {
        let hash = NameHash::new(1);
        for length in 1..=255usize {
            let key: Vec<u8> = (0..length).map(|at| b'a' + (at % 26) as u8).collect();
            let mixed: Vec<u8> = key
                .iter()
                .enumerate()
                .map(|(at, octet)| {
                    if at % 3 == 0 {
                        octet.to_ascii_uppercase()
                    } else {
                        *octet
                    }
                })
                .collect();
            assert!(is_same(&mixed, &key));
            assert_eq!(hash.of(&mixed), hash.of(&key));
            for at in 0..length {
                let mut other = mixed.clone();
                other[at] ^= 1;
                assert!(!is_same(&other, &key));
                assert_ne!(hash.of(&other), hash.of(&key));
            }
            assert!(!is_same(&mixed[..length - 1], &key));
        }
    }

    #[test]
    fn seeds_make_different_hashes() {
        assert_ne!(NameHash::new(1).of(b"\x01a\0"), NameHash::new(2).of(b"\x01a\0"));
    }
}
