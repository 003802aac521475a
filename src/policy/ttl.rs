//! How long an answer may be kept.

use std::net::IpAddr;

use crate::model::id::EndpointId;
use crate::model::service::{Endpoint, Service, TtlRule};
use crate::model::time::{Moment, Ttl};
use crate::policy::choice::Lifetime;
use crate::policy::readings::Readings;

/// What the TTL depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outlook {
    /// Whether an endpoint that is answered is in doubt, or the answer is not what it should be.
    pub in_doubt: bool,
    /// The earliest moment at which the answer could change.
    pub flip: Moment,
}

/// The lifetime of an answer under `rule`.
#[must_use]
pub fn lifetime(rule: TtlRule, outlook: Outlook) -> Lifetime {
    match rule {
        TtlRule::Fixed(ttl) => Lifetime::Fixed(ttl),
        TtlRule::Stable { max, min } => Lifetime::Fixed(if outlook.in_doubt { min.min(max) } else { max }),
        TtlRule::Strict { max, min } if outlook.flip == Moment::FAR => Lifetime::Fixed(max.max(min)),
        TtlRule::Strict { max, min } => Lifetime::Until {
            flip: outlook.flip,
            least: min.min(max),
            most: max,
        },
    }
}

/// The longest TTL that a cache may hold of an answer given just before the first failed probe.
#[must_use]
pub fn longest(rule: TtlRule) -> Ttl {
    match rule {
        TtlRule::Fixed(ttl) => ttl,
        TtlRule::Stable { max, .. } | TtlRule::Strict { max, .. } => max,
    }
}

/// When one address could change at the earliest, as the decision saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flip {
    /// Whose address.
    pub endpoint: EndpointId,
    /// Which.
    pub address: IpAddr,
    /// When.
    pub at: Moment,
}

/// The flips of all addresses of these endpoints, where the TTL goes by them.
pub(super) fn flips<'e, R: Readings>(
    service: &Service,
    endpoints: impl Iterator<Item = &'e Endpoint>,
    readings: &R,
) -> Vec<Flip> {
    if !matches!(service.ttl, TtlRule::Strict { .. }) {
        return Vec::new();
    }
    endpoints
        .flat_map(|endpoint| endpoint.addresses.iter().map(|known| (endpoint.id, known)))
        .map(|(endpoint, known)| Flip {
            endpoint,
            address: known.address,
            at: readings.seen(endpoint, known.target).earliest_flip,
        })
        .collect()
}
