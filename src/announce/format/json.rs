//! The event whole, for programs of one's own.

use serde_json::{Value, json};

use crate::announce::message::Message;
use crate::announce::signal::Signal;

/// `{"node", "hook", "key", "test", "problem", "ends", "event": Entry}`.
#[must_use]
pub fn body(message: &Message) -> Value {
    let signal = Signal::of(&message.entry);
    json!({
        "node": &*message.node,
        "hook": &*message.hook,
        "key": message.idempotency_key(),
        "test": message.is_test(),
        "problem": signal.key(),
        "ends": matches!(signal, Signal::Ends(_)),
        "event": &*message.entry,
    })
}
