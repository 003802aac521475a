//! What is rehearsed is what would happen: the same verdict at the same moment as of a real failure, for every kind of
//! service and check.

use std::net::{IpAddr, SocketAddr};

use pointsman::control::event::{Event, Word, WordKind};
use pointsman::model::id::TargetId;
use pointsman::simulate::network::Condition;
use pointsman::simulate::scenario::v6;

use super::*;
use crate::support::plans::plan_of;

fn detected(world: &World) -> Option<Moment> {
    world.stages.iter().find_map(|stage| match stage {
        Stage::Detected(_, at) => Some(at.moment),
        _ => None,
    })
}

/// When `www` was answered without `gone` first.
fn left(world: &World, gone: IpAddr, since: Moment) -> Option<Moment> {
    let mut published = world.published.iter().filter(|(at, _)| *at >= since);
    published.find_map(|(at, decisions)| {
        let www = decisions.iter().find(|decision| decision.service == WWW)?;
        (!www.a.addresses.contains(&gone)).then_some(*at)
    })
}

#[test]
fn a_drill_takes_as_long_as_the_failure_it_stands_for_also_on_a_lossy_path() {
    let mut confirmed = 0;
    for seed in 0..60 {
        for loss in [0.0, 0.1, 0.3] {
            let mut lossy = Network::default();
            lossy.lose(v4(1), loss);
            let warm = |network: Network| {
                let mut world = World::new(plan(), network, seed);
                world.run_until(Moment::from_secs(600));
                world
            };
            let mut rehearsed = warm(lossy.clone());
            let said = command(
                &mut rehearsed,
                Command::Drill(order("www.example.test", 60)),
                Manner::default(),
            );
            if rehearsed.stages.is_empty() {
                // The path has just lost a probe: that is no time for a rehearsal.
                assert!(said.starts_with("not-well: ") && loss > 0.0, "{said}");
                continue;
            }
            let began = rehearsed.now().moment;
            rehearsed.run_until(after(began, 30_000));
            let mut real = lossy;
            real.set(v4(1), began, Condition::Refusing);
            let mut real = warm(real);
            real.run_until(after(began, 30_000));
            let (drill, failure) = (left(&rehearsed, v4(1), began), left(&real, v4(1), began));
            let (drill, failure) = (drill.expect("in a drill"), failure.expect("really"));
            let apart = drill.since(failure).max(failure.since(drill));
            // What is lost is silent in truth and refused in the rehearsal: it may come sooner or later then.
            let most = if loss == 0.0 { 20 } else { 4500 };
            assert!(
                apart <= Duration::from_millis(most),
                "seed {seed}, loss {loss}: {:?} in a drill, {:?} really",
                drill.since(began),
                failure.since(began)
            );
            assert!(
                loss > 0.0 || drill.since(began) <= Duration::from_millis(7_100),
                "seed {seed}"
            );
            confirmed += usize::from(loss > 0.0);
        }
    }
    assert!(confirmed > 50, "{confirmed}");
}

#[test]
fn pools_and_services_of_several_answers_lose_just_the_endpoint() {
    let pool = |name, first: &'static str, second: &'static str, n| {
        let parts = vec![
            Part::Endpoint(first, vec![v4(n)], 1),
            Part::Endpoint(second, vec![v4(n + 1)], 1),
        ];
        Part::Pool(name, Policy::All { max_answers: None }, parts, 1)
    };
    let pools = PlanBuilder::new(DEFAULT_RULES)
        .service(
            "www",
            Policy::Failover,
            &[pool("eu", "fra-1", "fra-2", 11), pool("us", "nyc-1", "nyc-2", 21)],
            |_| {},
        )
        .build();
    let three: Vec<Part> = [("a", 31), ("b", 32), ("c", 33)]
        .map(|(name, n)| Part::Endpoint(name, vec![v4(n)], 1))
        .into();
    let of = |policy| {
        PlanBuilder::new(DEFAULT_RULES)
            .service("www", policy, &three, |_| {})
            .build()
    };
    for (plan, before, during) in [
        (pools, vec![v4(11), v4(12)], vec![v4(12)]),
        (
            of(Policy::All { max_answers: None }),
            vec![v4(31), v4(32), v4(33)],
            vec![v4(32), v4(33)],
        ),
        (
            of(Policy::Weighted),
            vec![v4(31), v4(32), v4(33)],
            vec![v4(32), v4(33)],
        ),
    ] {
        let mut world = world_of(plan, Network::default());
        let sorted = |world: &World| {
            let mut all = answered(world, WWW);
            all.sort_unstable();
            all
        };
        assert_eq!(sorted(&world), before);
        let began = begin(&mut world, order("www.example.test", 30));
        world.run_until(after(began, 29_000));
        assert_eq!(sorted(&world), during);
        world.run_until(after(began, 30_000));
        assert_eq!(sorted(&world), before);
    }
}

#[test]
fn both_families_switch_and_the_endpoint_may_be_named() {
    let parts = [
        Part::Endpoint("fra", vec![v4(1), v6(1)], 1),
        Part::Endpoint("nyc", vec![v4(2), v6(2)], 1),
    ];
    let both = PlanBuilder::new(DEFAULT_RULES)
        .service("www", Policy::Failover, &parts, |_| {})
        .build();
    let mut world = world_of(both, Network::default());
    let named = Order {
        endpoint: Some("fra".to_owned()),
        ..order("www.example.test", 30)
    };
    let began = begin(&mut world, named);
    let Some(Stage::Began(subject)) = world.stages.first() else {
        panic!("it began")
    };
    assert_eq!((subject.families, subject.names.len()), ([true, true], 2));
    world.run_until(after(began, 29_000));
    let aaaa = world.choice(WWW, Family::V6).unwrap().addresses.clone();
    assert_eq!((answered(&world, WWW), aaaa), (vec![v4(2)], vec![v6(2)]));
    assert!(
        world
            .stages
            .iter()
            .any(|stage| matches!(stage, Stage::Answered(..)))
    );
}

#[test]
fn references_are_asked_and_a_node_that_is_cut_off_rehearses_nothing() {
    let reference: SocketAddr = "192.0.2.1:443".parse().unwrap();
    let parts = [
        Part::Endpoint("fra", vec![v4(1)], 1),
        Part::Endpoint("nyc", vec![v4(2)], 1),
    ];
    let plan = || {
        PlanBuilder::new(DEFAULT_RULES)
            .references(&[reference])
            .service("www", Policy::Failover, &parts, |_| {})
            .build()
    };
    let mut world = world_of(plan(), Network::default());
    let began = begin(&mut world, order("www.example.test", 30));
    world.run_until(after(began, 29_000));
    assert_eq!(answered(&world, WWW), [v4(2)]);
    // The whole network goes in the middle of the next one: it ends, and nothing is answered that is not true.
    let mut network = Network::default();
    network.cut_off(Moment::from_secs(40), Moment::from_secs(400));
    network.set_reference(reference, Moment::from_secs(40), false);
    network.set_reference(reference, Moment::from_secs(400), true);
    let mut world = world_of(plan(), network);
    begin(&mut world, order("www.example.test", 300));
    world.run_until(Moment::from_secs(39));
    assert_eq!(answered(&world, WWW), [v4(2)]);
    world.run_until(Moment::from_secs(70));
    assert_eq!(answered(&world, WWW), [v4(1)], "{:?}", ended(&world));
    let (_, state, _) = ended(&world).unwrap();
    assert_eq!(state, State::Aborted);
    let next = Order {
        id: 2,
        ..order("www.example.test", 30)
    };
    let said = command(&mut world, Command::Drill(next), Manner::default());
    assert!(said.starts_with("isolated: "), "{said}");
}

#[test]
fn a_rehearsal_waits_at_the_brake_and_takes_nobodys_place() {
    let parts: Vec<Part> = (1..=12)
        .map(|n| {
            let name: &'static str = Box::leak(format!("e{n}").into_boxed_str());
            Part::Endpoint(name, vec![v4(n)], 1)
        })
        .collect();
    let plan = PlanBuilder::new(DEFAULT_RULES)
        .brake(0.1)
        .service("www", Policy::Failover, &parts, |_| {})
        .build();
    // One may go down per minute, and one does.
    let mut network = Network::default();
    network.set(v4(12), Moment::from_secs(21), Condition::Refusing);
    let mut world = world_of(plan.clone(), network);
    world.run_until(Moment::from_secs(30));
    let began = begin(&mut world, order("www.example.test", 30));
    world.run_until(after(began, 31_000));
    assert_eq!(detected(&world), None, "it would have been held, too");
    assert_eq!(answered(&world, WWW), [v4(1)]);
    // The other way round: a drill that was let through holds nobody back.
    let mut network = Network::default();
    network.set(v4(12), Moment::from_secs(45), Condition::Refusing);
    let mut world = world_of(plan, network);
    let began = begin(&mut world, order("www.example.test", 60));
    world.run_until(after(began, 20_000));
    assert_eq!(answered(&world, WWW), [v4(2)]);
    world.run_until(Moment::from_secs(56));
    let last = &world.control.status(world.now())[0].endpoints[11].addresses[0];
    assert_eq!(last.probe.as_ref().unwrap().effective, "down");
}

#[test]
fn a_combined_check_fails_in_all_its_parts_and_a_heartbeat_falls_silent() {
    let combined = plan_of(
        "[checks.port]\ntype = \"tcp\"\nport = 80\n[checks.tls]\ntype = \"tcp\"\nport = 443\n\
         [checks.any]\nany_of = [\"port\", \"tls\"]\n\
         [services.www]\npolicy = \"failover\"\ncheck = \"any\"\n\
         endpoints = [{ name = \"fra\", address = \"10.0.0.1\" }, { name = \"nyc\", address = \"10.0.0.2\" }]\n",
        &[],
    );
    let mut world = world_of(combined, Network::default());
    let began = begin(&mut world, order("www.example.test", 30));
    world.run_until(after(began, 29_000));
    assert_eq!(answered(&world, WWW), [v4(2)]);
    world.run_until(after(began, 30_000));
    assert_eq!(answered(&world, WWW), [v4(1)]);

    let beating = plan_of(
        "[checks.beat]\ntype = \"heartbeat\"\nwithin = \"10s\"\ntoken_file = \"beat.token\"\n\
         [services.www]\npolicy = \"failover\"\ncheck = \"beat\"\n\
         endpoints = [{ name = \"fra\", address = \"10.0.0.1\" }, { name = \"nyc\", address = \"10.0.0.2\" }]\n",
        &[("beat.token", "sesame\n")],
    );
    let mut world = World::new(beating, Network::default(), 7);
    for second in 0..120 {
        for target in [TargetId(0), TargetId(1)] {
            let word = Word {
                kind: WordKind::Up,
                text: String::new(),
            };
            world.enter(
                after(Moment::from_secs(second), 500),
                Event::Heartbeat { target, word },
            );
        }
    }
    world.run_until(Moment::from_secs(20));
    let began = begin(&mut world, order("www.example.test", 30));
    world.run_until(after(began, 9_400));
    assert_eq!(answered(&world, WWW), [v4(1)]);
    // The last word before it began came at most a second earlier.
    world.run_until(after(began, 10_100));
    assert_eq!(answered(&world, WWW), [v4(2)], "silent for `within`");
    world.run_until(after(began, 30_000));
    assert_eq!(answered(&world, WWW), [v4(1)], "it has reported all along");
}
