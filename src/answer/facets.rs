//! Other types that a service answers: records that name its endpoints (SRV, MX), and bindings whose hints are the
//! addresses given at this moment (SVCB, HTTPS). All follow from the decision that A and AAAA follow from.

use crate::answer::additional;
use crate::answer::fit::Reply;
use crate::answer::lookup::{Asked, Place};
use crate::answer::negative;
use crate::answer::node::{Node, RECORD_HEADER, RrSet, expand};
use crate::answer::positive::{fail, record_size, say_degraded};
use crate::answer::served::Kind;
use crate::answer::service::{Given, ServiceAnswers};
use crate::answer::snapshot::Snapshot;
use crate::answer::table::Standing;
use crate::model::id::ServiceId;
use crate::wire::compose::{Full, Section};
use crate::wire::name::{MAX_NAME, labels};
use crate::wire::query::HEADER;
use crate::wire::rtype::{self, target_at};

/// Octets of the longest record of a binding: its head (at most [`LONGEST_HEAD`]) and the hints of both families.
const BINDING: usize = 1024;
/// Octets of the longest head of a binding.
pub const LONGEST_HEAD: usize = 512;
/// Addresses of one family that are hinted at most: more would crowd out the answer.
const HINTS: usize = 16;
/// The parameter `ipv4hint` (RFC 9460 section 7.3).
const IPV4HINT: u16 = 4;
/// The parameter `ipv6hint`.
const IPV6HINT: u16 = 6;

/// Another type that a service answers at a name.
#[derive(Debug)]
pub struct Extra {
    /// The type.
    pub rtype: u16,
    /// What is answered.
    pub form: Form,
}

/// What is answered for another type.
#[derive(Debug)]
pub enum Form {
    /// NODATA.
    Nothing,
    /// SERVFAIL.
    Fail,
    /// Records encoded as in a [`Node`] at the name; the TTL is set when answered.
    Set {
        /// The records.
        octets: Box<[u8]>,
        /// How many.
        count: u16,
    },
    /// One record: this head, and as hints the addresses that A and AAAA give. NODATA when they give none.
    Binding {
        /// The data up to the hints, at most [`LONGEST_HEAD`] octets.
        head: Box<[u8]>,
        /// Whether there are hints.
        hints: bool,
    },
}

/// What one query gets.
enum Got<'s> {
    Nothing,
    Fail,
    Set(RrSet<'s>),
    /// So many octets of the buffer: a record whose owner is the question; and how many bits of the client's address
    /// decided.
    Record(usize, u8),
}

/// The addresses of a family, in runs of records.
type Runs<'s> = Option<[&'s [u8]; 2]>;

impl Extra {
    fn get<'s>(
        &'s self,
        asked: &Asked<'s>,
        answers: &'s ServiceAnswers,
        record: &mut [u8; BINDING],
    ) -> Got<'s> {
        let (head, hints) = match &self.form {
            Form::Nothing => return Got::Nothing,
            Form::Fail => return Got::Fail,
            Form::Set { octets, count } => {
                return Got::Set(RrSet {
                    rtype: self.rtype,
                    count: *count,
                    octets,
                });
            }
            Form::Binding { head, hints } => (head, *hints),
        };
        let given = [&answers.a, &answers.aaaa].map(|family| family.give(&asked.client, asked.dice));
        if given.iter().any(|given| matches!(given, Given::Fail)) {
            return Got::Fail;
        }
        let scopes = given.iter().map(|given| match given {
            Given::Records { scope, .. } => *scope,
            Given::Nothing | Given::Fail => 0,
        });
        let scope = scopes.max().unwrap_or(0);
        let runs = given.map(|given| match given {
            Given::Records { first, second, .. } => Some([first, second]),
            Given::Nothing | Given::Fail => None,
        });
        if runs.iter().all(Option::is_none) {
            return Got::Nothing;
        }
        let mut at = RECORD_HEADER;
        bind(head, if hints { runs } else { [None; 2] }, |octets| {
            if let Some(slot) = record.get_mut(at..at + octets.len()) {
                slot.copy_from_slice(octets);
                at += octets.len();
            }
        });
        let [t0, t1] = self.rtype.to_be_bytes();
        let [a, b, c, d] = answers.ttl(asked.now).to_be_bytes();
        let [l0, l1] = u16::try_from(at - RECORD_HEADER).unwrap_or(0).to_be_bytes();
        if let Some(header) = record.first_chunk_mut::<RECORD_HEADER>() {
            *header = [0xc0, 0x0c, t0, t1, 0, 1, a, b, c, d, l0, l1];
        }
        Got::Record(at, scope)
    }

    /// The data of every record that may be answered, names whole: for transfers.
    pub(crate) fn data(&self, answers: &ServiceAnswers, owner: &[u8]) -> Vec<Vec<u8>> {
        match &self.form {
            Form::Nothing | Form::Fail => Vec::new(),
            Form::Set { octets, count } => {
                let set = RrSet {
                    rtype: self.rtype,
                    count: *count,
                    octets,
                };
                let whole = |data: &[u8]| {
                    let mut out = Vec::new();
                    let _ = expand(self.rtype, data, owner, &mut out);
                    out
                };
                set.records().map(|record| whole(record.data)).collect()
            }
            Form::Binding { head, hints } => {
                let all = [answers.a.shown(), answers.aaaa.shown()];
                if all.iter().all(|records| records.is_empty()) {
                    return Vec::new();
                }
                let runs = all.map(|records| (*hints && !records.is_empty()).then_some([records, &[]]));
                let mut out = Vec::new();
                bind(head, runs, |octets| out.extend_from_slice(octets));
                vec![out]
            }
        }
    }
}

/// Gives the data of a binding to `put`, piece by piece; parameters in the order of their numbers.
fn bind(head: &[u8], hints: [Runs<'_>; 2], mut put: impl FnMut(&[u8])) {
    put(head.get(..LONGEST_HEAD).unwrap_or(head));
    for (parameter, runs) in [IPV4HINT, IPV6HINT].into_iter().zip(hints) {
        let addresses = || {
            runs.iter()
                .flatten()
                .flat_map(|run| run.chunks_exact(record_size(run)))
                .filter_map(|record| record.get(RECORD_HEADER..))
                .take(HINTS)
        };
        let length: usize = addresses().map(<[u8]>::len).sum();
        if length > 0 {
            put(&parameter.to_be_bytes());
            put(&u16::try_from(length).unwrap_or(0).to_be_bytes());
            addresses().for_each(&mut put);
        }
    }
}

impl ServiceAnswers {
    /// What is answered for `qtype` besides addresses. ANY gets the first of what there is.
    #[inline]
    pub(crate) fn extra(&self, qtype: u16) -> Option<&Extra> {
        match qtype {
            rtype::ANY => self
                .extras
                .iter()
                .find(|extra| !matches!(extra.form, Form::Nothing)),
            _ => self.extras.iter().find(|extra| extra.rtype == qtype),
        }
    }
}

/// Answers a question whose name is `node`'s, or that its wildcard speaks for.
#[inline(never)]
pub(crate) fn at_question<'s>(
    asked: &Asked<'s>,
    reply: &mut Reply<'_, 's>,
    place: Place<'s>,
    node: Node<'s>,
    answers: &'s ServiceAnswers,
    extra: &'s Extra,
) {
    let (ttl, mut record) = (answers.ttl(asked.now), [0; BINDING]);
    match extra.get(asked, answers, &mut record) {
        // The next decision may bring an answer: nobody shall remember its absence for longer.
        Got::Nothing => {
            reply.served.without(answers, Kind::Nothing);
            negative::at_question(reply, asked.question, place.table, Some(ttl));
        }
        Got::Fail => fail(reply, answers),
        Got::Set(set) => match reply.composer.copy(Section::Answer, set.count, set.octets) {
            Ok(start) => {
                reply.served.with(answers, Kind::Other, ttl, [&[], &[]]);
                set_ttls(reply.composer.written_mut(start), ttl);
                // None for ANY, whose answer is kept small (RFC 8482).
                if let Some(skip) = target_at(asked.question.qtype) {
                    additional::at_question(asked, reply, place, node, set, skip, start);
                }
            }
            Err(Full) => reply.truncated = true,
        },
        Got::Record(length, scope) => {
            reply.tailored(scope);
            let whole = record.get(..length).unwrap_or(&[]);
            let written = reply.composer.copy(Section::Answer, 1, whole).is_ok();
            reply.truncated |= !written;
            if written {
                reply.served.with(answers, Kind::Other, ttl, [&[], &[]]);
            }
            if written && asked.question.qtype == extra.rtype {
                // The target is the owner: the question's name, which under a wildcard is not the node's.
                let mut owner = [0; MAX_NAME];
                let length = usize::from(asked.question.name_len).min(MAX_NAME);
                for (slot, octet) in owner.iter_mut().zip(reply.composer.written_mut(HEADER)) {
                    *slot = *octet;
                }
                reply.composer.learn_question();
                let owner = owner.get(..length).unwrap_or(&[0]);
                // What did not fit is left out, as everywhere in this section.
                let _ = additional::addresses(asked, reply, place, node, owner);
            }
        }
    }
    say_degraded(reply, answers, asked.question.qtype);
}

/// Answers at the end of a chain, under `owner`; whether the service at `node` has a say about the type.
pub(crate) fn at_end<'s>(
    asked: &Asked<'s>,
    reply: &mut Reply<'_, 's>,
    place: Place<'s>,
    node: Node<'s>,
    owner: &[u8],
    data: &mut Vec<u8>,
) -> bool {
    let answers = asked.service(place, node);
    let found = answers.and_then(|answers| Some((answers, answers.extra(asked.question.qtype)?)));
    let Some((answers, extra)) = found else {
        return false;
    };
    let (ttl, mut record) = (answers.ttl(asked.now), [0; BINDING]);
    match extra.get(asked, answers, &mut record) {
        Got::Nothing => {
            reply.served.without(answers, Kind::Nothing);
            negative::at_end(reply, place.table, Some(ttl), data);
        }
        Got::Fail => fail(reply, answers),
        Got::Set(set) => {
            let mark = reply.composer.mark();
            for one in set.records() {
                let _ = expand(set.rtype, one.data, node.name(), data);
                let written = reply
                    .composer
                    .record(Section::Answer, owner, set.rtype, ttl, data);
                if written.is_err() {
                    reply.composer.roll_back(mark);
                    reply.truncated = true;
                    break;
                }
            }
            if !reply.truncated {
                reply.served.with(answers, Kind::Other, ttl, [&[], &[]]);
            }
            if let Some(skip) = target_at(set.rtype).filter(|_| !reply.truncated) {
                additional::of_set(asked, reply, place, node, set, skip);
            }
        }
        Got::Record(length, scope) => {
            reply.tailored(scope);
            let bound = record.get(RECORD_HEADER..length).unwrap_or(&[]);
            let written = reply
                .composer
                .record(Section::Answer, owner, extra.rtype, ttl, bound);
            reply.truncated |= written.is_err();
            if written.is_ok() {
                reply.served.with(answers, Kind::Other, ttl, [&[], &[]]);
                // What did not fit is left out, as everywhere in this section.
                let _ = additional::addresses(asked, reply, place, node, owner);
            }
        }
    }
    say_degraded(reply, answers, asked.question.qtype);
    true
}

/// Gives every record the TTL.
fn set_ttls(records: &mut [u8], ttl: u32) {
    let mut rest = records;
    while let Some((header, tail)) = rest.split_first_chunk_mut::<RECORD_HEADER>() {
        let [a, b, c, d] = ttl.to_be_bytes();
        (header[6], header[7], header[8], header[9]) = (a, b, c, d);
        let length = usize::from(u16::from_be_bytes([header[10], header[11]]));
        let Some((_, after)) = tail.split_at_mut_checked(length) else {
            return;
        };
        rest = after;
    }
}

impl Snapshot {
    /// The service that answers for `name` (wire form, any case): at the name itself, at the name of one of its
    /// facets, or through a wildcard.
    #[must_use]
    pub fn service_at(&self, name: &[u8]) -> Option<ServiceId> {
        let (zones, depth) = (self.zones(), labels(name).count());
        let zone = zones.get(zones.find(name, depth)?)?;
        let table = zone.table.as_deref()?;
        match table.standing(zones.hash().of(name), name, depth) {
            Standing::Exists(node) | Standing::Wildcard(node) => {
                let tenant = zone.tenants.get(node.service()?)?;
                Some(tenant.service)
            }
            Standing::Below(_) | Standing::Missing => None,
        }
    }
}
