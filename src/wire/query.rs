//! A query read in place: header, question, OPT; what is wrong with it.
//!
//! Reading is total and allocates nothing. Records that a query may carry besides the question are walked
//! over, so that what is malformed is known to be, but only OPT and a final TSIG are looked at.

use crate::wire::edns::{self, Edns};
use crate::wire::name::{MAX_LABEL, MAX_NAME};
use crate::wire::rtype;

/// Octets of a message's header.
pub const HEADER: usize = 12;

/// A message that asks: a header at least, with QR clear.
#[derive(Clone, Copy, Debug)]
pub struct Query<'q> {
    /// The whole message.
    pub octets: &'q [u8],
    /// The question, when there is exactly one and it can be read.
    pub question: Option<Question>,
    /// What OPT says, when there is exactly one and it can be read.
    pub edns: Option<Edns>,
    /// Whether anything in the message breaks the format.
    pub malformed: bool,
    /// Whether the last record is a TSIG (RFC 8945).
    pub signed: bool,
    /// Whether it asks nothing but for a cookie: no question, and a COOKIE option (RFC 7873 section 5.4). Such a message
    /// is `malformed` to whoever has no cookies.
    pub bare: bool,
}

/// The question; its name stands at octet 12, uncompressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question {
    /// Octets of the name, root label included.
    pub name_len: u8,
    /// Labels of the name, root not counted.
    pub labels: u8,
    /// QTYPE.
    pub qtype: u16,
    /// QCLASS.
    pub qclass: u16,
}

impl Question {
    /// Where the question ends in its message.
    #[must_use]
    pub fn end(&self) -> usize {
        HEADER + usize::from(self.name_len) + 4
    }
}

impl<'q> Query<'q> {
    /// Reads `octets`; `None` for what must not be answered: fewer octets than a header has, or a response.
    #[must_use]
    #[inline]
    pub fn read(octets: &'q [u8]) -> Option<Self> {
        let header: &[u8; HEADER] = octets.first_chunk()?;
        if header[2] & 0x80 != 0 {
            return None;
        }
        let mut query = Self {
            octets,
            question: None,
            edns: None,
            malformed: true,
            signed: false,
            bare: false,
        };
        if header[4..6] != [0, 1] {
            // Nothing can be said of a message without exactly one question (RFC 9619), but OPT is answered.
            if header[4..6] == [0, 0] {
                query.read_records(HEADER, header);
                let cookie = query.edns.and_then(|edns| edns.cookie.client());
                query.bare = !query.malformed && !query.signed && cookie.is_some();
                query.malformed = true;
            }
            return Some(query);
        }
        let Some(question) = read_question(octets) else {
            return Some(query);
        };
        query.question = Some(question);
        if header[6..12] == [0; 6] {
            query.malformed = octets.len() != question.end();
        } else {
            query.read_records(question.end(), header);
        }
        Some(query)
    }

    /// OPCODE.
    #[must_use]
    pub fn opcode(&self) -> u8 {
        self.octets.get(2).map_or(0, |octet| octet >> 3 & 15)
    }

    /// The question's name as it came, and its type and class: what a reply repeats.
    #[must_use]
    pub fn question_octets(&self) -> &'q [u8] {
        self.question
            .and_then(|question| self.octets.get(HEADER..question.end()))
            .unwrap_or(&[])
    }

    /// The question's name in wire form, letter case as it came.
    #[must_use]
    pub fn name(&self) -> &'q [u8] {
        self.question
            .and_then(|question| self.octets.get(HEADER..question.end() - 4))
            .unwrap_or(&[0])
    }

    /// Walks over the records after the question; clears `malformed` when all is well.
    fn read_records(&mut self, start: usize, header: &[u8; HEADER]) {
        let plain = u32::from(be16(header, 6)) + u32::from(be16(header, 8));
        let all = plain + u32::from(be16(header, 10));
        let (mut at, mut two_opt) = (start, false);
        for index in 0..all {
            let Some(record) = read_record(self.octets, at) else {
                return;
            };
            if self.signed {
                return; // TSIG that is not the last (RFC 8945 section 5.1)
            }
            match record.rtype {
                rtype::OPT => {
                    if index < plain || !record.at_root {
                        return;
                    }
                    if self.edns.is_some() {
                        two_opt = true;
                    } else {
                        match edns::read(record.class, record.ttl, record.data) {
                            Some(edns) => self.edns = Some(edns),
                            None => return,
                        }
                    }
                }
                rtype::TSIG if index >= plain => self.signed = true,
                _ => {}
            }
            at = record.end;
        }
        self.malformed = two_opt || at != self.octets.len();
    }
}

struct Record<'q> {
    at_root: bool,
    rtype: u16,
    class: u16,
    ttl: u32,
    data: &'q [u8],
    end: usize,
}

#[inline]
fn read_record(octets: &[u8], start: usize) -> Option<Record<'_>> {
    let at = skip_name(octets, start)?;
    let fixed: &[u8; 10] = octets.get(at..)?.first_chunk()?;
    let end = at + 10 + usize::from(be16(fixed, 8));
    Some(Record {
        at_root: at == start + 1,
        rtype: be16(fixed, 0),
        class: be16(fixed, 2),
        ttl: u32::from_be_bytes([fixed[4], fixed[5], fixed[6], fixed[7]]),
        data: octets.get(at + 10..end)?,
        end,
    })
}

/// The question at octet 12. A pointer there could only lead into the header, so none is allowed.
#[inline]
fn read_question(octets: &[u8]) -> Option<Question> {
    let (mut at, mut labels) = (HEADER, 0u8);
    loop {
        let length = usize::from(*octets.get(at)?);
        at += 1 + length;
        if length == 0 {
            break;
        }
        if length > MAX_LABEL || at - HEADER >= MAX_NAME {
            return None;
        }
        labels += 1;
    }
    let fixed: &[u8; 4] = octets.get(at..)?.first_chunk()?;
    Some(Question {
        name_len: u8::try_from(at - HEADER).ok()?,
        labels,
        qtype: be16(fixed, 0),
        qclass: be16(fixed, 2),
    })
}

/// Where the name at `start` ends: after its root label, or after its first pointer, which must lead back.
fn skip_name(octets: &[u8], start: usize) -> Option<usize> {
    let mut at = start;
    loop {
        let length = usize::from(*octets.get(at)?);
        match length {
            0 => return Some(at + 1),
            1..=MAX_LABEL => at += 1 + length,
            0xc0.. => {
                let low = usize::from(*octets.get(at + 1)?);
                let target = (length & 0x3f) << 8 | low;
                return (target < at).then_some(at + 2);
            }
            _ => return None,
        }
        if at - start >= MAX_NAME {
            return None;
        }
    }
}

/// Two octets at `at`, big-endian; 0 past the end, which callers exclude.
fn be16<const N: usize>(octets: &[u8; N], at: usize) -> u16 {
    match octets.get(at..at + 2) {
        Some(&[high, low]) => u16::from_be_bytes([high, low]),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPT: &[u8] = b"\0\0\x29\x04\xd0\0\0\0\0\0\0";

    fn message(counts: [u8; 4], body: &[&[u8]]) -> Vec<u8> {
        let mut octets = vec![0x12, 0x34, 1, 0];
        for count in counts {
            octets.extend([0, count]);
        }
        octets.extend(body.concat());
        octets
    }

    const WWW: &[u8] = b"\x03WwW\x04test\0\0\x01\0\x01";

    #[test]
    fn a_plain_query_and_one_with_opt_are_read() {
        let octets = message([1, 0, 0, 0], &[WWW]);
        let query = Query::read(&octets).unwrap();
        assert!(!query.malformed && !query.signed && query.edns.is_none());
        assert_eq!(query.name(), b"\x03WwW\x04test\0");
        let question = query.question.unwrap();
        assert_eq!((question.labels, question.qtype, question.qclass), (2, 1, 1));
        let octets = message([1, 0, 0, 1], &[WWW, OPT]);
        let query = Query::read(&octets).unwrap();
        assert!(!query.malformed);
        assert_eq!(query.edns.unwrap().payload, 1232);
    }

    #[test]
    fn what_breaks_the_format_is_seen_and_the_question_kept() {
        let a_record: &[u8] = b"\0\0\x01\0\x01\0\0\0\0\0\x04\x01\x02\x03\x04";
        let tsig: &[u8] = b"\x01k\0\0\xfa\0\xff\0\0\0\0\0\0";
        for (octets, what) in [
            (message([1, 0, 0, 2], &[WWW, OPT, OPT]), "two OPT"),
            (
                message([1, 0, 0, 1], &[WWW, b"\x01a", OPT]),
                "OPT not at the root",
            ),
            (message([1, 1, 0, 0], &[WWW, OPT]), "OPT in the answer section"),
            (message([1, 0, 0, 0], &[WWW, b"x"]), "trailing octets"),
            (message([1, 0, 0, 2], &[WWW, OPT]), "a count too high"),
            (message([1, 0, 0, 2], &[WWW, tsig, OPT]), "TSIG before the end"),
            (message([1, 0, 0, 1], &[WWW, &a_record[..14]]), "a record cut off"),
            (
                message([1, 0, 0, 1], &[WWW, b"\xc0\xff\0\x01\0\x01\0\0\0\0\0\0"]),
                "a pointer that leads on",
            ),
        ] {
            let query = Query::read(&octets).unwrap();
            assert!(query.malformed, "{what}");
            assert!(query.question.is_some(), "{what}");
        }
        let octets = message([1, 0, 0, 2], &[WWW, OPT, tsig]);
        let query = Query::read(&octets).unwrap();
        assert!(!query.malformed && query.signed && query.edns.is_some());
    }

    #[test]
    fn names_that_are_none_leave_no_question() {
        let long = [b"\x3f".as_slice(), &[b'a'; 63]].concat().repeat(4);
        for (name, what) in [
            (b"\xc0\x0c".as_slice(), "a pointer to itself"),
            (b"\x40a\0", "label type 01"),
            (b"\x80\0", "label type 10"),
            (b"\x05a", "cut off"),
            (&long, "256 octets"),
        ] {
            let octets = message([1, 0, 0, 0], &[name, b"\0\0\x01\0\x01"]);
            let query = Query::read(&octets).unwrap();
            assert!(query.malformed && query.question.is_none(), "{what}");
        }
        let longest = [b"\x01a".repeat(127).as_slice(), b"\0\0\x01\0\x01"].concat();
        let octets = message([1, 0, 0, 0], &[&longest]);
        assert_eq!(Query::read(&octets).unwrap().question.unwrap().labels, 127);
    }

    #[test]
    fn runts_and_responses_are_nothing_to_answer() {
        let octets = message([1, 0, 0, 0], &[WWW]);
        for length in 0..HEADER {
            assert!(Query::read(&octets[..length]).is_none(), "{length} octets");
        }
        let mut response = octets;
        response[2] |= 0x80;
        assert!(Query::read(&response).is_none());
    }
}
