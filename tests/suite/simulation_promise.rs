//! What `check` prints is kept: simulated failures at random phases under random rules, seen through caches.

use std::time::Duration;

use pointsman::control::chance::Chance;
use pointsman::control::promise::Promise;
use pointsman::model::check::Rules;
use pointsman::model::id::ServiceId;
use pointsman::model::service::TtlRule;
use pointsman::model::time::{Moment, Ttl};
use pointsman::policy::readings::Family;
use pointsman::simulate::client::Client;
use pointsman::simulate::network::{Condition, Network};
use pointsman::simulate::scenario::{DEFAULT_RULES, pair, v4};
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
