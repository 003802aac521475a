//! Random configurations and what an operator might make of them.

use std::sync::Arc;
use std::time::Duration;

use pointsman::control::chance::Chance;
use pointsman::model::check::Rules;
use pointsman::model::plan::Plan;
use pointsman::model::service::{Failback, Families, Policy, Switch, TtlRule, WhenAllDown};
use pointsman::model::time::{Moment, Ttl};
use pointsman::simulate::network::{Condition, Network};
use pointsman::simulate::scenario::{DEFAULT_RULES, Part, PlanBuilder, v4, v6};

const LABELS: [&str; 4] = ["www", "api", "mail", "db"];
const NAMES: [&str; 8] = ["fra", "nyc", "tok", "syd", "gru", "jnb", "lhr", "cdg"];
const POOLS: [&str; 2] = ["eu", "us"];

/// A service in words that can be changed.
#[derive(Clone, Debug)]
struct Sketch {
    label: &'static str,
    policy: Policy,
    /// Endpoint numbers, in the order written; the address follows the number.
    endpoints: Vec<usize>,
    /// How many of them, from the front, stand in a pool of their own.
    pooled: usize,
    pool_policy: Policy,
    min_up: u32,
    weights: u64,
    both: bool,
    switch: Switch,
    failback: Failback,
    when_all_down: WhenAllDown,
    families: Families,
    ttl: TtlRule,
}

fn of<T: Clone>(chance: &mut Chance, these: &[T]) -> T {
    these[usize::try_from(chance.throw() % these.len() as u64).unwrap()].clone()
}

fn below(chance: &mut Chance, bound: u64) -> usize {
    usize::try_from(chance.throw() % bound).unwrap()
}

fn policy(chance: &mut Chance) -> Policy {
    of(
        chance,
        &[
            Policy::Failover,
            Policy::Failover,
            Policy::Weighted,
            Policy::All { max_answers: None },
            Policy::All { max_answers: Some(1) },
        ],
    )
}

fn endpoints(chance: &mut Chance) -> Vec<usize> {
    let mut chosen = Vec::new();
    for _ in 0..=below(chance, 4) {
        let next = below(chance, 8);
        if !chosen.contains(&next) {
            chosen.push(next);
        }
    }
    chosen
}

fn ttl(chance: &mut Chance) -> TtlRule {
    let (max, min) = (Ttl::from_secs(10), Ttl::from_secs(2));
    of(
        chance,
        &[
            TtlRule::Fixed(max),
            TtlRule::Stable { max, min },
            TtlRule::Strict { max, min },
        ],
    )
}

fn sketch(chance: &mut Chance, label: &'static str) -> Sketch {
    let endpoints = endpoints(chance);
    Sketch {
        label,
        policy: policy(chance),
        pooled: below(chance, endpoints.len() as u64 + 1),
        endpoints,
        pool_policy: policy(chance),
        min_up: 1 + u32::try_from(chance.throw() % 2).unwrap(),
        weights: chance.throw(),
        both: chance.throw().is_multiple_of(2),
        switch: of(chance, &[Switch::Auto, Switch::Auto, Switch::Manual]),
        failback: of(
            chance,
            &[
                Failback::Auto,
                Failback::Manual,
                Failback::After(Duration::from_secs(20)),
            ],
        ),
        when_all_down: of(
            chance,
            &[
                WhenAllDown::Last,
                WhenAllDown::AssumeUp,
                WhenAllDown::None,
                WhenAllDown::Servfail,
                WhenAllDown::Fallback(vec![v4(99), v6(99)]),
            ],
        ),
        families: of(chance, &[Families::Apart, Families::Together]),
        ttl: ttl(chance),
    }
}

/// One thing an operator might do.
fn edit(chance: &mut Chance, sketches: &mut Vec<Sketch>) {
    if sketches.is_empty() || chance.throw().is_multiple_of(8) {
        let label = of(chance, &LABELS);
        if sketches.iter().all(|known| known.label != label) {
            sketches.push(sketch(chance, label));
        }
        return;
    }
    let at = below(chance, sketches.len() as u64);
    let other = sketch(chance, sketches[at].label);
    let kind = chance.throw() % 9;
    if kind == 8 {
        sketches.remove(at);
        return;
    }
    let one = &mut sketches[at];
    match kind {
        0 => *one = other,
        1 => one.policy = other.policy,
        2 => one.endpoints = other.endpoints,
        3 => one.endpoints.reverse(),
        4 => one.weights = other.weights,
        5 => one.when_all_down = other.when_all_down,
        6 => (one.failback, one.switch) = (other.failback, other.switch),
        _ => (one.ttl, one.families) = (other.ttl, other.families),
    }
    one.pooled = one.pooled.min(one.endpoints.len());
}

fn build(sketches: &[Sketch], rules: Rules) -> Arc<Plan> {
    sketches
        .iter()
        .fold(PlanBuilder::new(rules), |builder, sketch| {
            let mut parts: Vec<Part> = sketch
                .endpoints
                .iter()
                .map(|n| {
                    let mut addresses = vec![v4(u32::try_from(n + 1).unwrap())];
                    if sketch.both && n % 3 != 0 {
                        addresses.push(v6(u16::try_from(n + 1).unwrap()));
                    }
                    let weight = u32::try_from(sketch.weights >> (n * 3) & 3).unwrap();
                    Part::Endpoint(NAMES[*n], addresses, weight)
                })
                .collect();
            if sketch.pooled > 0 {
                let rest = parts.split_off(sketch.pooled);
                let pool = POOLS[sketch.pooled % 2];
                parts = std::iter::once(Part::Pool(pool, sketch.pool_policy, parts, sketch.min_up))
                    .chain(rest)
                    .collect();
            }
            builder.service(sketch.label, sketch.policy, &parts, |service| {
                service.switch = sketch.switch;
                service.failback = sketch.failback;
                service.when_all_down = sketch.when_all_down.clone();
                service.families = sketch.families;
                service.ttl = sketch.ttl;
            })
        })
        .build()
}

/// A configuration, and the same after a few edits.
pub(crate) fn change(chance: &mut Chance) -> (Arc<Plan>, Arc<Plan>) {
    let mut sketches: Vec<Sketch> = Vec::new();
    for label in &LABELS[..=below(chance, 3)] {
        let one = sketch(chance, label);
        sketches.push(one);
    }
    let old = build(&sketches, DEFAULT_RULES);
    for _ in 0..=below(chance, 4) {
        edit(chance, &mut sketches);
    }
    let rules = if chance.throw().is_multiple_of(5) {
        Rules {
            fall: 5,
            ..DEFAULT_RULES
        }
    } else {
        DEFAULT_RULES
    };
    (old, build(&sketches, rules))
}

/// Some addresses down for ever, some down for a while and settled again long before the change.
pub(crate) fn network(chance: &mut Chance) -> Network {
    let mut network = Network::default();
    for n in 1..=8 {
        let (four, six) = (v4(n), v6(u16::try_from(n).unwrap()));
        for address in [four, six] {
            match chance.throw() % 6 {
                0 => network.set(address, Moment::ZERO, Condition::Refusing),
                1 => network.set(address, Moment::from_secs(60), Condition::Refusing),
                2 => {
                    network.set(address, Moment::from_secs(60), Condition::Refusing);
                    network.set(address, Moment::from_secs(100), Condition::WELL);
                }
                _ => {}
            }
        }
    }
    network
}
