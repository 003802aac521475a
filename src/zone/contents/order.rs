//! Canonical order of many records at once.
//!
//! Comparing two names label by label from the right is slow when it is done twenty million times. So each owner
//! gets a key first: its labels from the right, in lower case, escaped so that plain comparison of octets is the
//! order of RFC 4034 section 6.1. The first eight octets of the key lie in the element that is sorted, and few
//! comparisons need more.

use crate::wire::name::{is_within, labels};

/// What is sorted: 24 octets a record.
#[derive(Clone, Copy)]
struct Element {
    prefix: u64,
    key: u64,
    index: u32,
    key_len: u16,
    rtype: u16,
}

/// The positions of `records` (owner in wire form, type) in canonical order of owners, then by type, then as they
/// came. Neighbours with one owner share a key.
pub(super) fn canonical<'a>(
    origin: &[u8],
    records: impl Iterator<Item = (&'a [u8], u16)> + Clone,
) -> Vec<u32> {
    // What all names end in need not be compared.
    let common = if records.clone().all(|(owner, _)| is_within(owner, origin)) {
        origin.len()
    } else {
        1
    };
    let mut keys: Vec<u8> = Vec::new();
    let mut elements: Vec<Element> = Vec::new();
    let mut last: Option<(&[u8], Element)> = None;
    for (index, (owner, rtype)) in (0u32..).zip(records) {
        let element = match last {
            Some((same, element)) if same == owner => Element {
                index,
                rtype,
                ..element
            },
            _ => {
                let at = keys.len();
                append_key(&mut keys, owner, common);
                let key = keys.get(at..).unwrap_or(&[]);
                Element {
                    prefix: prefix(key),
                    key: at as u64,
                    index,
                    key_len: u16::try_from(key.len()).unwrap_or(u16::MAX),
                    rtype,
                }
            }
        };
        last = Some((owner, element));
        elements.push(element);
    }
    let whole = |element: &Element| {
        let at = usize::try_from(element.key).unwrap_or(usize::MAX);
        keys.get(at..at.saturating_add(usize::from(element.key_len)))
            .unwrap_or(&[])
    };
    elements.sort_unstable_by(|a, b| {
        a.prefix
            .cmp(&b.prefix)
            .then_with(|| {
                if a.key == b.key {
                    std::cmp::Ordering::Equal
                } else {
                    whole(a).cmp(whole(b))
                }
            })
            .then(a.rtype.cmp(&b.rtype))
            .then(a.index.cmp(&b.index))
    });
    elements.iter().map(|element| element.index).collect()
}

/// Labels from the right without the last `common` octets: each octet in lower case, 0 and 1 escaped behind a 1,
/// then a 0, which is less than any octet of a label.
fn append_key(keys: &mut Vec<u8>, owner: &[u8], common: usize) {
    let own = owner.get(..owner.len().saturating_sub(common)).unwrap_or(&[]);
    let mut starts = [0u8; 128];
    let mut count = 0;
    let mut at = 0;
    for label in labels(own) {
        if let (Some(slot), Ok(start)) = (starts.get_mut(count), u8::try_from(at)) {
            *slot = start;
            count += 1;
        }
        at += 1 + label.len();
    }
    for &start in starts.get(..count).unwrap_or(&[]).iter().rev() {
        let rest = own.get(usize::from(start)..).unwrap_or(&[]);
        for &octet in labels(rest).next().unwrap_or(&[]) {
            match octet.to_ascii_lowercase() {
                low @ 0..=1 => keys.extend_from_slice(&[1, low + 1]),
                other => keys.push(other),
            }
        }
        keys.push(0);
    }
}

fn prefix(key: &[u8]) -> u64 {
    let mut first = [0u8; 8];
    for (slot, &octet) in first.iter_mut().zip(key) {
        *slot = octet;
    }
    u64::from_be_bytes(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::name::canonical_order;
    use proptest::prelude::*;

    fn wire(labels: &[Vec<u8>]) -> Vec<u8> {
        let mut wire = Vec::new();
        for label in labels {
            wire.push(u8::try_from(label.len()).unwrap());
            wire.extend_from_slice(label);
        }
        wire.push(0);
        wire
    }

    proptest! {
        #[test]
        fn sorting_by_keys_is_sorting_by_names(
            names in prop::collection::vec(
                prop::collection::vec(
                    prop::collection::vec(
                        prop::sample::select(vec![0u8, 1, 2, b'a', b'A', b'z', b'\\', 255]), 1..4), 0..4), 0..30),
            below in any::<bool>(),
        ) {
            let origin = wire(&[b"Top".to_vec()]);
            let owners: Vec<Vec<u8>> = names.iter().map(|labels| {
                let mut labels = labels.clone();
                if below { labels.push(b"toP".to_vec()); }
                wire(&labels)
            }).collect();
            let order = canonical(&origin, owners.iter().map(|owner| (owner.as_slice(), 1)));
            let mut expected: Vec<u32> = (0..u32::try_from(owners.len()).unwrap()).collect();
            expected.sort_by(|&a, &b| canonical_order(&owners[a as usize], &owners[b as usize]));
            prop_assert_eq!(order, expected);
        }
    }
}
