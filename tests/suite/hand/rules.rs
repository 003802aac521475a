//! What is refused, and what goes past it.

use super::*;

#[test]
fn a_switch_that_the_disk_does_not_keep_is_refused_unless_the_glass_is_broken() {
    let mut world = world_of(Network::default());
    let to_nyc = Command::Failover {
        service: "www.example.test".to_owned(),
        to: Some("nyc".to_owned()),
    };
    world.disk_fails = Some("no space left on device".to_owned());
    for what in [to_nyc, drain("www.example.test/fra")] {
        let said = command(&mut world, what.clone(), Manner::default());
        assert!(
            said.starts_with("not-stored") && said.contains("no space left on device"),
            "{said}"
        );
        assert_eq!(answered(&world, WWW), [v4(1)]);
        let said = command(&mut world, what, BREAK_GLASS);
        assert!(said.contains("a restart may forget it"), "{said}");
        assert_eq!(answered(&world, WWW), [v4(2)]);
        let back = Command::Failover {
            service: "www.example.test".to_owned(),
            to: Some("fra".to_owned()),
        };
        command(&mut world, back, BREAK_GLASS);
    }
}

#[test]
fn the_last_live_endpoint_stays_unless_the_glass_is_broken() {
    let mut network = Network::default();
    network.set(v4(2), Moment::from_secs(1), Condition::Refusing);
    let mut world = world_of(network);
    let said = command(&mut world, drain("www.example.test/fra"), Manner::default());
    assert!(
        said.starts_with("min_live: www.example.test would keep 0 live of 2 (at least 1)"),
        "{said}"
    );
    assert_eq!(answered(&world, WWW), [v4(1)]);
    // What is dead takes nothing away.
    obeyed(&mut world, drain("www.example.test/nyc"));
    let said = command(&mut world, drain("www.example.test/fra"), BREAK_GLASS);
    assert!(said.contains("all endpoints down"), "{said}");
    let told = world.told.iter().rev().find_map(|event| match &event.kind {
        pointsman::control::effect::HistoryKind::Commanded { break_glass, .. } => {
            Some((event.alarm, *break_glass))
        }
        _ => None,
    });
    assert_eq!(told, Some((true, true)));
    assert!(world.overrides.values().last().unwrap().break_glass);
}

#[test]
fn one_command_removes_half_at_the_most() {
    let mut world = world_of(Network::default());
    let said = command(&mut world, drain("pools.example.test/eu"), Manner::default());
    assert!(said.contains("nyc-1, nyc-2 answer"), "two of four: {said}");
    let said = command(
        &mut world,
        drain("pools.example.test/us/nyc-1"),
        Manner::default(),
    );
    assert!(said.contains("nyc-2 answers"), "{said}");
    let said = command(
        &mut world,
        drain("pools.example.test/us/nyc-2"),
        Manner::default(),
    );
    assert!(said.starts_with("min_live"), "{said}");
    obeyed(&mut world, release("pools.example.test"));
    assert!(world.overrides.is_empty());
    for pattern in ["pools.example.test", "*", "*.test/*"] {
        let said = command(&mut world, drain(pattern), Manner::default());
        assert!(said.starts_with("min_live: "), "{said}");
        let dry = Manner {
            break_glass: true,
            dry_run: true,
        };
        assert!(command(&mut world, drain(pattern), dry).starts_with("would do: "));
    }
    let mut strict = (*plan()).clone();
    strict.services[0].safety.max_removed = Some(0.4);
    strict.node.safety.min_live = 0;
    let now = world.now().moment;
    world.enter(now, Event::Planned(std::sync::Arc::new(strict)));
    world.run_until(now.after(Duration::from_secs(1)));
    let said = command(&mut world, drain("*/fra"), Manner::default());
    assert_eq!(
        said,
        "max_removed: www.example.test would lose 1 of 2 (at most 40%); nothing was changed; --break-glass goes past \
         the rule and is recorded"
    );
    assert!(world.overrides.is_empty(), "{:?}", world.overrides);
}

#[test]
fn two_commands_at_once_do_not_slip_past_a_rule_together() {
    let mut world = world_of(Network::default());
    let now = world.now().moment;
    for select in ["www.example.test/fra", "www.example.test/nyc"] {
        let event = Event::Commanded {
            ticket: CommandTicket(1),
            by: "alice@ops".to_owned(),
            command: drain(select),
            manner: Manner::default(),
        };
        world.enter(now, event);
    }
    world.run_until(now.after(Duration::from_secs(1)));
    assert_eq!(world.answers.len(), 2);
    assert!(
        world.answers[0].contains("fra drained, nyc answers"),
        "{:?}",
        world.answers
    );
    assert!(world.answers[1].starts_with("min_live"), "{:?}", world.answers);
    assert_eq!(world.overrides.len(), 1, "the refused one is not on disk");
}

#[test]
fn what_means_nobody_is_refused_with_what_was_meant() {
    let mut world = world_of(Network::default());
    for (select, expected) in [
        ("www.example.test/farr", "did you mean `www.example.test/fra`?"),
        ("wwww.example.test", "did you mean `www.example.test`?"),
        ("*/lon-*", "`pointsman status` lists"),
        ("www.example.test/", "bad-selector"),
    ] {
        for what in [drain(select), release(select)] {
            let said = command(&mut world, what, Manner::default());
            assert!(said.contains(expected), "{select}: {said}");
        }
    }
    assert!(world.overrides.is_empty());
}

#[test]
fn release_lifts_what_lies_within_and_names_what_does_not() {
    let mut world = world_of(Network::default());
    obeyed(&mut world, drain("*/fra*"));
    let said = command(&mut world, release("www.example.test/fra"), Manner::default());
    assert!(
        said.starts_with("part-of-more") && said.contains("pointsman release '*/fra*'"),
        "{said}"
    );
    let said = command(&mut world, release("www.example.test/nyc"), Manner::default());
    assert!(said.starts_with("no-override"), "{said}");
    obeyed(&mut world, drain("www.example.test/fra"));
    let said = obeyed(&mut world, release("www.example.test/fra"));
    assert!(
        said.contains("still drained by alice@ops (test) through */fra*"),
        "{said}"
    );
    assert_eq!(answered(&world, WWW), [v4(2)]);
    obeyed(&mut world, release("*"));
    assert_eq!(answered(&world, WWW), [v4(1)]);
}

#[test]
fn a_dry_run_changes_nothing_and_says_what_it_would() {
    let mut world = world_of(Network::default());
    let dry = Manner {
        break_glass: false,
        dry_run: true,
    };
    let said = command(&mut world, drain("www.example.test/fra"), dry);
    assert_eq!(
        said,
        "would do: www.example.test: fra drained, nyc answers; 1 endpoint matches"
    );
    assert_eq!(answered(&world, WWW), [v4(1)]);
    assert!(world.overrides.is_empty());
}
