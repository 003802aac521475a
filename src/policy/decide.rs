//! One service decided: both families, what remains when all is down, and for how long.

use crate::model::id::EndpointId;
use crate::model::service::{Endpoint, Service, TtlRule, WhenAllDown};
use crate::model::time::{Moment, Now};
use crate::policy::all_down::{NOT_READY, OTHER, remains};
use crate::policy::choice::{Choice, Decision, Degraded, Pick};
use crate::policy::members::{
    could_matter, has_family, has_min_up, is_known_bad, is_unresolved, usable, waits,
};
use crate::policy::readings::{Family, Memory, Readings, Tier, Unforced};
use crate::policy::spread::Blend;
use crate::policy::tree::{Demand, Judged, Proposal, Walk, endpoints_of};
use crate::policy::ttl::{Flip, Outlook, flips, lifetime};
use crate::policy::witness::Witness;
use crate::policy::writer;

/// A decision and what stands around it.
#[derive(Clone, Debug, PartialEq)]
pub struct Decided {
    /// What is published.
    pub decision: Decision,
    /// Endpoints that may be answered, of both families, without repeats.
    pub answered: Vec<EndpointId>,
    /// Per family: whether nothing healthy was there.
    pub all_down: [bool; 2],
    /// Per family: why.
    pub why: [String; 2],
    /// A manual switch that is called for.
    pub proposal: Option<Proposal>,
    /// When to decide again although nothing happened.
    pub wake: Option<Moment>,
    /// Of a service whose TTL is strict: when each address of its endpoints could change at the earliest.
    pub flips: Vec<Flip>,
    /// Of an exclusive service: the member that is to be on disk as its writer, before it is named.
    pub elect: Option<usize>,
}

/// What is tried in turn: healthy members; degraded ones too; members that succeed but are held down.
const DEMANDS: [(Demand, &str); 3] = [
    (
        Demand {
            tier: Tier::Up,
            min_up: true,
        },
        "up",
    ),
    (
        Demand {
            tier: Tier::Degraded,
            min_up: true,
        },
        "nothing is quite well: those that are degraded too",
    ),
    (
        Demand {
            tier: Tier::Held,
            min_up: true,
        },
        "nothing is up: probes succeed, though held down",
    ),
];

/// And, where the alternative would be to answer what is down: a group with fewer than `min_up`.
const RELAXED: [(Demand, &str); 2] = [
    (
        Demand {
            tier: Tier::Up,
            min_up: false,
        },
        "fewer than min_up are up: those that are",
    ),
    (
        Demand {
            tier: Tier::Held,
            min_up: false,
        },
        "fewer than min_up succeed: those that do, though held down",
    ),
];

/// Said while new endpoints have no verdict.
const OLD_STANDS: &str = "the old answer stands until new endpoints have their first verdict";

const ASSUMED: Demand = Demand {
    tier: Tier::Down,
    min_up: false,
};

struct Verdict {
    choice: Choice,
    blend: Blend,
    degraded: Option<(u16, String)>,
    all_down: bool,
    why: String,
    proposal: Option<Proposal>,
    wake: Option<Moment>,
}

/// Decides `service`: pure but for `memory`, which it keeps up to date.
pub fn decide<R: Readings, W: Witness>(
    service: &Service,
    endpoints: &[Endpoint],
    readings: &R,
    memory: &mut Memory,
    now: Now,
    told: &mut W,
) -> Decided {
    if let Some(handover) = service.exclusive {
        return writer::decide(service, handover, endpoints, readings, memory, now, told);
    }
    let mut verdicts =
        Family::BOTH.map(|family| family_verdict(service, endpoints, readings, family, memory, now, told));
    if verdicts.iter().any(|verdict| verdict.all_down) {
        for (verdict, family) in verdicts.iter_mut().zip(Family::BOTH) {
            fall_back_too(service, endpoints, family, verdict);
        }
    }
    let [a, aaaa] = verdicts;
    memory.current = [Some(a.choice.clone()), Some(aaaa.choice.clone())];
    let said = [&a, &aaaa].map(|verdict| {
        verdict.degraded.as_ref().map(|(code, text)| Degraded {
            code: *code,
            text: text.clone(),
        })
    });
    let mut answered: Vec<EndpointId> = a
        .blend
        .addresses()
        .chain(aaaa.blend.addresses())
        .map(|p| p.endpoint)
        .collect();
    answered.sort_unstable();
    answered.dedup();
    let mut all = Vec::new();
    endpoints_of(&service.group, &mut all);
    let flips = flips(
        service,
        all.iter().filter_map(|id| endpoints.get(id.index())),
        readings,
    );
    let outlook = Outlook {
        in_doubt: said.iter().any(Option::is_some)
            || a.blend
                .addresses()
                .chain(aaaa.blend.addresses())
                .any(|p| readings.seen(p.endpoint, p.target).in_doubt),
        flip: if matches!(service.ttl, TtlRule::Strict { .. }) {
            let watched = could_matter(service, &answered);
            let flips = flips.iter().filter(|flip| watched.contains(&flip.endpoint));
            let flips = flips.map(|flip| flip.at).chain(a.wake).chain(aaaa.wake);
            flips.min().unwrap_or(Moment::FAR)
        } else {
            Moment::FAR
        },
    };
    Decided {
        decision: Decision {
            service: service.id,
            a: a.choice,
            aaaa: aaaa.choice,
            lifetime: lifetime(service.ttl, outlook),
            said,
            usable: usable(service, endpoints, readings),
        },
        answered,
        all_down: [a.all_down, aaaa.all_down],
        why: [a.why, aaaa.why],
        proposal: a.proposal.or(aaaa.proposal),
        wake: a.wake.into_iter().chain(aaaa.wake).min(),
        flips,
        elect: None,
    }
}

/// The fallback may have addresses of a family that no endpoint has: they are answered with the others.
fn fall_back_too(service: &Service, endpoints: &[Endpoint], family: Family, verdict: &mut Verdict) {
    if has_family(&service.group, endpoints, family) {
        return;
    }
    if let WhenAllDown::Fallback(addresses) = &service.when_all_down
        && addresses.iter().any(|address| family.holds(*address))
    {
        let remains = remains(service, family, None, &Blend::default());
        verdict.choice = remains.choice;
        verdict.why = remains.text.to_owned();
        verdict.degraded = Some((remains.code, remains.text.to_owned()));
    }
}

fn family_verdict<R: Readings, W: Witness>(
    service: &Service,
    endpoints: &[Endpoint],
    readings: &R,
    family: Family,
    memory: &mut Memory,
    now: Now,
    told: &mut W,
) -> Verdict {
    let mut verdict = Verdict {
        choice: Choice::default(),
        blend: Blend::default(),
        degraded: None,
        all_down: false,
        why: format!("no endpoint has an address for {}", family.as_str()),
        proposal: None,
        wake: None,
    };
    if !has_family(&service.group, endpoints, family) {
        if is_unresolved(&service.group, endpoints) {
            // What was never known must not be said to be absent.
            verdict.choice.pick = Pick::Fail;
            verdict.why = "no endpoint's name was resolved yet".to_owned();
            verdict.degraded = Some((NOT_READY, verdict.why.clone()));
        }
        return verdict;
    }
    let old = memory.current.get(family.index()).cloned().flatten();
    let waits = waits(&service.group, endpoints, readings);
    if waits
        && let Some(old) = &old
        && !is_known_bad(old, service, endpoints, readings)
    {
        verdict.choice = old.clone();
        verdict.why = OLD_STANDS.to_owned();
        return verdict;
    }
    let relax = matches!(service.when_all_down, WhenAllDown::Last | WhenAllDown::AssumeUp);
    let demands = DEMANDS
        .iter()
        .chain(RELAXED.iter().filter(|_| relax && has_min_up(&service.group)));
    for (demand, what) in demands {
        told.begin(family, what);
        let (judged, walk) = walk(service, endpoints, readings, family, *demand, memory, now, told);
        verdict.wake = verdict.wake.into_iter().chain(walk.wake).min();
        if !judged.up {
            continue;
        }
        verdict.choice = judged.blend.compile();
        verdict.why = walk.why;
        if judged.blend.is_empty() {
            verdict.why = format!("{}; it has no address for {}", verdict.why, family.as_str());
        }
        verdict.blend = judged.blend;
        if let Some(proposal) = walk.proposal {
            verdict.degraded = Some((
                OTHER,
                format!("{} is down; waiting for an operator to switch", proposal.active),
            ));
            verdict.proposal = Some(proposal);
        } else if !demand.min_up {
            verdict.degraded = Some((OTHER, "fewer endpoints up than min_up".to_owned()));
        } else if let Some(slot) = memory.last_good.get_mut(family.index()) {
            *slot = Some(verdict.choice.clone());
        }
        return verdict;
    }
    if waits && let Some(old) = old {
        verdict.choice = old;
        verdict.why = OLD_STANDS.to_owned();
        return verdict;
    }
    told.begin(family, "nothing is usable");
    let mut mark = told.mark();
    let mut supposed = memory.clone();
    let (mut assumed, _) = walk(
        service,
        endpoints,
        readings,
        family,
        ASSUMED,
        &mut supposed,
        now,
        told,
    );
    if !assumed.up {
        told.begin(family, "operators took everything out: rather that than nothing");
        mark = told.mark();
        let mut supposed = memory.clone();
        let (all, _) = walk(
            service,
            endpoints,
            &Unforced(readings),
            family,
            ASSUMED,
            &mut supposed,
            now,
            told,
        );
        assumed = all;
    }
    let last = memory.last_good.get(family.index()).and_then(Option::as_ref);
    let remains = remains(service, family, last, &assumed.blend);
    if !remains.assumed {
        told.overrule(mark..told.mark(), "not usable");
    }
    verdict.choice = remains.choice;
    verdict.why = remains.text.to_owned();
    verdict.degraded = Some((remains.code, remains.text.to_owned()));
    verdict.all_down = true;
    verdict
}

struct Walked {
    wake: Option<Moment>,
    proposal: Option<Proposal>,
    why: String,
}

#[allow(
    clippy::too_many_arguments,
    reason = "the parts of one walk, named where it is made"
)]
fn walk<R: Readings, W: Witness>(
    service: &Service,
    endpoints: &[Endpoint],
    readings: &R,
    family: Family,
    demand: Demand,
    memory: &mut Memory,
    now: Now,
    told: &mut W,
) -> (Judged, Walked) {
    let mut walk = Walk {
        endpoints,
        service,
        readings,
        family,
        demand,
        now,
        memory,
        told,
        wake: None,
        proposal: None,
        why: String::new(),
    };
    let judged = walk.group(&service.group);
    (
        judged,
        Walked {
            wake: walk.wake,
            proposal: walk.proposal,
            why: walk.why,
        },
    )
}

/// Which members of the service's own group are up for `family`; `None` when the service has no address of it.
pub fn members_up<R: Readings>(
    service: &Service,
    endpoints: &[Endpoint],
    readings: &R,
    family: Family,
    memory: &Memory,
    now: Now,
) -> Option<Vec<bool>> {
    if !has_family(&service.group, endpoints, family) {
        return None;
    }
    let mut supposed = memory.clone();
    let mut walk = Walk {
        endpoints,
        service,
        readings,
        family,
        demand: DEMANDS[0].0,
        now,
        memory: &mut supposed,
        told: &mut crate::policy::witness::Nobody,
        wake: None,
        proposal: None,
        why: String::new(),
    };
    Some(
        service
            .group
            .members
            .iter()
            .map(|member| walk.member(member).up)
            .collect(),
    )
}
