//! Character strings (RFC 1035 section 3.3): octets, of which `\DDD` and `\X` name some.

use crate::zone::rdata::words::{Fault, Word, Words};

/// Appends the octets that `word` stands for.
pub(super) fn unescape(words: &Words<'_>, word: Word<'_>, out: &mut Vec<u8>) -> Result<(), Fault> {
    if !word.raw.contains(&b'\\') {
        out.extend_from_slice(word.raw);
        return Ok(());
    }
    let mut octets = word.raw.iter().copied();
    while let Some(octet) = octets.next() {
        if octet != b'\\' {
            out.push(octet);
            continue;
        }
        let broken = || {
            words
                .at(word, format!("a broken escape in {}", word.shown()))
                .instead("write `\\\\` for a backslash, `\\DDD` with DDD up to 255 for an octet")
        };
        match octets.next() {
            Some(hundreds @ b'0'..=b'9') => {
                let (Some(tens @ b'0'..=b'9'), Some(ones @ b'0'..=b'9')) = (octets.next(), octets.next())
                else {
                    return Err(broken());
                };
                let digit = |octet: u8| u16::from(octet - b'0');
                let value = digit(hundreds) * 100 + digit(tens) * 10 + digit(ones);
                out.push(u8::try_from(value).map_err(|_| broken())?);
            }
            Some(other) => out.push(other),
            None => return Err(broken()),
        }
    }
    Ok(())
}

/// One string with its length before it.
pub(super) fn string(words: &mut Words<'_>, out: &mut Vec<u8>) -> Result<(), Fault> {
    let word = words.expect("a text")?;
    let at = out.len();
    out.push(0);
    unescape(words, word, out)?;
    let length = out.len() - at - 1;
    let octet = u8::try_from(length).map_err(|_| {
        words
            .at(word, format!("a text of {length} octets; 255 are the most"))
            .instead("split it into several texts, each in quotes, one behind the other")
    })?;
    if let Some(slot) = out.get_mut(at) {
        *slot = octet;
    }
    Ok(())
}

/// One string to the end of the data.
pub(super) fn rest(words: &mut Words<'_>, out: &mut Vec<u8>) -> Result<(), Fault> {
    let word = words.expect("the value")?;
    unescape(words, word, out)
}

/// The tag of CAA.
pub(super) fn tag(words: &mut Words<'_>, out: &mut Vec<u8>) -> Result<(), Fault> {
    let word = words.expect("the tag")?;
    let length = u8::try_from(word.raw.len()).unwrap_or(0);
    if length == 0 || !word.raw.iter().all(u8::is_ascii_alphanumeric) {
        return Err(words
            .at(word, format!("{} is no tag of letters and digits", word.shown()))
            .instead("write `issue`, `issuewild`, `iodef`, `issuemail` or `issuevmc`"));
    }
    out.push(length);
    out.extend_from_slice(word.raw);
    Ok(())
}
