//! `plan`: what it foresees is what happens, over random changes of random configurations; and the audit finds every
//! planted single point.

mod command;
mod random;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use pointsman::api::explain::explain;
use pointsman::api::live::Question;
use pointsman::control::chance::Chance;
use pointsman::control::event::Event;
use pointsman::control::forecast::Forecast;
use pointsman::control::status::AnswerStatus;
use pointsman::model::plan::Plan;
use pointsman::model::service::Policy;
use pointsman::model::time::Moment;
use pointsman::policy::choice::Choice;
use pointsman::policy::readings::Family;
use pointsman::publish::publisher::Publisher;
use pointsman::simulate::network::{Condition, Network};
use pointsman::simulate::scenario::{DEFAULT_RULES, Part, PlanBuilder, v4, v6};
use pointsman::simulate::world::World;

use crate::support::plans::plan_of;

/// When the new configuration comes: everything has settled by then.
const CHANGE: Moment = Moment::from_secs(600);

/// Per service and family: what is answered, as the control decided and as it says.
type Answers = BTreeMap<(String, &'static str), (Choice, String, AnswerStatus)>;

fn answers(world: &World) -> Answers {
    let plan = world.control.plan().clone();
    let status = world.control.status(world.now());
    plan.services
        .iter()
        .zip(status)
        .flat_map(|(service, status)| {
            let ttl = service.ttl.to_string();
            [(Family::V4, status.a), (Family::V6, status.aaaa)].map(|(family, words)| {
                let choice = world.choice(service.id, family).expect("open").clone();
                (
                    (service.display_name(), family.as_str()),
                    (choice, ttl.clone(), words),
                )
            })
        })
        .collect()
}

fn same(a: &AnswerStatus, b: &AnswerStatus) -> bool {
    a.addresses == b.addresses && a.pick == b.pick
}

/// What is foreseen for a name, from what was and what is said to change.
fn foreseen(forecast: &Forecast, before: &Answers, key: &(String, &'static str)) -> Option<AnswerStatus> {
    let change = forecast
        .changes
        .iter()
        .find(|change| change.service == key.0 && change.rtype == key.1);
    match change {
        Some(change) => change.to.clone(),
        None => before.get(key).map(|(.., words)| words.clone()),
    }
}

/// Lets the change happen and holds what was foreseen against it; how many answers changed.
fn one_change(seed: u64) -> usize {
    let mut chance = Chance::new(seed);
    let (old, new) = random::change(&mut chance);
    let network = random::network(&mut chance);
    let truth = network.clone();
    let mut world = World::new(old, network, seed);
    world.keeps = false;
    world.run_until(CHANGE);
    let before = answers(&world);
    let forecast = world
        .control
        .foresee(&new, world.now(), &|target| truth.serves(target.address, CHANGE));
    assert_eq!(
        answers(&world).len(),
        before.len(),
        "asking changes nothing, seed {seed}"
    );
    world.enter(CHANGE, Event::Planned(Arc::clone(&new)));
    world.run_until(
        CHANGE
            .after(new.node.startup_wait)
            .after(Duration::from_millis(100)),
    );
    let after = answers(&world);
    let mut changed = 0;
    for (key, (choice, ttl, words)) in &after {
        let told = foreseen(&forecast, &before, key);
        // A family that a new service does not have is not worth a word.
        let told = told.unwrap_or_else(|| AnswerStatus {
            addresses: Vec::new(),
            pick: "nothing".to_owned(),
            why: String::new(),
        });
        assert!(
            same(&told, words),
            "seed {seed}, {key:?}: foreseen {told:?}, happened {words:?}\n{forecast:#?}"
        );
        let differs = before
            .get(key)
            .is_none_or(|(was, rule, _)| was != choice || rule != ttl && !choice.addresses.is_empty());
        let said = forecast
            .changes
            .iter()
            .any(|change| change.service == key.0 && change.rtype == key.1);
        let exists = before.contains_key(key) || !choice.addresses.is_empty();
        assert!(
            !exists || differs == said,
            "seed {seed}, {key:?}: differs {differs}, said {said}\n{forecast:#?}"
        );
        changed += usize::from(differs);
    }
    for key in before.keys().filter(|key| !after.contains_key(*key)) {
        let had = !before[key].0.addresses.is_empty();
        let gone = forecast
            .changes
            .iter()
            .any(|change| change.service == key.0 && change.rtype == key.1 && change.to.is_none());
        assert_eq!(gone, had, "seed {seed}, {key:?} is gone\n{forecast:#?}");
    }
    published_as_foreseen(seed, &world, &new, &forecast, &before);
    changed
}

/// The same through the publisher and the engine: what goes out on the wire is what was foreseen.
fn published_as_foreseen(seed: u64, world: &World, plan: &Arc<Plan>, forecast: &Forecast, before: &Answers) {
    let contents = crate::answers::world::contents(
        "example.test",
        "@ 300 SOA ns host 1 7200 900 86400 60\n@ 300 NS ns\nns 300 A 192.0.2.53\n",
    );
    let mut publisher = Publisher::new(plan, &[Some(contents)], seed);
    let decisions: Vec<_> = plan
        .services
        .iter()
        .filter_map(|service| world.decision(service.id).cloned())
        .collect();
    let snapshot = publisher.apply(&decisions);
    for service in &plan.services {
        for (family, rtype) in [(Family::V4, 1), (Family::V6, 28)] {
            let question = Question {
                name: service.owner.clone(),
                rtype,
                client: IpAddr::V4(Ipv4Addr::LOCALHOST),
                subnet: None,
                dice: 0,
            };
            let report = explain(plan, &world.control, &snapshot, &question, world.now());
            let key = (service.display_name(), family.as_str());
            let Some(told) = foreseen(forecast, before, &key) else {
                assert!(report.answer.answers.is_empty(), "seed {seed}: {report:?}");
                continue;
            };
            let named: Vec<&str> = report
                .answer
                .answers
                .iter()
                .filter_map(|line| line.split_whitespace().last())
                .collect();
            if told.addresses == ["SERVFAIL"] {
                assert_eq!(report.answer.rcode, "SERVFAIL", "seed {seed}, {key:?}");
                continue;
            }
            assert_eq!(
                named.is_empty(),
                told.addresses.is_empty(),
                "seed {seed}, {key:?}: {report:?}"
            );
            for address in &named {
                assert!(
                    told.addresses.iter().any(|told| told == address),
                    "seed {seed}, {key:?}: {named:?}, foreseen {told:?}"
                );
            }
        }
    }
}

#[test]
fn five_hundred_random_changes_happen_as_foreseen() {
    let changed: usize = (0..500).map(one_change).sum();
    assert!(
        changed > 500,
        "the changes are not all without effect: {changed} answers changed"
    );
}

#[test]
fn each_single_failure_is_foreseen_as_it_happens() {
    // What is said of the new plan under a failure is what a node on that plan does when it happens.
    let mut seen = 0;
    for seed in 0..400 {
        let mut chance = Chance::new(seed ^ 0x1055);
        let (_, plan) = random::change(&mut chance);
        let host = 1 + u16::try_from(chance.throw() % 8).unwrap();
        let (four, six) = (v4(host.into()), v6(host));
        let mut network = Network::default();
        network.set(four, Moment::from_secs(100), Condition::Refusing);
        network.set(six, Moment::from_secs(100), Condition::Refusing);
        let has_both = plan
            .endpoints
            .iter()
            .any(|endpoint| endpoint.addresses.iter().any(|a| a.address == six));
        let lost = if has_both {
            format!("{four} and {six}")
        } else {
            four.to_string()
        };
        let mut world = World::new(plan.clone(), network, seed);
        world.keeps = false;
        world.run_until(Moment::from_secs(99));
        let bare: Vec<(String, String)> = world
            .control
            .audit(world.now())
            .into_iter()
            .filter(|bare| bare.lost == lost)
            .map(|bare| (bare.service, bare.rtype))
            .collect();
        world.run_until(Moment::from_secs(160));
        let happened: Vec<(String, String)> = world
            .control
            .status(world.now())
            .into_iter()
            .filter(|status| status.a.why.contains("all endpoints down"))
            .map(|status| (status.service, "A".to_owned()))
            .collect();
        let foreseen: Vec<(String, String)> = bare.into_iter().filter(|(_, rtype)| rtype == "A").collect();
        assert_eq!(foreseen, happened, "seed {seed}");
        seen += happened.len();
    }
    assert!(seen > 10, "{seen} services were left with nothing");
}

#[test]
fn every_planted_single_point_is_found_and_nothing_else() {
    let lone = |name, n| Part::Endpoint(name, vec![v4(n)], 1);
    let plan = PlanBuilder::new(DEFAULT_RULES)
        .service(
            "safe",
            Policy::Failover,
            &[lone("fra", 1), lone("nyc", 2)],
            |_| {},
        )
        .service("alone", Policy::Failover, &[lone("fra", 3)], |_| {})
        .service(
            "twice",
            Policy::All { max_answers: None },
            &[lone("fra", 4), lone("fra2", 4)],
            |_| {},
        )
        .service(
            "floor",
            Policy::Weighted,
            &[lone("fra", 5), lone("nyc", 6)],
            |s| {
                s.group.min_up = 2;
                s.when_all_down = pointsman::model::service::WhenAllDown::None;
            },
        )
        .build();
    let mut world = World::new(plan, Network::default(), 1);
    world.run_until(Moment::from_secs(30));
    let mut found: Vec<String> = world
        .control
        .audit(world.now())
        .into_iter()
        .map(|bare| format!("{} without {}", bare.service, bare.lost))
        .collect();
    found.sort();
    assert_eq!(
        found,
        [
            "alone.example.test without 10.0.0.3",
            "alone.example.test without site fra",
            "floor.example.test without 10.0.0.5",
            "floor.example.test without 10.0.0.6",
            "floor.example.test without site fra",
            "floor.example.test without site nyc",
            "twice.example.test without 10.0.0.4",
            "twice.example.test without site fra",
        ]
    );
}

#[test]
fn a_loss_that_overloads_the_rest_is_found_where_capacities_are_declared() {
    let lone = |name, n, weight| Part::Endpoint(name, vec![v4(n)], weight);
    let build = |capacity: u32| {
        PlanBuilder::new(DEFAULT_RULES)
            .service(
                "www",
                Policy::Weighted,
                &[lone("a", 1, 100), lone("b", 2, 100), lone("c", 3, 100)],
                |service| {
                    for member in &mut service.group.members {
                        member.capacity = Some(capacity);
                    }
                },
            )
            .build()
    };
    let mut world = World::new(build(160), Network::default(), 1);
    world.run_until(Moment::from_secs(30));
    let roomy = world.control.foresee(&build(160), world.now(), &|_| true);
    assert_eq!(roomy.overloaded, [], "two of 160 carry 300");
    let tight = world.control.foresee(&build(120), world.now(), &|_| true);
    let found: Vec<(String, u64, u64, bool)> = tight
        .overloaded
        .iter()
        .map(|over| (over.lost.clone(), over.demand, over.capacity, over.known))
        .collect();
    assert_eq!(
        found,
        [
            ("10.0.0.1".to_owned(), 300, 240, false),
            ("10.0.0.2".to_owned(), 300, 240, false),
            ("10.0.0.3".to_owned(), 300, 240, false),
        ]
    );
    assert_eq!(tight.alarms(), 3);
}

#[test]
fn a_loss_takes_all_that_a_combined_check_is_made_of() {
    let plan = plan_of(
        "[checks.http]\ntype = \"http\"\nport = 8080\n[checks.tcp]\ntype = \"tcp\"\nport = 9090\n\
         [checks.either]\nany_of = [\"http\", \"tcp\"]\n[services.www]\npolicy = \"failover\"\ncheck = \"either\"\n\
         endpoints = [{ name = \"a\", address = \"192.0.2.1\" }]",
        &[],
    );
    let mut world = World::new(plan, Network::default(), 1);
    world.run_until(Moment::from_secs(30));
    let bare = world.control.audit(world.now());
    let found: Vec<&str> = bare.iter().map(|bare| bare.lost.as_str()).collect();
    assert_eq!(found, ["192.0.2.1"]);
}
