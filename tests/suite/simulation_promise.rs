//! What `check` prints is kept: simulated failures at random phases under random rules, seen through caches.

use std::time::Duration;

use pointsman::control::chance::Chance;
use pointsman::control::promise::{PUBLISH, Promise};
use pointsman::model::check::Rules;
use pointsman::model::id::ServiceId;
use pointsman::model::plan::Plan;
use pointsman::model::service::{Failback, Policy, TtlRule};
use pointsman::model::time::{Moment, Ttl};
use pointsman::policy::choice::{Decision, Lifetime};
use pointsman::policy::readings::Family;
use pointsman::simulate::client::Client;
use pointsman::simulate::network::{Condition, Network};
use pointsman::simulate::scenario::{DEFAULT_RULES, Part, PlanBuilder, pair, v4};
use pointsman::simulate::world::World;

const WWW: ServiceId = ServiceId(0);

fn random_rules(chance: &mut Chance) -> Rules {
    let interval = Duration::from_millis(500 + chance.throw() % 15_000);
    Rules {
        interval,
        fast_interval: interval.min(Duration::from_millis(200 + chance.throw() % 3_000)),
        timeout: Duration::from_millis(200 + chance.throw() % 4_000),
        fall: u32::try_from(1 + chance.throw() % 6).unwrap(),
        ..DEFAULT_RULES
    }
}

fn random_ttl(chance: &mut Chance) -> TtlRule {
    let max = Ttl::from_secs(u32::try_from(1 + chance.throw() % 60).unwrap());
    let min = Ttl::from_secs(u32::try_from(1 + chance.throw() % 5).unwrap());
    match chance.throw() % 3 {
        0 => TtlRule::Fixed(max),
        1 => TtlRule::Stable {
            max: max.max(min),
            min,
        },
        _ => TtlRule::Strict {
            max: max.max(min),
            min,
        },
    }
}

#[test]
fn no_cache_keeps_a_dead_endpoint_longer_than_promised() {
    let mut tightest = Duration::MAX;
    for seed in 0..600 {
        let mut chance = Chance::new(seed);
        let rules = random_rules(&mut chance);
        let ttl = random_ttl(&mut chance);
        let plan = pair(rules, |service| service.ttl = ttl);
        let promise = Promise::of(&plan, &plan.services[0]);
        let Promise::Automatic { hard, silent } = &promise else {
            panic!("{promise:?}");
        };
        let (condition, promised) = if seed % 2 == 0 {
            (Condition::Refusing, hard.worst.total())
        } else {
            (Condition::Silent, silent.worst.total())
        };
        let fault = Moment::from_secs(60).after(Duration::from_secs(40).mul_f64(chance.share()));
        let mut network = Network::default();
        network.set(v4(1), fault, condition);
        let mut world = World::new(plan, network, seed);
        world.run_until(fault.before(Duration::from_secs(45)));
        // Forty clients behind caches of their own, which ask ten times a second.
        let mut clients = vec![Client::default(); 40];
        let mut last_wrong = Duration::ZERO;
        let end = fault.after(promised).after(Duration::from_secs(5));
        let mut turn = 0;
        while world.now().moment < end {
            let next = world.now().moment.after(Duration::from_millis(100));
            world.run_until(next);
            turn += 1;
            for (n, client) in clients.iter_mut().enumerate() {
                // Each began at another time, so that caches expire at all phases.
                if turn < n * 7 {
                    continue;
                }
                let answered = client.resolve(&mut world, WWW, Family::V4).expect("open");
                if next >= fault && answered.contains(&v4(1)) {
                    last_wrong = next.since(fault);
                }
            }
        }
        assert!(
            last_wrong <= promised,
            "seed {seed}: {last_wrong:?}\n{promise}\n{rules:?} {ttl:?}"
        );
        tightest = tightest.min(promised - last_wrong);
    }
    assert!(
        tightest < Duration::from_millis(1_500),
        "the promise is not padded: {tightest:?} is the least that was left"
    );
}

/// How many random configurations; `POINTSMAN_PROMISES=100000` is the whole of what was promised to be tried.
const CONFIGURATIONS: u64 = 10_000;

fn random_plan(chance: &mut Chance) -> (std::sync::Arc<Plan>, Rules, TtlRule) {
    let rules = Rules {
        rise: u32::try_from(1 + chance.throw() % 4).unwrap(),
        min_down: Duration::from_secs(chance.throw() % 30),
        damping: chance.throw().is_multiple_of(2),
        ..random_rules(chance)
    };
    let ttl = random_ttl(chance);
    let policy = match chance.throw() % 5 {
        0 => Policy::Weighted,
        1 => Policy::All { max_answers: None },
        2 => Policy::All { max_answers: Some(1) },
        _ => Policy::Failover,
    };
    let names = ["fra", "nyc", "tok", "syd"];
    let count = 2 + usize::try_from(chance.throw() % 3).unwrap();
    let mut parts: Vec<Part> = (0..count)
        .map(|n| {
            let weight = 1 + u32::try_from(chance.throw() % 9).unwrap();
            Part::Endpoint(names[n], vec![v4(u32::try_from(n + 1).unwrap())], weight)
        })
        .collect();
    if count > 2 && chance.throw().is_multiple_of(3) {
        let rest = parts.split_off(2);
        let inner = if chance.throw().is_multiple_of(2) {
            Policy::Failover
        } else {
            Policy::All { max_answers: None }
        };
        parts = std::iter::once(Part::Pool("eu", inner, parts, 1))
            .chain(rest)
            .collect();
    }
    let failback = match chance.throw() % 3 {
        0 => Failback::Auto,
        1 => Failback::Manual,
        _ => Failback::After(Duration::from_secs(chance.throw() % 600)),
    };
    let plan = PlanBuilder::new(rules)
        .service("www", policy, &parts, |service| {
            service.ttl = ttl;
            service.failback = failback;
        })
        .build();
    (plan, rules, ttl)
}

/// Until when a compliant cache could hold an answer of `decision`, which was in force until `until`, whenever it
/// asked: the latest moment over all those at which it may have.
fn held_until(decision: &Decision, from: Moment, until: Moment) -> Moment {
    let last = Moment::from_nanos(until.nanos().saturating_sub(1)).max(from);
    let at_last = last.after(decision.lifetime.at(last).duration());
    match decision.lifetime {
        Lifetime::Fixed(_) => at_last,
        // A TTL of whole seconds ends at the flip itself for whoever asked whole seconds before it.
        Lifetime::Until { flip, most, .. } => {
            let seconds = flip.since(last).as_secs() + 1;
            let asked = flip.before(Duration::from_secs(seconds));
            if asked >= from && seconds <= u64::from(most.secs()) && asked <= last {
                at_last.max(flip)
            } else {
                at_last
            }
        }
    }
}

/// One random failure of one random configuration: what is left of the promise.
fn left_of_the_promise(seed: u64) -> Duration {
    let mut chance = Chance::new(seed ^ 0x9807_3153);
    let (plan, rules, ttl) = random_plan(&mut chance);
    let promise = Promise::of(&plan, &plan.services[0]);
    let Promise::Automatic { hard, silent } = &promise else {
        panic!("{promise:?}");
    };
    let (condition, expected) = match chance.throw() % 4 {
        0 => (Condition::Silent, silent),
        1 => (
            Condition::Well {
                after: rules.timeout + Duration::from_millis(1),
            },
            silent,
        ),
        2 => (Condition::Failing { chance: 1.0 }, hard),
        _ => (Condition::Refusing, hard),
    };
    let victim = v4(1);
    let fault = Moment::from_secs(30).after(Duration::from_secs(40).mul_f64(chance.share()));
    let mut network = Network::default();
    network.set(victim, fault, condition);
    let mut world = World::new(plan, network, seed);
    let end = fault.after(expected.detection).after(Duration::from_secs(2));
    world.run_until(end);
    let mut last_wrong = fault;
    let decisions: Vec<(Moment, &Decision)> = world
        .published
        .iter()
        .flat_map(|(at, all)| all.iter().map(|decision| (*at, decision)))
        .collect();
    for (nth, (at, decision)) in decisions.iter().enumerate() {
        let until = decisions.get(nth + 1).map_or(end, |(next, _)| *next);
        if decision.a.addresses.contains(&victim) {
            last_wrong = last_wrong.max(held_until(decision, *at, until));
            assert!(
                until.since(fault) <= expected.detection + PUBLISH,
                "seed {seed}: named until {:?}\n{promise}\n{rules:?} {ttl:?}",
                until.since(fault)
            );
        }
    }
    let (took, promised) = (last_wrong.since(fault), expected.worst.total());
    assert!(
        took <= promised,
        "seed {seed}: {took:?}\n{promise}\n{rules:?} {ttl:?}"
    );
    promised - took
}

#[test]
fn every_simulated_worst_case_stays_within_the_printed_promise() {
    let all = std::env::var("POINTSMAN_PROMISES").map_or(CONFIGURATIONS, |n| n.parse().expect("a number"));
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
    let tightest = std::thread::scope(|scope| {
        let shares: Vec<_> = (0..threads)
            .map(|first| {
                scope.spawn(move || {
                    let mut seeds = (first..all).step_by(usize::try_from(threads).unwrap());
                    seeds.by_ref().map(left_of_the_promise).min().expect("some")
                })
            })
            .collect();
        shares
            .into_iter()
            .map(|share| share.join().expect("held"))
            .min()
            .expect("some")
    });
    assert!(
        tightest < Duration::from_millis(300),
        "the promise is not padded: {tightest:?} is the least that was left of {all}"
    );
}

#[test]
fn the_promise_names_every_term() {
    let plan = pair(DEFAULT_RULES, |_| {});
    let text = Promise::of(&plan, &plan.services[0]).to_string();
    assert_eq!(
        text,
        "hard failure: verdict within 7.1s, in caches at most 17.11s = interval 5s + 2 × fast_interval 1s + 100ms for the probes themselves \
         + 10ms to publish + TTL 10s; typically 9.61s\n\
         silent failure: verdict within 13.1s, in caches at most 23.11s = interval 5s + 2 × fast_interval 1s + 3 × timeout 2s + 100ms for the \
         probes themselves + 10ms to publish + TTL 10s; typically 15.61s"
    );
}

#[test]
fn a_manual_switch_promises_nothing_in_time() {
    let plan = pair(DEFAULT_RULES, |service| {
        service.switch = pointsman::model::service::Switch::Manual;
    });
    assert_eq!(Promise::of(&plan, &plan.services[0]).worst(), None);
}
