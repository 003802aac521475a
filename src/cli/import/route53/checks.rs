//! Health checks.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;

use serde_json::Value as Json;

use super::super::draft::{Draft, Keys, Value, Zone};
use super::text;

/// A check, and where it asks when that is not what is answered.
pub(super) struct Made {
    pub(super) name: String,
    pub(super) probe_address: Option<IpAddr>,
}

/// Calculated checks may name calculated checks, so deep.
const MOST_LEVELS: usize = 8;

/// The check with this id, made when it is not there; `None` when it has no counterpart, which is reported.
pub(super) fn check(
    draft: &mut Draft,
    zone: &mut Zone,
    file: &Path,
    all: &BTreeMap<String, Json>,
    id: &str,
    level: usize,
) -> Option<Made> {
    let Some(config) = all.get(id) else {
        draft.leave(
            file,
            0,
            format!("health check {id} is not in the file"),
            "add the output of `aws route53 list-health-checks` by --health-checks",
        );
        return None;
    };
    let kind = text(config, "Type").unwrap_or_default();
    let mut keys = match kind {
        "HTTP" | "HTTP_STR_MATCH" => http(config, "http", 80),
        "HTTPS" | "HTTPS_STR_MATCH" => {
            draft.leave(
                file,
                0,
                format!("health check {id}: Route 53 does not verify certificates, pointsman does"),
                "give the authority as `ca_file`; `verify = false` would believe anybody",
            );
            http(config, "https", 443)
        }
        "TCP" => vec![
            ("type", Value::text("tcp")),
            (
                "port",
                Value::Number(config.get("Port").and_then(Json::as_i64).unwrap_or(80)),
            ),
        ],
        "CALCULATED" if level < MOST_LEVELS => return calculated(draft, zone, file, all, id, config, level),
        other => {
            draft.leave(
                file,
                0,
                format!("health check {id} of type {other} has no counterpart"),
                "let what knows report by a heartbeat check",
            );
            return None;
        }
    };
    if config.get("Disabled").and_then(Json::as_bool) == Some(true) {
        draft.leave(
            file,
            0,
            format!("health check {id} is disabled: it counts as healthy"),
            "it is left out",
        );
        return None;
    }
    if config.get("Inverted").and_then(Json::as_bool) == Some(true) {
        keys.push(("inverted", Value::Truth(true)));
    }
    let interval = config.get("RequestInterval").and_then(Json::as_u64).unwrap_or(30);
    let threshold = config.get("FailureThreshold").and_then(Json::as_i64).unwrap_or(3);
    keys.push(("interval", Value::Text(format!("{interval}s"))));
    keys.push(("fall", Value::Number(threshold)));
    keys.push(("rise", Value::Number(threshold)));
    let wanted = text(config, "FullyQualifiedDomainName")
        .unwrap_or(kind)
        .to_ascii_lowercase();
    Some(Made {
        name: zone.check(&wanted, keys),
        probe_address: text(config, "IPAddress").and_then(|address| address.parse().ok()),
    })
}

/// TCP within 4 s, a status of 2xx or 3xx within 2 s more, the text within the first 5,120 octets.
fn http(config: &Json, kind: &str, port: i64) -> Keys {
    let mut keys = vec![
        ("type", Value::text(kind)),
        (
            "port",
            Value::Number(config.get("Port").and_then(Json::as_i64).unwrap_or(port)),
        ),
        (
            "path",
            Value::text(
                text(config, "ResourcePath")
                    .filter(|path| path.starts_with('/'))
                    .unwrap_or("/"),
            ),
        ),
        ("status", Value::texts(["200-399"])),
        ("timeout", Value::seconds(6)),
    ];
    if let Some(host) = text(config, "FullyQualifiedDomainName") {
        keys.push(("host", Value::text(host)));
    }
    if let Some(search) = text(config, "SearchString") {
        keys.push(("body", Value::text(search)));
    }
    keys
}

fn calculated(
    draft: &mut Draft,
    zone: &mut Zone,
    file: &Path,
    all: &BTreeMap<String, Json>,
    id: &str,
    config: &Json,
    level: usize,
) -> Option<Made> {
    let children: Vec<&str> = config
        .get("ChildHealthChecks")
        .and_then(Json::as_array)?
        .iter()
        .filter_map(Json::as_str)
        .collect();
    let mut made = Vec::new();
    for child in &children {
        made.push(check(draft, zone, file, all, child, level + 1)?);
    }
    let threshold = config.get("HealthThreshold").and_then(Json::as_i64).unwrap_or(1);
    let mut places: Vec<Option<IpAddr>> = made.iter().map(|made| made.probe_address).collect();
    places.dedup();
    if places.len() > 1 {
        draft.leave(
            file,
            0,
            format!("health check {id} combines checks of different addresses"),
            "pointsman asks all of them at the endpoint's own address",
        );
    }
    let probe_address = if let [one] = places.as_slice() { *one } else { None };
    let names: Vec<String> = made.into_iter().map(|made| made.name).collect();
    let mut keys = vec![("any_of", Value::texts(&names))];
    if threshold > 1 {
        keys.push(("at_least", Value::Number(threshold)));
    }
    Some(Made {
        name: zone.check(&format!("calculated-{}", names.join("-")), keys),
        probe_address,
    })
}
