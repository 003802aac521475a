//! The operator's hand on virtual time: obeyed when it is on disk, refused when a rule stands against it, gone in time.

mod binary;
mod draining;
mod expiry;
mod file;
mod rules;

use std::time::Duration;

use pointsman::control::event::{Command, CommandTicket, Event, Manner};
use pointsman::model::force::ForceKind;
use pointsman::model::id::ServiceId;
use pointsman::model::plan::Plan;
use pointsman::model::service::Policy;
use pointsman::model::time::Moment;
use pointsman::policy::readings::Family;
use pointsman::simulate::network::{Condition, Network};
use pointsman::simulate::scenario::{DEFAULT_RULES, Part, PlanBuilder, v4};
use pointsman::simulate::world::World;

const WWW: ServiceId = ServiceId(0);
const SHOP: ServiceId = ServiceId(1);

const BREAK_GLASS: Manner = Manner {
    break_glass: true,
    dry_run: false,
};

/// `www` and `shop` are failover pairs on the same two addresses; `pools` has pools of two.
fn plan() -> std::sync::Arc<Plan> {
    let pair = [
        Part::Endpoint("fra", vec![v4(1)], 1),
        Part::Endpoint("nyc", vec![v4(2)], 1),
    ];
    let pool = |name, first: &'static str, second: &'static str, n| {
        let parts = vec![
            Part::Endpoint(first, vec![v4(n)], 1),
            Part::Endpoint(second, vec![v4(n + 1)], 1),
        ];
        Part::Pool(name, Policy::All { max_answers: None }, parts, 1)
    };
    PlanBuilder::new(DEFAULT_RULES)
        .service("www", Policy::Failover, &pair, |_| {})
        .service("shop", Policy::Failover, &pair, |_| {})
        .service(
            "pools",
            Policy::Failover,
            &[pool("eu", "fra-1", "fra-2", 11), pool("us", "nyc-1", "nyc-2", 21)],
            |_| {},
        )
        .build()
}

fn world_of(network: Network) -> World {
    let mut world = World::new(plan(), network, 7);
    world.run_until(Moment::from_secs(20));
    world
}

fn answered(world: &World, service: ServiceId) -> Vec<std::net::IpAddr> {
    world.choice(service, Family::V4).expect("open").addresses.clone()
}

fn force(kind: ForceKind, select: &str, lasting: Option<u64>) -> Command {
    Command::Force {
        kind,
        select: select.to_owned(),
        reason: Some("test".to_owned()),
        lasting: lasting.map(Duration::from_millis),
    }
}

fn drain(select: &str) -> Command {
    force(ForceKind::Drain, select, None)
}

fn release(select: &str) -> Command {
    Command::Release {
        select: select.to_owned(),
    }
}

/// What the server answers to a command.
pub(crate) fn command(world: &mut World, command: Command, manner: Manner) -> String {
    let (now, answers) = (world.now().moment, world.answers.len());
    let event = Event::Commanded {
        ticket: CommandTicket(1),
        by: "alice@ops".to_owned(),
        command,
        manner,
    };
    world.enter(now, event);
    world
        .run_while(now.after(Duration::from_secs(10)), |world| {
            world.answers.len() == answers
        })
        .expect("an answer");
    world.answers[answers].clone()
}

/// Gives the command, which must be obeyed.
fn obeyed(world: &mut World, what: Command) -> String {
    let before = world.told.len();
    let said = command(world, what, Manner::default());
    let told = &world.told[before..];
    assert!(
        told.iter().any(|event| matches!(
            &event.kind,
            pointsman::control::effect::HistoryKind::Commanded { .. }
        )),
        "{said}"
    );
    said
}

#[test]
fn draining_an_endpoint_of_one_service_leaves_the_other_alone_and_release_brings_it_back() {
    let mut world = world_of(Network::default());
    let said = obeyed(&mut world, drain("www.example.test/fra"));
    assert_eq!(
        said,
        "www.example.test: fra drained, nyc answers; 1 endpoint matches"
    );
    assert_eq!(answered(&world, WWW), [v4(2)]);
    assert_eq!(answered(&world, SHOP), [v4(1)], "two services may share a target");
    let said = obeyed(&mut world, release("www.example.test/fra"));
    assert_eq!(
        said,
        "www.example.test: fra released, fra answers; 1 endpoint matches"
    );
    assert_eq!(answered(&world, WWW), [v4(1)]);
    assert!(world.overrides.is_empty());
}

#[test]
fn the_latest_word_counts_and_earlier_ones_come_back_when_it_lapses() {
    let mut world = world_of(Network::default());
    let said = obeyed(&mut world, drain("*/fra*"));
    assert!(
        said.contains("pools.example.test: fra-1, fra-2 drained, nyc-1, nyc-2 answer"),
        "{said}"
    );
    assert!(said.ends_with("4 endpoints match"), "{said}");
    assert_eq!(
        (answered(&world, WWW), answered(&world, SHOP)),
        (vec![v4(2)], vec![v4(2)])
    );
    obeyed(
        &mut world,
        force(ForceKind::Up, "www.example.test/fra", Some(60_000)),
    );
    assert_eq!(
        (answered(&world, WWW), answered(&world, SHOP)),
        (vec![v4(1)], vec![v4(2)])
    );
    world.run_until(world.now().moment.after(Duration::from_secs(61)));
    assert_eq!(
        answered(&world, WWW),
        [v4(2)],
        "the drain of the pattern counts again"
    );
    // The same selector again takes the place of what it said before.
    obeyed(&mut world, force(ForceKind::Down, "*/fra*", None));
    assert_eq!(world.overrides.len(), 1);
}

#[test]
fn a_pattern_means_what_stands_there_after_a_reload() {
    let mut world = world_of(Network::default());
    obeyed(&mut world, drain("*/fra"));
    let grown = PlanBuilder::new(DEFAULT_RULES)
        .service(
            "new",
            Policy::Failover,
            &[
                Part::Endpoint("fra", vec![v4(1)], 1),
                Part::Endpoint("ams", vec![v4(3)], 1),
            ],
            |_| {},
        )
        .build();
    let now = world.now().moment;
    world.enter(now, Event::Planned(grown));
    world.run_until(now.after(Duration::from_secs(10)));
    assert_eq!(answered(&world, ServiceId(0)), [v4(3)]);
    let gone = PlanBuilder::new(DEFAULT_RULES)
        .service(
            "new",
            Policy::Failover,
            &[Part::Endpoint("ams", vec![v4(3)], 1)],
            |_| {},
        )
        .build();
    world.enter(world.now().moment, Event::Planned(gone));
    world.run_until(world.now().moment.after(Duration::from_secs(1)));
    let last = format!("{:?}", world.told);
    assert!(
        last.contains("Unmatched { what: \"*/fra: drained by alice@ops (test)\""),
        "{last}"
    );
}

#[test]
fn an_operator_who_drains_the_active_endpoint_has_decided_even_where_switches_are_manual() {
    let mut world = World::new(
        pointsman::simulate::scenario::pair(DEFAULT_RULES, |service| {
            service.switch = pointsman::model::service::Switch::Manual;
        }),
        Network::default(),
        7,
    );
    world.run_until(Moment::from_secs(20));
    obeyed(&mut world, drain("www.example.test/fra"));
    assert_eq!(answered(&world, WWW), [v4(2)]);
    assert!(world.decision(WWW).unwrap().degraded().is_none());
}

#[test]
fn what_is_taken_out_is_not_answered_as_if_it_were_up_unless_there_is_nothing_else() {
    let mut network = Network::default();
    network.set(v4(2), Moment::from_secs(30), Condition::Refusing);
    let plan = pointsman::simulate::scenario::pair(DEFAULT_RULES, |service| {
        service.when_all_down = pointsman::model::service::WhenAllDown::AssumeUp;
        service.group.policy = Policy::All { max_answers: None };
    });
    let mut world = World::new(plan, network, 7);
    world.run_until(Moment::from_secs(20));
    obeyed(&mut world, drain("www.example.test/fra"));
    world.run_until(Moment::from_secs(60));
    assert!(world.decision(WWW).unwrap().degraded().is_some());
    assert_eq!(
        answered(&world, WWW),
        [v4(2)],
        "the dead one, not the one that is being rebuilt"
    );
    let said = command(&mut world, drain("www.example.test/nyc"), BREAK_GLASS);
    assert!(said.contains("nyc drained"), "{said}");
    let mut all = answered(&world, WWW);
    all.sort();
    assert_eq!(all, [v4(1), v4(2)], "rather what operators took out than nothing");
}

#[test]
fn what_is_forced_up_while_it_fails_is_told_at_once_and_every_five_minutes() {
    let mut network = Network::default();
    network.set(v4(1), Moment::from_secs(1), Condition::Refusing);
    let mut world = world_of(network);
    assert_eq!(answered(&world, WWW), [v4(2)]);
    let before = world.now().moment;
    obeyed(&mut world, force(ForceKind::Up, "www.example.test/fra", None));
    assert_eq!(answered(&world, WWW), [v4(1)]);
    world.run_until(before.after(Duration::from_secs(1000)));
    let told: Vec<_> = world
        .told
        .iter()
        .filter(|event| matches!(event.kind, pointsman::control::effect::HistoryKind::Masked { .. }))
        .map(|event| (event.alarm, event.at.moment.since(before).as_secs()))
        .collect();
    assert_eq!(told, [(true, 0), (true, 300), (true, 600), (true, 900)]);
    obeyed(&mut world, release("www.example.test/fra"));
    assert_eq!(answered(&world, WWW), [v4(2)]);
    let count = world.told.len();
    world.run_until(before.after(Duration::from_secs(2000)));
    let later = format!("{:?}", &world.told[count..]);
    assert!(!later.contains("Masked"), "{later}");
}
