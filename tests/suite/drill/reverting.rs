//! A drill is detected as a real failure is, and everything is as before afterwards, however it ends.

use pointsman::control::effect::HistoryKind;
use pointsman::control::event::{Event, Remembered};
use pointsman::model::force::ForceKind;
use pointsman::model::service::Failback;
use pointsman::simulate::network::Condition;
use pointsman::simulate::scenario::pair;

use super::*;

const S30: u64 = 30_000;

fn failed(world: &World) -> Moment {
    stage(world, |stage| match stage {
        Stage::Failed(_, at) => Some(at.moment),
        _ => None,
    })
}

fn detected(world: &World) -> Moment {
    stage(world, |stage| match stage {
        Stage::Detected(_, at) => Some(at.moment),
        _ => None,
    })
}

fn switched(world: &World) -> Moment {
    stage(world, |stage| match stage {
        Stage::Answered(_, at) => Some(at.moment),
        _ => None,
    })
}

#[test]
fn it_takes_as_long_as_a_real_failure_and_only_the_drilled_service_switches() {
    let mut world = world_of(plan(), Network::default());
    let known = world.told.len();
    let began = begin(&mut world, order("www.example.test", 30));
    world.run_until(after(began, S30 - 1));
    // Up to the interval until the first probe, and two fast intervals, less a tenth for jitter.
    let (first, verdict) = (failed(&world), detected(&world));
    assert!(
        first >= began && first <= after(began, 5010),
        "{:?}",
        first.since(began)
    );
    let confirming = verdict.since(first).as_millis();
    assert!((1800..=2020).contains(&confirming), "{confirming} ms");
    assert_eq!(switched(&world), verdict, "published in the same step");
    assert_eq!(answered(&world, WWW), [v4(2)]);
    assert_eq!(answered(&world, SHOP), [v4(1)], "shop has the same targets");
    let down = world.told[known..]
        .iter()
        .any(|event| matches!(event.kind, HistoryKind::StateChanged { .. }));
    assert!(!down, "nothing really changed its state");
    world.run_until(after(began, S30));
    assert_eq!(
        answered(&world, WWW),
        [v4(1)],
        "back at once: no min_down, no damping"
    );
    let (at, state, _) = ended(&world).unwrap();
    assert_eq!((at, state), (after(began, S30), State::Done));
    assert_eq!(world.drills[&1].state, State::Done);
    assert_eq!(
        world.drills[&1].before,
        [("www.example.test".to_owned(), "fra".to_owned())]
    );
}

#[test]
fn ten_drills_in_a_row_are_no_flapping() {
    let mut world = world_of(plan(), Network::default());
    for id in 1..=10 {
        let began = begin(
            &mut world,
            Order {
                id,
                ..order("www.example.test", 20)
            },
        );
        world.run_until(after(began, 19_000));
        assert_eq!(answered(&world, WWW), [v4(2)], "drill {id}");
        world.run_until(after(began, 20_000));
        assert_eq!(answered(&world, WWW), [v4(1)], "drill {id}");
    }
}

#[test]
fn the_active_endpoint_is_restored_under_manual_failback_and_one_put_there_by_hand() {
    let mut world = world_of(
        pair(DEFAULT_RULES, |service| service.failback = Failback::Manual),
        Network::default(),
    );
    let began = begin(&mut world, order("www.example.test", 30));
    world.run_until(after(began, 29_000));
    assert_eq!(answered(&world, WWW), [v4(2)]);
    world.run_until(after(began, S30));
    assert_eq!(answered(&world, WWW), [v4(1)], "a rehearsal moved nobody's seat");

    let mut world = world_of(pair(DEFAULT_RULES, |_| {}), Network::default());
    let to_nyc = Command::Failover {
        service: "www.example.test".to_owned(),
        to: Some("nyc".to_owned()),
    };
    command(&mut world, to_nyc, Manner::default());
    let began = begin(&mut world, order("www.example.test", 30));
    world.run_until(after(began, 29_000));
    assert_eq!(answered(&world, WWW), [v4(1)]);
    world.run_until(after(began, 200_000));
    assert_eq!(answered(&world, WWW), [v4(2)], "where the operator put it");
    let status = &world.control.status(world.now())[0];
    assert!(status.by_hand && status.active.as_deref() == Some("nyc"));
}

#[test]
fn a_standby_that_fails_ends_it_at_the_first_failed_probe() {
    let mut network = Network::default();
    network.set(v4(2), Moment::from_secs(35), Condition::Refusing);
    let mut world = world_of(plan(), network);
    let began = begin(&mut world, order("www.example.test", 60));
    world.run_until(Moment::from_secs(34));
    assert_eq!(answered(&world, WWW), [v4(2)]);
    world.run_until(Moment::from_secs(41));
    assert_eq!(answered(&world, WWW), [v4(1)]);
    let (at, state, why) = ended(&world).unwrap();
    assert!(at < after(began, 60_000) && state == State::Aborted, "{at:?}");
    assert!(
        why.contains("nyc") && why.contains("just failed a probe"),
        "{why}"
    );
    let alarm = world
        .told
        .iter()
        .any(|event| event.alarm && matches!(event.kind, HistoryKind::Drill(_)));
    assert!(alarm);
}

#[test]
fn a_real_failure_of_the_drilled_endpoint_is_not_hidden_and_clients_are_not_sent_back() {
    let mut network = Network::default();
    network.set(v4(1), Moment::from_secs(35), Condition::Refusing);
    let mut world = world_of(plan(), network);
    begin(&mut world, order("www.example.test", 60));
    world.run_until(Moment::from_secs(34));
    assert_eq!(answered(&world, WWW), [v4(2)]);
    let changes = world.published.len();
    world.run_until(Moment::from_secs(200));
    let (_, state, why) = ended(&world).unwrap();
    assert!(
        state == State::Aborted && why.contains("fra really failed"),
        "{why}"
    );
    assert_eq!(answered(&world, WWW), [v4(2)]);
    assert_eq!(answered(&world, SHOP), [v4(2)]);
    let back = world.published[changes..]
        .iter()
        .flat_map(|(_, decisions)| decisions)
        .any(|decision| decision.service == WWW && decision.a.addresses == [v4(1)]);
    assert!(!back, "never back to what has failed");
}

#[test]
fn an_operators_word_comes_first() {
    for what in ["failover", "drain", "cancel"] {
        let mut world = world_of(plan(), Network::default());
        let began = begin(&mut world, order("www.example.test", 60));
        world.run_until(after(began, 20_000));
        assert_eq!(answered(&world, WWW), [v4(2)]);
        let (given, expected) = match what {
            "failover" => (
                Command::Failover {
                    service: "www.example.test".to_owned(),
                    to: Some("fra".to_owned()),
                },
                v4(1),
            ),
            "drain" => (
                Command::Force {
                    kind: ForceKind::Drain,
                    select: "www.example.test/nyc".to_owned(),
                    reason: None,
                    lasting: None,
                },
                v4(1),
            ),
            _ => (Command::CancelDrill(1), v4(1)),
        };
        let said = command(&mut world, given, Manner::default());
        assert_eq!(answered(&world, WWW), [expected], "{what}: {said}");
        let (_, state, why) = ended(&world).expect("it is over");
        let wanted = if what == "cancel" {
            State::Cancelled
        } else {
            State::Aborted
        };
        assert_eq!(state, wanted, "{what}: {why}");
        let said = command(&mut world, Command::CancelDrill(1), Manner::default());
        assert!(said.starts_with("no-such-drill: "), "{said}");
    }
}

#[test]
fn a_reload_ends_it() {
    let mut world = world_of(plan(), Network::default());
    let began = begin(&mut world, order("www.example.test", 60));
    world.run_until(after(began, 20_000));
    assert_eq!(answered(&world, WWW), [v4(2)]);
    let now = world.now().moment;
    world.enter(now, Event::Planned(plan()));
    world.run_until(after(now, 1));
    assert_eq!(answered(&world, WWW), [v4(1)]);
    assert!(ended(&world).unwrap().2.contains("configuration"));
}

#[test]
fn after_kill_9_everything_is_as_before_and_the_drill_is_told_of_as_aborted() {
    for failback in [Failback::Auto, Failback::Manual] {
        let mut world = world_of(pair(DEFAULT_RULES, |s| s.failback = failback), Network::default());
        let began = begin(&mut world, order("www.example.test", 60));
        world.run_until(after(began, 20_000));
        assert_eq!(answered(&world, WWW), [v4(2)]);
        let disk = world.remembered();
        assert_eq!(disk.drills[0].state, State::Running);
        let mut world = world.crashed(8);
        let restarted = world.now().moment;
        world.run_until(after(restarted, 5_000));
        assert_eq!(
            answered(&world, WWW),
            [v4(1)],
            "{failback:?}: within 5 s of the start"
        );
        assert!(matches!(&world.stages[..], [Stage::Left(left)] if left.state == State::Aborted));
        assert_eq!(world.drills[&1].state, State::Aborted);
        let told = world
            .told
            .iter()
            .any(|event| event.alarm && matches!(event.kind, HistoryKind::Drill(_)));
        assert!(told);
        // Told once: the next life knows of nothing unfinished.
        let Remembered { drills, .. } = world.remembered();
        assert!(drills.iter().all(|drill| drill.state != State::Running));
    }
}

#[test]
fn the_state_shown_during_a_drill_is_the_truth_and_the_answer_says_that_it_is_a_drill() {
    let mut world = world_of(plan(), Network::default());
    let began = begin(&mut world, order("www.example.test", 30));
    world.run_until(after(began, 20_000));
    let status = &world.control.status(world.now())[0];
    assert_eq!(status.active.as_deref(), Some("nyc"));
    assert!(status.a.why.starts_with("drill 1: "), "{}", status.a.why);
    let probe = status.endpoints[0].addresses[0].probe.as_ref().unwrap();
    assert_eq!((probe.real, probe.effective, probe.failures), ("up", "up", 0));
}
