//! Endpoints that are answered by CNAME: the addresses that stand in for them where policies choose among addresses.
//!
//! A policy chooses for A and for AAAA. An endpoint that is known by a name takes part in both by one stand-in each, from
//! ranges that no host can have: 0.0.0.0/8 ("this network", RFC 6890) and 100::/64 (discard-only, RFC 6666). They follow
//! from the name alone, so that what is remembered over a reload still means the same. They never leave the server: where
//! answers are encoded, the CNAME takes their place.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::model::service::Endpoint;
use crate::wire::name::Name;

/// The stand-ins of `name`, for A and AAAA.
#[must_use]
pub fn stand_ins(name: &Name) -> [IpAddr; 2] {
    // FNV-1a: short, and the same in every build.
    let hash = name
        .to_lower()
        .as_wire()
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash: u64, octet| {
            (hash ^ u64::from(*octet)).wrapping_mul(0x0100_0000_01b3)
        });
    // Not 0.0.0.0, which means "none" to many.
    let [_, _, _, _, _, a, b, c] = (hash ^ hash >> 24).to_be_bytes();
    let v4 = Ipv4Addr::new(0, a, b, c | 1);
    let v6 = Ipv6Addr::from(u128::from(hash) | 0x0100 << 112);
    [v4.into(), v6.into()]
}

/// Whether `address` stands in for a name.
#[must_use]
pub fn is_stand_in(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.octets()[0] == 0,
        IpAddr::V6(v6) => v6.segments()[..4] == [0x100, 0, 0, 0],
    }
}

/// `address` as operators know it: the name that it stands in for, or itself.
#[must_use]
pub fn shown(endpoints: &[Endpoint], address: IpAddr) -> String {
    if !is_stand_in(address) {
        // Nearly all of them: looking through tens of thousands of endpoints for each would take seconds.
        return address.to_string();
    }
    let stands_for = |name: &&Name| stand_ins(name).contains(&address);
    let mut names = endpoints.iter().filter_map(|endpoint| endpoint.cname.as_ref());
    match names.find(stands_for) {
        Some(name) => format!("CNAME {}", name.to_string().trim_end_matches('.')),
        None => "CNAME of before".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stand_ins_follow_from_the_name_in_any_letters() {
        let name = |text| Name::from_text(text).unwrap();
        let [v4, v6] = stand_ins(&name("lb.example.net"));
        assert_eq!(stand_ins(&name("LB.example.net.")), [v4, v6]);
        assert!(v4.is_ipv4() && v6.is_ipv6() && is_stand_in(v4) && is_stand_in(v6));
        assert_ne!(stand_ins(&name("lb2.example.net")), [v4, v6]);
        for real in ["192.0.2.1", "1.0.0.1", "2001:db8::1", "100:0:0:1::1", "::1"] {
            assert!(!is_stand_in(real.parse().unwrap()), "{real}");
        }
    }
}
