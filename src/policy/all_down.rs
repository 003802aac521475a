//! What is answered when nothing is healthy: the operator's choice, and what the extended error says of it.

use crate::model::service::{Service, WhenAllDown};
use crate::policy::choice::{Choice, Pick};
use crate::policy::readings::Family;
use crate::policy::spread::Blend;

/// INFO-CODE 3, Stale Answer (RFC 8914 section 4.4).
pub const STALE_ANSWER: u16 = 3;
/// INFO-CODE 14, Not Ready (RFC 8914 section 4.15).
pub const NOT_READY: u16 = 14;
/// INFO-CODE 0, Other (RFC 8914 section 4.1).
pub const OTHER: u16 = 0;

/// What is answered, with the extended error's code and what it says.
#[derive(Clone, Debug, PartialEq)]
pub struct Remains {
    /// The answer.
    pub choice: Choice,
    /// INFO-CODE of RFC 8914.
    pub code: u16,
    /// What is said of it.
    pub text: &'static str,
    /// Whether members are answered as if they were up.
    pub assumed: bool,
}

/// What remains for `family`: `last` is the last healthy answer, `assumed` what would be answered if every endpoint
/// were up.
#[must_use]
pub fn remains(service: &Service, family: Family, last: Option<&Choice>, assumed: &Blend) -> Remains {
    let fixed = |pick| Choice {
        addresses: Vec::new(),
        pick,
    };
    let (choice, code, text) = match (&service.when_all_down, last) {
        (WhenAllDown::Last, Some(last)) => {
            (last.clone(), STALE_ANSWER, "all endpoints down; last answer kept")
        }
        (WhenAllDown::Last | WhenAllDown::AssumeUp, _) => (
            assumed.compile(),
            OTHER,
            "all endpoints down; answered as if they were up",
        ),
        (WhenAllDown::None, _) => (
            fixed(Pick::Nothing),
            OTHER,
            "all endpoints down; no data by configuration",
        ),
        (WhenAllDown::Servfail, _) => (
            fixed(Pick::Fail),
            OTHER,
            "all endpoints down; SERVFAIL by configuration",
        ),
        (WhenAllDown::Fallback(addresses), _) => {
            let addresses: Vec<_> = addresses.iter().copied().filter(|a| family.holds(*a)).collect();
            let pick = if addresses.is_empty() {
                Pick::Nothing
            } else {
                Pick::Fixed
            };
            (
                Choice { addresses, pick },
                OTHER,
                "all endpoints down; fallback answered",
            )
        }
    };
    let assumed = match service.when_all_down {
        WhenAllDown::Last => code != STALE_ANSWER,
        WhenAllDown::AssumeUp => true,
        WhenAllDown::None | WhenAllDown::Servfail | WhenAllDown::Fallback(_) => false,
    };
    Remains {
        choice,
        code,
        text,
        assumed,
    }
}
