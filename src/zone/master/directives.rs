//! `$ORIGIN`, `$TTL` and `$INCLUDE`.

use crate::model::diagnostic::Diagnostic;
use crate::zone::master::reader::{Carried, MOST_INCLUDED, MOST_NESTED, Reader, Source};
use crate::zone::master::records::{MOST_TTL, too_long};
use crate::zone::master::tokens::Token;
use crate::zone::rdata::words::shown;
use crate::zone::rdata::{name_below, period};

impl Reader<'_> {
    /// Does what an entry that begins with `$` says.
    pub(super) fn directive(&mut self, source: Source<'_>, tokens: &[Token], carried: &mut Carried) {
        let Some((first, arguments)) = tokens.split_first() else {
            return;
        };
        let name = first.of(source.text).to_ascii_uppercase();
        let done = match name.as_slice() {
            b"$ORIGIN" => origin(source, first, arguments, carried),
            b"$TTL" => default_ttl(source, first, arguments, carried),
            b"$INCLUDE" => self.include(source, first, arguments, carried),
            b"$GENERATE" => self.generate(source, tokens, carried),
            _ => Err(source
                .error(first, format!("{} is no directive", shown(first.of(source.text))))
                .instead(
                    "write `$ORIGIN`, `$TTL`, `$INCLUDE` or `$GENERATE`; `\\$` begins a name with a dollar",
                )),
        };
        if let Err(diagnostic) = done {
            self.report.add(diagnostic);
        }
    }

    fn include(
        &mut self,
        source: Source<'_>,
        first: &Token,
        arguments: &[Token],
        carried: &Carried,
    ) -> Result<(), Diagnostic> {
        let (path, new_origin) = match arguments {
            [path] => (path, None),
            [path, origin] => (path, Some(origin)),
            _ => return Err(wrong(source, first, "$INCLUDE file [origin]")),
        };
        let Ok(written) = std::str::from_utf8(path.of(source.text)) else {
            return Err(source.error(path, "a file name that is not UTF-8"));
        };
        let mut inner = carried.clone();
        if let Some(token) = new_origin {
            inner.origin = absolute(source, token, carried)?;
        }
        self.included += 1;
        if self.included > MOST_INCLUDED {
            self.full = true;
            return Err(source.error(first, format!("more than {MOST_INCLUDED} files are included")));
        }
        if self.open.len() >= MOST_NESTED {
            return Err(source.error(first, format!("files are included more than {MOST_NESTED} deep")));
        }
        let (file, text) = self
            .includes
            .open(written, source.file)
            .map_err(|why| source.error(path, why))?;
        if let Some(begin) = self.open.iter().position(|open| **open == *file) {
            let circle: Vec<String> = self
                .open
                .iter()
                .skip(begin)
                .chain([&file])
                .map(|file| file.display().to_string())
                .collect();
            return Err(source
                .error(
                    path,
                    format!("files include each other in a circle: {}", circle.join(" → ")),
                )
                .instead("take this $INCLUDE out, or the one that leads here"));
        }
        self.text(&text, &file, inner);
        Ok(())
    }
}

fn wrong(source: Source<'_>, first: &Token, usage: &str) -> Diagnostic {
    let name = String::from_utf8_lossy(first.of(source.text)).to_ascii_uppercase();
    source
        .error(first, format!("{name} has too few or too many arguments"))
        .instead(format!("write `{usage}`"))
}

fn origin(
    source: Source<'_>,
    first: &Token,
    arguments: &[Token],
    carried: &mut Carried,
) -> Result<(), Diagnostic> {
    let [token] = arguments else {
        return Err(wrong(source, first, "$ORIGIN name."));
    };
    carried.origin = absolute(source, token, carried)?;
    Ok(())
}

fn absolute(source: Source<'_>, token: &Token, carried: &Carried) -> Result<Vec<u8>, Diagnostic> {
    let raw = token.of(source.text);
    let mut wire = Vec::new();
    name_below(raw, &carried.origin, &mut wire)
        .map_err(|error| source.error(token, format!("{} is no origin: {error}", shown(raw))))?;
    Ok(wire)
}

fn default_ttl(
    source: Source<'_>,
    first: &Token,
    arguments: &[Token],
    carried: &mut Carried,
) -> Result<(), Diagnostic> {
    let [token] = arguments else {
        return Err(wrong(source, first, "$TTL 1h"));
    };
    match period(token.of(source.text)) {
        Some(seconds) if seconds <= MOST_TTL => carried.default_ttl = Some(seconds),
        None if !token.of(source.text).iter().all(u8::is_ascii_digit) => {
            return Err(source
                .error(token, format!("{} is no TTL", shown(token.of(source.text))))
                .instead("write seconds, or a period such as `1h30m`"));
        }
        _ => return Err(too_long(source, token)),
    }
    Ok(())
}
