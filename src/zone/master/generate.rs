//! `$GENERATE start-stop[/step] owner [TTL] [class] type data`, as BIND defines it: one record for each number, with
//! `$` in owner and data standing for it, `${offset,width,base}` for it moved, padded and in another base.
//!
//! Each number makes one line of text, which is read like any other.

use crate::model::diagnostic::Diagnostic;
use crate::zone::master::reader::{Carried, MOST_GENERATED, Reader, Source, broken_entry};
use crate::zone::master::tokens::{Entries, Entry, Token};
use crate::zone::rdata::words::shown;

/// Digits of one number, zeros included.
const MOST_WIDTH: usize = 255;

impl Reader<'_> {
    pub(super) fn generate(
        &mut self,
        source: Source<'_>,
        tokens: &[Token],
        carried: &mut Carried,
    ) -> Result<(), Diagnostic> {
        let [first, range, owner, rest @ ..] = tokens else {
            return Err(usage(source, tokens));
        };
        if rest.is_empty() {
            return Err(usage(source, tokens));
        }
        let numbers = Range::read(range.of(source.text)).ok_or_else(|| {
            source
                .error(range, format!("{} is no range", shown(range.of(source.text))))
                .instead("write `1-100`, or `0-100/2` for every second number")
        })?;
        let count = numbers.how_many();
        if count > u64::from(MOST_GENERATED.saturating_sub(self.generated)) {
            return Err(source
                .error(
                    range,
                    format!("{count} records are too many: a zone may have {MOST_GENERATED} generated ones"),
                )
                .instead("take a larger step, or list the zone in a file"));
        }
        self.generated = self
            .generated
            .saturating_add(u32::try_from(count).unwrap_or(u32::MAX));
        let line = template(source, owner, rest);
        let parts = parts(&line).map_err(|what| source.error(owner, what).instead(FORM))?;
        let (mut text, mut made) = (Vec::new(), Vec::new());
        for number in numbers {
            text.clear();
            for part in &parts {
                part.write(number, &mut text)
                    .map_err(|what| source.error(owner, what).instead(FORM))?;
            }
            let source = Source {
                text: &text,
                file: source.file,
                made: Some((*first, source.text, number)),
            };
            let mut entries = Entries::new(&text);
            let done = match entries.next_entry(&mut made) {
                Entry::Found { indented } => self.record(source, &made, indented, carried),
                Entry::Broken(broken, token) => {
                    self.report.add(broken_entry(&source, broken, &token));
                    false
                }
                Entry::End => false,
            };
            // One mistake stands for all that this directive would make.
            if !done {
                break;
            }
        }
        Ok(())
    }
}

const FORM: &str = "write `$`, or `${offset,width,base}` with base d, o, x, X, n or N, or `\\$` for a dollar";

fn usage(source: Source<'_>, tokens: &[Token]) -> Diagnostic {
    let none = Token {
        start: 0,
        end: 0,
        line: 0,
        line_start: 0,
        quoted: false,
    };
    source
        .error(tokens.first().unwrap_or(&none), "$GENERATE has too few arguments")
        .instead("write `$GENERATE 1-100 host-$ A 192.0.2.$`")
}

/// Owner and the rest as one line; data in one pair of quotes loses them, so that it may have blanks.
fn template(source: Source<'_>, owner: &Token, rest: &[Token]) -> Vec<u8> {
    let mut line = owner.of(source.text).to_vec();
    let is_plain = |tokens: &[Token]| tokens.iter().all(|token| !token.quoted);
    match rest.split_last() {
        Some((data, before)) if data.quoted && is_plain(before) => {
            for token in before {
                line.push(b' ');
                line.extend_from_slice(token.of(source.text));
            }
            line.push(b' ');
            line.extend_from_slice(&unquoted(data.of(source.text)));
        }
        _ => {
            for token in rest {
                // Attached tokens (`key="value"`) stay so.
                let attached = token.quoted && line.ends_with(b"=");
                if !attached {
                    line.push(b' ');
                }
                let quote: &[u8] = if token.quoted { b"\"" } else { b"" };
                line.extend_from_slice(quote);
                line.extend_from_slice(token.of(source.text));
                line.extend_from_slice(quote);
            }
        }
    }
    line
}

/// `\"` within quotes is a quote of the line to be made.
fn unquoted(raw: &[u8]) -> Vec<u8> {
    let mut octets = raw.iter().copied().peekable();
    let mut line = Vec::with_capacity(raw.len());
    while let Some(octet) = octets.next() {
        if octet == b'\\' && octets.peek() == Some(&b'"') {
            continue;
        }
        line.push(octet);
        if octet == b'\\' {
            line.extend(octets.next());
        }
    }
    line
}

/// `start-stop[/step]`, all within 31 bits.
#[derive(Clone, Copy)]
struct Range {
    next: u64,
    stop: u64,
    step: u64,
}

impl Range {
    fn read(raw: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(raw).ok()?;
        let (start, rest) = text.split_once('-')?;
        let (stop, step) = match rest.split_once('/') {
            Some((stop, step)) => (stop, number(step)?),
            None => (rest, 1),
        };
        let (next, stop) = (number(start)?, number(stop)?);
        (next <= stop && step > 0).then_some(Self { next, stop, step })
    }

    fn how_many(&self) -> u64 {
        (self.stop - self.next) / self.step + 1
    }
}

impl Iterator for Range {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let number = u32::try_from(self.next).ok().filter(|_| self.next <= self.stop)?;
        self.next += self.step;
        Some(number)
    }
}

fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.len() <= 10 && text.bytes().all(|octet| octet.is_ascii_digit());
    text.parse()
        .ok()
        .filter(|&number| digits && number <= 0x7fff_ffff)
}

/// A piece of the line.
#[derive(Debug, PartialEq, Eq)]
enum Part {
    Text(Vec<u8>),
    Number { offset: i64, width: usize, base: u8 },
}

fn parts(line: &[u8]) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut text = Vec::new();
    let mut rest = line;
    while let [octet, after @ ..] = rest {
        rest = after;
        match (octet, after) {
            // `\$` stays as it is, and the line's reader takes the escape away.
            (b'\\', [next, after @ ..]) => {
                text.extend_from_slice(&[b'\\', *next]);
                rest = after;
            }
            (b'$', [b'$', after @ ..]) => {
                text.extend_from_slice(b"\\$");
                rest = after;
            }
            (b'$', [b'{', after @ ..]) => {
                let end = after
                    .iter()
                    .position(|&octet| octet == b'}')
                    .ok_or("`${` is never closed")?;
                let inner = after.get(..end).unwrap_or(&[]);
                let part = modifier(inner).ok_or_else(|| format!("{} is no modifier", shown(inner)))?;
                parts.push(Part::Text(std::mem::take(&mut text)));
                parts.push(part);
                rest = after.get(end + 1..).unwrap_or(&[]);
            }
            (b'$', _) => {
                parts.push(Part::Text(std::mem::take(&mut text)));
                parts.push(Part::Number {
                    offset: 0,
                    width: 0,
                    base: b'd',
                });
            }
            (octet, _) => text.push(*octet),
        }
    }
    parts.push(Part::Text(text));
    Ok(parts)
}

/// `offset[,width[,base]]`.
fn modifier(inner: &[u8]) -> Option<Part> {
    let mut fields = std::str::from_utf8(inner).ok()?.split(',');
    let offset: i64 = fields.next()?.trim().parse().ok()?;
    let width: usize = match fields.next() {
        Some(width) => width.trim().parse().ok()?,
        None => 0,
    };
    let base = match fields.next().map(|base| base.trim().as_bytes().to_vec()) {
        None => b'd',
        Some(base) => *base.first().filter(|_| base.len() == 1)?,
    };
    let fits = offset.unsigned_abs() <= 0x7fff_ffff && width <= MOST_WIDTH && b"doxXnN".contains(&base);
    (fits && fields.next().is_none()).then_some(Part::Number { offset, width, base })
}

impl Part {
    fn write(&self, number: u32, line: &mut Vec<u8>) -> Result<(), String> {
        match *self {
            Self::Text(ref text) => line.extend_from_slice(text),
            Self::Number { offset, width, base } => {
                let value = u64::try_from(i64::from(number) + offset)
                    .map_err(|_| format!("offset {offset} makes {number} less than zero"))?;
                let digits = match base {
                    b'd' => format!("{value:0width$}"),
                    b'o' => format!("{value:0width$o}"),
                    b'x' => format!("{value:0width$x}"),
                    b'X' => format!("{value:0width$X}"),
                    b'n' => nibbles(value, width),
                    _ => nibbles(value, width).to_ascii_uppercase(),
                };
                line.extend_from_slice(digits.as_bytes());
            }
        }
        Ok(())
    }
}

/// Hexadecimal digits from the lowest, each a label: for names under `ip6.arpa`. Dots count in `width`.
fn nibbles(mut value: u64, width: usize) -> String {
    let mut text = String::new();
    loop {
        text.push(char::from_digit((value & 0xf) as u32, 16).unwrap_or('0'));
        value >>= 4;
        if value == 0 && text.len() >= width {
            return text;
        }
        text.push('.');
        if value == 0 && text.len() >= width {
            return text;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(line: &str, number: u32) -> Result<String, String> {
        let mut text = Vec::new();
        for part in parts(line.as_bytes())? {
            part.write(number, &mut text)?;
        }
        Ok(String::from_utf8(text).unwrap())
    }

    #[test]
    fn numbers_are_written_as_bind_writes_them() {
        for (line, number, expected) in [
            ("h-$ A 192.0.2.$", 7, "h-7 A 192.0.2.7"),
            ("$$ \\$ $", 7, "\\$ \\$ 7"),
            ("${0}", 7, "7"),
            ("${-5}.${5,4}", 7, "2.0012"),
            ("${0,3,d}${0,3,o}${0,4,x}${0,4,X}", 10, "010012000a000A"),
            ("${0,0,n}", 0xabc, "c.b.a"),
            ("${0,7,n}", 0xabc, "c.b.a.0"),
            ("${0,8,n}", 0xabc, "c.b.a.0."),
            ("${0,0,N}", 0xabc, "C.B.A"),
            ("${0,1,n}", 0, "0"),
        ] {
            assert_eq!(made(line, number).as_deref(), Ok(expected), "{line}");
        }
        for line in [
            "${",
            "${0,1,y}",
            "${x}",
            "${0,999}",
            "${0,1,d,4}",
            "${-8}",
            "${99999999999}",
        ] {
            assert!(made(line, 7).is_err(), "{line}");
        }
    }

    #[test]
    fn ranges_are_bounded() {
        let numbers = |text: &str| {
            Range::read(text.as_bytes()).map(|range| (range.how_many(), range.collect::<Vec<_>>()))
        };
        assert_eq!(numbers("1-3"), Some((3, vec![1, 2, 3])));
        assert_eq!(numbers("0-5/2"), Some((3, vec![0, 2, 4])));
        assert_eq!(numbers("4-4/9"), Some((1, vec![4])));
        for bad in [
            "3-1",
            "1",
            "1-",
            "-1-3",
            "1-2/0",
            "1-2/-1",
            "a-b",
            "+1-2",
            "0-2147483648",
        ] {
            assert!(Range::read(bad.as_bytes()).is_none(), "{bad}");
        }
    }
}
