//! PagerDuty Events API v2: a problem triggers, its end resolves, by one `dedup_key`.

use serde_json::{Value, json};

use super::{plain, severity, timestamp};
use crate::announce::message::Message;
use crate::announce::signal::Signal;

/// Characters of a summary that PagerDuty takes.
const SUMMARY: usize = 1024;
/// Characters of a key that PagerDuty takes.
const KEY: usize = 255;

/// `{"routing_key", "event_action", "dedup_key", "payload", "client"}`.
#[must_use]
pub fn body(message: &Message, routing_key: &str) -> Value {
    let entry = &message.entry;
    let signal = Signal::of(entry);
    let action = if matches!(signal, Signal::Ends(_)) {
        "resolve"
    } else {
        "trigger"
    };
    json!({
        "routing_key": routing_key,
        "event_action": action,
        "dedup_key": dedup_key(message, &signal),
        "client": "pointsman",
        "payload": {
            "summary": plain(&entry.text).chars().take(SUMMARY - 1).collect::<String>(),
            "source": &*message.node,
            "severity": severity(message),
            "timestamp": timestamp(entry.unix_ms),
            "component": entry.endpoint,
            "group": entry.services.first(),
            "class": entry.kind,
            "custom_details": {
                "services": entry.services,
                "by": entry.by,
                "seq": entry.seq,
                "facts": entry.facts,
            },
        },
    })
}

/// The problem's key; of what has no end, the entry's own.
fn dedup_key(message: &Message, signal: &Signal) -> String {
    let key = match signal.key() {
        Some(key) => format!("pointsman/{}/{key}", message.node),
        None => format!("pointsman/{}", message.idempotency_key()),
    };
    if key.chars().count() <= KEY {
        return key;
    }
    // Two long keys that begin alike are still two.
    let digest = ring::digest::digest(&ring::digest::SHA256, key.as_bytes());
    let head: String = key.chars().take(KEY - 65).collect();
    format!("{head}-{}", data_encoding::HEXLOWER.encode(digest.as_ref()))
}
