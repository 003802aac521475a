//! `geoip`: maps of places to datacenters become `regions`, `location` or `networks` of pools.

use std::collections::BTreeMap;

use super::super::draft::{Group, Value};
use super::super::vscf::{Kind, Node};
use super::resources::{Resources, Scope, inherited};

/// The group of a geoip resource.
pub(super) fn group<'a>(
    resources: &mut Resources<'a>,
    node: &'a Node,
    scope: &Scope<'a>,
    name: &str,
) -> Option<Group> {
    let map_name = inherited(scope, "map")?.scalar()?;
    let config = resources.config;
    let map = config.get("plugins")?.get("geoip")?.get("maps")?.get(map_name);
    let Some(map) = map else {
        resources.leave(node.line, format!("there is no map `{map_name}`"), "define it");
        return None;
    };
    let order: Vec<&str> = map
        .get("datacenters")?
        .elements()
        .into_iter()
        .filter_map(Node::scalar)
        .collect();
    let mut regions: BTreeMap<String, Vec<String>> = BTreeMap::new();
    if let Some(places) = map.get("map") {
        walk(resources, places, &mut Vec::new(), &order, &mut regions);
    }
    let coordinates = map.get("auto_dc_coords");
    let networks = map.get("nets");
    let by_place = coordinates.is_some() || !regions.is_empty();
    if by_place && let Some(networks) = networks {
        resources.leave(
            networks.line,
            "`nets` beside a map of places has no counterpart",
            "write a service of policy `subnet` whose last pool has policy `geo`",
        );
    }
    if by_place {
        resources.leave(
            map.line,
            format!("map `{map_name}` needs a database: `[geo] database = \"….mmdb\"` in pointsman.toml"),
            "name the .mmdb file that gdnsd used (geoip2_db)",
        );
    }
    let members = resources.datacenters(node, scope, &order);
    let mut group = Group::of(if by_place { "geo" } else { "subnet" });
    for (datacenter, member) in members {
        let mut pool = member.into_group();
        if by_place {
            if let Some(regions) = regions.get(&datacenter) {
                pool.keys.push(("regions", Value::texts(regions)));
            }
            if let Some(location) = coordinates.and_then(|all| all.get(&datacenter)) {
                pool.keys.extend(coordinates_of(location));
            }
        } else {
            let mine = networks_of(networks, &datacenter);
            if !mine.is_empty() {
                pool.keys.push(("networks", Value::texts(mine)));
            }
        }
        let pool = resources.zone.pool(&format!("{name}-{datacenter}"), pool);
        group.pools.push(pool);
    }
    Some(group)
}

fn coordinates_of(node: &Node) -> Option<(&'static str, Value)> {
    let numbers: Vec<f64> = node
        .elements()
        .into_iter()
        .filter_map(|number| number.scalar()?.parse().ok())
        .collect();
    let [latitude, longitude] = numbers.as_slice() else {
        return None;
    };
    Some((
        "location",
        Value::List(vec![Value::Fraction(*latitude), Value::Fraction(*longitude)]),
    ))
}

fn networks_of<'n>(networks: Option<&'n Node>, datacenter: &str) -> Vec<&'n str> {
    networks
        .map(Node::entries)
        .unwrap_or_default()
        .iter()
        .filter(|(_, value)| value.elements().first().and_then(|node| node.scalar()) == Some(datacenter))
        .map(|(network, _)| network.as_str())
        .collect()
}

/// Continent, country, subdivision: each place belongs to the first datacenter of its list.
fn walk(
    resources: &mut Resources<'_>,
    node: &Node,
    path: &mut Vec<String>,
    order: &[&str],
    regions: &mut BTreeMap<String, Vec<String>>,
) {
    for (place, value) in node.entries() {
        let is_default = place == "default";
        if !is_default {
            path.push(place.clone());
        }
        if let Kind::Hash(_) = value.kind {
            walk(resources, value, path, order, regions);
        } else {
            list(resources, value, path, order, regions);
        }
        if !is_default {
            path.pop();
        }
    }
}

fn list(
    resources: &mut Resources<'_>,
    value: &Node,
    path: &[String],
    order: &[&str],
    regions: &mut BTreeMap<String, Vec<String>>,
) {
    let listed: Vec<&str> = value.elements().into_iter().filter_map(Node::scalar).collect();
    let region = match path {
        [] => return,
        [continent] => continent.clone(),
        [_, country] => country.clone(),
        [_, country, subdivision] => format!("{country}-{subdivision}"),
        [.., city] => {
            resources.leave(
                value.line,
                format!("cities are not told apart: `{city}`"),
                "give the subdivision to one datacenter, or locations to all",
            );
            return;
        }
    };
    let Some((first, others)) = listed.split_first() else {
        resources.leave(
            value.line,
            format!("`{region}` is answered with nothing by gdnsd"),
            "pointsman answers it as every other place",
        );
        return;
    };
    let next: Vec<&str> = order.iter().copied().filter(|dc| dc != first).collect();
    if !others.is_empty() && !next.starts_with(others) {
        resources.leave(
            value.line,
            format!(
                "`{region}` has an order of its own after `{first}`: {}",
                others.join(", ")
            ),
            "when that one is down, the next by policy `geo` is answered",
        );
    }
    regions.entry((*first).to_owned()).or_default().push(region);
}
