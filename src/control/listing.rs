//! What operators laid upon endpoints, as data: the forced state beside the real one.

use serde::Serialize;

use crate::control::draining::WaitStatus;
use crate::control::overrides::{Override, place_in_words};
use crate::control::step::Control;
use crate::model::id::EndpointId;
use crate::model::reach::matching;
use crate::model::time::Now;
use crate::policy::readings::Tier;

/// An override as it lies upon an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct ForcedStatus {
    /// `drain`, `up`, `down`.
    pub state: &'static str,
    /// Who answers for it.
    pub by: String,
    /// Why.
    pub reason: Option<String>,
    /// The selector that it was laid with.
    pub select: String,
    /// When it was laid, in milliseconds since 1970.
    pub since_unix_ms: u64,
    /// When it ends, in milliseconds since 1970; `None`: when it is released.
    pub until_unix_ms: Option<u64>,
    /// How long that is from now, in milliseconds.
    pub left_ms: Option<u64>,
    /// Whether it went past a rule of safety.
    pub break_glass: bool,
    /// Where it stands in the file; `None`: it was a command.
    pub place: Option<String>,
    /// What fails behind an endpoint that is forced up.
    pub hides: Option<String>,
    /// For how long clients may still come to an endpoint that is taken out.
    pub wait: Option<WaitStatus>,
}

/// One override with all that it lies upon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct OverrideStatus {
    /// What it is; `hides` and `wait` stand with each endpoint.
    #[serde(flatten)]
    pub forced: ForcedStatus,
    /// Whom it means, in the plan's order; empty when it means nobody any more.
    pub endpoints: Vec<TouchedStatus>,
}

/// An endpoint upon which an override lies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct TouchedStatus {
    /// The service.
    pub service: String,
    /// The endpoint.
    pub endpoint: String,
    /// What its best address is really: `up`, `degraded`, `held down`, `down`.
    pub real: &'static str,
    /// Whether this override counts, or a later one.
    pub counts: bool,
    /// What fails behind it, when it is forced up.
    pub hides: Option<String>,
    /// For how long clients may still come to it, when it is taken out.
    pub wait: Option<WaitStatus>,
}

impl Control {
    /// All overrides: those of the file, then commands, oldest first.
    #[must_use]
    pub fn overrides(&self, now: Now) -> Vec<OverrideStatus> {
        let standing = self.overrides.standing.iter().enumerate();
        standing
            .map(|(index, over)| OverrideStatus {
                forced: described(over, None, None, now),
                endpoints: matching(&over.select, &self.plan)
                    .into_iter()
                    .filter_map(|id| self.touched(id, index, now))
                    .collect(),
            })
            .collect()
    }

    fn touched(&self, id: EndpointId, index: usize, now: Now) -> Option<TouchedStatus> {
        let endpoint = self.plan.endpoints.get(id.index())?;
        let service = self.plan.services.get(endpoint.service.index())?;
        let counts = self.overrides.on.get(id.index()).copied().flatten() == Some(index);
        Some(TouchedStatus {
            service: service.display_name(),
            endpoint: endpoint.name.clone(),
            real: self.real_tier(id, now).as_str(),
            counts,
            hides: self.masks(id, now).filter(|_| counts),
            wait: self.wait_status(id, now).filter(|_| counts),
        })
    }

    /// How good the best address of an endpoint really is.
    pub(super) fn real_tier(&self, id: EndpointId, now: Now) -> Tier {
        let Some(endpoint) = self.plan.endpoints.get(id.index()) else {
            return Tier::Down;
        };
        let tiers = endpoint.addresses.iter().map(|address| {
            let reading = address.target.map(|target| self.reading(target, now, true));
            reading.map_or(Tier::Up, |reading| reading.tier)
        });
        tiers.max().unwrap_or(Tier::Down)
    }

    /// What counts for an endpoint, when an operator laid something upon it.
    pub(super) fn forced_status(&self, id: EndpointId, now: Now) -> Option<ForcedStatus> {
        let over = self.overrides.upon(id)?;
        Some(described(
            over,
            self.masks(id, now),
            self.wait_status(id, now),
            now,
        ))
    }
}

fn described(over: &Override, hides: Option<String>, wait: Option<WaitStatus>, now: Now) -> ForcedStatus {
    let left = over.expiry.map(|expiry| expiry.at.since(now.moment));
    ForcedStatus {
        state: over.kind.as_str(),
        by: over.owner.clone(),
        reason: over.reason.clone(),
        select: over.select.as_str().to_owned(),
        since_unix_ms: over.created.0,
        until_unix_ms: over.expiry.map(|expiry| expiry.wall.0),
        left_ms: left.map(|left| u64::try_from(left.as_millis()).unwrap_or(u64::MAX)),
        break_glass: over.break_glass,
        place: over.place.as_ref().map(place_in_words),
        hides,
        wait,
    }
}
