//! One writer: who is named when the endpoints themselves say who is primary.
//!
//! ```text
//!                      one other claims                 caches have let go of the old answer
//!   a is named ─────────────────────────► nobody is named ───────────────────────────► b is elected
//!   (a claims)  ◄───────────────────────  (handover)                                        │ on disk
//!       ▲           a claims again, b not                                                   ▼
//!       └──────────────────────────────────────────────────────────────────────────── b is named
//!
//!   a and b claim:  the incumbent stays named, and split brain is said; without an incumbent nobody is named
//!   nobody claims:  what `when_all_down` says, never a guess
//! ```
//!
//! Three laws, whatever happens:
//!
//! 1. Only the incumbent is named, and who is to be the incumbent is on disk before.
//! 2. Naming begins only when no cache can hold another address of the service (`safe`), or those that it may hold
//!    belong to endpoints that have said themselves, since, that they are standbys (`fast`).
//! 3. Silence proves nothing: an endpoint that does not answer may still take writes.

use std::net::IpAddr;

use crate::model::check::Claim;
use crate::model::id::EndpointId;
use crate::model::service::{Endpoint, Handover, MemberKind, Service, Switch};
use crate::model::time::Moment;
use crate::policy::readings::{Reading, Readings, Tier};

/// Whether caches may hold an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// It is being answered.
    Still,
    /// No more, but caches may hold it until then.
    Until(Moment),
    /// No compliant cache holds it.
    No,
}

/// How one endpoint stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stand {
    /// Which.
    pub endpoint: Option<EndpointId>,
    /// It answers, and says that it is the primary; where a check cannot tell roles, its success says so.
    pub claims: bool,
    /// It answers, and said after it was last seen as primary that it is a standby.
    pub demoted: bool,
    /// It was further behind than `max_lag` when it was last seen as a standby.
    pub too_far: bool,
    /// Its probes and its state disagree.
    pub in_doubt: bool,
    /// It has no verdict yet.
    pub waiting: bool,
    /// An operator took it out.
    pub removed: bool,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
}

/// Everything that is ruled by.
pub struct Case<'a> {
    /// By member.
    pub stands: &'a [Stand],
    /// Who is on disk as the writer.
    pub incumbent: Option<usize>,
    /// Whether an operator's word stands in for the incumbent's claim.
    pub by_hand: bool,
    /// Whose addresses are answered now.
    pub named: Option<usize>,
    /// Whether this node seems cut off.
    pub frozen: bool,
    /// Who decides.
    pub switch: Switch,
    /// When naming may begin.
    pub handover: Handover,
}

/// What is ruled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ruling {
    /// Who is named.
    pub named: Option<usize>,
    /// Who is to be put on disk as the writer.
    pub elect: Option<usize>,
    /// Whether the last answer may stand, as nobody else is about to be named.
    pub may_keep: bool,
    /// When to rule again although nothing happened.
    pub wake: Option<Moment>,
    /// Who should be named, when an operator must say so.
    pub proposed: Option<usize>,
    /// Why.
    pub why: Why,
}

/// Why a ruling is what it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Why {
    /// It claims to be the primary, alone.
    Claims,
    /// An operator named it.
    ByHand,
    /// It is named; its first verdict after a reload is awaited.
    Stands,
    /// More than one claims, and the incumbent stays.
    SplitBrain,
    /// More than one claims, and none is the incumbent.
    Torn,
    /// Nobody claims.
    #[default]
    NoClaim,
    /// Another one claims, and caches still hold the old answer.
    Handover,
    /// Another one claims, and is about to be on disk.
    Electing,
    /// Another one claims, and the operator decides.
    SwitchManual,
    /// Another one claims, and would lose writes.
    TooFar,
    /// Another one claims, but this node seems cut off.
    Frozen,
}

/// Rules; `held` says whether caches may hold anything but the addresses of this member and, under `fast`, of demoted
/// ones.
pub fn rule(case: &Case<'_>, now: Moment, held: impl Fn(usize) -> Held) -> Ruling {
    let stand = |index: usize| case.stands.get(index);
    let claims = |index: usize| stand(index).is_some_and(|stand| stand.claims);
    let mut claimants: Vec<usize> = (0..case.stands.len()).filter(|index| claims(*index)).collect();
    let incumbent = case.incumbent.filter(|index| *index < case.stands.len());
    let present = incumbent.filter(|index| {
        let stand = stand(*index);
        let stands = case.named == Some(*index) && stand.is_some_and(|stand| stand.waiting);
        let by_hand = case.by_hand && stand.is_some_and(|stand| !stand.removed);
        claims(*index) || by_hand || stands
    });
    if let Some(incumbent) = present {
        if !claimants.contains(&incumbent) {
            claimants.push(incumbent);
        }
        let doubtful = claimants
            .iter()
            .any(|index| stand(*index).is_some_and(|stand| stand.in_doubt));
        let why = match claimants.len() {
            // The word of one that fails its probes is old.
            2.. if !doubtful => Why::SplitBrain,
            _ if claims(incumbent) => Why::Claims,
            _ if case.by_hand => Why::ByHand,
            _ => Why::Stands,
        };
        if case.named == Some(incumbent) {
            return Ruling {
                named: Some(incumbent),
                why,
                ..Ruling::default()
            };
        }
        return begin(
            held(incumbent),
            now,
            Ruling {
                named: Some(incumbent),
                why,
                ..Ruling::default()
            },
        );
    }
    let [one] = claimants.as_slice() else {
        let torn = !claimants.is_empty();
        return Ruling {
            may_keep: !torn || case.named == incumbent,
            why: if torn { Why::Torn } else { Why::NoClaim },
            ..Ruling::default()
        };
    };
    let kept = Ruling {
        named: case.named.filter(|named| Some(*named) == incumbent),
        ..Ruling::default()
    };
    if case.frozen {
        return Ruling {
            why: Why::Frozen,
            ..kept
        };
    }
    if case.switch == Switch::Manual && incumbent.is_some() {
        return Ruling {
            proposed: Some(*one),
            why: Why::SwitchManual,
            ..kept
        };
    }
    if stand(*one).is_some_and(|stand| stand.too_far) {
        return Ruling {
            proposed: Some(*one),
            why: Why::TooFar,
            ..Ruling::default()
        };
    }
    begin(
        held(*one),
        now,
        Ruling {
            named: case.named.filter(|named| named == one),
            elect: Some(*one),
            why: Why::Electing,
            ..Ruling::default()
        },
    )
}

/// Naming begins, or waits for the caches.
fn begin(held: Held, now: Moment, ruling: Ruling) -> Ruling {
    let wake = match held {
        Held::No => return ruling,
        // What is answered now is withdrawn by this ruling; the ledger then knows until when.
        Held::Still => now,
        Held::Until(until) => until,
    };
    Ruling {
        wake: Some(wake),
        why: Why::Handover,
        ..Ruling::default()
    }
}

/// How the members of an exclusive service stand.
pub fn stands<R: Readings>(service: &Service, endpoints: &[Endpoint], readings: &R) -> Vec<Stand> {
    service
        .group
        .members
        .iter()
        .map(|member| match &member.kind {
            MemberKind::Endpoint(id) => endpoints
                .get(id.index())
                .map(|endpoint| of_endpoint(endpoint, readings))
                .unwrap_or_default(),
            // The configuration refuses pools here.
            MemberKind::Pool(_) => Stand::default(),
        })
        .collect()
}

fn of_endpoint<R: Readings>(endpoint: &Endpoint, readings: &R) -> Stand {
    let removed = readings
        .forced(endpoint.id)
        .is_some_and(|forced| forced.kind.removes());
    let words: Vec<Reading> = endpoint
        .addresses
        .iter()
        .map(|address| readings.seen(endpoint.id, address.target))
        .collect();
    let says = |reading: &Reading| {
        reading.alive
            && reading.tier >= Tier::Degraded
            && reading.claim.is_none_or(|claim| claim == Claim::Primary)
    };
    let claims = !removed && words.iter().any(says);
    Stand {
        endpoint: Some(endpoint.id),
        claims,
        // One server may be asked at several addresses: one word of primary outweighs.
        demoted: words.iter().any(|reading| reading.demoted)
            && !words.iter().any(|reading| reading.claim == Some(Claim::Primary)),
        too_far: words.iter().any(|reading| reading.too_far),
        in_doubt: words.iter().any(|reading| reading.in_doubt),
        waiting: words.iter().any(|reading| reading.waiting),
        removed,
        addresses: endpoint.addresses.iter().map(|address| address.address).collect(),
    }
}

/// The addresses that do not stand in the way of naming `candidate`: its own and, under `fast`, those of the demoted.
#[must_use]
pub fn excepted(stands: &[Stand], candidate: usize, handover: Handover) -> Vec<IpAddr> {
    stands
        .iter()
        .enumerate()
        .filter(|(index, stand)| *index == candidate || (handover == Handover::Fast && stand.demoted))
        .flat_map(|(_, stand)| stand.addresses.iter().copied())
        .collect()
}

#[cfg(test)]
mod tests;
