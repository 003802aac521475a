//! A law over random histories: whatever probes, operators, reloads and `kill -9` do meanwhile, every drill ends in its
//! time, and in the end everything is as if there had been none.

use std::collections::BTreeMap;

use pointsman::control::chance::Chance;
use pointsman::control::event::{CommandTicket, Event};
use pointsman::model::check::Rules;
use pointsman::model::force::ForceKind;
use pointsman::model::service::Failback;
use pointsman::simulate::network::Condition;

use super::*;

/// Things happen so far apart that what detects them sooner or later makes no difference to their order.
const STEP: u64 = 60;
const STEPS: u64 = 12;

/// What happens; the same for both lives.
#[derive(Clone, Debug)]
enum Incident {
    Becomes(u32, Condition),
    Commanded(Command),
    Reload,
    Crash,
    Nothing,
}

fn incidents(chance: &mut Chance) -> Vec<Incident> {
    let mut pick = |of: u64| chance.throw() % of;
    (0..STEPS)
        .map(|_| match pick(12) {
            0..4 => {
                let which = u32::try_from(pick(3)).unwrap() + 1;
                let condition = match pick(3) {
                    0 => Condition::Refusing,
                    1 => Condition::Silent,
                    _ => Condition::WELL,
                };
                Incident::Becomes(which, condition)
            }
            4 => Incident::Reload,
            5 | 6 => Incident::Crash,
            7 => Incident::Commanded(Command::Failover {
                service: "www.example.test".to_owned(),
                to: Some(["fra", "nyc", "lon"][usize::try_from(pick(3)).unwrap()].to_owned()),
            }),
            8 => Incident::Commanded(Command::Force {
                kind: [ForceKind::Drain, ForceKind::Up, ForceKind::Down][usize::try_from(pick(3)).unwrap()],
                select: format!(
                    "www.example.test/{}",
                    ["fra", "nyc"][usize::try_from(pick(2)).unwrap()]
                ),
                reason: None,
                lasting: Some(Duration::from_secs(50)),
            }),
            9 => Incident::Commanded(Command::Release {
                select: "www.example.test".to_owned(),
            }),
            _ => Incident::Nothing,
        })
        .collect()
}

fn plan_with(failback: Failback) -> Arc<Plan> {
    let three = [
        Part::Endpoint("fra", vec![v4(1)], 1),
        Part::Endpoint("nyc", vec![v4(2)], 1),
        Part::Endpoint("lon", vec![v4(3)], 1),
    ];
    let rules = Rules {
        damping: false,
        min_down: Duration::from_secs(1),
        ..DEFAULT_RULES
    };
    PlanBuilder::new(rules)
        .service("www", Policy::Failover, &three, |service| {
            service.failback = failback
        })
        .service("shop", Policy::Failover, &three, |service| {
            service.failback = failback
        })
        .build()
}

/// What is left in the end: answers, who is active, states, what is on disk.
#[derive(Debug, PartialEq)]
struct Left {
    answers: Vec<Vec<std::net::IpAddr>>,
    active: Vec<(Option<String>, bool)>,
    states: Vec<&'static str>,
    disk: BTreeMap<String, String>,
}

/// What came of the drills.
#[derive(Debug, Default)]
struct Drills {
    began: usize,
    switched: usize,
    ended: BTreeMap<&'static str, usize>,
}

/// Lives through the incidents, with a drill after each of them or with none. Drills begin at a random moment of the
/// step before, so that incidents strike at any stage of them.
fn live(seed: u64, failback: Failback, drilled: bool, sum: &mut Drills) -> Left {
    let mut chance = Chance::new(seed);
    let what = incidents(&mut chance);
    let plan = plan_with(failback);
    let mut network = Network::default();
    for (nth, incident) in (1..).zip(&what) {
        if let Incident::Becomes(which, condition) = incident {
            network.set(v4(*which), Moment::from_secs(nth * STEP), *condition);
        }
    }
    let calm = Moment::from_secs((STEPS + 1) * STEP);
    for which in 1..=3 {
        // One after the other, for the same reason.
        let well = calm.after(Duration::from_secs(u64::from(which) * STEP));
        network.set(v4(which), well, Condition::WELL);
    }
    let mut world = World::new(plan.clone(), network, seed);
    let (mut told, mut id) = (Vec::new(), 0);
    for (nth, incident) in (1..).zip(what) {
        let at = nth * STEP;
        let before = chance.throw() % 40;
        let lasting = 10 + chance.throw() % 70;
        world.run_until(Moment::from_secs(at - before));
        if drilled {
            id += 1;
            let order = Order {
                id,
                ..order("www.example.test", lasting)
            };
            let now = world.now().moment;
            world.enter(now, commanded(Command::Drill(order)));
        }
        world.run_until(Moment::from_secs(at));
        let now = world.now().moment;
        match incident {
            Incident::Commanded(command) => world.enter(now, commanded(command)),
            Incident::Reload => world.enter(now, Event::Planned(plan.clone())),
            Incident::Crash => {
                told.append(&mut world.stages);
                world = world.crashed(seed + nth);
            }
            Incident::Becomes(..) | Incident::Nothing => {}
        }
    }
    world.run_until(calm.after(Duration::from_secs(600)));
    told.append(&mut world.stages);
    account(seed, &told, sum);
    assert!(
        world.drills.values().all(|drill| drill.state != State::Running),
        "seed {seed}: {:?}",
        world.drills
    );
    let status = world.control.status(world.now());
    Left {
        answers: vec![answered(&world, WWW), answered(&world, SHOP)],
        active: status.iter().map(|s| (s.active.clone(), s.by_hand)).collect(),
        states: status
            .iter()
            .flat_map(|service| &service.endpoints)
            .flat_map(|endpoint| &endpoint.addresses)
            .filter_map(|address| Some(address.probe.as_ref()?.effective))
            .collect(),
        disk: world.disk.clone(),
    }
}

fn commanded(command: Command) -> Event {
    Event::Commanded {
        ticket: CommandTicket(1),
        by: "law".to_owned(),
        command,
        manner: Manner::default(),
    }
}

/// Every drill that began ended, by its time.
fn account(seed: u64, told: &[Stage], sum: &mut Drills) {
    let mut open: BTreeMap<u64, Moment> = BTreeMap::new();
    for stage in told {
        match stage {
            Stage::Began(subject) => {
                sum.began += 1;
                let length = subject.drill.until.since(subject.drill.started);
                open.insert(subject.drill.id, subject.at.moment.after(length));
            }
            Stage::Answered(..) => sum.switched += 1,
            Stage::Ended(id, at, state, _) => {
                let until = open.remove(id).expect("it began");
                assert!(at.moment <= until, "seed {seed}: drill {id} outlived its time");
                *sum.ended.entry(state.as_str()).or_default() += 1;
            }
            Stage::Left(drill) => {
                open.remove(&drill.id);
                *sum.ended.entry("left").or_default() += 1;
            }
            Stage::Failed(..) | Stage::Detected(..) => {}
        }
    }
    assert!(open.is_empty(), "seed {seed}: {open:?} never ended");
}

#[test]
fn a_drill_leaves_nothing_behind_that_probes_and_operators_did_not_bring() {
    let mut sum = Drills::default();
    for seed in 0..80 {
        for failback in [
            Failback::Auto,
            Failback::Manual,
            Failback::After(Duration::from_secs(20)),
        ] {
            let without = live(seed, failback, false, &mut Drills::default());
            let with = live(seed, failback, true, &mut sum);
            assert_eq!(with, without, "seed {seed}, {failback:?}");
        }
    }
    // Not in vain: most of what can happen to a drill has happened to some.
    assert!(sum.began > 1000 && sum.switched > 300, "{sum:?}");
    for how in ["done", "aborted", "left"] {
        assert!(
            sum.ended.get(how).is_some_and(|count| *count > 20),
            "{how}: {sum:?}"
        );
    }
}
