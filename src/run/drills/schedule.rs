//! Drills that the calendar asks for, one at a time; what is refused or missed is an alarm, and on disk.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use super::Desk;
use crate::api::live::DrillWish;
use crate::control::drill::calendar::{Call, Past, call};
use crate::control::drill::{News, State, StoredDrill, rehearsable};
use crate::control::event::Manner;
use crate::model::id::ServiceId;
use crate::model::plan::Plan;
use crate::model::reach::matching;
use crate::model::service::Service;
use crate::model::time::UnixTime;

/// Whom the calendar of a plan is for.
pub(super) struct Calendar {
    plan: Arc<Plan>,
    services: Vec<String>,
}

/// Who asks for what the calendar asks for.
const SCHEDULE: &str = "schedule";

impl Desk {
    /// Looks whether the calendar asks for a drill, and begins that of the service whose last one is oldest.
    pub(super) async fn look(&mut self) {
        let plan = self.parts.plans.borrow().clone();
        if self.running.is_some() || plan.node.drill.every.is_none() {
            return;
        }
        if !self
            .calendar
            .as_ref()
            .is_some_and(|known| Arc::ptr_eq(&known.plan, &plan))
        {
            self.calendar = Some(Calendar {
                services: scheduled(&plan),
                plan: Arc::clone(&plan),
            });
        }
        let now = self.parts.clock.now().wall;
        let (mut due, mut missed) = (Vec::new(), Vec::new());
        let past = Past::of(self.drills.values());
        for name in self.calendar.iter().flat_map(|calendar| &calendar.services) {
            let past = past.get(name.as_str()).copied().unwrap_or_default();
            let since = *self.known.entry(name.clone()).or_insert(now);
            match call(&plan.node.drill, past, since, now) {
                Some(Call::Now) => due.push((past.ran, name.clone())),
                Some(Call::Missed(ended)) => missed.push((name.clone(), ended)),
                Some(Call::Wait(_)) | None => {}
            }
        }
        for (service, ended) in missed {
            self.missed(&service, ended, now).await;
        }
        if let Some((_, service)) = due.into_iter().min() {
            self.start_scheduled(service, plan.node.drill.lasting, now).await;
        }
    }

    async fn start_scheduled(&mut self, service: String, lasting: Duration, now: UnixTime) {
        let wish = DrillWish {
            service: service.clone(),
            endpoint: None,
            lasting,
            reason: None,
        };
        let started = self
            .start(SCHEDULE.to_owned(), wish, Manner::default(), true)
            .await;
        let Err(refusal) = started else { return };
        // While the server begins or ends nothing is refused: it is asked again a second later.
        if ["starting", "stopping", "drill-running"].contains(&refusal.rule) {
            return;
        }
        let why = refusal.to_string();
        let id = self.not_held(&service, now, State::Refused, why.clone()).await;
        self.tell(News::Refused { id, service, why }).await;
    }

    async fn missed(&mut self, service: &str, ended: UnixTime, now: UnixTime) {
        let why = format!(
            "its window ended {ended} without it: the server was not running, or busy with other drills"
        );
        self.not_held(service, now, State::Missed, why.clone()).await;
        let service = service.to_owned();
        self.tell(News::Missed { service, why }).await;
    }

    /// Writes down that a scheduled drill did not take place; its number.
    async fn not_held(&mut self, service: &str, now: UnixTime, state: State, why: String) -> u64 {
        let id = self.last + 1;
        let drill = StoredDrill {
            id,
            service: service.to_owned(),
            endpoint: String::new(),
            by: SCHEDULE.to_owned(),
            reason: None,
            scheduled: true,
            before: Vec::new(),
            started: now,
            until: now,
            state,
            why,
            report: None,
        };
        self.keep(drill, true).await;
        id
    }
}

/// Services that the calendar is for: those that are meant, but for those that cannot be rehearsed at all.
fn scheduled(plan: &Plan) -> Vec<String> {
    let wanted = &plan.node.drill.services;
    let meant: HashSet<ServiceId> = wanted
        .iter()
        .flat_map(|select| matching(select, plan))
        .filter_map(|id| Some(plan.endpoints.get(id.index())?.service))
        .collect();
    plan.services
        .iter()
        .filter(|service| wanted.is_empty() || meant.contains(&service.id))
        .filter(|service| rehearsable(plan, service).is_ok())
        .map(Service::display_name)
        .collect()
}
