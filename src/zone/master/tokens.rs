//! Entries and their tokens: lines joined by parentheses, quoted strings, comments (RFC 1035 section 5.1).
//!
//! Tokens are places in the text; escapes stay as written, since what they mean depends on the field.

/// One token: octets `start..end` of the text, without its quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    /// First octet.
    pub(crate) start: u32,
    /// Past the last octet.
    pub(crate) end: u32,
    /// Line from 1.
    pub(crate) line: u32,
    /// First octet of that line.
    pub(crate) line_start: u32,
    /// Whether it stood in quotes.
    pub(crate) quoted: bool,
}

impl Token {
    /// Its octets.
    pub(crate) fn of<'t>(&self, text: &'t [u8]) -> &'t [u8] {
        text.get(self.start as usize..self.end as usize).unwrap_or(&[])
    }

    /// Column from 1, in characters; a quoted string begins at its quote.
    pub(crate) fn column(&self, text: &[u8]) -> u32 {
        let before = text
            .get(self.line_start as usize..self.start as usize)
            .unwrap_or(&[]);
        let characters = before.iter().filter(|&&octet| octet & 0xc0 != 0x80).count();
        u32::try_from(characters)
            .unwrap_or(u32::MAX)
            .saturating_add(u32::from(!self.quoted))
    }
}

/// What is wrong with the text itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    /// `"` without another one on its line.
    Quote,
    /// `(` without `)`.
    Open,
    /// `)` without `(`.
    Close,
}

/// How an entry begins, or why there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// Tokens were found.
    Found {
        /// Whether its line begins with a blank: the owner is the last one.
        indented: bool,
    },
    /// The line is of no use; `token` is where it broke.
    Broken(Broken, Token),
    /// No more text.
    End,
}

/// How often an unclosed `(` may send us back to its line: each time the rest of the file is scanned again.
const MOST_RETURNS: u8 = 16;

/// Walks a text entry by entry.
#[derive(Debug)]
pub(crate) struct Entries<'t> {
    text: &'t [u8],
    at: usize,
    line: u32,
    line_start: usize,
    returns: u8,
}

impl<'t> Entries<'t> {
    /// From the beginning of `text`, which is shorter than 4 GiB.
    pub(crate) fn new(text: &'t [u8]) -> Self {
        Self {
            text,
            at: 0,
            line: 1,
            line_start: 0,
            returns: 0,
        }
    }

    /// How many octets were read.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    fn token(&self, start: usize, end: usize, quoted: bool) -> Token {
        let narrow = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Token {
            start: narrow(start),
            end: narrow(end),
            line: self.line,
            line_start: narrow(self.line_start),
            quoted,
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn newline(&mut self) {
        self.at += 1;
        self.line = self.line.saturating_add(1);
        self.line_start = self.at;
    }

    fn skip_line(&mut self) {
        let rest = self.text.get(self.at..).unwrap_or(&[]);
        let length = rest.iter().position(|&octet| octet == b'\n');
        self.at += length.unwrap_or(rest.len());
    }

    /// The tokens of the next entry, into `tokens`; lines without any are skipped.
    pub(crate) fn next_entry(&mut self, tokens: &mut Vec<Token>) -> Entry {
        tokens.clear();
        let mut indented = false;
        let mut open: Vec<(Token, usize)> = Vec::new();
        if self.at == self.line_start {
            indented = matches!(self.peek(), Some(b' ' | b'\t'));
        }
        loop {
            match self.peek() {
                None => break,
                Some(b'\n') => {
                    self.newline();
                    if open.is_empty() {
                        if !tokens.is_empty() {
                            return Entry::Found { indented };
                        }
                        indented = matches!(self.peek(), Some(b' ' | b'\t'));
                    }
                }
                Some(b' ' | b'\t' | b'\r') => self.at += 1,
                Some(b';') => self.skip_line(),
                Some(b'(') => {
                    let token = self.token(self.at, self.at + 1, false);
                    open.push((token, self.at));
                    self.at += 1;
                }
                Some(b')') => {
                    if open.pop().is_none() {
                        let token = self.token(self.at, self.at + 1, false);
                        self.skip_line();
                        return Entry::Broken(Broken::Close, token);
                    }
                    self.at += 1;
                }
                Some(b'"') => match self.quoted_end() {
                    Some(end) => {
                        tokens.push(self.token(self.at + 1, end, true));
                        self.at = end + 1;
                    }
                    None => {
                        let token = self.token(self.at, self.at + 1, false);
                        self.skip_line();
                        return Entry::Broken(Broken::Quote, token);
                    }
                },
                Some(_) => {
                    let start = self.at;
                    self.at = self.plain_end();
                    tokens.push(self.token(start, self.at, false));
                }
            }
        }
        match open.first() {
            Some((token, at)) => {
                // Whatever follows was swallowed: go on behind the line that opened it, to find its mistakes too.
                self.returns += 1;
                if self.returns <= MOST_RETURNS {
                    self.at = *at;
                    self.line = token.line;
                    self.line_start = token.line_start as usize;
                    self.skip_line();
                }
                Entry::Broken(Broken::Open, *token)
            }
            None if tokens.is_empty() => Entry::End,
            None => Entry::Found { indented },
        }
    }

    /// Where the string that opens here ends; `None` when its line does first.
    fn quoted_end(&self) -> Option<usize> {
        let mut at = self.at + 1;
        loop {
            match self.text.get(at)? {
                b'"' => return Some(at),
                b'\n' => return None,
                b'\\' if self.text.get(at + 1) != Some(&b'\n') => at += 2,
                _ => at += 1,
            }
        }
    }

    fn plain_end(&self) -> usize {
        let mut at = self.at;
        while let Some(&octet) = self.text.get(at) {
            match octet {
                b' ' | b'\t' | b'\r' | b'\n' | b';' | b'(' | b')' | b'"' => break,
                b'\\' if !matches!(self.text.get(at + 1), None | Some(b'\n')) => at += 2,
                _ => at += 1,
            }
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each entry as `>` when indented, then its tokens, quoted ones in quotes, with line:column.
    fn entries(text: &str) -> Vec<String> {
        let mut entries = Entries::new(text.as_bytes());
        let (mut tokens, mut seen) = (Vec::new(), Vec::new());
        loop {
            match entries.next_entry(&mut tokens) {
                Entry::End => return seen,
                Entry::Broken(what, token) => seen.push(format!(
                    "{what:?} {}:{}",
                    token.line,
                    token.column(text.as_bytes())
                )),
                Entry::Found { indented } => {
                    let words: Vec<String> = tokens
                        .iter()
                        .map(|token| {
                            let word = String::from_utf8_lossy(token.of(text.as_bytes()));
                            let quote = if token.quoted { "\"" } else { "" };
                            let column = token.column(text.as_bytes());
                            format!("{quote}{word}{quote}@{}:{column}", token.line)
                        })
                        .collect();
                    seen.push(format!("{}{}", if indented { ">" } else { "" }, words.join(" ")));
                }
            }
        }
    }

    #[test]
    fn lines_become_entries() {
        for (text, expected) in [
            ("", &[][..]),
            ("a b", &["a@1:1 b@1:3"]),
            ("\n; only a comment\n \t\na b ; c\r\n", &["a@4:1 b@4:3"]),
            (" b\r\na", &[">b@1:2", "a@2:1"]),
            ("a ( b ; c )\n\n d) e\nf", &["a@1:1 b@1:5 d@3:2 e@3:5", "f@4:1"]),
            ("a ((b\n)c\n)\n", &["a@1:1 b@1:5 c@2:2"]),
            ("a \"b ; ( c\\\" \" d", &["a@1:1 \"b ; ( c\\\" \"@1:3 d@1:16"]),
            ("a k=\"v w\"x", &["a@1:1 k=@1:3 \"v w\"@1:5 x@1:10"]),
            ("a\\;b\\ c d\\\"", &["a\\;b\\ c@1:1 d\\\"@1:9"]),
            ("ä \"ö\" x", &["ä@1:1 \"ö\"@1:3 x@1:7"]),
            ("\"\" a", &["\"\"@1:1 a@1:4"]),
        ] {
            assert_eq!(entries(text), expected, "{text:?}");
        }
    }

    #[test]
    fn what_is_broken_costs_its_line_and_no_more() {
        for (text, expected) in [
            ("a \"b\nc", &["Quote 1:3", "c@2:1"][..]),
            ("a \"b\\\nc", &["Quote 1:3", "c@2:1"]),
            ("a ) b\nc", &["Close 1:3", "c@2:1"]),
            ("a ( b\nc\nd", &["Open 1:3", "c@2:1", "d@3:1"]),
        ] {
            assert_eq!(entries(text), expected, "{text:?}");
        }
        let hopeless = "a (\n".repeat(100);
        assert_eq!(entries(&hopeless).len(), usize::from(MOST_RETURNS) + 1);
    }
}
