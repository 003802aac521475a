//! A zone in canonical order, compact: for checking, building, transfers.
//!
//! Records are appended to one arena as they are read, then sorted by owner (RFC 4034 section 6.1)
//! and type; nothing is boxed per record, so that a million of them cost little more than their octets.

pub mod later;
mod order;
pub(crate) mod owners;

use std::sync::{Arc, Weak};

use crate::wire::name::{Name, canonical_order};

/// All records of a zone, in canonical order of owners, then by type, then as they were read.
#[derive(Clone, Debug)]
pub struct Contents {
    origin: Name,
    /// Octets that a later reading shares with the one before it.
    shared: Arc<Vec<u8>>,
    /// The octets after those.
    own: Vec<u8>,
    records: Vec<Slot>,
    follows: Option<Follows>,
}

/// Where a record's octets are: owner at `owner`, behind an octet with its length, and data at `data`.
#[derive(Clone, Copy, Debug)]
struct Slot {
    owner: u32,
    data: u32,
    ttl: u32,
    data_len: u16,
    rtype: u16,
}

/// Of which contents these are a later reading, and where they differ.
#[derive(Clone, Debug)]
pub struct Follows {
    /// The contents before. While this is held, nothing else can lie at their address.
    pub before: Weak<Contents>,
    /// Owners whose records differ, in canonical order; each is there before, after, or both.
    pub touched: Arc<[Box<[u8]>]>,
}

/// One record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordRef<'a> {
    /// Owner in wire form, letter case kept.
    pub owner: &'a [u8],
    /// Type number.
    pub rtype: u16,
    /// Seconds.
    pub ttl: u32,
    /// RDATA in uncompressed wire form.
    pub rdata: &'a [u8],
}

/// The arena's offsets are 32 bits wide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the zone holds more than 4 GiB of record data")]
pub struct TooLarge;

impl Contents {
    /// An empty zone with this origin.
    #[must_use]
    pub fn new(origin: Name) -> Self {
        Self {
            origin,
            shared: Arc::default(),
            own: Vec::new(),
            records: Vec::new(),
            follows: None,
        }
    }

    /// The zone's origin.
    #[must_use]
    pub fn origin(&self) -> &Name {
        &self.origin
    }

    /// Appends a record; `owner` and `rdata` are uncompressed wire form. Call [`Contents::sort`] afterwards.
    ///
    /// # Errors
    /// [`TooLarge`] past 4 GiB.
    pub fn push(&mut self, owner: &[u8], rtype: u16, ttl: u32, rdata: &[u8]) -> Result<(), TooLarge> {
        let again = self
            .records
            .last()
            .filter(|last| self.owner(last) == owner)
            .map(|last| last.owner);
        let owner_at = match again {
            Some(at) => at,
            None => {
                let at = self.store(&[u8::try_from(owner.len()).map_err(|_| TooLarge)?])?;
                self.store(owner)?;
                at
            }
        };
        let data = self.store(rdata)?;
        self.records.push(Slot {
            owner: owner_at,
            data,
            ttl,
            data_len: u16::try_from(rdata.len()).map_err(|_| TooLarge)?,
            rtype,
        });
        Ok(())
    }

    fn store(&mut self, octets: &[u8]) -> Result<u32, TooLarge> {
        let at = u32::try_from(self.shared.len() + self.own.len()).map_err(|_| TooLarge)?;
        self.own.extend_from_slice(octets);
        Ok(at)
    }

    /// The octets from `at` on, at least `length` of them.
    fn octets(&self, at: u32, length: usize) -> &[u8] {
        let (at, shared) = (at as usize, self.shared.len());
        let octets = match at.checked_sub(shared) {
            None => self.shared.get(at..at + length),
            Some(at) => self.own.get(at..at + length),
        };
        octets.unwrap_or(&[])
    }

    fn owner(&self, slot: &Slot) -> &[u8] {
        let length = self.octets(slot.owner, 1).first().copied().unwrap_or(0);
        match self.octets(slot.owner, 1 + usize::from(length)) {
            [_, owner @ ..] if !owner.is_empty() => owner,
            _ => &[0],
        }
    }

    fn record(&self, slot: &Slot) -> RecordRef<'_> {
        RecordRef {
            owner: self.owner(slot),
            rtype: slot.rtype,
            ttl: slot.ttl,
            rdata: self.octets(slot.data, usize::from(slot.data_len)),
        }
    }

    /// Brings the records into canonical order; stable within one RRset. Returns for each position where its
    /// record was before.
    pub fn sort(&mut self) -> Vec<u32> {
        let order = order::canonical(
            self.origin.as_wire(),
            self.records.iter().map(|slot| (self.owner(slot), slot.rtype)),
        );
        self.records = order
            .iter()
            .filter_map(|&from| self.records.get(from as usize).copied())
            .collect();
        // Contents are kept beside what is built from them; the slack of growing would be up to as much again.
        self.records.shrink_to_fit();
        self.own.shrink_to_fit();
        if self.shared.is_empty() {
            self.shared = Arc::new(std::mem::take(&mut self.own));
        }
        order
    }

    /// What these are a later reading of; `None` when they were read from scratch.
    #[must_use]
    pub fn follows(&self) -> Option<&Follows> {
        self.follows.as_ref()
    }

    /// Removes the records at the positions that `keep` says no to; order and arena stay.
    pub fn retain(&mut self, mut keep: impl FnMut(usize) -> bool) {
        let mut index = 0;
        self.records.retain(|_| {
            index += 1;
            keep(index - 1)
        });
    }

    /// Gives the record at `index` another TTL, in seconds.
    pub fn set_ttl(&mut self, index: usize, ttl: u32) {
        if let Some(slot) = self.records.get_mut(index) {
            slot.ttl = ttl;
        }
    }

    /// How many records there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The record at `index`, in order.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<RecordRef<'_>> {
        self.records.get(index).map(|slot| self.record(slot))
    }

    /// The records that `owner` (wire form, any case) has: positions in the sorted contents, empty when none.
    /// Two binary searches.
    #[must_use]
    pub fn owned_by(&self, owner: &[u8]) -> std::ops::Range<usize> {
        let before = |slot: &Slot| canonical_order(self.owner(slot), owner).is_lt();
        let start = self.records.partition_point(before);
        let rest = self.records.get(start..).unwrap_or(&[]);
        start..start + rest.partition_point(|slot| self.owner(slot).eq_ignore_ascii_case(owner))
    }

    /// All records in order: RRsets are runs of equal owner and type.
    pub fn records(&self) -> impl Iterator<Item = RecordRef<'_>> {
        self.records.iter().map(|slot| self.record(slot))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_in_canonical_order_whatever_the_order_of_reading() {
        let name = |text: &str| Name::from_text(text).unwrap();
        let mut contents = Contents::new(name("example"));
        for (owner, rtype) in [
            ("z.example", 1),
            ("example", 6),
            ("a.example", 16),
            ("a.example", 1),
            ("example", 2),
        ] {
            contents.push(name(owner).as_wire(), rtype, 60, b"x").unwrap();
        }
        contents.sort();
        let seen: Vec<_> = contents
            .records()
            .map(|r| (Name::from_wire(r.owner).unwrap().to_string(), r.rtype))
            .collect();
        let expected = [
            ("example.", 2),
            ("example.", 6),
            ("a.example.", 1),
            ("a.example.", 16),
            ("z.example.", 1),
        ];
        assert!(seen.iter().map(|(n, t)| (n.as_str(), *t)).eq(expected));
        for (owner, range) in [
            ("example", 0..2),
            ("A.example", 2..4),
            ("b.example", 4..4),
            ("z.example", 4..5),
        ] {
            assert_eq!(contents.owned_by(name(owner).as_wire()), range, "{owner}");
        }
    }
}
