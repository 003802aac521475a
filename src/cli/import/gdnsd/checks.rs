//! `service_types`: what is asked of an address.

use std::path::Path;

use super::super::draft::{Draft, Keys, Value, Zone};
use super::super::vscf::Node;

/// The check for these service types, made when it is not there; `None`: nothing is asked.
pub(super) fn check(
    draft: &mut Draft,
    zone: &mut Zone,
    config: &Node,
    file: &Path,
    types: &Node,
) -> Option<String> {
    let mut names: Vec<String> = Vec::new();
    for wanted in types.elements().into_iter().filter_map(Node::scalar) {
        names.extend(one(draft, zone, config, file, types.line, wanted));
    }
    match names.as_slice() {
        [] => None,
        [only] => Some(only.clone()),
        // gdnsd takes the worst of all.
        several => {
            let name = several.join("-and-");
            Some(zone.check(&name, vec![("all_of", Value::texts(several))]))
        }
    }
}

fn one(
    draft: &mut Draft,
    zone: &mut Zone,
    config: &Node,
    file: &Path,
    line: u32,
    name: &str,
) -> Option<String> {
    let described = config.get("service_types").and_then(|types| types.get(name));
    let Some(described) = described else {
        match name {
            "up" | "none" => {}
            "down" => draft.leave(
                file,
                line,
                "service type `down` has no check",
                "force the endpoint down: `pointsman force down SERVICE/ENDPOINT`",
            ),
            _ => draft.leave(
                file,
                line,
                format!("there is no service type `{name}`"),
                "the endpoints are imported without a check",
            ),
        }
        return None;
    };
    let mut keys = match described.get("plugin").and_then(Node::scalar) {
        Some("http_status") => http_status(described),
        Some("tcp_connect") => vec![
            ("type", Value::text("tcp")),
            ("port", Value::Number(described.number("port").unwrap_or(0))),
        ],
        Some("extmon") => extmon(draft, file, described)?,
        Some("null") => {
            draft.leave(
                file,
                described.line,
                format!("service type `{name}`: plugin null is always down"),
                "force the endpoint down: `pointsman force down SERVICE/ENDPOINT`",
            );
            return None;
        }
        Some("static") => return None,
        other => {
            let plugin = other.unwrap_or("nothing");
            draft.leave(
                file,
                described.line,
                format!("service type `{name}`: plugin {plugin} has no counterpart"),
                "let the endpoint report itself by a heartbeat check, or ask it by an exec check",
            );
            return None;
        }
    };
    keys.extend(rules(described));
    Some(zone.check(name, keys))
}

/// GET over plain HTTP/1.0 or 1.1; gdnsd's defaults: port 80, `/`, status 200.
fn http_status(described: &Node) -> Keys {
    let mut keys = vec![
        ("type", Value::text("http")),
        ("port", Value::Number(described.number("port").unwrap_or(80))),
        (
            "path",
            Value::text(described.get("url_path").and_then(Node::scalar).unwrap_or("/")),
        ),
    ];
    if let Some(host) = described.get("vhost").and_then(Node::scalar) {
        keys.push(("host", Value::text(host)));
    }
    let codes: Vec<&str> = described
        .get("ok_codes")
        .map(|codes| codes.elements().into_iter().filter_map(Node::scalar).collect())
        .unwrap_or_default();
    keys.push((
        "status",
        Value::texts(if codes.is_empty() { vec!["200"] } else { codes }),
    ));
    keys
}

fn extmon(draft: &mut Draft, file: &Path, described: &Node) -> Option<Keys> {
    let command: Vec<&str> = described
        .get("cmd")?
        .elements()
        .into_iter()
        .filter_map(Node::scalar)
        .collect();
    if command.iter().any(|word| word.contains("%%")) {
        draft.leave(
            file,
            described.line,
            "extmon says the address by `%%ITEM%%` or `%%IPADDR%%`; an exec check by the environment",
            "let the command read $POINTSMAN_ADDRESS; until then the check may say anything",
        );
    }
    Some(vec![
        ("type", Value::text("exec")),
        ("command", Value::texts(command)),
    ])
}

/// Thresholds and times. gdnsd's defaults are its own, so they are written out.
fn rules(described: &Node) -> Keys {
    let interval: u32 = described.number("interval").unwrap_or(10);
    let timeout: u32 = described.number("timeout").unwrap_or((interval / 2).max(1));
    vec![
        ("interval", Value::seconds(interval)),
        // gdnsd asks no faster while it is in doubt.
        ("fast_interval", Value::seconds(interval)),
        ("timeout", Value::seconds(timeout)),
        (
            "fall",
            Value::Number(described.number("down_thresh").unwrap_or(10)),
        ),
        ("rise", Value::Number(described.number("up_thresh").unwrap_or(20))),
    ]
}
