//! A plan's names in order, so that a page begins where the one before ended. Made once per plan, beside the signal box.

use std::collections::HashMap;
use std::sync::Arc;

use crate::api::live::Live;
use crate::api::problem::Problem;
use crate::control::step::Control;
use crate::model::id::{EndpointId, ServiceId, TargetId, ZoneId};
use crate::model::plan::Plan;
use crate::model::time::Now;

/// One thing of a list.
#[derive(Clone, Debug)]
pub struct Row<I> {
    /// What it is sorted by, and what `after` names.
    pub key: String,
    /// Its number in the plan.
    pub id: I,
    /// Services that it belongs to, by name.
    pub services: Vec<Arc<str>>,
    /// What `q` is looked for in, in lower case.
    pub words: String,
}

/// Every list, sorted by key.
#[derive(Debug)]
pub struct Directory {
    /// Whose names these are.
    pub plan: Arc<Plan>,
    /// By origin.
    pub zones: Vec<Row<ZoneId>>,
    /// By name.
    pub services: Vec<Row<ServiceId>>,
    /// By `service/endpoint`.
    pub endpoints: Vec<Row<EndpointId>>,
    /// By `check@address:port`.
    pub checks: Vec<Row<TargetId>>,
}

impl Directory {
    fn new(plan: Arc<Plan>) -> Self {
        let names: Vec<Arc<str>> = plan
            .services
            .iter()
            .map(|service| Arc::from(service.display_name().to_ascii_lowercase()))
            .collect();
        let name = |id: ServiceId| names.get(id.index()).cloned();
        let zones = plan.zones.iter().map(|zone| {
            let origin = zone.origin.to_string().to_ascii_lowercase();
            let key = origin.trim_end_matches('.').to_owned();
            let services = zone.services.iter().filter_map(|id| name(*id)).collect();
            row(key, zone.id, services, "")
        });
        let services = plan.services.iter().filter_map(|service| {
            let name = name(service.id)?;
            Some(row(
                name.to_string(),
                service.id,
                vec![name],
                service.group.policy.as_str(),
            ))
        });
        let endpoints = plan.endpoints.iter().filter_map(|endpoint| {
            let service = name(endpoint.service)?;
            let addresses = endpoint.addresses.iter();
            let addresses: Vec<String> = addresses.map(|known| known.address.to_string()).collect();
            let key = format!("{service}/{}", endpoint.name);
            Some(row(key, endpoint.id, vec![service], &addresses.join(" ")))
        });
        Self {
            zones: sorted(zones.collect()),
            services: sorted(services.collect()),
            endpoints: sorted(endpoints.collect()),
            checks: sorted(checks(&plan, &names)),
            plan,
        }
    }
}

fn row<I>(key: String, id: I, services: Vec<Arc<str>>, more: &str) -> Row<I> {
    let words = format!("{key} {more}").to_lowercase();
    Row {
        key,
        id,
        services,
        words,
    }
}

/// Probe streams with the services that heed or show them.
fn checks(plan: &Plan, names: &[Arc<str>]) -> Vec<Row<TargetId>> {
    let mut used: Vec<Vec<Arc<str>>> = vec![Vec::new(); plan.targets.len()];
    let mut note = |target: TargetId, service: &Arc<str>| {
        let parts = plan.targets.get(target.index()).map(|target| &target.parts);
        for id in parts.into_iter().flatten().chain([&target]) {
            if let Some(used) = used.get_mut(id.index())
                // Endpoints stand in the order of their services.
                && used.last() != Some(service)
            {
                used.push(Arc::clone(service));
            }
        }
    };
    for endpoint in &plan.endpoints {
        let Some(service) = names.get(endpoint.service.index()) else {
            continue;
        };
        let addresses = endpoint.addresses.iter();
        for target in addresses
            .flat_map(|address| [address.target, address.shadow])
            .flatten()
        {
            note(target, service);
        }
    }
    let targets = plan.targets.iter().zip(used);
    let mut rows: Vec<Row<TargetId>> = targets
        .map(|(target, services)| {
            let key = format!("{}@{}", target.check.name, target.place());
            let words = services.join(" ");
            row(key, target.id, services, &words)
        })
        .collect();
    // Two zones may name their checks alike.
    let mut seen: HashMap<String, u32> = HashMap::new();
    for row in &mut rows {
        let times = seen.entry(row.key.clone()).or_default();
        *times += 1;
        if *times > 1 {
            row.key = format!("{}#{times}", row.key);
        }
    }
    rows
}

fn sorted<I>(mut rows: Vec<Row<I>>) -> Vec<Row<I>> {
    rows.sort_by(|a, b| a.key.cmp(&b.key));
    rows
}

impl Live {
    /// The names of the plan in force.
    ///
    /// # Errors
    /// When the signal box is busy or gone.
    pub async fn directory(&self) -> Result<Arc<Directory>, Problem> {
        let plan = self.look(|control, _| Arc::clone(control.plan())).await?;
        if let Some(known) = self.directory.load_full()
            && Arc::ptr_eq(&known.plan, &plan)
        {
            return Ok(known);
        }
        let made = tokio::task::spawn_blocking(move || Arc::new(Directory::new(plan)));
        let made = made.await.map_err(|_| Problem::busy())?;
        self.directory.store(Some(Arc::clone(&made)));
        Ok(made)
    }

    /// What `look` sees while the plan of `directory` is in force; `None`: another one is.
    ///
    /// # Errors
    /// When the signal box is busy or gone.
    pub async fn look_by<T: Send + 'static>(
        &self,
        directory: &Directory,
        look: impl FnOnce(&Control, Now) -> T + Send + 'static,
    ) -> Result<Option<T>, Problem> {
        let plan = Arc::clone(&directory.plan);
        self.look(move |control, now| Arc::ptr_eq(control.plan(), &plan).then(|| look(control, now)))
            .await
    }
}
