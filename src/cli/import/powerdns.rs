//! PowerDNS: `LUA` records that are one call of a known function become services (its manual, "Lua records").

mod values;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;

use anyhow::Context;

use super::draft::{Draft, Endpoint, Group, Keys, Value, Zone};
use super::lua::{self, Call, Lua};
use super::master::{self, Entry, Read, Rest, Standing};
use values::{Url, answers, millis, sets_of, views, weighted, whole};

/// One record's answers: the first set with a live member, and how one is picked in it.
#[derive(Debug, PartialEq)]
struct Spread {
    policy: &'static str,
    keys: Keys,
    sets: Vec<Vec<Endpoint>>,
    when_all_down: &'static str,
}

impl Spread {
    fn of(policy: &'static str, set: Vec<Endpoint>) -> Self {
        Self {
            policy,
            keys: Vec::new(),
            sets: vec![set],
            when_all_down: "assume-up",
        }
    }
}

/// Reads the zone file.
///
/// # Errors
/// When it cannot be read, or its origin is not known.
pub(super) fn import(path: &Path, origin: Option<&str>) -> anyhow::Result<Draft> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let entries = master::entries(&text);
    let origin = match origin {
        Some(origin) => origin.to_owned(),
        None => origin_of(path, &entries).context("the zone's origin is not known; name it with --origin")?,
    };
    let mut reader = Reader {
        draft: Draft::default(),
        zone: Zone::new(&origin),
        path,
        line: 0,
        services: BTreeMap::new(),
    };
    reader.read(&entries);
    let Reader { mut draft, zone, .. } = reader;
    draft.zones.push(zone);
    Ok(draft)
}

fn origin_of(path: &Path, entries: &[Entry]) -> Option<String> {
    let directive = entries
        .iter()
        .find(|entry| entry.word(0).eq_ignore_ascii_case("$ORIGIN"))
        .map(|entry| entry.word(1).to_owned());
    directive.or_else(|| {
        let name = path.file_name()?.to_str()?;
        let name = name.strip_suffix(".zone").unwrap_or(name);
        name.contains('.').then(|| name.to_owned())
    })
}

struct Reader<'a> {
    draft: Draft,
    zone: Zone,
    path: &'a Path,
    /// Of the record that is read.
    line: u32,
    services: BTreeMap<String, (Spread, Option<String>)>,
}

impl Reader<'_> {
    fn read(&mut self, entries: &[Entry]) {
        let mut standing = Standing::at(&self.zone.origin);
        let mut records = Rest::default();
        for entry in entries {
            let Read::Record { ttl, rtype, data } = standing.read(entry) else {
                records.directive(entry);
                continue;
            };
            if rtype != "LUA" {
                records.record(entry, &standing, &entry.text);
                continue;
            }
            self.line = entry.line;
            let label = standing.label();
            let answered = entry.word(data).to_ascii_uppercase();
            let script: String = entry
                .words
                .iter()
                .skip(data + 1)
                .map(|word| word.text.as_str())
                .collect();
            records.take_out(entry, &format!("{label} LUA {answered}: [services.\"{label}\"]"));
            self.record(&label, &answered, &script, ttl);
        }
        self.zone.records = records.finish();
        for (label, (spread, ttl)) in std::mem::take(&mut self.services) {
            let group = self.group(&label, spread, ttl.as_deref());
            self.zone.services.insert(label, group);
        }
    }

    fn leave(&mut self, what: impl Into<String>, instead: impl Into<String>) {
        self.draft.leave(self.path, self.line, what, instead);
    }

    fn record(&mut self, label: &str, rtype: &str, script: &str, ttl: Option<String>) {
        if !matches!(rtype, "A" | "AAAA" | "CNAME") {
            self.leave(
                format!("a LUA record of type {rtype} at `{label}` has no counterpart"),
                "write a static record",
            );
            return;
        }
        let spread = match lua::call(script) {
            Ok(call) => self.spread(&call),
            Err(reason) => {
                self.leave(
                    format!("the script at `{label}` is not imported: {reason}"),
                    "write a service by hand",
                );
                return;
            }
        };
        let Some(spread) = spread else { return };
        let Some((known, _)) = self.services.get_mut(label) else {
            self.services.insert(label.to_owned(), (spread, ttl));
            return;
        };
        // A and AAAA of one name are one service: its families are judged apart.
        let alike = known.policy == spread.policy
            && known.keys == spread.keys
            && known.when_all_down == spread.when_all_down
            && known.sets.len() == spread.sets.len();
        if alike {
            for (set, more) in known.sets.iter_mut().zip(spread.sets) {
                set.extend(more);
            }
        } else {
            self.leave(
                format!("`{label}` has LUA records that differ by type, but a service has one policy"),
                "the first one is imported; write what differs by hand",
            );
        }
    }

    fn group(&mut self, label: &str, spread: Spread, ttl: Option<&str>) -> Group {
        let several = spread.sets.len() > 1;
        let mut sets = spread.sets.into_iter().map(|set| {
            let mut group = Group::of(spread.policy);
            group.keys.clone_from(&spread.keys);
            set.into_iter().for_each(|endpoint| group.add(endpoint));
            group
        });
        let mut group = if several {
            let mut outer = Group::of("failover");
            for (number, pool) in (1..).zip(sets) {
                outer
                    .pools
                    .push(self.zone.pool(&format!("{label}-{number}"), pool));
            }
            outer
        } else {
            sets.next().unwrap_or_else(|| Group::of("all"))
        };
        group
            .keys
            .push(("when_all_down", Value::text(spread.when_all_down)));
        if let Some(seconds) = ttl.and_then(master::seconds) {
            group.keys.push(("ttl", Value::seconds(seconds)));
        }
        group
    }

    fn spread(&mut self, call: &Call) -> Option<Spread> {
        let argument = |index: usize| call.arguments.get(index);
        match call.function.as_str() {
            "ifportup" => {
                let port = argument(0).and_then(Lua::number).unwrap_or(0.0);
                let keys = vec![("type", Value::text("tcp")), ("port", whole(port))];
                self.checked("port", keys, argument(1)?, argument(2))
            }
            "ifurlup" => {
                let url = argument(0).and_then(Lua::text)?;
                let keys = self.url_check(url, argument(2))?;
                self.checked("url", keys, argument(1)?, argument(2))
            }
            "ifurlextup" => self.external(argument(0)?, argument(1)),
            "pickrandom" => Some(Spread::of("weighted", answers(argument(0)?))),
            "pickhashed" => Some(Spread::of("sticky", answers(argument(0)?))),
            "all" => Some(Spread::of("all", answers(argument(0)?))),
            "pickrandomsample" => {
                let mut spread = Spread::of("all", answers(argument(1)?));
                spread.keys.push(("max_answers", whole(argument(0)?.number()?)));
                Some(spread)
            }
            "pickwrandom" => Some(Spread::of("weighted", weighted(argument(0)?))),
            "pickwhashed" | "pickchashed" => Some(Spread::of("sticky", weighted(argument(0)?))),
            "pickclosest" => {
                self.closest();
                Some(Spread::of("weighted", answers(argument(0)?)))
            }
            "view" => Some(Spread::of("subnet", views(argument(0)?))),
            other => {
                self.leave(
                    format!("function `{other}` has no counterpart"),
                    "write a service by hand",
                );
                None
            }
        }
    }

    fn closest(&mut self) {
        self.leave(
            "`pickclosest` finds out where addresses are; pointsman is told",
            "write policy = \"geo\", and `location = [latitude, longitude]` on each endpoint",
        );
    }

    /// A spread over sets of addresses that one check asks.
    fn checked(&mut self, name: &str, mut keys: Keys, sets: &Lua, options: Option<&Lua>) -> Option<Spread> {
        self.rules(&mut keys, options);
        let check = self.zone.check(name, keys);
        let sets = sets_of(sets)
            .into_iter()
            .map(|set| {
                let with = |endpoint: Endpoint| endpoint.with("check", Value::text(&check));
                answers(set).into_iter().map(with).collect()
            })
            .collect();
        self.selected(sets, options)
    }

    /// Policies by `selector` and `backupSelector`.
    fn selected(&mut self, sets: Vec<Vec<Endpoint>>, options: Option<&Lua>) -> Option<Spread> {
        let word = |key: &str| {
            options
                .and_then(|options| options.get(key)?.text())
                .unwrap_or("random")
        };
        let policy = match word("selector") {
            "all" => "all",
            "hashed" => "sticky",
            "pickclosest" => {
                self.closest();
                "weighted"
            }
            _ => "weighted",
        };
        let backup = word("backupSelector");
        if !matches!(backup, "empty") && backup != word("selector") {
            self.leave(
                format!("backupSelector `{backup}` differs from the selector"),
                "when all are down, all are answered as if they were up, by the service's policy",
            );
        }
        let mut spread = Spread::of(policy, Vec::new());
        spread.sets = sets;
        if backup == "empty" {
            spread.when_all_down = "none";
        }
        Some(spread)
    }

    /// Options that say how often and how patiently.
    fn rules(&mut self, keys: &mut Keys, options: Option<&Lua>) {
        let mut fall = None;
        for (name, value) in options.map(Lua::named).unwrap_or_default() {
            match (name.as_str(), value.number(), value.text()) {
                ("timeout", Some(seconds), _) => keys.push(("timeout", millis(seconds))),
                ("interval", Some(seconds), _) => keys.push(("interval", millis(seconds))),
                ("minimumFailures", Some(count), _) => fall = Some(count),
                ("source", _, Some(source)) => keys.push(("source", Value::text(source))),
                ("selector" | "backupSelector" | "stringmatch" | "useragent" | "httpcode", ..) => {}
                ("failOnIncompleteCheck", ..) => {}
                _ => self.leave(
                    format!("option `{name}` has no counterpart"),
                    "see docs/configuration.md",
                ),
            }
        }
        match fall {
            Some(count) => keys.push(("fall", whole(count))),
            None => self.leave(
                "PowerDNS leaves an address after one failure and returns after one success",
                "pointsman asks for `fall = 3` and `rise = 2`: write others into the check if that is meant",
            ),
        }
    }

    fn url_check(&mut self, url: &str, options: Option<&Lua>) -> Option<Keys> {
        let Some(url) = Url::read(url) else {
            self.leave(
                format!("`{url}` is no http or https URL"),
                "write a check by hand",
            );
            return None;
        };
        let option = |key: &str| options.and_then(|options| options.get(key));
        let mut keys = vec![
            ("type", Value::text(url.scheme)),
            ("host", Value::text(&url.host)),
            ("port", Value::Number(url.port.into())),
            ("path", Value::text(&url.path)),
        ];
        let code = option("httpcode").and_then(Lua::number).unwrap_or(200.0);
        keys.push(("status", Value::List(vec![Value::Text(format!("{code:.0}"))])));
        keys.push(("follow_redirects", Value::Truth(true)));
        if let Some(text) = option("stringmatch").and_then(Lua::text) {
            keys.push(("body", Value::text(text)));
        }
        if let Some(agent) = option("useragent").and_then(Lua::text) {
            keys.push(("headers", Value::Table(vec![("User-Agent", Value::text(agent))])));
        }
        if url.scheme == "https" {
            self.leave(
                "PowerDNS does not verify certificates, pointsman does",
                "give the authority as `ca_file`; `verify = false` would believe anybody",
            );
        }
        Some(keys)
    }

    /// Each address is judged by a URL of its own, which may stand anywhere.
    fn external(&mut self, groups: &Lua, options: Option<&Lua>) -> Option<Spread> {
        let mut sets = Vec::new();
        for group in groups.list() {
            let mut set = Vec::new();
            for (address, url) in group.named() {
                let (Ok(address), Some(text)) = (address.parse::<IpAddr>(), url.text()) else {
                    self.leave(format!("`{address}` is no address with a URL"), "it is left out");
                    continue;
                };
                let Some(mut keys) = self.url_check(text, options) else {
                    continue;
                };
                self.rules(&mut keys, options);
                let check = self.zone.check("url", keys);
                let mut endpoint =
                    Endpoint::at(address.to_string(), address).with("check", Value::text(check));
                match Url::read(text).and_then(|url| url.host.parse::<IpAddr>().ok()) {
                    Some(probed) => endpoint = endpoint.with("probe_address", Value::text(probed.to_string())),
                    None => self.leave(
                        format!("the URL `{text}` names a host, which PowerDNS looks up for each check"),
                        "write its address as `probe_address` on the endpoint; without it, the endpoint itself is asked",
                    ),
                }
                set.push(endpoint);
            }
            sets.push(set);
        }
        self.selected(sets, options)
    }
}
