//! A new plan on a running node: what keeps its health, and which answers stand.

use std::sync::Arc;
use std::time::Duration;

use pointsman::control::effect::HistoryKind;
use pointsman::control::event::Event;
use pointsman::model::check::Rules;
use pointsman::model::id::{ServiceId, TargetId};
use pointsman::model::plan::Plan;
use pointsman::model::service::{Failback, Policy, Service};
use pointsman::model::time::Moment;
use pointsman::policy::readings::Family;
use pointsman::simulate::network::{Condition, Network};
use pointsman::simulate::scenario::{DEFAULT_RULES, Part, PlanBuilder, v4};
use pointsman::simulate::world::World;

fn secs(secs: u64) -> Moment {
    Moment::from_secs(secs)
}

fn plan(
    rules: Rules,
    services: &[(&str, &[(&'static str, u32)])],
    change: impl Fn(&mut Service),
) -> Arc<Plan> {
    services
        .iter()
        .fold(PlanBuilder::new(rules), |builder, (label, endpoints)| {
            let parts: Vec<Part> = endpoints
                .iter()
                .map(|(name, n)| Part::Endpoint(name, vec![v4(*n)], 1))
                .collect();
            builder.service(label, Policy::Failover, &parts, &change)
        })
        .build()
}

fn answered(world: &World, service: u32) -> Vec<std::net::IpAddr> {
    world
        .choice(ServiceId(service), Family::V4)
        .expect("answered")
        .addresses
        .clone()
}

#[test]
fn health_counters_and_the_active_endpoint_survive_a_reload_that_moves_everything() {
    let before = plan(DEFAULT_RULES, &[("www", &[("fra", 1), ("nyc", 2)])], |s| {
        s.failback = Failback::Manual;
    });
    let after = plan(
        DEFAULT_RULES,
        &[
            ("aaa", &[("x", 7)]),
            ("www", &[("tok", 3), ("nyc", 2), ("fra", 1)]),
        ],
        |s| s.failback = Failback::Manual,
    );
    let mut network = Network::default();
    network.set(v4(1), secs(50), Condition::Refusing);
    network.set(v4(1), secs(80), Condition::WELL);
    let mut world = World::new(before, network, 4);
    world.run_until(secs(150));
    assert_eq!(answered(&world, 0), [v4(2)], "manual failback");
    let probes = world.control.status(world.now())[0].endpoints[1].addresses[0]
        .probe
        .as_ref()
        .unwrap()
        .probes;
    world.enter(secs(150), Event::Planned(after));
    world.run_until(secs(150));
    assert_eq!(
        answered(&world, 1),
        [v4(2)],
        "the active one stays, though another stands first now"
    );
    let status = world.control.status(world.now());
    let nyc = status[1].endpoints[1].addresses[0].probe.as_ref().unwrap();
    assert!(nyc.probes >= probes && probes > 20, "counters are kept");
    assert_eq!(nyc.effective, "up");
    let (_, decisions) = world.published.last().unwrap();
    assert_eq!(decisions.len(), 2, "every service of the new plan is published");
    assert!(world.told.iter().any(|e| e.kind
        == HistoryKind::Planned {
            kept: 2,
            new: 2,
            gone: 0
        }));
    world.run_until(secs(400));
    assert_eq!(answered(&world, 1), [v4(2)]);
}

#[test]
fn the_old_answer_stands_until_new_endpoints_have_a_verdict() {
    let before = plan(DEFAULT_RULES, &[("www", &[("fra", 1)])], |_| {});
    let after = plan(DEFAULT_RULES, &[("www", &[("new", 9), ("other", 8)])], |_| {});
    let mut network = Network::default();
    let slow = Condition::Well {
        after: Duration::from_millis(800),
    };
    network.set(v4(8), Moment::ZERO, slow);
    network.set(v4(9), Moment::ZERO, Condition::Silent);
    let mut world = World::new(before, network, 4);
    world.run_until(secs(100));
    world.enter(secs(100), Event::Planned(after));
    world.run_until(Moment::from_millis(100_700));
    assert_eq!(answered(&world, 0), [v4(1)]);
    world.run_until(Moment::from_millis(103_100));
    assert_eq!(
        answered(&world, 0),
        [v4(8)],
        "the one that answered; the silent one is down"
    );
}

#[test]
fn a_dead_answer_does_not_stand_while_a_new_endpoint_is_unknown() {
    let before = plan(DEFAULT_RULES, &[("www", &[("fra", 1), ("nyc", 2)])], |_| {});
    let after = plan(
        DEFAULT_RULES,
        &[("www", &[("new", 9), ("fra", 1), ("nyc", 2)])],
        |_| {},
    );
    let mut network = Network::default();
    network.set(v4(9), Moment::ZERO, Condition::Silent);
    network.set(v4(1), Moment::from_millis(93_000), Condition::Refusing);
    let mut world = World::new(before, network, 4);
    world.run_until(Moment::from_millis(93_000));
    let down = world
        .run_while(secs(110), |world| answered(world, 0) == [v4(1)])
        .unwrap();
    let reload = down.before(Duration::from_millis(500));
    let mut network = Network::default();
    network.set(v4(9), Moment::ZERO, Condition::Silent);
    network.set(v4(1), Moment::from_millis(93_000), Condition::Refusing);
    let again = plan(DEFAULT_RULES, &[("www", &[("fra", 1), ("nyc", 2)])], |_| {});
    let mut world = World::new(again, network, 4);
    world.enter(reload, Event::Planned(after));
    world.run_until(down.after(Duration::from_millis(600)));
    assert_eq!(answered(&world, 0), [v4(2)]);
}

#[test]
fn probes_of_what_is_gone_are_forgotten_and_a_change_of_rules_keeps_health() {
    let rules = Rules {
        interval: Duration::from_secs(7),
        ..DEFAULT_RULES
    };
    let before = plan(DEFAULT_RULES, &[("www", &[("fra", 1), ("nyc", 2)])], |_| {});
    let after = plan(rules, &[("www", &[("fra", 1)])], |_| {});
    let mut network = Network::default();
    network.set(v4(1), secs(50), Condition::Refusing);
    network.set(v4(2), secs(50), Condition::Silent);
    let mut world = World::new(before, network, 4);
    world.run_until(secs(100));
    world.enter(secs(100), Event::Planned(after));
    world.run_until(secs(100));
    let standing = world.control.standing(TargetId(0), secs(100)).unwrap();
    assert_eq!(standing.real.as_str(), "down");
    world.run_until(secs(200));
    let status = world.control.status(world.now());
    assert_eq!(status[0].endpoints.len(), 1);
    assert!(world.told.iter().any(|e| e.kind
        == HistoryKind::Planned {
            kept: 1,
            new: 0,
            gone: 1
        }));
}

#[test]
fn five_hundred_reloads_change_no_answer_of_a_healthy_service() {
    let plans = [
        plan(DEFAULT_RULES, &[("www", &[("fra", 1), ("nyc", 2)])], |_| {}),
        plan(
            DEFAULT_RULES,
            &[("b", &[("x", 5)]), ("www", &[("fra", 1), ("nyc", 2), ("tok", 3)])],
            |_| {},
        ),
    ];
    let mut world = World::new(plans[0].clone(), Network::default(), 4);
    world.run_until(secs(10));
    for n in 0..500u32 {
        let at = world
            .now()
            .moment
            .after(Duration::from_millis(u64::from(n) * 7 % 900));
        world.enter(at, Event::Planned(plans[(n as usize + 1) % 2].clone()));
        world.run_until(at);
        assert_eq!(answered(&world, (n + 1) % 2), [v4(1)], "reload {n}");
    }
}
