//! Branches by the longest network that holds the client.

use std::net::IpAddr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::model::plan::Prefix;
use crate::policy::choice::client::{ClientKey, last_number, number, width};

/// Stretches of addresses, each with its branch, for both families.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Subnet {
    v4: Vec<Stretch>,
    v6: Vec<Stretch>,
}

/// Addresses from `first` up to the next stretch's first. Between two networks' ends nothing changes, so that all
/// addresses of a stretch have the same networks around them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Stretch {
    #[serde(serialize_with = "in_digits", deserialize_with = "of_digits")]
    first: u128,
    node: u32,
}

impl Subnet {
    /// Compiles `networks`, each with its node, or with `None` when that is not to be had: then the next longer
    /// network around it speaks, at last `otherwise`.
    #[must_use]
    pub fn new(networks: &[(Prefix, Option<u32>)], otherwise: u32) -> Self {
        let family = |is_ipv4: bool| {
            let of_family: Vec<_> = networks
                .iter()
                .filter(|(prefix, _)| prefix.address.is_ipv4() == is_ipv4)
                .collect();
            stretches(&of_family, otherwise, last_number(is_ipv4))
        };
        Self {
            v4: family(true),
            v6: family(false),
        }
    }

    /// The node for `client`, and the least number of bits that all addresses of its stretch share: no network that
    /// has another say begins within them.
    pub(super) fn pick(&self, client: &ClientKey<'_>) -> (u32, u8) {
        let address = client.address;
        let stretches = match address {
            IpAddr::V4(_) => &self.v4,
            IpAddr::V6(_) => &self.v6,
        };
        let at = number(address);
        let after = stretches.partition_point(|stretch| stretch.first <= at);
        let Some(stretch) = after.checked_sub(1).and_then(|index| stretches.get(index)) else {
            return (u32::MAX, 0);
        };
        let width = width(address);
        let foreign = |other: u128| {
            let shared = (at ^ other)
                .leading_zeros()
                .saturating_sub(128 - u32::from(width));
            u8::try_from(shared + 1).unwrap_or(width).min(width)
        };
        let before = stretch.first.checked_sub(1).map_or(0, foreign);
        let behind = stretches.get(after).map_or(0, |next| foreign(next.first));
        (stretch.node, before.max(behind))
    }
}

/// As text: a number of JSON is not so long for every reader.
fn in_digits<S: Serializer>(number: &u128, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(number)
}

/// The same back.
fn of_digits<'de, D: Deserializer<'de>>(from: D) -> Result<u128, D::Error> {
    let digits = String::deserialize(from)?;
    digits.parse().map_err(serde::de::Error::custom)
}

/// Sweeps over the networks in the order of addresses, the wider first; those that are open form a stack.
fn stretches(networks: &[&(Prefix, Option<u32>)], otherwise: u32, last: u128) -> Vec<Stretch> {
    struct Open {
        last: u128,
        node: u32,
    }
    let mut sorted: Vec<(u128, u128, Option<u32>)> = networks
        .iter()
        .map(|(prefix, node)| {
            let past = width(prefix.address).saturating_sub(prefix.length);
            let ones = 1u128.checked_shl(past.into()).map_or(u128::MAX, |size| size - 1);
            let first = number(prefix.address);
            (first, first | (ones & last), *node)
        })
        .collect();
    sorted.sort_by_key(|(first, last, _)| (*first, u128::MAX - last));
    let mut found = vec![Stretch {
        first: 0,
        node: otherwise,
    }];
    let begin = |found: &mut Vec<Stretch>, first: u128, node: u32| match found.last_mut() {
        Some(stretch) if stretch.first == first => stretch.node = node,
        _ => found.push(Stretch { first, node }),
    };
    let mut open: Vec<Open> = Vec::new();
    let close = |open: &mut Vec<Open>, found: &mut Vec<Stretch>, until: Option<u128>| {
        while let Some(top) = open.pop_if(|top| until.is_none_or(|until| top.last < until)) {
            let around = open.last().map_or(otherwise, |below| below.node);
            if let Some(next) = top.last.checked_add(1).filter(|next| *next <= last) {
                begin(found, next, around);
            }
        }
    };
    for (first, last, node) in sorted {
        close(&mut open, &mut found, Some(first));
        let around = open.last().map_or(otherwise, |below| below.node);
        let node = node.unwrap_or(around);
        begin(&mut found, first, node);
        open.push(Open { last, node });
    }
    close(&mut open, &mut found, None);
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::chance::Chance;

    fn prefix(text: &str) -> Prefix {
        let (address, length) = text.split_once('/').unwrap();
        Prefix {
            address: address.parse().unwrap(),
            length: length.parse().unwrap(),
        }
    }

    fn pick(subnet: &Subnet, address: &str) -> (u32, u8) {
        subnet.pick(&ClientKey::whole(address.parse().unwrap(), None))
    }

    #[test]
    fn the_longest_network_speaks_and_hides_nothing_more_specific() {
        let subnet = Subnet::new(
            &[
                (prefix("10.0.0.0/8"), Some(1)),
                (prefix("10.1.0.0/16"), Some(2)),
                (prefix("10.1.2.0/24"), None),
                (prefix("2001:db8::/32"), Some(3)),
                (prefix("255.255.255.255/32"), Some(4)),
            ],
            9,
        );
        for (address, expected) in [
            ("10.200.0.1", (1, 9)), // 10.128.0.0/9 holds no other network
            ("10.0.0.1", (1, 16)),
            ("10.1.200.1", (2, 17)),
            ("10.1.2.3", (2, 24)), // its own network's member is not to be had
            ("192.0.2.1", (9, 3)),
            ("11.0.0.1", (9, 8)),
            ("255.255.255.255", (4, 32)),
            ("255.255.255.254", (9, 32)),
            ("2001:db8::1", (3, 32)),
            ("2001:db9::1", (9, 32)),
            ("8000::", (9, 1)),
        ] {
            assert_eq!(pick(&subnet, address), expected, "{address}");
        }
        assert_eq!(pick(&Subnet::new(&[], 5), "192.0.2.1"), (5, 0));
        let all = Subnet::new(&[(prefix("0.0.0.0/0"), Some(1)), (prefix("::/0"), Some(2))], 5);
        assert_eq!(pick(&all, "192.0.2.1"), (1, 0));
        assert_eq!(pick(&all, "2001:db8::"), (2, 0));
    }

    #[test]
    fn random_networks_are_matched_as_one_by_one() {
        let mut chance = Chance::new(11);
        for _ in 0..300 {
            let count = chance.throw() % 12;
            let mut networks: Vec<(Prefix, Option<u32>)> = Vec::new();
            for node in 0..count {
                let length = (chance.throw() % 13) as u8;
                let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
                // Few leading bits, so that they nest.
                let address = IpAddr::from((((chance.throw() % 4096) as u32) << 20 & mask).to_be_bytes());
                let prefix = Prefix { address, length };
                if networks.iter().all(|(known, _)| *known != prefix) {
                    let usable = !chance.throw().is_multiple_of(4);
                    networks.push((prefix, usable.then_some(node as u32)));
                }
            }
            let subnet = Subnet::new(&networks, 99);
            let naive = |address: u32| {
                let holds = |(prefix, _): &&(Prefix, Option<u32>)| {
                    let shift = 32 - u32::from(prefix.length);
                    let of = |x: u32| x.checked_shr(shift).unwrap_or(0);
                    of(number(prefix.address) as u32) == of(address)
                };
                networks
                    .iter()
                    .filter(holds)
                    .filter(|(_, node)| node.is_some())
                    .max_by_key(|(prefix, _)| prefix.length)
                    .map_or(99, |(_, node)| node.unwrap())
            };
            for _ in 0..40 {
                let address = chance.throw() as u32;
                let client = ClientKey::whole(IpAddr::from(address.to_be_bytes()), None);
                let (node, scope) = subnet.pick(&client);
                assert_eq!(node, naive(address), "{networks:?} {address:x}");
                // Everybody within the scope gets the same.
                let past = u32::MAX.checked_shr(scope.into()).unwrap_or(0);
                for other in [
                    address & !past,
                    address | past,
                    address ^ (chance.throw() as u32 & past),
                ] {
                    assert_eq!(naive(other), node, "{networks:?} {address:x}/{scope} {other:x}");
                }
            }
        }
    }
}
