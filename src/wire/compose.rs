//! Writes a reply's sections into a buffer: compression, RRset boundaries, what fits and what does not.
//!
//! Two ways in. [`Composer::copy`] takes records that were encoded beforehand, with the owner as a pointer to
//! the question: the fast way, which knows nothing of names. [`Composer::record`] compresses against every name
//! written by it, and against the question: for chains, referrals and additional records. The names are looked
//! for only by the second way, so that the first pays nothing for them.

use crate::wire::edns::OptReply;
use crate::wire::name::MAX_NAME;
use crate::wire::query::HEADER;
use crate::wire::rtype::{CLASS_IN, compressible};

/// The message has no room for what was to be written; roll back to the last boundary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// How many places of names are remembered. A referral with 13 servers and their glue has about 20;
/// names past the limit are written without being remembered.
const PLACES: usize = 64;
/// A pointer has 14 bits (RFC 1035 section 4.1.4).
const POINTER_LIMIT: usize = 0x4000;

/// Where names (and their ends, label by label) stand in the message: a worker's reusable memory.
#[derive(Clone, Debug)]
pub struct Places {
    offsets: [u16; PLACES],
    lengths: [u8; PLACES],
    count: usize,
}

impl Default for Places {
    fn default() -> Self {
        Self {
            offsets: [0; PLACES],
            lengths: [0; PLACES],
            count: 0,
        }
    }
}

impl Places {
    fn add(&mut self, offset: usize, length: usize) {
        if offset >= POINTER_LIMIT || length <= 1 {
            return;
        }
        if let (Some(at), Some(len), Ok(offset), Ok(length)) = (
            self.offsets.get_mut(self.count),
            self.lengths.get_mut(self.count),
            u16::try_from(offset),
            u8::try_from(length),
        ) {
            (*at, *len) = (offset, length);
            self.count += 1;
        }
    }

    /// Where `name` stands already.
    fn find(&self, message: &[u8], name: &[u8]) -> Option<u16> {
        let length = u8::try_from(name.len()).ok()?;
        let known = self.lengths.iter().zip(&self.offsets).take(self.count);
        known
            .filter(|(len, _)| **len == length)
            .map(|(_, &offset)| offset)
            .find(|&offset| stands_at(message, usize::from(offset), name))
    }
}

/// Whether the name at `at` (perhaps compressed) is `name` (not compressed), case ignored.
fn stands_at(message: &[u8], mut at: usize, name: &[u8]) -> bool {
    let mut rest = name;
    loop {
        let Some(&length) = message.get(at) else {
            return false;
        };
        if length >= 0xc0 {
            let low = message.get(at + 1).copied().unwrap_or(0);
            let target = usize::from(length & 0x3f) << 8 | usize::from(low);
            if target >= at {
                return false;
            }
            at = target;
            continue;
        }
        let whole = 1 + usize::from(length);
        let (Some(label), Some(wanted)) = (message.get(at..at + whole), rest.get(..whole)) else {
            return false;
        };
        if !label.eq_ignore_ascii_case(wanted) {
            return false;
        }
        if length == 0 {
            return rest.len() == 1;
        }
        rest = rest.get(whole..).unwrap_or(&[]);
        at += whole;
    }
}

/// A section of a reply that holds records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// Answer.
    Answer,
    /// Authority.
    Authority,
    /// Additional.
    Additional,
}

/// A boundary to which a reply can be cut back.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    at: usize,
    counts: [u16; 3],
    places: usize,
}

/// What the header of a reply says.
#[derive(Clone, Copy, Debug, Default)]
pub struct Header {
    /// ID.
    pub id: [u8; 2],
    /// The third octet: QR, OPCODE, AA, TC, RD.
    pub flags: u8,
    /// The lower four bits of RCODE.
    pub rcode_low: u8,
}

/// QR in [`Header::flags`].
pub const QR: u8 = 0x80;
/// AA in [`Header::flags`].
pub const AA: u8 = 0x04;
/// TC in [`Header::flags`].
pub const TC: u8 = 0x02;

/// A reply that is being written.
#[derive(Debug)]
pub struct Composer<'o> {
    out: &'o mut [u8],
    at: usize,
    limit: usize,
    counts: [u16; 3],
    question: bool,
    places: &'o mut Places,
}

impl<'o> Composer<'o> {
    /// Begins a reply of at most `limit` octets with `question` (name, type and class; empty for none).
    #[inline]
    pub fn begin(out: &'o mut [u8], limit: usize, question: &[u8], places: &'o mut Places) -> Self {
        places.count = 0;
        let limit = limit.min(out.len());
        let mut composer = Self {
            out,
            at: HEADER,
            limit,
            counts: [0; 3],
            question: !question.is_empty(),
            places,
        };
        if composer.put(question).is_err() {
            composer.question = false;
        }
        composer
    }

    /// Keeps `octets` free at the end, for OPT; whether there is that much room.
    #[inline]
    pub fn reserve(&mut self, octets: usize) -> bool {
        let fits = self.at + octets <= self.limit;
        if fits {
            self.limit -= octets;
        }
        fits
    }

    /// Makes the names of the question known, so that records may be compressed against them.
    pub fn learn_question(&mut self) {
        if self.question && self.places.count == 0 {
            self.learn(HEADER);
        }
    }

    /// Makes the uncompressed beginning of the name at `at` known, label by label.
    pub fn learn(&mut self, at: usize) {
        let mut name = [0; MAX_NAME];
        let mut length = read_name(self.out.get(..self.at).unwrap_or(&[]), at, &mut name);
        let mut place = at;
        while let Some(&label) = self.out.get(place).filter(|&&label| label != 0 && label < 0xc0) {
            self.places.add(place, length);
            place += 1 + usize::from(label);
            length = length.saturating_sub(1 + usize::from(label));
        }
    }

    /// The name that stands at `at`, uncompressed into `name`; its length, 0 when it cannot be read.
    pub fn name_at(&self, at: usize, name: &mut [u8; MAX_NAME]) -> usize {
        read_name(self.out.get(..self.at).unwrap_or(&[]), at, name)
    }

    /// Where the next octet goes.
    #[must_use]
    pub fn position(&self) -> usize {
        self.at
    }

    /// The boundary here.
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark {
            at: self.at,
            counts: self.counts,
            places: self.places.count,
        }
    }

    /// Forgets what was written since `mark`.
    pub fn roll_back(&mut self, mark: Mark) {
        self.at = mark.at;
        self.counts = mark.counts;
        self.places.count = mark.places;
    }

    /// Records in a section.
    #[must_use]
    pub fn count(&self, section: Section) -> u16 {
        match section {
            Section::Answer => self.counts[0],
            Section::Authority => self.counts[1],
            Section::Additional => self.counts[2],
        }
    }

    /// Copies `records` records that are encoded already; where they begin.
    ///
    /// # Errors
    /// [`Full`]; nothing is written then.
    #[inline]
    pub fn copy(&mut self, section: Section, records: u16, octets: &[u8]) -> Result<usize, Full> {
        let start = self.at;
        self.put(octets)?;
        self.counted(section, records);
        Ok(start)
    }

    /// What was written from `start` on, to be patched.
    pub fn written_mut(&mut self, start: usize) -> &mut [u8] {
        self.out.get_mut(start..self.at).unwrap_or(&mut [])
    }

    /// Writes one record, its names compressed. `rdata` is uncompressed.
    ///
    /// # Errors
    /// [`Full`]; roll back then.
    pub fn record(
        &mut self,
        section: Section,
        owner: &[u8],
        rtype: u16,
        ttl: u32,
        rdata: &[u8],
    ) -> Result<(), Full> {
        self.name(owner)?;
        let [type_high, type_low] = rtype.to_be_bytes();
        let [class_high, class_low] = CLASS_IN.to_be_bytes();
        let [a, b, c, d] = ttl.to_be_bytes();
        self.put(&[type_high, type_low, class_high, class_low, a, b, c, d, 0, 0])?;
        let start = self.at;
        match compressible(rtype) {
            None => self.put(rdata)?,
            Some(layout) => {
                let (head, mut rest) = rdata.split_at_checked(layout.skip).ok_or(Full)?;
                self.put(head)?;
                for _ in 0..layout.names {
                    let (name, tail) = rest.split_at_checked(name_length(rest)).ok_or(Full)?;
                    self.name(name)?;
                    rest = tail;
                }
                self.put(rest)?;
            }
        }
        let length = u16::try_from(self.at - start).map_err(|_| Full)?;
        if let Some(slot) = self.out.get_mut(start - 2..start) {
            slot.copy_from_slice(&length.to_be_bytes());
        }
        self.counted(section, 1);
        Ok(())
    }

    /// Writes a name, as a pointer as far as it stands in the message already.
    ///
    /// # Errors
    /// [`Full`]; roll back then.
    fn name(&mut self, name: &[u8]) -> Result<(), Full> {
        let mut from = 0;
        while let Some(&label) = name.get(from).filter(|&&label| label != 0) {
            let rest = name.get(from..).unwrap_or(&[]);
            let known = self.places.find(self.out.get(..self.at).unwrap_or(&[]), rest);
            if let Some(offset) = known {
                return self.put(&(0xc000 | offset).to_be_bytes());
            }
            self.places.add(self.at, rest.len());
            let whole = 1 + usize::from(label);
            self.put(name.get(from..from + whole).ok_or(Full)?)?;
            from += whole;
        }
        self.put(&[0])
    }

    #[inline]
    fn put(&mut self, octets: &[u8]) -> Result<(), Full> {
        let end = self.at + octets.len();
        if end > self.limit {
            return Err(Full);
        }
        self.out
            .get_mut(self.at..end)
            .ok_or(Full)?
            .copy_from_slice(octets);
        self.at = end;
        Ok(())
    }

    #[inline]
    fn counted(&mut self, section: Section, records: u16) {
        let count = match section {
            Section::Answer => &mut self.counts[0],
            Section::Authority => &mut self.counts[1],
            Section::Additional => &mut self.counts[2],
        };
        *count = count.saturating_add(records);
    }

    /// Appends OPT into the room kept for it and writes the header; octets of the whole reply.
    #[inline]
    pub fn finish(mut self, header: Header, opt: Option<&OptReply<'_>>) -> usize {
        if let Some(opt) = opt {
            let written = opt.write(self.out.get_mut(self.at..).unwrap_or(&mut []));
            self.at += written;
            self.counted(Section::Additional, u16::from(written > 0));
        }
        let [answer, authority, additional] = self.counts.map(u16::to_be_bytes);
        if let Some(slot) = self.out.first_chunk_mut::<HEADER>() {
            *slot = [
                header.id[0],
                header.id[1],
                header.flags,
                header.rcode_low,
                0,
                u8::from(self.question),
                answer[0],
                answer[1],
                authority[0],
                authority[1],
                additional[0],
                additional[1],
            ];
        }
        self.at
    }
}

/// Octets of the uncompressed name at the beginning of `octets`; more than there are when it is cut off.
#[must_use]
pub fn name_length(octets: &[u8]) -> usize {
    let mut at = 0;
    loop {
        match octets.get(at) {
            Some(0) => return at + 1,
            Some(&length) => at += 1 + usize::from(length),
            None => return usize::MAX,
        }
    }
}

/// Reads the name at `at` of a message of ours, uncompressed into `name`; its length, 0 when it is none.
fn read_name(message: &[u8], mut at: usize, name: &mut [u8; MAX_NAME]) -> usize {
    let mut length = 0;
    loop {
        let Some(&label) = message.get(at) else {
            return 0;
        };
        if label >= 0xc0 {
            let low = message.get(at + 1).copied().unwrap_or(0);
            let target = usize::from(label & 0x3f) << 8 | usize::from(low);
            if target >= at {
                return 0;
            }
            at = target;
            continue;
        }
        let whole = 1 + usize::from(label);
        match (name.get_mut(length..length + whole), message.get(at..at + whole)) {
            (Some(slot), Some(octets)) => slot.copy_from_slice(octets),
            _ => return 0,
        }
        length += whole;
        at += whole;
        if label == 0 {
            return length;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::name::Name;
    use crate::wire::rtype;
    use hickory_proto::op::Message;

    fn wire(text: &str) -> Vec<u8> {
        Name::from_text(text).unwrap().as_wire().to_vec()
    }

    fn question(text: &str) -> Vec<u8> {
        [wire(text).as_slice(), &[0, 1, 0, 1]].concat()
    }

    const REPLY: Header = Header {
        id: [0, 7],
        flags: QR,
        rcode_low: 0,
    };

    #[test]
    fn names_are_compressed_against_the_question_and_each_other() {
        let (mut out, mut places) = ([0; 512], Places::default());
        let mut composer = Composer::begin(&mut out, 512, &question("www.Example.test"), &mut places);
        composer.learn_question();
        let mail = [[0, 10].as_slice(), &wire("mail.example.TEST")].concat();
        for _ in 0..2 {
            composer
                .record(Section::Answer, &wire("www.example.test"), rtype::MX, 60, &mail)
                .unwrap();
        }
        composer
            .record(
                Section::Additional,
                &wire("mail.example.test"),
                rtype::A,
                60,
                &[1, 2, 3, 4],
            )
            .unwrap();
        let length = composer.finish(REPLY, None);
        // Header and question, two MX of 12 + 2 + (7 or 2) octets, one A of 16.
        assert_eq!(length, 12 + 22 + (12 + 2 + 7) + (12 + 2 + 2) + 16);
        let message = Message::from_vec(&out[..length]).unwrap();
        assert_eq!(message.answers.len(), 2);
        assert_eq!(message.additionals[0].name.to_string(), "mail.example.TEST.");
    }

    #[test]
    fn what_does_not_fit_is_rolled_back_whole() {
        let (mut out, mut places) = ([0; 512], Places::default());
        let mut composer = Composer::begin(&mut out, 60, &question("a.test"), &mut places);
        composer.learn_question();
        let owner = wire("long-label-for-this.a.test");
        let mark = composer.mark();
        assert_eq!(
            composer.record(Section::Answer, &owner, rtype::A, 60, &[0; 4]),
            Err(Full)
        );
        composer.roll_back(mark);
        assert!(
            composer
                .record(Section::Answer, &wire("a.test"), rtype::A, 60, &[0; 4])
                .is_ok()
        );
        assert!(!composer.reserve(40));
        let length = composer.finish(REPLY, None);
        assert_eq!(Message::from_vec(&out[..length]).unwrap().answers.len(), 1);
    }

    #[test]
    fn many_names_and_far_ones_are_written_without_being_remembered() {
        let (mut out, mut places) = (vec![0; 65_535], Places::default());
        let mut composer = Composer::begin(&mut out, 65_535, &question("a.test"), &mut places);
        composer.learn_question();
        for index in 0..2000u16 {
            let target = wire(&format!("n{index}.example"));
            composer
                .record(Section::Answer, &wire("a.test"), rtype::NS, 60, &target)
                .unwrap();
        }
        let length = composer.finish(REPLY, None);
        let message = Message::from_vec(&out[..length]).unwrap();
        assert_eq!(message.answers.len(), 2000);
        assert!(
            message.answers[1999]
                .data
                .to_string()
                .starts_with("n1999.example")
        );
    }
}
