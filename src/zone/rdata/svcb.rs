//! Service parameters of SVCB and HTTPS (RFC 9460 section 2.1, appendix A).

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use crate::zone::rdata::binary;
use crate::zone::rdata::text::unescape;
use crate::zone::rdata::types::numbered;
use crate::zone::rdata::words::{Fault, Word, Words};

/// Keys known by name (section 14.3.2; `dohpath` RFC 9461, `ohttp` RFC 9540).
const KEYS: &[(&str, u16)] = &[
    ("mandatory", 0),
    ("alpn", 1),
    ("no-default-alpn", 2),
    ("port", 3),
    ("ipv4hint", 4),
    ("ech", 5),
    ("ipv6hint", 6),
    ("dohpath", 7),
    ("ohttp", 8),
    ("tls-supported-groups", 9),
];

fn key(name: &[u8]) -> Option<u16> {
    match KEYS
        .iter()
        .find(|(known, _)| known.as_bytes().eq_ignore_ascii_case(name))
    {
        Some(&(_, number)) => Some(number),
        None => numbered(name, b"key"),
    }
}

/// `key=value`, `key="value"` or `key`, in any order, none twice; written in the order of their numbers.
pub(super) fn read(words: &mut Words<'_>, out: &mut Vec<u8>) -> Result<(), Fault> {
    let mut parameters: BTreeMap<u16, Vec<u8>> = BTreeMap::new();
    let mut mandatory_at = None;
    while let Some(word) = words.next() {
        let split = word.raw.iter().position(|&octet| octet == b'=');
        let (name, inline) = match split {
            Some(at) => (
                word.raw.get(..at).unwrap_or(&[]),
                word.raw.get(at + 1..).unwrap_or(&[]),
            ),
            None => (word.raw, &[][..]),
        };
        let number = key(name).filter(|_| !word.quoted).ok_or_else(|| {
            let names: Vec<&str> = KEYS.iter().map(|&(name, _)| name).collect();
            words
                .at(word, format!("{} is no service parameter", word.shown()))
                .instead(format!(
                    "write `key=value` with one of {}, or `keyNNNNN`",
                    names.join(", ")
                ))
        })?;
        let quoted = if split.is_some() && inline.is_empty() {
            words.next_attached()
        } else {
            None
        };
        let given = quoted.unwrap_or(Word { raw: inline, ..word });
        let mut raw = Vec::new();
        unescape(words, given, &mut raw)?;
        if number == 0 {
            mandatory_at = Some(word.index);
        }
        let value = value(number, &raw, words, given)?;
        if parameters.insert(number, value).is_some() {
            return Err(words.at(
                word,
                format!(
                    "the parameter {} stands twice",
                    Word { raw: name, ..word }.shown()
                ),
            ));
        }
    }
    let priority_zero = out.first_chunk() == Some(&[0u8, 0]);
    if let Err(what) = rules(&parameters, priority_zero) {
        let at = mandatory_at.unwrap_or(words.position().saturating_sub(1));
        return Err(words.of(at, what));
    }
    for (number, value) in &parameters {
        out.extend_from_slice(&number.to_be_bytes());
        out.extend_from_slice(&u16::try_from(value.len()).unwrap_or(u16::MAX).to_be_bytes());
        out.extend_from_slice(value);
    }
    Ok(())
}

/// The rules between parameters: sections 2.4.2 (alias form), 7.1.1 (`no-default-alpn`), 8 (`mandatory`).
fn rules(parameters: &BTreeMap<u16, Vec<u8>>, alias: bool) -> Result<(), String> {
    if alias && !parameters.is_empty() {
        return Err("priority 0 makes an alias, which has no parameters".into());
    }
    if parameters.contains_key(&2) && !parameters.contains_key(&1) {
        return Err("`no-default-alpn` needs `alpn` beside it".into());
    }
    for pair in parameters.get(&0).map_or(&[][..], Vec::as_slice).chunks_exact(2) {
        let number = pair
            .iter()
            .fold(0u16, |number, &octet| number << 8 | u16::from(octet));
        if number == 0 {
            return Err("`mandatory` does not name itself".into());
        }
        if !parameters.contains_key(&number) {
            return Err(format!(
                "`mandatory` names a parameter that is not there: number {number}"
            ));
        }
    }
    Ok(())
}

fn value(number: u16, raw: &[u8], words: &Words<'_>, word: Word<'_>) -> Result<Vec<u8>, Fault> {
    let list = || raw.split(|&octet| octet == b',');
    let text = std::str::from_utf8(raw).unwrap_or("");
    let wire: Option<Vec<u8>> = match number {
        0 => {
            let mut keys: Vec<u16> = list().filter_map(key).collect();
            let all = keys.len() == list().count();
            keys.sort_unstable();
            let distinct = keys.windows(2).all(|pair| pair.first() != pair.last());
            (all && distinct).then(|| keys.iter().flat_map(|key| key.to_be_bytes()).collect())
        }
        1 => protocols(raw),
        2 | 8 => raw.is_empty().then(Vec::new),
        3 => text.parse::<u16>().ok().map(|port| port.to_be_bytes().to_vec()),
        4 => text
            .split(',')
            .map(|address| address.parse::<Ipv4Addr>().ok().map(|address| address.octets()))
            .collect::<Option<Vec<_>>>()
            .map(|octets| octets.concat()),
        5 => {
            let mut octets = Vec::new();
            binary::base64_alone(words, word, &mut octets)?;
            Some(octets)
        }
        6 => text
            .split(',')
            .map(|address| address.parse::<Ipv6Addr>().ok().map(|address| address.octets()))
            .collect::<Option<Vec<_>>>()
            .map(|octets| octets.concat()),
        7 => (!raw.is_empty() && std::str::from_utf8(raw).is_ok()).then(|| raw.to_vec()),
        9 => {
            let groups: Option<Vec<u16>> = text.split(',').map(|group| group.parse().ok()).collect();
            groups.map(|groups| groups.iter().flat_map(|group| group.to_be_bytes()).collect())
        }
        _ => Some(raw.to_vec()),
    };
    let name = KEYS
        .iter()
        .find(|&&(_, known)| known == number)
        .map_or("parameter", |&(name, _)| name);
    let form = match number {
        0 => "write `mandatory=alpn,port`: names of other parameters, each once",
        1 => "write `alpn=h2,h3`",
        2 | 8 => "write it without a value",
        3 => "write `port=8443`",
        4 => "write `ipv4hint=192.0.2.1,192.0.2.2`",
        6 => "write `ipv6hint=2001:db8::1`",
        9 => "write `tls-supported-groups=29,23`",
        _ => "write `dohpath=/dns-query{?dns}`",
    };
    wire.filter(|wire| wire.len() <= 65_535).ok_or_else(|| {
        words
            .at(word, format!("{} is no value of `{name}`", word.shown()))
            .instead(form)
    })
}

/// Protocol names with their lengths; after the escapes of text a second layer lets `\,` stand for a comma
/// (appendix A.1).
fn protocols(raw: &[u8]) -> Option<Vec<u8>> {
    let mut wire = Vec::new();
    let mut name = Vec::new();
    let mut close = |name: &mut Vec<u8>| {
        wire.push(u8::try_from(name.len()).ok().filter(|&length| length > 0)?);
        wire.append(name);
        Some(())
    };
    let mut octets = raw.iter().copied();
    while let Some(octet) = octets.next() {
        match octet {
            b',' => close(&mut name)?,
            b'\\' => name.push(octets.next()?),
            other => name.push(other),
        }
    }
    close(&mut name)?;
    Some(wire)
}

/// Whether `octets` are parameters in order, each of the shape its number says.
pub(super) fn check(mut octets: &[u8]) -> bool {
    let mut last = None;
    while let [a, b, c, d, rest @ ..] = octets {
        let number = u16::from_be_bytes([*a, *b]);
        let length = usize::from(u16::from_be_bytes([*c, *d]));
        let Some((value, after)) = rest.split_at_checked(length) else {
            return false;
        };
        let fits = match number {
            0 | 9 => !value.is_empty() && length % 2 == 0,
            1 => is_protocols(value),
            2 | 8 => value.is_empty(),
            3 => length == 2,
            4 => length > 0 && length % 4 == 0,
            5 => length > 0,
            6 => length > 0 && length % 16 == 0,
            _ => true,
        };
        if !fits || last >= Some(number) {
            return false;
        }
        last = Some(number);
        octets = after;
    }
    octets.is_empty()
}

fn is_protocols(mut octets: &[u8]) -> bool {
    let mut any = false;
    while let [length, rest @ ..] = octets {
        let Some(after) = rest.get(usize::from(*length)..).filter(|_| *length > 0) else {
            return false;
        };
        any = true;
        octets = after;
    }
    any && octets.is_empty()
}
