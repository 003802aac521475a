//! The words of one record's data, and what is wrong with one of them.

use crate::zone::master::tokens::Token;

/// One word.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Word<'t> {
    /// As written, escapes included, quotes not.
    pub(crate) raw: &'t [u8],
    /// Whether it stood in quotes.
    pub(crate) quoted: bool,
    /// Which word of the entry it is.
    pub(crate) index: usize,
}

impl Word<'_> {
    /// Itself in backquotes, short enough for a message.
    pub(crate) fn shown(&self) -> String {
        shown(self.raw)
    }
}

/// `raw` in backquotes, cut after 48 characters.
pub(crate) fn shown(raw: &[u8]) -> String {
    let text = String::from_utf8_lossy(raw);
    let mut short: String = text
        .chars()
        .take(48)
        .map(|character| {
            if character.is_control() {
                '\u{fffd}'
            } else {
                character
            }
        })
        .collect();
    if text.chars().nth(48).is_some() {
        short.push('…');
    }
    format!("`{short}`")
}

/// Words in order, with what they are relative to.
#[derive(Debug)]
pub(crate) struct Words<'t> {
    text: &'t [u8],
    tokens: &'t [Token],
    next: usize,
    /// What relative names are below, in wire form.
    pub(crate) origin: &'t [u8],
}

impl<'t> Words<'t> {
    /// The words of `tokens` from `next` on.
    pub(crate) fn new(text: &'t [u8], tokens: &'t [Token], next: usize, origin: &'t [u8]) -> Self {
        Self {
            text,
            tokens,
            next,
            origin,
        }
    }

    /// The next word, which stays the next.
    pub(crate) fn peek(&self) -> Option<Word<'t>> {
        self.tokens.get(self.next).map(|token| Word {
            raw: token.of(self.text),
            quoted: token.quoted,
            index: self.next,
        })
    }

    /// The next word.
    pub(crate) fn next(&mut self) -> Option<Word<'t>> {
        let word = self.peek()?;
        self.next += 1;
        Some(word)
    }

    /// The next word, when it is in quotes and touches the one before: `key="value"`.
    pub(crate) fn next_attached(&mut self) -> Option<Word<'t>> {
        let before = self.tokens.get(self.next.checked_sub(1)?)?;
        let token = self.tokens.get(self.next)?;
        let attached = token.quoted && !before.quoted && token.start == before.end.saturating_add(1);
        if attached { self.next() } else { None }
    }

    /// Which word is the next.
    pub(crate) fn position(&self) -> usize {
        self.next
    }

    /// The next word, or a fault that says that `what` is missing.
    pub(crate) fn expect(&mut self, what: &str) -> Result<Word<'t>, Fault> {
        self.next().ok_or_else(|| self.here(format!("{what} is missing")))
    }

    /// A fault at `word`.
    pub(crate) fn at(&self, word: Word<'_>, what: impl Into<String>) -> Fault {
        self.of(word.index, what)
    }

    /// A fault at the word of this index.
    pub(crate) fn of(&self, index: usize, what: impl Into<String>) -> Fault {
        Fault {
            word: index,
            what: what.into(),
            instead: None,
        }
    }

    /// A fault at the next word, or behind the last one.
    pub(crate) fn here(&self, what: impl Into<String>) -> Fault {
        self.of(self.next, what)
    }
}

/// What is wrong with a record's data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// Which word of the entry; past the last one when something is missing.
    pub(crate) word: usize,
    /// What is wrong.
    pub(crate) what: String,
    /// What to write instead.
    pub(crate) instead: Option<String>,
}

impl Fault {
    /// The same with what to write instead.
    pub(crate) fn instead(mut self, instead: impl Into<String>) -> Self {
        self.instead = Some(instead.into());
        self
    }

    /// The same with an example of the whole data, unless it says better what to write.
    pub(crate) fn sample(mut self, sample: &str) -> Self {
        if self.instead.is_none() && !sample.is_empty() {
            self.instead = Some(format!("write it like `{sample}`"));
        }
        self
    }
}
