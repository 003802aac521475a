//! A record's data, from text to wire form and checked in wire form.
//!
//! Both directions follow one table ([`types`]): each type is a list of fields, as its RFC draws them. Types that
//! are not in the table, and those whose text form nobody writes by hand, are read as RFC 3597 says: `\# 4 C0000201`.
//! Nothing here knows owners, TTLs or files; a fault says which word it is about.

mod binary;
mod bitmap;
mod fields;
mod gateway;
mod loc;
mod prefixes;
mod svcb;
mod text;
pub(crate) mod types;
mod wire;
pub(crate) mod words;

use crate::zone::master::tokens::{Entries, Entry};
use crate::zone::rdata::types::{Form, Kind};
use crate::zone::rdata::words::{Fault, Words};

pub(crate) use crate::zone::rdata::fields::{name_below, period};
pub use crate::zone::rdata::types::{type_name, type_number};
pub(crate) use crate::zone::rdata::wire::{same, target};

/// Octets of the longest RDATA.
const MAX_RDATA: usize = 65_535;

/// Reads the data of type `rtype` (`kind` when it is in the table) into `out`, in uncompressed wire form.
///
/// # Errors
/// The first fault, with the word it is about.
pub(crate) fn read(
    rtype: u16,
    kind: Option<&Kind>,
    words: &mut Words<'_>,
    out: &mut Vec<u8>,
) -> Result<(), Fault> {
    if words
        .peek()
        .is_some_and(|word| !word.quoted && word.raw == b"\\#")
    {
        words.next();
        generic(rtype, kind, words, out)?;
    } else {
        match kind.map(|kind| (kind, &kind.form)) {
            Some((kind, Form::Fields(list))) => {
                for &field in *list {
                    fields::read(field, words, out).map_err(|fault| fault.sample(kind.sample))?;
                }
                if let Some(word) = words.peek() {
                    return Err(words
                        .at(
                            word,
                            format!("{} has no place in the data of {}", word.shown(), kind.name),
                        )
                        .sample(kind.sample));
                }
            }
            _ => {
                return Err(words
                    .here(format!(
                        "the data of {} is written as RFC 3597 says",
                        type_name(rtype)
                    ))
                    .instead("write `\\# LENGTH HEX`, such as `\\# 4 C0000201`"));
            }
        }
    }
    if out.len() > MAX_RDATA {
        return Err(words.here(format!("{} octets of data; 65535 are the most", out.len())));
    }
    Ok(())
}

/// The data of type `rtype` written as `text`, in uncompressed wire form; names are absolute with or without the final
/// dot.
///
/// # Errors
/// What is wrong, and what to write instead when that is known.
pub fn from_text(rtype: u16, text: &str) -> Result<Vec<u8>, (String, Option<String>)> {
    let mut tokens = Vec::new();
    let mut entries = Entries::new(text.as_bytes());
    if !matches!(entries.next_entry(&mut tokens), Entry::Found { .. }) {
        return Err(("there is nothing, or a quote without another".to_owned(), None));
    }
    let mut words = Words::new(text.as_bytes(), &tokens, 0, &[0]);
    let mut out = Vec::new();
    read(rtype, types::by_number(rtype), &mut words, &mut out)
        .map_err(|fault| (fault.what, fault.instead))?;
    Ok(out)
}

/// RFC 3597 section 5, the part after `\#`: also for known types, whose data must then be what they say.
fn generic(rtype: u16, kind: Option<&Kind>, words: &mut Words<'_>, out: &mut Vec<u8>) -> Result<(), Fault> {
    let length = words.expect("the length of the data")?;
    let octets = fields::number(words, length, 65_535, "length of data")?;
    let from = words.position();
    binary::hex(words, out, "the data")?;
    if u32::try_from(out.len()) != Ok(octets) {
        return Err(words
            .of(
                from - 1,
                format!("the length says {octets} octets, but {} follow", out.len()),
            )
            .instead(format!("write `\\# {} …`", out.len())));
    }
    if let Some(kind) = kind
        && let Err(what) = wire::check(kind, out)
    {
        return Err(words
            .of(from, format!("these octets are no {}: {what}", type_name(rtype)))
            .sample(kind.sample));
    }
    Ok(())
}
