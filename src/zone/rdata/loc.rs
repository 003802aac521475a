//! LOC: a place on Earth (RFC 1876).

use crate::zone::rdata::words::{Fault, Word, Words};

/// 2^31 is the equator and the prime meridian, in thousandths of a second of arc.
const ZERO: u32 = 1 << 31;
/// Altitudes are centimetres above 100,000 m below the reference.
const LOWEST: i64 = 10_000_000;

/// `d1 [m1 [s1]] N|S d2 [m2 [s2]] E|W alt[m] [siz[m] [hp[m] [vp[m]]]]`.
pub(super) fn read(words: &mut Words<'_>, out: &mut Vec<u8>) -> Result<(), Fault> {
    let latitude = angle(words, 90, (b'N', b'S'))?;
    let longitude = angle(words, 180, (b'E', b'W'))?;
    let word = words.expect("the altitude")?;
    let altitude = centimetres(word.raw)
        .and_then(|value| u32::try_from(value.saturating_add(LOWEST)).ok())
        .ok_or_else(|| {
            words
                .at(word, format!("{} is no altitude", word.shown()))
                .instead("write metres from -100000.00m to 42849672.95m")
        })?;
    // Size 1 m, precision 10 km and 10 m unless written (section 3).
    let mut sizes = [0x12, 0x16, 0x13];
    for size in &mut sizes {
        if let Some(word) = words.next() {
            *size = centimetres(word.raw).and_then(power).ok_or_else(|| {
                words
                    .at(word, format!("{} is no size", word.shown()))
                    .instead("write metres from 0.00m to 90000000.00m")
            })?;
        }
    }
    out.push(0);
    out.extend_from_slice(&sizes);
    for value in [latitude, longitude, altitude] {
        out.extend_from_slice(&value.to_be_bytes());
    }
    Ok(())
}

fn angle(words: &mut Words<'_>, most: u32, (plus, minus): (u8, u8)) -> Result<u32, Fault> {
    let (plus, minus) = (char::from(plus), char::from(minus));
    let wrong = |words: &Words<'_>, word: Word<'_>| {
        words
            .at(word, format!("{} has no place in an angle", word.shown()))
            .instead(format!(
                "write degrees up to {most}, minutes, seconds, then `{plus}` or `{minus}`: `42 21 54.500 {plus}`"
            ))
    };
    let mut thousandths = 0u32;
    // Degrees, minutes, seconds: how many thousandths each is, and its limit.
    for (unit, limit) in [(3_600_000, most), (60_000, 59), (1_000, 59)] {
        let word = words.expect("an angle")?;
        let seconds = unit == 1_000;
        if let [letter] = word.raw
            && unit != 3_600_000
            && letter.is_ascii_alphabetic()
        {
            return hemisphere(thousandths, *letter, plus, minus).ok_or_else(|| wrong(words, word));
        }
        let value = decimals(word.raw, if seconds { 3 } else { 0 })
            .map(|value| {
                if seconds {
                    value
                } else {
                    value.saturating_mul(unit)
                }
            })
            .filter(|&value| value < (i64::from(limit) + 1) * unit)
            .and_then(|value| u32::try_from(value).ok())
            .ok_or_else(|| wrong(words, word))?;
        thousandths = thousandths.saturating_add(value);
        if thousandths > most * 3_600_000 {
            return Err(wrong(words, word));
        }
    }
    let word = words.expect(&format!("`{plus}` or `{minus}`"))?;
    match word.raw {
        [letter] => hemisphere(thousandths, *letter, plus, minus),
        _ => None,
    }
    .ok_or_else(|| wrong(words, word))
}

fn hemisphere(thousandths: u32, letter: u8, plus: char, minus: char) -> Option<u32> {
    let letter = char::from(letter.to_ascii_uppercase());
    if letter == plus {
        ZERO.checked_add(thousandths)
    } else if letter == minus {
        ZERO.checked_sub(thousandths)
    } else {
        None
    }
}

/// A decimal number with at most `places` decimals, times 10^places.
fn decimals(raw: &[u8], places: usize) -> Option<i64> {
    let mut parts = raw.splitn(2, |&octet| octet == b'.');
    let (whole, part) = (parts.next()?, parts.next().unwrap_or(b""));
    if whole.is_empty() || part.len() > places || whole.len() > 12 {
        return None;
    }
    let digits = whole.iter().chain(part).copied();
    digits
        .chain(std::iter::repeat_n(b'0', places - part.len()))
        .try_fold(0i64, |value, octet| {
            octet
                .is_ascii_digit()
                .then(|| value * 10 + i64::from(octet - b'0'))
        })
}

fn centimetres(raw: &[u8]) -> Option<i64> {
    let raw = raw.strip_suffix(b"m").or(raw.strip_suffix(b"M")).unwrap_or(raw);
    match raw.strip_prefix(b"-") {
        Some(rest) => decimals(rest, 2).map(|value| -value),
        None => decimals(raw, 2),
    }
}

/// Centimetres as one digit and a power of ten, four bits each.
fn power(centimetres: i64) -> Option<u8> {
    let (mut value, mut exponent) = (u64::try_from(centimetres).ok()?, 0u8);
    while value > 9 {
        value /= 10;
        exponent += 1;
    }
    let digit = u8::try_from(value).ok()?;
    (exponent <= 9).then_some(digit << 4 | exponent)
}

/// Whether `octets` are a place: version 0 with digits below ten; other versions are not looked into.
pub(super) fn check(octets: &[u8]) -> bool {
    match octets {
        [0, a, b, c, rest @ ..] => {
            rest.len() == 12 && [a, b, c].iter().all(|&&size| size >> 4 <= 9 && size & 0xf <= 9)
        }
        [_, ..] => true,
        [] => false,
    }
}
