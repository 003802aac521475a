//! One entry of the timeline as a line for people: when, how grave, what, where, and the sentence.

use crate::cli::terminal::Style;
use crate::control::timeline::Entry;
use crate::model::time::UnixTime;
use crate::sys::local_time::ahead_of_utc;

/// Kinds that say that something is well again, or was put right.
const GOOD: [&str; 8] = [
    "restored",
    "target-restored",
    "rejoined",
    "opened",
    "safe-to-stop",
    "store-restored",
    "elected",
    "started",
];
/// The widest kind that is common.
const KIND: usize = 16;

/// `2026-11-25 09:34:37.123` in the time of this place.
pub(super) fn local(unix_ms: u64) -> String {
    let ahead = ahead_of_utc(i64::try_from(unix_ms / 1000).unwrap_or(0));
    let moved = UnixTime(unix_ms.saturating_add_signed(ahead * 1000)).to_string();
    let bare = moved.trim_end_matches(" UTC");
    format!("{bare}.{:03}", unix_ms % 1000)
}

/// The line of an entry.
pub(super) fn of(entry: &Entry, color: bool) -> String {
    let to = entry.facts.get("to").and_then(|to| to.as_str());
    let (mark, style) = match entry.kind.as_str() {
        _ if entry.alarm => ("!", Style::Bad),
        "state-changed" if to == Some("up") => ("+", Style::Good),
        kind if GOOD.contains(&kind) => ("+", Style::Good),
        "answer-changed" | "commanded" | "drill-started" => ("*", Style::Doubtful),
        _ => ("-", Style::Plain),
    };
    let services = match entry.services.as_slice() {
        [] => String::new(),
        // The sentence begins with it.
        [one] if entry.text.starts_with(one.as_str()) => String::new(),
        [one] => format!("{one}: "),
        [one, more @ ..] => format!("{one} and {} more: ", more.len()),
    };
    let by = entry
        .by
        .as_ref()
        .map_or_else(String::new, |by| format!(" (by {by})"));
    let kind = format!("{mark} {:KIND$}", entry.kind);
    let text: String = entry
        .text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    format!(
        "{}  {}  {services}{text}{}",
        Style::Faint.paint(&local(entry.unix_ms), color),
        style.paint(&kind, color),
        Style::Faint.paint(&by, color)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_one_line_whatever_it_says() {
        let mut entry = Entry {
            seq: 1,
            unix_ms: 1_767_225_600_042,
            alarm: true,
            kind: "state-changed".to_owned(),
            services: vec!["www.example.test".to_owned(), "b.example.test".to_owned()],
            endpoint: None,
            by: Some("alice".to_owned()),
            text: "192.0.2.1 is down:\n\x1b[31mred".to_owned(),
            facts: serde_json::json!({}),
        };
        let said = of(&entry, false);
        assert!(
            said.ends_with(
                "! state-changed     www.example.test and 1 more: 192.0.2.1 is down:  [31mred (by alice)"
            ),
            "{said}"
        );
        assert!(said.contains(".042  "), "{said}");
        entry.alarm = false;
        entry.services = vec!["www.example.test".to_owned()];
        entry.text = "www.example.test answers nothing".to_owned();
        assert!(
            of(&entry, false).ends_with("- state-changed     www.example.test answers nothing (by alice)")
        );
    }
}
