//! Shares: `weighted` in its proportions, `sticky` with the least movement, capacities that are never exceeded.

use std::net::IpAddr;

use pointsman::control::chance::Chance;
use pointsman::policy::choice::client::ClientKey;
use pointsman::policy::readings::Tier;

use super::{Town, endpoints, picked};

/// Chi-square of what was seen against what was expected.
fn chi_square(seen: &[u64], expected: &[f64]) -> f64 {
    seen.iter()
        .zip(expected)
        .map(|(seen, expected)| (*seen as f64 - expected).powi(2) / expected)
        .sum()
}

fn count(town: &Town, choice: &pointsman::policy::choice::Choice, throws: u64, seed: u64) -> Vec<u64> {
    let mut hits = vec![0; 256];
    let mut chance = Chance::new(seed);
    for _ in 0..throws {
        let got = town.give(choice, "198.51.100.1", chance.throw());
        let IpAddr::V4(v4) = got[0] else { panic!("{got:?}") };
        hits[usize::from(v4.octets()[3])] += 1;
    }
    hits
}

#[test]
fn weighted_answers_a_million_times_in_its_proportions() {
    let weights = [1.0, 2.0, 3.0, 5.0, 8.0, 13.0, 0.0, 21.0];
    let zone = format!(
        "[services.www]\npolicy = \"weighted\"\n{}",
        endpoints(8, |n| format!(", weight = {}", weights[usize::from(n)]))
    );
    let mut town = Town::new("", &zone, None);
    let choice = town.choice("www");
    let hits = count(&town, &choice, 1_000_000, 1);
    assert_eq!(hits[6], 0, "weight 0 serves only when no other can");
    let kept: Vec<usize> = (0..8).filter(|n| *n != 6).collect();
    let seen: Vec<u64> = kept.iter().map(|n| hits[*n]).collect();
    let expected: Vec<f64> = kept.iter().map(|n| weights[*n] / 53.0 * 1e6).collect();
    let chi = chi_square(&seen, &expected);
    println!("weighted: chi-square {chi:.2} with 6 degrees of freedom over 10^6 answers (16.81 is p = 0.01)");
    assert!(chi < 16.81, "{chi}: {seen:?} for {expected:?}");
}

#[test]
fn weighted_pools_that_depend_on_the_client_keep_their_proportions_too() {
    // Through the compiled tree: a weighted service over sticky pools.
    let zone = "[pools.a]\npolicy = \"sticky\"\nweight = 3\ncheck = \"c\"\nendpoints = [\
                { name = \"a0\", address = \"192.0.2.0\" }, { name = \"a1\", address = \"192.0.2.1\" }]\n\
                [pools.b]\npolicy = \"sticky\"\nweight = 1\ncheck = \"c\"\nendpoints = [\
                { name = \"b0\", address = \"192.0.2.2\" }, { name = \"b1\", address = \"192.0.2.3\" }]\n\
                [services.www]\npolicy = \"weighted\"\npools = [\"a\", \"b\"]\n";
    let mut town = Town::new("", zone, None);
    let choice = town.choice("www");
    let hits = count(&town, &choice, 1_000_000, 2);
    let (a, b) = (hits[0] + hits[1], hits[2] + hits[3]);
    let chi = chi_square(&[a, b], &[750_000.0, 250_000.0]);
    assert!(chi < 6.63, "{chi}: {a} and {b}");
    assert!(
        hits[0] == 0 || hits[1] == 0,
        "one client sticks to one of each pool"
    );
}

#[test]
fn sticky_moves_only_the_clients_of_the_one_that_is_lost() {
    const CLIENTS: u32 = 100_000;
    for n in [2u8, 3, 7, 10, 40] {
        let zone = format!(
            "[services.www]\npolicy = \"sticky\"\n{}",
            endpoints(n, |_| String::new())
        );
        let mut town = Town::new("", &zone, None);
        let whole = town.choice("www");
        town.set("192.0.2.1", Tier::Down);
        let less = town.choice("www");
        let lost: IpAddr = "192.0.2.1".parse().unwrap();
        let mut moved = 0u32;
        for client in 0..CLIENTS {
            let key = ClientKey::whole(IpAddr::from((client << 8).to_be_bytes()), None);
            let (before, after) = (picked(&whole, &key, 0), picked(&less, &key, 0));
            assert_eq!(
                before != after,
                before == [lost],
                "only those of the lost one move"
            );
            moved += u32::from(before != after);
        }
        let share = f64::from(moved) / f64::from(CLIENTS);
        println!("sticky: of {n}, one lost moves {:.2} % of clients", share * 100.0);
        assert!(share <= 1.0 / f64::from(n) + 0.01, "{share} for {n}");
    }
}

#[test]
fn sticky_is_the_same_whatever_the_order_and_after_every_restart() {
    let member = |n: u8| format!("{{ name = \"e{n}\", address = \"192.0.2.{n}\" }}");
    let of = |order: &[u8]| {
        let list: Vec<String> = order.iter().map(|n| member(*n)).collect();
        let zone = format!(
            "[services.www]\npolicy = \"sticky\"\ncheck = \"c\"\nendpoints = [{}]\n",
            list.join(", ")
        );
        let mut town = Town::new("", &zone, None);
        let choice = town.choice("www");
        let give = |n: u32| town.give(&choice, &IpAddr::from((n << 9).to_be_bytes()).to_string(), 0);
        (0..2000).map(give).collect::<Vec<_>>()
    };
    assert_eq!(of(&[0, 1, 2, 3, 4]), of(&[3, 1, 4, 0, 2]));
}

#[test]
fn the_load_of_a_lost_site_goes_where_there_is_room() {
    // Nominal loads 100, 60, 30 and 10 of capacities 150, 80, 100 and 20.
    let (weights, capacities) = ([100, 60, 30, 10], [150, 80, 100, 20]);
    let zone = format!(
        "[services.www]\npolicy = \"weighted\"\ndemand = 200\n{}",
        endpoints(4, |n| {
            let n = usize::from(n);
            format!(", weight = {}, capacity = {}", weights[n], capacities[n])
        })
    );
    let mut town = Town::new("", &zone, None);
    for lost in [None, Some(0usize), Some(1), Some(2), Some(3)] {
        for n in 0..4 {
            let tier = if lost == Some(n) { Tier::Down } else { Tier::Up };
            town.set(&format!("192.0.2.{n}"), tier);
        }
        let choice = town.choice("www");
        let hits = count(&town, &choice, 200_000, 5);
        let loads: Vec<f64> = (0..4).map(|n| hits[n] as f64 / 1000.0).collect();
        println!("{lost:?} lost: loads {loads:?}");
        for n in 0..4 {
            let most = f64::from(capacities[n]) + 1.0; // chance
            assert!(loads[n] <= most, "{lost:?} lost: {loads:?}");
        }
    }
}
