//! Drills that the calendar asks for, one at a time; what is refused or missed is an alarm, and on disk.

use std::time::Duration;

use super::Desk;
use crate::api::live::DrillWish;
use crate::control::drill::calendar::{Call, Past, call};
use crate::control::drill::{News, State, StoredDrill};
use crate::control::event::Manner;
use crate::model::plan::Plan;
use crate::model::reach::matching;
use crate::model::service::Service;
use crate::model::time::UnixTime;

/// Who asks for what the calendar asks for.
const SCHEDULE: &str = "schedule";

impl Desk {
    /// Looks whether the calendar asks for a drill, and begins the one that is due for longest.
    pub(super) async fn look(&mut self) {
        if self.running.is_some() {
            return;
        }
        let plan = self.parts.plans.borrow().clone();
        if plan.node.drill.every.is_none() {
            return;
        }
        let now = self.parts.clock.now().wall;
        let mut due: Option<String> = None;
        for service in plan
            .services
            .iter()
            .filter(|service| is_scheduled(&plan, service))
        {
            let name = service.display_name();
            let since = *self.known.entry(name.clone()).or_insert(now);
            match call(
                &plan.node.drill,
                Past::of(self.drills.values(), &name),
                since,
                now,
            ) {
                Some(Call::Now) => {
                    due.get_or_insert(name);
                }
                Some(Call::Missed(ended)) => self.missed(&name, ended, now).await,
                Some(Call::Wait(_)) | None => {}
            }
        }
        if let Some(service) = due {
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

/// Whether the calendar knows a service.
fn is_scheduled(plan: &Plan, service: &Service) -> bool {
    let wanted = &plan.node.drill.services;
    wanted.is_empty()
        || wanted.iter().any(|select| {
            let found = matching(select, plan);
            let mut endpoints = found.iter().filter_map(|id| plan.endpoints.get(id.index()));
            endpoints.any(|endpoint| endpoint.service == service.id)
        })
}
