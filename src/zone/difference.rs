//! How two readings of a zone differ, RRset by RRset: what a change of files would change in static answers.

use std::collections::BTreeMap;

use crate::wire::name::{Name, canonical_order};
use crate::zone::contents::Contents;
use crate::zone::rdata::type_name;

/// SOA: its serial changes with every edit and says nothing by itself.
const SOA: u16 = 6;

/// One RRset that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// `mail.example.test.`
    pub owner: String,
    /// `MX`.
    pub rtype: String,
    /// Records before; 0: there was none.
    pub before: usize,
    /// Records after; 0: it is gone.
    pub after: usize,
}

/// TTL and data of one RRset's records, sorted.
type Records<'a> = Vec<(u32, &'a [u8])>;

/// Every RRset that differs, in the order of owners and types; a zone that is not there has none. The SOA is left out.
#[must_use]
pub fn differences(before: Option<&Contents>, after: Option<&Contents>) -> Vec<Difference> {
    let (old, new) = (rrsets(before), rrsets(after));
    let mut all: Vec<&(Vec<u8>, u16)> = old.keys().chain(new.keys()).collect();
    all.sort_unstable_by(|a, b| canonical_order(&a.0, &b.0).then(a.1.cmp(&b.1)));
    all.dedup();
    all.into_iter()
        .filter(|key| old.get(*key) != new.get(*key))
        .map(|key| Difference {
            owner: Name::from_wire(&key.0)
                .map(|name| name.to_string())
                .unwrap_or_default(),
            rtype: type_name(key.1).into_owned(),
            before: old.get(key).map_or(0, Vec::len),
            after: new.get(key).map_or(0, Vec::len),
        })
        .collect()
}

fn rrsets(contents: Option<&Contents>) -> BTreeMap<(Vec<u8>, u16), Records<'_>> {
    let mut found: BTreeMap<(Vec<u8>, u16), Records<'_>> = BTreeMap::new();
    for record in contents.iter().flat_map(|contents| contents.records()) {
        if record.rtype != SOA {
            found
                .entry((record.owner.to_ascii_lowercase(), record.rtype))
                .or_default()
                .push((record.ttl, record.rdata));
        }
    }
    for records in found.values_mut() {
        records.sort_unstable();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(records: &[(&str, u16, u32, &[u8])]) -> Contents {
        let name = |text: &str| Name::from_text(text).unwrap();
        let mut contents = Contents::new(name("example.test"));
        for (owner, rtype, ttl, data) in records {
            contents.push(name(owner).as_wire(), *rtype, *ttl, data).unwrap();
        }
        contents.sort();
        contents
    }

    #[test]
    fn order_case_and_the_serial_are_no_difference_ttl_and_data_are() {
        let old = zone(&[
            ("example.test", 6, 300, b"1"),
            ("a.example.test", 16, 60, b"x"),
            ("a.example.test", 16, 60, b"y"),
            ("b.example.test", 1, 60, b"abcd"),
            ("gone.example.test", 1, 60, b"abcd"),
        ]);
        let new = zone(&[
            ("example.test", 6, 300, b"2"),
            ("A.example.test", 16, 60, b"y"),
            ("a.example.test", 16, 60, b"x"),
            ("b.example.test", 1, 61, b"abcd"),
            ("new.example.test", 15, 60, b"abcd"),
        ]);
        let said: Vec<String> = differences(Some(&old), Some(&new))
            .iter()
            .map(|d| format!("{} {} {}>{}", d.owner, d.rtype, d.before, d.after))
            .collect();
        assert_eq!(
            said,
            [
                "b.example.test. A 1>1",
                "gone.example.test. A 1>0",
                "new.example.test. MX 0>1"
            ]
        );
        assert_eq!(differences(None, None), []);
        assert_eq!(differences(Some(&old), Some(&old)), []);
    }
}
