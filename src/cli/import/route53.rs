//! Route 53: record sets as `aws route53 list-resource-record-sets` prints them, and health checks as
//! `list-health-checks` does. Plain sets become static records, sets with a `SetIdentifier` become services.

mod checks;
mod sets;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use anyhow::Context;
use serde_json::Value as Json;

use super::draft::{Draft, Zone};
use sets::Sets;

/// Reads the files.
///
/// # Errors
/// When one is no JSON, or has no record sets.
pub(super) fn import(file: &Path, health_checks: Option<&Path>) -> anyhow::Result<Draft> {
    let document = read(file)?;
    let listed = document
        .get("ResourceRecordSets")
        .and_then(Json::as_array)
        .with_context(|| format!("{} has no `ResourceRecordSets`", file.display()))?;
    let mut checks: BTreeMap<String, Json> = BTreeMap::new();
    let further = health_checks.map(read).transpose()?;
    for source in [Some(&document), further.as_ref()].into_iter().flatten() {
        for check in source
            .get("HealthChecks")
            .and_then(Json::as_array)
            .into_iter()
            .flatten()
        {
            if let (Some(id), Some(config)) = (text(check, "Id"), check.get("HealthCheckConfig")) {
                checks.insert(id.to_owned(), config.clone());
            }
        }
    }
    let origin = listed
        .iter()
        .find(|set| text(set, "Type") == Some("SOA"))
        .and_then(|set| text(set, "Name"))
        .context("there is no SOA among the record sets: the zone's origin is not known")?;
    let mut draft = Draft::default();
    let mut zone = Zone::new(&unescape(origin));
    zone.records = records(listed);
    let mut sets = Sets {
        draft: &mut draft,
        zone: &mut zone,
        file,
        listed,
        checks: &checks,
        path: Vec::new(),
    };
    sets.import();
    draft.zones.push(zone);
    Ok(draft)
}

fn read(file: &Path) -> anyhow::Result<Json> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is no JSON", file.display()))
}

/// The text under `key`.
fn text<'j>(value: &'j Json, key: &str) -> Option<&'j str> {
    value.get(key)?.as_str()
}

/// Names as Route 53 writes them: `\052.example.com.` is a wildcard. Lower case, without the final dot.
fn unescape(name: &str) -> String {
    name.replace("\\052", "*")
        .trim_end_matches('.')
        .to_ascii_lowercase()
}

/// Whether a set is a plain one: a static record.
fn is_static(set: &Json) -> bool {
    set.get("SetIdentifier").is_none() && set.get("AliasTarget").is_none()
}

fn records(listed: &[Json]) -> String {
    let mut out = String::new();
    for set in listed.iter().filter(|set| is_static(set)) {
        let (Some(name), Some(rtype)) = (text(set, "Name"), text(set, "Type")) else {
            continue;
        };
        let ttl = set.get("TTL").and_then(Json::as_u64).unwrap_or(300);
        for record in set
            .get("ResourceRecords")
            .and_then(Json::as_array)
            .into_iter()
            .flatten()
        {
            if let Some(value) = text(record, "Value") {
                // Writing to a string cannot fail.
                let _ = writeln!(out, "{}. {ttl} IN {rtype} {value}", unescape(name));
            }
        }
    }
    out
}
