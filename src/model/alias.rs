//! Endpoints that are known by a name elsewhere: what the server resolved that name to, and what that makes of a plan.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

use crate::model::check::{Check, Target};
use crate::model::id::TargetId;
use crate::model::plan::Plan;
use crate::model::service::{EndpointAddress, TtlRule};
use crate::model::time::{Ttl, UnixTime};
use crate::wire::name::Name;

/// The name of an endpoint elsewhere, whose addresses are answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Alias {
    /// `lb.example.net.`
    pub name: Name,
    /// How each of its addresses is probed; `None`: not at all.
    pub probe: Option<AliasProbe>,
    /// What is probed besides and shown, but counts for nothing.
    pub shadow: Option<AliasProbe>,
    /// What is probed instead of what is answered.
    pub probe_address: Option<IpAddr>,
    /// What is wrong with its resolution; `None`: nothing.
    pub trouble: Option<Trouble>,
}

/// How the addresses of an alias are probed.
#[derive(Clone, Debug, PartialEq)]
pub struct AliasProbe {
    /// The check.
    pub check: Arc<Check>,
    /// The port that is probed; 0 where there is none.
    pub port: u16,
    /// Of a combined check: its parts.
    pub parts: Vec<AliasProbe>,
}

/// A name that cannot be resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// When it was resolved last; `None`: never.
    pub good: Option<UnixTime>,
    /// Why it cannot be.
    pub why: String,
}

/// What a name was resolved to: the last good result, and perhaps why there is no newer one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resolution {
    /// Both families, sorted.
    pub addresses: Vec<IpAddr>,
    /// The least TTL of its records.
    pub ttl: Ttl,
    /// What is wrong; `None`: nothing.
    pub trouble: Option<Trouble>,
}

/// By name; a name that was never asked for is not there.
pub type Resolutions = BTreeMap<Name, Resolution>;

impl Plan {
    /// The names that must be resolved.
    pub fn aliases(&self) -> impl Iterator<Item = &Name> {
        let aliases = self
            .endpoints
            .iter()
            .filter_map(|endpoint| endpoint.alias.as_ref());
        aliases.map(|alias| &alias.name)
    }

    /// This plan, which was read from files, with the addresses that its aliases have now. The TTL of a service is never
    /// above that of an alias it uses.
    #[must_use]
    pub fn resolved(&self, known: &Resolutions) -> Self {
        let mut plan = self.clone();
        // Each address once in a service, as where they are written: the first endpoint keeps it.
        let mut taken: HashSet<_> = plan
            .endpoints
            .iter()
            .flat_map(|endpoint| {
                endpoint
                    .addresses
                    .iter()
                    .map(|known| (endpoint.service, known.address))
            })
            .collect();
        let mut streams: HashMap<(IpAddr, u16), Vec<TargetId>> = HashMap::new();
        for target in &plan.targets {
            streams
                .entry((target.address, target.port))
                .or_default()
                .push(target.id);
        }
        for endpoint in &mut plan.endpoints {
            let Some(alias) = &mut endpoint.alias else {
                continue;
            };
            let Some(resolution) = known.get(&alias.name) else {
                alias.trouble = Some(Trouble {
                    good: None,
                    why: "not resolved yet".to_owned(),
                });
                continue;
            };
            alias.trouble.clone_from(&resolution.trouble);
            for &address in &resolution.addresses {
                if !taken.insert((endpoint.service, address)) {
                    continue;
                }
                let probed = alias.probe_address.unwrap_or(address);
                let mut bind = |probe: &Option<AliasProbe>| {
                    let probe = probe.as_ref()?;
                    Some(stream(&mut plan.targets, &mut streams, probe, probed))
                };
                endpoint.addresses.push(EndpointAddress {
                    address,
                    target: bind(&alias.probe),
                    shadow: bind(&alias.shadow),
                });
            }
            if let Some(service) = plan.services.get_mut(endpoint.service.index()) {
                service.ttl = service.ttl.at_most(resolution.ttl);
            }
        }
        plan
    }
}

/// The probe stream against `address`, after those of its parts: a known one where the question is the same.
fn stream(
    targets: &mut Vec<Target>,
    streams: &mut HashMap<(IpAddr, u16), Vec<TargetId>>,
    probe: &AliasProbe,
    address: IpAddr,
) -> TargetId {
    let parts = probe
        .parts
        .iter()
        .map(|part| stream(targets, streams, part, address));
    let parts = parts.collect();
    let new = Target {
        id: TargetId::from_index(targets.len()),
        check: Arc::clone(&probe.check),
        address,
        port: probe.port,
        parts,
    };
    let same = streams.entry((address, probe.port)).or_default();
    let is_same = |id: &&TargetId| {
        targets
            .get(id.index())
            .is_some_and(|known| known.is_same_stream(&new))
    };
    if let Some(known) = same.iter().find(is_same) {
        return *known;
    }
    let id = new.id;
    same.push(id);
    targets.push(new);
    id
}

impl TtlRule {
    /// The rule with no TTL above `most`.
    #[must_use]
    pub fn at_most(self, most: Ttl) -> Self {
        match self {
            Self::Fixed(ttl) => Self::Fixed(ttl.min(most)),
            Self::Stable { max, min } => Self::Stable {
                max: max.min(most),
                min: min.min(most),
            },
            Self::Strict { max, min } => Self::Strict {
                max: max.min(most),
                min: min.min(most),
            },
        }
    }
}
