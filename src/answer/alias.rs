//! CNAME chains and DNAME (RFC 6672), step by step across all zones of the server.
//!
//! Bounded, and no name twice. The RCODE is that of the last name (RFC 6604 section 3); where the chain leaves what is
//! served here, the resolver goes on by itself.

use crate::answer::fit::Reply;
use crate::answer::lookup::{Asked, Place};
use crate::answer::node::{CNAME, CUT, Node, expand, target};
use crate::answer::served::Kind;
use crate::answer::service::Given;
use crate::answer::table::Standing;
use crate::answer::{additional, facets, negative, positive, referral};
use crate::wire::compose::{Full, Section};
use crate::wire::name::{MAX_NAME, labels};
use crate::wire::rtype::{self, rcode, target_at};

/// Steps of a chain; resolvers follow about as many before they give up.
const STEPS: usize = 16;

/// What follows a step.
enum Next {
    /// Go on with the name of this many octets.
    Name(usize),
    /// The answer is complete.
    End,
}

/// Follows the chain that begins at the question, whose name is `question`.
#[inline(never)]
pub(crate) fn chase<'s>(
    asked: &Asked<'s>,
    reply: &mut Reply<'_, 's>,
    first: Place<'s>,
    first_hash: u64,
    first_standing: Standing<'s>,
    question: &[u8],
    data: &mut Vec<u8>,
) {
    let (mut place, mut hash, mut standing) = (first, first_hash, first_standing);
    let mut seen = [0u64; STEPS];
    let mut dnames = [&[][..]; STEPS];
    let (mut owner, mut name) = ([0; MAX_NAME], [0; MAX_NAME]);
    let mut owner_len = question.len();
    if let Some(slot) = owner.get_mut(..owner_len) {
        slot.copy_from_slice(question);
    }
    reply.composer.learn_question();
    for step in 0..STEPS {
        let this = owner.get(..owner_len).unwrap_or(&[0]);
        if let Some(slot) = seen.get_mut(step) {
            *slot = hash;
        }
        let next = match standing {
            Standing::Exists(node) if node.is(CUT) && asked.question.qtype != rtype::DS => {
                referral::write(asked, reply, place, node, data);
                Next::End
            }
            Standing::Exists(node) | Standing::Wildcard(node) => {
                at_node(asked, reply, place, node, this, &mut name, data)
            }
            Standing::Below(node) if node.is(CUT) => {
                referral::write(asked, reply, place, node, data);
                Next::End
            }
            Standing::Below(node) => {
                let known = dnames.contains(&node.key());
                if let Some(slot) = dnames.get_mut(step) {
                    *slot = node.key();
                }
                below_dname(asked, reply, node, known, this, &mut name, data)
            }
            Standing::Missing => {
                reply.rcode = rcode::NXDOMAIN;
                negative::at_end(reply, place.table, None, data);
                Next::End
            }
        };
        let Next::Name(length) = next else {
            return;
        };
        (owner, owner_len) = (name, length);
        let this = owner.get(..owner_len).unwrap_or(&[0]);
        hash = asked.snapshot.zones().hash().of(this);
        if seen.get(..=step).is_some_and(|seen| seen.contains(&hash)) {
            return;
        }
        let Some(there) = asked.place_of(this, hash) else {
            return;
        };
        place = there;
        let depth = labels(this).count();
        standing = place.table.standing(hash, this, depth);
    }
}

/// A name that exists, or that a wildcard speaks for.
fn at_node<'s>(
    asked: &Asked<'s>,
    reply: &mut Reply<'_, 's>,
    place: Place<'s>,
    node: Node<'s>,
    owner: &[u8],
    name: &mut [u8; MAX_NAME],
    data: &mut Vec<u8>,
) -> Next {
    let qtype = asked.question.qtype;
    if let Some((answers, chosen)) = asked.cname(place, node) {
        if let Some(family) = answers.family(qtype) {
            asked.firsts.see(family.fresh());
        }
        reply.tailored(chosen.scope);
        let _ = expand(rtype::CNAME, chosen.record.data, node.name(), data);
        let ttl = answers.ttl(asked.now);
        let written = reply
            .composer
            .record(Section::Answer, owner, rtype::CNAME, ttl, data);
        positive::say_degraded(reply, answers, qtype);
        reply.truncated |= written.is_err();
        if written.is_ok() {
            reply.served.with(answers, Kind::Alias, ttl, [chosen.lanes, &[]]);
        }
        if written.is_err() || matches!(qtype, rtype::CNAME | rtype::ANY) {
            return Next::End;
        }
        return match target(chosen.record.data, 0, node.name(), name) {
            0 => Next::End,
            length => Next::Name(length),
        };
    }
    if let Some(answers) = asked.service(place, node)
        && let Some(given) = positive::service_answer(asked, node, answers)
    {
        let ttl = answers.ttl(asked.now);
        match given {
            Given::Records { lanes, .. } => {
                let rtype = if qtype == rtype::AAAA {
                    rtype::AAAA
                } else {
                    rtype::A
                };
                let written = positive::write_given(reply, Section::Answer, owner, rtype, ttl, given);
                reply.truncated |= written.is_err();
                if written.is_ok() {
                    reply.served.with(answers, Kind::Address, ttl, lanes);
                }
            }
            Given::Nothing => {
                reply.served.without(answers, Kind::Nothing);
                negative::at_end(reply, place.table, Some(ttl), data);
            }
            Given::Fail => positive::fail(reply, answers),
        }
        positive::say_degraded(reply, answers, qtype);
        return Next::End;
    }
    if facets::at_end(asked, reply, place, node, owner, data) {
        return Next::End;
    }
    if let Some(set) = node.set(qtype) {
        match positive::write_set(reply, Section::Answer, owner, node, set, data) {
            Ok(()) => {
                if let Some(skip) = target_at(qtype) {
                    additional::of_set(asked, reply, place, node, set, skip);
                }
            }
            Err(Full) => reply.truncated = true,
        }
        return Next::End;
    }
    let alias = node.set(rtype::CNAME).filter(|_| node.is(CNAME));
    let Some((alias, record)) = alias.and_then(|set| Some((set, set.records().next()?))) else {
        negative::at_end(reply, place.table, None, data);
        return Next::End;
    };
    if positive::write_set(reply, Section::Answer, owner, node, alias, data).is_err() {
        reply.truncated = true;
        return Next::End;
    }
    match target(record.data, 0, node.name(), name) {
        0 => Next::End,
        length => Next::Name(length),
    }
}

/// A name below a DNAME: the DNAME (unless it was `known` already), and the CNAME that it makes for `owner`.
fn below_dname(
    asked: &Asked<'_>,
    reply: &mut Reply<'_, '_>,
    node: Node<'_>,
    known: bool,
    owner: &[u8],
    name: &mut [u8; MAX_NAME],
    data: &mut Vec<u8>,
) -> Next {
    let Some((set, record)) = node
        .set(rtype::DNAME)
        .and_then(|set| Some((set, set.records().next()?)))
    else {
        return Next::End;
    };
    let before = reply.composer.mark();
    if !known && positive::write_set(reply, Section::Answer, node.name(), node, set, data).is_err() {
        reply.truncated = true;
        return Next::End;
    }
    let prefix = owner.len().saturating_sub(node.key().len());
    let made = prefix + record.data.len();
    let (Some(slot), Some(head)) = (name.get_mut(..made), owner.get(..prefix)) else {
        reply.rcode = rcode::YXDOMAIN;
        return Next::End;
    };
    for (octet, from) in slot.iter_mut().zip(head.iter().chain(record.data)) {
        *octet = *from;
    }
    let written = reply
        .composer
        .record(Section::Answer, owner, rtype::CNAME, record.ttl, slot);
    if written.is_err() {
        reply.composer.roll_back(before);
        reply.truncated = true;
        return Next::End;
    }
    match asked.question.qtype {
        rtype::CNAME | rtype::ANY => Next::End,
        _ => Next::Name(made),
    }
}
