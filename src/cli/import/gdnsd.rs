//! gdnsd: its configuration directory, with `DYNA` and `DYNC` records as services (gdnsd.config(5), gdnsd.zonefile(5)).

mod checks;
mod geoip;
mod resources;

use std::path::Path;

use anyhow::Context;

use super::draft::{Draft, Value, Zone};
use super::master::{self, Entry, Read, Rest, Standing};
use super::vscf::{self, Kind, Node};
use resources::Resources;

/// `zones_default_ttl` when nothing else is said.
const DEFAULT_TTL: &str = "86400";

/// Reads `directory`.
///
/// # Errors
/// When its configuration is malformed, or there is no zone to read.
pub(super) fn import(directory: &Path) -> anyhow::Result<Draft> {
    let mut draft = Draft::default();
    let file = directory.join("config");
    let config = if file.exists() {
        vscf::read(&file)?
    } else {
        Node {
            line: 0,
            kind: Kind::Hash(Vec::new()),
        }
    };
    options(&mut draft, &file, &config);
    let zones = directory.join("zones");
    let listed = std::fs::read_dir(&zones).with_context(|| format!("cannot read {}", zones.display()))?;
    let mut paths: Vec<_> = listed
        .collect::<Result<Vec<_>, _>>()?
        .into_iter()
        .map(|entry| entry.path())
        .filter(|path| path.is_file())
        .collect();
    paths.sort();
    let default_ttl = config
        .get("options")
        .and_then(|options| options.get("zones_default_ttl"))
        .and_then(Node::scalar)
        .unwrap_or(DEFAULT_TTL);
    for path in paths {
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().replace('@', "/"));
        let Some(name) = name.filter(|name| !name.starts_with('.')) else {
            continue;
        };
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let zone = read_zone(&mut draft, &file, &config, &path, &name, &text, default_ttl);
        draft.zones.push(zone);
    }
    if directory.join("admin_state").exists() {
        draft.leave(
            &directory.join("admin_state"),
            0,
            "forced states are not imported: gdnsd names addresses, pointsman names endpoints",
            "repeat them by `pointsman force` or in overrides.toml",
        );
    }
    Ok(draft)
}

/// What of the options has a counterpart.
fn options(draft: &mut Draft, file: &Path, config: &Node) {
    let Some(options) = config.get("options") else {
        return;
    };
    let port: u16 = options.number("dns_port").unwrap_or(53);
    for (key, value) in options.entries() {
        match key.as_str() {
            "listen" => {
                let addresses: Vec<&str> = match &value.kind {
                    Kind::Hash(entries) => entries.iter().map(|(address, _)| address.as_str()).collect(),
                    _ => value.elements().into_iter().filter_map(Node::scalar).collect(),
                };
                for address in addresses {
                    draft.listen.extend(listen(address, port));
                }
            }
            "dns_port" | "zones_default_ttl" => {}
            _ => draft.leave(
                file,
                value.line,
                format!("option `{key}` is not carried over"),
                "docs/configuration.md lists what can be set",
            ),
        }
    }
}

fn listen(address: &str, port: u16) -> Vec<String> {
    if matches!(address, "any" | "all") {
        return vec![format!("0.0.0.0:{port}"), format!("[::]:{port}")];
    }
    if let Ok(address) = address.parse::<std::net::IpAddr>() {
        return vec![std::net::SocketAddr::new(address, port).to_string()];
    }
    vec![address.to_owned()]
}

fn read_zone(
    draft: &mut Draft,
    config_file: &Path,
    config: &Node,
    path: &Path,
    name: &str,
    text: &str,
    default_ttl: &str,
) -> Zone {
    let mut zone = Zone::new(name);
    let mut standing = Standing::at(name);
    standing.ttl = Some(default_ttl.to_owned());
    let mut records = Rest::beginning(format!("$TTL {default_ttl}\n"));
    for entry in master::entries(text) {
        let Read::Record { ttl, rtype, data } = standing.read(&entry) else {
            if entry.word(0).eq_ignore_ascii_case("$INCLUDE") {
                draft.leave(
                    path,
                    entry.line,
                    "an included file is not looked into",
                    "copy it into the zones directory; if it has DYNA or DYNC records, write them as services",
                );
            }
            records.directive(&entry);
            continue;
        };
        if !matches!(rtype.as_str(), "DYNA" | "DYNC") {
            records.record(&entry, &standing, &plain_names(&entry, &rtype, &zone.origin));
            continue;
        }
        let label = standing.label();
        let wanted = entry.word(data);
        records.take_out(
            &entry,
            &format!("{label} {rtype} {wanted}: [services.\"{label}\"]"),
        );
        let mut resources = Resources {
            draft: &mut *draft,
            zone: &mut zone,
            config,
            file: config_file,
            path: Vec::new(),
        };
        let Some((plugin, resource)) = wanted.split_once('!') else {
            draft.leave(
                path,
                entry.line,
                format!("`{wanted}` names no plugin"),
                "write plugin!resource",
            );
            continue;
        };
        match resources.named(plugin, resource) {
            Some(mut group) => {
                group
                    .keys
                    .push(("ttl", lifetime(ttl.as_deref().unwrap_or(default_ttl))));
                group.keys.push(("when_all_down", Value::text("assume-up")));
                zone.services.insert(label, group);
            }
            None => draft.leave(
                path,
                entry.line,
                format!("`{wanted}` has no counterpart: `{label}` is answered by nobody"),
                "write a service of that name",
            ),
        }
    }
    zone.records = records.finish();
    zone
}

/// gdnsd's `@Z` and `@F` are words of its own.
fn plain_names(entry: &Entry, rtype: &str, origin: &str) -> String {
    if rtype == "TXT" || !entry.text.contains('@') {
        return entry.text.clone();
    }
    let absolute = format!("{origin}.");
    entry.text.replace("@Z", &absolute).replace("@F", &absolute)
}

/// `MAX/MIN`, `MIN` being half of `MAX` when it is not said; gdnsd's rule is our mode `strict`.
fn lifetime(text: &str) -> Value {
    let (max, min) = text
        .split_once('/')
        .map_or((text, None), |(max, min)| (max, Some(min)));
    let max = master::seconds(max).unwrap_or(86_400);
    let min = min.and_then(master::seconds).unwrap_or(max / 2);
    if min >= max {
        return Value::seconds(max);
    }
    Value::Table(vec![
        ("mode", Value::text("strict")),
        ("max", Value::seconds(max)),
        ("min", Value::seconds(min.max(1))),
    ])
}
