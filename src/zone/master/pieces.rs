//! A master file read piece by piece, held against the contents of before: neither the text nor the records need be in
//! memory as a whole.

use std::path::Path;
use std::sync::Arc;

use crate::zone::contents::Contents;
use crate::zone::contents::later::{Later, Reading};
use crate::zone::master::include::NoIncludes;
use crate::zone::master::reader::{Carried, Reader, Source};
use crate::zone::master::tokens::{Broken, Entries, Entry};

/// Octets that one entry may have, parentheses and all.
const LONGEST: usize = 1 << 20;

/// What is known between two pieces.
pub struct Pieces {
    known: Arc<Contents>,
    file: Arc<Path>,
    later: Option<Later>,
    state: Option<State>,
    /// What was given and not yet read: the beginning of an entry.
    rest: Vec<u8>,
}

/// What a reader carries from piece to piece.
struct State {
    carried: Carried,
    soa_minimum: Option<u32>,
    generated: u32,
}

impl Pieces {
    /// Begins to read a later version of `known` from `file`.
    #[must_use]
    pub fn new(known: &Arc<Contents>, file: &Arc<Path>) -> Self {
        Self {
            known: Arc::clone(known),
            file: Arc::clone(file),
            later: Some(Later::new(known)),
            state: Some(State {
                carried: Carried::new(known.origin().as_wire()),
                soa_minimum: None,
                generated: 0,
            }),
            rest: Vec::new(),
        }
    }

    /// Reads on; false when the file must be read as a whole: at the first mistake, directive to include, or other thing
    /// that is no plain matter.
    #[must_use]
    pub fn read(&mut self, octets: &[u8]) -> bool {
        self.rest.extend_from_slice(octets);
        let lines = self.rest.iter().rposition(|&octet| octet == b'\n');
        let Some(end) = lines.map(|at| at + 1) else {
            return self.rest.len() <= LONGEST;
        };
        let text = std::mem::take(&mut self.rest);
        let Some(done) = self.entries(text.get(..end).unwrap_or(&[]), false) else {
            return false;
        };
        self.rest.extend_from_slice(text.get(done..).unwrap_or(&[]));
        self.rest.len() <= LONGEST + octets.len()
    }

    /// The end of the file; `None` when it must be read as a whole.
    #[must_use]
    pub fn finish(mut self) -> Option<Reading> {
        let text = std::mem::take(&mut self.rest);
        self.entries(&text, true)?;
        self.later?.finish()
    }

    /// Reads the entries of `text`; how many octets that took. An entry that goes on behind the end is left, except in
    /// the `last` piece.
    fn entries(&mut self, text: &[u8], last: bool) -> Option<usize> {
        let (later, state) = (self.later.take()?, self.state.take()?);
        let mut includes = NoIncludes;
        let mut reader = Reader::new(self.known.origin(), &self.file, &mut includes);
        (reader.later, reader.soa_minimum) = (Some(later), state.soa_minimum);
        reader.generated = state.generated;
        reader.open.push(Arc::clone(&self.file));
        let mut carried = state.carried;
        let source = Source {
            text,
            file: &self.file,
            made: None,
        };
        let mut entries = Entries::new(text);
        let (mut tokens, mut done) = (Vec::new(), 0);
        loop {
            match entries.next_entry(&mut tokens) {
                Entry::End => done = text.len(),
                Entry::Broken(Broken::Open, _) if !last => {}
                Entry::Broken(..) => return None,
                Entry::Found { indented } => {
                    reader.entry(source, &tokens, indented, &mut carried);
                    if reader.full || !reader.report.is_empty() {
                        return None;
                    }
                    done = entries.at();
                    continue;
                }
            }
            break;
        }
        self.state = Some(State {
            carried,
            soa_minimum: reader.soa_minimum,
            generated: reader.generated,
        });
        self.later = reader.later.take();
        Some(done)
    }
}
