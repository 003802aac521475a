//! gdnsd's configuration language: ordered hashes, arrays and scalars (gdnsd.config(5), "CONFIGURATION SYNTAX").

use std::path::{Path, PathBuf};

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) line: u32,
    pub(super) kind: Kind,
}

/// What a value is.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    Scalar(String),
    Array(Vec<Node>),
    /// In the order written; a key may be written once.
    Hash(Vec<(String, Node)>),
}

/// What is no gdnsd configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}:{line}: {what}", file.display())]
pub(super) struct Malformed {
    file: PathBuf,
    line: u32,
    what: String,
}

impl Node {
    /// The entries of a hash.
    pub(super) fn entries(&self) -> &[(String, Node)] {
        match &self.kind {
            Kind::Hash(entries) => entries,
            _ => &[],
        }
    }

    /// The entry of a hash.
    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        self.entries()
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, node)| node)
    }

    /// The text of a scalar.
    pub(super) fn scalar(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar(text) => Some(text),
            _ => None,
        }
    }

    /// The elements of an array, or the single value: gdnsd takes one for the other everywhere.
    pub(super) fn elements(&self) -> Vec<&Node> {
        match &self.kind {
            Kind::Array(elements) => elements.iter().collect(),
            _ => vec![self],
        }
    }

    pub(super) fn is_hash(&self) -> bool {
        matches!(self.kind, Kind::Hash(_))
    }

    /// The scalar under `key` as a number.
    pub(super) fn number<T: std::str::FromStr>(&self, key: &str) -> Option<T> {
        self.get(key)?.scalar()?.parse().ok()
    }

    /// Whether this is a scalar that says yes.
    pub(super) fn is_true(&self) -> bool {
        let text = self.scalar().unwrap_or_default().to_ascii_lowercase();
        matches!(text.as_str(), "true" | "yes" | "on" | "1")
    }
}

/// How deep includes and values may nest.
const MOST_LEVELS: usize = 32;

/// Reads the file, whose top level is a hash without braces.
///
/// # Errors
/// [`Malformed`] with file and line; the outer error when a file cannot be read.
pub(super) fn read(file: &Path) -> anyhow::Result<Node> {
    read_level(file, 0)
}

fn read_level(file: &Path, level: usize) -> anyhow::Result<Node> {
    use anyhow::Context;
    anyhow::ensure!(
        level < MOST_LEVELS,
        "{}: files include each other too deeply",
        file.display()
    );
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let mut reader = Reader {
        file,
        text: &text,
        at: 0,
        line: 1,
        level,
    };
    let entries = reader.hash(true)?;
    Ok(Node {
        line: 1,
        kind: Kind::Hash(entries),
    })
}

struct Reader<'a> {
    file: &'a Path,
    text: &'a str,
    at: usize,
    line: u32,
    level: usize,
}

impl Reader<'_> {
    fn malformed(&self, what: impl Into<String>) -> Malformed {
        Malformed {
            file: self.file.to_owned(),
            line: self.line,
            what: what.into(),
        }
    }

    fn peek(&self) -> Option<char> {
        self.text.get(self.at..)?.chars().next()
    }

    fn take(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        if c == '\n' {
            self.line += 1;
        }
        Some(c)
    }

    /// Past white space, commas and comments.
    fn skip(&mut self) {
        while let Some(c) = self.peek() {
            match c {
                '#' | ';' => {
                    while self.peek().is_some_and(|c| c != '\n') {
                        self.take();
                    }
                }
                ',' => {
                    self.take();
                }
                c if c.is_whitespace() => {
                    self.take();
                }
                _ => return,
            }
        }
    }

    fn hash(&mut self, top: bool) -> anyhow::Result<Vec<(String, Node)>> {
        let mut entries: Vec<(String, Node)> = Vec::new();
        loop {
            self.skip();
            match self.peek() {
                None if top => return Ok(entries),
                None => return Err(self.malformed("a `{` is never closed").into()),
                Some('}') if !top => {
                    self.take();
                    return Ok(entries);
                }
                Some('$') => {
                    let included = self.include()?;
                    entries.extend(included.entries().iter().cloned());
                    continue;
                }
                Some(_) => {}
            }
            let key = self.scalar()?;
            self.skip();
            if self.take() != Some('=') {
                return Err(self.malformed(format!("`=>` is missing after `{key}`")).into());
            }
            if self.peek() == Some('>') {
                self.take();
            }
            let value = self.value()?;
            if entries.iter().any(|(known, _)| *known == key) {
                return Err(self.malformed(format!("`{key}` is written twice")).into());
            }
            entries.push((key, value));
        }
    }

    fn value(&mut self) -> anyhow::Result<Node> {
        self.skip();
        let line = self.line;
        let kind = match self.peek() {
            Some('{') => {
                self.deeper()?;
                self.take();
                let entries = self.hash(false)?;
                self.level -= 1;
                Kind::Hash(entries)
            }
            Some('[') => {
                self.deeper()?;
                self.take();
                let mut elements = Vec::new();
                loop {
                    self.skip();
                    match self.peek() {
                        None => return Err(self.malformed("a `[` is never closed").into()),
                        Some(']') => break,
                        Some(_) => elements.push(self.value()?),
                    }
                }
                self.take();
                self.level -= 1;
                Kind::Array(elements)
            }
            Some('$') => return self.include(),
            _ => Kind::Scalar(self.scalar()?),
        };
        Ok(Node { line, kind })
    }

    fn deeper(&mut self) -> Result<(), Malformed> {
        self.level += 1;
        if self.level > MOST_LEVELS {
            return Err(self.malformed("values nest too deeply"));
        }
        Ok(())
    }

    /// `$include{file}`, relative to the including file.
    fn include(&mut self) -> anyhow::Result<Node> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let named = rest
            .strip_prefix("$include{")
            .and_then(|rest| rest.split_once('}'));
        let Some((name, _)) = named else {
            return Err(self.malformed("`$` begins nothing but `$include{FILE}`").into());
        };
        self.at += "$include{".len() + name.len() + 1;
        let name = name.trim().trim_matches('"');
        let path = self.file.parent().unwrap_or(Path::new("")).join(name);
        read_level(&path, self.level + 1)
    }

    fn scalar(&mut self) -> Result<String, Malformed> {
        let mut text = String::new();
        let quoted = self.peek() == Some('"');
        if quoted {
            self.take();
        }
        loop {
            match self.peek() {
                Some('"') if quoted => {
                    self.take();
                    return Ok(text);
                }
                None if quoted => return Err(self.malformed("a quote is never closed")),
                Some('\\') => {
                    self.take();
                    text.extend(self.take());
                }
                Some(c) if !quoted && (c.is_whitespace() || "{}[]=,;#\"$".contains(c)) => break,
                None => break,
                Some(c) => {
                    self.take();
                    text.push(c);
                }
            }
        }
        if text.is_empty() {
            let found = self
                .peek()
                .map_or("the end of the file".to_owned(), |c| format!("`{c}`"));
            return Err(self.malformed(format!("a name or value is expected, not {found}")));
        }
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> anyhow::Result<Node> {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("other"), "inner => { a = 1 }").unwrap();
        let file = directory.path().join("config");
        std::fs::write(&file, text).unwrap();
        read(&file)
    }

    #[test]
    fn hashes_arrays_quotes_comments_and_includes_are_read() {
        let node = parse(
            "a => { b = [ 1, 2 3 ], c => \"x y\\\"\" } ; comment\n# another\n$include{other}\nlast => $include{other}",
        )
        .unwrap();
        let a = node.get("a").unwrap();
        assert_eq!(a.get("b").unwrap().elements().len(), 3);
        assert_eq!(a.get("c").unwrap().scalar(), Some("x y\""));
        assert_eq!(node.get("inner").unwrap().number::<u32>("a"), Some(1));
        assert_eq!(
            node.get("last").unwrap().get("inner").unwrap().number::<u32>("a"),
            Some(1)
        );
    }

    #[test]
    fn what_is_malformed_is_named_with_its_line() {
        for (text, told) in [
            ("a => {\n b = 1\n", "config:3: a `{` is never closed"),
            ("a\n b => 2", "config:2: `=>` is missing after `a`"),
            ("a => 1\na => 2", "config:2: `a` is written twice"),
            ("a => [ 1", "config:1: a `[` is never closed"),
            ("a => }", "config:1: a name or value is expected, not `}`"),
            ("$file", "config:1: `$` begins nothing"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
        let deep = format!("a => {}", "[".repeat(200));
        assert!(parse(&deep).unwrap_err().to_string().contains("too deeply"));
    }
}
