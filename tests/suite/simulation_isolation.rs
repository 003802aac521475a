//! Is it them, or is it us: references, freezing, and the correlation brake.

use std::net::SocketAddr;
use std::time::Duration;

use pointsman::control::effect::HistoryKind;
use pointsman::health::standing::Health;
use pointsman::model::id::{ServiceId, TargetId};
use pointsman::model::service::{Policy, Service};
use pointsman::model::time::Moment;
use pointsman::policy::readings::Family;
use pointsman::simulate::network::{Condition, Network};
use pointsman::simulate::scenario::{DEFAULT_RULES, Part, PlanBuilder, v4};
use pointsman::simulate::world::World;

const WWW: ServiceId = ServiceId(0);

fn secs(secs: u64) -> Moment {
    Moment::from_secs(secs)
}

fn reference(n: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, n], 443))
}

fn builder(endpoints: u32, policy: Policy) -> PlanBuilder {
    let names = [
        "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q", "r", "s", "t",
    ];
    let parts: Vec<Part> = (0..endpoints)
        .map(|n| Part::Endpoint(names[n as usize], vec![v4(n + 1)], 1))
        .collect();
    PlanBuilder::new(DEFAULT_RULES).service("www", policy, &parts, |_: &mut Service| {})
}

fn downs(world: &World) -> usize {
    world
        .told
        .iter()
        .filter(|event| matches!(event.kind, HistoryKind::StateChanged { to: Health::Down, .. }))
        .count()
}

fn isolated(world: &World) -> Vec<bool> {
    world
        .told
        .iter()
        .filter_map(|event| match event.kind {
            HistoryKind::Isolated(isolated) => Some(isolated),
            _ => None,
        })
        .collect()
}

#[test]
fn a_node_that_is_cut_off_freezes_says_so_and_flips_nothing_when_it_is_back() {
    for endpoints in [2, 3, 12] {
        for seed in 0..40 {
            let plan = builder(endpoints, Policy::Failover)
                .references(&[reference(1), reference(2)])
                .build();
            let mut network = Network::default();
            network.cut_off(secs(100), secs(400));
            let mut world = World::new(plan, network, seed);
            world.run_until(secs(390));
            assert_eq!(
                downs(&world),
                0,
                "{endpoints} endpoints, seed {seed}: {:?}",
                world.told
            );
            assert_eq!(isolated(&world), [true]);
            world.run_until(secs(600));
            assert_eq!(isolated(&world), [true, false]);
            assert_eq!(downs(&world), 0);
            assert!(
                world
                    .told
                    .iter()
                    .all(|e| !matches!(e.kind, HistoryKind::AnswerChanged { .. }))
            );
        }
    }
}

#[test]
fn without_references_nothing_is_held_back() {
    let mut network = Network::default();
    network.cut_off(secs(100), secs(400));
    let mut world = World::new(builder(2, Policy::Failover).build(), network, 1);
    world.run_until(secs(200));
    assert_eq!(downs(&world), 2);
}

#[test]
fn references_that_answer_delay_no_verdict_even_when_everything_fails_at_once() {
    for seed in 0..100 {
        let plan = builder(2, Policy::Failover).references(&[reference(1)]).build();
        let mut network = Network::default();
        let fault = secs(100).after(Duration::from_millis(53 * seed));
        network.set(v4(1), fault, Condition::Refusing);
        network.set(v4(2), fault, Condition::Refusing);
        let mut world = World::new(plan, network, seed);
        world.run_until(fault);
        let at = world
            .run_while(secs(200), |world| downs(world) < 2)
            .expect("both are down");
        assert!(
            at.since(fault) <= Duration::from_millis(7_110),
            "{:?}",
            at.since(fault)
        );
        assert!(isolated(&world).is_empty());
    }
}

#[test]
fn references_that_are_dead_themselves_delay_a_verdict_by_milliseconds_when_others_are_well() {
    for seed in 0..100 {
        let plan = builder(3, Policy::Failover).references(&[reference(1)]).build();
        let mut network = Network::default();
        network.set_reference(reference(1), Moment::ZERO, false);
        let fault = secs(100).after(Duration::from_millis(53 * seed));
        network.set(v4(1), fault, Condition::Refusing);
        let mut world = World::new(plan, network, seed);
        world.run_until(fault);
        let at = world
            .run_while(secs(200), |world| downs(world) < 1)
            .expect("down");
        assert!(
            at.since(fault) <= Duration::from_millis(7_110),
            "{:?}",
            at.since(fault)
        );
        assert!(isolated(&world).is_empty());
    }
}

#[test]
fn what_died_while_the_node_was_cut_off_is_found_afterwards() {
    let plan = builder(2, Policy::Failover).references(&[reference(1)]).build();
    let mut network = Network::default();
    network.cut_off(secs(100), secs(200));
    network.set(v4(1), secs(150), Condition::Refusing);
    let mut world = World::new(plan, network, 5);
    world.run_until(secs(215));
    assert_eq!(downs(&world), 1);
    assert_eq!(world.choice(WWW, Family::V4).unwrap().addresses, [v4(2)]);
}

#[test]
fn the_brake_lets_half_go_down_in_a_minute_and_the_rest_in_order_after_it() {
    let plan = builder(20, Policy::All { max_answers: None }).brake(0.5).build();
    let mut network = Network::default();
    for n in 1..=16 {
        network.set(v4(n), secs(100), Condition::Refusing);
    }
    // One of those that wait recovers meanwhile.
    let mut world = World::new(plan, network, 3);
    world.run_until(secs(150));
    assert_eq!(downs(&world), 10);
    let said: Vec<usize> = world
        .told
        .iter()
        .filter_map(|event| match event.kind {
            HistoryKind::Braked { waiting, .. } => Some(waiting),
            _ => None,
        })
        .collect();
    assert_eq!(said, [1, 2, 4], "told at one, two, four that wait");
    let waiting = (0..16).filter(|n| {
        let standing = world.control.standing(TargetId(*n), world.now().moment).unwrap();
        standing.real == Health::Down && standing.effective == Health::Up && standing.held.is_some()
    });
    assert_eq!(waiting.count(), 6);
    world.run_until(secs(180));
    assert_eq!(downs(&world), 16);
}

#[test]
fn a_small_check_is_never_braked() {
    let plan = builder(9, Policy::All { max_answers: None }).brake(0.1).build();
    let mut network = Network::default();
    for n in 1..=9 {
        network.set(v4(n), secs(100), Condition::Refusing);
    }
    let mut world = World::new(plan, network, 3);
    world.run_until(secs(110));
    assert_eq!(downs(&world), 9);
}
