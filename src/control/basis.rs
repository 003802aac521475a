//! What a decision is made of, complete: the service as configured, what is seen of each address, what operators laid
//! upon endpoints, what the service remembers, and when it was decided. From this alone the decision can be made again
//! by somebody who does not trust us; `docs/explain.md` says how.

use serde::Serialize;

use crate::control::ledger::Held;
use crate::control::step::Control;
use crate::control::watch::Desk;
use crate::model::check::Claim;
use crate::model::id::EndpointId;
use crate::model::place::{Point, Region};
use crate::model::service::{
    Endpoint, Failback, Families, Group, Member, MemberKind, Policy, Service, Switch, TtlRule, WhenAllDown,
};
use crate::model::time::{Moment, Now};
use crate::policy::choice::Choice;
use crate::policy::readings::{Family, Readings};
use crate::policy::tree::member_name;

/// Everything that one service's decision in force was made of. Moments are nanoseconds of this node's own clock.
#[derive(Clone, Debug, Default, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Basis {
    /// When the decision in force was made; `None`: none was made yet.
    pub decided_ns: Option<u64>,
    /// `fixed`, `stable`, `strict`.
    pub ttl_mode: &'static str,
    /// The longest TTL, in seconds (`fixed`: the only one).
    pub ttl_max: u32,
    /// The shortest TTL, in seconds.
    pub ttl_min: u32,
    /// `auto`, `manual`.
    pub switch: &'static str,
    /// `auto`, `manual`, `after`.
    pub failback: &'static str,
    /// After how long, in nanoseconds, when it is `after`.
    pub failback_after_ns: Option<u64>,
    /// `last`, `assume-up`, `none`, `servfail`, `fallback`.
    pub when_all_down: &'static str,
    /// The addresses of the fallback.
    pub fallback: Vec<String>,
    /// `apart`, `together`.
    pub families: &'static str,
    /// `safe`, `fast`; `None`: the service is not exclusive.
    pub exclusive: Option<&'static str>,
    /// While a gate stands before a switch: what is said of it. Then `current` is answered, as if it were in doubt.
    pub gate: Option<String>,
    /// Whether this node seems cut off.
    pub cut_off: bool,
    /// Whether endpoints have host names of their own, so that any of them could change an answer.
    pub hosts: bool,
    /// The service's own group.
    pub group: GroupBasis,
    /// Per family (A, AAAA): the last answer made of healthy endpoints.
    #[schema(value_type = Vec<serde_json::Value>)]
    pub last_good: [Option<Choice>; 2],
    /// Per family: what is answered now; what stands while new endpoints have no verdict.
    #[schema(value_type = Vec<serde_json::Value>)]
    pub current: [Option<Choice>; 2],
}

/// A group: how it chooses, among whom, and what it remembers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, utoipa::ToSchema)]
pub struct GroupBasis {
    /// The pool's name; `None`: the service's own.
    pub pool: Option<String>,
    /// As written in a zone file.
    pub policy: &'static str,
    /// Under `all`: at most so many addresses.
    pub max_answers: Option<u16>,
    /// Under `sticky`: how many bits of IPv4 and of IPv6 stand for a client.
    pub prefix: Option<[u8; 2]>,
    /// Under `fastest`: by how many hundredths another must be faster.
    pub margin: Option<u8>,
    /// How many must be up.
    pub min_up: u32,
    /// With fewer well than this it is degraded itself.
    pub degraded_below: u32,
    /// Which part of its weight a degraded member keeps, in thousandths.
    pub degraded_weight: u32,
    /// The load that members with a capacity share.
    pub demand: Option<u32>,
    /// In the order written.
    pub members: Vec<MemberBasis>,
    /// Under `failover`, per family: who is active.
    pub seats: Vec<SeatBasis>,
    /// Under `fastest`, per family: whose turn it is.
    pub fastest: Vec<TurnBasis>,
}

/// Who is active in a failover group, for one family.
#[derive(Clone, Debug, Default, PartialEq, Serialize, utoipa::ToSchema)]
pub struct SeatBasis {
    /// `A`, `AAAA`.
    pub family: &'static str,
    /// Index of the active member.
    pub active: Option<usize>,
    /// Whether an operator put it there.
    pub by_hand: bool,
    /// By member: since when it is up without a break.
    pub up_since_ns: Vec<Option<u64>>,
}

/// Whose turn it is in a group under `fastest`, for one family.
#[derive(Clone, Debug, Default, PartialEq, Serialize, utoipa::ToSchema)]
pub struct TurnBasis {
    /// `A`, `AAAA`.
    pub family: &'static str,
    /// Index of the member.
    pub member: usize,
}

/// A member of a group: an endpoint or a pool.
#[derive(Clone, Debug, Default, PartialEq, Serialize, utoipa::ToSchema)]
pub struct MemberBasis {
    /// What operators call it.
    pub name: String,
    /// Its share.
    pub weight: u32,
    /// The most that it can serve.
    pub capacity: Option<u32>,
    /// Under `subnet`: whom it is for, `192.0.2.0/24`.
    pub networks: Vec<String>,
    /// Under `geo`: whom it is for.
    #[schema(value_type = Vec<String>)]
    pub regions: Vec<Region>,
    /// Under `geo`: where it is.
    #[schema(value_type = Option<Object>)]
    pub point: Option<Point>,
    /// When it is an endpoint.
    pub endpoint: Option<EndpointBasis>,
    /// When it is a pool.
    #[schema(no_recursion)]
    pub group: Option<Box<GroupBasis>>,
}

/// An endpoint as the decision saw it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, utoipa::ToSchema)]
pub struct EndpointBasis {
    /// What an operator made of it: `drain`, `up`, `down`.
    pub forced: Option<&'static str>,
    /// Until when.
    pub forced_until_ns: Option<u64>,
    /// The name that is answered in its place; its addresses are stand-ins then.
    pub cname: Option<String>,
    /// Whether its addresses come from a name elsewhere.
    pub alias: bool,
    /// In the order written.
    pub addresses: Vec<AddressBasis>,
    /// Of an exclusive service: whether these addresses are on disk as the writer's.
    pub on_disk: bool,
}

/// An address as the decision saw it: what its probes say, whatever operators laid upon it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, utoipa::ToSchema)]
pub struct AddressBasis {
    /// What is answered.
    pub address: String,
    /// `up`, `degraded`, `held down`, `down`.
    pub tier: &'static str,
    /// Whether its time for a first verdict runs.
    pub waiting: bool,
    /// Whether its probes and its state disagree.
    pub in_doubt: bool,
    /// With a strict TTL: when it could change at the earliest; `None`: never.
    pub earliest_flip_ns: Option<u64>,
    /// Of successful probes, smoothed.
    pub smooth_ns: Option<u64>,
    /// Whether its probes say that it lives.
    pub alive: bool,
    /// `primary`, `standby`, as it says itself.
    pub claim: Option<&'static str>,
    /// Whether its latest word is that it is a standby.
    pub demoted: bool,
    /// Whether it was too far behind when it was last a standby.
    pub too_far: bool,
    /// Whether caches may hold it: `answered` (it is in the answer), `until` (see `held_until_ns`), `no`.
    pub held: &'static str,
    /// Until when caches may hold it.
    pub held_until_ns: Option<u64>,
}

/// A moment that comes.
fn comes(at: Moment) -> Option<u64> {
    (at != Moment::FAR).then(|| at.nanos())
}

impl Control {
    /// What the decision in force of `service` was made of.
    pub(super) fn basis(&self, service: &Service, desk: &Desk, now: Now) -> Basis {
        let (ttl_mode, ttl_max, ttl_min) = match service.ttl {
            TtlRule::Fixed(ttl) => ("fixed", ttl, ttl),
            TtlRule::Stable { max, min } => ("stable", max, min),
            TtlRule::Strict { max, min } => ("strict", max, min),
        };
        let (failback, failback_after) = match service.failback {
            Failback::Auto => ("auto", None),
            Failback::Manual => ("manual", None),
            Failback::After(wait) => ("after", Some(wait)),
        };
        let (when_all_down, fallback) = match &service.when_all_down {
            WhenAllDown::Last => ("last", &[][..]),
            WhenAllDown::AssumeUp => ("assume-up", &[][..]),
            WhenAllDown::None => ("none", &[][..]),
            WhenAllDown::Servfail => ("servfail", &[][..]),
            WhenAllDown::Fallback(to) => ("fallback", &to[..]),
        };
        let eye = Eye {
            control: self,
            service,
            desk,
            now,
        };
        Basis {
            decided_ns: desk.decided.as_ref().map(|_| desk.decided_at.nanos()),
            ttl_mode,
            ttl_max: ttl_max.secs(),
            ttl_min: ttl_min.secs(),
            switch: match service.switch {
                Switch::Auto => "auto",
                Switch::Manual => "manual",
            },
            failback,
            failback_after_ns: failback_after.map(|wait| u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX)),
            when_all_down,
            fallback: fallback.iter().map(ToString::to_string).collect(),
            families: match service.families {
                Families::Apart => "apart",
                Families::Together => "together",
            },
            exclusive: service.exclusive.map(|handover| handover.as_str()),
            gate: desk
                .decided
                .as_ref()
                .filter(|_| desk.gate.holds)
                .and_then(|decided| decided.why.first().cloned()),
            cut_off: self.isolation.is_frozen(),
            hosts: !service.facets.hosts.is_empty(),
            group: eye.group(&service.group),
            last_good: desk.memory.last_good.clone(),
            current: desk.memory.current.clone(),
        }
    }
}

/// One service looked at.
struct Eye<'a> {
    control: &'a Control,
    service: &'a Service,
    desk: &'a Desk,
    now: Now,
}

impl Eye<'_> {
    fn group(&self, group: &Group) -> GroupBasis {
        let memory = &self.desk.memory;
        let seat = |family: Family| {
            let seat = memory.seats.get(&(group.id, family))?;
            Some(SeatBasis {
                family: family.as_str(),
                active: seat.active,
                by_hand: seat.by_hand,
                up_since_ns: seat
                    .up_since
                    .iter()
                    .map(|since| since.map(Moment::nanos))
                    .collect(),
            })
        };
        let fastest = |family: Family| {
            let turn = memory.fastest.get(&(group.id, family))?;
            Some(TurnBasis {
                family: family.as_str(),
                member: *turn,
            })
        };
        GroupBasis {
            pool: group.pool.clone(),
            policy: group.policy.as_str(),
            max_answers: match group.policy {
                Policy::All { max_answers } => max_answers,
                _ => None,
            },
            prefix: match group.policy {
                Policy::Sticky(prefix) => Some([prefix.v4, prefix.v6]),
                _ => None,
            },
            margin: match group.policy {
                Policy::Fastest { margin } => Some(margin),
                _ => None,
            },
            min_up: group.min_up,
            degraded_below: group.spread.degraded_below,
            degraded_weight: group.spread.degraded_weight,
            demand: group.spread.demand,
            members: group.members.iter().map(|member| self.member(member)).collect(),
            seats: Family::BOTH.into_iter().filter_map(seat).collect(),
            fastest: Family::BOTH.into_iter().filter_map(fastest).collect(),
        }
    }

    fn member(&self, member: &Member) -> MemberBasis {
        let endpoints = &self.control.plan.endpoints;
        let networks = member.serves.networks.iter();
        let (endpoint, group) = match &member.kind {
            MemberKind::Endpoint(id) => (endpoints.get(id.index()).map(|known| self.endpoint(known)), None),
            MemberKind::Pool(pool) => (None, Some(Box::new(self.group(pool)))),
        };
        MemberBasis {
            name: member_name(endpoints, member),
            weight: member.weight,
            capacity: member.capacity,
            networks: networks
                .map(|network| format!("{}/{}", network.address, network.length))
                .collect(),
            regions: member.serves.regions.clone(),
            point: member.serves.point,
            endpoint,
            group,
        }
    }

    fn endpoint(&self, endpoint: &Endpoint) -> EndpointBasis {
        let fresh = self.desk.fresh || !self.control.opened;
        let eyes = self.control.eyes(self.now, fresh);
        let forced = eyes.forced(endpoint.id);
        let name = self.service.display_name();
        let address = |known: &crate::model::service::EndpointAddress| {
            // What probes say; what operators say stands beside it.
            let reading = known
                .target
                .map_or(crate::policy::readings::Reading::UNPROBED, |target| {
                    eyes.of(target)
                });
            let (held, until) = match self.control.ledger.held(&name, known.address, self.now.moment) {
                Held::Still => ("answered", None),
                Held::Until(until) => ("until", Some(until)),
                Held::No => ("no", None),
            };
            AddressBasis {
                address: known.address.to_string(),
                tier: reading.tier.as_str(),
                waiting: reading.waiting,
                in_doubt: reading.in_doubt,
                earliest_flip_ns: self.flip(endpoint.id, known.address).and_then(comes),
                smooth_ns: reading
                    .smooth
                    .map(|smooth| u64::try_from(smooth.as_nanos()).unwrap_or(u64::MAX)),
                alive: reading.alive,
                claim: reading.claim.map(|claim| match claim {
                    Claim::Primary => "primary",
                    Claim::Standby => "standby",
                }),
                demoted: reading.demoted,
                too_far: reading.too_far,
                held,
                held_until_ns: until.map(Moment::nanos),
            }
        };
        EndpointBasis {
            forced: forced.map(|forced| forced.kind.as_str()),
            forced_until_ns: forced.and_then(|forced| comes(forced.until)),
            cname: endpoint.cname.as_ref().map(ToString::to_string),
            alias: endpoint.alias.is_some(),
            addresses: endpoint.addresses.iter().map(address).collect(),
            on_disk: self.service.exclusive.is_some() && eyes.is_on_disk(self.service, endpoint),
        }
    }

    /// As the decision in force saw it.
    fn flip(&self, endpoint: EndpointId, address: std::net::IpAddr) -> Option<Moment> {
        let decided = self.desk.decided.as_ref()?;
        let mut flips = decided.flips.iter();
        flips
            .find(|flip| flip.endpoint == endpoint && flip.address == address)
            .map(|flip| flip.at)
    }
}
