//! What an entry means to whoever is on call: a problem begins, a problem ends, or something to be known.

use serde_json::Value;

use crate::control::timeline::Entry;

/// What an entry says of a problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signal {
    /// The problem with this key begins, or goes on.
    Begins(String),
    /// The problem with this key is over.
    Ends(String),
    /// Neither: no end will be told.
    Note,
}

impl Signal {
    /// What `entry` says. The key of a problem is the same at its beginning and at its end, over restarts and on every
    /// node.
    #[must_use]
    pub fn of(entry: &Entry) -> Self {
        let fact = |name: &str| entry.facts.get(name).and_then(Value::as_str).unwrap_or_default();
        let service = || entry.services.first().map_or("", String::as_str);
        let begins_if = |begins: bool, key: String| {
            if begins {
                Self::Begins(key)
            } else {
                Self::Ends(key)
            }
        };
        match entry.kind.as_str() {
            "state-changed" => {
                let key = format!("state {} {}", fact("check"), fact("target"));
                begins_if(fact("to") == "down", key)
            }
            "target-degraded" => Self::Begins(format!("condition {}", fact("target"))),
            "target-restored" => Self::Ends(format!("condition {}", fact("target"))),
            "degraded" => Self::Begins(format!("answer {}", service())),
            "restored" => Self::Ends(format!("answer {}", service())),
            "not-elected" => Self::Begins(format!("writer {}", service())),
            "elected" => Self::Ends(format!("writer {}", service())),
            "isolated" => Self::Begins("isolation".to_owned()),
            "rejoined" => Self::Ends("isolation".to_owned()),
            "braked" => {
                let waiting = entry.facts.get("waiting").and_then(Value::as_u64).unwrap_or(0);
                begins_if(waiting > 0, format!("brake {}", fact("check")))
            }
            "store-failed" => Self::Begins("store".to_owned()),
            "store-restored" => Self::Ends("store".to_owned()),
            "reload-refused" => Self::Begins("reload".to_owned()),
            "planned" => Self::Ends("reload".to_owned()),
            _ => Self::Note,
        }
    }

    /// The problem's key, when there is a problem.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        match self {
            Self::Begins(key) | Self::Ends(key) => Some(key),
            Self::Note => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn signal(kind: &str, services: &[&str], facts: Value) -> Signal {
        Signal::of(&Entry {
            seq: 1,
            unix_ms: 0,
            alarm: false,
            kind: kind.to_owned(),
            services: services.iter().map(|&service| service.to_owned()).collect(),
            endpoint: None,
            by: None,
            text: String::new(),
            facts,
        })
    }

    #[test]
    fn a_problem_has_one_key_from_beginning_to_end() {
        for (begins, ends, services, from, to) in [
            (
                "state-changed",
                "state-changed",
                &["www.a.test"][..],
                json!({"check": "web", "target": "192.0.2.1:80", "to": "down"}),
                json!({"check": "web", "target": "192.0.2.1:80", "to": "up"}),
            ),
            (
                "target-degraded",
                "target-restored",
                &["www.a.test"],
                json!({"target": "web 192.0.2.1:80"}),
                json!({"target": "web 192.0.2.1:80", "why": null}),
            ),
            ("degraded", "restored", &["www.a.test"], json!({}), json!({})),
            ("not-elected", "elected", &["db.a.test"], json!({}), json!({})),
            ("isolated", "rejoined", &[], json!({}), json!({})),
            (
                "braked",
                "braked",
                &[],
                json!({"check": "web", "waiting": 2}),
                json!({"check": "web", "waiting": 0}),
            ),
            ("store-failed", "store-restored", &[], json!({}), json!({})),
            ("reload-refused", "planned", &[], json!({}), json!({})),
        ] {
            let (begins, ends) = (signal(begins, services, from), signal(ends, services, to));
            assert!(matches!(begins, Signal::Begins(_)), "{begins:?}");
            assert!(matches!(ends, Signal::Ends(_)), "{ends:?}");
            assert_eq!(begins.key(), ends.key());
        }
        assert_eq!(signal("commanded", &[], json!({})), Signal::Note);
    }
}
