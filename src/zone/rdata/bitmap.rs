//! The type bitmap of CSYNC (RFC 7477 section 2.1.1.2), as in NSEC (RFC 4034 section 4.1.2).

use std::collections::BTreeSet;

use crate::zone::rdata::types;
use crate::zone::rdata::words::{Fault, Words};

/// Mnemonics to the end.
pub(super) fn read(words: &mut Words<'_>, out: &mut Vec<u8>) -> Result<(), Fault> {
    let mut numbers = BTreeSet::new();
    while let Some(word) = words.next() {
        let number = std::str::from_utf8(word.raw)
            .ok()
            .and_then(types::type_number)
            .ok_or_else(|| words.at(word, format!("{} is no record type", word.shown())))?;
        numbers.insert(number);
    }
    let windows: BTreeSet<u8> = numbers.iter().map(|number| number.to_be_bytes()[0]).collect();
    for window in windows {
        let mut bits = [0u8; 32];
        let mut length = 0;
        for [high, low] in numbers.iter().map(|number| number.to_be_bytes()) {
            if let Some(octet) = bits.get_mut(usize::from(low / 8)).filter(|_| high == window) {
                *octet |= 0x80 >> (low % 8);
                length = low / 8 + 1;
            }
        }
        out.extend_from_slice(&[window, length]);
        out.extend_from_slice(bits.get(..usize::from(length)).unwrap_or(&[]));
    }
    Ok(())
}

/// Whether `octets` are a bitmap: windows in order, each of 1 to 32 octets that do not end in a zero.
pub(super) fn check(mut octets: &[u8]) -> bool {
    let mut last = None;
    while let [window, length, rest @ ..] = octets {
        let Some((bits, after)) = rest.split_at_checked(usize::from(*length)) else {
            return false;
        };
        if bits.len() > 32 || bits.last().is_none_or(|&bits| bits == 0) || last >= Some(*window) {
            return false;
        }
        last = Some(*window);
        octets = after;
    }
    octets.is_empty()
}
