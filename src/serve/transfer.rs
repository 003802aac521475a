//! A zone as a stream of messages (RFC 5936): SOA, all else, SOA again, as many records a message as fit well.
//!
//! Records keep the octets that the engine answers from: data is carried as it is, never read and written again.

use std::borrow::Cow;

use hickory_server::proto::rr::rdata::NULL;
use hickory_server::proto::rr::{Name, RData, Record, RecordType};

use crate::wire::name::labels;

/// Octets of records in one message: compression pointers reach no further than 16 KiB.
const ENOUGH: usize = 16_000;
/// Header, question and record fields that a message has besides its data, at the most.
const AROUND: usize = 12 + 255 + 4 + 255 + 10;

const SOA: u16 = 6;

/// One record of a zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneRecord<'a> {
    /// Owner in wire form, letter case as written.
    pub owner: &'a [u8],
    /// Type number.
    pub rtype: u16,
    /// Seconds.
    pub ttl: u32,
    /// Data in uncompressed wire form.
    pub rdata: Cow<'a, [u8]>,
}

/// Why a zone cannot be transferred.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransferError {
    /// It does not begin with a SOA record.
    #[error("the zone has no SOA record in front")]
    NoSoa,
    /// A record does not fit into any message.
    #[error("a record of {0} octets fits into no message")]
    TooLong(usize),
    /// An owner is not a name.
    #[error("an owner is not a name")]
    BadOwner,
}

/// The records of each message of a transfer, in order.
#[derive(Debug)]
pub struct Messages<I> {
    zone: I,
    /// SOA, once it is known: the last record, too.
    last: Option<Sized>,
    /// What did not fit into the message before.
    next: Option<Sized>,
    begun: bool,
    limit: usize,
}

/// A record and its octets when nothing is compressed.
type Sized = (Record, usize);

impl<'a, I: Iterator<Item = ZoneRecord<'a>>> Messages<I> {
    /// Messages for the records of `zone`, SOA first and not repeated; `reserve` octets of each message are left free
    /// (for a signature).
    pub fn new(zone: I, reserve: usize) -> Self {
        Self {
            zone,
            last: None,
            next: None,
            begun: false,
            limit: usize::from(u16::MAX).saturating_sub(reserve + AROUND),
        }
    }

    fn read(&mut self) -> Option<Result<Sized, TransferError>> {
        if let Some(next) = self.next.take() {
            return Some(Ok(next));
        }
        let record = match self.zone.next() {
            Some(record) => record,
            None if self.begun => return self.last.take().map(Ok),
            None => return Some(Err(TransferError::NoSoa)),
        };
        if !self.begun && record.rtype != SOA {
            return Some(Err(TransferError::NoSoa));
        }
        let sized = match hickory_record(&record, self.limit) {
            Ok(made) => (made, size(&record)),
            Err(error) => return Some(Err(error)),
        };
        if !self.begun {
            self.begun = true;
            self.last = Some(sized.clone());
        }
        Some(Ok(sized))
    }
}

/// After an error there is nothing more: the transfer is to be broken off.
impl<'a, I: Iterator<Item = ZoneRecord<'a>>> Iterator for Messages<I> {
    type Item = Result<Vec<Record>, TransferError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (mut records, mut octets) = (Vec::new(), 0);
        while let Some(sized) = self.read() {
            match sized {
                Ok((record, size)) if records.is_empty() || octets + size <= ENOUGH => {
                    octets += size;
                    records.push(record);
                }
                Ok(sized) => {
                    self.next = Some(sized);
                    break;
                }
                Err(error) => return Some(Err(error)),
            }
        }
        (!records.is_empty()).then_some(Ok(records))
    }
}

/// The serial of SOA data in uncompressed wire form (RFC 1035 section 3.3.13).
#[must_use]
pub fn soa_serial(rdata: &[u8]) -> Option<u32> {
    let at = rdata.len().checked_sub(20)?;
    rdata
        .get(at..)?
        .first_chunk()
        .map(|octets| u32::from_be_bytes(*octets))
}

/// Whether serial `a` is `b` or newer (RFC 1982 section 3.2).
#[must_use]
pub fn is_current(a: u32, b: u32) -> bool {
    a.wrapping_sub(b) < 1 << 31
}

fn size(record: &ZoneRecord<'_>) -> usize {
    record.owner.len() + 10 + record.rdata.len()
}

/// `record` as hickory's encoder takes it; the data goes out as it is.
fn hickory_record(record: &ZoneRecord<'_>, limit: usize) -> Result<Record, TransferError> {
    if record.rdata.len() > limit {
        return Err(TransferError::TooLong(record.rdata.len()));
    }
    let owner = Name::from_labels(labels(record.owner)).map_err(|_| TransferError::BadOwner)?;
    let data = RData::Unknown {
        code: RecordType::from(record.rtype),
        rdata: NULL::with(record.rdata.to_vec()),
    };
    Ok(Record::from_rdata(owner, record.ttl, data))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(count: usize, length: usize) -> Vec<ZoneRecord<'static>> {
        let soa = ZoneRecord {
            owner: b"\x04test\0",
            rtype: 6,
            ttl: 1,
            rdata: Cow::Owned([&b"\0\0"[..], &7u32.to_be_bytes(), &[0; 16]].concat()),
        };
        let other = ZoneRecord {
            owner: b"\x01a\x04test\0",
            rtype: 65_280,
            ttl: 2,
            rdata: Cow::Owned(vec![9; length]),
        };
        std::iter::once(soa)
            .chain(std::iter::repeat_n(other, count))
            .collect()
    }

    #[test]
    fn the_soa_stands_first_and_last_and_nothing_is_lost_between_messages() {
        for (count, length) in [(0, 0), (1, 5), (700, 100), (3, 15_999), (2, 60_000), (40, 16_000)] {
            let messages: Vec<_> = Messages::new(zone(count, length).into_iter(), 100)
                .map(Result::unwrap)
                .collect();
            let types: Vec<u16> = messages
                .iter()
                .flatten()
                .map(|r| r.record_type().into())
                .collect();
            let expected = [&[6][..], &vec![65_280; count], &[6]].concat();
            assert_eq!(types, expected, "{count} records of {length}");
            let each = if length == 0 { 1 } else { ENOUGH / (length + 20) };
            assert!(
                messages.len() >= count / (each + 2),
                "{} messages",
                messages.len()
            );
        }
    }

    #[test]
    fn a_zone_that_does_not_begin_with_its_soa_is_not_sent() {
        let wrong = zone(3, 3).split_off(1);
        assert_eq!(
            Messages::new(wrong.into_iter(), 0).next(),
            Some(Err(TransferError::NoSoa))
        );
        assert_eq!(
            Messages::new(std::iter::empty(), 0).next(),
            Some(Err(TransferError::NoSoa))
        );
    }

    #[test]
    fn a_record_that_fits_into_no_message_ends_the_transfer() {
        let mut messages = Messages::new(zone(1, 65_500).into_iter(), 0);
        assert_eq!(messages.next(), Some(Err(TransferError::TooLong(65_500))));
    }

    #[test]
    fn serials_are_compared_around_the_circle() {
        assert_eq!(soa_serial(&zone(0, 0)[0].rdata), Some(7));
        assert_eq!(soa_serial(b"short"), None);
        assert!(is_current(5, 5) && is_current(6, 5) && !is_current(5, 6));
        assert!(is_current(1, u32::MAX) && !is_current(u32::MAX, 1));
    }
}
