//! Octets written as hexadecimal, base 64 or groups of digits.

use crate::zone::rdata::words::{Fault, Word, Words};

/// All words to the end as hexadecimal digits, blanks anywhere between them.
pub(super) fn hex(words: &mut Words<'_>, out: &mut Vec<u8>, what: &str) -> Result<(), Fault> {
    let mut high = None;
    while let Some(word) = words.next() {
        for &octet in word.raw {
            let digit = digit(octet)
                .filter(|_| !word.quoted)
                .ok_or_else(|| words.at(word, format!("{} is not hexadecimal", word.shown())))?;
            match high.take() {
                None => high = Some(digit),
                Some(first) => out.push(first << 4 | digit),
            }
        }
    }
    if high.is_some() {
        return Err(words.here(format!(
            "half an octet at the end of {what}: the number of hexadecimal digits is odd"
        )));
    }
    Ok(())
}

/// The value of a hexadecimal digit.
pub(super) fn digit(octet: u8) -> Option<u8> {
    match octet {
        b'0'..=b'9' => Some(octet - b'0'),
        b'a'..=b'f' => Some(octet - b'a' + 10),
        b'A'..=b'F' => Some(octet - b'A' + 10),
        _ => None,
    }
}

/// Hexadecimal to the end, as many octets as the one before fixes, when `lengths` knows it; one or more.
pub(super) fn digest(words: &mut Words<'_>, out: &mut Vec<u8>, lengths: &[(u8, usize)]) -> Result<(), Fault> {
    let kind = out.last().copied().unwrap_or(0);
    let (before, first) = (out.len(), words.position());
    hex(words, out, "the digest")?;
    let length = out.len() - before;
    if length == 0 {
        return Err(words.here("the digest is missing"));
    }
    match lengths.iter().find(|&&(number, _)| number == kind) {
        Some(&(_, expected)) if expected != length => Err(words
            .of(
                first,
                format!("a digest of kind {kind} has {expected} octets, not {length}"),
            )
            .instead(format!("write {} hexadecimal digits", 2 * expected))),
        _ => Ok(()),
    }
}

/// All words to the end as base 64 with its padding (RFC 4648 section 4), blanks anywhere between.
pub(super) fn base64(words: &mut Words<'_>, out: &mut Vec<u8>) -> Result<(), Fault> {
    let first = words.expect("the base 64 text")?;
    let mut decoder = Base64::default();
    let mut next = Some(first);
    while let Some(word) = next {
        base64_word(words, word, &mut decoder, out)?;
        next = words.next();
    }
    if decoder.is_whole() {
        Ok(())
    } else {
        Err(words
            .at(first, "the base 64 text is cut short")
            .instead("its digits, with `=` at the end, come in groups of four"))
    }
}

/// Base 64 in one word.
pub(super) fn base64_alone(words: &Words<'_>, word: Word<'_>, out: &mut Vec<u8>) -> Result<(), Fault> {
    let mut decoder = Base64::default();
    base64_word(words, word, &mut decoder, out)?;
    if decoder.is_whole() && !word.raw.is_empty() {
        Ok(())
    } else {
        Err(words.at(word, format!("{} is not base 64: it is cut short", word.shown())))
    }
}

fn base64_word(
    words: &Words<'_>,
    word: Word<'_>,
    decoder: &mut Base64,
    out: &mut Vec<u8>,
) -> Result<(), Fault> {
    for &octet in word.raw {
        decoder
            .push(octet, out)
            .ok_or_else(|| words.at(word, format!("{} is not base 64", word.shown())))?;
    }
    Ok(())
}

/// Digits gathered to groups of four.
#[derive(Default)]
struct Base64 {
    bits: u32,
    digits: u8,
    padding: u8,
}

impl Base64 {
    fn push(&mut self, octet: u8, out: &mut Vec<u8>) -> Option<()> {
        let value = match octet {
            b'A'..=b'Z' => octet - b'A',
            b'a'..=b'z' => octet - b'a' + 26,
            b'0'..=b'9' => octet - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' if self.digits >= 2 => {
                self.padding += 1;
                0
            }
            _ => return None,
        };
        if self.padding > 0 && octet != b'=' {
            return None;
        }
        self.bits = self.bits << 6 | u32::from(value);
        self.digits += 1;
        if self.digits == 4 {
            let [_, a, b, c] = self.bits.to_be_bytes();
            out.extend([a, b, c].iter().take(3usize.saturating_sub(self.padding.into())));
            self.digits = 0;
            self.bits = 0;
        }
        Some(())
    }

    fn is_whole(&self) -> bool {
        self.digits == 0
    }
}

/// One word of `count` octets, as `00-00-5e-00-53-2a`.
pub(super) fn dashes(words: &mut Words<'_>, out: &mut Vec<u8>, count: usize) -> Result<(), Fault> {
    let word = words.expect("the identifier")?;
    let before = out.len();
    for pair in word.raw.split(|&octet| octet == b'-') {
        match pair {
            &[high, low] => match (digit(high), digit(low)) {
                (Some(high), Some(low)) => out.push(high << 4 | low),
                _ => break,
            },
            _ => break,
        }
    }
    if out.len() - before == count && word.raw.len() == 3 * count - 1 {
        Ok(())
    } else {
        Err(words.at(
            word,
            format!("{} is no identifier of {count} octets", word.shown()),
        ))
    }
}

/// One word of eight octets, as `2001:0db8:1140:1000`.
pub(super) fn groups(words: &mut Words<'_>, out: &mut Vec<u8>) -> Result<(), Fault> {
    let word = words.expect("the identifier")?;
    let values: Vec<u16> = word
        .raw
        .split(|&octet| octet == b':')
        .filter(|group| (1..=4).contains(&group.len()) && group.iter().all(u8::is_ascii_hexdigit))
        .filter_map(|group| u16::from_str_radix(std::str::from_utf8(group).ok()?, 16).ok())
        .collect();
    if values.len() != 4 || word.raw.iter().filter(|&&octet| octet == b':').count() != 3 {
        return Err(words.at(word, format!("{} is no identifier of four groups", word.shown())));
    }
    for value in values {
        out.extend_from_slice(&value.to_be_bytes());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_rfc_4648() {
        for (text, expected) in [
            ("Zg==", Some("f")),
            ("Zm8=", Some("fo")),
            ("Zm9v", Some("foo")),
            ("Zm9vYmFy", Some("foobar")),
            ("Zg=", None),
            ("Zg", None),
            ("Z===", None),
            ("Zg==Zg==", None),
            ("Zm=v", None),
            ("Zm9*", None),
        ] {
            let mut decoder = Base64::default();
            let mut out = Vec::new();
            let whole =
                text.bytes().all(|octet| decoder.push(octet, &mut out).is_some()) && decoder.is_whole();
            assert_eq!(
                whole.then_some(out),
                expected.map(|text| text.as_bytes().to_vec()),
                "{text}"
            );
        }
    }
}
