//! How much one command may take away: a service keeps `min_live` live endpoints, and no more than `max_removed` of what
//! it has goes at once.

use crate::control::effect::Refusal;
use crate::control::step::Control;
use crate::model::force::SafetySettings;
use crate::model::id::EndpointId;
use crate::model::service::Service;
use crate::model::time::Now;
use crate::policy::readings::{Forced, Tier};
use crate::policy::tree::endpoints_of;

/// Services that are named in a refusal; the others are counted.
const NAMED: usize = 10;
/// Shares are computed in floating point: a half is a half.
const EPSILON: f64 = 1e-9;

impl Control {
    /// Whether an endpoint is live: an address of it is well enough to be answered, whatever operators say.
    pub(super) fn is_live(&self, endpoint: EndpointId, now: Now) -> bool {
        self.plan.endpoints.get(endpoint.index()).is_some_and(|endpoint| {
            endpoint.addresses.iter().any(|address| {
                address
                    .target
                    .is_none_or(|target| self.reading(target, now, true).tier >= Tier::Degraded)
            })
        })
    }

    /// Refuses what takes too much away, naming the rule, the services, and how many would be left.
    pub(super) fn judge_safety(
        &self,
        now: Now,
        touched: &[&Service],
        before: &[Option<Forced>],
        after: &[Option<Forced>],
    ) -> Result<(), Refusal> {
        let node = self.plan.node.safety;
        let (mut too_few, mut too_many) = (Vec::new(), Vec::new());
        let (mut removed_in_all, mut in_all) = (0, 0);
        for service in touched {
            let mut all = Vec::new();
            endpoints_of(&service.group, &mut all);
            let kept = |forced: &[Option<Forced>]| -> Vec<EndpointId> {
                let live = all
                    .iter()
                    .filter(|id| !is_removed(forced, **id) && self.is_live(**id, now));
                live.copied().collect()
            };
            let (had, keeps) = (kept(before), kept(after));
            let removed = had.iter().filter(|id| !keeps.contains(id)).count();
            let rules = SafetySettings {
                min_live: service.safety.min_live.unwrap_or(node.min_live),
                max_removed: service.safety.max_removed.unwrap_or(node.max_removed),
            };
            let least = usize::try_from(rules.min_live).unwrap_or(usize::MAX);
            let name = service.display_name();
            if removed > 0 && keeps.len() < least {
                let live = keeps.len();
                too_few.push(format!(
                    "{name} would keep {live} live of {} (at least {least})",
                    all.len()
                ));
            }
            if exceeds(removed, all.len(), rules.max_removed) {
                too_many.push(format!(
                    "{name} would lose {removed} of {} (at most {})",
                    all.len(),
                    percent(rules.max_removed)
                ));
            }
            removed_in_all += removed;
            in_all += all.len();
        }
        if touched.len() > 1 && too_many.is_empty() && exceeds(removed_in_all, in_all, node.max_removed) {
            too_many.push(format!(
                "the {} services together would lose {removed_in_all} of {in_all} (at most {})",
                touched.len(),
                percent(node.max_removed)
            ));
        }
        let (rule, found) = if too_few.is_empty() {
            ("max_removed", too_many)
        } else {
            ("min_live", too_few)
        };
        if found.is_empty() {
            return Ok(());
        }
        let more = found.len().saturating_sub(NAMED);
        let mut detail = found.iter().take(NAMED).cloned().collect::<Vec<_>>().join("; ");
        if more > 0 {
            detail.push_str(&format!("; and {more} services more"));
        }
        detail.push_str("; nothing was changed; --break-glass goes past the rule and is recorded");
        Err(Refusal { rule, detail })
    }
}

fn is_removed(forced: &[Option<Forced>], endpoint: EndpointId) -> bool {
    let forced = forced.get(endpoint.index()).copied().flatten();
    forced.is_some_and(|forced| forced.kind.removes())
}

fn exceeds(removed: usize, all: usize, share: f64) -> bool {
    let count = |n: usize| f64::from(u32::try_from(n).unwrap_or(u32::MAX));
    removed > 0 && count(removed) > count(all) * share + EPSILON
}

fn percent(share: f64) -> String {
    format!("{:.0}%", share * 100.0)
}
