use std::time::Duration;

use super::*;
use proptest::prelude::*;

fn rules(rate: u32) -> RateSettings {
    RateSettings {
        per_second: [rate; RateSettings::KINDS],
        burst: 1,
        slip: 2,
        ipv4_prefix: 24,
        ipv6_prefix: 56,
        exempt: vec![Prefix {
            address: IpAddr::from([203, 0, 113, 0]),
            length: 24,
        }],
        entries: 1024,
    }
}

fn passes(limiter: &Limiter, address: IpAddr, kind: Kind, now: Moment) -> bool {
    limiter.judge(address, kind, now, 1) == Verdict::Pass
}

const SOMEBODY: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7));

#[test]
fn a_network_gets_its_burst_at_once_and_then_its_rate() {
    let limiter = Limiter::new(rules(10), 5);
    let count = |at: Moment| {
        (0..100)
            .filter(|&host| {
                let address = IpAddr::from([192, 0, 2, host]);
                passes(&limiter, address, Kind::Positive, at)
            })
            .count()
    };
    let now = Moment::from_secs(1_000_000);
    assert_eq!(count(now), 10);
    assert_eq!(count(now), 0);
    assert_eq!(count(now.after(Duration::from_millis(500))), 5);
    assert_eq!(
        count(now.after(Duration::from_secs(50))),
        10,
        "no more than a burst"
    );
}

#[test]
fn kinds_and_networks_are_limited_by_themselves() {
    let limiter = Limiter::new(rules(1), 5);
    let kinds = [
        Kind::Positive,
        Kind::NoData,
        Kind::NxDomain,
        Kind::Referral,
        Kind::Error,
    ];
    for address in [
        SOMEBODY,
        IpAddr::from([192, 0, 3, 7]),
        "2001:db8::1".parse().unwrap(),
        "2001:db8:0:100::1".parse().unwrap(),
    ] {
        for kind in kinds {
            assert!(
                passes(&limiter, address, kind, Moment::ZERO),
                "{address} {kind:?}"
            );
            assert!(
                !passes(&limiter, address, kind, Moment::ZERO),
                "{address} {kind:?}"
            );
        }
    }
    let neighbour = "2001:db8::ff:0:0:0:1".parse().unwrap();
    assert!(
        !passes(&limiter, neighbour, Kind::Positive, Moment::ZERO),
        "the same /56"
    );
}

#[test]
fn who_is_exempt_is_never_limited_and_slip_decides_about_the_others() {
    let limiter = Limiter::new(rules(1), 5);
    let exempt = IpAddr::from([203, 0, 113, 1]);
    for dice in 0..100 {
        assert_eq!(
            limiter.judge(exempt, Kind::Error, Moment::ZERO, dice),
            Verdict::Pass
        );
    }
    assert!(passes(&limiter, SOMEBODY, Kind::Error, Moment::ZERO));
    for (slip, dice, verdict) in [
        (2, 0, Verdict::Slip),
        (2, 1, Verdict::Withhold),
        (1, 7, Verdict::Slip),
        (0, 0, Verdict::Withhold),
    ] {
        let limiter = Limiter::new(RateSettings { slip, ..rules(1) }, 5);
        assert!(passes(&limiter, SOMEBODY, Kind::Error, Moment::ZERO));
        assert_eq!(limiter.judge(SOMEBODY, Kind::Error, Moment::ZERO, dice), verdict);
    }
}

#[test]
fn it_is_news_once_a_minute_of_silence() {
    let limiter = Limiter::new(rules(1), 5);
    let limited = |secs| {
        let now = Moment::from_secs(secs);
        while passes(&limiter, SOMEBODY, Kind::Positive, now) {}
        limiter.begins(now)
    };
    assert!(limited(0));
    for second in 0..120 {
        assert!(!limited(second), "{second}");
    }
    assert!(!limited(170));
    assert!(limited(231));
}

#[test]
fn a_heavy_user_is_not_forgotten_for_a_crowd_of_light_ones() {
    let limiter = Limiter::new(
        RateSettings {
            entries: 8,
            ..rules(1000)
        },
        5,
    );
    let mut now = Moment::from_secs(9);
    let mut passed = 0;
    // Two seconds: the heavy one asks 20,000 times, between 20,000 networks that ask once.
    for step in 0..20_000u32 {
        now = now.after(Duration::from_micros(100));
        passed += usize::from(passes(&limiter, SOMEBODY, Kind::Positive, now));
        let [_, a, b, c] = step.to_be_bytes();
        let _ = limiter.judge(IpAddr::from([a + 1, b, c, 1]), Kind::Positive, now, 0);
    }
    // Alone it would get 1,000 at once and 2,000 in two seconds.
    assert!((2_900..=3_100).contains(&passed), "{passed}");
}

#[test]
fn the_table_is_as_large_as_it_was_made() {
    let limiter = Limiter::new(
        RateSettings {
            entries: 100_000,
            ..rules(1)
        },
        5,
    );
    assert_eq!(limiter.octets(), 131_072 * 8);
    assert_eq!(limiter.network(SOMEBODY).address, IpAddr::from([192, 0, 2, 0]));
}

#[test]
fn threads_share_one_limit() {
    let limiter = Limiter::new(rules(1000), 5);
    let passed: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    (0..10_000)
                        .filter(|_| passes(&limiter, SOMEBODY, Kind::Positive, Moment::ZERO))
                        .count()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    // An entry that changes under a thread four times in a row lets one more pass.
    assert!((1000..1100).contains(&passed), "{passed}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// In no window does a network get more than the rate and a burst, whatever the times and the rounding.
    #[test]
    fn never_more_than_the_rate_and_a_burst(
        seed: u64, rate in 1u32..2000, burst in 1u32..4, start in 0u64..1 << 50, wrapping: bool,
        gaps in proptest::collection::vec(0u64..3_000_000, 1..400),
    ) {
        let limiter = Limiter::new(RateSettings { burst, ..rules(rate) }, seed);
        // Also around the time at which an entry's clock comes round.
        let start = if wrapping { ((1 << 48) / 16) * 1000 - start % 1_000_000_000 } else { start };
        let mut now = Moment::from_nanos(start);
        let mut passed: Vec<u64> = Vec::new();
        for gap in gaps {
            now = now.after(Duration::from_nanos(gap));
            for _ in 0..4 {
                if passes(&limiter, SOMEBODY, Kind::Positive, now) {
                    passed.push(now.nanos());
                }
            }
        }
        prop_assert!(!passed.is_empty());
        // A cost is rounded down to a sixteenth of a microsecond, and times to a microsecond.
        let exact = f64::from(rate) * (1.0 + f64::from(rate) / 16e6);
        for from in 0..passed.len() {
            for to in from..passed.len() {
                let window = (passed[to] - passed[from]) as f64 / 1e9 + 2e-6;
                let most = exact * (window + f64::from(burst)) + 1.0;
                prop_assert!(((to - from + 1) as f64) <= most, "{} in {window}", to - from + 1);
            }
        }
    }

    /// However many networks crowd one set, they get no more than eight buckets.
    #[test]
    fn a_crowd_gets_no_more_than_a_sets_buckets(seed: u64, networks in 1u32..200, asks in 1usize..3000) {
        let limiter = Limiter::new(RateSettings { entries: 8, ..rules(10) }, seed);
        let passed = (0..asks).filter(|ask| {
            let [_, _, a, b] = ((*ask as u32).wrapping_mul(2_654_435_761) % networks).to_be_bytes();
            passes(&limiter, IpAddr::from([10, a, b, 1]), Kind::Positive, Moment::ZERO)
        });
        prop_assert!(passed.count() <= 80);
    }
}
