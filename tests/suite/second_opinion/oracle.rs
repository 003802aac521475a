//! The naive server: plain lists of records, searched from end to end for every question.
//!
//! Written straight from RFC 1034 section 4.3.2, RFC 2308, RFC 4592 and RFC 6672, and shares no code with the engine.
//! Two habits of the server that no RFC fixes are taken over: a chain has 16 steps, and ends where a name comes again.

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::rdata::{CNAME, NULL};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use hickory_proto::serialize::binary::{BinDecodable, BinEncodable};

const STEPS: usize = 16;

/// A name as its labels in lower case, the root's left out.
pub(super) type Labels = Vec<Vec<u8>>;

/// One zone: its origin and every record, in any order.
#[derive(Clone, Debug)]
pub(super) struct Zone {
    pub(super) origin: Name,
    pub(super) records: Vec<Record>,
}

/// What must be answered.
#[derive(Debug, Default)]
pub(super) struct Expected {
    pub(super) rcode: ResponseCode,
    pub(super) authoritative: bool,
    /// In the order of the chain.
    pub(super) answer: Vec<Record>,
    /// For ANY: one of these whole RRsets stands after `answer`.
    pub(super) any: Vec<Vec<Record>>,
    pub(super) authority: Vec<Record>,
    /// Addresses without which TC must be set.
    pub(super) glue: Vec<Record>,
    /// Addresses that are there when there is room.
    pub(super) helpful: Vec<Record>,
}

/// Where the walk down from the origin ends.
#[derive(Debug, PartialEq)]
enum Walk {
    Exists,
    /// A wildcard of this name speaks for it.
    Wildcard(Labels),
    /// At or below this delegation.
    Cut(Labels),
    /// Below this DNAME.
    Redirected(Labels),
    Missing,
}

pub(super) fn labels(name: &Name) -> Labels {
    name.iter().map(<[u8]>::to_ascii_lowercase).collect()
}

/// The name as it was written: letter case kept.
pub(super) fn written(name: &Name) -> Labels {
    name.iter().map(<[u8]>::to_vec).collect()
}

pub(super) fn dname_target(data: &RData) -> Option<Name> {
    match data {
        RData::Unknown { code, rdata } if u16::from(*code) == 39 => Name::from_bytes(&rdata.anything).ok(),
        _ => None,
    }
}

pub(super) fn dname(target: &Name) -> RData {
    let anything = target.to_bytes().unwrap();
    RData::Unknown {
        code: RecordType::from(39),
        rdata: NULL::with(anything),
    }
}

fn is_apex(zone: &Zone, node: &[Vec<u8>]) -> bool {
    labels(&zone.origin) == node
}

/// The RRset, with the lowest TTL of its records (RFC 2181 section 5.2), each once.
fn rrset(zone: &Zone, node: &[Vec<u8>], rtype: RecordType) -> Vec<Record> {
    let mut set: Vec<Record> = Vec::new();
    for record in &zone.records {
        let again = |known: &Record| format!("{}", known.data).eq_ignore_ascii_case(&record.data.to_string());
        if record.record_type() == rtype && labels(&record.name) == node && !set.iter().any(again) {
            set.push(record.clone());
        }
    }
    let least = zone
        .records
        .iter()
        .filter(|record| record.record_type() == rtype && labels(&record.name) == node)
        .map(|record| record.ttl)
        .min();
    for record in &mut set {
        record.ttl = least.unwrap();
    }
    set
}

/// Whether the name has records or something below it has: empty non-terminals exist (RFC 4592 section 2.2.2).
fn exists(zone: &Zone, node: &[Vec<u8>]) -> bool {
    zone.records
        .iter()
        .any(|record| labels(&record.name).ends_with(node))
}

/// RFC 1034 section 4.3.2, step 3: down from the origin, label by label.
fn walk(zone: &Zone, name: &Labels, rtype: RecordType) -> Walk {
    let origin = labels(&zone.origin).len();
    for depth in origin..=name.len() {
        let node = &name[name.len() - depth..];
        let whole = depth == name.len();
        if !exists(zone, node) && depth > origin {
            let star: Labels = [&[b"*".to_vec()], &node[1..]].concat();
            return if exists(zone, &star) {
                Walk::Wildcard(star)
            } else {
                Walk::Missing
            };
        }
        let delegated = depth > origin && !rrset(zone, node, RecordType::NS).is_empty();
        if delegated && !(whole && rtype == RecordType::DS) {
            return Walk::Cut(node.to_vec());
        }
        if !whole && !rrset(zone, node, RecordType::from(39)).is_empty() {
            return Walk::Redirected(node.to_vec());
        }
    }
    Walk::Exists
}

/// The zone with the longest origin.
fn closest<'z>(zones: &'z [Zone], name: &[Vec<u8>]) -> Option<&'z Zone> {
    zones
        .iter()
        .filter(|zone| name.ends_with(&labels(&zone.origin)))
        .max_by_key(|zone| labels(&zone.origin).len())
}

/// RFC 1034 section 4.3.2, step 2; DS at an apex belongs to the zone above (RFC 4035 section 3.1.4.1), when that one
/// knows the name.
fn responsible<'z>(zones: &'z [Zone], name: &Labels, rtype: RecordType) -> Option<&'z Zone> {
    let zone = closest(zones, name)?;
    if rtype == RecordType::DS
        && is_apex(zone, name)
        && !name.is_empty()
        && let Some(above) = closest(zones, &name[1..])
        && !matches!(walk(above, name, rtype), Walk::Missing | Walk::Redirected(_))
    {
        return Some(above);
    }
    Some(zone)
}

/// The SOA of a negative answer (RFC 2308 section 3).
fn soa(zone: &Zone) -> Vec<Record> {
    let mut set = rrset(zone, &labels(&zone.origin), RecordType::SOA);
    for record in &mut set {
        let RData::SOA(data) = &record.data else {
            unreachable!()
        };
        record.ttl = record.ttl.min(data.minimum);
    }
    set
}

fn addresses(zone: &Zone, node: &Labels) -> Vec<Record> {
    let mut both = rrset(zone, node, RecordType::A);
    both.extend(rrset(zone, node, RecordType::AAAA));
    both
}

/// Addresses that a zone here gives with authority, by the name itself.
fn authoritative(zones: &[Zone], node: &Labels) -> Vec<Record> {
    match closest(zones, node) {
        Some(zone) if walk(zone, node, RecordType::A) == Walk::Exists => addresses(zone, node),
        _ => Vec::new(),
    }
}

fn add(to: &mut Vec<Record>, records: Vec<Record>) {
    for record in records {
        if !to.contains(&record) {
            to.push(record);
        }
    }
}

/// The delegation and the addresses of its servers (RFC 1034 step 3b, RFC 9471).
fn refer(zones: &[Zone], zone: &Zone, cut: &Labels, expected: &mut Expected) {
    expected.authority = rrset(zone, cut, RecordType::NS);
    expected.authoritative = !expected.answer.is_empty();
    for record in &expected.authority {
        let RData::NS(server) = &record.data else {
            unreachable!()
        };
        let (name, server) = (&server.0, labels(&server.0));
        if server.ends_with(cut) {
            add(&mut expected.glue, glue(zones, zone, &server, name));
        } else if server.ends_with(&labels(&zone.origin)) && exists(zone, &server) {
            add(&mut expected.helpful, addresses(zone, &server));
        } else {
            add(&mut expected.helpful, authoritative(zones, &server));
        }
    }
}

/// Glue as it stands in the zone, as a zone within it has it, or as a wildcard below the cut makes it.
fn glue(zones: &[Zone], zone: &Zone, server: &Labels, name: &Name) -> Vec<Record> {
    if exists(zone, server) {
        return addresses(zone, server);
    }
    let within = closest(zones, server);
    if let Some(within) = within.filter(|within| walk(within, server, RecordType::A) == Walk::Exists) {
        return addresses(within, server);
    }
    let encloser = (1..server.len())
        .map(|from| &server[from..])
        .find(|above| exists(zone, above));
    let star = [&[b"*".to_vec()], encloser.unwrap()].concat();
    owned(addresses(zone, &star), name)
}

/// Addresses of what the answer names.
fn help(zones: &[Zone], set: &[Record], expected: &mut Expected) {
    for record in set {
        let target = match &record.data {
            RData::NS(server) => &server.0,
            RData::MX(mail) => &mail.exchange,
            RData::SRV(service) => &service.target,
            _ => continue,
        };
        let target = labels(target);
        if !target.is_empty() {
            add(&mut expected.helpful, authoritative(zones, &target));
        }
    }
}

fn owned(mut set: Vec<Record>, owner: &Name) -> Vec<Record> {
    for record in &mut set {
        record.name = owner.clone();
    }
    set
}

/// Answers the question from `zones`.
pub(super) fn resolve(zones: &[Zone], question: &Name, rtype: RecordType) -> Expected {
    let mut expected = Expected::default();
    let mut name = question.clone();
    let mut seen: Vec<Labels> = Vec::new();
    if responsible(zones, &labels(&name), rtype).is_none() {
        expected.rcode = ResponseCode::Refused;
        return expected;
    }
    expected.authoritative = true;
    while seen.len() < STEPS {
        let this = labels(&name);
        let Some(zone) = responsible(zones, &this, rtype).filter(|_| !seen.contains(&this)) else {
            break;
        };
        seen.push(this.clone());
        let source = match walk(zone, &this, rtype) {
            Walk::Exists => this,
            Walk::Wildcard(star) => star,
            Walk::Cut(cut) => {
                refer(zones, zone, &cut, &mut expected);
                break;
            }
            Walk::Redirected(above) => match redirect(zone, &above, &name, &mut expected) {
                Some(next) if rtype != RecordType::CNAME && rtype != RecordType::ANY => {
                    name = next;
                    continue;
                }
                _ => break,
            },
            Walk::Missing => {
                expected.rcode = ResponseCode::NXDomain;
                expected.authority = soa(zone);
                break;
            }
        };
        match at_source(zones, zone, &source, &name, rtype, &mut expected) {
            Some(next) => name = next,
            None => break,
        }
    }
    expected
}

/// Step 3a, and 3c for a wildcard: `source` has the records, `name` owns them. The name to go on with, if any.
fn at_source(
    zones: &[Zone],
    zone: &Zone,
    source: &Labels,
    name: &Name,
    rtype: RecordType,
    expected: &mut Expected,
) -> Option<Name> {
    if rtype == RecordType::ANY {
        let mut types: Vec<RecordType> = zone
            .records
            .iter()
            .filter(|record| labels(&record.name) == *source)
            .map(Record::record_type)
            .collect();
        types.sort();
        types.dedup();
        expected.any = types
            .into_iter()
            .map(|rtype| owned(rrset(zone, source, rtype), name))
            .collect();
        if expected.any.is_empty() {
            expected.authority = soa(zone);
        }
        return None;
    }
    let set = rrset(zone, source, rtype);
    if !set.is_empty() {
        help(zones, &set, expected);
        expected.answer.extend(owned(set, name));
        return None;
    }
    let alias = owned(rrset(zone, source, RecordType::CNAME), name);
    let Some(RData::CNAME(target)) = alias.first().map(|record| &record.data) else {
        expected.authority = soa(zone);
        return None;
    };
    let next = target.0.clone();
    expected.answer.extend(alias);
    Some(next)
}

/// RFC 6672 section 3.2: the DNAME, and the CNAME that it makes; `None` when that would be too long.
fn redirect(zone: &Zone, above: &Labels, name: &Name, expected: &mut Expected) -> Option<Name> {
    let set = rrset(zone, above, RecordType::from(39));
    let (ttl, target) = (set[0].ttl, dname_target(&set[0].data).unwrap());
    add(&mut expected.answer, set);
    let (own, target) = (written(name), written(&target));
    let made = [&own[..own.len() - above.len()], &target].concat();
    let octets: usize = made.iter().map(|label| label.len() + 1).sum();
    if octets + 1 > 255 {
        expected.rcode = ResponseCode::YXDomain;
        return None;
    }
    let next = Name::from_labels(made.iter().map(Vec::as_slice)).unwrap();
    let data = RData::CNAME(CNAME(next.clone()));
    expected.answer.push(Record::from_rdata(name.clone(), ttl, data));
    Some(next)
}
