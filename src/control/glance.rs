//! How a service, an endpoint or a probe stream stands, in one word: what lists are filtered by. It costs a look at
//! what is known already, so that tens of thousands of them can be asked for.

use serde::{Deserialize, Serialize};

use crate::control::step::Control;
use crate::health::standing::Health;
use crate::model::force::ForceKind;
use crate::model::id::{EndpointId, ServiceId, TargetId};
use crate::model::time::Now;

/// How a service stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ServiceState {
    /// It answers as it should.
    Ok,
    /// Its answer is not what it should be; `degraded` says why.
    Degraded,
    /// First verdicts are awaited.
    Waiting,
}

/// How an endpoint stands: the best of its addresses, or what an operator laid upon it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EndpointState {
    /// An address of it is up, or it has no check.
    Up,
    /// The best address answers, but less than well.
    Degraded,
    /// No verdict yet.
    Unknown,
    /// No address of it is up.
    Down,
    /// An operator drained it.
    Drained,
    /// An operator forced it up.
    ForcedUp,
    /// An operator forced it down.
    ForcedDown,
}

/// How a probe stream stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ProbeState {
    /// No verdict yet.
    Unknown,
    /// It answers as the check asks.
    Up,
    /// It answers, but something is not as it should be.
    Degraded,
    /// It does not answer.
    Down,
}

impl From<Health> for ProbeState {
    fn from(health: Health) -> Self {
        match health {
            Health::Unknown => Self::Unknown,
            Health::Up => Self::Up,
            Health::Degraded => Self::Degraded,
            Health::Down => Self::Down,
        }
    }
}

impl Control {
    /// How a service stands; one that is not in the plan waits.
    #[must_use]
    pub fn service_state(&self, service: ServiceId) -> ServiceState {
        let desk = self.desks.get(service.index());
        match desk.and_then(|desk| desk.last.as_ref()) {
            None => ServiceState::Waiting,
            Some(decision) if decision.said.iter().any(Option::is_some) => ServiceState::Degraded,
            Some(_) => ServiceState::Ok,
        }
    }

    /// How an endpoint stands; one that is not in the plan is down.
    #[must_use]
    pub fn endpoint_state(&self, endpoint: EndpointId, now: Now) -> EndpointState {
        match self.overrides.forced(endpoint).map(|forced| forced.kind) {
            Some(ForceKind::Drain) => return EndpointState::Drained,
            Some(ForceKind::Up) => return EndpointState::ForcedUp,
            Some(ForceKind::Down) => return EndpointState::ForcedDown,
            None => {}
        }
        let Some(described) = self.plan.endpoints.get(endpoint.index()) else {
            return EndpointState::Down;
        };
        let states = described.addresses.iter().map(|address| {
            let state = address.target.map(|target| self.probe_state(target, now));
            state.unwrap_or(ProbeState::Up)
        });
        match states.max_by_key(|state| rank(*state)) {
            Some(ProbeState::Up) => EndpointState::Up,
            Some(ProbeState::Degraded) => EndpointState::Degraded,
            Some(ProbeState::Unknown) => EndpointState::Unknown,
            // A name elsewhere that was never resolved has no address.
            Some(ProbeState::Down) | None => EndpointState::Down,
        }
    }

    /// How a probe stream stands: what counts; one that is not in the plan is unknown.
    #[must_use]
    pub fn probe_state(&self, target: TargetId, now: Now) -> ProbeState {
        self.effective(target, now)
            .map_or(ProbeState::Unknown, ProbeState::from)
    }
}

/// What is preferred when one address speaks for all.
fn rank(state: ProbeState) -> u8 {
    match state {
        ProbeState::Down => 0,
        ProbeState::Unknown => 1,
        ProbeState::Degraded => 2,
        ProbeState::Up => 3,
    }
}
