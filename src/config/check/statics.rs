//! Services against the zone's static records: what may not stand at or above a service's name.

use super::builder::Builder;
use super::service::Around;
use crate::config::raw::zone::RawZone;
use crate::model::id::ServiceId;
use crate::wire::name::{Name, canonical_order};
use crate::zone::contents::{Contents, RecordRef};

const A: u16 = 1;
const NS: u16 = 2;
const CNAME: u16 = 5;
const AAAA: u16 = 28;
const DNAME: u16 = 39;

/// The records at `owner`, by binary search: contents are in canonical order.
pub(crate) fn records_at<'c>(
    contents: &'c Contents,
    owner: &'c [u8],
) -> impl Iterator<Item = RecordRef<'c>> + 'c {
    let (mut low, mut high) = (0, contents.len());
    while low < high {
        let middle = low.midpoint(high);
        let before = contents
            .get(middle)
            .is_some_and(|record| canonical_order(record.owner, owner).is_lt());
        if before { low = middle + 1 } else { high = middle }
    }
    (low..contents.len())
        .map_while(|index| contents.get(index))
        .take_while(move |record| record.owner.eq_ignore_ascii_case(owner))
}

/// Reports static records that a service at `owner` would contradict.
pub(crate) fn report_collisions(around: &Around<'_>, at: usize, owner: &Name) {
    report_static(around, at, owner, &[(A, "A"), (AAAA, "AAAA")]);
    report_above(around, at, owner);
}

/// Reports static records of these `types` at `owner`, which answers them itself; a CNAME leaves no place for any.
pub(super) fn report_static(around: &Around<'_>, at: usize, owner: &Name, types: &[(u16, &'static str)]) {
    let Some(contents) = around.contents else { return };
    let mut seen = Vec::new();
    for record in records_at(contents, owner.as_wire()) {
        let mut types = types.iter().chain(&[(CNAME, "CNAME")]);
        let Some(&(_, word)) = types.find(|(rtype, _)| *rtype == record.rtype) else {
            continue;
        };
        if !seen.contains(&word) {
            seen.push(word);
            around.source.error(
                at,
                format!("`{owner}` has a static {word} record as well"),
                "remove the record, or rename the service",
            );
        }
    }
}

/// Reports delegations and DNAMEs that hide `owner`.
pub(super) fn report_above(around: &Around<'_>, at: usize, owner: &Name) {
    let Some(contents) = around.contents else { return };
    let mut above = Some(owner.clone());
    while let Some(name) = above {
        if name != *owner || name != *around.origin {
            report_hiding(around, contents, at, owner, &name);
        }
        if name == *around.origin {
            break;
        }
        above = name.parent();
    }
}

fn report_hiding(around: &Around<'_>, contents: &Contents, at: usize, owner: &Name, name: &Name) {
    let has = |rtype: u16| records_at(contents, name.as_wire()).any(|record| record.rtype == rtype);
    if name != around.origin && has(NS) {
        around.source.error(
            at,
            format!("`{owner}` is delegated away by the NS records of `{name}`"),
            "put the service into the zone that is delegated, or remove the delegation",
        );
    }
    if name != owner && has(DNAME) {
        around.source.error(
            at,
            format!("`{owner}` lies below the DNAME of `{name}` (RFC 6672 section 2.4)"),
            "rename the service, or remove the DNAME",
        );
    }
}

/// Warns of nameservers of a zone without `records` that lie within it and have no address. In a zone with `records`,
/// glue is looked at with the master file.
pub(crate) fn report_missing_glue(
    around: &Around<'_>,
    raw: &RawZone,
    builder: &Builder,
    services: &[ServiceId],
) {
    for nameserver in &raw.nameservers {
        let name = &nameserver.value;
        let is_service = || {
            services
                .iter()
                .filter_map(|id| builder.service_at(*id))
                .any(|service| service.owner == *name)
        };
        if raw.records.is_none() && name.is_within(around.origin) && !is_service() {
            around.source.warn(
                nameserver.at,
                format!("nameserver `{name}` is within the zone and has no address"),
                "add a service of that name, or write `records = …` with A and AAAA records",
            );
        }
    }
}
