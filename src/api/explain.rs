//! One question answered and explained: the engine's own answer, decoded, beside the signal box's reasons.

pub mod answer;
pub mod replay;

use std::net::IpAddr;
use std::str::FromStr;

use hickory_proto::rr::RecordType;
use serde::Serialize;

use crate::answer::snapshot::Snapshot;
use crate::api::explain::answer::{Answer, ask};
use crate::api::explain::replay::{Apex, Asked, Possible, apex, asked, possible};
use crate::api::live::Question;
use crate::control::explain::Explanation;
use crate::control::status::ServiceStatus;
use crate::control::step::Control;
use crate::model::place::Atlas;
use crate::model::plan::{Plan, Prefix};
use crate::model::service::Service;
use crate::model::service::{Group, MemberKind, Policy};
use crate::model::time::Now;
use crate::policy::choice::client::{number, width};
use crate::wire::name::Name;

/// What is answered to one question, and why.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Explained)]
pub struct Report {
    /// The question's name.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub rtype: String,
    /// The client it was asked for.
    #[schema(value_type = String)]
    pub client: IpAddr,
    /// Which zone answers; `None`: none of ours.
    pub zone: Option<String>,
    /// The service at that name, with every candidate's state and why it was chosen or not.
    pub service: Option<Explanation>,
    /// The way to the answer, in sentences.
    pub steps: Vec<String>,
    /// The exact answer.
    pub answer: Answer,
    /// The question as it was put: with this, `apex` and `service.basis` the answer can be made again.
    pub asked: Asked,
    /// The zone, as far as answers without records need it.
    pub apex: Option<Apex>,
    /// Of the service's addresses: what this client may get, and how often, for A and AAAA.
    pub possible: [Vec<Possible>; 2],
}

/// The number of a type's name: `A`, `aaaa`, `TYPE65280`.
#[must_use]
pub fn rtype_named(name: &str) -> Option<u16> {
    let upper = name.to_ascii_uppercase();
    match upper.strip_prefix("TYPE") {
        Some(number) => number.parse().ok(),
        None => RecordType::from_str(&upper).ok().map(u16::from),
    }
}

/// Reads `192.0.2.0/24`; bits past the length must be zero.
///
/// # Errors
/// What is wrong with it.
pub fn network_read(text: &str) -> Result<Prefix, String> {
    let wrong = || format!("`{text}` is no network; write e.g. 192.0.2.0/24 or 2001:db8::/56");
    let (address, length) = text.split_once('/').ok_or_else(wrong)?;
    let address: IpAddr = address.parse().map_err(|_| wrong())?;
    let length: u8 = length.parse().map_err(|_| wrong())?;
    let bits = width(address);
    let past = bits.checked_sub(length).ok_or_else(wrong)?;
    let rest = number(address) & 1u128.checked_shl(past.into()).map_or(u128::MAX, |size| size - 1);
    if rest != 0 {
        return Err(format!("`{text}` has bits past its length"));
    }
    Ok(Prefix { address, length })
}

/// Asks the engine, decodes its answer, and adds the reasons.
#[must_use]
pub fn explain(plan: &Plan, control: &Control, snapshot: &Snapshot, question: &Question, now: Now) -> Report {
    let mut steps = Vec::new();
    let zone = plan
        .zones
        .iter()
        .filter(|zone| question.name.is_within(&zone.origin))
        .max_by_key(|zone| zone.origin.as_wire().len());
    match zone {
        None => steps.push("no zone of this server encloses the name: REFUSED".to_owned()),
        Some(zone) if zone.refused => steps.push(format!(
            "zone {} ({}) has mistakes and is not served: SERVFAIL; `pointsman check` shows them",
            zone.origin,
            zone.source.display()
        )),
        Some(zone) if !zone.access.permit(question.client) => steps.push(format!(
            "zone {} ({}) has `access` rules that leave this client out: REFUSED",
            zone.origin,
            zone.source.display()
        )),
        Some(zone) => steps.push(format!(
            "zone {} ({}) encloses the name",
            zone.origin,
            zone.source.display()
        )),
    }
    // As the engine finds it: through a wildcard, or at another of its names, too.
    let service = snapshot.service_at(question.name.as_wire());
    let service = service.and_then(|id| plan.services.get(id.index()));
    let rtype = RecordType::from(question.rtype);
    let service = service.filter(|_| zone.is_some_and(|zone| !zone.refused));
    let explanation = service.map(|service| {
        steps.push(format!(
            "service {}: policy {}; {}",
            service.display_name(),
            service.group.policy.as_str(),
            follows(service, &question.name)
        ));
        let explanation = control.explain(service.id, now);
        steps.extend(reasons(&explanation, question.rtype));
        if let Some(geo) = plan.node.geo.as_ref().filter(|_| asks_places(&service.group)) {
            steps.push(place(question.client, &*geo.atlas));
        }
        explanation
    });
    if service.is_none() && zone.is_some_and(|zone| !zone.refused) {
        steps.push("no service stands at the name itself: the zone's records answer".to_owned());
    }
    let answer = ask(snapshot, question, now);
    let asked = asked(plan, question, now);
    steps.push(match (answer.rcode.as_str(), answer.answers.len()) {
        ("", _) => "nothing is sent".to_owned(),
        ("NOERROR", 0) if !answer.authoritative => "answered with a referral".to_owned(),
        ("NOERROR", 0) => format!("answered: NODATA, the name has no {rtype}"),
        (rcode, 0) => format!("answered: {rcode}"),
        (rcode, count) => format!(
            "answered: {rcode} with {count} record{}",
            if count == 1 { "" } else { "s" }
        ),
    });
    Report {
        name: question.name.to_string(),
        rtype: rtype.to_string(),
        client: question.client,
        zone: zone.map(|zone| zone.origin.to_string()),
        possible: match explanation
            .as_ref()
            .and_then(|explanation| explanation.decision.as_ref())
        {
            Some(decision) => [&decision.a, &decision.aaaa].map(|choice| possible(plan, &asked, choice)),
            None => Default::default(),
        },
        apex: zone.map(|zone| apex(zone, snapshot, &question.name, explanation.is_some())),
        asked,
        service: explanation,
        steps,
        answer,
    }
}

/// Which types follow health at `name`, and what that name is to the service.
fn follows(service: &Service, name: &Name) -> String {
    let facets = &service.facets;
    if let Some(host) = facets.hosts.iter().find(|host| host.name == *name) {
        let endpoint = host.name.labels().next().unwrap_or_default();
        return format!(
            "host name of endpoint {}: its addresses, while they are usable",
            String::from_utf8_lossy(endpoint)
        );
    }
    if facets.srv.iter().any(|srv| srv.owner == *name) {
        return "SRV names the endpoints that A and AAAA may answer".to_owned();
    }
    let mx = facets.mx.map(|_| "MX".to_owned());
    let bindings = facets
        .bindings
        .iter()
        .map(|binding| RecordType::from(binding.rtype).to_string());
    let types: Vec<String> = ["A", "AAAA"]
        .into_iter()
        .map(str::to_owned)
        .chain(mx)
        .chain(bindings)
        .collect();
    format!("{} follow health, other types are static", types.join(", "))
}

/// Whether a policy of it goes by where the client is.
fn asks_places(group: &Group) -> bool {
    group.policy == Policy::Geo
        || group.members.iter().any(|member| match &member.kind {
            MemberKind::Pool(pool) => asks_places(pool),
            MemberKind::Endpoint(_) => false,
        })
}

/// Where the client is, in a sentence.
fn place(client: IpAddr, atlas: &dyn Atlas) -> String {
    let located = atlas.locate(client.to_canonical());
    let Some(location) = located.location else {
        return format!("the database of places knows nothing of {client}");
    };
    let mut known: Vec<String> = location
        .regions
        .iter()
        .flatten()
        .map(ToString::to_string)
        .collect();
    known.extend(
        location
            .point
            .map(|point| format!("about {}, {}", point.latitude, point.longitude)),
    );
    format!(
        "{client} and all of its /{} are in {}",
        located.length,
        known.join(", ")
    )
}

/// The signal box's reasons in sentences, for the family that was asked for (both for other types).
fn reasons(explanation: &Explanation, rtype: u16) -> Vec<String> {
    let wanted = |family: &str| match RecordType::from(rtype) {
        RecordType::A => family == "A",
        RecordType::AAAA => family == "AAAA",
        _ => true,
    };
    let mut sentences: Vec<String> = explanation
        .considered
        .iter()
        .filter(|considered| wanted(considered.family))
        .map(|considered| {
            format!(
                "{}: candidates considered: {}",
                considered.family, considered.which
            )
        })
        .collect();
    sentences.extend(
        explanation
            .candidates
            .iter()
            .filter(|candidate| wanted(candidate.family))
            .map(|candidate| {
                let mark = if candidate.chosen { "chosen" } else { "not chosen" };
                let pool = if candidate.pool.is_empty() {
                    String::new()
                } else {
                    format!("{}/", candidate.pool)
                };
                let forced = candidate
                    .forced
                    .as_ref()
                    .map_or_else(String::new, |forced| format!(" ({forced})"));
                format!(
                    "{}: {pool}{} is {}{forced}: {mark}: {}",
                    candidate.family, candidate.name, candidate.state, candidate.why
                )
            }),
    );
    if let Some(status) = &explanation.status {
        sentences.extend(degraded(status));
        if let Some(degraded) = &status.degraded {
            sentences.push(format!("not as it should be: {degraded}"));
        }
        if let Some(gate) = &status.gate {
            let until = crate::model::time::UnixTime(gate.until_unix_ms);
            sentences.push(match gate.state {
                "running" => format!("the gate of {} runs, until {until} at the most; {} stays", gate.to, gate.from),
                _ => format!(
                    "the gate of {} was not passed ({}); tried again at {until}; `pointsman failover {} --to {} \
                     --break-glass` goes past it",
                    gate.to,
                    gate.why.as_deref().unwrap_or_default(),
                    status.service,
                    gate.to
                ),
            });
        } else if let Some(proposed) = &status.proposed {
            sentences.push(format!(
                "the operator decides (switch = manual): `pointsman failover {} --to {proposed}` is proposed",
                status.service
            ));
        }
        sentences.push(format!("TTL {} s ({})", status.ttl, status.ttl_mode));
    }
    sentences
}

/// Which addresses are less than well, and why.
fn degraded(status: &ServiceStatus) -> impl Iterator<Item = String> {
    status.endpoints.iter().flat_map(|endpoint| {
        endpoint.addresses.iter().filter_map(|address| {
            let why = address.probe.as_ref()?.degraded.as_ref()?;
            Some(format!(
                "{} {} is degraded: {why}",
                endpoint.name, address.address
            ))
        })
    })
}
