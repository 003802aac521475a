//! Prometheus Alertmanager, API v2: `POST /api/v2/alerts` takes a list of alerts; the same labels are the same alert, and
//! an end in the past resolves it.

use serde_json::{Map, Value, json};

use super::{plain, severity, timestamp};
use crate::announce::message::Message;
use crate::announce::signal::Signal;

/// How long a problem lasts unless its end is told: without an end of ours Alertmanager would resolve it after
/// `resolve_timeout`, five minutes as a rule.
const PROBLEM_MS: u64 = 30 * 86_400_000;
/// How long something lasts that has no end.
const NOTE_MS: u64 = 3_600_000;
/// Alerts in one request: one for each service that is concerned.
const MOST: usize = 100;

/// One alert for each service; one without a service for what concerns the whole server.
#[must_use]
pub fn body(message: &Message) -> Value {
    let entry = &message.entry;
    let services = entry
        .services
        .iter()
        .take(MOST)
        .map(|service| Some(service.as_str()));
    let alerts: Vec<Value> = if entry.services.is_empty() {
        vec![alert(message, None)]
    } else {
        services.map(|service| alert(message, service)).collect()
    };
    Value::Array(alerts)
}

fn alert(message: &Message, service: Option<&str>) -> Value {
    let entry = &message.entry;
    let signal = Signal::of(entry);
    let mut labels = Map::new();
    let mut label = |name: &str, value: &str| {
        // An empty label is no label.
        if !value.is_empty() {
            labels.insert(name.to_owned(), Value::from(value));
        }
    };
    label("alertname", alert_name(entry.kind.as_str()));
    label("job", "pointsman");
    label("instance", &message.node);
    label("service", service.unwrap_or_default());
    match signal.key() {
        // Beginning and end have the same labels: what differs between them is no label.
        Some(key) => {
            label("problem", key);
            label("severity", "critical");
        }
        None => {
            label("kind", &entry.kind);
            label("endpoint", entry.endpoint.as_deref().unwrap_or_default());
            label("severity", severity(message));
        }
    }
    let mut alert = json!({
        "labels": labels,
        "annotations": {
            "summary": plain(&entry.text),
            "kind": entry.kind,
            "seq": entry.seq.to_string(),
        },
    });
    let at = timestamp(entry.unix_ms);
    let times = match signal {
        // A beginning is not ours to say: with an end alone Alertmanager keeps the one it knows.
        Signal::Ends(_) => json!({ "endsAt": at }),
        Signal::Begins(_) => json!({ "startsAt": at, "endsAt": timestamp(entry.unix_ms + PROBLEM_MS) }),
        Signal::Note => json!({ "startsAt": at, "endsAt": timestamp(entry.unix_ms + NOTE_MS) }),
    };
    if let (Value::Object(alert), Value::Object(times)) = (&mut alert, times) {
        alert.extend(times);
    }
    alert
}

/// As alerts are named: both ends of a problem alike.
fn alert_name(kind: &str) -> &'static str {
    match kind {
        "state-changed" => "PointsmanEndpointDown",
        "target-degraded" | "target-restored" => "PointsmanEndpointDegraded",
        "degraded" | "restored" => "PointsmanAnswerDegraded",
        "not-elected" | "elected" => "PointsmanWriterNotNamed",
        "isolated" | "rejoined" => "PointsmanIsolated",
        "braked" => "PointsmanBraked",
        "store-failed" | "store-restored" => "PointsmanStoreFailed",
        "reload-refused" | "planned" => "PointsmanReloadRefused",
        "test" => "PointsmanTest",
        _ => "PointsmanEvent",
    }
}
