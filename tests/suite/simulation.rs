//! The signal box on virtual time: what the contract promises, held over simulated hours and random histories.

use std::time::Duration;

use pointsman::control::chance::Chance;
use pointsman::control::effect::HistoryKind;
use pointsman::model::id::ServiceId;
use pointsman::model::time::Moment;
use pointsman::policy::readings::Family;
use pointsman::simulate::network::{Condition, Network};
use pointsman::simulate::scenario::{DEFAULT_RULES, pair, v4};
use pointsman::simulate::world::World;

const WWW: ServiceId = ServiceId(0);

fn secs(secs: u64) -> Moment {
    Moment::from_secs(secs)
}

fn first_address(world: &World) -> Option<std::net::IpAddr> {
    world
        .choice(WWW, Family::V4)
        .and_then(|choice| choice.addresses.first().copied())
}

/// Time from the fault at a random phase until `nyc` is answered, in a world with `loss` on both paths.
fn recovery(condition: Condition, seed: u64, healthy_for: Duration) -> Option<Duration> {
    let mut chance = Chance::new(seed);
    let fault = secs(4)
        .after(healthy_for)
        .after(Duration::from_secs(20).mul_f64(chance.share()));
    let mut network = Network::default();
    network.set(v4(1), fault, condition);
    let mut world = World::new(pair(DEFAULT_RULES, |_| {}), network, seed);
    world.run_until(fault);
    assert_eq!(
        first_address(&world),
        Some(v4(1)),
        "before the fault, seed {seed}"
    );
    world
        .run_while(fault.after(Duration::from_secs(60)), |world| {
            first_address(world) == Some(v4(1))
        })
        .map(|at| at.since(fault))
}

fn worst_of_a_thousand(condition: Condition, healthy_for: Duration) -> Duration {
    (0..1000)
        .map(|seed| recovery(condition, seed, healthy_for).expect("the switch happens"))
        .max()
        .unwrap()
}

#[test]
fn a_refusing_endpoint_is_left_within_7_1_seconds_at_any_phase() {
    for healthy_for in [Duration::ZERO, Duration::from_secs(1200)] {
        let worst = worst_of_a_thousand(Condition::Refusing, healthy_for);
        assert!(worst <= Duration::from_millis(7_100), "{worst:?}");
        assert!(
            worst > Duration::from_millis(6_500),
            "the worst phase was met: {worst:?}"
        );
    }
}

#[test]
fn a_silent_endpoint_is_left_within_13_1_seconds_at_any_phase_with_or_without_a_record() {
    for healthy_for in [Duration::ZERO, Duration::from_secs(1200)] {
        let worst = worst_of_a_thousand(Condition::Silent, healthy_for);
        assert!(worst <= Duration::from_millis(13_100), "{worst:?}");
        assert!(
            worst > Duration::from_millis(12_500),
            "the worst phase was met: {worst:?}"
        );
    }
}

fn switches(world: &World) -> usize {
    world
        .told
        .iter()
        .filter(|event| matches!(event.kind, HistoryKind::AnswerChanged { .. }))
        .count()
}

#[test]
fn a_healthy_pair_that_loses_a_fifth_of_its_probes_does_not_switch_in_a_day() {
    for seed in 0..20 {
        let mut network = Network::default();
        network.lose(v4(1), 0.2);
        network.lose(v4(2), 0.2);
        let mut world = World::new(pair(DEFAULT_RULES, |_| {}), network, seed);
        world.keeps = false;
        world.run_until(secs(86_400));
        assert_eq!(first_address(&world), Some(v4(1)), "seed {seed}");
        assert_eq!(switches(&world), 0, "seed {seed}: {:?}", world.told);
    }
}

#[test]
fn a_dead_endpoint_on_a_lossy_path_is_found_in_time() {
    let mut late = Vec::new();
    for seed in 0..200 {
        let fault = secs(3600).after(Duration::from_millis(37 * seed));
        let mut network = Network::default();
        network.lose(v4(1), 0.2);
        network.lose(v4(2), 0.2);
        network.set(v4(1), fault, Condition::Silent);
        let mut world = World::new(pair(DEFAULT_RULES, |_| {}), network, seed);
        world.run_until(fault);
        let at = world
            .run_while(fault.after(Duration::from_secs(120)), |world| {
                first_address(world) == Some(v4(1))
            })
            .expect("found");
        late.push(at.since(fault));
    }
    late.sort();
    assert!(late[199] <= Duration::from_millis(13_100), "{:?}", late[199]);
}

#[test]
fn a_flapping_endpoint_is_damped_after_two_switches_away() {
    for (up, down) in [(30, 30), (15, 20), (40, 15), (20, 60)] {
        for refuses in [true, false] {
            let mut network = Network::default();
            network.set(
                v4(1),
                secs(100),
                Condition::Wave {
                    up: Duration::from_secs(up),
                    down: Duration::from_secs(down),
                    refuses,
                },
            );
            let mut world = World::new(pair(DEFAULT_RULES, |_| {}), network, up * down);
            world.run_until(secs(100 + 3600));
            let away = world
                .told
                .iter()
                .filter(|event| {
                    matches!(&event.kind, HistoryKind::AnswerChanged { from, .. }
                        if *from == [v4(1).to_string()])
                })
                .count();
            assert!(
                (1..=2).contains(&away),
                "{up} s up, {down} s down: {away} switches away"
            );
        }
    }
}
