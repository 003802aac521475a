//! What policies see of health, and what they remember.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::check::Claim;
use crate::model::force::ForceKind;
use crate::model::id::{EndpointId, GroupId, TargetId};
use crate::model::service::{Endpoint, Service};
use crate::model::time::Moment;
use crate::policy::choice::Choice;
use crate::policy::exclusive::Held;
use crate::policy::failover::Seat;

/// An address family: A and AAAA are judged apart unless the operator couples them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Family {
    /// A.
    V4,
    /// AAAA.
    V6,
}

impl Family {
    /// Both, A first.
    pub const BOTH: [Self; 2] = [Self::V4, Self::V6];

    /// The record type's name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V4 => "A",
            Self::V6 => "AAAA",
        }
    }

    /// Whether `address` is of this family.
    #[must_use]
    pub fn holds(self, address: std::net::IpAddr) -> bool {
        (self == Self::V4) == address.is_ipv4()
    }

    /// 0 for A, 1 for AAAA.
    #[must_use]
    pub fn index(self) -> usize {
        usize::from(self == Self::V6)
    }
}

/// How good an address is, worst first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// Down.
    #[default]
    Down,
    /// Its probes succeed, but it is held down (minimum, damping): better than nothing.
    Held,
    /// Up, but something is not as it should be (slow, certificate near its end): preferred less.
    Degraded,
    /// Up, or presumed to be.
    Up,
}

impl Tier {
    /// As printed.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::Held => "held down",
            Self::Degraded => "degraded",
            Self::Up => "up",
        }
    }
}

/// What a policy sees of one target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// How good it is.
    pub tier: Tier,
    /// Whether it has no verdict yet and its time for a first one runs.
    pub waiting: bool,
    /// Whether its probes and its state disagree.
    pub in_doubt: bool,
    /// The earliest moment at which its tier could change.
    pub earliest_flip: Moment,
    /// What it claims to be; `None` for checks that cannot tell, and before the first word.
    pub claim: Option<Claim>,
    /// How far a standby was behind when it last said so.
    pub lag: Option<Duration>,
    /// Of the last successful probe.
    pub latency: Option<Duration>,
    /// Of successful probes, smoothed: a moving average in which the last one counts an eighth.
    pub smooth: Option<Duration>,
    /// Whether its probes say that it lives: never by presumption.
    pub alive: bool,
    /// Whether it lives and its latest word, said after it was last seen as primary, is that it is a standby.
    pub demoted: bool,
    /// Whether it was further behind than its check's `max_lag` when it was last seen as a standby.
    pub too_far: bool,
}

impl Reading {
    /// An address that nobody probes: up until an operator says otherwise.
    pub const UNPROBED: Self = Self {
        tier: Tier::Up,
        waiting: false,
        in_doubt: false,
        earliest_flip: Moment::FAR,
        claim: None,
        lag: None,
        latency: None,
        smooth: None,
        alive: false,
        demoted: false,
        too_far: false,
    };
}

/// What an operator made of an endpoint, whatever its probes say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forced {
    /// What.
    pub kind: ForceKind,
    /// Until then; [`Moment::FAR`] for good.
    pub until: Moment,
}

impl Forced {
    /// What policies see instead of `reading`.
    #[must_use]
    pub fn over(self, reading: Reading) -> Reading {
        Reading {
            tier: if self.kind.removes() { Tier::Down } else { Tier::Up },
            waiting: false,
            earliest_flip: self.until,
            ..reading
        }
    }

    /// Why it is chosen, or not.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self.kind {
            ForceKind::Drain => "drained by an operator",
            ForceKind::Down => "forced down by an operator",
            ForceKind::Up => "forced up by an operator",
        }
    }
}

/// Health as policies see it.
pub trait Readings {
    /// Of this target.
    fn of(&self, target: TargetId) -> Reading;

    /// What an operator laid upon an endpoint.
    fn forced(&self, _: EndpointId) -> Option<Forced> {
        None
    }

    /// Whether this node seems cut off.
    fn is_cut_off(&self) -> bool {
        false
    }

    /// Whether caches may hold any address of `service` that is not among `excepted`.
    fn held_but(&self, _service: &Service, _excepted: &[std::net::IpAddr]) -> Held {
        Held::No
    }

    /// Whether the disk knows the addresses of `endpoint` as those of the writer of `service`.
    fn is_on_disk(&self, _service: &Service, _endpoint: &Endpoint) -> bool {
        true
    }

    /// Of one address of an endpoint: what its target says, unless an operator says otherwise.
    fn seen(&self, endpoint: EndpointId, target: Option<TargetId>) -> Reading {
        let reading = target.map_or(Reading::UNPROBED, |target| self.of(target));
        match self.forced(endpoint) {
            Some(forced) => forced.over(reading),
            None => reading,
        }
    }
}

impl<F: Fn(TargetId) -> Reading> Readings for F {
    fn of(&self, target: TargetId) -> Reading {
        self(target)
    }
}

/// Health alone, as if no operator had laid anything upon endpoints.
#[derive(Clone, Copy, Debug)]
pub struct Unforced<'a, R>(pub &'a R);

impl<R: Readings> Readings for Unforced<'_, R> {
    fn of(&self, target: TargetId) -> Reading {
        self.0.of(target)
    }
}

/// What a service remembers from one decision to the next.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Memory {
    /// Per failover group and family: who is active.
    pub seats: BTreeMap<(GroupId, Family), Seat>,
    /// Whether nobody may leave the seat of the service's own group for now.
    pub held: bool,
    /// Per group under `fastest` and family: whose turn it is.
    pub fastest: BTreeMap<(GroupId, Family), usize>,
    /// Per family (A, AAAA): the last answer made of healthy endpoints.
    pub last_good: [Option<Choice>; 2],
    /// Per family: what is answered now.
    pub current: [Option<Choice>; 2],
}
