//! A message for people: `text` for notifications and for what knows no blocks, and blocks for the rest (incoming webhooks
//! of Slack; Mattermost and Rocket.Chat take the same).

use serde_json::{Value, json};

use super::{plain, timestamp};
use crate::announce::message::Message;
use crate::announce::signal::Signal;

/// Services that are named; a check of a thousand has a number.
const NAMED: usize = 10;
/// Characters of a section's text that Slack takes.
const SECTION: usize = 2900;

/// `{"text", "blocks"}`.
#[must_use]
pub fn body(message: &Message) -> Value {
    let entry = &message.entry;
    let sign = match (entry.alarm, Signal::of(entry)) {
        (true, Signal::Ends(_)) | (false, Signal::Ends(_)) => ":large_green_circle:",
        (true, Signal::Begins(_)) => ":red_circle:",
        (true, Signal::Note) => ":warning:",
        (false, _) => ":information_source:",
    };
    // Twice as long at the most by escaping; Slack refuses a block that is too long.
    let text: String = escape(&plain(&entry.text)).chars().take(SECTION).collect();
    let mut about = vec![format!("*{}*", escape(&entry.kind)), escape(&message.node)];
    about.extend(services(&entry.services));
    about.extend(entry.by.as_deref().map(|by| format!("by {}", escape(&plain(by)))));
    about.push(format!(
        "<!date^{}^{{date_short_pretty}} {{time_secs}}|{}>",
        entry.unix_ms / 1000,
        timestamp(entry.unix_ms)
    ));
    about.push(format!("#{}", entry.seq));
    json!({
        "text": format!("{sign} {text}"),
        "blocks": [
            { "type": "section", "text": { "type": "mrkdwn", "text": format!("{sign} {text}") } },
            { "type": "context", "elements": [{ "type": "mrkdwn", "text": about.join(" · ") }] },
        ],
    })
}

fn services(all: &[String]) -> Option<String> {
    let named: Vec<String> = all.iter().take(NAMED).map(|service| escape(service)).collect();
    match all.len().checked_sub(NAMED) {
        _ if all.is_empty() => None,
        Some(more) if more > 0 => Some(format!("{} and {more} more", named.join(", "))),
        _ => Some(named.join(", ")),
    }
}

/// The three characters that Slack reads as its own; a text cannot mention everybody.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
