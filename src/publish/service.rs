//! A decision and its records, encoded beforehand.

use std::net::IpAddr;

use crate::answer::served::NOBODY;
use crate::answer::service::{Family, ServiceAnswers};
use crate::model::time::Ttl;
use crate::policy::choice::{Choice, Decision, Degraded, Lifetime, Pick};
use crate::publish::facets::Template;
use crate::publish::lanes::OwnLanes;
use crate::wire::edns::NOT_READY;
use crate::wire::rtype;

/// EXTRA-TEXT is kept short, so that question, OPT, NSID and it fit into 512 octets together.
const EXTRA_TEXT: usize = 64;

/// Encodes what `decision` answers, with what follows from it by `template`; it is counted by `lanes`.
#[must_use]
pub(super) fn encode(decision: &Decision, template: &Template, lanes: &OwnLanes) -> ServiceAnswers {
    let ttl = match decision.lifetime {
        Lifetime::Fixed(ttl) => ttl,
        Lifetime::Until { most, .. } => most, // patched when answered
    };
    let [a, aaaa] = decision.said.each_ref().map(|said| {
        said.as_ref().map(|degraded| Degraded {
            code: degraded.code,
            text: degraded
                .text
                .chars()
                .filter(char::is_ascii)
                .take(EXTRA_TEXT)
                .collect(),
        })
    });
    let mut answers = ServiceAnswers {
        a: family(&template.known(&decision.a), rtype::A, ttl, a, lanes),
        aaaa: family(&template.known(&decision.aaaa), rtype::AAAA, ttl, aaaa, lanes),
        lifetime: decision.lifetime,
        extras: Box::default(),
        facets: Box::default(),
        cnames: template.cnames(),
        lane: lanes.first,
    };
    template.fill(decision, ttl, lanes, &mut answers);
    answers
}

/// What a service answers before anything was decided: SERVFAIL, "not ready".
#[must_use]
pub(super) fn undecided() -> ServiceAnswers {
    let fail = || Choice {
        addresses: Vec::new(),
        pick: Pick::Fail,
    };
    let said = || {
        Some(Degraded {
            code: NOT_READY,
            text: "nothing decided yet".to_owned(),
        })
    };
    let nobody = OwnLanes::default();
    ServiceAnswers {
        a: family(&fail(), rtype::A, Ttl::default(), said(), &nobody),
        aaaa: family(&fail(), rtype::AAAA, Ttl::default(), said(), &nobody),
        lifetime: Lifetime::Fixed(Ttl::default()),
        extras: Box::default(),
        facets: Box::default(),
        cnames: Box::default(),
        lane: NOBODY,
    }
}

pub(super) fn family(
    choice: &Choice,
    rtype: u16,
    ttl: Ttl,
    said: Option<Degraded>,
    lanes: &OwnLanes,
) -> Family {
    let length: u8 = if rtype == rtype::A { 4 } else { 16 };
    let size = 12 + usize::from(length);
    let mut records = Vec::with_capacity(size * choice.addresses.len());
    for address in &choice.addresses {
        let [t0, t1] = rtype.to_be_bytes();
        let [a, b, c, d] = ttl.secs().to_be_bytes();
        records.extend([0xc0, 0x0c, t0, t1, 0, 1, a, b, c, d, 0, length]);
        // An address of the other family would be a fault of the decider; the mapped form keeps the runs in step.
        match (address, length) {
            (IpAddr::V4(v4), 4) => records.extend(v4.octets()),
            (IpAddr::V6(v6), 4) => records.extend(v6.to_ipv4_mapped().map_or([0; 4], |v4| v4.octets())),
            (IpAddr::V4(v4), _) => records.extend(v4.to_ipv6_mapped().octets()),
            (IpAddr::V6(v6), _) => records.extend(v6.octets()),
        }
    }
    Family::new(choice.clone(), records.into(), size, said).counted(lanes.of(&choice.addresses))
}
