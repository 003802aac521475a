//! What stands against a drill.

use pointsman::model::force::ForceKind;
use pointsman::model::on_failover::{OnFailover, Otherwise};
use pointsman::model::service::{Handover, Switch};
use pointsman::simulate::network::Condition;
use pointsman::simulate::scenario::{pair, v6};

use super::*;

fn refused(world: &mut World, order: Order) -> String {
    let before = world.stages.len();
    let said = command(world, Command::Drill(order), Manner::default());
    assert_eq!(world.stages.len(), before, "nothing began: {said}");
    let changed = world.published.iter().filter(|(at, _)| *at >= world.now().moment);
    assert_eq!(changed.count(), 0, "nothing changed: {said}");
    said
}

fn service(policy: Policy, change: impl FnOnce(&mut pointsman::model::service::Service)) -> Arc<Plan> {
    let parts = [
        Part::Endpoint("fra", vec![v4(1)], 1),
        Part::Endpoint("nyc", vec![v4(2)], 1),
    ];
    PlanBuilder::new(DEFAULT_RULES)
        .service("www", policy, &parts, change)
        .build()
}

#[test]
fn each_rule_refuses_by_its_name() {
    let www = || order("www.example.test", 30);
    let mut world = world_of(plan(), Network::default());
    let said = refused(&mut world, order("nobody.example.test", 30));
    assert!(said.starts_with("no-such-service: "), "{said}");
    let said = refused(&mut world, order("www.example.test", 7));
    assert!(
        said.starts_with("too-short: "),
        "7.1 s may pass before the verdict: {said}"
    );
    let said = refused(&mut world, order("www.example.test", 3601));
    assert!(said.starts_with("too-long: "), "{said}");
    let other = Order {
        endpoint: Some("nyc".to_owned()),
        ..www()
    };
    let said = refused(&mut world, other);
    assert!(said.starts_with("not-answered: "), "{said}");
    begin(&mut world, www());
    let said = command(
        &mut world,
        Command::Drill(order("shop.example.test", 30)),
        Manner::default(),
    );
    assert!(
        said.starts_with("drill-running: drill 1 of www.example.test"),
        "{said}"
    );

    for (rule, policy, change) in [
        (
            "exclusive",
            Policy::Failover,
            (|service| service.exclusive = Some(Handover::Safe))
                as fn(&mut pointsman::model::service::Service),
        ),
        ("switch-manual", Policy::Failover, |service| {
            service.switch = Switch::Manual
        }),
        ("gate", Policy::Failover, |service| {
            service.on_failover = Some(OnFailover {
                program: "/usr/local/bin/promote".into(),
                arguments: Vec::new(),
                gate: true,
                timeout: Duration::from_secs(10),
                on_failure: Otherwise::Hold,
                on_timeout: Otherwise::Hold,
            });
        }),
        ("by-client", Policy::Geo, |_| {}),
    ] {
        let mut world = world_of(service(policy, change), Network::default());
        let said = refused(&mut world, www());
        assert!(said.starts_with(&format!("{rule}: ")), "{said}");
    }
    let mut world = World::new(plan(), Network::default(), 7);
    let said = refused(&mut world, www());
    assert!(said.starts_with("starting: "), "{said}");
}

#[test]
fn without_a_standby_that_is_really_well_there_is_no_drill() {
    // Down; and up, but with a probe that has just failed.
    for (since, rule) in [(1, "is down"), (19, "has just failed a probe")] {
        let mut network = Network::default();
        network.set(v4(2), Moment::from_secs(since), Condition::Refusing);
        let mut world = World::new(plan(), network, 7);
        world
            .run_while(Moment::from_secs(60), |world| {
                let nyc = &world.control.status(world.now())[0].endpoints[1].addresses[0];
                let probe = nyc.probe.as_ref().unwrap();
                world.now().moment < Moment::from_secs(20) || !probe.in_doubt && probe.effective == "up"
            })
            .expect("nyc fails");
        let said = refused(&mut world, order("www.example.test", 30));
        assert!(
            said.starts_with("no-healthy-standby: ") && said.contains(rule),
            "{said}"
        );
    }
    // One endpoint alone.
    let one = PlanBuilder::new(DEFAULT_RULES)
        .service(
            "www",
            Policy::Failover,
            &[Part::Endpoint("fra", vec![v4(1)], 1)],
            |_| {},
        )
        .build();
    let said = refused(
        &mut world_of(one, Network::default()),
        order("www.example.test", 30),
    );
    assert!(said.contains("there is no other endpoint"), "{said}");
    // For A there is one, for AAAA there is none.
    let parts = [
        Part::Endpoint("fra", vec![v4(1), v6(1)], 1),
        Part::Endpoint("nyc", vec![v4(2)], 1),
    ];
    let half = PlanBuilder::new(DEFAULT_RULES)
        .service("www", Policy::Failover, &parts, |_| {})
        .build();
    let said = refused(
        &mut world_of(half, Network::default()),
        order("www.example.test", 30),
    );
    assert!(
        said.starts_with("no-healthy-standby: ") && said.contains("AAAA"),
        "{said}"
    );
}

#[test]
fn what_is_not_well_or_in_an_operators_hand_is_not_drilled() {
    let mut network = Network::default();
    network.set(v4(1), Moment::from_secs(1), Condition::Refusing);
    network.set(v4(1), Moment::from_secs(40), Condition::WELL);
    let mut world = world_of(pair(DEFAULT_RULES, |_| {}), network);
    // fra is down, nyc answers: no standby for it.
    let said = refused(&mut world, order("www.example.test", 30));
    assert!(said.starts_with("no-healthy-standby: "), "{said}");
    world.run_until(Moment::from_secs(100));
    for (kind, select, rule) in [
        (
            ForceKind::Up,
            "www.example.test/fra",
            "override: fra is forced up",
        ),
        (
            ForceKind::Up,
            "www.example.test/nyc",
            "override: nyc would answer instead",
        ),
        (ForceKind::Down, "www.example.test/nyc", "no-healthy-standby: "),
    ] {
        let select = select.to_owned();
        let force = Command::Force {
            kind,
            select: select.clone(),
            reason: None,
            lasting: None,
        };
        command(&mut world, force, Manner::default());
        let said = refused(&mut world, order("www.example.test", 30));
        assert!(said.starts_with(rule), "{said}");
        command(&mut world, Command::Release { select }, Manner::default());
    }
}

#[test]
fn rules_of_safety_stand_against_it_unless_the_glass_is_broken() {
    let strict = pair(DEFAULT_RULES, |service| service.safety.min_live = Some(2));
    let mut world = world_of(strict, Network::default());
    let said = refused(&mut world, order("www.example.test", 30));
    assert!(
        said.starts_with("min_live: www.example.test would keep 1 live of 2"),
        "{said}"
    );
    let glass = Manner {
        break_glass: true,
        dry_run: false,
    };
    let said = command(&mut world, Command::Drill(order("www.example.test", 30)), glass);
    assert!(
        said.starts_with("www.example.test: fra is taken for failed"),
        "{said}"
    );
}

#[test]
fn a_dry_run_says_what_would_be_and_changes_nothing() {
    let mut world = world_of(plan(), Network::default());
    let dry = Manner {
        break_glass: false,
        dry_run: true,
    };
    let said = command(&mut world, Command::Drill(order("www.example.test", 30)), dry);
    assert_eq!(
        said,
        "would do: www.example.test: fra is taken for failed for 30 s at the most, nyc answers instead, then \
         everything is as before"
    );
    assert!(world.stages.is_empty() && world.drills.is_empty());
    world.run_until(Moment::from_secs(60));
    assert_eq!(answered(&world, WWW), [v4(1)]);
}

#[test]
fn a_drill_that_the_disk_does_not_keep_does_not_begin() {
    let mut world = world_of(plan(), Network::default());
    world.disk_fails = Some("no space left on device".to_owned());
    let said = refused(&mut world, order("www.example.test", 30));
    assert!(said.starts_with("not-stored: "), "{said}");
    world.run_until(Moment::from_secs(60));
    assert_eq!(answered(&world, WWW), [v4(1)]);
}
