//! The operator's hand on virtual time: obeyed when it is on disk, refused when a rule stands against it.

use std::time::Duration;

use pointsman::control::event::{Command, CommandTicket, Event, Manner};
use pointsman::model::id::ServiceId;
use pointsman::model::time::Moment;
use pointsman::policy::readings::Family;
use pointsman::simulate::network::Network;
use pointsman::simulate::scenario::{DEFAULT_RULES, pair, v4};
use pointsman::simulate::world::World;

const WWW: ServiceId = ServiceId(0);

fn world() -> World {
    let mut world = World::new(pair(DEFAULT_RULES, |_| {}), Network::default(), 7);
    world.run_until(Moment::from_secs(20));
    world
}

fn answered(world: &World) -> Vec<std::net::IpAddr> {
    world.choice(WWW, Family::V4).expect("open").addresses.clone()
}

/// What the server answers to a command.
fn command(world: &mut World, command: Command, manner: Manner) -> String {
    let (now, answers) = (world.now().moment, world.answers.len());
    let event = Event::Commanded {
        ticket: CommandTicket(1),
        by: "test".to_owned(),
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

#[test]
fn a_switch_that_the_disk_does_not_keep_is_refused_unless_the_glass_is_broken() {
    let mut world = world();
    let to_nyc = Command::Failover {
        service: "www.example.test".to_owned(),
        to: Some("nyc".to_owned()),
    };
    world.disk_fails = Some("no space left on device".to_owned());
    let said = command(&mut world, to_nyc.clone(), Manner::default());
    assert!(
        said.starts_with("not-stored") && said.contains("no space left on device"),
        "{said}"
    );
    assert_eq!(answered(&world), [v4(1)]);
    let break_glass = Manner {
        break_glass: true,
        dry_run: false,
    };
    let said = command(&mut world, to_nyc, break_glass);
    assert!(said.contains("a restart may forget it"), "{said}");
    assert_eq!(answered(&world), [v4(2)]);
}
