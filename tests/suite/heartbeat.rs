//! Endpoints that report themselves, on virtual time: a beat is up at once, silence down at once.

mod binary;

use std::sync::Arc;
use std::time::Duration;

use pointsman::control::effect::HistoryKind;
use pointsman::control::event::{Event, Remembered, Word, WordKind};
use pointsman::control::promise::Promise;
use pointsman::health::standing::Health;
use pointsman::model::id::{ServiceId, TargetId};
use pointsman::model::plan::Plan;
use pointsman::model::time::Moment;
use pointsman::policy::readings::Family;
use pointsman::simulate::network::Network;
use pointsman::simulate::recording::Entry;
use pointsman::simulate::replay::{Changed, Replay};
use pointsman::simulate::world::World;
use proptest::prelude::*;

use crate::support::plans::plan_of;

const WWW: ServiceId = ServiceId(0);
const FRA: TargetId = TargetId(0);
const NYC: TargetId = TargetId(1);

/// `www` of fra and nyc, which report themselves within 15 s.
fn plan(more: &str) -> Arc<Plan> {
    let zone = format!(
        "[checks.beat]\ntype = \"heartbeat\"\nwithin = \"15s\"\ntoken_file = \"beat.token\"\n{more}\n\
         [services.www]\npolicy = \"failover\"\ncheck = \"beat\"\nendpoints = [\
         {{ name = \"fra\", address = \"10.0.0.1\" }}, {{ name = \"nyc\", address = \"10.0.0.2\" }}]\n"
    );
    plan_of(&zone, &[("beat.token", "sesame\n")])
}

fn says(target: TargetId, kind: WordKind, text: &str) -> Event {
    Event::Heartbeat {
        target,
        word: Word {
            kind,
            text: text.to_owned(),
        },
    }
}

fn beats(world: &mut World, target: TargetId, from: u64, until: u64) {
    for at in (from..until).step_by(5) {
        world.enter(Moment::from_secs(at), says(target, WordKind::Up, ""));
    }
}

fn health(world: &World, target: TargetId) -> Health {
    let standing = world.control.standing(target, world.now().moment);
    standing.map_or(Health::Unknown, |standing| standing.effective)
}

fn answered(world: &World) -> String {
    let choice = world.choice(WWW, Family::V4).expect("open");
    choice
        .addresses
        .first()
        .map(ToString::to_string)
        .unwrap_or_default()
}

#[test]
fn silence_is_down_at_its_deadline_within_the_promise_and_a_beat_is_up_at_once() {
    let plan = plan("min_down = \"0s\"\ndamping = false");
    let Promise::Automatic { hard, silent } = Promise::of(&plan, &plan.services[0]) else {
        panic!("a promise");
    };
    assert_eq!(hard.detection, silent.detection);
    assert_eq!(hard.detection, Duration::from_millis(15_100));
    let mut world = World::new(plan, Network::default(), 1);
    beats(&mut world, FRA, 1, 60);
    beats(&mut world, NYC, 1, 300);
    // The last beat of fra was at 56 s.
    world.run_until(Moment::from_millis(70_999));
    assert_eq!(
        (health(&world, FRA), answered(&world)),
        (Health::Up, "10.0.0.1".into())
    );
    world.run_until(Moment::from_millis(71_001));
    assert_eq!(
        (health(&world, FRA), answered(&world)),
        (Health::Down, "10.0.0.2".into())
    );
    let status = world.control.status(world.now());
    let probe = status[0].endpoints[0].addresses[0].probe.as_ref().unwrap();
    assert_eq!(
        probe.evidence.as_ref().unwrap().text,
        "no heartbeat within 15.0 s"
    );
    assert_eq!((probe.target.as_str(), probe.latency_us), ("10.0.0.1", None));
    world.enter(Moment::from_secs(100), says(FRA, WordKind::Up, ""));
    world.run_until(Moment::from_millis(100_001));
    assert_eq!(
        (health(&world, FRA), answered(&world)),
        (Health::Up, "10.0.0.1".into())
    );
    assert_eq!(world.probes, 0, "nothing is probed");
}

#[test]
fn an_endpoint_that_says_that_it_is_down_or_degraded_is_believed_at_once() {
    let mut world = World::new(plan(""), Network::default(), 1);
    beats(&mut world, FRA, 1, 40);
    beats(&mut world, NYC, 1, 300);
    world.enter(
        Moment::from_secs(41),
        says(FRA, WordKind::Degraded, "disk 91 % full"),
    );
    world.enter(Moment::from_secs(45), says(FRA, WordKind::Down, "shutting down"));
    world.run_until(Moment::from_secs(42));
    assert_eq!(health(&world, FRA), Health::Degraded);
    let degraded = world.told.iter().any(|event| {
        matches!(&event.kind, HistoryKind::TargetDegraded { why: Some(why), .. } if why == "disk 91 % full")
    });
    assert!(degraded, "{:?}", world.told);
    world.run_until(Moment::from_millis(45_001));
    assert_eq!(
        (health(&world, FRA), answered(&world)),
        (Health::Down, "10.0.0.2".into())
    );
    let why = world.told.iter().rev().find_map(|event| match &event.kind {
        HistoryKind::StateChanged { why, .. } => Some(why.clone()),
        _ => None,
    });
    assert_eq!(
        why.as_deref(),
        Some("1 failure: it says that it is down: shutting down")
    );
}

#[test]
fn at_the_start_nobody_is_down_for_silence_before_its_time_is_over() {
    let mut world = World::new(plan(""), Network::default(), 1);
    world.run_until(Moment::from_millis(2_900));
    assert_eq!(world.opened, None, "startup_wait runs");
    world.run_until(Moment::from_millis(3_100));
    assert_eq!(world.opened, Some(Moment::from_secs(3)));
    assert_eq!(
        (health(&world, FRA), answered(&world)),
        (Health::Unknown, "10.0.0.1".into())
    );
    beats(&mut world, NYC, 5, 60);
    world.run_until(Moment::from_millis(14_900));
    assert_eq!(health(&world, FRA), Health::Unknown);
    world.run_until(Moment::from_millis(15_001));
    assert_eq!(
        (health(&world, FRA), answered(&world)),
        (Health::Down, "10.0.0.2".into())
    );
}

#[test]
fn first_beats_of_all_open_the_sockets_at_once() {
    let mut world = World::new(plan(""), Network::default(), 1);
    for target in [FRA, NYC] {
        world.enter(Moment::from_millis(400), says(target, WordKind::Up, ""));
    }
    world.run_until(Moment::from_secs(1));
    assert_eq!(world.opened, Some(Moment::from_millis(400)));
}

#[test]
fn a_token_speaks_for_its_own_endpoints_alone_through_combined_checks_too() {
    let zone = "[checks.one]\ntype = \"heartbeat\"\nwithin = \"15s\"\ntoken_file = \"one\"\n\
        [checks.two]\ntype = \"heartbeat\"\nwithin = \"20s\"\ntoken_file = \"two\"\n\
        [checks.web]\ntype = \"http\"\n[checks.both]\nall_of = [\"web\", \"two\"]\n\
        [services.www]\npolicy = \"all\"\nendpoints = [\
        { name = \"fra\", address = [\"10.0.0.1\", \"2001:db8::1\"], check = \"one\" }, \
        { name = \"nyc\", address = \"10.0.0.2\", check = \"both\" }]\n";
    let plan = plan_of(zone, &[("one", "first"), ("two", "second")]);
    let world = World::new(plan, Network::default(), 1);
    let may = |service: &str, endpoint: &str, token: &str| {
        world.control.may_beat(service, endpoint, token.as_bytes()).len()
    };
    assert_eq!(may("www.example.test", "fra", "first"), 2, "both addresses");
    assert_eq!(may("www.example.test", "nyc", "second"), 1);
    for (service, endpoint, token) in [
        ("www.example.test", "fra", "second"),
        ("www.example.test", "nyc", "first"),
        ("www.example.test", "fra", ""),
        ("www.example.test", "nobody", "first"),
        ("example.test", "fra", "first"),
    ] {
        assert_eq!(may(service, endpoint, token), 0, "{service}/{endpoint} {token}");
    }
}

#[test]
fn a_reload_keeps_the_beats_and_counts_the_new_time_from_the_last_one() {
    let mut world = World::new(plan(""), Network::default(), 1);
    beats(&mut world, FRA, 1, 40);
    beats(&mut world, NYC, 1, 300);
    let zone = "[checks.beat]\ntype = \"heartbeat\"\nwithin = \"8s\"\ntoken_file = \"beat.token\"\n\
        [services.www]\npolicy = \"failover\"\ncheck = \"beat\"\nendpoints = [\
        { name = \"fra\", address = \"10.0.0.1\" }, { name = \"nyc\", address = \"10.0.0.2\" }]\n";
    let other = plan_of(zone, &[("beat.token", "another")]);
    // The last beat of fra was at 36 s.
    world.enter(Moment::from_secs(38), Event::Planned(other));
    world.run_until(Moment::from_millis(43_900));
    assert_eq!(
        (health(&world, FRA), answered(&world)),
        (Health::Up, "10.0.0.1".into())
    );
    world.run_until(Moment::from_millis(44_100));
    assert_eq!(
        (health(&world, FRA), answered(&world)),
        (Health::Down, "10.0.0.2".into())
    );
}

#[test]
fn a_recording_holds_the_beats_and_replays_to_what_happened() {
    let plan = plan("min_down = \"0s\"");
    let mut world = World::new(plan.clone(), Network::default(), 1);
    world.recording = Some(vec![Entry::start(&plan, &Remembered::default(), world.now())]);
    beats(&mut world, FRA, 1, 60);
    beats(&mut world, NYC, 1, 300);
    world.enter(Moment::from_secs(150), says(FRA, WordKind::Up, ""));
    world.enter(Moment::from_secs(151), says(FRA, WordKind::Down, "tired"));
    world.run_until(Moment::from_secs(200));
    let mut replay = Replay::new(plan);
    for entry in world.recording.take().unwrap() {
        let line = serde_json::to_string(&entry).unwrap();
        replay.feed(&serde_json::from_str(&line).unwrap());
    }
    let replayed = replay.finish();
    let texts = |changes: &[Changed]| {
        changes
            .iter()
            .map(|change| change.text.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(texts(&replayed.now), texts(&replayed.then));
    let downs = replayed
        .now
        .iter()
        .filter(|change| change.text.contains("down"))
        .count();
    assert!(downs >= 2, "silence and its own word: {:?}", replayed.now);
    assert!(replayed.unseen.is_empty() && replayed.unchecked.is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn the_state_is_the_last_word_while_it_is_fresh_and_down_otherwise(
        seed in any::<u64>(),
        words in prop::collection::vec((1u64..40_000, 0u8..5), 1..40),
        looks in prop::collection::vec(1u64..9_000, 1..60),
    ) {
        let plan = plan("min_down = \"0s\"\ndamping = false");
        let mut world = World::new(plan, Network::default(), seed);
        let (mut spoken, mut at) = (Vec::new(), 0);
        for (gap, kind) in words {
            at += gap;
            let kind = match kind {
                0 => WordKind::Down,
                1 => WordKind::Degraded,
                _ => WordKind::Up,
            };
            spoken.push((at, kind));
            world.enter(Moment::from_millis(at), says(FRA, kind, ""));
        }
        let mut now = 0;
        for gap in looks {
            now += gap;
            world.run_until(Moment::from_millis(now));
            let last = spoken.iter().rev().find(|(at, _)| *at <= now);
            let expected = match last {
                Some((at, _)) if now >= at + 15_000 => Health::Down,
                Some((_, WordKind::Up)) => Health::Up,
                Some((_, WordKind::Degraded)) => Health::Degraded,
                Some((_, WordKind::Down)) => Health::Down,
                None if now >= 15_000 => Health::Down,
                None => Health::Unknown,
            };
            prop_assert_eq!(health(&world, FRA), expected, "at {} ms of {:?}", now, spoken);
        }
        prop_assert_eq!(world.probes, 0);
    }
}
