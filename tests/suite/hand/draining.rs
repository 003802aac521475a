//! "Safe to stop" is true: no cache that keeps to its TTL holds an address of what was drained.

use super::*;
use pointsman::control::chance::Chance;
use pointsman::control::effect::HistoryKind;
use pointsman::model::service::TtlRule;
use pointsman::model::time::Ttl;
use pointsman::simulate::client::Client;
use pointsman::simulate::scenario::pair;

/// What the ledger adds for an answer that is still under way.
const GRACE: Duration = Duration::from_millis(500);

fn below(chance: &mut Chance, limit: u64) -> u64 {
    chance.throw() % limit
}

fn random_rule(chance: &mut Chance) -> (TtlRule, u64) {
    let ttl = |secs: u64| Ttl::from_secs(u32::try_from(secs).unwrap());
    let most = 1 + below(chance, 40);
    let (max, min) = (ttl(most), ttl(1 + below(chance, most)));
    let rule = match below(chance, 3) {
        0 => TtlRule::Fixed(max),
        1 => TtlRule::Stable { max, min },
        _ => TtlRule::Strict { max, min },
    };
    (rule, most)
}

/// When it is told that the drained endpoint may be stopped; `None` when it is not.
fn told_safe(world: &World) -> Option<Moment> {
    let safe =
        |kind: &HistoryKind| matches!(kind, HistoryKind::SafeToStop { endpoint, .. } if endpoint == "fra");
    world
        .told
        .iter()
        .find(|event| safe(&event.kind))
        .map(|event| event.at.moment)
}

/// Forty caches ask at random moments, in every TTL mode, while the other endpoint flaps; `fra` is drained.
fn drained_among_caches(seed: u64) -> (Duration, u64) {
    let mut chance = Chance::new(seed);
    let (rule, most) = random_rule(&mut chance);
    let mut network = Network::default();
    network.lose(v4(1), 0.2);
    network.lose(v4(2), 0.1);
    let mut world = World::new(pair(DEFAULT_RULES, |service| service.ttl = rule), network, seed);
    let mut caches = vec![Client::default(); 40];
    let start = 20_000 + below(&mut chance, 60_000);
    let ask = |world: &mut World, caches: &mut Vec<Client>, chance: &mut Chance| {
        for cache in caches.iter_mut().filter(|_| chance.throw().is_multiple_of(3)) {
            cache.resolve(world, WWW, Family::V4);
        }
    };
    for at in (10_000..start).step_by(50) {
        world.run_until(Moment::from_millis(at));
        ask(&mut world, &mut caches, &mut chance);
    }
    let said = command(&mut world, drain("www.example.test/fra"), BREAK_GLASS);
    assert!(said.contains("fra drained"), "{said}");
    let drained = world.now().moment;
    loop {
        let held = caches
            .iter()
            .filter(|cache| cache.cached(world.now().moment) == Some(v4(1)))
            .count();
        if let Some(at) = told_safe(&world) {
            assert_eq!(
                held, 0,
                "seed {seed}, {rule:?}: told at {at:?}, drained at {drained:?}"
            );
            return (at.since(drained), most);
        }
        let waited = world.now().moment.since(drained);
        assert!(
            waited < Duration::from_secs(60),
            "seed {seed}, {rule:?}: never safe"
        );
        // Tighter than the answer's own grace.
        world.run_until(world.now().moment.after(Duration::from_millis(50)));
        ask(&mut world, &mut caches, &mut chance);
    }
}

#[test]
fn at_safe_no_compliant_cache_holds_the_drained_address() {
    let mut longest = Duration::ZERO;
    for seed in 0..150 {
        let (waited, most) = drained_among_caches(seed);
        let bound = Duration::from_secs(most) + GRACE + Duration::from_millis(10);
        assert!(waited <= bound, "seed {seed}: {waited:?} for a TTL of {most} s");
        longest = longest.max(waited);
    }
    println!("150 drains among 40 caches each: never held at safe; the longest wait was {longest:?}");
}

fn waits(world: &World, select: &str) -> Vec<pointsman::control::draining::WaitStatus> {
    let all = world.control.overrides(world.now());
    let over = all.into_iter().find(|over| over.forced.select == select).unwrap();
    over.endpoints
        .into_iter()
        .map(|touched| touched.wait.unwrap())
        .collect()
}

#[test]
fn a_server_is_not_safe_to_stop_while_another_service_answers_its_address() {
    let mut world = world_of(Network::default());
    obeyed(&mut world, drain("www.example.test/fra"));
    world.run_until(world.now().moment.after(Duration::from_secs(60)));
    let wait = &waits(&world, "www.example.test/fra")[0];
    assert_eq!((wait.safe, wait.left_ms), (false, None), "{wait:?}");
    assert_eq!(wait.still_answered_by, ["shop.example.test"]);
    assert_eq!(told_safe(&world), None);
    obeyed(&mut world, drain("shop.example.test/fra"));
    let wait = &waits(&world, "www.example.test/fra")[0];
    let left = wait.left_ms.unwrap();
    assert!((10_000..=10_500).contains(&left), "{wait:?}");
    world.run_until(world.now().moment.after(Duration::from_millis(left + 1_100)));
    assert!(waits(&world, "www.example.test/fra")[0].safe);
    let told = || {
        let safe = |kind: &HistoryKind| matches!(kind, HistoryKind::SafeToStop { .. });
        world.told.iter().filter(|event| safe(&event.kind)).count()
    };
    assert_eq!(told(), 2, "once for each service");
}

#[test]
fn after_a_crash_what_the_earlier_life_answered_is_waited_for() {
    let mut world = world_of(Network::default());
    obeyed(&mut world, drain("*/fra"));
    let mut world = world.crashed(3);
    let began = world.now().moment;
    world.run_until(began.after(Duration::from_secs(5)));
    assert_eq!(told_safe(&world), None, "nobody knows yet what caches hold");
    world.run_until(began.after(Duration::from_secs(30)));
    let safe = told_safe(&world).unwrap().since(began);
    assert!(safe >= Duration::from_secs(10), "{safe:?}");
}
