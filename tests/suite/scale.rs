//! Ten thousand targets on one node: nothing is late.

use std::time::Duration;

use pointsman::control::event::{Command, CommandTicket, Event, Manner};
use pointsman::model::force::ForceKind;
use pointsman::model::service::Policy;
use pointsman::model::time::Moment;
use pointsman::simulate::network::{Condition, Network};
use pointsman::simulate::scenario::{DEFAULT_RULES, Part, PlanBuilder, v4};
use pointsman::simulate::world::World;

#[test]
fn ten_thousand_targets_are_probed_on_time_on_a_node_whose_every_step_costs_something() {
    let mut builder = PlanBuilder::new(DEFAULT_RULES);
    for n in 0..5_000 {
        builder = builder.service(
            &format!("s{n}"),
            Policy::Failover,
            &[
                Part::Endpoint("fra", vec![v4(2 * n)], 1),
                Part::Endpoint("nyc", vec![v4(2 * n + 1)], 1),
            ],
            |_| {},
        );
    }
    let mut network = Network::default();
    // A site of a thousand endpoints is lost in the middle, a hundred endpoints lose packets.
    for n in 0..1_000 {
        network.set(v4(n * 7), Moment::from_secs(40), Condition::Silent);
    }
    for n in 0..100 {
        network.lose(v4(n * 31 + 1), 0.2);
    }
    let mut world = World::new(builder.build(), network, 11);
    // Ten times what a step costs in a release build.
    world.cost = Duration::from_micros(30);
    world.keeps = false;
    world.run_until(Moment::from_secs(90));
    let mut late: Vec<Duration> = world
        .lateness
        .iter()
        .flat_map(|(late, sent)| std::iter::repeat_n(*late, *sent))
        .collect();
    late.sort();
    let p99 = late[late.len() * 99 / 100];
    assert!(late.len() > 150_000, "{}", late.len());
    assert!(p99 <= Duration::from_millis(50), "{p99:?}");
    // The start itself is spread, too: no probe waits longer than a moment.
    assert!(
        late[late.len() - 1] <= Duration::from_millis(500),
        "{:?}",
        late[late.len() - 1]
    );
}

#[test]
fn a_command_upon_half_of_ten_thousand_endpoints_is_carried_out_at_once() {
    let mut builder = PlanBuilder::new(DEFAULT_RULES);
    for n in 0..5_000 {
        let (fra, nyc) = (
            Part::Endpoint("fra", vec![v4(2 * n)], 1),
            Part::Endpoint("nyc", vec![v4(2 * n + 1)], 1),
        );
        builder = builder.service(&format!("s{n}"), Policy::Failover, &[fra, nyc], |_| {});
    }
    let mut world = World::new(builder.build(), Network::default(), 11);
    world.run_until(Moment::from_secs(10));
    let began = std::time::Instant::now();
    let event = Event::Commanded {
        ticket: CommandTicket(1),
        by: "alice@ops".to_owned(),
        command: Command::Force {
            kind: ForceKind::Drain,
            select: "*/fra".to_owned(),
            reason: None,
            lasting: None,
        },
        manner: Manner::default(),
    };
    world.enter(world.now().moment, event);
    world.run_while(Moment::from_secs(11), |world| world.answers.is_empty());
    let took = began.elapsed();
    assert!(
        world.answers[0].ends_with("5000 endpoints match"),
        "{:?}",
        world.answers
    );
    println!("draining 5000 of 10000 endpoints took {took:?} of this node's time");
    // A debug build on a busy machine; what is quadratic takes minutes.
    assert!(took <= Duration::from_secs(5), "{took:?}");
}
