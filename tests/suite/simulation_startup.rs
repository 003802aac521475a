//! Cold starts: the sockets open with verdicts, not before, and not with a wrong answer.

use std::time::Duration;

use pointsman::control::chance::Chance;
use pointsman::control::effect::HistoryKind;
use pointsman::model::id::ServiceId;
use pointsman::model::service::{Failback, Policy, Switch};
use pointsman::model::time::Moment;
use pointsman::policy::readings::Family;
use pointsman::simulate::network::{Condition, Network};
use pointsman::simulate::scenario::{DEFAULT_RULES, Part, PlanBuilder, pair, v4};
use pointsman::simulate::world::World;

const WWW: ServiceId = ServiceId(0);

fn secs(secs: u64) -> Moment {
    Moment::from_secs(secs)
}

#[test]
fn a_thousand_cold_starts_against_half_dead_sets_give_no_wrong_answer() {
    let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
    for seed in 0..1000 {
        let mut chance = Chance::new(seed);
        let mut network = Network::default();
        let lossy = seed % 4 == 3;
        let mut dead = Vec::new();
        for n in 1..=8 {
            if lossy {
                network.lose(v4(n), 0.2);
            }
            // The first is alive, so that there always is a right answer; about half of the others are dead.
            match chance.throw() % 4 {
                0 if n > 1 => network.set(v4(n), Moment::ZERO, Condition::Refusing),
                1 if n > 1 => network.set(v4(n), Moment::ZERO, Condition::Silent),
                _ => continue,
            }
            dead.push(v4(n));
        }
        let part = |n: u32| Part::Endpoint(names[n as usize - 1], vec![v4(n)], n);
        let reversed: Vec<Part> = (1..=8).rev().map(part).collect();
        let plan = PlanBuilder::new(DEFAULT_RULES)
            .service("failover", Policy::Failover, &reversed, |_| {})
            .service("all", Policy::All { max_answers: Some(3) }, &reversed, |_| {})
            .service("weighted", Policy::Weighted, &reversed, |_| {})
            .build();
        let mut world = World::new(plan, network, seed);
        while world.now().moment < secs(30) {
            let next = world.now().moment.after(Duration::from_millis(100));
            world.run_until(next);
            for service in 0..3 {
                if let Some((answered, _)) = world.answer(ServiceId(service), Family::V4) {
                    assert!(!answered.is_empty());
                    assert!(
                        answered.iter().all(|address| !dead.contains(address)),
                        "seed {seed}, service {service}, at {:?}: {answered:?}, dead {dead:?}",
                        world.now().moment
                    );
                }
            }
        }
        let opened = world.opened.expect("opened");
        assert!(opened <= secs(3));
        if dead.is_empty() && !lossy {
            assert!(
                opened < Moment::from_millis(50),
                "all answered at once: {opened:?}"
            );
        }
    }
}

#[test]
fn a_target_whose_first_probe_outlasts_the_wait_is_presumed_up_and_said_so() {
    let rules = pointsman::model::check::Rules {
        timeout: Duration::from_secs(5),
        ..DEFAULT_RULES
    };
    let mut network = Network::default();
    let slow = Condition::Well {
        after: Duration::from_secs(4),
    };
    network.set(v4(1), Moment::ZERO, slow);
    let mut world = World::new(pair(rules, |_| {}), network, 1);
    world.run_until(Moment::from_millis(3_500));
    assert_eq!(world.opened, Some(secs(3)));
    assert_eq!(world.choice(WWW, Family::V4).unwrap().addresses, [v4(1)]);
    let said: Vec<_> = world
        .told
        .iter()
        .filter_map(|event| match &event.kind {
            HistoryKind::Opened { unknown } => Some(unknown.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(said, [vec!["web 10.0.0.1:80".to_owned()]]);
    world.run_until(secs(60));
    assert_eq!(world.choice(WWW, Family::V4).unwrap().addresses, [v4(1)]);
}

#[test]
fn a_silent_endpoint_is_down_when_the_wait_is_over() {
    let mut network = Network::default();
    network.set(v4(1), Moment::ZERO, Condition::Silent);
    let mut world = World::new(pair(DEFAULT_RULES, |_| {}), network, 1);
    world.run_until(secs(4));
    assert_eq!(world.opened, Some(secs(3)));
    assert_eq!(world.choice(WWW, Family::V4).unwrap().addresses, [v4(2)]);
    assert!(world.told.iter().any(
        |e| matches!(&e.kind, HistoryKind::StateChanged { why, .. } if why.starts_with("never answered"))
    ));
}

#[test]
fn a_restart_keeps_the_active_endpoint_as_failback_says() {
    for (failback, stays) in [(Failback::Manual, true), (Failback::Auto, false)] {
        let plan = pair(DEFAULT_RULES, |service| service.failback = failback);
        let mut network = Network::default();
        network.set(v4(1), secs(50), Condition::Refusing);
        network.set(v4(1), secs(70), Condition::WELL);
        let mut before = World::new(plan.clone(), network, 1);
        before.run_until(secs(65));
        assert_eq!(
            before.disk.get("www.example.test").map(String::as_str),
            Some("nyc")
        );
        let mut after = World::restarted(plan, Network::default(), before.remembered(), secs(500), 2);
        after.run_until(secs(502));
        let expected = if stays { v4(2) } else { v4(1) };
        assert_eq!(after.choice(WWW, Family::V4).unwrap().addresses, [expected]);
    }
}

#[test]
fn everything_dead_at_the_start_is_answered_as_if_it_were_up_and_said_so() {
    let mut network = Network::default();
    network.set(v4(1), Moment::ZERO, Condition::Refusing);
    network.set(v4(2), Moment::ZERO, Condition::Refusing);
    let plan = pair(DEFAULT_RULES, |service| service.switch = Switch::Auto);
    let mut world = World::new(plan, network, 1);
    world.run_until(secs(1));
    assert_eq!(world.choice(WWW, Family::V4).unwrap().addresses, [v4(1)]);
    assert!(world.decision(WWW).unwrap().degraded().is_some());
}
