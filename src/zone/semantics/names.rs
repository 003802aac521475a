//! The names of a zone: by a hash where they are, by binary search where they would be.

use std::cell::{Cell, OnceCell};

use crate::wire::name::{canonical_order, is_within};
use crate::zone::contents::owners::Owners;
use crate::zone::contents::{Contents, RecordRef};

/// Names that are searched for before an index is worth its memory.
const FEW: u32 = 1_000;

/// Where each owner's records begin.
pub(super) struct Names<'z> {
    pub(super) contents: &'z Contents,
    starts: Vec<u32>,
    /// How many names were looked for.
    asked: Cell<u32>,
    /// Made when many names are looked for: a delegation-rich zone of a million records asks two million times.
    index: OnceCell<Owners>,
}

/// One owner: its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Node(usize);

/// What a name is in a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// It owns records.
    Node(Node),
    /// Only names below it do.
    EmptyNonTerminal,
    /// A wildcard speaks for it.
    Wildcard(Node),
    /// Nothing.
    Missing,
}

impl<'z> Names<'z> {
    pub(super) fn new(contents: &'z Contents) -> Self {
        let mut starts = Vec::new();
        let mut last: Option<&[u8]> = None;
        for (index, record) in (0u32..).zip(contents.records()) {
            if last.is_none_or(|last| !last.eq_ignore_ascii_case(record.owner)) {
                starts.push(index);
            }
            last = Some(record.owner);
        }
        Self {
            contents,
            starts,
            asked: Cell::new(0),
            index: OnceCell::new(),
        }
    }

    /// All owners in canonical order.
    pub(super) fn nodes(&self) -> impl Iterator<Item = Node> + use<> {
        (0..self.starts.len()).map(Node)
    }

    pub(super) fn owner(&self, node: Node) -> &'z [u8] {
        self.range(node)
            .next()
            .and_then(|index| self.contents.get(index))
            .map_or(&[0], |record| record.owner)
    }

    fn range(&self, node: Node) -> std::ops::Range<usize> {
        let start = |node: usize| {
            self.starts
                .get(node)
                .map_or(self.contents.len(), |&start| start as usize)
        };
        start(node.0)..start(node.0 + 1)
    }

    /// Its records with their positions in the contents, by type.
    pub(super) fn records(&self, node: Node) -> impl Iterator<Item = (usize, RecordRef<'z>)> + use<'z> {
        let contents = self.contents;
        self.range(node)
            .filter_map(move |index| Some((index, contents.get(index)?)))
    }

    /// The types of its records, one each.
    pub(super) fn types(&self, node: Node) -> impl Iterator<Item = u16> + use<'z> {
        self.records(node).map(|(_, record)| record.rtype)
    }

    fn position(&self, name: &[u8]) -> usize {
        self.starts.partition_point(|&start| {
            self.contents
                .get(start as usize)
                .is_some_and(|record| canonical_order(record.owner, name).is_lt())
        })
    }

    /// The owner called `name`.
    pub(super) fn node(&self, name: &[u8]) -> Option<Node> {
        if self.asked.get() < FEW {
            self.asked.set(self.asked.get() + 1);
            let is_it = |node: &Node| self.owner(*node).eq_ignore_ascii_case(name);
            return Some(Node(self.position(name))).filter(is_it);
        }
        let owner = |number| self.owner(Node(number));
        let index = self.index.get_or_init(|| Owners::new(self.starts.len(), owner));
        index.find(name, owner).map(Node)
    }

    fn exists(&self, name: &[u8]) -> Option<Found> {
        let node = Node(self.position(name));
        let owner = self.owner(node);
        if owner.eq_ignore_ascii_case(name) {
            Some(Found::Node(node))
        } else {
            is_within(owner, name).then_some(Found::EmptyNonTerminal)
        }
    }

    /// What `name`, within the zone, is (RFC 4592 section 3.3).
    pub(super) fn find(&self, name: &[u8]) -> Found {
        if let Some(node) = self.node(name) {
            return Found::Node(node);
        }
        if let Some(found) = self.exists(name) {
            return found;
        }
        let mut above = parent(name);
        while let Some(ancestor) = above.filter(|name| is_within(name, self.contents.origin().as_wire())) {
            if self.exists(ancestor).is_some() {
                let wildcard = [b"\x01*", ancestor].concat();
                return self.node(&wildcard).map_or(Found::Missing, Found::Wildcard);
            }
            above = parent(ancestor);
        }
        Found::Missing
    }
}

/// A name in wire form without its first label; `None` for the root.
pub(super) fn parent(name: &[u8]) -> Option<&[u8]> {
    let length = usize::from(*name.first()?);
    if length == 0 { None } else { name.get(1 + length..) }
}
