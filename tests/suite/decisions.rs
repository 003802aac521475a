//! Who is answered, for how long, and what the operator hears: policies on the running signal box.

use std::time::Duration;

use pointsman::control::effect::HistoryKind;
use pointsman::control::event::{Command, CommandTicket, Event, Manner};
use pointsman::model::id::ServiceId;
use pointsman::model::service::{Failback, Families, Policy, Service, Switch, TtlRule, WhenAllDown};
use pointsman::model::time::{Moment, Ttl};
use pointsman::policy::choice::{Lifetime, Pick};
use pointsman::policy::readings::Family;
use pointsman::simulate::network::{Condition, Network};
use pointsman::simulate::scenario::{DEFAULT_RULES, Part, PlanBuilder, pair, v4, v6};
use pointsman::simulate::world::World;

const WWW: ServiceId = ServiceId(0);

fn secs(secs: u64) -> Moment {
    Moment::from_secs(secs)
}

fn down_between(network: &mut Network, address: std::net::IpAddr, from: u64, until: u64) {
    network.set(address, secs(from), Condition::Refusing);
    network.set(address, secs(until), Condition::WELL);
}

fn answered(world: &World, family: Family) -> Vec<std::net::IpAddr> {
    world.choice(WWW, family).expect("open").addresses.clone()
}

fn run(change: impl FnOnce(&mut Service), network: Network, until: u64) -> World {
    let mut world = World::new(pair(DEFAULT_RULES, change), network, 3);
    world.run_until(secs(until));
    world
}

#[test]
fn a_recovered_primary_returns_as_failback_says() {
    for (failback, at_130, at_200) in [
        (Failback::Auto, v4(1), v4(1)),
        (Failback::Manual, v4(2), v4(2)),
        (Failback::After(Duration::from_secs(60)), v4(2), v4(1)),
    ] {
        let mut network = Network::default();
        down_between(&mut network, v4(1), 50, 100);
        let mut world = run(|s| s.failback = failback, network, 99);
        assert_eq!(answered(&world, Family::V4), [v4(2)]);
        world.run_until(secs(130));
        assert_eq!(answered(&world, Family::V4), [at_130], "{failback:?}");
        world.run_until(secs(200));
        assert_eq!(answered(&world, Family::V4), [at_200], "{failback:?}");
    }
}

#[test]
fn down_lasts_min_down_at_least() {
    let mut network = Network::default();
    down_between(&mut network, v4(1), 50, 58);
    let world = run(|_| {}, network, 100);
    let changes: Vec<Moment> = world
        .told
        .iter()
        .filter(|e| matches!(e.kind, HistoryKind::StateChanged { .. }) && e.at.moment > secs(10))
        .map(|e| e.at.moment)
        .collect();
    let [down, up] = changes[..] else {
        panic!("{:?}", world.told)
    };
    assert!(up.since(down) >= Duration::from_secs(10));
}

#[test]
fn a_manual_switch_alarms_proposes_and_waits_for_the_operator() {
    let mut network = Network::default();
    network.set(v4(1), secs(50), Condition::Refusing);
    let mut world = run(|s| s.switch = Switch::Manual, network, 100);
    assert_eq!(answered(&world, Family::V4), [v4(1)]);
    assert!(world.told.iter().any(|e| e.alarm
        && matches!(&e.kind, HistoryKind::Proposed { active, proposed, .. } if active == "fra" && proposed == "nyc")));
    assert!(world.decision(WWW).unwrap().degraded().is_some());
    let status = &world.control.status(world.now())[0];
    assert_eq!(status.proposed.as_deref(), Some("nyc"));
    command(&mut world, None);
    assert_eq!(world.answers, ["www.example.test: nyc is active now, fra was"]);
    assert_eq!(answered(&world, Family::V4), [v4(2)]);
    assert!(world.decision(WWW).unwrap().degraded().is_none());
}

fn command(world: &mut World, to: Option<&str>) {
    let now = world.now().moment;
    let command = Command::Failover {
        service: "www.example.test".to_owned(),
        to: to.map(str::to_owned),
    };
    world.enter(
        now,
        Event::Commanded {
            ticket: CommandTicket(1),
            by: "test".to_owned(),
            command,
            manner: Manner::default(),
        },
    );
    world.run_until(now.after(Duration::from_millis(10)));
}

#[test]
fn the_operators_choice_stays_until_it_goes_down_and_nonsense_is_refused() {
    let mut network = Network::default();
    down_between(&mut network, v4(2), 100, 200);
    let mut world = run(|_| {}, network, 20);
    command(&mut world, Some("lon"));
    command(&mut world, Some("nyc"));
    world.run_until(secs(99));
    assert_eq!(
        answered(&world, Family::V4),
        [v4(2)],
        "failback is auto, yet it stays"
    );
    world.run_until(secs(120));
    assert_eq!(answered(&world, Family::V4), [v4(1)]);
    command(&mut world, Some("nyc"));
    world.run_until(secs(300));
    assert_eq!(answered(&world, Family::V4), [v4(1)], "its time is over");
    assert_eq!(
        world.answers,
        [
            "no-such-endpoint: www.example.test has no lon; it has fra, nyc",
            "www.example.test: nyc is active now, fra was",
            "not-healthy: nyc is not up: 10.0.0.2 is down (refused in phase connect)",
        ]
    );
    command(&mut world, None);
    assert_eq!(answered(&world, Family::V4), [v4(2)]);
    // A restart finds the operator's choice, too.
    let plan = world.control.plan().clone();
    let mut again = World::restarted(plan, Network::default(), world.remembered(), secs(400), 9);
    again.run_until(secs(500));
    assert_eq!(answered(&again, Family::V4), [v4(2)]);
    command(&mut again, None);
    assert_eq!(answered(&again, Family::V4), [v4(1)]);
}

#[test]
fn all_down_is_answered_as_the_operator_chose() {
    for (rule, addresses, pick) in [
        (WhenAllDown::Last, vec![v4(2)], Pick::Fixed),
        (WhenAllDown::AssumeUp, vec![v4(1)], Pick::Fixed),
        (WhenAllDown::None, vec![], Pick::Nothing),
        (WhenAllDown::Servfail, vec![], Pick::Fail),
        (
            WhenAllDown::Fallback(vec![v4(9), v6(9)]),
            vec![v4(9)],
            Pick::Fixed,
        ),
    ] {
        let mut network = Network::default();
        network.set(v4(1), secs(50), Condition::Refusing);
        down_between(&mut network, v4(2), 100, 200);
        let mut world = run(|s| s.when_all_down = rule.clone(), network, 150);
        let decision = world.decision(WWW).unwrap();
        assert_eq!(decision.a.addresses, addresses, "{rule:?}");
        assert_eq!(decision.a.pick, pick, "{rule:?}");
        assert!(decision.degraded().is_some(), "{rule:?}");
        assert!(
            world
                .told
                .iter()
                .any(|e| e.alarm && matches!(e.kind, HistoryKind::Degraded { what: Some(_), .. }))
        );
        world.run_until(secs(230));
        assert_eq!(answered(&world, Family::V4), [v4(2)], "{rule:?}");
        assert!(world.decision(WWW).unwrap().degraded().is_none());
    }
}

#[test]
fn a_held_endpoint_that_answers_is_better_than_a_dead_one() {
    let mut network = Network::default();
    network.set(v4(2), secs(20), Condition::Refusing);
    for flap in 0..4 {
        down_between(&mut network, v4(1), 50 + flap * 40, 65 + flap * 40);
    }
    let world = run(|s| s.when_all_down = WhenAllDown::Servfail, network, 200);
    let status = &world.control.status(world.now())[0];
    let probe = status.endpoints[0].addresses[0].probe.as_ref().unwrap();
    assert_eq!((probe.real, probe.effective), ("up", "down"));
    assert!(
        probe.held.as_ref().unwrap().starts_with("flapped"),
        "{:?}",
        probe.held
    );
    assert_eq!(answered(&world, Family::V4), [v4(1)]);
    assert!(world.decision(WWW).unwrap().degraded().is_none());
}

#[test]
fn families_are_judged_apart_unless_coupled() {
    let parts = [
        Part::Endpoint("fra", vec![v4(1), v6(1)], 1),
        Part::Endpoint("nyc", vec![v4(2), v6(2)], 1),
    ];
    for (families, aaaa) in [(Families::Apart, v6(1)), (Families::Together, v6(2))] {
        let plan = PlanBuilder::new(DEFAULT_RULES)
            .service("www", Policy::Failover, &parts, |s| s.families = families)
            .build();
        let mut network = Network::default();
        network.set(v4(1), secs(50), Condition::Refusing);
        let mut world = World::new(plan, network, 5);
        world.run_until(secs(70));
        assert_eq!(answered(&world, Family::V4), [v4(2)]);
        assert_eq!(answered(&world, Family::V6), [aaaa], "{families:?}");
    }
}

#[test]
fn a_family_that_the_active_endpoint_lacks_has_no_data_and_one_that_nobody_has_neither() {
    let parts = [
        Part::Endpoint("fra", vec![v4(1)], 1),
        Part::Endpoint("nyc", vec![v4(2), v6(2)], 1),
    ];
    let plan = PlanBuilder::new(DEFAULT_RULES)
        .service("www", Policy::Failover, &parts, |_| {})
        .build();
    let mut network = Network::default();
    network.set(v4(1), secs(50), Condition::Refusing);
    let mut world = World::new(plan, network, 5);
    world.run_until(secs(40));
    assert_eq!(world.choice(WWW, Family::V6).unwrap().pick, Pick::Nothing);
    world.run_until(secs(70));
    assert_eq!(answered(&world, Family::V6), [v6(2)]);
    let world = run(|_| {}, Network::default(), 10);
    assert_eq!(world.choice(WWW, Family::V6).unwrap().pick, Pick::Nothing);
}

#[test]
fn only_the_healthy_addresses_of_an_endpoint_are_answered() {
    let parts = [Part::Endpoint("fra", vec![v4(1), v4(2), v4(3)], 1)];
    let plan = PlanBuilder::new(DEFAULT_RULES)
        .service("www", Policy::Failover, &parts, |_| {})
        .build();
    let mut network = Network::default();
    network.set(v4(2), secs(50), Condition::Refusing);
    let mut world = World::new(plan, network, 5);
    world.run_until(secs(70));
    assert_eq!(answered(&world, Family::V4), [v4(1), v4(3)]);
}

#[test]
fn a_pool_below_min_up_gives_way_and_weights_follow_health() {
    let pool = |name, from: u32, min_up| {
        let parts = vec![
            Part::Endpoint("x", vec![v4(from)], 1),
            Part::Endpoint("y", vec![v4(from + 1)], 3),
        ];
        Part::Pool(name, Policy::Weighted, parts, min_up)
    };
    let plan = PlanBuilder::new(DEFAULT_RULES)
        .service(
            "www",
            Policy::Failover,
            &[pool("eu", 1, 2), pool("us", 11, 1)],
            |_| {},
        )
        .build();
    let mut network = Network::default();
    down_between(&mut network, v4(2), 50, 100);
    network.set(v4(11), secs(40), Condition::Refusing);
    let mut world = World::new(plan, network, 5);
    world.run_until(secs(20));
    assert_eq!(answered(&world, Family::V4), [v4(1), v4(2)]);
    world.run_until(secs(70));
    assert_eq!(answered(&world, Family::V4), [v4(12)], "one of eu is not enough");
    world.run_until(secs(150));
    assert_eq!(answered(&world, Family::V4), [v4(1), v4(2)]);
}

#[test]
fn a_stable_ttl_is_short_from_the_first_failed_probe_until_settled() {
    let ttl = TtlRule::Stable {
        max: Ttl::from_secs(60),
        min: Ttl::from_secs(2),
    };
    let mut network = Network::default();
    network.set(v4(1), secs(50), Condition::Refusing);
    let world = run(|s| s.ttl = ttl, network, 100);
    let seen: Vec<(Vec<_>, Lifetime)> = world
        .published
        .iter()
        .flat_map(|(_, decisions)| decisions)
        .map(|d| (d.a.addresses.clone(), d.lifetime))
        .collect();
    let fixed = |s| Lifetime::Fixed(Ttl::from_secs(s));
    assert_eq!(
        seen,
        [
            (vec![v4(1)], fixed(60)),
            (vec![v4(1)], fixed(2)),
            (vec![v4(2)], fixed(60))
        ]
    );
}

#[test]
fn a_strict_ttl_never_outlives_the_answer() {
    let ttl = TtlRule::Strict {
        max: Ttl::from_secs(60),
        min: Ttl::from_secs(0),
    };
    for seed in 0..60 {
        let mut network = Network::default();
        let fault = secs(50).after(Duration::from_millis(101 * seed));
        network.set(v4(1), fault, Condition::Refusing);
        network.set(v4(1), fault.after(Duration::from_secs(41)), Condition::WELL);
        let mut world = World::new(pair(DEFAULT_RULES, |s| s.ttl = ttl), network, seed);
        let mut given: Vec<(Vec<std::net::IpAddr>, Moment)> = Vec::new();
        let mut longest = 0;
        while world.now().moment < secs(150) {
            let next = world.now().moment.after(Duration::from_millis(97));
            world.run_until(next);
            let Some((addresses, ttl)) = world.answer(WWW, Family::V4) else {
                continue;
            };
            longest = longest.max(ttl.secs());
            for (before, until) in &given {
                assert!(*until <= next || *before == addresses, "seed {seed} at {next:?}");
            }
            given.retain(|(_, until)| *until > next);
            given.push((addresses, next.after(ttl.duration())));
        }
        assert!(longest >= 4, "it is not always the least: {longest}");
    }
}

#[test]
fn errors_between_successes_are_a_slow_leak_and_ten_good_in_a_row_mend_it() {
    let mut network = Network::default();
    network.set(v4(1), secs(50), Condition::Failing { chance: 0.5 });
    network.set(v4(1), secs(300), Condition::WELL);
    let mut world = run(|_| {}, network, 300);
    assert!(world.told.iter().any(|e| matches!(&e.kind,
        HistoryKind::StateChanged { why, .. } if why.contains("failures between successes"))));
    assert_eq!(answered(&world, Family::V4), [v4(2)]);
    world.run_until(secs(1200));
    assert_eq!(answered(&world, Family::V4), [v4(1)]);
}

#[test]
fn a_verdict_publishes_only_the_services_that_use_the_target() {
    let mut builder = PlanBuilder::new(DEFAULT_RULES);
    for n in 0..20u32 {
        let parts = [
            Part::Endpoint("own", vec![v4(10 + n % 10)], 1),
            Part::Endpoint("shared", vec![v4(1)], 1),
        ];
        builder = builder.service(&format!("s{n}"), Policy::Failover, &parts, |_| {});
    }
    let mut network = Network::default();
    network.set(v4(13), secs(50), Condition::Refusing);
    let mut world = World::new(builder.build(), network, 5);
    world.run_until(secs(100));
    let sizes: Vec<Vec<u32>> = world
        .published
        .iter()
        .map(|(_, d)| d.iter().map(|d| d.service.0).collect())
        .collect();
    assert_eq!(
        sizes.len(),
        2,
        "the opening and one verdict, coalesced: {sizes:?}"
    );
    assert_eq!(sizes[1], [3, 13]);
}

#[test]
fn explain_gives_each_candidate_its_reason_and_is_serializable() {
    let mut network = Network::default();
    network.set(v4(1), secs(50), Condition::Refusing);
    let world = run(|_| {}, network, 100);
    let explained = world.control.explain(WWW, world.now());
    let reasons: Vec<(&str, bool, &str)> = explained
        .candidates
        .iter()
        .map(|c| (c.name.as_str(), c.chosen, c.why.as_str()))
        .collect();
    assert_eq!(
        reasons,
        [
            ("fra", false, "not usable"),
            ("nyc", true, "first usable in the order written")
        ]
    );
    let json = serde_json::to_value(&explained).unwrap();
    assert_eq!(json["status"]["a"]["addresses"][0], "10.0.0.2");
    assert_eq!(
        json["status"]["endpoints"][0]["addresses"][0]["probe"]["evidence"]["text"],
        "refused in phase connect"
    );
}
