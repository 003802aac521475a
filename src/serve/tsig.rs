//! TSIG (RFC 8945): whose message is this, and answers that prove whose they are.
//!
//! Works on octets: what is signed is octets, and a message that was read and written again is another message. Pure;
//! the hash is hickory's (ring). Cut-short MACs are refused (BADTRUNC): nobody needs them any more.

pub mod layout;

use hickory_server::proto::rr::rdata::tsig::TsigAlgorithm as Hash;

use crate::model::plan::{TsigAlgorithm, TsigKey};
use crate::serve::tsig::layout::{Malformed, Walk};
use crate::wire::name::Name;

const TSIG: u16 = 250;
const CLASS_ANY: u16 = 255;
/// Seconds that clocks may differ, in our signatures (RFC 8945 section 10 recommends 300).
const FUDGE: u16 = 300;

/// The TSIG record of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// Where the record begins.
    at: usize,
    /// The key's name.
    pub key: Name,
    /// The algorithm's name.
    algorithm: Name,
    /// Seconds since 1970, when it was signed.
    time: u64,
    fudge: u16,
    mac: Vec<u8>,
    original_id: u16,
    error: u16,
    other: Vec<u8>,
}

/// Why a signature does not hold (RFC 8945 section 5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// We do not have that key with that algorithm.
    BadKey,
    /// The MAC is another.
    BadSig,
    /// Signed too long ago, or in the future.
    BadTime,
    /// The MAC was cut short.
    BadTrunc,
}

/// Why a message is not to be taken for its signer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault<'k> {
    /// The MAC has a length that no MAC has (RFC 8945 section 5.2.2.1): FORMERR.
    Malformed,
    /// NOTAUTH; with the key, when the answer that says so can be signed.
    Flawed(Flaw, Option<&'k TsigKey>),
}

impl Flaw {
    fn code(self) -> u16 {
        match self {
            Self::BadSig => 16,
            Self::BadKey => 17,
            Self::BadTime => 18,
            Self::BadTrunc => 22,
        }
    }
}

impl Signature {
    /// Reads the data of the record that begins at `at` and is owned by `key`.
    fn read(at: usize, key: Name, mut data: Walk<'_>) -> Result<Self, Malformed> {
        let algorithm = data.name()?;
        let time = u64::from(data.u16()?) << 32 | u64::from(data.u16()?) << 16 | u64::from(data.u16()?);
        let fudge = data.u16()?;
        let length = usize::from(data.u16()?);
        let mac = data.take(length)?.to_vec();
        let (original_id, error) = (data.u16()?, data.u16()?);
        let length = usize::from(data.u16()?);
        let other = data.take(length)?.to_vec();
        if data.at != data.message.len() {
            return Err(Malformed);
        }
        Ok(Self {
            at,
            key,
            algorithm,
            time,
            fudge,
            mac,
            original_id,
            error,
            other,
        })
    }

    /// `message` without this record, with the identifier it has.
    #[must_use]
    pub fn strip(&self, message: &[u8]) -> Vec<u8> {
        let mut stripped = message.get(..self.at).unwrap_or(&[]).to_vec();
        if let Some((_, count)) = stripped
            .first_chunk_mut::<12>()
            .and_then(|header| header.split_last_chunk_mut::<2>())
        {
            let additionals = u16::from_be_bytes(*count).saturating_sub(1);
            *count = additionals.to_be_bytes();
        }
        stripped
    }

    /// Whether `message`, which bears this record, was signed with one of `keys` at about `now` (seconds since 1970).
    ///
    /// # Errors
    /// [`Fault`].
    pub fn verify<'k>(
        &self,
        message: &[u8],
        keys: &'k [TsigKey],
        now: u64,
    ) -> Result<&'k TsigKey, Fault<'k>> {
        let wanted = |key: &&TsigKey| {
            key.name == self.key && *algorithm_name(key.algorithm) == *self.algorithm.to_lower().as_wire()
        };
        let Some(key) = keys.iter().find(wanted) else {
            return Err(Fault::Flawed(Flaw::BadKey, None));
        };
        let mut input = self.strip(message);
        if let Some(id) = input.get_mut(..2) {
            id.copy_from_slice(&self.original_id.to_be_bytes());
        }
        self.variables(&mut input);
        let expected = mac(key, &input);
        if self.mac.len() > expected.len() || self.mac.len() < (expected.len() / 2).max(10) {
            return Err(Fault::Malformed);
        }
        if !same(&self.mac, &expected) {
            return Err(Fault::Flawed(Flaw::BadSig, None));
        }
        if now.abs_diff(self.time) > u64::from(self.fudge) {
            return Err(Fault::Flawed(Flaw::BadTime, Some(key)));
        }
        if self.mac.len() < expected.len() {
            return Err(Fault::Flawed(Flaw::BadTrunc, Some(key)));
        }
        Ok(key)
    }

    /// The TSIG variables (RFC 8945 section 4.3.3).
    fn variables(&self, input: &mut Vec<u8>) {
        input.extend_from_slice(self.key.to_lower().as_wire());
        input.extend_from_slice(&CLASS_ANY.to_be_bytes());
        input.extend_from_slice(&[0; 4]);
        input.extend_from_slice(self.algorithm.to_lower().as_wire());
        self.timers(input);
        input.extend_from_slice(&self.error.to_be_bytes());
        input.extend_from_slice(&u16::try_from(self.other.len()).unwrap_or(0).to_be_bytes());
        input.extend_from_slice(&self.other);
    }

    fn timers(&self, input: &mut Vec<u8>) {
        input.extend_from_slice(self.time.to_be_bytes().get(2..).unwrap_or(&[]));
        input.extend_from_slice(&self.fudge.to_be_bytes());
    }

    /// Appends this as a record to `message`.
    fn append(&self, message: &mut Vec<u8>) {
        let mut data = self.algorithm.as_wire().to_vec();
        self.timers(&mut data);
        data.extend_from_slice(&u16::try_from(self.mac.len()).unwrap_or(0).to_be_bytes());
        data.extend_from_slice(&self.mac);
        data.extend_from_slice(&self.original_id.to_be_bytes());
        data.extend_from_slice(&self.error.to_be_bytes());
        data.extend_from_slice(&u16::try_from(self.other.len()).unwrap_or(0).to_be_bytes());
        data.extend_from_slice(&self.other);
        message.extend_from_slice(self.key.as_wire());
        message.extend_from_slice(&TSIG.to_be_bytes());
        message.extend_from_slice(&CLASS_ANY.to_be_bytes());
        message.extend_from_slice(&[0; 4]);
        message.extend_from_slice(&u16::try_from(data.len()).unwrap_or(0).to_be_bytes());
        message.extend_from_slice(&data);
        if let Some((_, count)) = message
            .first_chunk_mut::<12>()
            .and_then(|header| header.split_last_chunk_mut::<2>())
        {
            let additionals = u16::from_be_bytes(*count).saturating_add(1);
            *count = additionals.to_be_bytes();
        }
    }
}

/// Signs the answers to one signed query.
#[derive(Clone, Debug)]
pub struct Signer {
    key: Option<TsigKey>,
    template: Signature,
    /// The MAC of the message before: the query's, then of each answer.
    previous: Vec<u8>,
    first: bool,
}

impl Signer {
    /// Signs answers to the query that bore `signature`, which held for `key`.
    #[must_use]
    pub fn new(signature: &Signature, key: &TsigKey) -> Self {
        Self::with(signature, Some(key), 0, Vec::new())
    }

    /// Signs the answer to a query whose signature has a flaw; with BADKEY and BADSIG the record bears no MAC
    /// (RFC 8945 section 5.3.2). BADTIME tells the client our time, `now`.
    #[must_use]
    pub fn flawed(signature: &Signature, flaw: Flaw, key: Option<&TsigKey>, now: u64) -> Self {
        let other = match flaw {
            Flaw::BadTime => now.to_be_bytes().get(2..).unwrap_or(&[]).to_vec(),
            _ => Vec::new(),
        };
        Self::with(signature, key, flaw.code(), other)
    }

    fn with(signature: &Signature, key: Option<&TsigKey>, error: u16, other: Vec<u8>) -> Self {
        Self {
            key: key.cloned(),
            previous: signature.mac.clone(),
            template: Signature {
                mac: Vec::new(),
                error,
                other,
                fudge: FUDGE,
                ..signature.clone()
            },
            first: true,
        }
    }

    /// Octets that signing adds to a message.
    #[must_use]
    pub fn overhead(&self) -> usize {
        let record = self.template.key.as_wire().len() + self.template.algorithm.as_wire().len() + 26;
        record + self.template.other.len() + self.key.as_ref().map_or(0, |key| mac(key, &[]).len())
    }

    /// Signs `message`, the next answer, at `now` (seconds since 1970): the first over the query's MAC and all
    /// variables, later ones of a transfer over the MAC before and the timers (RFC 8945 section 5.3.1).
    pub fn sign(&mut self, message: &mut Vec<u8>, now: u64) {
        let mut signature = self.template.clone();
        // A client whose clock is wrong gets its own time back, so that it can verify the answer that says so.
        if signature.error != Flaw::BadTime.code() {
            signature.time = now;
        }
        if let Some(id) = message.first_chunk::<2>() {
            signature.original_id = u16::from_be_bytes(*id);
        }
        if let Some(key) = &self.key {
            let mut input = Vec::with_capacity(message.len() + 256);
            input.extend_from_slice(&u16::try_from(self.previous.len()).unwrap_or(0).to_be_bytes());
            input.extend_from_slice(&self.previous);
            input.extend_from_slice(message);
            if self.first {
                signature.variables(&mut input);
            } else {
                signature.timers(&mut input);
            }
            signature.mac = mac(key, &input);
            self.previous.clone_from(&signature.mac);
        }
        self.first = false;
        signature.append(message);
    }
}

fn algorithm_name(algorithm: TsigAlgorithm) -> &'static [u8] {
    match algorithm {
        TsigAlgorithm::HmacSha256 => b"\x0bhmac-sha256\0",
        TsigAlgorithm::HmacSha384 => b"\x0bhmac-sha384\0",
        TsigAlgorithm::HmacSha512 => b"\x0bhmac-sha512\0",
    }
}

fn mac(key: &TsigKey, input: &[u8]) -> Vec<u8> {
    let hash = match key.algorithm {
        TsigAlgorithm::HmacSha256 => Hash::HmacSha256,
        TsigAlgorithm::HmacSha384 => Hash::HmacSha384,
        TsigAlgorithm::HmacSha512 => Hash::HmacSha512,
    };
    // Fails for other algorithms only; an empty MAC equals none.
    hash.mac_data(&key.secret, input).unwrap_or_default()
}

/// Whether `given` is the beginning of `expected`; takes the same time wherever they differ.
fn same(given: &[u8], expected: &[u8]) -> bool {
    let differences = given
        .iter()
        .zip(expected)
        .fold(0, |sum, (a, b)| std::hint::black_box(sum | (a ^ b)));
    differences == 0 && !given.is_empty() && given.len() <= expected.len()
}
