//! The gateway of IPSECKEY (RFC 4025 section 2): its kind, the algorithm of the key behind it, then nothing, an
//! address or a name, whatever the kind says, and the key, if there is one.

use crate::zone::rdata::binary;
use crate::zone::rdata::fields;
use crate::zone::rdata::types::Field;
use crate::zone::rdata::words::{Fault, Words};

/// Reads kind, algorithm, gateway and key.
pub(super) fn read(words: &mut Words<'_>, out: &mut Vec<u8>) -> Result<(), Fault> {
    let kind = fields::octet(words, "gateway type")?;
    out.push(kind);
    out.push(fields::octet(words, "algorithm")?);
    match kind {
        1 => fields::read(Field::V4, words, out)?,
        2 => fields::read(Field::V6, words, out)?,
        3 => fields::name(words, out)?,
        _ => none(words, kind)?,
    }
    if words.peek().is_some() {
        binary::base64(words, out)?;
    }
    Ok(())
}

fn none(words: &mut Words<'_>, kind: u8) -> Result<(), Fault> {
    let word = words.expect("the gateway")?;
    if kind == 0 && word.raw == b"." && !word.quoted {
        return Ok(());
    }
    Err(words
        .at(word, format!("{} is no gateway of type {kind}", word.shown()))
        .instead("types are 0 (write `.`), 1 (IPv4), 2 (IPv6) and 3 (a name)"))
}

/// Whether `octets` are that; `name` is the length of the name they begin with.
pub(super) fn check(octets: &[u8], name: impl Fn(&[u8]) -> Option<usize>) -> bool {
    let length = match octets.first() {
        Some(0) => Some(0),
        Some(1) => Some(4),
        Some(2) => Some(16),
        Some(3) => octets.get(2..).and_then(name),
        _ => None,
    };
    length.is_some_and(|length| octets.len() >= 2 + length)
}
