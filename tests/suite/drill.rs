//! Rehearsed failovers: judged, detected as real ones are, always reverted.

mod binary;
mod capture;
mod kinds;
mod laws;
mod reverting;
mod rules;
mod schedule;

use std::sync::Arc;
use std::time::Duration;

use pointsman::control::drill::{Order, Stage, State};
use pointsman::control::event::{Command, Manner};
use pointsman::model::id::ServiceId;
use pointsman::model::plan::Plan;
use pointsman::model::service::Policy;
use pointsman::model::time::Moment;
use pointsman::policy::readings::Family;
use pointsman::simulate::network::Network;
use pointsman::simulate::scenario::{DEFAULT_RULES, Part, PlanBuilder, v4};
use pointsman::simulate::world::World;

use super::hand::command;

const WWW: ServiceId = ServiceId(0);
const SHOP: ServiceId = ServiceId(1);

/// `www` and `shop` are failover pairs on the same two addresses.
fn plan() -> Arc<Plan> {
    let pair = [
        Part::Endpoint("fra", vec![v4(1)], 1),
        Part::Endpoint("nyc", vec![v4(2)], 1),
    ];
    PlanBuilder::new(DEFAULT_RULES)
        .service("www", Policy::Failover, &pair, |_| {})
        .service("shop", Policy::Failover, &pair, |_| {})
        .build()
}

fn world_of(plan: Arc<Plan>, network: Network) -> World {
    let mut world = World::new(plan, network, 7);
    world.run_until(Moment::from_secs(20));
    world
}

fn order(service: &str, seconds: u64) -> Order {
    Order {
        id: 1,
        service: service.to_owned(),
        endpoint: None,
        lasting: Duration::from_secs(seconds),
        reason: Some("test".to_owned()),
        scheduled: false,
    }
}

fn answered(world: &World, service: ServiceId) -> Vec<std::net::IpAddr> {
    world.choice(service, Family::V4).expect("open").addresses.clone()
}

/// Begins a drill, which must not be refused; when it began.
fn begin(world: &mut World, order: Order) -> Moment {
    let said = command(world, Command::Drill(order), Manner::default());
    let began = world.stages.iter().rev().find_map(|stage| match stage {
        Stage::Began(subject) => Some(subject.at.moment),
        _ => None,
    });
    began.unwrap_or_else(|| panic!("refused: {said}"))
}

/// How and when the last drill ended.
fn ended(world: &World) -> Option<(Moment, State, String)> {
    world.stages.iter().rev().find_map(|stage| match stage {
        Stage::Ended(_, at, state, why) => Some((at.moment, *state, why.clone())),
        _ => None,
    })
}

/// When a stage came.
fn stage(world: &World, wanted: impl Fn(&Stage) -> Option<Moment>) -> Moment {
    world.stages.iter().find_map(wanted).expect("it came so far")
}

fn after(began: Moment, millis: u64) -> Moment {
    began.after(Duration::from_millis(millis))
}
