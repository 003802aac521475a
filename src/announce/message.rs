//! One entry on its way to one receiver.

use std::sync::Arc;

use crate::control::timeline::Entry;

/// What is carried: the same at every attempt but for the attempt's number.
#[derive(Clone, Debug)]
pub struct Message {
    /// This node.
    pub node: Arc<str>,
    /// The receiver's name.
    pub hook: Arc<str>,
    /// What is told.
    pub entry: Arc<Entry>,
    /// Which attempt this is, from 1.
    pub attempt: u32,
}

impl Message {
    /// The same for every attempt to deliver this entry to this receiver, and for nothing else: by it receivers know
    /// what they have already. The time tells entries apart whose number a lost state directory gave out again.
    #[must_use]
    pub fn idempotency_key(&self) -> String {
        format!(
            "{}-{}-{}-{}",
            self.node, self.hook, self.entry.seq, self.entry.unix_ms
        )
    }

    /// Whether it only tries the way out.
    #[must_use]
    pub fn is_test(&self) -> bool {
        self.entry.kind == TEST
    }
}

/// The kind of an entry that only tries the way out.
pub const TEST: &str = "test";

/// An entry that only tries the way out.
#[must_use]
pub fn test_entry(node: &str, unix_ms: u64, by: &str) -> Entry {
    Entry {
        seq: 0,
        unix_ms,
        alarm: false,
        kind: TEST.to_owned(),
        services: Vec::new(),
        endpoint: None,
        by: Some(by.to_owned()),
        text: format!("this is a test from {node}: nothing happened"),
        facts: serde_json::json!({}),
    }
}
