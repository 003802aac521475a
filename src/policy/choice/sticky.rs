//! Rendezvous hashing (Thaler and Ravishankar, 1998), with weights: the same prefix gets the same branch on every node
//! and after every restart, and a branch that is lost moves only its own clients.
//!
//! Each branch throws a number for the client from a fixed hash of both, exponentially distributed with the branch's
//! weight as its rate; the least number wins, which happens in proportion to the weights.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::model::service::StickyPrefix;
use crate::policy::choice::client::{ClientKey, number, width};

/// Branches by hash of the client's prefix.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sticky {
    /// How much of an address stands for a client.
    pub prefix: StickyPrefix,
    /// At least one.
    pub branches: Vec<Pinned>,
}

/// A branch under [`Sticky`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pinned {
    /// Of the member's name, see [`seed`].
    pub seed: u64,
    /// One by the weight, above 0.
    pub per_weight: f64,
    /// The node.
    pub node: u32,
}

impl Sticky {
    /// The node for `client`, and how many bits of its address decided.
    pub(super) fn pick(&self, client: &ClientKey<'_>) -> (u32, u8) {
        let bits = self.bits(client.address);
        let key = key(client.address, bits.min(client.length));
        let mut best = (f64::INFINITY, u32::MAX);
        for branch in &self.branches {
            let thrown = mix(key ^ branch.seed);
            // Most branches are far from the least number, and that is seen without a logarithm.
            if at_least(thrown) * branch.per_weight > best.0 {
                continue;
            }
            let cost = exponential(thrown) * branch.per_weight;
            if cost < best.0 || best.1 == u32::MAX {
                best = (cost, branch.node);
            }
        }
        (best.1, bits)
    }

    fn bits(&self, address: IpAddr) -> u8 {
        match address {
            IpAddr::V4(_) => self.prefix.v4.min(32),
            IpAddr::V6(_) => self.prefix.v6.min(128),
        }
    }
}

/// What stands for a member in the hash: its name, wherever it stands in the list (FNV-1a, then mixed).
#[must_use]
pub fn seed(name: &str) -> u64 {
    let fnv = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, octet| {
        (hash ^ u64::from(octet)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    mix(fnv)
}

/// The first `bits` of the address, mixed; never depends on the machine.
fn key(address: IpAddr, bits: u8) -> u64 {
    let past = width(address).saturating_sub(bits);
    let kept = number(address).checked_shr(past.into()).unwrap_or(0);
    let (high, low) = ((kept >> 64) as u64, (kept & u128::from(u64::MAX)) as u64);
    let family = u64::from(address.is_ipv4());
    mix(mix(low ^ (family << 63)).wrapping_add(high))
}

/// Stafford's thirteenth mix of MurmurHash3's finaliser: a bijection in which each bit changes half of the others.
fn mix(mut x: u64) -> u64 {
    x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// From a uniform number to one that is exponentially distributed: -ln((x + 1) / 2^53) of its upper 53 bits. Made of
/// operations that IEEE 754 rounds alike everywhere, which a library's `ln` does not.
fn exponential(uniform: u64) -> f64 {
    let x = (uniform >> 11) + 1;
    let bits = 63 - u64::from(x.leading_zeros());
    // x = m 2^bits with m in 1..2; ln m by the area tangent's series, whose error is below 10^-8 there.
    let m = x as f64 / (1u64 << bits) as f64;
    let s = (m - 1.0) / (m + 1.0);
    let q = s * s;
    let series = 1.0
        + q * (1.0 / 3.0 + q * (1.0 / 5.0 + q * (1.0 / 7.0 + q * (1.0 / 9.0 + q * (1.0 / 11.0 + q / 13.0)))));
    let ln = 2.0 * s * series + bits as f64 * std::f64::consts::LN_2;
    53.0 * std::f64::consts::LN_2 - ln
}

/// Not above what [`exponential`] makes of the same number: -ln y is never below 1 - y. The margin is for what the series
/// there leaves out and for rounding.
#[inline]
fn at_least(uniform: u64) -> f64 {
    1.0 - (uniform >> 11) as f64 * (1.0 / (1u64 << 53) as f64) - 1e-6
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sticky(members: &[(&str, f64)]) -> Sticky {
        Sticky {
            prefix: StickyPrefix { v4: 24, v6: 56 },
            branches: members
                .iter()
                .zip(0..)
                .map(|((name, weight), node)| Pinned {
                    seed: seed(name),
                    per_weight: 1.0 / weight,
                    node,
                })
                .collect(),
        }
    }

    fn of(sticky: &Sticky, client: u32) -> u32 {
        let address = IpAddr::from(client.to_be_bytes());
        sticky.pick(&ClientKey::whole(address, None)).0
    }

    #[test]
    fn the_logarithm_is_one() {
        for x in [0, 1 << 11, u64::MAX, 1 << 63, 0x1234_5678_9abc_def0, 7 << 40] {
            let expected = -(((x >> 11) + 1) as f64 / (1u64 << 53) as f64).ln();
            assert!((exponential(x) - expected).abs() < 1e-7, "{x}");
            assert!(at_least(x) <= exponential(x), "{x}");
        }
        for n in 0..1_000_000u64 {
            let (x, near) = (mix(n), u64::MAX - (mix(n) >> (n % 64)));
            assert!(
                at_least(x) <= exponential(x) && at_least(near) <= exponential(near),
                "{x} {near}"
            );
        }
    }

    #[test]
    fn shares_follow_weights() {
        let sticky = sticky(&[("a", 1.0), ("b", 2.0), ("c", 5.0)]);
        let mut hits = [0u32; 3];
        for client in 0..80_000u32 {
            hits[of(&sticky, client << 8) as usize] += 1;
        }
        for (hits, expected) in hits.iter().zip([10_000.0, 20_000.0, 50_000.0]) {
            assert!(
                (f64::from(*hits) - expected).abs() < 600.0,
                "{hits} for {expected}"
            );
        }
    }

    #[test]
    fn one_prefix_is_one_client() {
        let names = ["a", "b", "c", "d", "e", "f", "g"].map(|name| (name, 1.0));
        let sticky = sticky(&names);
        for network in 0..1000u32 {
            let first = of(&sticky, network << 8);
            assert!((1..256).all(|host| of(&sticky, network << 8 | host) == first));
            let six = |low: u64| {
                let address = IpAddr::from((u128::from(network) << 80 | u128::from(low)).to_be_bytes());
                sticky.pick(&ClientKey::whole(address, None))
            };
            assert_eq!(six(0), six(u64::MAX));
            assert_eq!(six(0).1, 56);
        }
    }

    #[test]
    fn these_clients_stay_where_they_are_for_ever() {
        // The hash is part of the contract: nodes of different versions must agree.
        let sticky = sticky(&[("fra", 1.0), ("nyc", 1.0), ("sin", 2.0)]);
        let got: Vec<u32> = (0..12).map(|n| of(&sticky, 0xc000_0200 + (n << 8))).collect();
        assert_eq!(got, [2, 2, 0, 2, 0, 2, 0, 1, 2, 2, 1, 2]);
    }
}
