//! Who is counted under which lane (see [`answer::served`](crate::answer::served)): given once, and kept by the names of
//! service and endpoint over reloads, so that no count goes back.
//!
//! A lane is not given to another when its owner is gone: workers may still answer from an older snapshot.

use std::collections::HashMap;
use std::net::IpAddr;

use crate::answer::served::{Kind, NOBODY};
use crate::model::plan::Plan;
use crate::model::service::Endpoint;

/// Lanes by the numbers of a plan.
#[derive(Debug, Default)]
pub struct Lanes {
    /// By `ServiceId`: the first of its lanes, one for each [`Kind`].
    pub services: Vec<u32>,
    /// By `EndpointId`.
    pub endpoints: Vec<u32>,
    /// Larger than every lane that was ever given.
    pub end: u32,
}

/// Lanes of one service.
#[derive(Debug, Default)]
pub(super) struct OwnLanes {
    /// The first of its own.
    pub(super) first: u32,
    /// By name, in the order of the plan.
    endpoints: Box<[(Box<str>, u32)]>,
    /// By address, in order; of an address that two endpoints share, the first's.
    addresses: Box<[(IpAddr, u32)]>,
}

impl OwnLanes {
    /// Those of a service with these endpoints, `before` under the same name being given up; `end` grows.
    pub(super) fn next(endpoints: &[&Endpoint], before: Option<&Self>, end: &mut u32) -> Self {
        let mut give = |count: usize| {
            let given = *end;
            *end = given.saturating_add(u32::try_from(count).unwrap_or(u32::MAX));
            given
        };
        let first = before.map_or_else(|| give(Kind::ALL.len()), |before| before.first);
        let known: &[(Box<str>, u32)] = before.map_or(&[], |before| &before.endpoints);
        // Mostly nothing moved; a map is made when something did.
        let mut map: Option<HashMap<&str, u32>> = None;
        let lanes: Box<[(Box<str>, u32)]> = endpoints
            .iter()
            .enumerate()
            .map(|(index, endpoint)| {
                let name = endpoint.name.as_str();
                let same = known.get(index).filter(|(known, _)| **known == *name);
                let lane = same.map(|(_, lane)| *lane).or_else(|| {
                    let map = map.get_or_insert_with(|| known.iter().map(|(k, l)| (&**k, *l)).collect());
                    map.get(name).copied()
                });
                (name.into(), lane.unwrap_or_else(|| give(1)))
            })
            .collect();
        let mut addresses: Vec<(IpAddr, u32)> = endpoints
            .iter()
            .zip(&lanes)
            .flat_map(|(endpoint, (_, lane))| endpoint.addresses.iter().map(|known| (known.address, *lane)))
            .collect();
        addresses.sort_by_key(|(address, _)| *address);
        addresses.dedup_by_key(|(address, _)| *address);
        Self {
            first,
            endpoints: lanes,
            addresses: addresses.into(),
        }
    }

    /// Whose each of `addresses` is.
    pub(super) fn of(&self, addresses: &[IpAddr]) -> Box<[u32]> {
        let lane = |address: &IpAddr| {
            let at = self.addresses.binary_search_by_key(address, |(known, _)| *known);
            at.ok()
                .and_then(|at| self.addresses.get(at))
                .map_or(NOBODY, |(_, lane)| *lane)
        };
        addresses.iter().map(lane).collect()
    }
}

impl Lanes {
    /// `own` by `ServiceId`, put into the order of the plan's numbers.
    pub(super) fn gathered<'l>(plan: &Plan, own: impl Iterator<Item = &'l OwnLanes>, end: u32) -> Self {
        let mut endpoints = vec![NOBODY; plan.endpoints.len()];
        let mut services = Vec::with_capacity(plan.services.len());
        for (lanes, ids) in own.zip(by_service(plan)) {
            services.push(lanes.first);
            for (endpoint, (_, lane)) in ids.into_iter().zip(&lanes.endpoints) {
                if let Some(slot) = endpoints.get_mut(endpoint.id.index()) {
                    *slot = *lane;
                }
            }
        }
        Self {
            services,
            endpoints,
            end,
        }
    }
}

/// The endpoints of each service, in the order of the plan.
pub(super) fn by_service(plan: &Plan) -> Vec<Vec<&Endpoint>> {
    let mut all = vec![Vec::new(); plan.services.len()];
    for endpoint in &plan.endpoints {
        if let Some(own) = all.get_mut(endpoint.service.index()) {
            own.push(endpoint);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::id::{EndpointId, ServiceId};
    use crate::model::service::EndpointAddress;

    fn endpoint(name: &str, last: u8) -> Endpoint {
        Endpoint {
            id: EndpointId(0),
            service: ServiceId(0),
            name: name.to_owned(),
            addresses: vec![EndpointAddress {
                address: [192, 0, 2, last].into(),
                target: None,
                shadow: None,
            }],
            alias: None,
            cname: None,
        }
    }

    fn lane(lanes: &OwnLanes, last: u8) -> u32 {
        lanes.of(&[[192, 0, 2, last].into()])[0]
    }

    #[test]
    fn lanes_are_kept_by_name_whatever_moves_and_never_given_again() {
        let mut end = 1;
        let (a, b, c) = (endpoint("a", 1), endpoint("b", 2), endpoint("c", 3));
        let first = OwnLanes::next(&[&a, &b], None, &mut end);
        assert_eq!((first.first, lane(&first, 1), lane(&first, 2), end), (1, 6, 7, 8));
        // The other way round, one between them, and another address.
        let moved = endpoint("a", 9);
        let second = OwnLanes::next(&[&b, &c, &moved], Some(&first), &mut end);
        assert_eq!([2, 3, 9, 1].map(|last| lane(&second, last)), [7, 8, 6, NOBODY]);
        let third = OwnLanes::next(&[&b], Some(&second), &mut end);
        let fourth = OwnLanes::next(&[&b, &c], Some(&third), &mut end);
        assert_eq!((lane(&fourth, 2), lane(&fourth, 3), end), (7, 9, 10));
        assert_eq!(fourth.first, 1);
    }
}
