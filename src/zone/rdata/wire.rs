//! A record's data in wire form: whether it is what its type says, and the names in it.

use crate::wire::name::{MAX_LABEL, MAX_NAME};
use crate::zone::rdata::types::{self, Field, Form, Kind};
use crate::zone::rdata::{bitmap, gateway, loc, prefixes, svcb};

/// Whether `rdata` is data of `kind`, uncompressed; types that are not drawn as fields may hold anything.
///
/// # Errors
/// What is wrong, half a sentence.
pub(super) fn check(kind: &Kind, rdata: &[u8]) -> Result<(), String> {
    let Form::Fields(fields) = kind.form else {
        return Ok(());
    };
    let mut at = 0;
    for &field in fields {
        let rest = rdata.get(at..).unwrap_or(&[]);
        at += length(field, rest).ok_or_else(|| format!("{} is broken at octet {at}", noun(field)))?;
    }
    match rdata.len() - at.min(rdata.len()) {
        0 => Ok(()),
        more => Err(format!("{more} octets too many")),
    }
}

fn noun(field: Field) -> &'static str {
    match field {
        Field::Name => "a name",
        Field::U8(called) | Field::U16(called) | Field::U32(called) | Field::Period(called) => called,
        Field::V4 | Field::V6 => "the address",
        Field::Text | Field::Texts | Field::Rest => "the text",
        Field::Tag => "the tag",
        Field::Algorithm => "the algorithm",
        Field::CertType => "the certificate type",
        Field::Digest(_) | Field::Base64 | Field::Dashes(_) | Field::Groups => "the data",
        Field::Types => "the type bitmap",
        Field::Prefixes => "the list of prefixes",
        Field::Gateway => "the gateway",
        Field::Location => "the location",
        Field::Parameters => "the list of parameters",
    }
}

/// How many of `octets` the field takes; `None` when they are no such field.
fn length(field: Field, octets: &[u8]) -> Option<usize> {
    let fixed = |count: usize| (octets.len() >= count).then_some(count);
    let whole = |fits: bool| fits.then_some(octets.len());
    match field {
        Field::Name => name_length(octets),
        Field::U8(_) | Field::Algorithm => fixed(1),
        Field::U16(_) | Field::CertType => fixed(2),
        Field::U32(_) | Field::Period(_) | Field::V4 => fixed(4),
        Field::Groups => fixed(8),
        Field::V6 => fixed(16),
        Field::Dashes(count) => fixed(count),
        Field::Text => fixed(1 + usize::from(*octets.first()?)),
        Field::Texts => {
            let mut at = 1 + usize::from(*octets.first()?);
            while let Some(&more) = octets.get(at) {
                at += 1 + usize::from(more);
            }
            whole(at == octets.len())
        }
        Field::Tag => {
            let length = usize::from(*octets.first()?);
            let tag = octets.get(1..1 + length)?;
            (length > 0 && tag.iter().all(u8::is_ascii_alphanumeric)).then_some(1 + length)
        }
        Field::Rest => whole(true),
        Field::Digest(_) | Field::Base64 => whole(!octets.is_empty()),
        Field::Types => whole(bitmap::check(octets)),
        Field::Prefixes => whole(prefixes::check(octets)),
        Field::Gateway => whole(gateway::check(octets, name_length)),
        Field::Location => whole(loc::check(octets)),
        Field::Parameters => whole(svcb::check(octets)),
    }
}

fn name_length(octets: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let length = usize::from(*octets.get(at)?);
        at += 1 + length;
        if length > MAX_LABEL || at > MAX_NAME {
            return None;
        }
        if length == 0 {
            return Some(at);
        }
    }
}

/// Whether two RRs of this type are one (RFC 2181 section 5): data equal, names in any case.
pub(crate) fn same(rtype: u16, a: &[u8], b: &[u8]) -> bool {
    if a == b {
        return true;
    }
    if a.len() != b.len() || !a.eq_ignore_ascii_case(b) {
        return false;
    }
    let Some(Kind {
        form: Form::Fields(fields),
        ..
    }) = types::by_number(rtype)
    else {
        return false;
    };
    let mut at = 0;
    for &field in *fields {
        let (Some(left), Some(right)) = (a.get(at..), b.get(at..)) else {
            return false;
        };
        let Some(length) = length(field, left) else {
            return false;
        };
        let (left, right) = (left.get(..length), right.get(..length));
        // Length octets of labels are below the letters, so that folding case leaves them alone.
        if left != right && field != Field::Name {
            return false;
        }
        at += length;
    }
    true
}

/// The host name that a resolver will look up next: of NS, MX, SRV and the like. `.` and aliases are none.
pub(crate) fn target(rtype: u16, rdata: &[u8]) -> Option<&[u8]> {
    let at = match rtype {
        2 => 0,
        15 | 18 | 21 | 36 => 2,
        33 => 6,
        // SVCB and HTTPS in service form; an alias may point anywhere.
        64 | 65 if !rdata.starts_with(&[0, 0]) => 2,
        _ => return None,
    };
    let rest = rdata.get(at..)?;
    let name = rest.get(..name_length(rest)?)?;
    (name.len() > 1).then_some(name)
}
