//! A later reading of a zone, held against the one before record by record: what is the same is not kept twice.
//!
//! Reading a zone of a million records from scratch takes as much memory again as serving it does. Most edits change a
//! few records. So each record that is read is looked for in the contents before; those that are there are ticked off,
//! and only what is new is kept. What remains unticked at the end is gone.
//!
//! This is a short cut, never another meaning: at anything that deserves a second look (a mistake, a duplicate, very
//! many changes) it gives up, and the zone is read from scratch.

use std::sync::Arc;

use crate::wire::name::canonical_order;
use crate::zone::contents::owners::Owners;
use crate::zone::contents::{Contents, Follows};
use crate::zone::places::Places;
use crate::zone::report::Report;
use crate::zone::rrsets;

/// One part in so many may differ.
const FEW: usize = 8;
/// Records of a name that are looked through one by one.
const MANY_AT_ONE: usize = 256;

/// What a later reading is.
#[derive(Debug)]
pub enum Reading {
    /// The same records.
    Same,
    /// Others: sorted, without duplicates, one TTL in each RRset; see [`Contents::follows`].
    Changed(Contents),
}

/// The comparison, while records come.
#[derive(Debug)]
pub(in crate::zone) struct Later {
    known: Arc<Contents>,
    /// Where each owner's records begin.
    starts: Vec<u32>,
    owners: Owners,
    /// A bit for each known record: whether it came.
    seen: Vec<u64>,
    /// Where the next record is, if the text goes on as the contents do.
    next: usize,
    added: Contents,
}

impl Later {
    pub(in crate::zone) fn new(known: &Arc<Contents>) -> Self {
        let mut starts: Vec<u32> = Vec::new();
        let mut last: Option<&[u8]> = None;
        for (index, slot) in (0u32..).zip(&known.records) {
            let owner = known.owner(slot);
            if last.is_none_or(|last| !last.eq_ignore_ascii_case(owner)) {
                starts.push(index);
            }
            last = Some(owner);
        }
        let owners = Owners::new(starts.len(), |number| owner_of(known, &starts, number));
        Self {
            known: Arc::clone(known),
            owners,
            seen: vec![0; known.len().div_ceil(64)],
            next: 0,
            added: Contents::new(known.origin.clone()),
            starts,
        }
    }

    /// Takes a record as it was read; false when this is no case for a comparison.
    pub(in crate::zone) fn see(&mut self, owner: &[u8], rtype: u16, ttl: u32, rdata: &[u8]) -> bool {
        let is_it = |index: usize| {
            self.known.get(index).is_some_and(|known| {
                (known.rtype, known.ttl) == (rtype, ttl) && known.rdata == rdata && known.owner == owner
            })
        };
        let mut at = Some(self.next).filter(|&next| is_it(next));
        if at.is_none() {
            let known = &self.known;
            let number = self
                .owners
                .find(owner, |number| owner_of(known, &self.starts, number));
            if let Some(number) = number {
                let start = |number: usize| self.starts.get(number).map_or(known.len(), |&at| at as usize);
                let range = start(number)..start(number + 1);
                if range.len() > MANY_AT_ONE {
                    return false;
                }
                at = range.into_iter().find(|&index| is_it(index));
            }
        }
        let Some(index) = at else {
            return self.added.push(owner, rtype, ttl, rdata).is_ok() && self.added.len() <= self.most();
        };
        self.next = index + 1;
        let bit = 1u64 << (index % 64);
        match self.seen.get_mut(index / 64) {
            Some(word) if *word & bit == 0 => *word |= bit,
            _ => return false, // the same record again
        }
        true
    }

    /// How many records may be new, and how many may be gone.
    fn most(&self) -> usize {
        self.known.len() / FEW
    }

    fn is_seen(&self, index: usize) -> bool {
        let word = self.seen.get(index / 64).copied().unwrap_or(0);
        word >> (index % 64) & 1 == 1
    }

    /// What the whole text was; `None` when it must be read from scratch.
    pub(in crate::zone) fn finish(mut self) -> Option<Reading> {
        (self.starts, self.owners) = (Vec::new(), Owners::new(0, |_| &[]));
        let gone: Vec<usize> = (0..self.known.len())
            .filter(|&index| !self.is_seen(index))
            .collect();
        if gone.is_empty() && self.added.is_empty() {
            return Some(Reading::Same);
        }
        if gone.len() > self.most() {
            return None;
        }
        let gone = gone
            .iter()
            .filter_map(|&index| self.known.get(index))
            .map(|record| record.owner);
        let mut touched: Vec<Box<[u8]>> = gone
            .chain(self.added.records().map(|record| record.owner))
            .map(Box::from)
            .collect();
        touched.sort_unstable_by(|a, b| canonical_order(a, b));
        touched.dedup_by(|a, b| a.eq_ignore_ascii_case(b));

        let mut changes = Contents::new(self.known.origin.clone());
        let kept = touched
            .iter()
            .flat_map(|owner| self.known.owned_by(owner))
            .filter(|&index| self.is_seen(index))
            .filter_map(|index| self.known.get(index));
        for record in kept.chain(self.added.records()) {
            let pushed = changes.push(record.owner, record.rtype, record.ttl, record.rdata);
            pushed.ok()?;
        }
        changes.sort();
        let (mut places, mut report) = (Places::none(), Report::default());
        rrsets::settle(&mut changes, &mut places, &mut report);
        if !report.is_empty() {
            return None;
        }
        merged(&self.known, &changes, touched).map(Reading::Changed)
    }
}

fn owner_of<'c>(contents: &'c Contents, starts: &[u32], number: usize) -> &'c [u8] {
    starts
        .get(number)
        .and_then(|&start| contents.records.get(start as usize))
        .map_or(&[0], |slot| contents.owner(slot))
}

/// `known` with the records of the owners `touched` (in canonical order) replaced by those of `changes`; `None` when so
/// much was replaced since it was read from scratch that it is time to do that again.
fn merged(known: &Arc<Contents>, changes: &Contents, touched: Vec<Box<[u8]>>) -> Option<Contents> {
    let replaced: usize = touched.iter().map(|owner| known.owned_by(owner).len()).sum();
    let length = (known.len() + changes.len()).saturating_sub(replaced);
    let mut merged = Contents {
        origin: known.origin.clone(),
        shared: Arc::clone(&known.shared),
        own: known.own.clone(),
        // Exact: growing would take half as much again.
        records: Vec::with_capacity(length),
        follows: None,
    };
    let mut at = 0;
    for owner in &touched {
        let before = known.owned_by(owner);
        merged
            .records
            .extend_from_slice(known.records.get(at..before.start)?);
        at = before.end;
        let now = changes.owned_by(owner).filter_map(|index| changes.get(index));
        for record in now {
            let pushed = merged.push(record.owner, record.rtype, record.ttl, record.rdata);
            pushed.ok()?;
        }
    }
    merged.records.extend_from_slice(known.records.get(at..)?);
    merged.own.shrink_to_fit();
    merged.follows = Some(Follows {
        before: Arc::downgrade(known),
        touched: touched.into(),
    });
    (merged.own.len() <= merged.shared.len() / 4 + 4096).then_some(merged)
}
