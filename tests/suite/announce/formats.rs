//! What receivers are sent, as data in `tests/cases/announce/`; and that it has the shape that each documents.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;

use pointsman::announce::format::{alertmanager, json, line, pagerduty, slack};
use pointsman::announce::message::{Message, test_entry};
use pointsman::control::effect::{HistoryEvent, HistoryKind};
use pointsman::control::timeline::Entry;
use pointsman::health::observation::Evidence;
use pointsman::health::standing::Health;
use pointsman::model::time::{Moment, Now, UnixTime};
use serde_json::Value;

const CASES: &str = "tests/cases/announce";

fn state(to: Health) -> HistoryKind {
    HistoryKind::StateChanged {
        check: "web".to_owned(),
        target: "192.0.2.1:443".to_owned(),
        services: vec!["www.example.test".to_owned(), "shop.example.test".to_owned()],
        from: if to == Health::Down {
            Health::Up
        } else {
            Health::Down
        },
        to,
        why: "3 failures in a row: <refused> & gone".to_owned(),
        evidence: Evidence {
            text: "connection refused".to_owned(),
            ..Evidence::default()
        },
        since_first: 2_000_000_000,
    }
}

/// What the cases tell, in this order.
fn kinds() -> Vec<(bool, HistoryKind)> {
    let service = || "www.example.test".to_owned();
    vec![
        (true, state(Health::Down)),
        (false, state(Health::Up)),
        (
            true,
            HistoryKind::Degraded {
                service: service(),
                what: Some("all down: last resort".to_owned()),
            },
        ),
        (
            false,
            HistoryKind::Degraded {
                service: service(),
                what: None,
            },
        ),
        (
            true,
            HistoryKind::AnswerChanged {
                service: service(),
                from: vec!["192.0.2.1".to_owned()],
                to: vec!["192.0.2.2".to_owned()],
                why: "fra is down".to_owned(),
            },
        ),
        (true, HistoryKind::Isolated(true)),
        (
            false,
            HistoryKind::Commanded {
                by: "alice@ops".to_owned(),
                what: "drain www.example.test/fra".to_owned(),
                services: vec!["www.example.test".to_owned()],
                break_glass: false,
            },
        ),
    ]
}

fn messages() -> Vec<Message> {
    let message = |entry| Message {
        node: Arc::from("ns1"),
        hook: Arc::from("oncall"),
        entry: Arc::new(entry),
        attempt: 1,
    };
    let entries = kinds().into_iter().zip(1..).map(|((alarm, kind), seq)| {
        let at = Now {
            moment: Moment::ZERO,
            wall: UnixTime(1_767_225_600_000 + seq * 1000),
        };
        Entry::of(seq, &HistoryEvent { at, alarm, kind })
    });
    let test = test_entry("ns1", 1_767_225_700_000, "alice@ops");
    entries.chain([test]).map(message).collect()
}

/// Holds what is sent against the file `name`; `UPDATE=1` writes it.
fn golden(name: &str, found: &str) {
    let path = format!("{CASES}/{name}");
    if std::env::vars_os().any(|(name, _)| name == "UPDATE") {
        std::fs::create_dir_all(CASES).unwrap();
        std::fs::write(&path, found).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(found, expected, "{path}: UPDATE=1 writes what was found");
}

fn all(body: impl Fn(&Message) -> Value) -> (Vec<Value>, String) {
    let bodies: Vec<Value> = messages().iter().map(body).collect();
    let mut text = String::new();
    for body in &bodies {
        writeln!(text, "{}", serde_json::to_string_pretty(body).unwrap()).unwrap();
    }
    (bodies, text)
}

#[test]
fn json_holds_the_event_whole() {
    let (bodies, text) = all(json::body);
    golden("json.json", &text);
    for (body, message) in bodies.iter().zip(messages()) {
        let entry: Entry = serde_json::from_value(body["event"].clone()).unwrap();
        assert_eq!(entry, *message.entry);
    }
    let keys: BTreeSet<&str> = bodies.iter().map(|body| body["key"].as_str().unwrap()).collect();
    assert_eq!(keys.len(), bodies.len());
}

#[test]
fn slack_gets_a_text_and_blocks_and_nobody_is_mentioned() {
    let (bodies, text) = all(slack::body);
    golden("slack.json", &text);
    for body in &bodies {
        // docs.slack.dev: blocks of type section (text of at most 3000 characters) and context (at most 10 elements).
        assert!(body["text"].as_str().is_some_and(|text| !text.is_empty()));
        for block in body["blocks"].as_array().unwrap() {
            match block["type"].as_str().unwrap() {
                "section" => {
                    assert_eq!(block["text"]["type"], "mrkdwn");
                    assert!(block["text"]["text"].as_str().unwrap().chars().count() <= 3000);
                }
                "context" => assert!((1..=10).contains(&block["elements"].as_array().unwrap().len())),
                other => panic!("{other}"),
            }
        }
    }
    assert!(
        bodies[0]["text"]
            .as_str()
            .unwrap()
            .contains("&lt;refused&gt; &amp; gone")
    );
    let loud = Message {
        entry: Arc::new(Entry {
            text: "<!channel>".repeat(2000),
            services: (0..1000).map(|n| format!("s{n}.example.test")).collect(),
            ..(*messages()[0].entry).clone()
        }),
        ..messages()[0].clone()
    };
    let body = slack::body(&loud);
    assert!(!body.to_string().contains("<!channel"));
    assert!(body.to_string().chars().count() < 8000);
}

#[test]
fn pagerduty_triggers_and_resolves_by_one_key() {
    let (bodies, text) = all(|message| pagerduty::body(message, "R0UT1NG"));
    golden("pagerduty.json", &text);
    for body in &bodies {
        // developer.pagerduty.com, Events API v2: the required fields and their limits.
        assert_eq!(body["routing_key"], "R0UT1NG");
        let action = body["event_action"].as_str().unwrap();
        assert!(
            ["trigger", "acknowledge", "resolve"].contains(&action),
            "{action}"
        );
        assert!((1..=255).contains(&body["dedup_key"].as_str().unwrap().chars().count()));
        let payload = &body["payload"];
        assert!((1..=1024).contains(&payload["summary"].as_str().unwrap().chars().count()));
        assert!(!payload["source"].as_str().unwrap().is_empty());
        let severity = payload["severity"].as_str().unwrap();
        assert!(
            ["critical", "error", "warning", "info"].contains(&severity),
            "{severity}"
        );
    }
    let key = |n: usize| {
        (
            bodies[n]["event_action"].as_str().unwrap(),
            bodies[n]["dedup_key"].as_str().unwrap(),
        )
    };
    let (down, up) = (key(0), key(1));
    assert_eq!((down.0, up.0), ("trigger", "resolve"));
    assert_eq!(down.1, up.1);
    assert_eq!(key(2).1, key(3).1);
    assert_eq!(key(3).0, "resolve");
    let keys: BTreeSet<&str> = (0..bodies.len()).map(|n| key(n).1).collect();
    assert_eq!(keys.len(), bodies.len() - 2);
}

#[test]
fn alertmanager_gets_an_alert_for_each_service_with_the_same_labels_at_both_ends() {
    let (bodies, text) = all(alertmanager::body);
    golden("alertmanager.json", &text);
    for alert in bodies.iter().flat_map(|body| body.as_array().unwrap()) {
        // Its openapi.yaml: labels and annotations are maps of texts, `alertname` is what everybody has.
        let labels = alert["labels"].as_object().unwrap();
        assert!(labels.contains_key("alertname"));
        for (name, value) in labels.iter().chain(alert["annotations"].as_object().unwrap()) {
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
            assert!(name.chars().all(plain), "{name}");
            assert!(value.as_str().is_some_and(|value| !value.is_empty()), "{name}");
        }
        let (starts, ends) = (alert["startsAt"].as_str(), alert["endsAt"].as_str().unwrap());
        assert!(starts.is_none_or(|starts| starts < ends));
    }
    let labels = |n: usize, alert: usize| bodies[n][alert]["labels"].clone();
    assert_eq!(bodies[0].as_array().unwrap().len(), 2);
    for alert in 0..2 {
        assert_eq!(labels(0, alert), labels(1, alert));
    }
    assert_ne!(labels(0, 0), labels(0, 1));
    assert_eq!(labels(2, 0), labels(3, 0));
    assert!(bodies[1][0].get("startsAt").is_none());
}

#[test]
fn logs_get_a_line_or_fields() {
    let mut text = String::new();
    for message in messages() {
        writeln!(text, "{}", String::from_utf8(line::syslog(&message, 7)).unwrap()).unwrap();
        writeln!(text, "{}", String::from_utf8(line::journal(&message, 7)).unwrap()).unwrap();
    }
    golden("log.txt", &text);
    let long = Message {
        entry: Arc::new(Entry {
            services: (0..5000).map(|n| format!("sü{n}.example.test")).collect(),
            ..(*messages()[0].entry).clone()
        }),
        ..messages()[0].clone()
    };
    assert!(line::syslog(&long, 7).len() <= 4096);
    assert!(line::journal(&long, 7).len() <= 16 * 1024);
}
