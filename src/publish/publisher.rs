//! Keeps the last snapshot; rebuilds only what changed.

use std::collections::HashMap;
use std::sync::Arc;

use crate::answer::first::First;
use crate::answer::served::NOBODY;
use crate::answer::service::ServiceAnswers;
use crate::answer::snapshot::{SERVICES_PER_CHUNK, ServiceChunk, Settings, Snapshot};
use crate::answer::zones::{Zone, Zones};
use crate::model::id::ServiceId;
use crate::model::plan::Plan;
use crate::policy::choice::Decision;
use crate::publish::facets::Template;
use crate::publish::lanes::{Lanes, OwnLanes, by_service};
use crate::publish::service::{encode, undecided};
use crate::publish::tables::{Tables, tenants};
use crate::wire::name::Name;
use crate::zone::contents::Contents;

/// What the limiter's seed is made of, besides the seed of all.
const LIMITER: &[u8] = b"\x07limiter\x00";

/// The single writer of snapshots.
#[derive(Debug)]
pub struct Publisher {
    tables: Tables,
    /// By `ServiceId`: where each stands, and what follows from its decision.
    layouts: Vec<Layout>,
    zones: Arc<Zones>,
    services: Arc<[ServiceChunk]>,
    settings: Arc<Settings>,
    /// How often [`Publisher::apply`] was called.
    edition: u64,
    lanes: Arc<Lanes>,
}

impl Publisher {
    /// Builds everything for `plan`: `contents` by `ZoneId`, `None` for a refused zone. Services answer SERVFAIL
    /// until [`Publisher::apply`] was called for them. `seed` makes the hash of names unpredictable.
    #[must_use]
    pub fn new(plan: &Plan, contents: &[Option<Arc<Contents>>], seed: u64) -> Self {
        let tables = Tables::build(plan, contents, seed);
        let mut publisher = Self {
            layouts: Vec::new(),
            zones: Arc::new(Zones::new(Vec::new(), tables.hash().clone())),
            services: Arc::from([]),
            settings: Arc::new(Settings::of(&plan.node, tables.hash().of(LIMITER), None)),
            edition: 0,
            lanes: Arc::new(Lanes {
                end: NOBODY + 1,
                ..Lanes::default()
            }),
            tables: tables.clone(),
        };
        publisher.adopt(plan, tables);
        publisher
    }

    /// Under which lanes services and endpoints of the plan in force are counted.
    #[must_use]
    pub fn lanes(&self) -> &Arc<Lanes> {
        &self.lanes
    }

    /// The tables in force: what the next plan's are best made from, see [`Tables::next`].
    #[must_use]
    pub fn tables(&self) -> &Tables {
        &self.tables
    }

    /// A new plan with its tables, built here: see [`Publisher::adopt`] for building them elsewhere.
    pub fn replan(&mut self, plan: &Plan, contents: &[Option<Arc<Contents>>]) {
        let tables = self.tables.next(plan, contents);
        self.adopt(plan, tables);
    }

    /// A new plan with `tables` built for it. A service that stands at the same name as before answers as before
    /// until the next [`Publisher::apply`] for it.
    pub fn adopt(&mut self, plan: &Plan, tables: Tables) {
        let seed = tables.hash().of(LIMITER);
        self.settings = Arc::new(Settings::of(&plan.node, seed, Some(&self.settings)));
        self.keep_services(plan);
        let zones = plan.zones.iter().enumerate().map(|(index, zone)| {
            let tenants = tenants(plan, zone);
            Zone::new(&zone.origin, tables.get(index), tenants, zone.transfer.clone())
                .with_access(&zone.access)
        });
        let zones = zones.collect();
        self.zones = Arc::new(Zones::new(zones, tables.hash().clone()));
        self.tables = tables;
    }

    /// The snapshot in force.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        let (zones, services) = (Arc::clone(&self.zones), Arc::clone(&self.services));
        Arc::new(Snapshot::new(zones, services, Arc::clone(&self.settings)))
    }

    /// The snapshot after these decisions: cost independent of zones, records and other services.
    pub fn apply(&mut self, decisions: &[Decision]) -> Arc<Snapshot> {
        self.edition += 1;
        if !decisions.is_empty() {
            let mut spine = self.services.to_vec();
            for decision in decisions {
                let index = decision.service.index();
                let chunk = spine.get_mut(index / SERVICES_PER_CHUNK);
                if let Some(slot) =
                    chunk.and_then(|chunk| Arc::make_mut(chunk).get_mut(index % SERVICES_PER_CHUNK))
                    && let Some(layout) = self.layouts.get(index)
                {
                    let mut next = encode(decision, &layout.template, &layout.lanes);
                    next.a.follow(&slot.a, self.edition);
                    next.aaaa.follow(&slot.aaaa, self.edition);
                    *slot = Arc::new(next);
                }
            }
            self.services = spine.into();
        }
        self.snapshot()
    }

    /// Who will know when the answers that the last [`Publisher::apply`] changed for `service` were first sent: none, one
    /// (A or AAAA) or both.
    #[must_use]
    pub fn firsts(&self, service: ServiceId) -> Vec<Arc<First>> {
        let id = service.index();
        let chunk = self.services.get(id / SERVICES_PER_CHUNK);
        let answers = chunk.and_then(|chunk| chunk.get(id % SERVICES_PER_CHUNK));
        let families = answers
            .into_iter()
            .flat_map(|answers| [&answers.a, &answers.aaaa]);
        families
            .filter_map(|family| family.fresh().first())
            .filter(|first| first.edition() == self.edition)
            .cloned()
            .collect()
    }

    /// Octets that the tables of all zones take.
    #[must_use]
    pub fn octets(&self) -> usize {
        self.tables.octets()
    }

    /// The services of `plan`, with the answers that they had under the same names.
    fn keep_services(&mut self, plan: &Plan) {
        let answers = |id: usize| {
            let chunk = self.services.get(id / SERVICES_PER_CHUNK)?;
            chunk.get(id % SERVICES_PER_CHUNK).cloned()
        };
        let before: HashMap<&Name, (&Layout, Arc<ServiceAnswers>)> = (0..)
            .zip(&self.layouts)
            .filter_map(|(id, layout)| Some((&layout.owner, (layout, answers(id)?))))
            .collect();
        let nothing = Arc::new(undecided());
        let mut end = self.lanes.end;
        let layouts: Vec<Layout> = plan
            .services
            .iter()
            .zip(by_service(plan))
            .map(|(service, endpoints)| {
                let known = before.get(&service.owner).map(|(layout, _)| &layout.lanes);
                Layout {
                    owner: service.owner.clone(),
                    template: Template::of(plan, service),
                    lanes: OwnLanes::next(&endpoints, known, &mut end),
                }
            })
            .collect();
        self.lanes = Arc::new(Lanes::gathered(
            plan,
            layouts.iter().map(|layout| &layout.lanes),
            end,
        ));
        let now: Vec<Arc<ServiceAnswers>> = layouts
            .iter()
            .map(|layout| match before.get(&layout.owner) {
                Some((old, answers)) if old.template == layout.template => Arc::clone(answers),
                // Its other names are numbered anew: answers of before would stand at the wrong ones.
                _ if layout.template.is_empty() => before
                    .get(&layout.owner)
                    .map_or_else(|| Arc::clone(&nothing), |(_, answers)| Arc::clone(answers)),
                _ => Arc::new(layout.template.fail(undecided)),
            })
            .collect();
        self.services = now.chunks(SERVICES_PER_CHUNK).map(Arc::from).collect();
        self.layouts = layouts;
    }
}

/// Where a service stands, and what follows from its decision.
#[derive(Debug)]
struct Layout {
    owner: Name,
    template: Template,
    lanes: OwnLanes,
}
