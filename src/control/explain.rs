//! The decision of one service, step by step, on the live state: made by the very function that decides, with a
//! witness, on a copy of what the service remembers.

use serde::Serialize;

use crate::control::basis::Basis;
use crate::control::status::ServiceStatus;
use crate::control::step::Control;
use crate::model::id::ServiceId;
use crate::model::reach::walk;
use crate::model::service::Service;
use crate::model::time::Now;
use crate::policy::choice::Decision;
use crate::policy::readings::Family;
use crate::policy::witness::{Note, Notebook};

/// One service's decision with its reasons.
#[derive(Clone, Debug, Default, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Explanation {
    /// How the service stands; `None` for an id that is not in the plan.
    pub status: Option<ServiceStatus>,
    /// Per family that has addresses: which candidates were considered at last (`up`; when nothing is: those held
    /// down; …).
    pub considered: Vec<Considered>,
    /// What became of each candidate, in the order weighed.
    pub candidates: Vec<Candidate>,
    /// What is answered from; `None` before the first decision.
    #[schema(value_type = Option<Object>)]
    pub decision: Option<Decision>,
    /// What the decision in force was made of; `None` for an id that is not in the plan.
    pub basis: Option<Basis>,
}

/// Which candidates a family's answer was made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Considered {
    /// `A`, `AAAA`.
    pub family: &'static str,
    /// In words.
    pub which: &'static str,
}

/// One candidate and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Candidate {
    /// `A`, `AAAA`.
    pub family: &'static str,
    /// The pool it stands in; empty for the service's own group.
    pub pool: String,
    /// Its name.
    pub name: String,
    /// `up`, `held down`, `down`.
    pub state: &'static str,
    /// Whether it is answered.
    pub chosen: bool,
    /// Why, or why not.
    pub why: String,
    /// What an operator laid upon it, and what it is really.
    pub forced: Option<String>,
}

impl Control {
    /// Explains what a service answers now.
    #[must_use]
    pub fn explain(&self, service: ServiceId, now: Now) -> Explanation {
        let (Some(described), Some(desk)) = (
            self.plan.services.get(service.index()),
            self.desks.get(service.index()),
        ) else {
            return Explanation::default();
        };
        let mut notebook = Notebook::default();
        let mut memory = desk.memory.clone();
        if desk.gate.holds {
            self.weigh_held(described, &mut memory, desk.fresh, now, &mut notebook);
        } else {
            self.weigh(described, &mut memory, desk.fresh, now, &mut notebook);
        }
        Explanation {
            status: Some(self.service_status(described, now)),
            considered: notebook
                .demands
                .into_iter()
                .map(|(family, which)| Considered {
                    family: Family::as_str(family),
                    which,
                })
                .collect(),
            decision: desk.last.clone(),
            basis: Some(self.basis(described, desk, now)),
            candidates: notebook
                .notes
                .into_iter()
                .map(|note| Candidate {
                    forced: self.forced_in_words(described, &note, now),
                    family: note.family.as_str(),
                    pool: note.pool,
                    name: note.member,
                    state: note.tier.as_str(),
                    chosen: note.chosen,
                    why: note.why,
                })
                .collect(),
        }
    }

    fn forced_in_words(&self, service: &Service, note: &Note, now: Now) -> Option<String> {
        if self.overrides.standing.is_empty() {
            return None;
        }
        let mut found = None;
        walk(&self.plan, &service.group, &mut Vec::new(), &mut |id, path| {
            let (name, above) = (path.last(), path.len().checked_sub(2).and_then(|at| path.get(at)));
            if name == Some(&note.member.as_str()) && *above.unwrap_or(&"") == note.pool {
                found = Some(id);
            }
        });
        let id = found?;
        let over = self.overrides.upon(id)?;
        let hides = self
            .masks(id, now)
            .map_or_else(String::new, |hides| format!(": {hides}"));
        let wait = self.wait_in_words(id, now);
        let wait = wait.map_or_else(String::new, |wait| format!("; {wait}"));
        Some(format!(
            "{}; really {}{hides}{wait}",
            over.words(),
            self.real_tier(id, now).as_str()
        ))
    }
}
