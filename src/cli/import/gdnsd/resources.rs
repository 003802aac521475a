//! Plugins' resources become groups: simplefo, multifo, weighted, metafo, geoip, static.

use std::net::IpAddr;
use std::path::Path;

use super::super::draft::{Answer, Draft, Endpoint, Group, Value, Zone};
use super::super::vscf::{Kind, Node};
use super::{checks, geoip};

/// Keys that say how, not what.
const SPECIAL: [&str; 7] = [
    "service_types",
    "up_thresh",
    "multi",
    "ignore_health",
    "plugin",
    "datacenters",
    "dcmap",
];

/// Looks resources up and makes groups of them.
pub(super) struct Resources<'a> {
    pub(super) draft: &'a mut Draft,
    pub(super) zone: &'a mut Zone,
    pub(super) config: &'a Node,
    pub(super) file: &'a Path,
    /// Resources that are being made: gdnsd does not notice loops.
    pub(super) path: Vec<String>,
}

/// Where inherited settings are looked for, innermost last.
pub(super) type Scope<'n> = Vec<&'n Node>;

/// The innermost setting.
pub(super) fn inherited<'n>(scope: &Scope<'n>, key: &str) -> Option<&'n Node> {
    scope.iter().rev().find_map(|node| node.get(key))
}

impl<'a> Resources<'a> {
    /// The group of `plugin!name`; `name` may be `resource/datacenter`.
    pub(super) fn named(&mut self, plugin: &str, name: &str) -> Option<Group> {
        let key = format!("{plugin}!{name}");
        if self.path.contains(&key) {
            let steps = self.path.join(" -> ");
            self.leave(
                0,
                format!("resources form a loop: {steps} -> {key}"),
                "take one of them out",
            );
            return None;
        }
        self.path.push(key);
        let made = self.make(plugin, name);
        self.path.pop();
        made
    }

    pub(super) fn leave(&mut self, line: u32, what: impl Into<String>, instead: impl Into<String>) {
        self.draft.leave(self.file, line, what, instead);
    }

    fn make(&mut self, plugin: &str, name: &str) -> Option<Group> {
        let config = self.config;
        let settings = config.get("plugins").and_then(|plugins| plugins.get(plugin));
        let Some(settings) = settings else {
            self.leave(0, format!("plugin `{plugin}` is not configured"), "configure it");
            return None;
        };
        let meta = matches!(plugin, "metafo" | "geoip");
        let resources = if meta {
            settings.get("resources")?
        } else {
            settings
        };
        let (resource, datacenter) = match name.split_once('/') {
            Some((resource, datacenter)) if meta => (resource, Some(datacenter)),
            _ => (name, None),
        };
        let Some(node) = resources.get(resource) else {
            self.leave(
                settings.line,
                format!("{plugin} has no resource `{resource}`"),
                "configure it",
            );
            return None;
        };
        let scope = vec![settings, node];
        if let Some(datacenter) = datacenter {
            let described = node.get("dcmap")?.get(datacenter)?;
            return Some(self.datacenter(datacenter, described, &scope)?.into_group());
        }
        self.of(plugin, node, &scope, name)
    }

    /// The group of a resource that stands at `node`.
    fn of(&mut self, plugin: &str, node: &'a Node, scope: &Scope<'a>, name: &str) -> Option<Group> {
        match plugin {
            "simplefo" => self.simplefo(node, scope),
            "multifo" => self.multifo(node, scope),
            "weighted" => self.weighted(node, scope),
            "static" => Some(single(endpoint("static", node.scalar()?))),
            "metafo" => {
                let order = node.get("datacenters")?.elements();
                let order: Vec<&str> = order.into_iter().filter_map(Node::scalar).collect();
                let mut group = Group::of("failover");
                let members = self.datacenters(node, scope, &order);
                self.adopt(&mut group, members, name);
                Some(group)
            }
            "geoip" => geoip::group(self, node, scope, name),
            _ => {
                self.leave(
                    node.line,
                    format!("plugin `{plugin}` has no counterpart"),
                    "write a service by hand",
                );
                None
            }
        }
    }

    /// The members of a meta resource, in this order.
    pub(super) fn datacenters(
        &mut self,
        node: &'a Node,
        scope: &Scope<'a>,
        order: &[&str],
    ) -> Vec<(String, Member)> {
        let mut members = Vec::new();
        for datacenter in order {
            match node.get("dcmap").and_then(|map| map.get(datacenter)) {
                Some(described) => {
                    if let Some(member) = self.datacenter(datacenter, described, scope) {
                        members.push(((*datacenter).to_owned(), member));
                    }
                }
                None => self.leave(
                    node.line,
                    format!("datacenter `{datacenter}` is not in the dcmap"),
                    "it is left out",
                ),
            }
        }
        members
    }

    /// Puts members into a group: as they are when all are endpoints, else each as a pool, since a group has its
    /// endpoints before its pools.
    pub(super) fn adopt(&mut self, group: &mut Group, members: Vec<(String, Member)>, name: &str) {
        if members.iter().all(|(_, member)| matches!(member, Member::One(_))) {
            for (_, member) in members {
                if let Member::One(endpoint) = member {
                    group.add(*endpoint);
                }
            }
            return;
        }
        for (datacenter, member) in members {
            let pool = self
                .zone
                .pool(&format!("{name}-{datacenter}"), member.into_group());
            group.pools.push(pool);
        }
    }

    fn datacenter(&mut self, name: &str, node: &'a Node, scope: &Scope<'a>) -> Option<Member> {
        let plugin = inherited(scope, "plugin")
            .and_then(Node::scalar)
            .unwrap_or("multifo");
        match &node.kind {
            Kind::Scalar(text) if text.starts_with(['%', '!']) => {
                let (plugin, resource) = match text.trim_start_matches('%').split_once('!') {
                    Some(("", resource)) => (plugin, resource),
                    Some(named) => named,
                    None => return None,
                };
                self.named(plugin, resource)
                    .map(|group| Member::Many(Box::new(group)))
            }
            Kind::Scalar(text) => {
                let one = endpoint(name, text);
                let check = match one.answer {
                    Answer::Addresses(_) => self.check(scope),
                    _ => None,
                };
                Some(Member::One(Box::new(checked(one, check))))
            }
            Kind::Array(_) => {
                let group = self.multifo(node, scope)?;
                Some(Member::Many(Box::new(group)))
            }
            Kind::Hash(_) => {
                let plugin = node.get("plugin").and_then(Node::scalar).unwrap_or(plugin);
                let mut scope = scope.clone();
                scope.push(node);
                let group = self.of(plugin, node, &scope, name)?;
                Some(Member::Many(Box::new(group)))
            }
        }
    }

    fn check(&mut self, scope: &Scope<'a>) -> Option<String> {
        let types = inherited(scope, "service_types")?;
        checks::check(self.draft, self.zone, self.config, self.file, types)
    }

    /// Both families' parts of a resource, with what they inherit.
    fn families(node: &'a Node, scope: &Scope<'a>) -> Vec<(&'a Node, Scope<'a>)> {
        let parts: Vec<&Node> = ["addrs_v4", "addrs_v6"]
            .iter()
            .filter_map(|key| node.get(key))
            .collect();
        if parts.is_empty() {
            return vec![(node, scope.clone())];
        }
        let inner = |part| {
            let mut inner = scope.clone();
            inner.push(part);
            (part, inner)
        };
        parts.into_iter().map(inner).collect()
    }

    fn simplefo(&mut self, node: &'a Node, scope: &Scope<'a>) -> Option<Group> {
        let families = Self::families(node, scope);
        let mut group = Group::of("failover");
        let mut checks: Vec<Option<String>> = families.iter().map(|(_, scope)| self.check(scope)).collect();
        checks.dedup();
        if checks.len() > 1 {
            self.leave(
                node.line,
                "the families of a simplefo resource have service types of their own",
                "both are judged by those of the first",
            );
        }
        if let Some(check) = checks.into_iter().next().flatten() {
            group.keys.push(("check", Value::text(check)));
        }
        for role in ["primary", "secondary"] {
            let addresses: Vec<IpAddr> = families
                .iter()
                .filter_map(|(part, _)| part.get(role)?.scalar()?.parse().ok())
                .collect();
            if !addresses.is_empty() {
                group.add(Endpoint::answering(role, Answer::Addresses(addresses)));
            }
        }
        (!group.endpoints.is_empty()).then_some(group)
    }

    fn multifo(&mut self, node: &'a Node, scope: &Scope<'a>) -> Option<Group> {
        let mut group = Group::of("all");
        for (part, scope) in Self::families(node, scope) {
            let check = self.check(&scope);
            for (label, value) in labelled(part) {
                group.add(checked(
                    endpoint(&label, value.scalar().unwrap_or_default()),
                    check.clone(),
                ));
            }
            if inherited(&scope, "ignore_health").is_some_and(Node::is_true) {
                self.leave(
                    part.line,
                    "`ignore_health` has no counterpart",
                    "unhealthy addresses are left out",
                );
            }
        }
        self.threshold(node, scope);
        (!group.endpoints.is_empty()).then_some(group)
    }

    /// Below `up_thresh` gdnsd answers everything; we answer what is up as long as anything is.
    fn threshold(&mut self, node: &Node, scope: &Scope<'a>) {
        if inherited(scope, "up_thresh").is_some() {
            self.leave(
                node.line,
                "below `up_thresh` gdnsd answers with every address, pointsman with those that are up",
                "write `min_up` on a pool where too few should send clients to the next pool",
            );
        }
    }

    fn weighted(&mut self, node: &'a Node, scope: &Scope<'a>) -> Option<Group> {
        let mut group = Group::of("weighted");
        for (part, scope) in Self::families(node, scope) {
            let check = self.check(&scope);
            let multi = inherited(&scope, "multi").is_some_and(Node::is_true);
            if multi {
                self.leave(
                    part.line,
                    "`multi = true` answers several addresses by chance, which has no counterpart",
                    "one is answered, by its weight; policy `all` would answer every one",
                );
            }
            for (label, value) in labelled(part) {
                if value.is_hash() {
                    let (pool, weight) = weighted_group(value, check.as_deref());
                    let pool = self.zone.pool(&label, pool.with("weight", Value::Number(weight)));
                    group.pools.push(pool);
                    continue;
                }
                let elements = value.elements();
                let text = elements
                    .first()
                    .and_then(|node| node.scalar())
                    .unwrap_or_default();
                let weight = elements
                    .get(1)
                    .and_then(|node| node.scalar()?.parse().ok())
                    .unwrap_or(1);
                let one = checked(endpoint(&label, text), check.clone());
                group.add(one.with("weight", Value::Number(weight)));
            }
        }
        self.threshold(node, scope);
        (!group.endpoints.is_empty() || !group.pools.is_empty()).then_some(group)
    }
}

/// A member of a meta resource.
pub(super) enum Member {
    One(Box<Endpoint>),
    Many(Box<Group>),
}

impl Member {
    pub(super) fn into_group(self) -> Group {
        match self {
            Self::One(endpoint) => single(*endpoint),
            Self::Many(group) => *group,
        }
    }
}

fn single(endpoint: Endpoint) -> Group {
    let mut group = Group::of("failover");
    group.add(endpoint);
    group
}

fn checked(endpoint: Endpoint, check: Option<String>) -> Endpoint {
    match check {
        Some(check) => endpoint.with("check", Value::text(check)),
        None => endpoint,
    }
}

/// What stands behind a label: an address, or a name.
fn endpoint(label: &str, text: &str) -> Endpoint {
    match text.parse() {
        Ok(address) => Endpoint::at(label, address),
        Err(_) => Endpoint::answering(label, Answer::Cname(text.to_owned())),
    }
}

/// The labels of a resource with their values; of an array, numbers from 1.
fn labelled(node: &Node) -> Vec<(String, &Node)> {
    match &node.kind {
        Kind::Array(elements) => (1..).map(|n: u32| n.to_string()).zip(elements).collect(),
        Kind::Hash(entries) => entries
            .iter()
            .filter(|(label, _)| !SPECIAL.contains(&label.as_str()))
            .map(|(label, node)| (label.clone(), node))
            .collect(),
        Kind::Scalar(_) => vec![("1".to_owned(), node)],
    }
}

/// A group of a grouped weighted resource: all its addresses, and the sum of their weights.
fn weighted_group(node: &Node, check: Option<&str>) -> (Group, i64) {
    let mut group = Group::of("all");
    let mut sum = 0_i64;
    for (label, value) in labelled(node) {
        let elements = value.elements();
        let text = elements
            .first()
            .and_then(|node| node.scalar())
            .unwrap_or_default();
        let weight: i64 = elements
            .get(1)
            .and_then(|node| node.scalar()?.parse().ok())
            .unwrap_or(1);
        sum = sum.saturating_add(weight);
        group.add(checked(endpoint(&label, text), check.map(str::to_owned)));
    }
    (group, sum.min(65_535))
}
