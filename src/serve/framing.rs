//! Messages with their two octets of length in front (RFC 1035 section 4.2.2), in and out of buffers. Pure.

/// Octets of the length.
pub const LENGTH: usize = 2;
/// The longest message with its length.
pub const LONGEST: usize = LENGTH + u16::MAX as usize;

/// The whole messages at the front of some octets.
#[derive(Clone, Copy, Debug)]
pub struct Messages<'a>(&'a [u8]);

impl<'a> Messages<'a> {
    /// The messages at the front of `octets`.
    #[must_use]
    pub fn of(octets: &'a [u8]) -> Self {
        Self(octets)
    }

    /// What follows the messages that were taken.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.0
    }

    /// Whether a whole message is there still.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        { *self }.next().is_some()
    }
}

impl<'a> Iterator for Messages<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (length, rest) = self.0.split_first_chunk::<LENGTH>()?;
        let (message, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        self.0 = rest;
        Some(message)
    }
}

/// Answers gathered for one write.
#[derive(Debug)]
pub struct Outgoing {
    buffer: Box<[u8]>,
    used: usize,
}

/// Octets of gathered answers from which on they are written before more are made: what one client can have waiting
/// is this and one answer.
const ENOUGH: usize = 16_384;

impl Default for Outgoing {
    fn default() -> Self {
        Self::new()
    }
}

impl Outgoing {
    /// Nothing gathered.
    #[must_use]
    pub fn new() -> Self {
        Self {
            buffer: vec![0; ENOUGH + LONGEST].into_boxed_slice(),
            used: 0,
        }
    }

    /// Room for the next answer: 65,535 octets unless [`Outgoing::is_full`].
    pub fn room(&mut self) -> &mut [u8] {
        let from = (self.used + LENGTH).min(self.buffer.len());
        let to = (from + LONGEST - LENGTH).min(self.buffer.len());
        self.buffer.get_mut(from..to).unwrap_or(&mut [])
    }

    /// The first `length` octets of the room are an answer.
    pub fn commit(&mut self, length: usize) {
        let Ok(octets) = u16::try_from(length) else { return };
        let end = self.used + LENGTH + length;
        if end > self.buffer.len() {
            return;
        }
        if let Some(place) = self.buffer.get_mut(self.used..self.used + LENGTH) {
            place.copy_from_slice(&octets.to_be_bytes());
            self.used = end;
        }
    }

    /// Whether to write before more is gathered.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.used >= ENOUGH
    }

    /// What was gathered.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        self.buffer.get(..self.used).unwrap_or(&[])
    }

    /// Forgets what was gathered.
    pub fn clear(&mut self) {
        self.used = 0;
    }
}

/// `message` with its length in front; `None` when it is longer than a message can be.
#[must_use]
pub fn framed(message: &[u8]) -> Option<Vec<u8>> {
    let length = u16::try_from(message.len()).ok()?;
    let mut octets = Vec::with_capacity(LENGTH + message.len());
    octets.extend_from_slice(&length.to_be_bytes());
    octets.extend_from_slice(message);
    Some(octets)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn messages_come_out_as_they_went_in_wherever_the_stream_is_cut(
            messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..12),
            cuts in prop::collection::vec(1usize..200, 1..30),
        ) {
            let stream: Vec<u8> = messages.iter().flat_map(|m| framed(m).unwrap()).collect();
            let (mut seen, mut carry, mut at) = (Vec::new(), Vec::new(), 0);
            for cut in cuts.iter().cycle() {
                let end = (at + cut).min(stream.len());
                carry.extend_from_slice(&stream[at..end]);
                let mut whole = Messages::of(&carry);
                seen.extend(whole.by_ref().map(<[u8]>::to_vec));
                carry = whole.rest().to_vec();
                at = end;
                if at == stream.len() {
                    break;
                }
            }
            prop_assert_eq!(seen, messages);
            prop_assert!(carry.is_empty());
        }
    }

    #[test]
    fn gathered_answers_are_framed_one_after_another() {
        let mut outgoing = Outgoing::new();
        outgoing.room()[..3].copy_from_slice(b"abc");
        outgoing.commit(3);
        outgoing.room()[..1].copy_from_slice(b"d");
        outgoing.commit(1);
        assert_eq!(outgoing.octets(), b"\0\x03abc\0\x01d");
        outgoing.clear();
        assert_eq!(outgoing.octets(), b"");
    }

    #[test]
    fn there_is_room_for_the_longest_answer_until_it_is_full() {
        let mut outgoing = Outgoing::new();
        outgoing.commit(16_000);
        assert!(!outgoing.is_full());
        assert_eq!(outgoing.room().len(), 65_535);
        outgoing.commit(65_535);
        assert!(outgoing.is_full());
        let lengths: Vec<usize> = Messages::of(outgoing.octets()).map(<[u8]>::len).collect();
        assert_eq!(lengths, [16_000, 65_535]);
        assert!(framed(&[0; 65_536]).is_none());
    }
}
