//! What one RRset may not have: the same RR twice, and two TTLs (RFC 2181 section 5). Repaired, with a warning.

use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher;

use foldhash::fast::FixedState;

use crate::model::diagnostic::{Diagnostic, Place};
use crate::wire::name::Name;
use crate::zone::contents::{Contents, RecordRef};
use crate::zone::places::Places;
use crate::zone::rdata::{same, type_name};
use crate::zone::report::Report;

/// RRsets up to this size are compared pair by pair; larger ones by hash.
const SMALL: usize = 16;

/// Drops duplicates and takes the lowest TTL of each RRset.
pub(super) fn settle(contents: &mut Contents, places: &mut Places, report: &mut Report) {
    let mut dropped: HashSet<usize> = HashSet::new();
    let mut lowered: Vec<(usize, u32)> = Vec::new();
    let mut start = 0;
    while let Some(first) = contents.get(start) {
        let mut end = start + 1;
        while contents.get(end).is_some_and(|next| is_one_rrset(&first, &next)) {
            end += 1;
        }
        if end - start > 1 {
            duplicates(contents, start..end, &mut dropped);
            let ttls = || {
                (start..end)
                    .filter_map(|index| contents.get(index))
                    .map(|record| record.ttl)
            };
            let lowest = ttls().min().unwrap_or(0);
            if ttls().any(|ttl| ttl != lowest) {
                let odd =
                    (start + 1..end).find(|&index| contents.get(index).is_some_and(|r| r.ttl != first.ttl));
                report.add(different_ttls(
                    &first,
                    lowest,
                    place(places, odd.unwrap_or(start)),
                ));
                lowered.extend((start..end).map(|index| (index, lowest)));
            }
        }
        start = end;
    }
    let mut in_order: Vec<usize> = dropped.iter().copied().collect();
    in_order.sort_unstable();
    for index in in_order {
        let Some(record) = contents.get(index) else {
            continue;
        };
        report.warn(|| {
            let (rtype, owner) = (type_name(record.rtype), shown(record.owner));
            Diagnostic::warning(
                place(places, index),
                format!("this {rtype} of {owner} stands here again"),
            )
            .instead("one of them is enough")
        });
    }
    for (index, ttl) in lowered {
        contents.set_ttl(index, ttl);
    }
    if !dropped.is_empty() {
        contents.retain(|index| !dropped.contains(&index));
        places.retain(|index| !dropped.contains(&index));
    }
}

fn is_one_rrset(a: &RecordRef<'_>, b: &RecordRef<'_>) -> bool {
    a.rtype == b.rtype && a.owner.eq_ignore_ascii_case(b.owner)
}

fn duplicates(contents: &Contents, range: std::ops::Range<usize>, dropped: &mut HashSet<usize>) {
    if range.len() > SMALL {
        let state = FixedState::default();
        let mut seen: HashMap<u64, Vec<usize>> = HashMap::with_capacity(range.len());
        for index in range {
            let Some(record) = contents.get(index) else {
                continue;
            };
            let hash = state.hash_one(record.rdata.to_ascii_lowercase());
            let alike = seen.entry(hash).or_default();
            let is_again = |&earlier: &usize| {
                contents
                    .get(earlier)
                    .is_some_and(|earlier| same(record.rtype, earlier.rdata, record.rdata))
            };
            if alike.iter().any(is_again) {
                dropped.insert(index);
            } else {
                alike.push(index);
            }
        }
        return;
    }
    for index in range.clone() {
        let Some(record) = contents.get(index) else {
            continue;
        };
        let repeated = (range.start..index)
            .filter_map(|earlier| contents.get(earlier))
            .any(|earlier| same(record.rtype, earlier.rdata, record.rdata));
        if repeated {
            dropped.insert(index);
        }
    }
}

fn different_ttls(first: &RecordRef<'_>, lowest: u32, place: Place) -> Diagnostic {
    Diagnostic::warning(
        place,
        format!(
            "the {} records of {} have different TTLs; the lowest, {lowest}, is taken for all",
            type_name(first.rtype),
            shown(first.owner)
        ),
    )
    .instead("write one TTL (RFC 2181 section 5.2)")
}

fn place(places: &Places, index: usize) -> Place {
    places.of(index).unwrap_or_else(|| places.whole())
}

fn shown(owner: &[u8]) -> String {
    Name::from_wire(owner)
        .map(|name| name.to_string())
        .unwrap_or_default()
}
