//! Master files, entry by entry, for picking out what is not plain data: other programs' own record types. Everything
//! else is handed through as it was written.

/// One entry: a record or a directive, with its text as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Where it begins, from 1.
    pub(super) line: u32,
    /// As written, several lines where parentheses hold it together.
    pub(super) text: String,
    /// Whether it begins with a name of its own.
    pub(super) owned: bool,
    /// Its words, comments and parentheses left out.
    pub(super) words: Vec<Word>,
}

/// A word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) text: String,
    pub(super) quoted: bool,
}

impl Entry {
    /// The `index`th word's text; empty when there are fewer.
    pub(super) fn word(&self, index: usize) -> &str {
        self.words.get(index).map_or("", |word| word.text.as_str())
    }
}

/// Splits a master file (RFC 1035 section 5.1) into entries; empty lines and comments belong to the entry after them.
pub(super) fn entries(text: &str) -> Vec<Entry> {
    let mut found = Vec::new();
    let mut begin = Entry::new(1);
    let (mut depth, mut line) = (0_usize, 1_u32);
    for raw in text.split_inclusive('\n') {
        if begin.words.is_empty() {
            begin.line = line;
            begin.owned = raw.starts_with(|c: char| !c.is_whitespace() && !matches!(c, ';' | '(' | ')'));
        }
        begin.text.push_str(raw);
        split(raw, &mut begin.words, &mut depth);
        line += 1;
        if depth == 0 && !begin.words.is_empty() {
            found.push(std::mem::replace(&mut begin, Entry::new(line)));
        }
    }
    if !begin.text.is_empty() {
        found.push(begin);
    }
    found
}

impl Entry {
    fn new(line: u32) -> Self {
        Self {
            line,
            text: String::new(),
            owned: false,
            words: Vec::new(),
        }
    }
}

fn split(line: &str, words: &mut Vec<Word>, depth: &mut usize) {
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            ';' => return,
            '(' => *depth += 1,
            ')' => *depth = depth.saturating_sub(1),
            '"' => {
                let mut text = String::new();
                while let Some(c) = chars.next() {
                    match c {
                        '"' => break,
                        '\\' => text.extend(chars.next()),
                        c => text.push(c),
                    }
                }
                words.push(Word { text, quoted: true });
            }
            c if c.is_whitespace() => {}
            c => {
                let mut text = String::from(c);
                while let Some(&c) = chars.peek() {
                    if c.is_whitespace() || matches!(c, ';' | '(' | ')' | '"') {
                        break;
                    }
                    text.push(c);
                    chars.next();
                    if c == '\\' {
                        text.extend(chars.next());
                    }
                }
                words.push(Word { text, quoted: false });
            }
        }
    }
}

/// Where a reader of a master file stands: origin, last owner, default TTL.
#[derive(Clone, Debug)]
pub(super) struct Standing {
    /// The zone's origin, without the final dot, lower case; so are all names here.
    zone: String,
    origin: String,
    /// The owner of the entry that was read last.
    pub(super) owner: String,
    /// `$TTL`, as written.
    pub(super) ttl: Option<String>,
}

/// What is left of a master file when other programs' records are taken out of it.
#[derive(Debug, Default)]
pub(super) struct Rest {
    text: String,
    /// Whether the entry that named the present owner is gone: records without a name of their own need it.
    lost: bool,
}

impl Rest {
    /// One that begins with this.
    pub(super) fn beginning(text: String) -> Self {
        Self { text, lost: false }
    }

    /// Keeps a directive as it is written; it names no owner.
    pub(super) fn directive(&mut self, entry: &Entry) {
        self.text.push_str(&entry.text);
    }

    /// Keeps a record, written as `text`.
    pub(super) fn record(&mut self, entry: &Entry, standing: &Standing, text: &str) {
        if std::mem::take(&mut self.lost) && !entry.owned {
            self.text.push_str(&format!("{}.", standing.owner));
        }
        self.text.push_str(text);
    }

    /// Takes a record out; a comment says what became of it.
    pub(super) fn take_out(&mut self, entry: &Entry, comment: &str) {
        self.lost |= entry.owned;
        self.text.push_str(&format!("; {comment}\n"));
    }

    /// The text.
    pub(super) fn finish(self) -> String {
        self.text
    }
}

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// A directive, or nothing but comments.
    Directive,
    /// A record: TTL as written, type in upper case, index of the first word of its data.
    Record {
        ttl: Option<String>,
        rtype: String,
        data: usize,
    },
}

impl Standing {
    pub(super) fn at(zone: &str) -> Self {
        let zone = zone.trim_end_matches('.').to_ascii_lowercase();
        Self {
            origin: zone.clone(),
            owner: zone.clone(),
            zone,
            ttl: None,
        }
    }

    /// Takes an entry in.
    pub(super) fn read(&mut self, entry: &Entry) -> Read {
        let mut at = 0;
        let first = entry.word(0);
        if first.starts_with('$') {
            match first.to_ascii_uppercase().as_str() {
                "$ORIGIN" => self.origin = self.absolute(entry.word(1)),
                "$TTL" => self.ttl = Some(entry.word(1).to_owned()),
                _ => {}
            }
            return Read::Directive;
        }
        if entry.words.is_empty() {
            return Read::Directive;
        }
        if entry.owned {
            self.owner = self.absolute(first);
            at = 1;
        }
        let mut ttl = None;
        loop {
            let word = entry.word(at).to_ascii_uppercase();
            if matches!(word.as_str(), "IN" | "CH" | "HS") {
                at += 1;
            } else if ttl.is_none() && word.starts_with(|c: char| c.is_ascii_digit()) {
                ttl = Some(entry.word(at).to_owned());
                at += 1;
            } else {
                return Read::Record {
                    ttl: ttl.or_else(|| self.ttl.clone()),
                    rtype: word,
                    data: at + 1,
                };
            }
        }
    }

    /// A name as written, made absolute; gdnsd's `@Z` is the zone, `@F` the file's origin, which is the same here.
    fn absolute(&self, written: &str) -> String {
        let name = written.to_ascii_lowercase();
        if name == "@" {
            return self.origin.clone();
        }
        for special in ["@z", "@f"] {
            if name == special {
                return self.zone.clone();
            }
            if let Some(left) = name.strip_suffix(special) {
                return format!("{left}{}", self.zone);
            }
        }
        match name.strip_suffix('.') {
            Some(absolute) => absolute.to_owned(),
            None if self.origin.is_empty() => name,
            None => format!("{name}.{}", self.origin),
        }
    }

    /// The last owner as a service of the zone is labelled: relative to the zone's origin, `@` for the origin itself.
    pub(super) fn label(&self) -> String {
        match self.owner.strip_suffix(&self.zone) {
            Some("") => "@".to_owned(),
            Some(label) => label.trim_end_matches('.').to_owned(),
            None => format!("{}.", self.owner),
        }
    }
}

/// Seconds of a TTL as master files write it: `3600`, `1h`, `1h30m`.
pub(super) fn seconds(text: &str) -> Option<u32> {
    if let Ok(plain) = text.parse() {
        return Some(plain);
    }
    let (mut sum, mut number) = (0_u32, None::<u32>);
    for c in text.chars() {
        match c.to_digit(10) {
            Some(digit) => number = Some(number.unwrap_or(0).checked_mul(10)?.checked_add(digit)?),
            None => {
                let unit = match c.to_ascii_lowercase() {
                    's' => 1,
                    'm' => 60,
                    'h' => 3600,
                    'd' => 86_400,
                    'w' => 604_800,
                    _ => return None,
                };
                sum = sum.checked_add(number.take()?.checked_mul(unit)?)?;
            }
        }
    }
    number.is_none().then_some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_keep_their_text_and_know_where_they_stand() {
        let text = "; head\n$TTL 1h\n@ SOA a b ( 1 ; serial\n 2 3 4 5 )\n  NS ns1\nwww 30 IN LUA A ( \"x(;\"\n \"y)\" )\n$ORIGIN sub\nb.@Z A 192.0.2.1\n";
        let found = entries(text);
        let texts: String = found.iter().map(|entry| entry.text.as_str()).collect();
        assert_eq!(texts, text);
        let mut standing = Standing::at("Example.test.");
        let mut seen = Vec::new();
        for entry in &found {
            if let Read::Record { ttl, rtype, data } = standing.read(entry) {
                let rest: Vec<_> = entry.words.iter().skip(data).map(|w| w.text.as_str()).collect();
                seen.push((entry.line, standing.label(), ttl.unwrap(), rtype, rest.len()));
            }
        }
        let expected = [
            (3, "@".to_owned(), "1h".to_owned(), "SOA".to_owned(), 7),
            (5, "@".to_owned(), "1h".to_owned(), "NS".to_owned(), 1),
            (6, "www".to_owned(), "30".to_owned(), "LUA".to_owned(), 3),
            (9, "b".to_owned(), "1h".to_owned(), "A".to_owned(), 1),
        ];
        assert_eq!(seen, expected);
    }

    #[test]
    fn records_keep_their_owner_when_the_entry_that_named_it_is_taken_out() {
        let text = "www DYNA x!y\n$TTL 60\n  TXT a\n  TXT b\nmail A 192.0.2.1\n";
        let (mut rest, mut standing) = (Rest::default(), Standing::at("example.test"));
        for entry in entries(text) {
            match standing.read(&entry) {
                Read::Directive => rest.directive(&entry),
                Read::Record { rtype, .. } if rtype == "DYNA" => rest.take_out(&entry, "gone"),
                Read::Record { .. } => rest.record(&entry, &standing, &entry.text),
            }
        }
        let expected = "; gone\n$TTL 60\nwww.example.test.  TXT a\n  TXT b\nmail A 192.0.2.1\n";
        assert_eq!(rest.finish(), expected);
    }

    #[test]
    fn ttls_are_read_as_master_files_write_them() {
        for (text, expected) in [
            ("60", Some(60)),
            ("1h30m", Some(5400)),
            ("1W", Some(604_800)),
            ("5x", None),
            ("h", None),
            ("5m3", None),
            ("99999999w", None),
        ] {
            assert_eq!(seconds(text), expected, "{text}");
        }
    }
}
