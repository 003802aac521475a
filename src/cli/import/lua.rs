//! The small part of Lua that PowerDNS's records are made of: one call with strings, numbers and tables.

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Lua {
    Text(String),
    Number(f64),
    Truth(bool),
    /// Positional values and named ones.
    Table(Vec<Lua>, Vec<(String, Lua)>),
}

impl Lua {
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// A table's positional values.
    pub(super) fn list(&self) -> &[Lua] {
        match self {
            Self::Table(list, _) => list,
            _ => &[],
        }
    }

    /// A table's named values.
    pub(super) fn named(&self) -> &[(String, Lua)] {
        match self {
            Self::Table(_, named) => named,
            _ => &[],
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<&Lua> {
        self.named()
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value)
    }
}

/// A call.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Call {
    pub(super) function: String,
    pub(super) arguments: Vec<Lua>,
}

/// How deep tables may nest.
const MOST_LEVELS: usize = 16;

/// Reads one call, with nothing around it but `return` and a final semicolon.
///
/// # Errors
/// A sentence: what is not understood.
pub(super) fn call(text: &str) -> Result<Call, String> {
    let text = text.trim();
    let text = text.strip_prefix(';').unwrap_or(text).trim_start();
    let text = text.strip_prefix("return ").unwrap_or(text);
    let mut reader = Reader { rest: text, level: 0 };
    let function = reader.word();
    if function.is_empty() {
        return Err("it does not begin with a function".to_owned());
    }
    reader.expect('(')?;
    let mut arguments = Vec::new();
    loop {
        reader.skip();
        if reader.take(')') {
            break;
        }
        arguments.push(reader.value()?);
        reader.skip();
        if !reader.take(',') && !reader.rest.starts_with(')') {
            return Err(format!("`,` or `)` is expected before `{}`", reader.near()));
        }
    }
    reader.skip();
    reader.take(';');
    reader.skip();
    if reader.rest.is_empty() {
        Ok(Call { function, arguments })
    } else {
        Err(format!("more than one call: `{}`", reader.near()))
    }
}

struct Reader<'a> {
    rest: &'a str,
    level: usize,
}

impl Reader<'_> {
    fn near(&self) -> String {
        self.rest.chars().take(24).collect()
    }

    fn skip(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn take(&mut self, c: char) -> bool {
        match self.rest.strip_prefix(c) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, c: char) -> Result<(), String> {
        self.skip();
        if self.take(c) {
            Ok(())
        } else {
            Err(format!("`{c}` is expected before `{}`", self.near()))
        }
    }

    fn word(&mut self) -> String {
        let end = self
            .rest
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word.to_owned()
    }

    fn value(&mut self) -> Result<Lua, String> {
        self.skip();
        match self.rest.chars().next() {
            Some('{') => self.table(),
            Some(quote @ ('\'' | '"')) => self.string(quote).map(Lua::Text),
            Some(c) if c.is_ascii_digit() || matches!(c, '-' | '.') => {
                let end = self
                    .rest
                    .find(|c: char| !(c.is_ascii_digit() || matches!(c, '-' | '.')))
                    .unwrap_or(self.rest.len());
                let (number, rest) = self.rest.split_at(end);
                self.rest = rest;
                number
                    .parse()
                    .map(Lua::Number)
                    .map_err(|_| format!("`{number}` is no number"))
            }
            _ => {
                let word = self.word();
                match word.as_str() {
                    "true" => Ok(Lua::Truth(true)),
                    "false" => Ok(Lua::Truth(false)),
                    _ => Err(format!("`{word}{}` is no plain value", self.near())),
                }
            }
        }
    }

    fn string(&mut self, quote: char) -> Result<String, String> {
        let mut text = String::new();
        let mut chars = self.rest.chars();
        chars.next();
        while let Some(c) = chars.next() {
            match c {
                '\\' => text.extend(chars.next()),
                c if c == quote => {
                    self.rest = chars.as_str();
                    return Ok(text);
                }
                c => text.push(c),
            }
        }
        Err("a quote is never closed".to_owned())
    }

    fn table(&mut self) -> Result<Lua, String> {
        self.level += 1;
        if self.level > MOST_LEVELS {
            return Err("tables nest too deeply".to_owned());
        }
        self.take('{');
        let (mut list, mut named) = (Vec::new(), Vec::new());
        loop {
            self.skip();
            if self.take('}') {
                break;
            }
            if self.rest.is_empty() {
                return Err("a `{` is never closed".to_owned());
            }
            match self.key()? {
                Some(key) => named.push((key, self.value()?)),
                None => list.push(self.value()?),
            }
            self.skip();
            if self.rest.is_empty() {
                return Err("a `{` is never closed".to_owned());
            }
            if !self.take(',') && !self.take(';') && !self.rest.starts_with('}') {
                return Err(format!("`,` or `}}` is expected before `{}`", self.near()));
            }
        }
        self.level -= 1;
        Ok(Lua::Table(list, named))
    }

    /// `name =` or `['name'] =`, when that is what stands here.
    fn key(&mut self) -> Result<Option<String>, String> {
        let before = self.rest;
        let key = if self.take('[') {
            self.skip();
            let quote = self.rest.chars().next().filter(|c| matches!(c, '\'' | '"'));
            let key = match quote {
                Some(quote) => self.string(quote)?,
                None => self.word(),
            };
            self.expect(']')?;
            key
        } else {
            self.word()
        };
        self.skip();
        if !key.is_empty() && self.rest.starts_with('=') && !self.rest.starts_with("==") {
            self.take('=');
            return Ok(Some(key));
        }
        self.rest = before;
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_with_tables_are_read() {
        let read = call(
            "ifurlextup({{['192.0.2.1']='https://a/',[\"192.0.2.2\"]='https://b/'}}, { stringmatch='ok', timeout = 1.5, x=true })",
        )
        .unwrap();
        assert_eq!(read.function, "ifurlextup");
        let group = &read.arguments[0].list()[0];
        assert_eq!(group.get("192.0.2.2").and_then(Lua::text), Some("https://b/"));
        assert_eq!(read.arguments[1].get("timeout").and_then(Lua::number), Some(1.5));
        assert_eq!(read.arguments[1].get("x"), Some(&Lua::Truth(true)));
        let weighted = call("pickwrandom({ {15,  \"192.0.2.1\"}, {100, '192.0.2.2'} })").unwrap();
        assert_eq!(weighted.arguments[0].list()[1].list()[0].number(), Some(100.0));
    }

    #[test]
    fn what_is_more_than_a_call_is_refused_in_words() {
        for (text, told) in [
            ("if country('NL') then return '1' end", "`(` is expected"),
            (";if(x) then return {} end", "is no plain value"),
            ("pickrandom({'1'", "never closed"),
            ("all({'1'}) .. 'x'", "more than one call"),
            ("f('a", "a quote is never closed"),
            ("", "does not begin"),
        ] {
            let error = call(text).unwrap_err();
            assert!(error.contains(told), "{text}: {error}");
        }
        assert!(
            call(&format!("f({}", "{".repeat(99)))
                .unwrap_err()
                .contains("too deeply")
        );
    }
}
