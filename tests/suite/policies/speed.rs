//! `fastest`: the quickest, and no flapping under jitter.

use std::net::IpAddr;
use std::time::Duration;

use pointsman::control::chance::Chance;
use pointsman::policy::readings::Tier;
use proptest::prelude::*;

use super::{Town, endpoints};

fn town(count: u8, more: &str) -> Town {
    let zone = format!(
        "[services.www]\npolicy = \"fastest\"\n{more}{}",
        endpoints(count, |_| String::new())
    );
    Town::new("", &zone, None)
}

fn answered(town: &mut Town) -> String {
    let choice = town.choice("www");
    assert_eq!(choice.addresses.len(), 1);
    choice.addresses[0].to_string()
}

fn measure(town: &mut Town, member: u8, millis: f64) {
    let address = IpAddr::from([192, 0, 2, member]);
    town.latencies
        .insert(address, Duration::from_secs_f64(millis / 1000.0));
}

#[test]
fn another_takes_over_only_when_it_is_faster_by_enough() {
    let mut town = town(3, "");
    assert_eq!(answered(&mut town), "192.0.2.0", "nobody measured: the first");
    for (latencies, expected) in [
        ([50.0, 60.0, 70.0], "192.0.2.0"),
        ([50.0, 41.0, 70.0], "192.0.2.0"), // 18 %
        ([50.0, 39.0, 70.0], "192.0.2.1"), // 22 %
        ([32.0, 39.0, 70.0], "192.0.2.1"),
        ([20.0, 17.0, 10.0], "192.0.2.2"),
        ([20.0, 5.5, 10.0], "192.0.2.2"), // 45 %, but within 5 ms
    ] {
        for (member, millis) in (0..).zip(latencies) {
            measure(&mut town, member, millis);
        }
        assert_eq!(answered(&mut town), expected, "{latencies:?}");
    }
    town.set("192.0.2.2", Tier::Down);
    assert_eq!(answered(&mut town), "192.0.2.1");
    town.set("192.0.2.1", Tier::Degraded);
    assert_eq!(answered(&mut town), "192.0.2.0", "who is degraded comes last");
    town.set("192.0.2.2", Tier::Up);
    assert_eq!(answered(&mut town), "192.0.2.2");
}

#[test]
fn the_margin_is_the_operators() {
    let mut town = town(2, "fastest_margin = \"50%\"\n");
    measure(&mut town, 0, 100.0);
    measure(&mut town, 1, 51.0);
    // The first to be measured is the quickest of all; from then on the margin counts.
    assert_eq!(answered(&mut town), "192.0.2.1");
    measure(&mut town, 0, 30.0);
    assert_eq!(answered(&mut town), "192.0.2.1");
    measure(&mut town, 0, 25.0);
    assert_eq!(answered(&mut town), "192.0.2.0");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Members as fast as each other, within 10 %, whose probes vary by as much as 30 % either way, smoothed as the
    /// signal box does: after they have settled, nobody is left for another in a day of probes.
    #[test]
    fn jitter_is_no_reason_to_move(base in 8.0..200.0f64, seed in any::<u64>(), members in 2..6u8) {
        let mut town = town(members, "");
        let mut chance = Chance::new(seed);
        let mut uniform = || (chance.throw() >> 11) as f64 / (1u64 << 53) as f64;
        let means: Vec<f64> = (0..members).map(|_| base * (1.0 + 0.05 * (2.0 * uniform() - 1.0))).collect();
        let mut smooth = means.clone();
        let mut moves = 0;
        let mut before = String::new();
        for round in 0..400 {
            for member in 0..usize::from(members) {
                let seen = means[member] * (1.0 + 0.3 * (2.0 * uniform() - 1.0));
                smooth[member] = (smooth[member] * 7.0 + seen) / 8.0;
                measure(&mut town, member as u8, smooth[member]);
            }
            let now = answered(&mut town);
            moves += u32::from(round > 0 && now != before);
            before = now;
        }
        // Two members whose averages stray in opposite ways may pass the margin once in a long while.
        prop_assert!(moves <= 2, "{moves} moves among {means:?}");
    }
}
