//! Degraded members: preferred less under `failover` and `fastest`, loaded less under `weighted`, kept by the others.

use std::collections::BTreeSet;

use pointsman::control::chance::Chance;
use pointsman::policy::readings::Tier;

use super::{Town, endpoints};

/// Shares of the answers by the last octet, over clients and throws.
fn shares(town: &mut Town, label: &str, members: usize) -> Vec<f64> {
    let choice = town.choice(label);
    let mut chance = Chance::new(3);
    let mut hits = vec![0.0; members];
    for _ in 0..40_000 {
        let client = std::net::IpAddr::from((chance.throw() as u32).to_be_bytes());
        let got = town.give(&choice, &client.to_string(), chance.throw());
        let last = got[0]
            .to_string()
            .rsplit('.')
            .next()
            .unwrap()
            .parse::<usize>()
            .unwrap();
        hits[last] += 1.0 / 40_000.0;
    }
    hits
}

fn near(got: &[f64], expected: &[f64]) {
    let close = got
        .iter()
        .zip(expected)
        .all(|(got, expected)| (got - expected).abs() < 0.015);
    assert!(close, "{got:?} for {expected:?}");
}

#[test]
fn each_policy_treats_a_degraded_member_in_its_way() {
    let zone: String = [
        ("failover", "", ""),
        ("weighted", "", ""),
        ("sticky", "", ""),
        ("fastest", "", ""),
        ("all", "max_answers = 1\n", ""),
        ("subnet", "", ", networks = [\"0.0.0.0/1\"]"),
    ]
    .iter()
    .map(|(policy, more, first)| {
        let list = endpoints(3, |n| {
            if n == 0 {
                (*first).to_owned()
            } else {
                String::new()
            }
        });
        format!("[services.{policy}]\npolicy = \"{policy}\"\n{more}{list}")
    })
    .collect();
    let mut town = Town::new("", &zone, None);
    town.set("192.0.2.0", Tier::Degraded);
    near(&shares(&mut town, "failover", 3), &[0.0, 1.0, 0.0]);
    near(&shares(&mut town, "fastest", 3), &[0.0, 1.0, 0.0]);
    near(&shares(&mut town, "weighted", 3), &[0.2, 0.4, 0.4]);
    for policy in ["sticky", "all"] {
        near(&shares(&mut town, policy, 3), &[1.0 / 3.0; 3]);
    }
    near(&shares(&mut town, "subnet", 3), &[0.5, 0.5, 0.0]);
    // Degraded is better than nothing, everywhere.
    for n in 1..3 {
        town.set(&format!("192.0.2.{n}"), Tier::Down);
    }
    for policy in ["failover", "fastest", "weighted", "sticky", "all", "subnet"] {
        near(&shares(&mut town, policy, 3), &[1.0, 0.0, 0.0]);
    }
}

#[test]
fn the_weight_that_a_degraded_one_keeps_can_be_chosen() {
    let zone = format!(
        "[services.www]\npolicy = \"weighted\"\ndegraded_weight = \"10%\"\n{}",
        endpoints(2, |_| String::new())
    );
    let mut town = Town::new("", &zone, None);
    town.set("192.0.2.1", Tier::Degraded);
    near(&shares(&mut town, "www", 2), &[10.0 / 11.0, 1.0 / 11.0]);
}

#[test]
fn a_pool_that_lost_too_many_is_degraded_only_where_the_operator_says_so() {
    let zone = |more: &str| {
        format!(
            "[pools.a]\npolicy = \"all\"\n{more}{}[pools.b]\npolicy = \"all\"\ncheck = \"c\"\n\
             endpoints = [{{ name = \"b\", address = \"198.51.100.1\" }}]\n\
             [services.www]\npolicy = \"failover\"\npools = [\"a\", \"b\"]\n",
            endpoints(4, |_| String::new())
        )
    };
    let site = |town: &mut Town| -> BTreeSet<bool> {
        let choice = town.choice("www");
        choice
            .addresses
            .iter()
            .map(|address| address.to_string().starts_with("192."))
            .collect()
    };
    let (here, there) = (BTreeSet::from([true]), BTreeSet::from([false]));
    let mut plain = Town::new("", &zone(""), None);
    let mut strict = Town::new("", &zone("degraded_below = 3\n"), None);
    for (lost, expected) in [(0, &here), (1, &here), (2, &there), (3, &there)] {
        for n in 0..lost {
            plain.set(&format!("192.0.2.{n}"), Tier::Down);
            strict.set(&format!("192.0.2.{n}"), Tier::Down);
        }
        assert_eq!(&site(&mut plain), &here, "{lost} lost, and nothing said of it");
        assert_eq!(&site(&mut strict), expected, "{lost} lost");
    }
    // With the other site away, what is left here serves.
    strict.set("198.51.100.1", Tier::Down);
    assert_eq!(site(&mut strict), here);
}

#[test]
fn a_failover_pool_among_weights_still_prefers_who_is_well() {
    let zone = format!(
        "[pools.a]\npolicy = \"failover\"\n{}[services.www]\npolicy = \"weighted\"\npools = [\"a\"]\n",
        endpoints(2, |_| String::new())
    );
    let mut town = Town::new("", &zone, None);
    town.set("192.0.2.0", Tier::Degraded);
    near(&shares(&mut town, "www", 2), &[0.0, 1.0]);
    town.set("192.0.2.1", Tier::Down);
    near(&shares(&mut town, "www", 2), &[1.0, 0.0]);
}
