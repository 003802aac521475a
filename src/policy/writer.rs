//! An exclusive service decided: what is answered while [`exclusive`](crate::policy::exclusive) rules who is named.
//!
//! Both families are decided together: A and AAAA never name two endpoints.

use crate::model::id::EndpointId;
use crate::model::service::{Endpoint, Handover, Service, WhenAllDown};
use crate::model::time::{Moment, Now};
use crate::policy::all_down::OTHER;
use crate::policy::choice::{Choice, Decision, Degraded, Pick};
use crate::policy::decide::Decided;
use crate::policy::exclusive::{Case, Ruling, Stand, Why, excepted, rule, stands};
use crate::policy::readings::{Family, Memory, Readings, Tier};
use crate::policy::spread::{Blend, Pickable};
use crate::policy::tree::{Proposal, member_name};
use crate::policy::ttl::{Outlook, flips, lifetime};
use crate::policy::witness::{Note, Witness};

/// Decides an exclusive service: pure but for `memory`, which it keeps up to date.
pub(super) fn decide<R: Readings, W: Witness>(
    service: &Service,
    handover: Handover,
    endpoints: &[Endpoint],
    readings: &R,
    memory: &mut Memory,
    now: Now,
    told: &mut W,
) -> Decided {
    let stands = stands(service, endpoints, readings);
    let seat = |family| memory.seats.get(&(service.group.id, family));
    let (incumbent, by_hand) =
        match Family::BOTH.map(|family| seat(family).map(|seat| (seat.active, seat.by_hand))) {
            [Some(one), Some(other)] if one.0 == other.0 => (one.0, one.1 || other.1),
            [Some(one), None] | [None, Some(one)] => one,
            _ => (None, false),
        };
    let named = named(&stands, &memory.current);
    let case = Case {
        stands: &stands,
        incumbent,
        by_hand,
        named,
        frozen: readings.is_cut_off(),
        switch: service.switch,
        handover,
    };
    let mut ruling = rule(&case, now.moment, |candidate| {
        readings.held_but(service, &excepted(&stands, candidate, handover))
    });
    let last = service.when_all_down == WhenAllDown::Last;
    if ruling.named.is_none() && ruling.may_keep && last {
        ruling.named = named.filter(|named| Some(*named) == incumbent);
    }
    let name = |index: usize| {
        let member = service.group.members.get(index);
        member
            .map(|member| member_name(endpoints, member))
            .unwrap_or_default()
    };
    let blends = Family::BOTH.map(|family| blend(&stands, ruling.named, endpoints, readings, family));
    let why = in_words(&ruling, &case, name);
    for family in Family::BOTH {
        tell(service, endpoints, readings, &stands, &ruling, family, told);
    }
    let nobody = ruling.named.is_none();
    let has_family = |family: Family| {
        let mut all = stands.iter().flat_map(|stand| &stand.addresses);
        all.any(|address| family.holds(*address))
    };
    let choice = |family: Family, blend: &Blend| match service.when_all_down {
        WhenAllDown::Servfail if nobody && has_family(family) => Choice {
            addresses: Vec::new(),
            pick: Pick::Fail,
        },
        _ => blend.compile(),
    };
    let [blend_a, blend_aaaa] = &blends;
    let (a, aaaa) = (choice(Family::V4, blend_a), choice(Family::V6, blend_aaaa));
    memory.current = [Some(a.clone()), Some(aaaa.clone())];
    let alarm = ruling.why.is_alarming() || nobody;
    let said = Family::BOTH.map(|family| {
        (alarm && has_family(family)).then(|| Degraded {
            code: OTHER,
            text: why.clone(),
        })
    });
    let picked: Vec<Pickable> = blends.iter().flat_map(Blend::addresses).copied().collect();
    let mut answered: Vec<EndpointId> = picked.iter().map(|picked| picked.endpoint).collect();
    answered.dedup();
    let flips = flips(
        service,
        stands
            .iter()
            .filter_map(|stand| endpoints.get(stand.endpoint?.index())),
        readings,
    );
    let outlook = Outlook {
        in_doubt: alarm
            || picked
                .iter()
                .any(|p| readings.seen(p.endpoint, p.target).in_doubt),
        // Any word of any of them may change the answer.
        flip: flips
            .iter()
            .map(|flip| flip.at)
            .chain(ruling.wake)
            .min()
            .unwrap_or(Moment::FAR),
    };
    Decided {
        decision: Decision {
            service: service.id,
            a,
            aaaa,
            lifetime: lifetime(service.ttl, outlook),
            said,
            usable: if service.facets.hosts.is_empty() {
                Vec::new()
            } else {
                picked.iter().map(|picked| picked.address).collect()
            },
        },
        answered,
        all_down: Family::BOTH.map(|family| nobody && has_family(family)),
        why: [why.clone(), why],
        proposal: ruling.proposed.map(|proposed| Proposal {
            active: incumbent.map(name).unwrap_or_default(),
            proposed: name(proposed),
        }),
        wake: ruling.wake,
        flips,
        elect: ruling.elect,
    }
}

/// Whose addresses are answered now; `None` when nobody's are, or not only one member's.
fn named(stands: &[Stand], current: &[Option<Choice>; 2]) -> Option<usize> {
    let mut answered = current
        .iter()
        .flatten()
        .filter(|choice| !matches!(choice.pick, Pick::Nothing | Pick::Fail))
        .flat_map(|choice| &choice.addresses)
        .peekable();
    answered.peek()?;
    let answered: Vec<_> = answered.collect();
    let all_of = |stand: &Stand| answered.iter().all(|address| stand.addresses.contains(address));
    stands.iter().position(all_of)
}

/// What is answered for one family: those addresses that do not fail, or all when none is well (an operator's word, or
/// the last answer, stands in for it).
fn blend<R: Readings>(
    stands: &[Stand],
    named: Option<usize>,
    endpoints: &[Endpoint],
    readings: &R,
    family: Family,
) -> Blend {
    let endpoint = named
        .and_then(|index| stands.get(index)?.endpoint)
        .and_then(|id| endpoints.get(id.index()));
    let Some(endpoint) = endpoint else {
        return Blend::default();
    };
    let all = endpoint.addresses.iter().map(|address| Pickable {
        endpoint: endpoint.id,
        address: address.address,
        target: address.target,
    });
    let is_well = |picked: &Pickable| readings.seen(picked.endpoint, picked.target).tier >= Tier::Degraded;
    let any_well = all.clone().any(|picked| is_well(&picked));
    Blend::fixed(
        all.filter(|picked| family.holds(picked.address))
            .filter(|picked| !any_well || is_well(picked))
            .collect(),
    )
}

impl Why {
    fn is_alarming(self) -> bool {
        !matches!(self, Self::Claims | Self::ByHand | Self::Stands | Self::Electing)
    }
}

fn in_words(ruling: &Ruling, case: &Case<'_>, name: impl Fn(usize) -> String) -> String {
    let claimants = || {
        let claims = |(index, stand): (usize, &Stand)| {
            (stand.claims || (case.incumbent == Some(index) && ruling.why == Why::SplitBrain))
                .then(|| name(index))
        };
        let names: Vec<String> = case.stands.iter().enumerate().filter_map(claims).collect();
        names.join(" and ")
    };
    let named = || ruling.named.map(&name).unwrap_or_default();
    match ruling.why {
        Why::Claims => format!("{}: claims to be the primary", named()),
        Why::ByHand => format!("{}: named by an operator", named()),
        Why::Stands => format!("{}: stays until its first verdict", named()),
        Why::SplitBrain => format!("split brain: {} claim to be primary", claimants()),
        Why::Torn => format!("split brain without an incumbent: {} claim", claimants()),
        Why::NoClaim if ruling.named.is_some() => format!("{}: nobody claims; last answer kept", named()),
        Why::NoClaim => "no endpoint claims to be the primary".to_owned(),
        Why::Handover => format!("handover to {}: caches hold the old answer", heir(case, &name)),
        Why::Electing => format!("{} is about to be named", heir(case, &name)),
        Why::SwitchManual => format!("{} claims; waiting for an operator to switch", claimants()),
        Why::TooFar => format!("{} was too far behind: it would lose writes", claimants()),
        Why::Frozen => format!("{} claims, but this node seems cut off", claimants()),
    }
}

/// Who is named next: the incumbent that an operator chose, else the only one that claims.
fn heir(case: &Case<'_>, name: impl Fn(usize) -> String) -> String {
    let claims = |index: &usize| case.stands.get(*index).is_some_and(|stand| stand.claims);
    let incumbent = case.incumbent.filter(|index| claims(index) || case.by_hand);
    let only = || case.stands.iter().position(|stand| stand.claims);
    incumbent.or_else(only).map(name).unwrap_or_default()
}

fn tell<R: Readings, W: Witness>(
    service: &Service,
    endpoints: &[Endpoint],
    readings: &R,
    stands: &[Stand],
    ruling: &Ruling,
    family: Family,
    told: &mut W,
) {
    let of = |stand: &Stand| stand.addresses.iter().any(|address| family.holds(*address));
    if !stands.iter().any(of) {
        return;
    }
    told.begin(family, "who claims to be the primary");
    for (index, (member, stand)) in service.group.members.iter().zip(stands).enumerate() {
        let chosen = ruling.named == Some(index);
        told.note(|| Note {
            family,
            pool: String::new(),
            member: member_name(endpoints, member),
            tier: stand
                .endpoint
                .and_then(|id| endpoints.get(id.index()))
                .and_then(|endpoint| {
                    let tiers = endpoint.addresses.iter();
                    tiers
                        .map(|address| readings.seen(endpoint.id, address.target).tier)
                        .max()
                })
                .unwrap_or(Tier::Down),
            chosen,
            why: match (chosen, stand.claims, stand.too_far, stand.demoted) {
                (true, true, ..) => "claims to be the primary",
                (true, ..) => "the last answer, or an operator's word, stands",
                (_, true, true, _) => "claims, but was too far behind as a standby",
                (_, true, ..) => "claims to be the primary too, or waits for the caches",
                (.., true) => "is a standby, and has said so",
                _ => "does not claim to be the primary",
            }
            .to_owned(),
        });
    }
}
