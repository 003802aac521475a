//! What somebody needs, besides the service's own state, to make the answer again without us: the question as it was
//! put, where the client is, the zone's SOA, and which answers chance may give.

use std::net::IpAddr;

use serde::Serialize;

use crate::answer::snapshot::Snapshot;
use crate::api::explain::answer::client_of;
use crate::api::live::Question;
use crate::model::cname::shown;
use crate::model::place::{Point, Region};
use crate::model::plan::{Plan, ZonePlan};
use crate::model::time::Now;
use crate::policy::choice::Choice;
use crate::policy::choice::client::{ClientKey, width};
use crate::wire::name::Name;

/// The question as it was put to the engine.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Asked {
    /// The throw of the dice, 0..2^64 in decimal digits: what policies with chance go by.
    pub dice: String,
    /// When, in nanoseconds of this node's own clock.
    pub moment_ns: u64,
    /// When, in milliseconds since 1970.
    pub unix_ms: u64,
    /// The largest UDP message that this node takes, as its OPT says.
    pub udp_payload: u16,
    /// How the query came: `tcp`, so that no answer is cut short.
    pub transport: &'static str,
    /// The client's network as its resolver told it (RFC 7871).
    pub subnet: Option<String>,
    /// Whether that resolver's word is taken.
    pub heeded: bool,
    /// Whose place and prefix decide.
    #[schema(value_type = String)]
    pub address: IpAddr,
    /// How many bits of it are known.
    pub length: u8,
    /// What the database of places knows; `None`: nothing, or there is no database.
    pub place: Option<Place>,
    /// For how many bits of the address that holds.
    pub place_length: u8,
}

/// Where a client is.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Place {
    /// Its regions, the most specific first.
    #[schema(value_type = Vec<String>)]
    pub regions: Vec<Region>,
    /// Where it is, roughly.
    #[schema(value_type = Option<Object>)]
    pub point: Option<Point>,
}

/// The zone, as far as answers without records need it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Apex {
    /// Its origin.
    pub origin: String,
    /// It has mistakes and is not served.
    pub refused: bool,
    /// What stands at the name: `service`, `records` (or a cut: the zone's records alone speak), `nothing`.
    pub stands: &'static str,
    /// The SOA of negative answers.
    pub soa: Option<Soa>,
}

/// The SOA that negative answers carry (RFC 2308).
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Soa {
    /// In seconds: the least of the record's TTL and its MINIMUM.
    pub ttl: u32,
    /// MNAME.
    pub mname: String,
    /// RNAME.
    pub rname: String,
    /// SERIAL, REFRESH, RETRY, EXPIRE, MINIMUM.
    pub numbers: [u32; 5],
}

/// One of the answers that a client may get.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Possible {
    /// How often, of 1.
    pub share: f64,
    /// The addresses, in order; `CNAME lb.example.net` where a name is answered.
    pub addresses: Vec<String>,
    /// How many of them are answered.
    pub take: u16,
    /// Whether a throw of the dice says at which of them it begins.
    pub rotated: bool,
}

/// The question, and where its client is.
pub(super) fn asked(plan: &Plan, question: &Question, now: Now) -> Asked {
    let trusted = plan.node.trust_ecs.iter();
    let heeded =
        question.subnet.is_some() && trusted.clone().any(|network| network.contains(question.client));
    let (address, length) = client_of(question, heeded);
    let located = plan.node.geo.as_ref().map(|geo| geo.atlas.locate(address));
    Asked {
        dice: question.dice.to_string(),
        moment_ns: now.moment.nanos(),
        unix_ms: now.wall.0,
        udp_payload: plan.node.udp_payload.clamp(512, 4096),
        transport: "tcp",
        subnet: question
            .subnet
            .map(|network| format!("{}/{}", network.address, network.length)),
        heeded,
        address,
        length: length.unwrap_or_else(|| width(address)),
        place: located.and_then(|located| {
            let location = located.location?;
            Some(Place {
                regions: location.regions.into_iter().flatten().collect(),
                point: location.point,
            })
        }),
        place_length: located.map_or(0, |located| located.length),
    }
}

/// The zone that answers.
pub(super) fn apex(zone: &ZonePlan, snapshot: &Snapshot, name: &Name, is_service: bool) -> Apex {
    let soa = snapshot.negative_soa(zone.origin.as_wire());
    Apex {
        origin: zone.origin.to_string(),
        refused: zone.refused,
        stands: match (is_service, snapshot.is_missing(name.as_wire())) {
            (true, _) => "service",
            (_, true) => "nothing",
            _ => "records",
        },
        soa: soa.and_then(|(ttl, data)| {
            let (mname, rest) = read_name(&data)?;
            let (rname, rest) = read_name(rest)?;
            let (numbers, _) = rest.as_chunks::<4>();
            let numbers: Vec<u32> = numbers.iter().map(|number| u32::from_be_bytes(*number)).collect();
            Some(Soa {
                ttl,
                mname,
                rname,
                numbers: numbers.try_into().ok()?,
            })
        }),
    }
}

/// The name at the beginning of `octets`, and what follows.
fn read_name(octets: &[u8]) -> Option<(String, &[u8])> {
    let mut end = 0;
    loop {
        let label = usize::from(*octets.get(end)?);
        end += 1 + label;
        if label == 0 {
            break;
        }
    }
    let (name, rest) = octets.split_at_checked(end)?;
    Some((Name::from_wire(name).ok()?.to_string(), rest))
}

/// What the client may get of `choice`.
pub(super) fn possible(plan: &Plan, asked: &Asked, choice: &Choice) -> Vec<Possible> {
    let atlas = plan.node.geo.as_ref().map(|geo| &*geo.atlas);
    let client = ClientKey {
        address: asked.address,
        length: asked.length,
        atlas,
    };
    let found = choice.possible(&client).into_iter();
    found
        .map(|(share, run)| {
            let from = usize::from(run.first);
            let addresses = choice.addresses.get(from..from + usize::from(run.count));
            Possible {
                share,
                addresses: addresses
                    .unwrap_or_default()
                    .iter()
                    .map(|address| shown(&plan.endpoints, *address))
                    .collect(),
                take: run.take,
                rotated: run.rotate,
            }
        })
        .collect()
}
