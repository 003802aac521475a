//! One record: owner, TTL, class, type, data.

use crate::model::diagnostic::Diagnostic;
use crate::wire::name::is_within;
use crate::zone::master::reader::{Carried, Reader, Source};
use crate::zone::master::tokens::Token;
use crate::zone::rdata::types::{self, Form, Kind};
use crate::zone::rdata::words::{Words, shown};
use crate::zone::rdata::{self, name_below, period, type_name};

/// The greatest TTL (RFC 2181 section 8).
pub(super) const MOST_TTL: u32 = i32::MAX as u32;

/// What stands between owner and data.
struct Head {
    ttl: Option<u32>,
    rtype: u16,
    kind: Option<&'static Kind>,
    /// Which token is the first of the data.
    data: usize,
}

impl Reader<'_> {
    /// Reads a record; false when it is a mistake, which then is reported.
    pub(super) fn record(
        &mut self,
        source: Source<'_>,
        tokens: &[Token],
        indented: bool,
        carried: &mut Carried,
    ) -> bool {
        match self.read_record(source, tokens, indented, carried) {
            Ok(()) => true,
            Err(diagnostic) => {
                if let Some(diagnostic) = diagnostic {
                    self.report.add(*diagnostic);
                }
                false
            }
        }
    }

    fn read_record(
        &mut self,
        source: Source<'_>,
        tokens: &[Token],
        indented: bool,
        carried: &mut Carried,
    ) -> Result<(), Option<Box<Diagnostic>>> {
        let fail = |diagnostic: Diagnostic| Some(Box::new(diagnostic));
        let Some(first) = tokens.first() else {
            return Ok(());
        };
        if !indented {
            // Even of a record with mistakes: the entries below it go on with this owner.
            carried.owner.clear();
            if let Err(diagnostic) = owner(source, first, carried) {
                // The entries below it are looked at all the same: any owner will do.
                carried.owner.clone_from(&carried.origin);
                return Err(fail(diagnostic));
            }
        } else if carried.owner.is_empty() {
            return Err(fail(
                source
                    .error(first, "this line goes on with the last owner, but there is none")
                    .instead("begin the line with a name, such as `@` for the zone itself"),
            ));
        }
        let head = head(source, tokens, usize::from(!indented)).map_err(fail)?;
        if let Some(ttl) = head.ttl {
            carried.last_ttl = Some(ttl);
        }
        self.rdata.clear();
        let mut words = Words::new(source.text, tokens, head.data, &carried.origin);
        rdata::read(head.rtype, head.kind, &mut words, &mut self.rdata)
            .map_err(|fault| source.fault(tokens, fault).map(Box::new))?;
        if head.rtype == 6 {
            self.soa_minimum = self
                .rdata
                .last_chunk()
                .map(|minimum| u32::from_be_bytes(*minimum).min(MOST_TTL));
            // Without any TTL so far the SOA sets the zone's default, as it did before `$TTL` was there: a TTL
            // written on a later record is then that record's alone, as NSD, Knot and BIND have it.
            if head.ttl.or(carried.default_ttl).or(carried.last_ttl).is_none() {
                carried.default_ttl = self.soa_minimum;
            }
        }
        let ttl = match head
            .ttl
            .or(carried.default_ttl)
            .or(carried.last_ttl)
            .or(self.soa_minimum)
        {
            Some(ttl) => ttl,
            None => {
                if self.told_no_ttl {
                    return Err(None);
                }
                self.told_no_ttl = true;
                return Err(fail(
                    source
                        .error(
                            first,
                            "no TTL: neither here nor in a record before, and no `$TTL`",
                        )
                        .instead("write `$TTL 1h` at the head of the file"),
                ));
            }
        };
        if !is_within(&carried.owner, &self.origin) {
            let owner = crate::wire::name::Name::from_wire(&carried.owner).map(|name| name.to_string());
            let what = format!(
                "{} is not in the zone {}",
                owner.unwrap_or_default(),
                self.contents.origin()
            );
            return Err(fail(
                source
                    .error(first, what)
                    .instead("put it into the file of its own zone"),
            ));
        }
        if let Some(later) = &mut self.later {
            self.full = !later.see(&carried.owner, head.rtype, ttl, &self.rdata);
            return Ok(());
        }
        if self
            .contents
            .push(&carried.owner, head.rtype, ttl, &self.rdata)
            .is_err()
        {
            self.full = true;
            return Err(fail(
                source.error(first, "the zone holds more than 4 GiB of record data"),
            ));
        }
        let (line, column) = source.line_and_column(first);
        self.places.push(source.file, line, column);
        Ok(())
    }
}

fn owner(source: Source<'_>, token: &Token, carried: &mut Carried) -> Result<(), Diagnostic> {
    let raw = token.of(source.text);
    if token.quoted {
        return Err(source
            .error(token, "an owner stands without quotes")
            .instead("leave the quotes out"));
    }
    name_below(raw, &carried.origin, &mut carried.owner)
        .map_err(|error| source.error(token, format!("{} is no owner name: {error}", shown(raw))))
}

/// TTL and class, each at most once, in either order, then the type.
fn head(source: Source<'_>, tokens: &[Token], from: usize) -> Result<Head, Diagnostic> {
    let mut ttl = None;
    let mut class = false;
    for (at, token) in tokens.iter().enumerate().skip(from) {
        let raw = token.of(source.text);
        if token.quoted {
            return Err(source.error(token, "a type was expected here, not a quoted text"));
        }
        if raw.first().is_some_and(u8::is_ascii_digit) {
            let value = self::ttl(source, token).ok_or_else(|| no_type(source, tokens, token, from))??;
            if ttl.replace(value).is_some() {
                return Err(source.error(token, format!("{} is a second TTL", shown(raw))));
            }
        } else if let Some(number) = class_number(raw) {
            if class {
                return Err(source.error(token, format!("{} is a second class", shown(raw))));
            }
            if number != 1 {
                return Err(source
                    .error(
                        token,
                        format!("class {} is not served", String::from_utf8_lossy(raw)),
                    )
                    .instead("write `IN`, or no class at all"));
            }
            class = true;
        } else {
            let kind = types::by_name(raw);
            let number = kind
                .map(|kind| kind.number)
                .or_else(|| types::numbered(raw, b"TYPE"));
            let rtype = number.ok_or_else(|| no_type(source, tokens, token, from))?;
            let kind = kind.or_else(|| types::by_number(rtype));
            refused(source, token, rtype, kind)?;
            return Ok(Head {
                ttl,
                rtype,
                kind,
                data: at + 1,
            });
        }
    }
    let last = tokens.last().copied().unwrap_or(Token {
        start: 0,
        end: 0,
        line: 0,
        line_start: 0,
        quoted: false,
    });
    Err(source
        .error(
            &Token {
                start: last.end,
                ..last
            },
            "a record without type and data",
        )
        .instead("write them behind the name, such as `A 192.0.2.1`"))
}

/// A TTL in range, the reason why it is none, or `None` when it is something else.
fn ttl(source: Source<'_>, token: &Token) -> Option<Result<u32, Diagnostic>> {
    let raw = token.of(source.text);
    match period(raw) {
        Some(seconds) if seconds <= MOST_TTL => Some(Ok(seconds)),
        None if !raw.iter().all(u8::is_ascii_digit) => None,
        _ => Some(Err(too_long(source, token))),
    }
}

/// A TTL past what 31 bits hold.
pub(super) fn too_long(source: Source<'_>, token: &Token) -> Diagnostic {
    source
        .error(
            token,
            format!("{} is too long for a TTL", shown(token.of(source.text))),
        )
        .instead(format!("write at most {MOST_TTL} seconds"))
}

fn class_number(raw: &[u8]) -> Option<u16> {
    const CLASSES: &[(&str, u16)] = &[("IN", 1), ("CS", 2), ("CH", 3), ("HS", 4), ("NONE", 254)];
    match CLASSES
        .iter()
        .find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(raw))
    {
        Some(&(_, number)) => Some(number),
        None => types::numbered(raw, b"CLASS"),
    }
}

/// Known types that have no place in a file.
fn refused(source: Source<'_>, token: &Token, rtype: u16, kind: Option<&Kind>) -> Result<(), Diagnostic> {
    let name = type_name(rtype);
    match kind.map(|kind| kind.form) {
        Some(Form::Computed) => Err(source
            .error(
                token,
                format!("{name} is not read from files: pointsman signs zones itself"),
            )
            .instead("leave the records of DNSSEC out; DS, CDS and CDNSKEY may stay")),
        Some(Form::Meta) => {
            Err(source.error(token, format!("{name} is for messages and never a zone's data")))
        }
        _ => Ok(()),
    }
}

/// A word where TTL, class or type should be.
fn no_type(source: Source<'_>, tokens: &[Token], token: &Token, from: usize) -> Diagnostic {
    let raw = token.of(source.text);
    let diagnostic = source.error(token, format!("{} is neither TTL, class nor type", shown(raw)));
    let upper = raw.to_ascii_uppercase();
    match upper.as_slice() {
        b"ALIAS" | b"ANAME" => {
            return diagnostic
                .instead("make it a service of the zone: `endpoints = [{ alias = \"lb.example.net\" }]`");
        }
        b"LUA" => return diagnostic.instead("make it a service of the zone, with a policy"),
        _ => {}
    }
    if let Some(name) = closest(raw) {
        return diagnostic.instead(format!("did you mean `{name}`?"));
    }
    let owner = tokens
        .first()
        .filter(|_| from == 1)
        .map(|token| token.of(source.text));
    let is_head = |owner: &&[u8]| types::by_name(owner).is_some() || class_number(owner).is_some();
    if let Some(owner) = owner.filter(is_head) {
        return diagnostic.instead(format!(
            "{} in the first column is an owner: begin the line with a name, or with a blank to go on with the last one",
            shown(owner)
        ));
    }
    if upper.first().is_some_and(u8::is_ascii_digit) && !upper.contains(&b'.') {
        return diagnostic.instead("write a TTL as seconds, or as a period such as `1h30m`");
    }
    diagnostic.instead("write a type such as `A`, or `TYPE65280 \\# 4 C0000201` for one without a name")
}

/// The type whose name is one or two letters away.
fn closest(raw: &[u8]) -> Option<&'static str> {
    let word = std::str::from_utf8(raw).ok()?.to_ascii_uppercase();
    if word.len() < 2 || word.len() > 12 || !word.starts_with(|first: char| first.is_ascii_alphabetic()) {
        return None;
    }
    let most = if word.len() > 4 { 2 } else { 1 };
    types::TYPES
        .iter()
        .filter(|kind| matches!(kind.form, Form::Fields(_)))
        .map(|kind| (edits(word.as_bytes(), kind.name.as_bytes()), kind.name))
        .filter(|&(edits, name)| edits <= most && edits < name.len())
        .min_by_key(|&(edits, name)| (edits, name.as_bytes().first() != word.as_bytes().first()))
        .map(|(_, name)| name)
}

/// How many letters must be put in, left out, changed, or swapped with a neighbour, to make `b` of `a`.
fn edits(a: &[u8], b: &[u8]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    let mut previous = None;
    for (row, &x) in a.iter().enumerate() {
        let mut now = vec![row + 1];
        for (column, &y) in b.iter().enumerate() {
            let at = |line: &[usize], index: usize| line.get(index).copied().unwrap_or(usize::MAX - 1);
            let mut least = (at(&last, column) + usize::from(x != y))
                .min(at(&last, column + 1) + 1)
                .min(at(&now, column) + 1);
            let swapped = column > 0 && previous == Some(y) && b.get(column - 1) == Some(&x);
            if swapped {
                least = least.min(at(&before, column - 1) + 1);
            }
            now.push(least);
        }
        before = std::mem::replace(&mut last, now);
        previous = Some(x);
    }
    last.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_type_is_guessed() {
        for (word, guess) in [
            ("CNMAE", Some("CNAME")),
            ("cname1", Some("CNAME")),
            ("TX", Some("TXT")),
            ("AAA", Some("AAAA")),
            ("MXX", Some("MX")),
            ("HTTP", Some("HTTPS")),
            ("SERVICE", None),
            ("x", None),
        ] {
            assert_eq!(closest(word.as_bytes()), guess, "{word}");
        }
    }
}
