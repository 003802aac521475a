//! What a selector reaches in a plan, and what it was probably meant to reach when it reaches nothing.

use crate::model::id::EndpointId;
use crate::model::near::did_you_mean;
use crate::model::plan::Plan;
use crate::model::selector::Selector;
use crate::model::service::{Group, MemberKind};

/// Every endpoint that `select` means, in the plan's order.
#[must_use]
pub fn matching(select: &Selector, plan: &Plan) -> Vec<EndpointId> {
    let mut found = Vec::new();
    for service in &plan.services {
        if select.names_service(&service.display_name()) {
            walk(plan, &service.group, &mut Vec::new(), &mut |id, path| {
                if select.names_path(path) {
                    found.push(id);
                }
            });
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// Every endpoint below `group` with its path: pools from the outermost, then its name.
pub fn walk<'p>(
    plan: &'p Plan,
    group: &'p Group,
    path: &mut Vec<&'p str>,
    visit: &mut impl FnMut(EndpointId, &[&'p str]),
) {
    for member in &group.members {
        match &member.kind {
            MemberKind::Endpoint(id) => {
                if let Some(endpoint) = plan.endpoints.get(id.index()) {
                    path.push(&endpoint.name);
                    visit(*id, path);
                    path.pop();
                }
            }
            MemberKind::Pool(pool) => {
                path.push(pool.pool.as_deref().unwrap_or_default());
                walk(plan, pool, path, visit);
                path.pop();
            }
        }
    }
}

/// The service, or `SERVICE/ENDPOINT`, that is written most like `select`.
#[must_use]
pub fn meant(select: &Selector, plan: &Plan) -> Option<String> {
    let mut known = Vec::new();
    for service in &plan.services {
        let name = service.display_name();
        walk(plan, &service.group, &mut Vec::new(), &mut |_, path| {
            if let Some(last) = path.last() {
                known.push(format!("{name}/{last}"));
            }
        });
        known.push(name);
    }
    did_you_mean(select.as_str(), known.iter().map(String::as_str)).map(str::to_owned)
}
