//! The plans between which reloads go.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use pointsman::model::check::{Claim, Expectation};
use pointsman::model::plan::Plan;
use pointsman::model::service::{Failback, Handover, Policy, Switch, TtlRule, WhenAllDown};
use pointsman::simulate::scenario::{DEFAULT_RULES, Part, PlanBuilder};

pub(super) const NAMES: [&str; 3] = ["a", "b", "c"];

fn address(server: usize, moved: bool) -> IpAddr {
    IpAddr::from([
        192,
        0,
        2,
        u8::try_from(server).unwrap() + if moved { 11 } else { 1 },
    ])
}

pub(super) fn server_of(address: IpAddr) -> usize {
    match address {
        IpAddr::V4(v4) => usize::from(v4.octets()[3] - 1) % 10,
        IpAddr::V6(_) => unreachable!("all are of one family"),
    }
}

/// Which plan is in force.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub(super) handover: Handover,
    pub(super) ttl: TtlRule,
    pub(super) moved: bool,
    pub(super) reversed: bool,
    pub(super) all_down: u8,
    pub(super) manual: bool,
}

pub(super) fn plan(shape: Shape) -> Arc<Plan> {
    let mut order: Vec<usize> = (0..3).collect();
    if shape.reversed {
        order.reverse();
    }
    let parts: Vec<Part> = order
        .into_iter()
        .map(|server| {
            Part::Endpoint(
                NAMES[server],
                vec![address(server, shape.moved && server == 2)],
                1,
            )
        })
        .collect();
    PlanBuilder::new(DEFAULT_RULES)
        .expects(Expectation {
            claim: Some(Claim::Primary),
            max_lag: Some(Duration::from_secs(10)),
        })
        .service("db", Policy::Failover, &parts, |service| {
            service.exclusive = Some(shape.handover);
            service.failback = Failback::Manual;
            service.ttl = shape.ttl;
            service.when_all_down = match shape.all_down {
                0 => WhenAllDown::None,
                1 => WhenAllDown::Last,
                _ => WhenAllDown::Servfail,
            };
            if shape.manual {
                service.switch = Switch::Manual;
            }
        })
        .build()
}
