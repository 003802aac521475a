//! Delegations: the cut's NS, and the addresses without which they cannot be reached.

use crate::answer::additional::Written;
use crate::answer::fit::Reply;
use crate::answer::lookup::{Asked, Place};
use crate::answer::node::{Node, target};
use crate::answer::{additional, positive};
use crate::wire::compose::Section;
use crate::wire::name::{MAX_NAME, is_within};
use crate::wire::rtype::NS;

/// Refers to the servers of `cut`. AA stays only for what stands in the answer section already.
///
/// All in-domain glue belongs to a referral: where it does not fit, TC says so (RFC 9471 section 3.1). Addresses of
/// servers elsewhere are added as far as there is room. A wildcard below the cut gives glue, too, as it would for the
/// zone there.
#[inline(never)]
pub(crate) fn write<'s>(
    asked: &Asked<'s>,
    reply: &mut Reply<'_, 's>,
    place: Place<'s>,
    cut: Node<'s>,
    data: &mut Vec<u8>,
) {
    reply.authoritative = reply.composer.count(Section::Answer) > 0;
    reply.composer.learn_question();
    let Some(set) = cut.set(NS) else {
        return;
    };
    if positive::write_set(reply, Section::Authority, cut.name(), cut, set, data).is_err() {
        reply.truncated = true;
        return;
    }
    let mut written = Written::default();
    for in_domain in [true, false] {
        for record in set.records() {
            let mut name = [0; MAX_NAME];
            let length = target(record.data, 0, cut.name(), &mut name);
            let Some(name) = name.get(..length).filter(|name| !name.is_empty()) else {
                continue;
            };
            if is_within(name, cut.key()) != in_domain {
                continue;
            }
            let hash = asked.snapshot.zones().hash().of(name);
            let glue = match place.table.node(hash, name) {
                Some(node) => Some((place, node)),
                None => additional::authoritative(asked, name),
            };
            let glue = match glue {
                Some((place, node)) => written.is_new(&node).then(|| (place, node, node.name())),
                None if in_domain => place.table.wildcard_for(name).map(|node| (place, node, name)),
                None => None,
            };
            let Some((place, node, owner)) = glue else {
                continue;
            };
            if additional::addresses(asked, reply, place, node, owner).is_err() {
                reply.truncated |= in_domain;
                return;
            }
        }
    }
}
