//! Record sets that share a name: weighted, failover, multivalue, geolocation, latency, alias.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;

use serde_json::Value as Json;

use super::super::draft::{Answer, Draft, Endpoint, Group, Value, Zone};
use super::{checks, is_static, text, unescape};

/// Multivalue answers have eight addresses at the most.
const MULTIVALUE: i64 = 8;

/// Where AWS regions are, roughly: latency is mostly distance.
const REGIONS: [(&str, f64, f64); 20] = [
    ("us-east-1", 38.9, -77.4),
    ("us-east-2", 40.0, -83.0),
    ("us-west-1", 37.4, -121.9),
    ("us-west-2", 45.8, -119.7),
    ("ca-central-1", 45.5, -73.6),
    ("sa-east-1", -23.5, -46.6),
    ("eu-west-1", 53.3, -6.3),
    ("eu-west-2", 51.5, -0.1),
    ("eu-west-3", 48.9, 2.4),
    ("eu-central-1", 50.1, 8.7),
    ("eu-north-1", 59.3, 18.1),
    ("eu-south-1", 45.5, 9.2),
    ("me-south-1", 26.1, 50.6),
    ("af-south-1", -33.9, 18.4),
    ("ap-south-1", 19.1, 72.9),
    ("ap-southeast-1", 1.3, 103.8),
    ("ap-southeast-2", -33.9, 151.2),
    ("ap-northeast-1", 35.7, 139.7),
    ("ap-northeast-2", 37.6, 127.0),
    ("ap-east-1", 22.3, 114.2),
];

/// The sets, and what is made of them.
pub(super) struct Sets<'a> {
    pub(super) draft: &'a mut Draft,
    pub(super) zone: &'a mut Zone,
    pub(super) file: &'a Path,
    pub(super) listed: &'a [Json],
    pub(super) checks: &'a BTreeMap<String, Json>,
    /// Names whose groups are being made: aliases may go round in circles.
    pub(super) path: Vec<String>,
}

impl<'a> Sets<'a> {
    /// Every name that is more than static records.
    pub(super) fn import(&mut self) {
        let listed = self.listed;
        let mut names: Vec<String> = listed
            .iter()
            .filter(|set| !is_static(set))
            .filter_map(|set| text(set, "Name").map(unescape))
            .collect();
        names.sort();
        names.dedup();
        for name in names {
            let label = match name.strip_suffix(self.zone.origin.as_str()) {
                Some("") => "@".to_owned(),
                Some(label) => label.trim_end_matches('.').to_owned(),
                None => continue,
            };
            if let Some(mut group) = self.group(&name) {
                // Route 53 treats all as healthy when none is.
                group.keys.push(("when_all_down", Value::text("assume-up")));
                let ttl = self
                    .of(&name)
                    .iter()
                    .find_map(|set| set.get("TTL").and_then(Json::as_u64));
                let ttl = ttl.and_then(|ttl| u32::try_from(ttl).ok()).unwrap_or(60);
                group.keys.push(("ttl", Value::seconds(ttl)));
                self.zone.services.insert(label, group);
            }
        }
    }

    /// The sets of a name that answer with addresses or another name; others are reported.
    fn of(&mut self, name: &str) -> Vec<&'a Json> {
        let listed = self.listed;
        let mut found = Vec::new();
        for set in listed.iter().filter(|set| !is_static(set)) {
            if text(set, "Name").map(unescape).as_deref() != Some(name) {
                continue;
            }
            match text(set, "Type").unwrap_or_default() {
                "A" | "AAAA" | "CNAME" => found.push(set),
                other => self.leave(
                    format!("{name}: sets of type {other} with a routing policy have no counterpart"),
                    "write static records",
                ),
            }
        }
        found
    }

    fn leave(&mut self, what: impl Into<String>, instead: impl Into<String>) {
        self.draft.leave(self.file, 0, what, instead);
    }

    fn group(&mut self, name: &str) -> Option<Group> {
        if self.path.iter().any(|known| known == name) {
            let steps = self.path.join(" -> ");
            self.leave(
                format!("aliases form a loop: {steps} -> {name}"),
                "take one of them out",
            );
            return None;
        }
        let sets = self.of(name);
        let first = *sets.first()?;
        self.path.push(name.to_owned());
        let policy = self.policy(name, first);
        let mut group = Group::of(policy);
        if policy == "all" {
            group.keys.push(("max_answers", Value::Number(MULTIVALUE)));
        }
        let mut members: Vec<(String, Vec<Endpoint>, Option<Group>)> = Vec::new();
        for set in in_order(&sets) {
            let id = text(set, "SetIdentifier").unwrap_or("answer");
            let keys = self.keys_of(name, set);
            let (endpoints, pool) = self.answers(set, id);
            let with = |endpoint: Endpoint| {
                keys.iter()
                    .fold(endpoint, |e, (key, value)| e.with(key, value.clone()))
            };
            let pool = pool.map(|mut pool| {
                pool.keys.extend(keys.iter().cloned());
                pool
            });
            members.push((id.to_owned(), endpoints.into_iter().map(with).collect(), pool));
        }
        self.path.pop();
        self.adopt(&mut group, name, members);
        (!group.endpoints.is_empty() || !group.pools.is_empty()).then_some(group)
    }

    /// A and AAAA sets of one identifier are one endpoint. A group has its endpoints before its pools, so that where
    /// order matters each becomes a pool when one is.
    fn adopt(&mut self, group: &mut Group, name: &str, members: Vec<(String, Vec<Endpoint>, Option<Group>)>) {
        let pools = members.iter().any(|(_, _, pool)| pool.is_some());
        for (id, endpoints, pool) in members {
            if let Some(pool) = pool {
                let pool = self.zone.pool(&format!("{name}-{id}"), pool);
                group.pools.push(pool);
            } else if pools && group.policy == "failover" {
                let mut pool = Group::of("all");
                endpoints.into_iter().for_each(|endpoint| pool.add(endpoint));
                let pool = self.zone.pool(&format!("{name}-{id}"), pool);
                group.pools.push(pool);
            } else {
                endpoints.into_iter().for_each(|endpoint| add(group, endpoint));
            }
        }
    }

    fn policy(&mut self, name: &str, set: &Json) -> &'static str {
        if set.get("Failover").is_some() {
            "failover"
        } else if set.get("Weight").is_some() {
            "weighted"
        } else if set.get("MultiValueAnswer").is_some() {
            "all"
        } else if set.get("GeoLocation").is_some()
            || set.get("Region").is_some()
            || set.get("GeoProximityLocation").is_some()
        {
            self.leave(
                format!("{name} needs a database of places: `[geo] database = \"….mmdb\"` in pointsman.toml"),
                "name a MaxMind-format file",
            );
            if set.get("Region").is_some() {
                self.leave(
                    format!(
                        "{name} is answered by latency, which Route 53 measures from the clients' networks"
                    ),
                    "pointsman answers with the nearest region by coordinates",
                );
            }
            "geo"
        } else {
            if set.get("CidrRoutingConfig").is_some() {
                self.leave(
                    format!("{name}: the networks of a CIDR collection are not in the file"),
                    "write policy = \"subnet\", and `networks = […]` on each endpoint",
                );
            }
            "failover"
        }
    }

    /// What a set says of its share.
    fn keys_of(&mut self, name: &str, set: &Json) -> Vec<(&'static str, Value)> {
        let mut keys = Vec::new();
        if let Some(weight) = set.get("Weight").and_then(Json::as_i64) {
            keys.push(("weight", Value::Number(weight)));
        }
        if let Some(place) = set.get("GeoLocation") {
            let country = text(place, "CountryCode").filter(|country| *country != "*");
            let region = match (
                text(place, "ContinentCode"),
                country,
                text(place, "SubdivisionCode"),
            ) {
                (_, Some(country), Some(part)) => Some(format!("{country}-{part}")),
                (_, Some(country), None) => Some(country.to_owned()),
                (Some(continent), None, _) => Some(continent.to_owned()),
                // The default: a member without regions.
                _ => None,
            };
            keys.extend(region.map(|region| ("regions", Value::texts([region]))));
        }
        let proximity = set.get("GeoProximityLocation");
        let region = text(set, "Region").or_else(|| text(proximity?, "AWSRegion"));
        if let Some(region) = region {
            match REGIONS.iter().find(|(known, ..)| *known == region) {
                Some((_, latitude, longitude)) => keys.push((
                    "location",
                    Value::List(vec![Value::Fraction(*latitude), Value::Fraction(*longitude)]),
                )),
                None => self.leave(
                    format!("{name}: where {region} is, is not known here"),
                    "write `location = [latitude, longitude]` on the endpoint",
                ),
            }
        }
        if let Some(proximity) = proximity {
            if let Some(at) = proximity.get("Coordinates") {
                let number = |key| {
                    text(at, key)
                        .and_then(|text| text.parse().ok())
                        .map(Value::Fraction)
                };
                keys.extend(
                    number("Latitude")
                        .zip(number("Longitude"))
                        .map(|(latitude, longitude)| ("location", Value::List(vec![latitude, longitude]))),
                );
            }
            if proximity
                .get("Bias")
                .and_then(Json::as_i64)
                .is_some_and(|bias| bias != 0)
            {
                self.leave(
                    format!("{name}: `Bias` has no counterpart"),
                    "move the location instead",
                );
            }
        }
        keys
    }

    /// What a set answers with: endpoints, or the group of another name of the zone.
    fn answers(&mut self, set: &Json, id: &str) -> (Vec<Endpoint>, Option<Group>) {
        let made = text(set, "HealthCheckId")
            .and_then(|check| checks::check(self.draft, self.zone, self.file, self.checks, check, 0));
        let judged = |mut endpoint: Endpoint| {
            if let Some(made) = &made {
                endpoint = endpoint.with("check", Value::text(&made.name));
                let own = matches!(&endpoint.answer, Answer::Addresses(all) if all.iter().any(|a| Some(*a) == made.probe_address));
                if let Some(address) = made.probe_address.filter(|_| !own) {
                    endpoint = endpoint.with("probe_address", Value::text(address.to_string()));
                }
            }
            endpoint
        };
        if let Some(target) = set.get("AliasTarget").and_then(|alias| text(alias, "DNSName")) {
            let name = unescape(target);
            let own = name == self.zone.origin || name.ends_with(&format!(".{}", self.zone.origin));
            if !own {
                return (vec![judged(Endpoint::answering(id, Answer::Alias(name)))], None);
            }
            if let Some(group) = self.group(&name) {
                return (Vec::new(), Some(group));
            }
            let addresses = self.static_addresses(&name, text(set, "Type").unwrap_or_default());
            if addresses.is_empty() {
                self.leave(
                    format!("alias to `{name}`, which has no addresses"),
                    "it is left out",
                );
                return (Vec::new(), None);
            }
            return (
                vec![judged(Endpoint::answering(id, Answer::Addresses(addresses)))],
                None,
            );
        }
        let values: Vec<&str> = set
            .get("ResourceRecords")
            .and_then(Json::as_array)
            .into_iter()
            .flatten()
            .filter_map(|record| text(record, "Value"))
            .collect();
        let addresses: Vec<IpAddr> = values.iter().filter_map(|value| value.parse().ok()).collect();
        if !addresses.is_empty() {
            return (
                vec![judged(Endpoint::answering(id, Answer::Addresses(addresses)))],
                None,
            );
        }
        let names = values
            .iter()
            .map(|name| judged(Endpoint::answering(id, Answer::Cname((*name).to_owned()))));
        (names.collect(), None)
    }

    fn static_addresses(&self, name: &str, rtype: &str) -> Vec<IpAddr> {
        let sets = self.listed.iter().filter(|set| {
            is_static(set)
                && text(set, "Type") == Some(rtype)
                && text(set, "Name").map(unescape).as_deref() == Some(name)
        });
        sets.filter_map(|set| set.get("ResourceRecords")?.as_array())
            .flatten()
            .filter_map(|record| text(record, "Value")?.parse().ok())
            .collect()
    }
}

/// Primaries first.
fn in_order<'j>(sets: &[&'j Json]) -> Vec<&'j Json> {
    let mut ordered = sets.to_vec();
    ordered.sort_by_key(|set| text(set, "Failover") == Some("SECONDARY"));
    ordered
}

/// Adds an endpoint, or its addresses to the one of the same name with the same keys.
fn add(group: &mut Group, endpoint: Endpoint) {
    let known = group
        .endpoints
        .iter_mut()
        .find(|known| known.name == endpoint.name && known.keys == endpoint.keys);
    if let (
        Some(Endpoint {
            answer: Answer::Addresses(all),
            ..
        }),
        Answer::Addresses(more),
    ) = (known, &endpoint.answer)
    {
        for address in more {
            if !all.contains(address) {
                all.push(*address);
            }
        }
        return;
    }
    group.add(endpoint);
}
