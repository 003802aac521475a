//! Master files (RFC 1035 section 5): text to the contents of a zone, with every mistake and its place.
//!
//! No I/O: what `$INCLUDE` names is opened by the caller ([`Includes`]). Liberal in form, as other servers are
//! (tabs, TTL and class in either order or left out, units in TTLs, CRLF, no final newline), strict in meaning:
//! what cannot be served as written is a mistake, never dropped.
//!
//! Text → [`tokens`] → one entry at a time → a directive ([`directives`], [`generate`]) or a record ([`records`]).

mod directives;
mod generate;
pub mod include;
pub mod pieces;
mod reader;
mod records;
pub(crate) mod tokens;

use std::path::Path;
use std::sync::Arc;

use crate::model::diagnostic::Diagnostic;
use crate::wire::name::Name;
use crate::zone::contents::Contents;
use crate::zone::master::reader::Reader;
use crate::zone::places::Places;
use crate::zone::rrsets;

pub use crate::zone::master::include::Includes;

/// A zone as read. It may be served when none of `diagnostics` is an error and
/// [`semantics::check`](crate::zone::semantics::check) finds none either.
#[derive(Debug)]
pub struct ReadZone {
    /// The records, sorted, without duplicates, one TTL in each RRset.
    pub contents: Contents,
    /// Where each was written, for the checks to come.
    pub places: Places,
    /// What was found, in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads the master file `text`, called `file`, of the zone `origin`.
///
/// A record without a TTL gets that of `$TTL`, else the minimum of an SOA that no TTL stands before or on, else the
/// last one written (RFC 1035 section 5.1); else it is a mistake.
#[must_use]
pub fn read(text: &[u8], file: &Arc<Path>, origin: &Name, includes: &mut dyn Includes) -> ReadZone {
    let mut reader = Reader::new(origin, file, includes);
    reader.file(text, file);
    let (mut contents, mut places, mut report) = reader.finish();
    places.ordered(contents.sort());
    rrsets::settle(&mut contents, &mut places, &mut report);
    let diagnostics = report.finish(&places.whole());
    ReadZone {
        contents,
        places,
        diagnostics,
    }
}
