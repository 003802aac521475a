//! The board of the signal box: a line for each service, short enough that tens of thousands of endpoints fit into one
//! answer. Data for the dashboard; [`status`](crate::control::status) says everything of one service.

use serde::Serialize;

use crate::control::deciding::answered_in_words;
use crate::control::probe_status::trouble_in_words;
use crate::control::step::Control;
use crate::control::watch::Desk;
use crate::model::id::{EndpointId, ServiceId};
use crate::model::service::{Endpoint, EndpointAddress, Service};
use crate::model::time::Now;
use crate::policy::choice::{Decision, Pick};
use crate::policy::readings::{Family, Reading, Tier};
use crate::policy::tree::endpoints_of;

/// Addresses of an answer that are spelt out; the others are counted.
const SPELT: usize = 4;

/// What is said of all lines together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Head {
    /// `node`.
    pub node: String,
    /// The server's time, in milliseconds since 1970.
    pub at_unix_ms: u64,
    /// Services of the plan, whatever was asked for.
    pub total: usize,
    /// Overrides that stand, those of the file included.
    pub overrides: usize,
    /// Whether verdicts are frozen, since this node may be cut off itself.
    pub isolated: bool,
}

/// One service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Line {
    /// `www.example.test`.
    pub name: String,
    /// `failover`, `weighted`, …
    pub policy: &'static str,
    /// `waiting` (first verdicts are awaited), `well`, `degraded` (something is not as it should be), `down` (nothing
    /// that is usable is left).
    pub state: &'static str,
    /// Why the answer is not as it should be; `None`: it is.
    pub degraded: Option<String>,
    /// Why this is answered.
    pub why: String,
    /// What is answered, A before AAAA; at most four.
    pub answers: Vec<String>,
    /// How many there are.
    pub answers_total: usize,
    /// Since when, in milliseconds since 1970; at the earliest since the server's start.
    pub since_unix_ms: Option<u64>,
    /// TTL of an answer given now, in seconds.
    pub ttl: u32,
    /// Who is proposed, when an operator must switch.
    pub proposed: Option<String>,
    /// In the order written.
    pub endpoints: Vec<Lamp>,
}

/// One endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Lamp {
    /// Its name.
    pub name: String,
    /// `unchecked`, `unknown`, `up`, `degraded` (or not every address is up), `held` (probes succeed, held down), `down`:
    /// what its probes say.
    pub state: &'static str,
    /// Whether it may be answered now.
    pub answered: bool,
    /// What an operator laid upon it: `drain`, `up`, `down`.
    pub forced: Option<&'static str>,
    /// Since when its worst address is as it is, in milliseconds since 1970; `None` without a check.
    pub since_unix_ms: Option<u64>,
    /// Of the last successful probe, in microseconds.
    pub latency_us: Option<u64>,
    /// What is wrong.
    pub note: Option<String>,
}

impl Control {
    /// What is said of all lines together.
    #[must_use]
    pub fn board_head(&self, now: Now) -> Head {
        Head {
            node: self.plan.node.name.clone(),
            at_unix_ms: now.wall.0,
            total: self.plan.services.len(),
            overrides: self.overrides.standing.len(),
            isolated: self.isolation.is_frozen(),
        }
    }

    /// The line of a service; `None` for an id that is not in the plan.
    #[must_use]
    pub fn board_line(&self, service: ServiceId, now: Now) -> Option<Line> {
        let service = self.plan.services.get(service.index())?;
        Some(self.line(service, now))
    }

    fn line(&self, service: &Service, now: Now) -> Line {
        let nothing = Desk::default();
        let desk = self.desks.get(service.id.index()).unwrap_or(&nothing);
        let answered = desk.decided.as_ref().map_or(&[][..], |decided| &decided.answered);
        let mut ids = Vec::new();
        endpoints_of(&service.group, &mut ids);
        let endpoints: Vec<Lamp> = ids
            .iter()
            .filter_map(|id| self.lamp(*id, answered.contains(id), now))
            .collect();
        let degraded = desk.last.as_ref().and_then(Decision::degraded);
        let (answers, answers_total) = match &desk.last {
            Some(last) => answered_in_words(&self.plan, last, SPELT),
            None => (Vec::new(), 0),
        };
        Line {
            name: service.display_name(),
            policy: service.group.policy.as_str(),
            state: state(desk, degraded.is_some(), &endpoints),
            degraded,
            why: why(desk),
            answers,
            answers_total,
            since_unix_ms: desk.since.map(|since| since.0),
            ttl: desk
                .last
                .as_ref()
                .map_or(0, |decision| decision.lifetime.at(now.moment).secs()),
            proposed: desk.proposed.as_ref().map(|(_, proposed)| proposed.clone()),
            endpoints,
        }
    }

    fn lamp(&self, id: EndpointId, answered: bool, now: Now) -> Option<Lamp> {
        let endpoint = self.plan.endpoints.get(id.index())?;
        let seen = self.worst(endpoint, now);
        let (state, since, note) = match &seen {
            None => ("unchecked", None, None),
            Some((address, reading, differ)) => {
                let watch = address.target.and_then(|target| self.watches.get(target.index()));
                let since = watch.map(|watch| watch.gate.since().wall.0);
                let trouble = address
                    .target
                    .filter(|_| reading.tier != Tier::Up)
                    .and_then(|target| trouble_in_words(self, target, now));
                let note = match trouble {
                    Some(trouble) if *differ => Some(format!("{}: {trouble}", address.address)),
                    other => other,
                };
                (lamp_state(*reading, *differ), since, note)
            }
        };
        Some(Lamp {
            name: endpoint.name.clone(),
            state,
            answered,
            forced: self.overrides.upon(id).map(|over| over.kind.as_str()),
            since_unix_ms: since,
            latency_us: seen
                .and_then(|(_, reading, _)| reading.latency)
                .map(|latency| u64::try_from(latency.as_micros()).unwrap_or(u64::MAX)),
            note,
        })
    }

    /// The worst of an endpoint's probed addresses, and whether another is better; `None`: none is probed.
    fn worst<'a>(&self, endpoint: &'a Endpoint, now: Now) -> Option<(&'a EndpointAddress, Reading, bool)> {
        let probed = endpoint
            .addresses
            .iter()
            .filter_map(|address| Some((address, self.reading(address.target?, now, true))));
        let mut worst: Option<(&EndpointAddress, Reading)> = None;
        let mut best = Tier::Down;
        for (address, reading) in probed {
            best = best.max(reading.tier);
            if worst.is_none_or(|(_, known)| reading.tier < known.tier) {
                worst = Some((address, reading));
            }
        }
        worst.map(|(address, reading)| (address, reading, reading.tier < best))
    }
}

fn lamp_state(worst: Reading, differ: bool) -> &'static str {
    match worst.tier {
        _ if differ => "degraded",
        Tier::Up if worst.waiting || !worst.alive => "unknown",
        Tier::Up => "up",
        Tier::Degraded => "degraded",
        Tier::Held => "held",
        Tier::Down => "down",
    }
}

fn state(desk: &Desk, degraded: bool, endpoints: &[Lamp]) -> &'static str {
    if desk.last.is_none() {
        return "waiting";
    }
    let usable = |lamp: &&Lamp| match lamp.forced {
        Some("up") => true,
        Some(_) => false,
        None => !matches!(lamp.state, "down" | "held"),
    };
    if endpoints.iter().filter(usable).count() == 0 {
        return "down";
    }
    let ill = |lamp: &Lamp| matches!(lamp.state, "down" | "held" | "degraded") && lamp.forced.is_none();
    if degraded || endpoints.iter().any(ill) {
        return "degraded";
    }
    "well"
}

/// Why this is answered: of the first family that answers at all.
fn why(desk: &Desk) -> String {
    let answers = |family: Family| {
        desk.last.as_ref().is_some_and(|last| {
            let choice = match family {
                Family::V4 => &last.a,
                Family::V6 => &last.aaaa,
            };
            choice.pick != Pick::Nothing
        })
    };
    let family = Family::BOTH.into_iter().find(|family| answers(*family));
    let why = desk
        .decided
        .as_ref()
        .and_then(|decided| decided.why.get(family.unwrap_or(Family::V4).index()));
    why.map_or_else(|| "first verdicts are awaited".to_owned(), Clone::clone)
}
