//! One field of a record's data from text.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::wire::name::{MAX_LABEL, MAX_NAME, Name, NameError};
use crate::zone::rdata::types::Field;
use crate::zone::rdata::words::{Fault, Word, Words};
use crate::zone::rdata::{binary, bitmap, gateway, loc, prefixes, svcb, text};

/// Reads `field` into `out`.
pub(crate) fn read(field: Field, words: &mut Words<'_>, out: &mut Vec<u8>) -> Result<(), Fault> {
    match field {
        Field::Name => name(words, out)?,
        Field::U8(called) => out.push(octet(words, called)?),
        Field::U16(called) => out.extend_from_slice(&short(words, called)?.to_be_bytes()),
        Field::U32(called) => {
            let word = words.expect(&format!("the {called}"))?;
            let value = number(words, word, u32::MAX, called)?;
            out.extend_from_slice(&value.to_be_bytes());
        }
        Field::Period(called) => {
            let word = words.expect(&format!("the {called}"))?;
            let seconds = period(word.raw).filter(|_| !word.quoted).ok_or_else(|| {
                words
                    .at(word, format!("{} is no {called}", word.shown()))
                    .instead("write seconds up to 4294967295, or a period such as `1h30m`")
            })?;
            out.extend_from_slice(&seconds.to_be_bytes());
        }
        Field::V4 => {
            let word = words.expect("the IPv4 address")?;
            out.extend_from_slice(&v4(words, word)?.octets());
        }
        Field::V6 => {
            let word = words.expect("the IPv6 address")?;
            out.extend_from_slice(&v6(words, word)?.octets());
        }
        Field::Text => text::string(words, out)?,
        Field::Texts => {
            text::string(words, out)?;
            while words.peek().is_some() {
                text::string(words, out)?;
            }
        }
        Field::Rest => text::rest(words, out)?,
        Field::Tag => text::tag(words, out)?,
        Field::Algorithm => out.push(low(mnemonic(words, ALGORITHMS, 255, "algorithm")?)),
        Field::CertType => {
            let number = mnemonic(words, CERT_TYPES, 65_535, "certificate type")?;
            out.extend_from_slice(&number.to_be_bytes());
        }
        Field::Digest(lengths) => binary::digest(words, out, lengths)?,
        Field::Base64 => binary::base64(words, out)?,
        Field::Dashes(count) => binary::dashes(words, out, count)?,
        Field::Groups => binary::groups(words, out)?,
        Field::Types => bitmap::read(words, out)?,
        Field::Prefixes => prefixes::read(words, out)?,
        Field::Gateway => gateway::read(words, out)?,
        Field::Location => loc::read(words, out)?,
        Field::Parameters => svcb::read(words, out)?,
    }
    Ok(())
}

/// Mnemonics of DNSSEC algorithms, in use and in the registry.
const ALGORITHMS: &[(&str, u16)] = &[
    ("DELETE", 0),
    ("RSAMD5", 1),
    ("DH", 2),
    ("DSA", 3),
    ("RSASHA1", 5),
    ("DSA-NSEC3-SHA1", 6),
    ("RSASHA1-NSEC3-SHA1", 7),
    ("RSASHA256", 8),
    ("RSASHA512", 10),
    ("ECC-GOST", 12),
    ("ECDSAP256SHA256", 13),
    ("ECDSAP384SHA384", 14),
    ("ED25519", 15),
    ("ED448", 16),
    ("INDIRECT", 252),
    ("PRIVATEDNS", 253),
    ("PRIVATEOID", 254),
];

/// RFC 4398 section 2.1.
const CERT_TYPES: &[(&str, u16)] = &[
    ("PKIX", 1),
    ("SPKI", 2),
    ("PGP", 3),
    ("IPKIX", 4),
    ("ISPKI", 5),
    ("IPGP", 6),
    ("ACPKIX", 7),
    ("IACPKIX", 8),
    ("URI", 253),
    ("OID", 254),
];

/// A domain name, relative to the origin of `words` unless it ends in a dot.
pub(crate) fn name(words: &mut Words<'_>, out: &mut Vec<u8>) -> Result<(), Fault> {
    let word = words.expect("a domain name")?;
    if word.quoted {
        return Err(words
            .at(
                word,
                format!(
                    "a domain name stands without quotes, not as \"{}\"",
                    String::from_utf8_lossy(word.raw)
                ),
            )
            .instead("leave the quotes out"));
    }
    name_below(word.raw, words.origin, out)
        .map_err(|error| words.at(word, format!("{} is no domain name: {error}", word.shown())))
}

/// Appends the wire form of the name `text`, relative to `origin` (wire form) unless it ends in a dot; `@` is the
/// origin. On an error `out` is as it was.
pub(crate) fn name_below(text: &[u8], origin: &[u8], out: &mut Vec<u8>) -> Result<(), NameError> {
    if text.contains(&b'\\') || text.is_empty() || matches!(text, b"@" | b".") {
        out.extend_from_slice(Name::from_text_below(text, origin)?.as_wire());
        return Ok(());
    }
    let (relative, end) = match text.strip_suffix(b".") {
        Some(stem) => (stem, &[0u8][..]),
        None => (text, origin),
    };
    let before = out.len();
    let mut read = || {
        for label in relative.split(|&octet| octet == b'.') {
            match u8::try_from(label.len()) {
                Ok(0) => return Err(NameError::EmptyLabel),
                Ok(length) if label.len() <= MAX_LABEL => out.push(length),
                _ => return Err(NameError::LabelTooLong),
            }
            out.extend_from_slice(label);
        }
        out.extend_from_slice(end);
        if out.len() - before > MAX_NAME {
            Err(NameError::TooLong)
        } else {
            Ok(())
        }
    };
    let result = read();
    if result.is_err() {
        out.truncate(before);
    }
    result
}

/// A decimal number up to `most`.
pub(crate) fn number(words: &Words<'_>, word: Word<'_>, most: u32, called: &str) -> Result<u32, Fault> {
    let value = decimal(word.raw).filter(|&value| value <= u64::from(most) && !word.quoted);
    value.and_then(|value| u32::try_from(value).ok()).ok_or_else(|| {
        words
            .at(word, format!("{} is no {called}", word.shown()))
            .instead(format!("write a number from 0 to {most}"))
    })
}

/// Digits only; saturates far above whatever a field holds.
fn decimal(raw: &[u8]) -> Option<u64> {
    if raw.is_empty() {
        return None;
    }
    raw.iter().try_fold(0u64, |value, octet| {
        octet
            .is_ascii_digit()
            .then(|| value.saturating_mul(10).saturating_add(u64::from(octet - b'0')))
    })
}

/// A number of one octet, the next word.
pub(crate) fn octet(words: &mut Words<'_>, called: &str) -> Result<u8, Fault> {
    let word = words.expect(&format!("the {called}"))?;
    Ok(low(
        u16::try_from(number(words, word, 255, called)?).unwrap_or(255)
    ))
}

/// A number of two octets, the next word.
pub(crate) fn short(words: &mut Words<'_>, called: &str) -> Result<u16, Fault> {
    let word = words.expect(&format!("the {called}"))?;
    Ok(u16::try_from(number(words, word, 65_535, called)?).unwrap_or(u16::MAX))
}

fn low(value: u16) -> u8 {
    u8::try_from(value).unwrap_or(u8::MAX)
}

/// Seconds, or a period such as `1w2d3h4m5s` in any case and order; `None` when it is neither or passes `u32`.
pub(crate) fn period(raw: &[u8]) -> Option<u32> {
    let mut total = 0u64;
    let mut digits = None::<u64>;
    for &octet in raw {
        if octet.is_ascii_digit() {
            let value = digits.unwrap_or(0).saturating_mul(10);
            digits = Some(value.saturating_add(u64::from(octet - b'0')));
            continue;
        }
        let unit = match octet.to_ascii_lowercase() {
            b's' => 1,
            b'm' => 60,
            b'h' => 3_600,
            b'd' => 86_400,
            b'w' => 604_800,
            _ => return None,
        };
        total = total.saturating_add(digits.take()?.saturating_mul(unit));
    }
    if raw.is_empty() {
        return None;
    }
    u32::try_from(total.saturating_add(digits.unwrap_or(0))).ok()
}

/// An IPv4 address in four decimal parts.
pub(crate) fn v4(words: &Words<'_>, word: Word<'_>) -> Result<Ipv4Addr, Fault> {
    let text = std::str::from_utf8(word.raw).unwrap_or("");
    text.parse().map_err(|_| {
        let fault = words.at(word, format!("{} is no IPv4 address", word.shown()));
        if text.parse::<Ipv6Addr>().is_ok() {
            fault.instead("an IPv6 address belongs into an AAAA record")
        } else {
            fault.instead("write four numbers up to 255 without leading zeros, such as `192.0.2.1`")
        }
    })
}

/// An IPv6 address.
pub(crate) fn v6(words: &Words<'_>, word: Word<'_>) -> Result<Ipv6Addr, Fault> {
    let text = std::str::from_utf8(word.raw).unwrap_or("");
    text.parse().map_err(|_| {
        let fault = words.at(word, format!("{} is no IPv6 address", word.shown()));
        if text.parse::<Ipv4Addr>().is_ok() {
            fault.instead("an IPv4 address belongs into an A record")
        } else {
            fault.instead("write it like `2001:db8::1`")
        }
    })
}

fn mnemonic(words: &mut Words<'_>, known: &[(&str, u16)], most: u16, called: &str) -> Result<u16, Fault> {
    let word = words.expect(&format!("the {called}"))?;
    let value = match known
        .iter()
        .find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(word.raw))
    {
        Some(&(_, value)) => Some(value),
        None => decimal(word.raw)
            .and_then(|value| u16::try_from(value).ok())
            .filter(|&value| value <= most),
    };
    value.filter(|_| !word.quoted).ok_or_else(|| {
        let names: Vec<&str> = known.iter().map(|&(name, _)| name).collect();
        words
            .at(word, format!("{} is no {called}", word.shown()))
            .instead(format!(
                "write a number up to {most} or one of {}",
                names.join(", ")
            ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_seconds_or_sums_of_units() {
        for (text, seconds) in [
            ("0", Some(0)),
            ("3600", Some(3600)),
            ("1h30m", Some(5400)),
            ("1W1D1H1M1S", Some(694_861)),
            ("1h30", Some(3630)),
            ("4294967295", Some(u32::MAX)),
            ("4294967296", None),
            ("99999999999999999999999", None),
            ("h", None),
            ("1hh", None),
            ("1x", None),
            ("-1", None),
            ("", None),
        ] {
            assert_eq!(period(text.as_bytes()), seconds, "{text}");
        }
    }

    #[test]
    fn the_short_way_to_a_name_is_the_long_one() {
        let origin = Name::from_text("Example.test").unwrap();
        let long = "a".repeat(63);
        for text in [
            "www",
            "www.",
            "a.b",
            "a.b.",
            "@",
            ".",
            "..",
            "a..b",
            ".a",
            "*",
            "*.x",
            "a\\.b",
            &long,
            &format!("{long}a"),
            &format!("{long}.{long}.{long}.{}", "b".repeat(48)),
            &format!("{long}.{long}.{long}.{}", "b".repeat(49)),
            &format!("{long}.{long}.{long}.{}.", "b".repeat(61)),
            &format!("{long}.{long}.{long}.{}.", "b".repeat(62)),
        ] {
            let mut wire = b"before".to_vec();
            let short = name_below(text.as_bytes(), origin.as_wire(), &mut wire);
            match Name::from_text_below(text.as_bytes(), origin.as_wire()) {
                Ok(name) => {
                    assert_eq!(short, Ok(()), "{text}");
                    assert_eq!(&wire[6..], name.as_wire(), "{text}");
                }
                Err(error) => {
                    assert_eq!(short, Err(error), "{text}");
                    assert_eq!(wire, b"before");
                }
            }
        }
    }
}
