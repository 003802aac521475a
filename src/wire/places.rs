//! Where names stand in a message that is being written: what compression looks up (RFC 1035 section 4.1.4).

use crate::wire::name::MAX_NAME;

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
    /// Remembers that a name of `length` octets (uncompressed) stands at `offset`.
    pub(crate) fn add(&mut self, offset: usize, length: usize) {
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

    /// How many are remembered.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Forgets all but the first `count`.
    pub(crate) fn cut_back(&mut self, count: usize) {
        self.count = count;
    }

    /// Where `name` stands already.
    pub(crate) fn find(&self, message: &[u8], name: &[u8]) -> Option<u16> {
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
pub(crate) fn read_name(message: &[u8], mut at: usize, name: &mut [u8; MAX_NAME]) -> usize {
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
