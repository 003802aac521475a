//! What is carried from entry to entry: origin, last owner, TTLs, the files that are open.

use std::path::Path;
use std::sync::Arc;

use crate::model::diagnostic::{Diagnostic, Place};
use crate::wire::name::Name;
use crate::zone::contents::Contents;
use crate::zone::contents::later::Later;
use crate::zone::master::include::Includes;
use crate::zone::master::tokens::{Broken, Entries, Entry, Token};
use crate::zone::places::Places;
use crate::zone::rdata::words::Fault;
use crate::zone::report::Report;

/// Files within files; deeper is a mistake rather than a wish.
pub(super) const MOST_NESTED: usize = 16;
/// `$INCLUDE` directives in one zone: files that include others twice each would double with every level.
pub(super) const MOST_INCLUDED: u32 = 1_000;
/// Records that all `$GENERATE` directives of a zone may make.
pub(super) const MOST_GENERATED: u32 = 1 << 20;

/// Reads files into one zone.
pub(super) struct Reader<'i> {
    pub(super) origin: Vec<u8>,
    pub(super) includes: &'i mut dyn Includes,
    pub(super) contents: Contents,
    pub(super) places: Places,
    /// What records are held against instead of being kept.
    pub(super) later: Option<Later>,
    pub(super) report: Report,
    /// The files that are open, the innermost last.
    pub(super) open: Vec<Arc<Path>>,
    pub(super) included: u32,
    pub(super) generated: u32,
    /// The minimum field of the SOA, once there was one.
    pub(super) soa_minimum: Option<u32>,
    pub(super) told_no_ttl: bool,
    /// No more record fits.
    pub(super) full: bool,
    /// The data of the record being read.
    pub(super) rdata: Vec<u8>,
}

/// What one file carries from entry to entry; an included file begins with a copy, the includer goes on with its
/// own (RFC 1035 section 5.1 says so of the origin; we do of all).
#[derive(Clone, Debug)]
pub(super) struct Carried {
    /// What relative names are below.
    pub(super) origin: Vec<u8>,
    /// The last owner; empty before the first.
    pub(super) owner: Vec<u8>,
    /// Of `$TTL`.
    pub(super) default_ttl: Option<u32>,
    /// The last TTL written.
    pub(super) last_ttl: Option<u32>,
}

impl Carried {
    /// What a zone's file begins with.
    pub(super) fn new(origin: &[u8]) -> Self {
        Self {
            origin: origin.to_vec(),
            owner: Vec::new(),
            default_ttl: None,
            last_ttl: None,
        }
    }
}

/// The text that tokens are places in.
#[derive(Clone, Copy)]
pub(super) struct Source<'t> {
    pub(super) text: &'t [u8],
    pub(super) file: &'t Arc<Path>,
    /// For text made by `$GENERATE`: where that stands, and what for.
    pub(super) made: Option<(Token, &'t [u8], u32)>,
}

impl Source<'_> {
    /// Line and column of a token.
    pub(super) fn line_and_column(&self, token: &Token) -> (u32, u32) {
        match &self.made {
            Some((directive, text, _)) => (directive.line, directive.column(text)),
            None => (token.line, token.column(self.text)),
        }
    }

    pub(super) fn place(&self, token: &Token) -> Place {
        let (line, column) = self.line_and_column(token);
        Place {
            file: Arc::clone(self.file),
            line,
            column,
        }
    }

    /// An error at `token`.
    pub(super) fn error(&self, token: &Token, what: impl Into<String>) -> Diagnostic {
        let mut what = what.into();
        if let Some((_, _, number)) = self.made {
            what.push_str(&format!(" (made by $GENERATE for {number})"));
        }
        Diagnostic::error(self.place(token), what)
    }

    /// A fault in data as a diagnostic: at its word, or behind the last one.
    pub(super) fn fault(&self, tokens: &[Token], fault: Fault) -> Option<Diagnostic> {
        let token = match tokens.get(fault.word) {
            Some(token) => *token,
            None => {
                let last = tokens.last()?;
                let end = last.end.saturating_add(u32::from(last.quoted));
                Token {
                    start: end,
                    end,
                    quoted: false,
                    ..*last
                }
            }
        };
        let mut diagnostic = self.error(&token, fault.what);
        diagnostic.instead = fault.instead;
        Some(diagnostic)
    }
}

impl<'i> Reader<'i> {
    pub(super) fn new(origin: &Name, file: &Arc<Path>, includes: &'i mut dyn Includes) -> Self {
        Self {
            origin: origin.as_wire().to_vec(),
            includes,
            contents: Contents::new(origin.clone()),
            places: Places::new(file),
            later: None,
            report: Report::default(),
            open: Vec::new(),
            included: 0,
            generated: 0,
            soa_minimum: None,
            told_no_ttl: false,
            full: false,
            rdata: Vec::new(),
        }
    }

    pub(super) fn finish(self) -> (Contents, Places, Report) {
        (self.contents, self.places, self.report)
    }

    /// Reads the zone's own file.
    pub(super) fn file(&mut self, text: &[u8], file: &Arc<Path>) {
        let carried = Carried::new(&self.origin);
        self.text(text, file, carried);
    }

    /// Reads one file, beginning with `carried`.
    pub(super) fn text(&mut self, text: &[u8], file: &Arc<Path>, mut carried: Carried) {
        if u32::try_from(text.len()).is_err() {
            let what = "the file is larger than 4 GiB";
            self.report
                .add(Diagnostic::error(Place::file(file.as_ref()), what));
            return;
        }
        let text = match text {
            [0xef, 0xbb, 0xbf, rest @ ..] => rest,
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => {
                let diagnostic = Diagnostic::error(Place::file(file.as_ref()), "the file is UTF-16")
                    .instead("save it as UTF-8 or ASCII");
                self.report.add(diagnostic);
                return;
            }
            whole => whole,
        };
        self.open.push(Arc::clone(file));
        let source = Source {
            text,
            file,
            made: None,
        };
        let mut entries = Entries::new(text);
        let mut tokens = Vec::new();
        while !self.full && !self.report.is_hopeless() {
            match entries.next_entry(&mut tokens) {
                Entry::End => break,
                Entry::Broken(broken, token) => self.report.add(broken_entry(&source, broken, &token)),
                Entry::Found { indented } => self.entry(source, &tokens, indented, &mut carried),
            }
        }
        self.open.pop();
    }

    pub(super) fn entry(
        &mut self,
        source: Source<'_>,
        tokens: &[Token],
        indented: bool,
        carried: &mut Carried,
    ) {
        let directive = tokens
            .first()
            .filter(|token| !indented && !token.quoted && token.of(source.text).starts_with(b"$"));
        match directive {
            Some(_) => self.directive(source, tokens, carried),
            None => {
                self.record(source, tokens, indented, carried);
            }
        }
    }
}

/// A text that breaks off.
pub(super) fn broken_entry(source: &Source<'_>, broken: Broken, token: &Token) -> Diagnostic {
    let (what, instead) = match broken {
        Broken::Quote => (
            "a quoted text that does not end on its line",
            "close it with `\"`; write `\\\"` for a quote within, `\\010` for a line break",
        ),
        Broken::Open => (
            "a parenthesis that is never closed",
            "write `)` where the record ends",
        ),
        Broken::Close => (
            "a closing parenthesis without an opening one",
            "leave it out, or open with `(`",
        ),
    };
    source.error(token, what).instead(instead)
}
