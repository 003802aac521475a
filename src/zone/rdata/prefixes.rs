//! APL: lists of address prefixes (RFC 3123).

use std::net::IpAddr;

use crate::zone::rdata::words::{Fault, Words};

/// `[!]FAMILY:ADDRESS/PREFIX`, none or more of them.
pub(super) fn read(words: &mut Words<'_>, out: &mut Vec<u8>) -> Result<(), Fault> {
    while let Some(word) = words.next() {
        let item = std::str::from_utf8(word.raw).ok().and_then(item);
        out.extend_from_slice(&item.ok_or_else(|| {
            words
                .at(word, format!("{} is no address prefix", word.shown()))
                .instead(
                    "write `1:192.0.2.0/24` for IPv4, `2:2001:db8::/32` for IPv6, `!` before it to negate",
                )
        })?);
    }
    Ok(())
}

fn item(text: &str) -> Option<Vec<u8>> {
    let (negated, text) = match text.strip_prefix('!') {
        Some(rest) => (0x80, rest),
        None => (0, text),
    };
    let (family, rest) = text.split_once(':')?;
    let (address, prefix) = rest.split_once('/')?;
    let prefix: u8 = prefix.parse().ok()?;
    let (number, mut octets, most) = match (family, address.parse().ok()?) {
        ("1", IpAddr::V4(address)) => (1, address.octets().to_vec(), 32),
        ("2", IpAddr::V6(address)) => (2, address.octets().to_vec(), 128),
        _ => return None,
    };
    if prefix > most {
        return None;
    }
    // Trailing zero octets are left out (section 4).
    while octets.last() == Some(&0) {
        octets.pop();
    }
    let length = u8::try_from(octets.len()).ok()?;
    let mut wire = vec![0, number, prefix, negated | length];
    wire.append(&mut octets);
    Some(wire)
}

/// Whether `octets` are such a list; unknown families are let through (section 4).
pub(super) fn check(mut octets: &[u8]) -> bool {
    while let [high, low, prefix, length, rest @ ..] = octets {
        let length = usize::from(length & 0x7f);
        let Some((part, after)) = rest.split_at_checked(length) else {
            return false;
        };
        let fits = match (high, low) {
            (0, 1) => length <= 4 && *prefix <= 32,
            (0, 2) => length <= 16 && *prefix <= 128,
            _ => true,
        };
        if !fits || part.last() == Some(&0) {
            return false;
        }
        octets = after;
    }
    octets.is_empty()
}
