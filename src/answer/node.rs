//! One name of a zone as it lies in the arena: its facts, its RRsets, encoded to be copied.
//!
//! ```text
//!  0  octets of the name            1  flags               2  number of RRsets (little-endian)
//!  4  the name, lower case; with MIXED_CASE again as written; with SERVICE its index (4 octets)
//!     a directory of 8 octets per RRset: type, records, octets (little-endian)
//!     the RRsets, each a run of records ready for a message whose question is the name:
//!     owner 0xC00C, type, class, TTL, length, data; names in the data of the types of RFC 1035
//!     are pointers into the question as far as they share its end
//! ```
//!
//! A name of a few records lies within one or two cache lines.

use crate::wire::name::MAX_NAME;
use crate::wire::places::name_length;
use crate::wire::query::HEADER;
use crate::wire::rtype::compressible;

/// Octets before the name.
pub const NODE_HEADER: usize = 4;
/// Octets of a directory entry.
pub const DIRECTORY_ENTRY: usize = 8;
/// Octets of a record before its data.
pub const RECORD_HEADER: usize = 12;

/// NS at a name that is not the apex: authority ends here.
pub const CUT: u8 = 0x01;
/// DNAME at the name: everything below is elsewhere.
pub const DNAME: u8 = 0x02;
/// Below a cut or a DNAME: not answered from, but glue and transfers.
pub const OCCLUDED: u8 = 0x04;
/// A child `*` exists.
pub const WILDCARD_BELOW: u8 = 0x08;
/// A service stands here.
pub const SERVICE: u8 = 0x10;
/// CNAME at the name.
pub const CNAME: u8 = 0x20;
/// The name was written with capital letters.
pub const MIXED_CASE: u8 = 0x40;

/// A name of a zone.
#[derive(Clone, Copy, Debug)]
pub struct Node<'t> {
    octets: &'t [u8],
    flags: u8,
    sets: u16,
    name_len: u8,
}

/// An RRset of a name.
#[derive(Clone, Copy, Debug)]
pub struct RrSet<'t> {
    /// Type.
    pub rtype: u16,
    /// Records; saturates, since no message holds so many.
    pub count: u16,
    /// The records, as described at the head of this module.
    pub octets: &'t [u8],
}

/// A record of an RRset.
#[derive(Clone, Copy, Debug)]
pub struct Record<'t> {
    /// Seconds.
    pub ttl: u32,
    /// Data, names in it perhaps pointers into the owner; see [`expand`].
    pub data: &'t [u8],
}

impl<'t> Node<'t> {
    /// The node at the beginning of `octets`; `None` when there is none.
    #[inline]
    #[must_use]
    pub fn read(octets: &'t [u8]) -> Option<Self> {
        let &[name_len, flags, low, high] = octets.first_chunk()?;
        (name_len > 0).then_some(Self {
            octets,
            flags,
            sets: u16::from_le_bytes([low, high]),
            name_len,
        })
    }

    /// Whether all of `flags` are set.
    #[inline]
    #[must_use]
    pub fn is(&self, flags: u8) -> bool {
        self.flags & flags == flags
    }

    /// Whether any of `flags` is set.
    #[inline]
    #[must_use]
    pub fn is_any(&self, flags: u8) -> bool {
        self.flags & flags != 0
    }

    /// The name in lower case.
    #[inline]
    #[must_use]
    pub fn key(&self) -> &'t [u8] {
        self.octets
            .get(NODE_HEADER..NODE_HEADER + usize::from(self.name_len))
            .unwrap_or(&[0])
    }

    /// The name as written.
    #[must_use]
    pub fn name(&self) -> &'t [u8] {
        let length = usize::from(self.name_len);
        let start = NODE_HEADER + if self.is(MIXED_CASE) { length } else { 0 };
        self.octets.get(start..start + length).unwrap_or(&[0])
    }

    /// Where the service's index or the directory begins.
    #[inline]
    fn after_name(&self) -> usize {
        NODE_HEADER + usize::from(self.name_len) * if self.is(MIXED_CASE) { 2 } else { 1 }
    }

    /// The zone's number for the service that stands here.
    #[inline]
    #[must_use]
    pub fn service(&self) -> Option<usize> {
        if !self.is(SERVICE) {
            return None;
        }
        let octets: &[u8; 4] = self.octets.get(self.after_name()..)?.first_chunk()?;
        Some(u32::from_le_bytes(*octets) as usize)
    }

    /// The RRsets.
    #[inline]
    pub fn sets(&self) -> impl Iterator<Item = RrSet<'t>> + use<'t> {
        let start = self.after_name() + if self.is(SERVICE) { 4 } else { 0 };
        let end = start + DIRECTORY_ENTRY * usize::from(self.sets);
        let directory = self.octets.get(start..end).unwrap_or(&[]);
        let mut data = self.octets.get(end..).unwrap_or(&[]);
        directory.chunks_exact(DIRECTORY_ENTRY).filter_map(move |entry| {
            let &[t0, t1, c0, c1, l0, l1, l2, l3] = entry.first_chunk()?;
            let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
            let (octets, rest) = data.split_at_checked(length)?;
            data = rest;
            Some(RrSet {
                rtype: u16::from_le_bytes([t0, t1]),
                count: u16::from_le_bytes([c0, c1]),
                octets,
            })
        })
    }

    /// The RRset of `rtype`.
    #[inline]
    #[must_use]
    pub fn set(&self, rtype: u16) -> Option<RrSet<'t>> {
        self.sets().find(|set| set.rtype == rtype)
    }

    /// Those of its flags that are among `flags`.
    #[must_use]
    pub(crate) fn flags(&self, flags: u8) -> u8 {
        self.flags & flags
    }

    /// Its octets, without padding.
    #[must_use]
    pub(crate) fn octets(&self) -> &'t [u8] {
        self.octets.get(..self.length()).unwrap_or(self.octets)
    }

    /// Octets of the whole node, without padding.
    #[must_use]
    pub fn length(&self) -> usize {
        let fixed = self.after_name()
            + if self.is(SERVICE) { 4 } else { 0 }
            + DIRECTORY_ENTRY * usize::from(self.sets);
        fixed + self.sets().map(|set| set.octets.len()).sum::<usize>()
    }
}

impl<'t> RrSet<'t> {
    /// The records.
    pub fn records(&self) -> impl Iterator<Item = Record<'t>> + use<'t> {
        let mut rest = self.octets;
        std::iter::from_fn(move || {
            let (&[.., a, b, c, d, high, low], tail) = rest.split_first_chunk::<RECORD_HEADER>()?;
            let (data, after) = tail.split_at_checked(usize::from(u16::from_be_bytes([high, low])))?;
            rest = after;
            Some(Record {
                ttl: u32::from_be_bytes([a, b, c, d]),
                data,
            })
        })
    }
}

/// Writes into `out` the data of a record of type `rtype` at `owner`, names whole; its length.
/// Data without compressed names need no call: see [`compressible`].
#[must_use]
pub fn expand(rtype: u16, data: &[u8], owner: &[u8], out: &mut Vec<u8>) -> usize {
    out.clear();
    let Some(layout) = compressible(rtype) else {
        out.extend_from_slice(data);
        return out.len();
    };
    let (head, mut rest) = data.split_at_checked(layout.skip).unwrap_or((data, &[]));
    out.extend_from_slice(head);
    for _ in 0..layout.names {
        rest = expand_name(rest, owner, |octets| out.extend_from_slice(octets));
    }
    out.extend_from_slice(rest);
    out.len()
}

/// Gives the name at the beginning of `data` to `take`, piece by piece; what follows it.
fn expand_name<'d>(data: &'d [u8], owner: &[u8], mut take: impl FnMut(&[u8])) -> &'d [u8] {
    let mut at = 0;
    loop {
        match data.get(at) {
            Some(&length) if length >= 0xc0 => {
                take(data.get(..at).unwrap_or(&[]));
                let low = data.get(at + 1).copied().unwrap_or(0);
                let from = usize::from(length & 0x3f) << 8 | usize::from(low);
                take(owner.get(from.saturating_sub(HEADER)..).unwrap_or(&[0]));
                return data.get(at + 2..).unwrap_or(&[]);
            }
            Some(0) => {
                take(data.get(..=at).unwrap_or(&[0]));
                return data.get(at + 1..).unwrap_or(&[]);
            }
            Some(&length) => at += 1 + usize::from(length),
            None => {
                take(&[0]);
                return &[];
            }
        }
    }
}

/// The name at octet `skip` of `data`, whole, in `name`; its length, 0 when there is none.
#[must_use]
pub fn target(data: &[u8], skip: usize, owner: &[u8], name: &mut [u8; MAX_NAME]) -> usize {
    let mut length = 0;
    let mut fits = true;
    expand_name(data.get(skip..).unwrap_or(&[]), owner, |octets| {
        match name.get_mut(length..length + octets.len()) {
            Some(slot) => {
                slot.copy_from_slice(octets);
                length += octets.len();
            }
            None => fits = false,
        }
    });
    if fits { length } else { 0 }
}

/// Appends to `out` the data of a record at `owner` in which names are pointers into the question as far as
/// they share the owner's end, letter case too, so that a transfer gives them as they were written. The owner's
/// first `keep` octets are left out: the `*` of a wildcard is not in the question.
pub fn shorten(rtype: u16, rdata: &[u8], owner: &[u8], keep: usize, out: &mut Vec<u8>) {
    let layout = compressible(rtype);
    let Some((layout, (head, mut rest))) =
        layout.and_then(|layout| Some((layout, rdata.split_at_checked(layout.skip)?)))
    else {
        out.extend_from_slice(rdata);
        return;
    };
    out.extend_from_slice(head);
    for _ in 0..layout.names {
        let Some((name, tail)) = rest.split_at_checked(name_length(rest)) else {
            break;
        };
        shorten_name(name, owner, keep, out);
        rest = tail;
    }
    out.extend_from_slice(rest);
}

fn shorten_name(name: &[u8], owner: &[u8], keep: usize, out: &mut Vec<u8>) {
    let mut from = 0;
    while let Some(&label) = name.get(from).filter(|&&label| label != 0) {
        let rest = name.get(from..).unwrap_or(&[]);
        if let Some(at) = owner.len().checked_sub(rest.len()).filter(|&at| at >= keep)
            && is_label_start(owner, at)
            && owner.get(at..) == Some(rest)
        {
            let pointer = 0xc000 | u16::try_from(HEADER + at).unwrap_or(0);
            out.extend_from_slice(&pointer.to_be_bytes());
            return;
        }
        let next = from + 1 + usize::from(label);
        out.extend_from_slice(name.get(from..next).unwrap_or(&[]));
        from = next;
    }
    out.push(0);
}

fn is_label_start(name: &[u8], wanted: usize) -> bool {
    let mut at = 0;
    while at < wanted {
        match name.get(at) {
            Some(&length) if length != 0 => at += 1 + usize::from(length),
            _ => return false,
        }
    }
    at == wanted
}

/// Moves every pointer into the question in the data of one record by `by` octets: for an answer whose question
/// is longer than the name that the record was encoded for. `data` is the record's data in the message.
pub fn move_pointers(rtype: u16, data: &mut [u8], by: usize) {
    let Some(layout) = compressible(rtype) else {
        return;
    };
    let mut at = layout.skip;
    for _ in 0..layout.names {
        loop {
            match data.get(at).copied() {
                Some(0) => {
                    at += 1;
                    break;
                }
                Some(high) if high >= 0xc0 => {
                    if let Some(slot) = data.get_mut(at..at + 2) {
                        let low = slot.get(1).copied().unwrap_or(0);
                        let pointer = usize::from(u16::from_be_bytes([high, low])) + by;
                        slot.copy_from_slice(&u16::try_from(pointer).unwrap_or(0xc00c).to_be_bytes());
                    }
                    at += 2;
                    break;
                }
                Some(length) => at += 1 + usize::from(length),
                None => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::name::Name;
    use crate::wire::rtype;

    fn wire(text: &str) -> Vec<u8> {
        Name::from_text(text).unwrap().as_wire().to_vec()
    }

    #[test]
    fn data_are_shortened_by_the_owner_and_expanded_again() {
        let owner = wire("a.b.test");
        for (rtype, rdata, short) in [
            (rtype::CNAME, wire("x.b.test"), 4),
            (rtype::CNAME, wire("x.b.TEST"), 10),
            (rtype::CNAME, wire("a.b.test"), 2),
            (rtype::CNAME, wire("ab.test"), 5),
            (rtype::CNAME, wire("elsewhere.example"), 19),
            (rtype::MX, [vec![0, 5], wire("mail.test")].concat(), 9),
            (
                rtype::SOA,
                [wire("ns.test"), wire("h.b.test"), vec![7; 20]].concat(),
                5 + 4 + 20,
            ),
            (rtype::SRV, [vec![0; 6], wire("a.b.test")].concat(), 16),
        ] {
            let mut data = Vec::new();
            shorten(rtype, &rdata, &owner, 0, &mut data);
            assert_eq!(data.len(), short, "{rtype}");
            let mut back = Vec::new();
            assert_eq!(expand(rtype, &data, &owner, &mut back), rdata.len());
            assert_eq!(back, rdata, "{rtype}");
        }
    }

    #[test]
    fn the_star_of_a_wildcard_is_never_pointed_at() {
        let mut data = Vec::new();
        shorten(rtype::CNAME, &wire("*.b.test"), &wire("*.b.test"), 2, &mut data);
        assert_eq!(data, b"\x01*\xc0\x0e");
        move_pointers(rtype::CNAME, &mut data, 3);
        assert_eq!(data, b"\x01*\xc0\x11");
    }
}
