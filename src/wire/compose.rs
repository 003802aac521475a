//! Writes a reply's sections into a buffer: compression, RRset boundaries, what fits and what does not.
//!
//! Two ways in. [`Composer::copy`] takes records that were encoded beforehand, with the owner as a pointer to
//! the question: the fast way, which knows nothing of names. [`Composer::record`] compresses against every name
//! written by it, and against the question: for chains, referrals and additional records. The names are looked
//! for only by the second way, so that the first pays nothing for them.

use crate::wire::edns::OptReply;
use crate::wire::name::MAX_NAME;
use crate::wire::places::{Places, name_length, read_name};
use crate::wire::query::HEADER;
use crate::wire::rtype::{CLASS_IN, compressible};

/// The message has no room for what was to be written; roll back to the last boundary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

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
        places.cut_back(0);
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

    /// Keeps the message within `octets`, of which `rest` are for what is reserved next. What is written stays.
    pub fn narrow(&mut self, octets: usize, rest: usize) {
        self.limit = self.limit.min(octets.max(self.at + rest));
    }

    /// Makes the names of the question known, so that records may be compressed against them.
    pub fn learn_question(&mut self) {
        if self.question && self.places.count() == 0 {
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

    /// Where the next octet goes.
    #[must_use]
    pub fn position(&self) -> usize {
        self.at
    }

    /// Octets of the longest reply that the buffer has room for.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.out.len().min(usize::from(u16::MAX))
    }

    /// The boundary here.
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark {
            at: self.at,
            counts: self.counts,
            places: self.places.count(),
        }
    }

    /// Forgets what was written since `mark`.
    pub fn roll_back(&mut self, mark: Mark) {
        self.at = mark.at;
        self.counts = mark.counts;
        self.places.cut_back(mark.places);
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
    /// [`Full`]; nothing is written then.
    pub fn record(
        &mut self,
        section: Section,
        owner: &[u8],
        rtype: u16,
        ttl: u32,
        rdata: &[u8],
    ) -> Result<(), Full> {
        let before = self.mark();
        let written = self.parts(owner, rtype, ttl, rdata);
        match written {
            Ok(()) => self.counted(section, 1),
            Err(Full) => self.roll_back(before),
        }
        written
    }

    /// # Errors
    /// [`Full`]; roll back then.
    fn parts(&mut self, owner: &[u8], rtype: u16, ttl: u32, rdata: &[u8]) -> Result<(), Full> {
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
        assert_eq!(message.additionals[0].name.to_string(), "mail.Example.test.");
    }

    #[test]
    fn what_does_not_fit_is_rolled_back_whole() {
        let (mut out, mut places) = ([0; 512], Places::default());
        let mut composer = Composer::begin(&mut out, 58, &question("a.test"), &mut places);
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
