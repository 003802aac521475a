//! Keeps the last snapshot; rebuilds only what changed.

use std::collections::HashMap;
use std::sync::Arc;

use crate::answer::service::ServiceAnswers;
use crate::answer::snapshot::{SERVICES_PER_CHUNK, ServiceChunk, Settings, Snapshot};
use crate::answer::table::{NameHash, Table};
use crate::answer::zones::{Zone, Zones};
use crate::model::id::ServiceId;
use crate::model::plan::{Plan, ZonePlan};
use crate::policy::choice::Decision;
use crate::publish::flatten::flatten;
use crate::publish::service::{encode, undecided};
use crate::wire::name::Name;
use crate::zone::contents::Contents;

/// What a zone's table was built from: the same again needs no building.
#[derive(Debug)]
struct Built {
    contents: Arc<Contents>,
    owners: Vec<Name>,
    table: Arc<Table>,
}

/// The single writer of snapshots.
#[derive(Debug)]
pub struct Publisher {
    hash: NameHash,
    built: Vec<Built>,
    owners: Vec<Name>,
    zones: Arc<Zones>,
    services: Arc<[ServiceChunk]>,
    settings: Arc<Settings>,
}

impl Publisher {
    /// Builds everything for `plan`: `contents` by `ZoneId`, `None` for a refused zone. Services answer SERVFAIL
    /// until [`Publisher::apply`] was called for them. `seed` makes the hash of names unpredictable.
    #[must_use]
    pub fn new(plan: &Plan, contents: &[Option<Arc<Contents>>], seed: u64) -> Self {
        let hash = NameHash::new(seed);
        let mut publisher = Self {
            built: Vec::new(),
            owners: Vec::new(),
            zones: Arc::new(Zones::new(Vec::new(), hash.clone())),
            services: Arc::from([]),
            settings: Arc::new(Settings::of(&plan.node)),
            hash,
        };
        publisher.replan(plan, contents);
        publisher
    }

    /// A new plan: tables of zones whose contents are the same `Arc` and whose services stand at the same names
    /// are kept, others are built. A service that stands at the same name as before answers as before until the
    /// next [`Publisher::apply`] for it.
    pub fn replan(&mut self, plan: &Plan, contents: &[Option<Arc<Contents>>]) {
        self.settings = Arc::new(Settings::of(&plan.node));
        self.keep_services(plan);
        let mut before = std::mem::take(&mut self.built);
        let zones = plan.zones.iter().enumerate().map(|(index, zone)| {
            let contents = contents.get(index).cloned().flatten().filter(|_| !zone.refused);
            let built = contents.and_then(|contents| {
                let owners = owners(plan, zone);
                let same = |built: &Built| Arc::ptr_eq(&built.contents, &contents) && built.owners == owners;
                let kept = before.iter().position(same).map(|at| before.swap_remove(at));
                kept.or_else(|| {
                    let table = Arc::new(flatten(&contents, &owners, &self.hash).ok()?);
                    Some(Built {
                        contents,
                        owners,
                        table,
                    })
                })
            });
            let table = built.as_ref().map(|built| Arc::clone(&built.table));
            self.built.extend(built);
            Zone::new(
                &zone.origin,
                table,
                zone.services.clone().into(),
                zone.transfer.clone(),
            )
        });
        let zones = zones.collect();
        self.zones = Arc::new(Zones::new(zones, self.hash.clone()));
    }

    /// The snapshot after these decisions: cost independent of zones, records and other services.
    pub fn apply(&mut self, decisions: &[Decision]) -> Arc<Snapshot> {
        if !decisions.is_empty() {
            let mut spine = self.services.to_vec();
            for decision in decisions {
                let index = decision.service.index();
                let chunk = spine.get_mut(index / SERVICES_PER_CHUNK);
                if let Some(slot) =
                    chunk.and_then(|chunk| Arc::make_mut(chunk).get_mut(index % SERVICES_PER_CHUNK))
                {
                    *slot = Arc::new(encode(decision));
                }
            }
            self.services = spine.into();
        }
        Arc::new(Snapshot::new(
            Arc::clone(&self.zones),
            Arc::clone(&self.services),
            Arc::clone(&self.settings),
        ))
    }

    /// Octets that the tables of all zones take.
    #[must_use]
    pub fn octets(&self) -> usize {
        self.built.iter().map(|built| built.table.octets()).sum()
    }

    /// The services of `plan`, with the answers that they had under the same names.
    fn keep_services(&mut self, plan: &Plan) {
        let answers = |id: usize| {
            let chunk = self.services.get(id / SERVICES_PER_CHUNK)?;
            chunk.get(id % SERVICES_PER_CHUNK).cloned()
        };
        let before: HashMap<&Name, Arc<ServiceAnswers>> = (0..)
            .zip(&self.owners)
            .filter_map(|(id, owner)| Some((owner, answers(id)?)))
            .collect();
        let nothing = Arc::new(undecided());
        let now: Vec<Arc<ServiceAnswers>> = plan
            .services
            .iter()
            .map(|service| before.get(&service.owner).unwrap_or(&nothing).clone())
            .collect();
        self.services = now.chunks(SERVICES_PER_CHUNK).map(Arc::from).collect();
        self.owners = plan
            .services
            .iter()
            .map(|service| service.owner.clone())
            .collect();
    }
}

/// Owners of a zone's services, in the order of their numbers.
fn owners(plan: &Plan, zone: &ZonePlan) -> Vec<Name> {
    let owner = |id: &ServiceId| {
        plan.services
            .get(id.index())
            .map_or_else(Name::root, |service| service.owner.clone())
    };
    zone.services.iter().map(owner).collect()
}
