//! A heartbeat as it is written down.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::control::event::{Word, WordKind};
use crate::model::id::TargetId;
use crate::model::plan::Plan;

/// One heartbeat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beat {
    /// The zone that defines the check.
    pub zone: String,
    /// The check.
    pub check: String,
    /// Of which address.
    pub address: IpAddr,
    /// `up`, `degraded`, `down`.
    pub word: String,
    /// Why, in its own words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
}

const WORDS: [(WordKind, &str); 3] = [
    (WordKind::Up, "up"),
    (WordKind::Degraded, "degraded"),
    (WordKind::Down, "down"),
];

impl Beat {
    /// What `target` of `plan` said; `None` for an id that is not in it.
    #[must_use]
    pub fn of(plan: &Plan, target: TargetId, word: &Word) -> Option<Self> {
        let target = plan.targets.get(target.index())?;
        let zone = plan.zones.get(target.check.zone.index())?;
        Some(Self {
            zone: zone.origin.to_string(),
            check: target.check.name.clone(),
            address: target.address,
            word: WORDS
                .iter()
                .find(|(kind, _)| *kind == word.kind)
                .map_or("", |(_, name)| name)
                .to_owned(),
            text: word.text.clone(),
        })
    }

    /// What was said; `None` for a word of another version.
    #[must_use]
    pub fn word(&self) -> Option<Word> {
        let (kind, _) = WORDS.iter().find(|(_, name)| *name == self.word)?;
        Some(Word {
            kind: *kind,
            text: self.text.clone(),
        })
    }
}
