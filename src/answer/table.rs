//! Names of one zone to their nodes: flat, open addressing, one arena.
//!
//! A slot is eight octets: a tag of 32 bits of the name's hash, and where in the arena the node lies, in units of
//! four octets. Half of the slots are empty, and a found name costs one slot and the node: two cache misses in a
//! zone of a million records. The hash is seeded per process, so that nobody can choose names that collide.

use std::sync::Arc;

use crate::answer::hash::{NameHash, is_same};
use crate::answer::node::{CUT, DNAME, Node, OCCLUDED, WILDCARD_BELOW};
use crate::sys::memory;
use crate::wire::name::{MAX_NAME, Name, canonical_order};

/// Octets of the arena per unit of an offset.
pub const UNIT: usize = 4;

/// Hashed slots: what [`Table`] and the index of zones share.
#[derive(Debug, Default)]
pub struct Slots(Box<[[u8; 8]]>);

impl Slots {
    /// Room for `entries`.
    #[must_use]
    pub fn for_entries(entries: usize) -> Self {
        let slots = vec![[0; 8]; entries.saturating_mul(2).max(2)].into_boxed_slice();
        memory::advise_huge(slots.as_flattened());
        Self(slots)
    }

    #[inline]
    fn first(&self, hash: u64) -> usize {
        usize::try_from((hash >> 32).wrapping_mul(self.0.len() as u64) >> 32).unwrap_or(0)
    }

    /// Enters `value` (not 0). Full slots take nothing more; that is excluded by [`Slots::for_entries`].
    pub fn enter(&mut self, hash: u64, value: u32) {
        let (start, tag) = (self.first(hash), hash << 32);
        let (before, after) = self.0.split_at_mut_checked(start).unwrap_or((&mut [], &mut []));
        if let Some(slot) = after.iter_mut().chain(before).find(|slot| **slot == [0; 8]) {
            *slot = (tag | u64::from(value)).to_le_bytes();
        }
    }

    /// The slot with the value that `is` the one.
    fn seat(&mut self, hash: u64, is: impl Fn(u32) -> bool) -> Option<&mut [u8; 8]> {
        let (start, tag) = (self.first(hash), hash << 32);
        let (before, after) = self.0.split_at_mut_checked(start)?;
        after
            .iter_mut()
            .chain(before)
            .take_while(|slot| **slot != [0; 8])
            .find(|slot| {
                let slot = u64::from_le_bytes(**slot);
                (slot ^ tag) >> 32 == 0 && is((slot & 0xffff_ffff) as u32)
            })
    }

    /// Puts `value` in the place of the one that `is` it; false when there is none.
    pub(crate) fn replace(&mut self, hash: u64, is: impl Fn(u32) -> bool, value: u32) -> bool {
        let Some(slot) = self.seat(hash, is) else {
            return false;
        };
        *slot = (hash << 32 | u64::from(value)).to_le_bytes();
        true
    }

    /// Takes out the value that `is` the one. Its slot stays taken, by what no name is found under: at offset 0 there is
    /// no node.
    pub(crate) fn remove(&mut self, hash: u64, is: impl Fn(u32) -> bool) {
        if let Some(slot) = self.seat(hash, is) {
            *slot = ((hash << 32).max(1 << 32)).to_le_bytes();
        }
    }

    /// The same, to be changed.
    pub(crate) fn copy(&self) -> Self {
        let mut slots = vec![[0; 8]; self.0.len()].into_boxed_slice();
        memory::advise_huge(slots.as_flattened());
        slots.copy_from_slice(&self.0);
        Self(slots)
    }

    /// How many there are, and how many of them are taken.
    pub(crate) fn fill(&self) -> (usize, usize) {
        let taken = self.0.iter().filter(|slot| **slot != [0; 8]).count();
        (self.0.len(), taken)
    }

    /// Asks for the first slot under `hash` to be near when it is needed.
    #[inline]
    pub fn prefetch(&self, hash: u64) {
        memory::prefetch(self.0.as_flattened(), self.first(hash) * 8);
    }

    /// The first value under `hash` that `is` the one.
    #[inline]
    pub fn find<T>(&self, hash: u64, mut is: impl FnMut(u32) -> Option<T>) -> Option<T> {
        let (mut at, tag) = (self.first(hash), hash << 32);
        loop {
            let slot = u64::from_le_bytes(*self.0.get(at)?);
            if slot == 0 {
                return None;
            }
            if (slot ^ tag) >> 32 == 0
                && let Some(found) = is((slot & 0xffff_ffff) as u32)
            {
                return Some(found);
            }
            at += 1;
            if at == self.0.len() {
                at = 0;
            }
        }
    }
}

/// Octets that several tables may share.
#[derive(Debug)]
pub struct Arena(pub(crate) Box<[u8]>);

/// An arena of exactly the octets that are used, on huge pages when it is large.
#[must_use]
pub fn settle(arena: &[u8]) -> Box<[u8]> {
    let mut settled = vec![0; arena.len()].into_boxed_slice();
    memory::advise_huge(&settled);
    settled.copy_from_slice(arena);
    settled
}

/// The SOA of negative answers (RFC 2308 section 3).
#[derive(Clone, Debug, Default)]
pub struct Negative {
    /// The record, encoded as in a node for a question that is the apex, with the TTL of negative answers.
    pub record: Box<[u8]>,
    /// The least of the SOA's TTL and its MINIMUM.
    pub ttl: u32,
}

/// The names of a zone.
#[derive(Debug)]
pub struct Table {
    pub(crate) origin: Name,
    pub(crate) key: Box<[u8]>,
    pub(crate) hash: NameHash,
    pub(crate) slots: Slots,
    pub(crate) arena: Arc<Arena>,
    /// What comes after the arena: nodes of names that changed since it was built, in canonical order. Those that they
    /// replace stay in the arena, where no slot leads to them.
    pub(crate) patch: Box<[u8]>,
    /// Offset of the apex.
    pub(crate) apex: usize,
    pub(crate) labels: usize,
    pub(crate) deepest: usize,
    pub(crate) negative: Negative,
}

/// What a name is within a zone.
#[derive(Clone, Copy, Debug)]
pub enum Standing<'t> {
    /// It exists, and the zone speaks for it (a cut included: its DS is the zone's).
    Exists(Node<'t>),
    /// It lies at or below this cut or DNAME, which is the topmost.
    Below(Node<'t>),
    /// It does not exist; this wildcard speaks for it (RFC 4592).
    Wildcard(Node<'t>),
    /// It does not exist.
    Missing,
}

impl Table {
    /// The origin, as written.
    #[must_use]
    pub fn origin(&self) -> &Name {
        &self.origin
    }

    /// SOA and TTL of negative answers.
    #[must_use]
    pub fn negative(&self) -> &Negative {
        &self.negative
    }

    /// The hash that the names are entered under.
    #[must_use]
    pub fn hash(&self) -> &NameHash {
        &self.hash
    }

    /// The node of `name` (any letter case).
    #[inline]
    #[must_use]
    pub fn node(&self, hash: u64, name: &[u8]) -> Option<Node<'_>> {
        self.slots.find(hash, |unit| {
            self.node_at(unit as usize * UNIT)
                .filter(|node| is_same(name, node.key()))
        })
    }

    /// The octets from `offset` of the arena on, or of what comes after it.
    #[inline]
    fn octets_at(&self, offset: usize) -> Option<&[u8]> {
        let arena = &*self.arena.0;
        match offset.checked_sub(arena.len()) {
            None => arena.get(offset..),
            Some(after) => self.patch.get(after..),
        }
    }

    /// The node that begins at `offset`.
    #[inline]
    pub(crate) fn node_at(&self, offset: usize) -> Option<Node<'_>> {
        Node::read(self.octets_at(offset)?)
    }

    /// Asks for the slot of a name to be near.
    #[inline]
    pub(crate) fn prefetch_slot(&self, hash: u64) {
        self.slots.prefetch(hash);
    }

    /// Asks for what is probably the node of a name to be near.
    #[inline]
    pub(crate) fn prefetch_node(&self, hash: u64) {
        if let Some(unit) = self.slots.find(hash, Some) {
            let octets = self.octets_at(unit as usize * UNIT).unwrap_or(&[]);
            memory::prefetch(octets, 0);
            memory::prefetch(octets, 64);
        }
    }

    /// The apex.
    #[must_use]
    pub fn apex(&self) -> Option<Node<'_>> {
        self.node_at(self.apex)
    }

    /// All nodes in canonical order, the apex first.
    pub fn nodes(&self) -> impl Iterator<Item = Node<'_>> {
        let end = self.arena.0.len();
        let patched = !self.patch.is_empty();
        let is_in_force = move |(at, node): &(usize, Node<'_>)| {
            !patched || self.offset_of(self.hash.of(node.key()), node.key()) == Some(*at)
        };
        let mut first = self.run(UNIT, end).filter(is_in_force).peekable();
        let mut second = self.run(end, usize::MAX).peekable();
        std::iter::from_fn(move || {
            let later = match (first.peek(), second.peek()) {
                (_, None) => false,
                (None, Some(_)) => true,
                (Some((_, a)), Some((_, b))) => canonical_order(b.key(), a.key()).is_lt(),
            };
            let next = if later { second.next() } else { first.next() };
            next.map(|(_, node)| node)
        })
    }

    /// The nodes that lie one after the other from `offset` on, with their offsets.
    pub(crate) fn run(&self, offset: usize, end: usize) -> impl Iterator<Item = (usize, Node<'_>)> {
        let mut offset = offset;
        std::iter::from_fn(move || {
            let node = (offset < end).then(|| self.node_at(offset)).flatten()?;
            let at = offset;
            offset += node.length().next_multiple_of(UNIT);
            Some((at, node))
        })
    }

    /// Where the node of `name` lies.
    pub(crate) fn offset_of(&self, hash: u64, name: &[u8]) -> Option<usize> {
        self.slots.find(hash, |unit| {
            let offset = unit as usize * UNIT;
            let node = self.node_at(offset)?;
            is_same(name, node.key()).then_some(offset)
        })
    }

    /// What `name` (any letter case, within the zone, of `labels` labels, hashed) is in the zone.
    #[inline]
    #[must_use]
    pub fn standing(&self, hash: u64, name: &[u8], labels: usize) -> Standing<'_> {
        match self.node(hash, name) {
            Some(node) if !node.is_any(OCCLUDED) => Standing::Exists(node),
            found => self.climb(found, name, labels),
        }
    }

    /// Where `name` does not exist or is occluded: up to the closest encloser, and on to the topmost cut.
    #[inline(never)]
    fn climb(&self, found: Option<Node<'_>>, name: &[u8], labels: usize) -> Standing<'_> {
        let (mut rest, mut depth, mut seen) = (name, labels, found.is_some());
        while depth > self.labels {
            let step = 1 + usize::from(rest.first().copied().unwrap_or(0));
            rest = rest.get(step..).unwrap_or(&[0]);
            depth -= 1;
            if depth > self.deepest {
                continue;
            }
            let Some(node) = self.node(self.hash.of(rest), rest) else {
                continue;
            };
            if node.is_any(OCCLUDED) {
                seen = true;
                continue;
            }
            if node.is_any(CUT | DNAME) {
                return Standing::Below(node);
            }
            if seen {
                return Standing::Missing; // an occluded name without a cut above it: excluded when built
            }
            if !node.is_any(WILDCARD_BELOW) {
                return Standing::Missing;
            }
            return self
                .wildcard_at(rest)
                .map_or(Standing::Missing, Standing::Wildcard);
        }
        Standing::Missing
    }

    /// The wildcard right below `encloser`.
    fn wildcard_at(&self, encloser: &[u8]) -> Option<Node<'_>> {
        let mut wildcard = [0; MAX_NAME];
        let name = wildcard.get_mut(..2 + encloser.len())?;
        let (star, end) = name.split_at_mut(2);
        star.copy_from_slice(b"\x01*");
        end.copy_from_slice(encloser);
        self.node(self.hash.of(name), name)
    }

    /// The wildcard that speaks for `name`, which does not exist, whether or not the zone speaks for either: glue.
    pub(crate) fn wildcard_for(&self, name: &[u8]) -> Option<Node<'_>> {
        let mut rest = name;
        while rest.len() > self.key.len() {
            rest = rest.get(1 + usize::from(*rest.first()?)..)?;
            if let Some(encloser) = self.node(self.hash.of(rest), rest) {
                return encloser
                    .is(WILDCARD_BELOW)
                    .then(|| self.wildcard_at(rest))
                    .flatten();
            }
        }
        None
    }

    /// Octets that the table takes.
    #[must_use]
    pub fn octets(&self) -> usize {
        self.arena.0.len() + self.patch.len() + self.slots.0.len() * 8
    }
}
