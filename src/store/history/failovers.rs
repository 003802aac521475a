//! Failovers: each change of a service's answer with its chain, from the first failed probe to the first changed answer.

use std::collections::{HashMap, HashSet};

use crate::control::chain::Chain;
use crate::control::timeline::Entry;
use crate::store::history::query::{Filter, MOST};
use crate::store::history::{History, HistoryError};

/// One change of an answer.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
pub struct Failover {
    /// Number of the entry that says so.
    pub seq: u64,
    /// When it was decided, in milliseconds since 1970.
    pub unix_ms: u64,
    /// The service.
    pub service: String,
    /// What was answered before.
    pub from: Vec<String>,
    /// What is answered since.
    pub to: Vec<String>,
    /// Why, in a sentence.
    pub why: String,
    /// Whether the chain is at its end: somebody was sent the new answer, or nobody asked in time.
    pub complete: bool,
    /// Its steps.
    pub chain: Chain,
}

/// Failovers, newest first, and where the next page begins.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
pub struct Failovers {
    /// Newest first.
    pub items: Vec<Failover>,
    /// The `before` of the next page; `None`: there is none.
    pub next: Option<u64>,
}

impl History {
    /// The newest changes of answers, of one service or of all, before the entry numbered `before`.
    ///
    /// # Errors
    /// [`HistoryError`].
    pub fn failovers(
        &self,
        service: Option<&str>,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Failovers, HistoryError> {
        let of_kind = |kind: &str| Filter {
            service: service.map(str::to_owned),
            kinds: vec![kind.to_owned()],
            ..Filter::default()
        };
        let limit = limit.clamp(1, MOST);
        let changes = self.newest(
            &Filter {
                before,
                ..of_kind("answer-changed")
            },
            limit,
        )?;
        let Some(oldest) = changes.items.last() else {
            return Ok(Failovers {
                items: Vec::new(),
                next: None,
            });
        };
        // A chain ends after its change, and before or soon after the next change of the same service.
        let wanted: HashSet<u64> = changes.items.iter().map(|change| change.seq).collect();
        let mut ends: HashMap<u64, Chain> = HashMap::new();
        let mut filter = Filter {
            after: Some(oldest.seq),
            ..of_kind("failover")
        };
        while ends.len() < changes.items.len() {
            let page = self.oldest(&filter, MOST)?;
            for entry in &page.items {
                if let Ok(chain) = serde_json::from_value::<Chain>(entry.facts.clone())
                    && wanted.contains(&chain.change)
                {
                    ends.insert(chain.change, chain);
                }
            }
            match page.next {
                // Chains that never ended (the server was killed) must not make a reader walk the whole history.
                Some(next) if next < changes.items.first().map_or(0, |newest| newest.seq) + FURTHER => {
                    filter.after = Some(next);
                }
                _ => break,
            }
        }
        Ok(Failovers {
            items: changes
                .items
                .iter()
                .map(|change| of_change(change, &mut ends))
                .collect(),
            next: changes.next,
        })
    }
}

/// So many entries after a change its chain is at its end, or is held to have none.
const FURTHER: u64 = 100_000;

fn of_change(change: &Entry, ends: &mut HashMap<u64, Chain>) -> Failover {
    let list = |key: &str| -> Vec<String> {
        let words = change.facts.get(key).and_then(|words| words.as_array());
        let words = words.into_iter().flatten().filter_map(|word| word.as_str());
        words.map(str::to_owned).collect()
    };
    let end = ends.remove(&change.seq);
    let complete = end.is_some();
    let begun = || {
        let known = change.facts.get("chain").cloned().unwrap_or_default();
        serde_json::from_value(known).unwrap_or_default()
    };
    let why = change.facts.get("why").and_then(|why| why.as_str());
    Failover {
        seq: change.seq,
        unix_ms: change.unix_ms,
        service: change.services.first().cloned().unwrap_or_default(),
        from: list("from"),
        to: list("to"),
        why: why.unwrap_or_default().to_owned(),
        complete,
        chain: end.unwrap_or_else(begun),
    }
}
