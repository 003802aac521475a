//! The tables of all zones, built away from the thread that decides; what did not change is not built again.

use std::collections::HashMap;
use std::sync::Arc;

use crate::answer::hash::NameHash;
use crate::answer::table::Table;
use crate::answer::zones::Tenant;
use crate::model::plan::{Plan, ZonePlan};
use crate::publish::flatten::flatten;
use crate::publish::patch;
use crate::wire::name::Name;
use crate::zone::contents::Contents;

/// One table per zone of a plan, by `ZoneId`. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Tables {
    hash: NameHash,
    built: Vec<Option<Arc<Built>>>,
}

/// A table and what it was built from: the same again needs no building.
#[derive(Debug)]
struct Built {
    contents: Arc<Contents>,
    owners: Vec<Name>,
    table: Arc<Table>,
}

impl Tables {
    /// Builds all: `contents` by `ZoneId`, `None` for a refused zone. `seed` makes the hash of names unpredictable.
    #[must_use]
    pub fn build(plan: &Plan, contents: &[Option<Arc<Contents>>], seed: u64) -> Self {
        Self {
            hash: NameHash::new(seed),
            built: Vec::new(),
        }
        .next(plan, contents)
    }

    /// The tables of another plan: those of zones whose contents are the same `Arc` and whose services stand at the
    /// same names are kept, others are built.
    #[must_use]
    pub fn next(&self, plan: &Plan, contents: &[Option<Arc<Contents>>]) -> Self {
        let before: HashMap<_, _> = self
            .built
            .iter()
            .flatten()
            .map(|built| (Arc::as_ptr(&built.contents), built))
            .collect();
        let one = |(index, zone): (usize, &ZonePlan)| {
            let contents = contents.get(index).cloned().flatten().filter(|_| !zone.refused)?;
            let owners = owners(plan, zone);
            // `Built` holds its contents, so that no other contents can lie at their address.
            let same = before.get(&Arc::as_ptr(&contents));
            if let Some(&kept) = same.filter(|built| built.owners == owners) {
                return Some(Arc::clone(kept));
            }
            let earlier = contents
                .follows()
                .and_then(|follows| Some((*before.get(&follows.before.as_ptr())?, &*follows.touched)))
                .filter(|(built, _)| built.owners == owners);
            let patched =
                earlier.and_then(|(built, touched)| patch::patch(&built.table, &contents, &owners, touched));
            let table = match patched {
                Some(table) => table,
                None => flatten(&contents, &owners, &self.hash).ok()?,
            };
            let table = Arc::new(table);
            Some(Arc::new(Built {
                contents,
                owners,
                table,
            }))
        };
        Self {
            hash: self.hash.clone(),
            built: plan.zones.iter().enumerate().map(one).collect(),
        }
    }

    /// The table of the zone at `index`; `None` for a refused one.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<Arc<Table>> {
        self.built
            .get(index)?
            .as_ref()
            .map(|built| Arc::clone(&built.table))
    }

    /// Octets that the tables take.
    #[must_use]
    pub fn octets(&self) -> usize {
        self.built
            .iter()
            .flatten()
            .map(|built| built.table.octets())
            .sum()
    }

    /// The hash that all tables share.
    #[must_use]
    pub fn hash(&self) -> &NameHash {
        &self.hash
    }
}

/// Owners of a zone's services, in the order of their numbers.
fn owners(plan: &Plan, zone: &ZonePlan) -> Vec<Name> {
    names(plan, zone).map(|(name, _)| name.clone()).collect()
}

/// Whose each number is.
pub(super) fn tenants(plan: &Plan, zone: &ZonePlan) -> Box<[Tenant]> {
    names(plan, zone).map(|(_, tenant)| tenant).collect()
}

/// The names of a zone's services: their own first, so that a service without facets has the number of its place.
fn names<'p>(plan: &'p Plan, zone: &'p ZonePlan) -> impl Iterator<Item = (&'p Name, Tenant)> {
    let services = || {
        zone.services
            .iter()
            .filter_map(|id| plan.services.get(id.index()))
    };
    let own = services().map(|service| (&service.owner, 0, service.id));
    let others = services().flat_map(|service| {
        let owners = (1..).zip(service.facets.owners());
        owners.map(|(facet, name)| (name, facet, service.id))
    });
    own.chain(others)
        .map(|(name, facet, service)| (name, Tenant { service, facet }))
}
