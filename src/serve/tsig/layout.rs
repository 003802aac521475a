//! Where things are in a message: as much as transactions need, without interpreting the rest.

use crate::serve::tsig::{CLASS_ANY, Signature, TSIG};
use crate::wire::name::{MAX_NAME, Name};
use crate::wire::query::HEADER;

const OPT: u16 = 41;

/// The parts of a message that transactions need, found without interpreting the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Where the one question ends; where the header does when there is none, or several: nothing is echoed then.
    pub question_end: usize,
    /// QTYPE and QCLASS of the first question.
    pub question: Option<(u16, u16)>,
    /// The payload size of OPT.
    pub payload: Option<u16>,
    /// The signature.
    pub signature: Option<Signature>,
}

/// The message cannot be walked through, or its TSIG is not where or what it must be: FORMERR.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the message or its TSIG record is malformed")]
pub struct Malformed;

impl Layout {
    /// Walks through `message`.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn of(message: &[u8]) -> Result<Self, Malformed> {
        let mut walk = Walk { message, at: 4 };
        let mut counts = [0u16; 4];
        for count in &mut counts {
            *count = walk.u16()?;
        }
        let [questions, answers, authorities, additionals] = counts;
        let mut layout = Self {
            question_end: 0,
            question: None,
            payload: None,
            signature: None,
        };
        for _ in 0..questions {
            let at = walk.at;
            walk.skip_name()?;
            // What is echoed must be readable by itself, and there is nothing before it to point to.
            let octets = message.get(at..walk.at).ok_or(Malformed)?;
            Name::from_wire(octets).map_err(|_| Malformed)?;
            let question = (walk.u16()?, walk.u16()?);
            layout.question.get_or_insert(question);
        }
        layout.question_end = if questions == 1 { walk.at } else { HEADER };
        let before = usize::from(answers) + usize::from(authorities);
        let records = before + usize::from(additionals);
        for index in 0..records {
            let at = walk.at;
            let owner_at = walk.at;
            walk.skip_name()?;
            let (rtype, class) = (walk.u16()?, walk.u16()?);
            let ttl = (walk.u16()?, walk.u16()?);
            let length = usize::from(walk.u16()?);
            let data = walk.at;
            walk.take(length)?;
            match rtype {
                OPT => layout.payload = Some(class),
                TSIG if index + 1 != records || index < before => return Err(Malformed),
                TSIG if class != CLASS_ANY || ttl != (0, 0) => return Err(Malformed),
                TSIG => {
                    let key = Walk {
                        message,
                        at: owner_at,
                    }
                    .name()?;
                    let data = Walk {
                        message: message.get(..walk.at).ok_or(Malformed)?,
                        at: data,
                    };
                    layout.signature = Some(Signature::read(at, key, data)?);
                }
                _ => {}
            }
        }
        Ok(layout)
    }
}

/// Goes through a message, never past its end.
#[derive(Clone, Copy)]
pub(super) struct Walk<'a> {
    pub(super) message: &'a [u8],
    pub(super) at: usize,
}

impl<'a> Walk<'a> {
    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let taken = self
            .message
            .get(self.at..)
            .and_then(|rest| rest.get(..length))
            .ok_or(Malformed)?;
        self.at += length;
        Ok(taken)
    }

    pub(super) fn u16(&mut self) -> Result<u16, Malformed> {
        self.take(2)?
            .first_chunk()
            .map(|octets| u16::from_be_bytes(*octets))
            .ok_or(Malformed)
    }

    fn skip_name(&mut self) -> Result<(), Malformed> {
        let begin = self.at;
        loop {
            if self.at - begin > MAX_NAME {
                return Err(Malformed);
            }
            let length = *self.take(1)?.first().ok_or(Malformed)?;
            match length {
                0 => return Ok(()),
                1..=63 => self.take(length.into())?,
                0xc0.. => return self.take(1).map(|_| ()),
                _ => return Err(Malformed),
            };
        }
    }

    /// The name here, pointers followed; each must lead further back than the one before, so that there is an end.
    pub(super) fn name(&mut self) -> Result<Name, Malformed> {
        let mut wire = Vec::new();
        let mut walk = *self;
        let mut before = walk.at;
        self.skip_name()?;
        loop {
            let length = *walk.take(1)?.first().ok_or(Malformed)?;
            if length < 64 {
                wire.push(length);
                wire.extend_from_slice(walk.take(length.into())?);
                if length == 0 {
                    return Name::from_wire(&wire).map_err(|_| Malformed);
                }
            } else {
                let low = *walk.take(1)?.first().ok_or(Malformed)?;
                let target = usize::from(length & 0x3f) << 8 | usize::from(low);
                if length < 0xc0 || target >= before {
                    return Err(Malformed);
                }
                before = target;
                walk.at = target;
            }
            if wire.len() > 255 {
                return Err(Malformed);
            }
        }
    }
}
