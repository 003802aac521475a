//! Addresses of the names in MX, SRV, NS, SVCB and HTTPS: added when there is room, without TC otherwise.

use crate::answer::fit::Reply;
use crate::answer::lookup::{Asked, Place};
use crate::answer::node::{CUT, Node, RECORD_HEADER, RrSet, target};
use crate::answer::positive::{write_given, write_set};
use crate::answer::table::Standing;
use crate::wire::compose::{Full, Section};
use crate::wire::name::{MAX_NAME, labels};
use crate::wire::rtype::{A, AAAA, HTTPS, SVCB, compressible};

/// How many different targets of one RRset are looked up; more would not fit anyway.
const TARGETS: usize = 32;

/// Nodes whose addresses were written.
#[derive(Default)]
pub(crate) struct Written<'s> {
    keys: [&'s [u8]; TARGETS],
    count: usize,
}

impl<'s> Written<'s> {
    /// Remembers `node`; whether it was not there yet (or there are too many to say).
    pub(crate) fn is_new(&mut self, node: &Node<'s>) -> bool {
        if self.keys.iter().take(self.count).any(|key| *key == node.key()) {
            return false;
        }
        if let Some(slot) = self.keys.get_mut(self.count) {
            *slot = node.key();
            self.count += 1;
        }
        true
    }
}

/// Adds the addresses for `set`, which was copied to `start`; the names in its data are learnt on the way.
#[inline(never)]
pub(crate) fn at_question<'s>(
    asked: &Asked<'s>,
    reply: &mut Reply<'_, 's>,
    place: Place<'s>,
    node: Node<'s>,
    set: RrSet<'s>,
    skip: usize,
    start: usize,
) {
    reply.composer.learn_question();
    if compressible(set.rtype).is_some() {
        let mut at = start;
        for record in set.records().take(TARGETS) {
            reply.composer.learn(at + RECORD_HEADER + skip);
            at += RECORD_HEADER + record.data.len();
        }
    }
    of_set(asked, reply, place, node, set, skip);
}

/// Adds the addresses for `set` of `node`, which stands in the answer section.
pub(crate) fn of_set<'s>(
    asked: &Asked<'s>,
    reply: &mut Reply<'_, 's>,
    place: Place<'s>,
    owner: Node<'s>,
    set: RrSet<'s>,
    skip: usize,
) {
    let mut written = Written::default();
    for record in set.records().take(TARGETS) {
        let mut name = [0; MAX_NAME];
        let length = target(record.data, skip, owner.name(), &mut name);
        let Some(name) = name.get(..length).filter(|name| !name.is_empty()) else {
            continue;
        };
        let there = match (name, set.rtype) {
            // In ServiceMode the root stands for the owner (RFC 9460 section 2.5.2); elsewhere for nobody.
            ([0], SVCB | HTTPS)
                if !record.data.starts_with(&[0, 0]) && !owner.key().starts_with(b"\x01*") =>
            {
                Some((place, owner))
            }
            ([0], _) => None,
            (name, _) => authoritative(asked, name),
        };
        if let Some((place, node)) = there.filter(|(_, node)| written.is_new(node))
            && addresses(asked, reply, place, node, node.name()).is_err()
        {
            return;
        }
    }
}

/// Where `name` stands, when some zone here speaks for it.
pub(crate) fn authoritative<'s>(asked: &Asked<'s>, name: &[u8]) -> Option<(Place<'s>, Node<'s>)> {
    let hash = asked.snapshot.zones().hash().of(name);
    let depth = labels(name).count();
    let zones = asked.snapshot.zones();
    let zone = zones.get(zones.find(name, depth)?)?;
    let table = zone.table.as_deref().filter(|_| zone.permits(asked.source))?;
    match table.standing(hash, name, depth) {
        Standing::Exists(node) if !node.is(CUT) => Some((Place { zone, table }, node)),
        _ => None,
    }
}

/// Adds the addresses at `node` under the name `owner`: of its service, or its RRsets.
///
/// # Errors
/// [`Full`] when an RRset did not fit; what fitted stays.
pub(crate) fn addresses<'s>(
    asked: &Asked<'s>,
    reply: &mut Reply<'_, 's>,
    place: Place<'s>,
    node: Node<'s>,
    owner: &[u8],
) -> Result<(), Full> {
    let service = asked.service(place, node);
    for rtype in [A, AAAA] {
        if let Some(answers) = service
            && let Some(family) = answers.family(rtype)
        {
            let given = family.give(&asked.client, asked.dice);
            if answers.cname_of(&given).is_some() {
                return Ok(()); // an alias: resolvers follow it by themselves
            }
            let ttl = answers.ttl(asked.now);
            write_given(reply, Section::Additional, owner, rtype, ttl, given)?;
        } else if let Some(set) = node.set(rtype) {
            // Addresses hold no names, so no memory is needed to expand them.
            write_set(reply, Section::Additional, owner, node, set, &mut Vec::new())?;
        }
    }
    Ok(())
}
