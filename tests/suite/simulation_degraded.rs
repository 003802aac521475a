//! Degraded and inverted targets on virtual time: slow is told of with patience, and never counts as down.

use std::sync::Arc;
use std::time::Duration;

use pointsman::control::effect::HistoryKind;
use pointsman::health::standing::Health;
use pointsman::model::check::Treatment;
use pointsman::model::id::TargetId;
use pointsman::model::plan::Plan;
use pointsman::model::service::Policy;
use pointsman::model::time::Moment;
use pointsman::simulate::network::{Condition, Network};
use pointsman::simulate::scenario::{DEFAULT_RULES, Part, PlanBuilder, v4};
use pointsman::simulate::world::World;
use proptest::prelude::*;

const FRA: TargetId = TargetId(0);

fn plan(treatment: Treatment) -> Arc<Plan> {
    let parts = [
        Part::Endpoint("fra", vec![v4(1)], 1),
        Part::Endpoint("nyc", vec![v4(2)], 1),
    ];
    PlanBuilder::new(DEFAULT_RULES)
        .treatment(treatment)
        .service("www", Policy::Failover, &parts, |_| {})
        .build()
}

fn slow_above(millis: u64) -> Treatment {
    Treatment {
        slow: Some(Duration::from_millis(millis)),
        ..Treatment::default()
    }
}

fn well(millis: u64) -> Condition {
    Condition::Well {
        after: Duration::from_millis(millis),
    }
}

fn real(world: &World, target: TargetId) -> Health {
    world
        .control
        .standing(target, world.now().moment)
        .map_or(Health::Unknown, |standing| standing.real)
}

/// What was told of being degraded: when, and whether it began.
fn told(world: &World) -> Vec<(Moment, Option<String>)> {
    world
        .told
        .iter()
        .filter_map(|event| match &event.kind {
            HistoryKind::TargetDegraded { why, .. } => Some((event.at.moment, why.clone())),
            _ => None,
        })
        .collect()
}

#[test]
fn a_slow_endpoint_is_degraded_and_told_of_once_and_is_well_again_later() {
    let mut network = Network::default();
    network.set(v4(1), Moment::from_secs(60), well(740));
    network.set(v4(1), Moment::from_secs(300), well(20));
    let mut world = World::new(plan(slow_above(500)), network, 1);
    world.run_until(Moment::from_secs(59));
    assert_eq!(real(&world, FRA), Health::Up);
    world.run_until(Moment::from_secs(200));
    assert_eq!(real(&world, FRA), Health::Degraded);
    let status = world.control.status(world.now());
    let probe = status[0].endpoints[0].addresses[0].probe.as_ref().unwrap();
    assert_eq!(probe.effective, "degraded");
    assert_eq!(probe.degraded.as_deref(), Some("slow, 739 ms of 500 ms"));
    world.run_until(Moment::from_secs(400));
    assert_eq!(real(&world, FRA), Health::Up);
    let told = told(&world);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].1.is_some() && told[1].1.is_none());
    // Three successes carry the mean above the limit, two of them in a row prove it.
    assert!(told[0].0 < Moment::from_secs(60 + 30), "{told:?}");
    assert!(told[1].0 < Moment::from_secs(300 + 40), "{told:?}");
}

#[test]
fn an_inverted_check_takes_an_answer_for_a_failure_and_silence_for_a_success() {
    let mut network = Network::default();
    let from = Moment::from_secs(100);
    network.set(v4(1), Moment::ZERO, Condition::Refusing);
    network.set(v4(1), from, Condition::WELL);
    network.set(v4(2), Moment::ZERO, Condition::Silent);
    let inverted = Treatment {
        inverted: true,
        ..Treatment::default()
    };
    let mut world = World::new(plan(inverted), network, 7);
    world.run_until(from);
    assert_eq!(
        [real(&world, FRA), real(&world, TargetId(1))],
        [Health::Up, Health::Up]
    );
    world.run_until(from.after(Duration::from_millis(7_200)));
    assert_eq!(real(&world, FRA), Health::Down, "within the promise");
    let status = world.control.status(world.now());
    let [fra, nyc] = [0, 1].map(|nth| status[0].endpoints[nth].addresses[0].probe.clone().unwrap());
    assert!(
        fra.evidence
            .unwrap()
            .text
            .starts_with("inverted: the probe succeeded"),
        "evidence says so"
    );
    assert_eq!(
        nyc.last.as_deref(),
        Some("good (inverted: timeout in phase connect)")
    );
}

#[test]
fn a_silent_endpoint_of_an_inverted_check_is_not_up_before_its_timeout() {
    // A probe that is hurried for the first verdict has less time than the check's: its silence says nothing.
    let mut network = Network::default();
    network.set(v4(1), Moment::ZERO, well(1_500));
    let inverted = Treatment {
        inverted: true,
        ..Treatment::default()
    };
    let mut world = World::new(plan(inverted), network, 7);
    world.run_until(Moment::from_secs(10));
    assert_eq!(real(&world, FRA), Health::Down);
    let ups = world.told.iter().filter(|event| {
        matches!(&event.kind, HistoryKind::StateChanged { target, to: Health::Up, .. }
            if target.starts_with("10.0.0.1:"))
    });
    assert_eq!(ups.count(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn however_slow_an_endpoint_that_answers_is_never_down_and_degraded_does_not_flap(
        seed in any::<u64>(),
        latencies in prop::collection::vec(1u64..1900, 1..12),
        limit in 50u64..1500,
    ) {
        let mut network = Network::default();
        for (nth, latency) in latencies.iter().enumerate() {
            network.set(v4(1), Moment::from_secs(nth as u64 * 120), well(*latency));
        }
        let end = Moment::from_secs(latencies.len() as u64 * 120);
        let mut world = World::new(plan(slow_above(limit)), network, seed);
        world.run_until(end);
        for event in &world.told {
            if let HistoryKind::StateChanged { to, .. } = &event.kind {
                prop_assert_ne!(*to, Health::Down);
            }
        }
        // One change of latency is at most one change of state.
        let told = told(&world);
        prop_assert!(told.len() <= latencies.len(), "{:?}", told);
        let last = *latencies.last().unwrap();
        if last > limit {
            prop_assert_eq!(real(&world, FRA), Health::Degraded);
        } else if last * 10 < limit * 8 {
            prop_assert_eq!(real(&world, FRA), Health::Up);
        }
    }
}
