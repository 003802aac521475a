//! The shape of a check that the endpoint answers by itself.

use super::document::{At, Table, Value};
use super::probe::RawRules;
use crate::config::keys;
use crate::config::load::files::Files;
use crate::model::check::HeartbeatCheck;
use crate::model::token::Token;

/// `[checks.NAME]` with `type = "heartbeat"` as it is written.
#[derive(Debug, Default)]
pub(crate) struct RawHeartbeat {
    /// Nothing when it has mistakes.
    pub(crate) check: Option<HeartbeatCheck>,
    /// Those of the rules that it has.
    pub(crate) rules: RawRules,
    pub(crate) shadow: Option<At<bool>>,
}

impl RawHeartbeat {
    /// Reads it with the token in its file.
    pub(crate) fn read(value: &Value<'_>, files: &mut Files) -> Self {
        let Some(table) = value.table(vec![&keys::CHECK_HEARTBEAT]) else {
            return Self::default();
        };
        // Both are looked at, whatever is wrong with the other.
        let (within, token) = (
            table.duration("within").map(|within| within.value),
            token(&table, files),
        );
        Self {
            check: within
                .zip(token)
                .map(|(within, token)| HeartbeatCheck { within, token }),
            rules: RawRules {
                min_down: table.duration("min_down"),
                damping: table.boolean("damping"),
                ..RawRules::default()
            },
            shadow: table.boolean("shadow"),
        }
    }
}

fn token(table: &Table<'_>, files: &mut Files) -> Option<Token> {
    let written = table.text("token_file")?;
    let path = files.below(table.source, &written.value);
    let problem = match files.text(&path) {
        Ok(text) if text.trim().is_empty() => "it is empty".to_owned(),
        Ok(text) if text.trim().contains(char::is_whitespace) => "it holds more than one token".to_owned(),
        Ok(text) => return Some(Token::new(text.trim().to_owned())),
        Err(reason) => reason,
    };
    table.source.error(
        written.at,
        format!("cannot use {}: {problem}", path.display()),
        "put one long random token into it, for example by `openssl rand -hex 32`",
    );
    None
}
