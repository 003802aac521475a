//! Owners of sorted contents by hash: four octets a slot, half of them empty, made when many names are looked for.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;

use crate::wire::name::MAX_NAME;

/// Numbers of owners by name.
#[derive(Debug)]
pub(crate) struct Owners(Vec<u32>);

impl Owners {
    /// Of `count` owners, each by its number.
    pub(crate) fn new<'a>(count: usize, owner: impl Fn(usize) -> &'a [u8]) -> Self {
        let mut owners = Self(vec![0; count.saturating_mul(2).max(2)]);
        for number in 0..count {
            let start = owners.first(hash(owner(number)));
            let value = u32::try_from(number + 1).unwrap_or(0);
            let (before, after) = owners.0.split_at_mut_checked(start).unwrap_or_default();
            if let Some(slot) = after.iter_mut().chain(before).find(|slot| **slot == 0) {
                *slot = value;
            }
        }
        owners
    }

    fn first(&self, hash: u64) -> usize {
        usize::try_from((hash >> 32).wrapping_mul(self.0.len() as u64) >> 32).unwrap_or(0)
    }

    /// The number of `name` (any letter case).
    pub(crate) fn find<'a>(&self, name: &[u8], owner: impl Fn(usize) -> &'a [u8]) -> Option<usize> {
        let (before, after) = self.0.split_at_checked(self.first(hash(name)))?;
        after
            .iter()
            .chain(before)
            .take_while(|slot| **slot != 0)
            .map(|slot| *slot as usize - 1)
            .find(|&number| owner(number).eq_ignore_ascii_case(name))
    }
}

/// Of a name in any letter case.
fn hash(name: &[u8]) -> u64 {
    let mut lower = [0u8; MAX_NAME];
    let lower = lower.get_mut(..name.len()).unwrap_or_default();
    lower.copy_from_slice(name.get(..lower.len()).unwrap_or_default());
    lower.make_ascii_lowercase();
    FixedState::default().hash_one(&*lower)
}
