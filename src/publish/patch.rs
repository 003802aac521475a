//! The table of a later reading: what did not change is shared with the table before, and only the slots are copied.
//!
//! A change that reaches beyond its own name (a delegation or DNAME that comes or goes, a wildcard that does) changes
//! flags of other names; such zones are built anew, as are those of which much has changed.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::answer::node::{CUT, DNAME, NODE_HEADER, Node, OCCLUDED, WILDCARD_BELOW};
use crate::answer::table::{Negative, Table, UNIT};
use crate::publish::flatten::{negative, write_node};
use crate::wire::name::{Name, canonical_order, is_within, labels};
use crate::zone::contents::{Contents, RecordRef};

/// Nodes in the patch, per slot of the table, that are worth carrying on: more are better built in.
const MOST_PER_SLOTS: usize = 16;

struct Patch<'t> {
    before: &'t Table,
    contents: &'t Contents,
    /// Owners of services, in the order of their numbers.
    services: &'t [Name],
    /// Nodes that are new or changed, in canonical order.
    fresh: Vec<u8>,
    nodes: Vec<usize>,
    /// Names in `fresh`, in lower case, with their flags.
    written: HashMap<Box<[u8]>, u8>,
    /// Names that are no more, in lower case.
    gone: HashSet<Box<[u8]>>,
    deepest: usize,
}

/// The table of `contents`, in which only the owners `touched` (in canonical order) differ from what `before` was built
/// from, with services at the same names; `None` when it must be built anew.
#[must_use]
pub fn patch(before: &Table, contents: &Contents, services: &[Name], touched: &[Box<[u8]>]) -> Option<Table> {
    let mut patch = Patch {
        before,
        contents,
        services,
        fresh: Vec::new(),
        nodes: Vec::new(),
        written: HashMap::new(),
        gone: HashSet::new(),
        deepest: before.deepest,
    };
    let (slots, taken) = before.slots.fill();
    let most = slots / MOST_PER_SLOTS + 64;
    // Names that went leave their slots taken.
    if taken > slots / 8 * 5 {
        return None;
    }
    for owner in touched {
        patch.name(owner)?;
        if patch.nodes.len() > most {
            return None;
        }
    }
    patch.table(most)
}

impl Patch<'_> {
    /// What has become of `owner`.
    fn name(&mut self, owner: &[u8]) -> Option<()> {
        let key = owner.to_ascii_lowercase();
        let origin = self.before.origin.as_wire();
        if !is_within(owner, origin) {
            return None;
        }
        let contents = self.contents;
        let group: Vec<RecordRef<'_>> = contents
            .owned_by(owner)
            .filter_map(|index| contents.get(index))
            .collect();
        let is_apex = key.len() == origin.len();
        let written = group.first().map_or(owner, |record| record.owner);
        let Some(old) = self.before.node(self.before.hash.of(&key), &key) else {
            if group.is_empty() || self.written.contains_key(&*key) {
                return None;
            }
            self.above(owner)?;
            return self.write(written, 0, None, &group);
        };
        let inherited = old.flags(OCCLUDED | WILDCARD_BELOW);
        let service = old.service();
        if group.is_empty() && service.is_none() && !is_apex && !self.is_something_below(owner) {
            return self.remove(owner);
        }
        let named = if group.is_empty() { old.name() } else { written };
        let before = old.flags(CUT | DNAME);
        let at = self.fresh.len();
        self.write(named, inherited, service, &group)?;
        let now = self.fresh.get(at + 1).copied().unwrap_or(0) & (CUT | DNAME);
        (now == before).then_some(())
    }

    /// Writes the empty non-terminals that are missing above a new name; `None` where that is a matter for all names
    /// around.
    fn above(&mut self, owner: &[u8]) -> Option<()> {
        if owner.starts_with(b"\x01*") {
            return None;
        }
        let mut missing = Vec::new();
        let mut rest = owner;
        loop {
            rest = rest.get(1 + usize::from(*rest.first()?)..)?;
            if rest.len() < self.before.key.len() {
                return None;
            }
            let key = rest.to_ascii_lowercase();
            if self.gone.contains(&*key) {
                return None;
            }
            if let Some(node) = self.before.node(self.before.hash.of(&key), &key) {
                if node.is_any(OCCLUDED | CUT | DNAME) {
                    return None;
                }
                break;
            }
            if let Some(&flags) = self.written.get(&*key) {
                if flags & (OCCLUDED | CUT | DNAME) != 0 {
                    return None;
                }
                break;
            }
            if rest.starts_with(b"\x01*") {
                return None;
            }
            missing.push(rest);
        }
        for name in missing.iter().rev() {
            self.write(name, 0, None, &[])?;
        }
        Some(())
    }

    /// A name without records, services and names below it is gone, and so are the names above it that were only there
    /// for its sake.
    fn remove(&mut self, owner: &[u8]) -> Option<()> {
        let mut name = owner;
        loop {
            let key: Box<[u8]> = name.to_ascii_lowercase().into();
            let node = self.before.node(self.before.hash.of(&key), &key)?;
            if name.starts_with(b"\x01*") || node.is(WILDCARD_BELOW) || self.written.contains_key(&key) {
                return None;
            }
            self.gone.insert(key);
            name = name.get(1 + usize::from(*name.first()?)..)?;
            let is_needed = name.len() <= self.before.key.len()
                || !self.contents.owned_by(name).is_empty()
                || self.is_service(name)
                || self.is_something_below(name)
                || self.gone.contains(&*name.to_ascii_lowercase());
            if is_needed {
                return Some(());
            }
        }
    }

    fn is_service(&self, name: &[u8]) -> bool {
        let key = name.to_ascii_lowercase();
        self.before
            .node(self.before.hash.of(&key), &key)
            .is_some_and(|node| node.service().is_some())
    }

    /// Whether records or services stand below `name`.
    fn is_something_below(&self, name: &[u8]) -> bool {
        let below = |owner: &[u8]| owner.len() > name.len() && is_within(owner, name);
        let end = self.contents.owned_by(name).end;
        self.contents.get(end).is_some_and(|next| below(next.owner))
            || self.services.iter().any(|owner| below(owner.as_wire()))
    }

    fn write(
        &mut self,
        owner: &[u8],
        flags: u8,
        service: Option<usize>,
        group: &[RecordRef<'_>],
    ) -> Option<()> {
        let at = self.fresh.len();
        let is_apex = owner.len() == self.before.key.len();
        let flags = write_node(&mut self.fresh, owner, flags, is_apex, service, group).ok()?;
        self.nodes.push(at);
        self.written.insert(owner.to_ascii_lowercase().into(), flags);
        self.deepest = self.deepest.max(labels(owner).count());
        Some(())
    }

    /// The patch of before with what is new, and the slots that lead there.
    fn table(self, most: usize) -> Option<Table> {
        let before = self.before;
        let end = before.arena.0.len();
        let offset_in_force = |key: &[u8]| before.offset_of(before.hash.of(key), key);
        let mut kept = before
            .run(end, usize::MAX)
            .filter(|(at, node)| {
                let key = node.key();
                !self.written.contains_key(key)
                    && !self.gone.contains(key)
                    && offset_in_force(key) == Some(*at)
            })
            .map(|(_, node)| node.octets())
            .peekable();
        let mut fresh = self
            .nodes
            .iter()
            .filter_map(|&at| Node::read(self.fresh.get(at..)?))
            .map(|node| node.octets())
            .peekable();
        let key = |octets: &[u8]| {
            let length = octets.first().map_or(0, |&length| usize::from(length));
            octets
                .get(NODE_HEADER..NODE_HEADER + length)
                .map(<[u8]>::to_vec)
                .unwrap_or_default()
        };
        let mut octets = Vec::with_capacity(before.patch.len() + self.fresh.len());
        let mut slots = before.slots.copy();
        let (mut apex, mut count) = (before.apex, 0);
        loop {
            let is_kept = match (kept.peek(), fresh.peek()) {
                (None, None) => break,
                (Some(_), None) => true,
                (None, Some(_)) => false,
                (Some(a), Some(b)) => canonical_order(&key(a), &key(b)).is_lt(),
            };
            let node = if is_kept { kept.next() } else { fresh.next() }?;
            let (name, offset) = (key(node), end + octets.len());
            let unit = u32::try_from(offset / UNIT).ok()?;
            let hash = before.hash.of(&name);
            let is_it = |unit: u32| {
                let node = before.node_at(unit as usize * UNIT);
                node.is_some_and(|node| node.key() == name)
            };
            if !slots.replace(hash, is_it, unit) {
                slots.enter(hash, unit);
            }
            if name.len() == before.key.len() {
                apex = offset;
            }
            octets.extend_from_slice(node);
            octets.resize(octets.len().next_multiple_of(UNIT), 0);
            count += 1;
        }
        for name in &self.gone {
            slots.remove(before.hash.of(name), |unit| {
                let node = before.node_at(unit as usize * UNIT);
                node.is_some_and(|node| node.key() == &**name)
            });
        }
        if count > most {
            return None;
        }
        let mut table = Table {
            origin: before.origin.clone(),
            key: before.key.clone(),
            hash: before.hash.clone(),
            slots,
            arena: Arc::clone(&before.arena),
            patch: octets.into(),
            apex,
            labels: before.labels,
            deepest: self.deepest,
            negative: Negative::default(),
        };
        table.negative = negative(&table);
        Some(table)
    }
}
