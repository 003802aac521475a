//! A bearer token: what its holder shows to be believed.

/// A shared secret. It is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// The token with this text.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// Whether `shown` is it, in time that does not tell where the first difference is.
    #[must_use]
    pub fn matches(&self, shown: &[u8]) -> bool {
        let own = self.0.as_bytes();
        own.len() == shown.len() && own.iter().zip(shown).fold(0, |seen, (x, y)| seen | (x ^ y)) == 0
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_must_match_whole_and_is_never_printed() {
        let token = Token::new("secret".to_owned());
        assert!(token.matches(b"secret"));
        for wrong in [&b"secre"[..], b"Secret", b"secrets", b""] {
            assert!(!token.matches(wrong));
        }
        assert!(!format!("{token:?}").contains("secret"));
    }
}
