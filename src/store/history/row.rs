//! An entry as a row: its body made small, and its link in the chain.
//!
//! The body is the entry's words and facts as JSON, compressed (RFC 1951) against a dictionary of what entries usually
//! say, so that a million of them are small. The chain is over what is stored, not over what it means: a flipped bit that
//! decompresses to the same words is found too.

use std::cell::RefCell;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use ring::digest::{Context, SHA256};
use serde_json::Value;

use crate::control::timeline::Entry;

/// What entries usually say. Once released it never changes: another one gets a number of its own.
const DICTIONARY: &[u8] = include_bytes!("dictionary.txt");
/// The body as it is.
const PLAIN: u8 = 0;
/// The body compressed against [`DICTIONARY`].
const PACKED: u8 = 1;
/// Octets of a body before it is compressed: an entry that is larger was not made by this program.
const LARGEST: usize = (1 << 24) - 1;

/// A link: SHA-256 over the link before and the row.
pub(super) type Link = [u8; 32];

/// The link before the first entry.
pub(super) const ORIGIN: Link = [0; 32];

/// Services, endpoint, by whom, text, facts.
type Body = (Vec<String>, Option<String>, Option<String>, String, Value);
type BodyOf<'e> = (&'e [String], Option<&'e str>, Option<&'e str>, &'e str, &'e Value);

/// A row as it stands in the table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row<'r> {
    /// Number.
    pub seq: u64,
    /// When, in milliseconds since 1970.
    pub unix_ms: u64,
    /// Whether somebody should look.
    pub alarm: bool,
    /// Kind, in kebab-case.
    pub kind: &'r str,
    /// What [`pack`] made.
    pub body: &'r [u8],
}

impl Row<'_> {
    /// The link that follows `before`. Every field has a place of its own, so that none can grow into the next.
    pub(super) fn link(&self, before: &Link) -> Link {
        let mut digest = Context::new(&SHA256);
        digest.update(before);
        digest.update(&self.seq.to_be_bytes());
        digest.update(&self.unix_ms.to_be_bytes());
        digest.update(&[u8::from(self.alarm)]);
        digest.update(&(self.kind.len() as u64).to_be_bytes());
        digest.update(self.kind.as_bytes());
        digest.update(&(self.body.len() as u64).to_be_bytes());
        digest.update(self.body);
        let mut link = ORIGIN;
        for (to, from) in link.iter_mut().zip(digest.finish().as_ref()) {
            *to = *from;
        }
        link
    }

    /// The entry.
    ///
    /// # Errors
    /// A sentence, when the body is not what [`pack`] makes.
    pub(super) fn entry(&self) -> Result<Entry, String> {
        let octets = unpack(self.body)?;
        let (services, endpoint, by, text, facts): Body =
            serde_json::from_slice(&octets).map_err(|error| format!("its body cannot be read: {error}"))?;
        Ok(Entry {
            seq: self.seq,
            unix_ms: self.unix_ms,
            alarm: self.alarm,
            kind: self.kind.to_owned(),
            services,
            endpoint,
            by,
            text,
            facts,
        })
    }
}

/// The body of an entry, small.
///
/// # Errors
/// When it is larger than [`LARGEST`], or cannot be JSON.
pub(super) fn pack(entry: &Entry) -> Result<Vec<u8>, String> {
    let body: BodyOf<'_> = (
        &entry.services,
        entry.endpoint.as_deref(),
        entry.by.as_deref(),
        &entry.text,
        &entry.facts,
    );
    let octets = serde_json::to_vec(&body).map_err(|error| error.to_string())?;
    if octets.len() > LARGEST {
        return Err(format!("{} octets are too many for an entry", octets.len()));
    }
    let packed = squeeze(&octets)?;
    let length = u32::try_from(octets.len()).unwrap_or(u32::MAX).to_be_bytes();
    Ok(if packed.len() + 3 < octets.len() {
        let [_, a, b, c] = length;
        [&[PACKED, a, b, c][..], &packed].concat()
    } else {
        [&[PLAIN][..], &octets].concat()
    })
}

fn unpack(body: &[u8]) -> Result<Vec<u8>, String> {
    match body {
        [PLAIN, octets @ ..] => Ok(octets.to_vec()),
        [PACKED, a, b, c, packed @ ..] => {
            let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
            if length > LARGEST {
                return Err("its body says to be larger than any".to_owned());
            }
            let octets = expand(packed, length)?;
            if octets.len() == length {
                Ok(octets)
            } else {
                Err("its body is not as long as it says".to_owned())
            }
        }
        _ => Err("its body is of a kind that this version does not know".to_owned()),
    }
}

thread_local! {
    // Hundreds of KiB of tables, which are not made anew for each row.
    static SQUEEZING: RefCell<Compress> = RefCell::new(Compress::new(Compression::best(), false));
    static EXPANDING: RefCell<Decompress> = RefCell::new(Decompress::new(false));
}

fn squeeze(octets: &[u8]) -> Result<Vec<u8>, String> {
    SQUEEZING.with_borrow_mut(|squeezing| {
        squeezing.reset();
        squeezing
            .set_dictionary(DICTIONARY)
            .map_err(|error| error.to_string())?;
        // Incompressible octets grow by some per mille.
        let mut packed = Vec::with_capacity(octets.len() + octets.len() / 64 + 64);
        match squeezing.compress_vec(octets, &mut packed, FlushCompress::Finish) {
            Ok(Status::StreamEnd) => Ok(packed),
            Ok(_) => Err("it does not become smaller".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    })
}

fn expand(packed: &[u8], length: usize) -> Result<Vec<u8>, String> {
    EXPANDING.with_borrow_mut(|expanding| {
        let failed = |error: flate2::DecompressError| format!("its body cannot be unpacked: {error}");
        expanding.reset(false);
        expanding.set_dictionary(DICTIONARY).map_err(failed)?;
        let mut octets = Vec::with_capacity(length + 1);
        match expanding.decompress_vec(packed, &mut octets, FlushDecompress::Finish) {
            Ok(Status::StreamEnd) => Ok(octets),
            Ok(_) => Err("its body is not as long as it says".to_owned()),
            Err(error) => Err(failed(error)),
        }
    })
}
