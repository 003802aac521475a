//! Exclusive services over random histories: never are two writers named within each other's TTL.
//!
//! Three database servers with roles of their own, a network that loses, delays and reorders probes, a disk that is slow,
//! fails, or commits what was given up, and a signal box that crashes and is reloaded. A cache that asks at every moment
//! holds every answer for its whole TTL; whoever is named must find nobody else in it.

mod caches;
mod plans;
mod scenes;
mod strikes;
mod world;

use std::time::Duration;

use pointsman::model::service::Handover;
use world::{World, run};

/// How many histories a thread plays.
fn histories(handover: Handover, seeds: std::ops::Range<u64>) -> (usize, usize) {
    let mut named = 0;
    let mut handovers = 0;
    for seed in seeds {
        let world = run(seed, handover);
        named += usize::from(world.ever_named());
        handovers += world.handovers();
    }
    (named, handovers)
}

fn all(handover: Handover, count: u64) {
    let threads = 2;
    let share = count / threads;
    let played: Vec<(usize, usize)> = std::thread::scope(|scope| {
        let parts: Vec<_> = (0..threads)
            .map(|part| scope.spawn(move || histories(handover, part * share..(part + 1) * share)))
            .collect();
        parts
            .into_iter()
            .map(|part| part.join().expect("no law is broken"))
            .collect()
    });
    let named: usize = played.iter().map(|(named, _)| named).sum();
    let handovers: usize = played.iter().map(|(_, handovers)| handovers).sum();
    // A world in which nobody is ever named would prove nothing.
    let count = usize::try_from(count).unwrap();
    assert!(named > count * 9 / 10, "a writer was named in {named} of {count}");
    assert!(
        handovers > count,
        "the writer changed {handovers} times in {count} histories"
    );
}

#[test]
fn five_thousand_histories_name_one_writer_at_a_time_under_safe() {
    all(Handover::Safe, 5000);
}

#[test]
fn five_thousand_histories_name_one_writer_at_a_time_under_fast() {
    all(Handover::Fast, 5000);
}

#[test]
fn a_crashed_primary_is_followed_by_the_promoted_standby_when_caches_have_let_go() {
    let mut world = World::quiet(1, Handover::Safe);
    world.advance(Duration::from_secs(20));
    assert_eq!(world.named_now(), Some(0));
    world.kill(0);
    world.advance(Duration::from_secs(8));
    assert_eq!(
        world.named_now(),
        None,
        "a dead primary is named no more, and nobody is guessed"
    );
    world.promote(1);
    world.advance(Duration::from_secs(17));
    assert_eq!(world.named_now(), Some(1));
    world.revive_as_standby(0);
    world.advance(Duration::from_secs(60));
    assert_eq!(
        world.named_now(),
        Some(1),
        "the old primary returns as a standby and is not named"
    );
}

#[test]
fn two_claims_leave_the_incumbent_and_are_said() {
    let mut world = World::quiet(2, Handover::Safe);
    world.advance(Duration::from_secs(20));
    world.promote(2);
    world.advance(Duration::from_secs(30));
    assert_eq!(world.named_now(), Some(0));
    assert!(
        world.said("split brain: a and c claim to be primary"),
        "{:?}",
        world.log()
    );
}

#[test]
fn under_fast_a_demoted_primary_hands_over_at_once() {
    let mut world = World::quiet(3, Handover::Fast);
    world.advance(Duration::from_secs(20));
    world.demote(0);
    world.promote(1);
    let took = world.until_named(1);
    assert!(
        took <= Duration::from_secs(6),
        "an interval and a second: {took:?}"
    );
}

#[test]
fn a_laggard_that_promotes_itself_is_named_only_by_breaking_the_glass() {
    let mut world = World::quiet(4, Handover::Safe);
    world.advance(Duration::from_secs(20));
    world.fall_behind(1, Duration::from_secs(60));
    world.advance(Duration::from_secs(12));
    world.kill(0);
    world.promote(1);
    world.advance(Duration::from_secs(60));
    assert_eq!(world.named_now(), None);
    assert!(world.said("it would lose writes"), "{:?}", world.log());
    assert!(world.failover(Some("b"), false).unwrap_err().contains("max-lag"));
    world.failover(Some("b"), true).unwrap();
    world.advance(Duration::from_secs(15));
    assert_eq!(world.named_now(), Some(1));
}

#[test]
fn a_standby_is_not_named_without_breaking_the_glass_and_the_word_holds() {
    let mut world = World::quiet(5, Handover::Safe);
    world.advance(Duration::from_secs(20));
    let refused = world.failover(Some("c"), false).unwrap_err();
    assert!(refused.contains("does not claim to be the primary"), "{refused}");
    let done = world.failover(Some("c"), true).unwrap();
    assert!(done.contains("when caches have let go"), "{done}");
    world.advance(Duration::from_secs(1));
    assert_eq!(world.named_now(), None);
    world.advance(Duration::from_secs(15));
    assert_eq!(world.named_now(), Some(2));
}

#[test]
fn a_restart_keeps_the_writer_and_names_it_at_once() {
    let mut world = World::quiet(6, Handover::Safe);
    world.advance(Duration::from_secs(20));
    world.restart();
    world.advance(Duration::from_secs(4));
    assert_eq!(world.named_now(), Some(0));
}

#[test]
fn without_a_disk_nobody_is_promoted() {
    let mut world = World::quiet(7, Handover::Safe);
    world.advance(Duration::from_secs(20));
    world.break_disk();
    world.kill(0);
    world.promote(1);
    world.advance(Duration::from_secs(60));
    assert_eq!(world.named_now(), None);
    world.mend_disk();
    world.advance(Duration::from_secs(20));
    assert_eq!(world.named_now(), Some(1));
}
