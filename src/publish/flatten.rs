//! Contents to Table, off-line: one pass in canonical order.
//!
//! Canonical order puts an ancestor before everything below it and keeps subtrees together, so a stack of
//! ancestors is enough to know what is occluded, which empty non-terminals are missing, and where a wildcard
//! belongs. Services that stand at names without records make nodes like any other.

use std::iter::Peekable;
use std::sync::Arc;

use crate::answer::hash::NameHash;
use crate::answer::node::{
    CNAME, CUT, DIRECTORY_ENTRY, DNAME, MIXED_CASE, NODE_HEADER, OCCLUDED, RECORD_HEADER, SERVICE,
    WILDCARD_BELOW, shorten,
};
use crate::answer::table::{Arena, Negative, Slots, Table, UNIT, settle};
use crate::wire::name::{Name, canonical_order, is_within, labels};
use crate::wire::rtype;
use crate::zone::contents::{Contents, RecordRef, TooLarge};

/// A node that was written and may have something below it.
struct Ancestor {
    offset: usize,
    name_len: usize,
    flags: u8,
}

struct Flattening {
    arena: Vec<u8>,
    stack: Vec<Ancestor>,
    nodes: usize,
    deepest: usize,
}

/// Builds the table of a zone. `services` are the owners of its services; the table numbers them by their place.
///
/// Records outside the zone are left out, and so are static addresses where a service stands: both are refused
/// when a zone is checked.
///
/// # Errors
/// [`TooLarge`] when the encoded zone passes the reach of 32-bit offsets.
pub fn flatten(contents: &Contents, services: &[Name], hash: &NameHash) -> Result<Table, TooLarge> {
    let origin = contents.origin().as_wire();
    let mut standing: Vec<(usize, &Name)> = services
        .iter()
        .enumerate()
        .filter(|(_, name)| name.is_within(contents.origin()))
        .collect();
    standing.sort_by(|a, b| a.1.cmp(b.1));
    standing.dedup_by(|later, first| later.1 == first.1);

    let mut flat = Flattening {
        arena: Vec::with_capacity(estimate(contents)),
        stack: Vec::new(),
        nodes: 0,
        deepest: 0,
    };
    flat.arena.resize(UNIT, 0); // so that no node lies at offset 0, which marks an empty slot
    let mut records = contents
        .records()
        .filter(|record| is_within(record.owner, origin))
        .peekable();
    let mut standing = standing.into_iter().peekable();
    let mut group = Vec::new();
    let first = records.peek().map(|record| record.owner);
    if first.is_none_or(|owner| owner.len() != origin.len())
        && standing.peek().is_none_or(|(_, name)| name != &contents.origin())
    {
        flat.node(origin, None, &[])?; // no record at the apex: refused when checked, but a table has one
    }
    loop {
        let owner = match (records.peek(), standing.peek()) {
            (None, None) => break,
            (Some(record), None) => record.owner,
            (None, Some((_, name))) => name.as_wire(),
            (Some(record), Some((_, name))) => {
                if canonical_order(name.as_wire(), record.owner).is_lt() {
                    name.as_wire()
                } else {
                    record.owner
                }
            }
        };
        take_group(&mut records, owner, &mut group);
        let service = standing.next_if(|(_, name)| name.as_wire().eq_ignore_ascii_case(owner));
        flat.node(owner, service.map(|(index, _)| index), &group)?;
    }
    Ok(flat.into_table(contents.origin(), hash))
}

/// Moves all records of `owner` into `group`.
fn take_group<'c>(
    records: &mut Peekable<impl Iterator<Item = RecordRef<'c>>>,
    owner: &[u8],
    group: &mut Vec<RecordRef<'c>>,
) {
    group.clear();
    while let Some(record) = records.next_if(|record| record.owner.eq_ignore_ascii_case(owner)) {
        group.push(record);
    }
}

/// Octets of the arena at the most (empty non-terminals aside), so that it need not grow.
fn estimate(contents: &Contents) -> usize {
    let (mut octets, mut owner, mut rtype) = (UNIT, &[][..], 0);
    for record in contents.records() {
        if record.owner != owner {
            (owner, rtype) = (record.owner, 0);
            octets += NODE_HEADER + owner.len() + UNIT;
        }
        if record.rtype != rtype {
            rtype = record.rtype;
            octets += DIRECTORY_ENTRY;
        }
        octets += RECORD_HEADER + record.rdata.len();
    }
    octets
}

impl Flattening {
    /// Writes the node of `owner` after the empty non-terminals above it that are missing.
    fn node(
        &mut self,
        owner: &[u8],
        service: Option<usize>,
        group: &[RecordRef<'_>],
    ) -> Result<(), TooLarge> {
        while self
            .stack
            .last()
            .is_some_and(|last| !is_within(owner, self.name_of(last)))
        {
            self.stack.pop();
        }
        if let Some(above) = self.stack.last().map(|last| last.name_len) {
            let mut missing = Vec::new();
            let mut at = 0;
            loop {
                at += 1 + usize::from(owner.get(at).copied().unwrap_or(0));
                if owner.len().saturating_sub(at) <= above {
                    break;
                }
                missing.push(at);
            }
            for &at in missing.iter().rev() {
                self.write(owner.get(at..).unwrap_or(&[0]), None, &[])?;
            }
        }
        self.write(owner, service, group)
    }

    fn name_of(&self, ancestor: &Ancestor) -> &[u8] {
        let start = ancestor.offset + NODE_HEADER;
        self.arena.get(start..start + ancestor.name_len).unwrap_or(&[0])
    }

    fn write(
        &mut self,
        owner: &[u8],
        service: Option<usize>,
        group: &[RecordRef<'_>],
    ) -> Result<(), TooLarge> {
        let wildcard = owner.starts_with(b"\x01*");
        let mut flags = 0;
        let apex = self.stack.is_empty();
        if let Some(parent) = self.stack.last_mut() {
            if parent.flags & (OCCLUDED | CUT | DNAME) != 0 {
                flags |= OCCLUDED;
            }
            if wildcard && let Some(slot) = self.arena.get_mut(parent.offset + 1) {
                *slot |= WILDCARD_BELOW;
            }
        }
        let offset = self.arena.len();
        let flags = write_node(&mut self.arena, owner, flags, apex, service, group)?;
        self.stack.push(Ancestor {
            offset,
            name_len: owner.len(),
            flags,
        });
        self.nodes += 1;
        self.deepest = self.deepest.max(labels(owner).count());
        Ok(())
    }

    fn into_table(self, origin: &Name, hash: &NameHash) -> Table {
        let arena = settle(&self.arena);
        let mut table = Table {
            origin: origin.clone(),
            key: origin.as_wire().to_ascii_lowercase().into(),
            hash: hash.clone(),
            slots: Slots::for_entries(self.nodes),
            arena: Arc::new(Arena(arena)),
            patch: Box::default(),
            apex: UNIT,
            labels: origin.label_count(),
            deepest: self.deepest,
            negative: Negative::default(),
        };
        let mut slots = std::mem::take(&mut table.slots);
        for (offset, node) in table.run(UNIT, usize::MAX) {
            slots.enter(hash.of(node.key()), u32::try_from(offset / UNIT).unwrap_or(0));
        }
        table.slots = slots;
        table.negative = negative(&table);
        table
    }
}

/// Appends the node of `owner`: `flags` are those that come from the names around it, and the flags it has are returned.
pub(super) fn write_node(
    arena: &mut Vec<u8>,
    owner: &[u8],
    mut flags: u8,
    apex: bool,
    service: Option<usize>,
    group: &[RecordRef<'_>],
) -> Result<u8, TooLarge> {
    let wildcard = owner.starts_with(b"\x01*");
    for record in group {
        flags |= match record.rtype {
            rtype::NS if !apex && flags & OCCLUDED == 0 => CUT,
            rtype::DNAME if flags & OCCLUDED == 0 => DNAME,
            rtype::CNAME => CNAME,
            _ => 0,
        };
    }
    if service.is_some() {
        flags |= SERVICE;
    }
    if owner.iter().any(u8::is_ascii_uppercase) {
        flags |= MIXED_CASE;
    }
    let is_set =
        |record: &&RecordRef<'_>| service.is_none() || !matches!(record.rtype, rtype::A | rtype::AAAA);
    let kept: Vec<RecordRef<'_>> = group.iter().filter(is_set).copied().collect();
    let sets: Vec<&[RecordRef<'_>]> = kept.chunk_by(|a, b| a.rtype == b.rtype).collect();

    u32::try_from(arena.len() / UNIT).map_err(|_| TooLarge)?;
    let name_len = u8::try_from(owner.len()).map_err(|_| TooLarge)?;
    let count = u16::try_from(sets.len()).map_err(|_| TooLarge)?.to_le_bytes();
    arena.extend([name_len, flags, count[0], count[1]]);
    arena.extend(owner.iter().map(u8::to_ascii_lowercase));
    if flags & MIXED_CASE != 0 {
        arena.extend_from_slice(owner);
    }
    if let Some(index) = service {
        let index = u32::try_from(index).map_err(|_| TooLarge)?;
        arena.extend(index.to_le_bytes());
    }
    let directory = arena.len();
    arena.resize(directory + DIRECTORY_ENTRY * sets.len(), 0);
    for (index, set) in sets.iter().enumerate() {
        let start = arena.len();
        write_set(arena, owner, if wildcard { 2 } else { 0 }, set)?;
        let length = u32::try_from(arena.len() - start).map_err(|_| TooLarge)?;
        let count = u16::try_from(set.len()).unwrap_or(u16::MAX);
        let rtype = set.first().map_or(0, |record| record.rtype);
        let at = directory + DIRECTORY_ENTRY * index;
        if let Some((head, tail)) = arena
            .get_mut(at..at + DIRECTORY_ENTRY)
            .and_then(|entry| entry.split_at_mut_checked(4))
        {
            tail.copy_from_slice(&length.to_le_bytes());
            let [t0, t1] = rtype.to_le_bytes();
            let [c0, c1] = count.to_le_bytes();
            head.copy_from_slice(&[t0, t1, c0, c1]);
        }
    }
    arena.resize(arena.len().next_multiple_of(UNIT), 0);
    Ok(flags)
}

/// Appends the records of one set, all with the lowest TTL among them (RFC 2181 section 5.2).
fn write_set(arena: &mut Vec<u8>, owner: &[u8], keep: usize, set: &[RecordRef<'_>]) -> Result<(), TooLarge> {
    let ttl = set.iter().map(|record| record.ttl).min().unwrap_or(0);
    for record in set {
        let [t0, t1] = record.rtype.to_be_bytes();
        let [a, b, c, d] = ttl.to_be_bytes();
        arena.extend([0xc0, 0x0c, t0, t1, 0, 1, a, b, c, d, 0, 0]);
        let start = arena.len();
        shorten(record.rtype, record.rdata, owner, keep, arena);
        let length = u16::try_from(arena.len() - start).map_err(|_| TooLarge)?;
        if let Some(slot) = arena.get_mut(start - 2..start) {
            slot.copy_from_slice(&length.to_be_bytes());
        }
    }
    Ok(())
}

/// The SOA record with the TTL of negative answers: the least of its TTL and MINIMUM (RFC 2308 section 3).
pub(super) fn negative(table: &Table) -> Negative {
    let Some(set) = table.apex().and_then(|apex| apex.set(rtype::SOA)) else {
        return Negative::default();
    };
    let Some(soa) = set.records().next() else {
        return Negative::default();
    };
    let minimum = soa
        .data
        .last_chunk()
        .map_or(0, |octets| u32::from_be_bytes(*octets));
    let ttl = soa.ttl.min(minimum);
    let mut record: Box<[u8]> = set
        .octets
        .get(..RECORD_HEADER + soa.data.len())
        .unwrap_or(&[])
        .into();
    if let Some(slot) = record.get_mut(6..10) {
        slot.copy_from_slice(&ttl.to_be_bytes());
    }
    Negative { record, ttl }
}
