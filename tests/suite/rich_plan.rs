//! A plan with something of everything, for random histories.

use std::sync::Arc;
use std::time::Duration;

use pointsman::model::plan::Plan;
use pointsman::model::service::{Failback, Families, Policy, Switch, TtlRule, WhenAllDown};
use pointsman::model::time::Ttl;
use pointsman::simulate::scenario::{DEFAULT_RULES, Part, PlanBuilder, v4, v6};

/// A plan of every policy, both families, pools, every mode.
pub(crate) fn rich_plan(variant: u64) -> Arc<Plan> {
    let e = |name: &'static str, n: u16, both: bool, weight: u32| {
        let mut addresses = vec![v4(n.into())];
        if both {
            addresses.push(v6(n));
        }
        Part::Endpoint(name, addresses, weight)
    };
    let pool = |name: &'static str, policy, from: u16, min_up| {
        Part::Pool(
            name,
            policy,
            vec![
                e("x", from, true, 1),
                e("y", from + 1, false, 2),
                e("z", from + 2, true, 0),
            ],
            min_up,
        )
    };
    let [switch, failback] = [variant % 2, variant / 2 % 3];
    PlanBuilder::new(DEFAULT_RULES)
        .references(&["192.0.2.1:443".parse().unwrap()])
        .brake(0.3)
        .service(
            "www",
            Policy::Failover,
            &[e("fra", 1, true, 1), e("nyc", 2, false, 1), e("tok", 3, true, 1)],
            |s| {
                s.switch = if switch == 0 { Switch::Auto } else { Switch::Manual };
                s.failback = match failback {
                    0 => Failback::Auto,
                    1 => Failback::Manual,
                    _ => Failback::After(Duration::from_secs(20)),
                };
                s.ttl = TtlRule::Strict {
                    max: Ttl::from_secs(30),
                    min: Ttl::from_secs(1),
                };
            },
        )
        .service(
            "pools",
            Policy::Failover,
            &[
                pool("eu", Policy::Weighted, 10, 2),
                pool("us", Policy::All { max_answers: Some(2) }, 20, 1),
                pool("as", Policy::Failover, 30, 1),
            ],
            |s| {
                s.ttl = TtlRule::Stable {
                    max: Ttl::from_secs(30),
                    min: Ttl::from_secs(2),
                };
                s.families = if variant.is_multiple_of(2) {
                    Families::Apart
                } else {
                    Families::Together
                };
            },
        )
        .service(
            "spread",
            Policy::Weighted,
            &[
                e("a", 1, true, 3),
                e("b", 40, true, 1),
                pool("c", Policy::Failover, 50, 1),
            ],
            |s| {
                s.when_all_down = match variant % 5 {
                    0 => WhenAllDown::Last,
                    1 => WhenAllDown::AssumeUp,
                    2 => WhenAllDown::None,
                    3 => WhenAllDown::Servfail,
                    _ => WhenAllDown::Fallback(vec![v4(99), v6(99)]),
                };
            },
        )
        .build()
}
