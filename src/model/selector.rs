//! Which endpoints an operator means: `www.example.test/fra`, `www.example.test`, `www.example.test/eu/*`, `*/fra-*`.
//!
//! The first part names services, the others what stands below them: an endpoint by its own name, by its whole path, or
//! all of a pool. `*` stands for any characters within a part, `?` for one. A selector is kept as it is written, so that
//! it means what is there now and, after a reload, what is there then.

use std::fmt;

/// Why a text selects nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SelectorError {
    /// Nothing, or nothing between two slashes.
    #[error("`{0}` has an empty part")]
    Empty(String),
    /// Longer than any name.
    #[error("a selector of more than {MOST} octets")]
    TooLong,
    /// Blanks and control characters stand in no name.
    #[error("`{0}` has a blank or a control character in it")]
    Unprintable(String),
}

/// Octets of the longest selector: a name of 255 octets in presentation form and as much again.
const MOST: usize = 2048;

/// A pattern of services and of what stands below them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector {
    text: String,
    service: String,
    below: Vec<String>,
}

impl Selector {
    /// Reads a selector. Services are compared without regard to case and without the final dot.
    ///
    /// # Errors
    /// [`SelectorError`] says what is wrong.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        let text = text.trim();
        if text.len() > MOST {
            return Err(SelectorError::TooLong);
        }
        if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(SelectorError::Unprintable(text.escape_debug().to_string()));
        }
        let mut parts = text.split('/');
        let first = parts.next().unwrap_or_default();
        let service = first.strip_suffix('.').unwrap_or(first).to_ascii_lowercase();
        let below: Vec<String> = parts.map(str::to_owned).collect();
        if service.is_empty() || below.iter().any(String::is_empty) {
            return Err(SelectorError::Empty(text.to_owned()));
        }
        let written: Vec<&str> = std::iter::once(service.as_str())
            .chain(below.iter().map(String::as_str))
            .collect();
        Ok(Self {
            text: written.join("/"),
            service,
            below,
        })
    }

    /// As it is written, the service in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it is a pattern rather than a name.
    #[must_use]
    pub fn is_pattern(&self) -> bool {
        self.text.contains(['*', '?'])
    }

    /// Whether `service` (`www.example.test`, no final dot) is among those it names.
    #[must_use]
    pub fn names_service(&self, service: &str) -> bool {
        matches(&self.service, &service.to_ascii_lowercase())
    }

    /// Whether it means what stands at `path` below a service that it names: pools from the outermost, then the
    /// endpoint.
    #[must_use]
    pub fn names_path(&self, path: &[&str]) -> bool {
        let alike = |names: &[&str]| {
            names
                .iter()
                .zip(&self.below)
                .all(|(name, pattern)| matches(pattern, name))
        };
        // From the outside in: a pool with all that is in it, or the whole path.
        let whole = path.get(..self.below.len()).is_some_and(alike);
        // From the inside: an endpoint whose name is enough.
        let tail = path
            .len()
            .checked_sub(self.below.len())
            .and_then(|from| path.get(from..))
            .is_some_and(alike);
        whole || tail
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Whether `text` is what `pattern` describes. Linear but for one step back: the last `*` takes one character more.
fn matches(pattern: &str, text: &str) -> bool {
    let (mut pattern, mut text) = (pattern.chars(), text.chars());
    let mut again: Option<(std::str::Chars<'_>, std::str::Chars<'_>)> = None;
    loop {
        match (pattern.next(), text.clone().next()) {
            (Some('*'), _) => again = Some((pattern.clone(), text.clone())),
            (Some('?'), Some(_)) => {
                text.next();
            }
            (Some(wanted), Some(found)) if wanted == found => {
                text.next();
            }
            (None, None) => return true,
            _ => {
                let Some((rest, from)) = &mut again else {
                    return false;
                };
                if from.next().is_none() {
                    return false;
                }
                (pattern, text) = (rest.clone(), from.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selects(selector: &str, service: &str, path: &[&str]) -> bool {
        let selector = Selector::parse(selector).unwrap();
        selector.names_service(service) && selector.names_path(path)
    }

    #[test]
    fn names_pools_and_patterns_select_what_they_say() {
        let www = "www.example.test";
        for (selector, expected) in [
            ("www.example.test", true),
            ("WWW.Example.test.", true),
            ("www.example.test/fra-1", true),
            ("www.example.test/eu", true),
            ("www.example.test/eu/fra-1", true),
            ("www.example.test/eu/*", true),
            ("*/fra-*", true),
            ("*.example.test/*", true),
            ("*", true),
            ("*/fra-?", true),
            ("www.example.test/us", false),
            ("www.example.test/eu/nyc-1", false),
            ("www.example.test/eu/fra-1/x", false),
            ("example.test", false),
            ("*/fra", false),
            ("*/FRA-1", false),
            ("*/fra-1?", false),
            ("*.other.test", false),
        ] {
            assert_eq!(selects(selector, www, &["eu", "fra-1"]), expected, "{selector}");
        }
    }

    #[test]
    fn stars_go_back_only_as_far_as_they_must() {
        for (pattern, text, expected) in [
            ("*a*b", "xaxxab", true),
            ("a*", "a", true),
            ("a**", "abc", true),
            ("*", "", true),
            ("?", "", false),
            ("a*b", "acbc", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
        assert!(!matches(&"*a".repeat(500), &"a".repeat(400)));
    }

    #[test]
    fn what_selects_nothing_is_refused() {
        for text in ["", "/", "www/", "/fra", "www//fra", "www /fra", "a\nb"] {
            assert!(Selector::parse(text).is_err(), "{text:?}");
        }
        assert_eq!(Selector::parse(&"x".repeat(3000)), Err(SelectorError::TooLong));
    }
}
