//! Answers from a node: its RRsets, or what the service there gives now.

use crate::answer::fit::Reply;
use crate::answer::lookup::{Asked, Place};
use crate::answer::negative;
use crate::answer::node::{Node, RECORD_HEADER, RrSet, expand, move_pointers};
use crate::answer::served::Kind;
use crate::answer::service::{Family, Given, ServiceAnswers};
use crate::answer::{additional, facets};
use crate::wire::compose::{Full, Section};
use crate::wire::edns::ExtendedError;
use crate::wire::rtype::{self, compressible, rcode, target_at};

/// Answers a question whose name is `node`'s (or, for a wildcard, `shift` octets longer) by copying; whether there was
/// anything of the type. A service has the say about its address types.
#[inline]
pub(crate) fn at_question<'s>(
    asked: &Asked<'s>,
    reply: &mut Reply<'_, 's>,
    place: Place<'s>,
    node: Node<'s>,
    shift: usize,
) -> bool {
    let qtype = asked.question.qtype;
    if let Some(answers) = asked.service(place, node) {
        if !answers.cnames.is_empty() && asked.cname(place, node).is_some() {
            return false; // an alias, which is followed elsewhere
        }
        if let Some(given) = service_answer(asked, node, answers) {
            from_service(asked, reply, place, answers, given);
            return true;
        }
        if let Some(extra) = answers.extra(qtype) {
            facets::at_question(asked, reply, place, node, answers, extra);
            return true;
        }
    }
    let set = match qtype {
        rtype::ANY => smallest(node),
        _ => node.set(qtype),
    };
    let Some(set) = set else {
        return false;
    };
    let Ok(start) = reply.composer.copy(Section::Answer, set.count, set.octets) else {
        reply.truncated = true;
        return true;
    };
    if shift > 0 && compressible(set.rtype).is_some() {
        shift_pointers(reply.composer.written_mut(start), set.rtype, shift);
    }
    if let Some(skip) = target_at(qtype) {
        additional::at_question(asked, reply, place, node, set, skip, start);
    }
    true
}

/// What answers ANY (RFC 8482 section 4.1): the smallest RRset, so that the question is no amplifier.
pub(crate) fn smallest(node: Node<'_>) -> Option<RrSet<'_>> {
    node.sets().min_by_key(|set| set.octets.len())
}

/// What the service gives for the type that is asked; `None` when the type is not its. ANY gets addresses when there are
/// some, else what else stands at the name.
pub(crate) fn service_answer<'s>(
    asked: &Asked<'s>,
    node: Node<'s>,
    answers: &'s ServiceAnswers,
) -> Option<Given<'s>> {
    if asked.question.qtype != rtype::ANY {
        let family = answers.family(asked.question.qtype)?;
        asked.firsts.see(family.fresh());
        return Some(family.give(&asked.client, asked.dice));
    }
    let give = |family: &'s Family| family.give(&asked.client, asked.dice);
    let (a, aaaa) = (give(&answers.a), give(&answers.aaaa));
    match (a, aaaa) {
        (Given::Records { .. }, _) => Some(a),
        (_, Given::Records { .. }) => Some(aaaa),
        _ if node.sets().next().is_some() || answers.extra(rtype::ANY).is_some() => None,
        _ => Some(a),
    }
}

fn from_service<'s>(
    asked: &Asked<'s>,
    reply: &mut Reply<'_, 's>,
    place: Place<'s>,
    answers: &'s ServiceAnswers,
    given: Given<'s>,
) {
    match given {
        Given::Records {
            first,
            second,
            count,
            scope,
            lanes,
        } => {
            reply.tailored(scope);
            let ttl = answers.ttl(asked.now);
            let mark = reply.composer.mark();
            let written = reply
                .composer
                .copy(Section::Answer, count, first)
                .and_then(|start| reply.composer.copy(Section::Answer, 0, second).map(|_| start));
            match written {
                Ok(start) if !answers.ttl_is_fixed() => {
                    reply.served.with(answers, Kind::Address, ttl, lanes);
                    let ttl = ttl.to_be_bytes();
                    for record in reply
                        .composer
                        .written_mut(start)
                        .chunks_exact_mut(record_size(first))
                    {
                        if let Some(slot) = record.get_mut(6..10) {
                            slot.copy_from_slice(&ttl);
                        }
                    }
                }
                Ok(_) => reply.served.with(answers, Kind::Address, ttl, lanes),
                Err(Full) => {
                    reply.composer.roll_back(mark);
                    reply.truncated = true;
                }
            }
        }
        // The next decision may bring an address: nobody shall remember its absence for longer than the answer.
        Given::Nothing => {
            let most = Some(answers.ttl(asked.now));
            reply.served.without(answers, Kind::Nothing);
            negative::at_question(reply, asked.question, place.table, most);
        }
        Given::Fail => fail(reply, answers),
    }
    say_degraded(reply, answers, asked.question.qtype);
}

/// SERVFAIL, with nothing else: of a chain that ends in it nothing is said.
pub(crate) fn fail(reply: &mut Reply<'_, '_>, answers: &ServiceAnswers) {
    reply.served.clear();
    reply.served.without(answers, Kind::Fail);
    reply.composer.roll_back(reply.beginning);
    reply.rcode = rcode::SERVFAIL;
    reply.authoritative = false;
}

/// Says by an extended error that the answer is not what the operator would wish.
pub(crate) fn say_degraded<'s>(reply: &mut Reply<'_, 's>, answers: &'s ServiceAnswers, qtype: u16) {
    if let Some(degraded) = answers.family(qtype).unwrap_or(&answers.a).said() {
        reply.say(ExtendedError {
            code: degraded.code,
            text: degraded.text.as_bytes(),
        });
    }
}

/// Octets of the first of several encoded records of equal size.
pub(crate) fn record_size(records: &[u8]) -> usize {
    RECORD_HEADER + records.get(11).map_or(0, |&length| usize::from(length))
}

/// Moves the pointers in the data of all `records`, which stand in the message, by `shift` octets.
fn shift_pointers(records: &mut [u8], rtype: u16, shift: usize) {
    let mut rest = records;
    while let Some((header, tail)) = rest.split_first_chunk_mut::<RECORD_HEADER>() {
        let length = usize::from(u16::from_be_bytes([header[10], header[11]]));
        let Some((data, after)) = tail.split_at_mut_checked(length) else {
            return;
        };
        move_pointers(rtype, data, shift);
        rest = after;
    }
}

/// Writes an RRset under any owner, names compressed.
///
/// # Errors
/// [`Full`]; nothing of the set is left then.
pub(crate) fn write_set(
    reply: &mut Reply<'_, '_>,
    section: Section,
    owner: &[u8],
    node: Node<'_>,
    set: RrSet<'_>,
    data: &mut Vec<u8>,
) -> Result<(), Full> {
    let mark = reply.composer.mark();
    for record in set.records() {
        let whole = if compressible(set.rtype).is_some() {
            let _ = expand(set.rtype, record.data, node.name(), data);
            &**data
        } else {
            record.data
        };
        let written = reply
            .composer
            .record(section, owner, set.rtype, record.ttl, whole);
        if written.is_err() {
            reply.composer.roll_back(mark);
            return written;
        }
    }
    Ok(())
}

/// Writes what a service gives under any owner.
///
/// # Errors
/// [`Full`]; nothing of it is left then.
pub(crate) fn write_given(
    reply: &mut Reply<'_, '_>,
    section: Section,
    owner: &[u8],
    rtype: u16,
    ttl: u32,
    given: Given<'_>,
) -> Result<(), Full> {
    let Given::Records {
        first, second, scope, ..
    } = given
    else {
        return Ok(());
    };
    reply.tailored(scope);
    let mark = reply.composer.mark();
    for record in [first, second]
        .iter()
        .flat_map(|run| run.chunks_exact(record_size(run)))
    {
        let address = record.get(RECORD_HEADER..).unwrap_or(&[]);
        let written = reply.composer.record(section, owner, rtype, ttl, address);
        if written.is_err() {
            reply.composer.roll_back(mark);
            return written;
        }
    }
    Ok(())
}
