//! Gates: the answer changes when its program has passed, or as configured when it has not.

mod binary;
mod laws;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use pointsman::control::effect::{GateStage, HistoryKind};
use pointsman::control::event::{Command, CommandTicket, Event, Manner};
use pointsman::control::gate::GateResult;
use pointsman::control::promise::Promise;
use pointsman::model::id::ServiceId;
use pointsman::model::on_failover::{OnFailover, Otherwise};
use pointsman::model::plan::Plan;
use pointsman::model::service::{Failback, Policy, Service};
use pointsman::model::time::Moment;
use pointsman::policy::readings::Family;
use pointsman::simulate::network::{Condition, Network};
use pointsman::simulate::scenario::{DEFAULT_RULES, Part, PlanBuilder, v4};
use pointsman::simulate::world::World;

const WWW: ServiceId = ServiceId(0);

fn hook(gate: bool, on_failure: Otherwise, on_timeout: Otherwise) -> OnFailover {
    OnFailover {
        program: PathBuf::from("/bin/true"),
        arguments: Vec::new(),
        gate,
        timeout: Duration::from_secs(30),
        on_failure,
        on_timeout,
    }
}

/// `www` with fra, nyc and tok (10.0.0.1 to .3), failover, with a gate that holds on failure and proceeds on timeout.
fn plan(change: impl FnOnce(&mut Service)) -> Arc<Plan> {
    let parts: Vec<Part> = ["fra", "nyc", "tok"]
        .into_iter()
        .zip(1..)
        .map(|(name, nth)| Part::Endpoint(name, vec![v4(nth)], 1))
        .collect();
    PlanBuilder::new(DEFAULT_RULES)
        .service("www", Policy::Failover, &parts, |service| {
            service.on_failover = Some(hook(true, Otherwise::Hold, Otherwise::Proceed));
            change(service);
        })
        .build()
}

fn dies(network: &mut Network, nth: u32, at: u64) {
    network.set(v4(nth), Moment::from_secs(at), Condition::Refusing);
}

fn lives(network: &mut Network, nth: u32, at: u64) {
    network.set(v4(nth), Moment::from_secs(at), Condition::WELL);
}

fn answered(world: &World) -> String {
    let choice = world.choice(WWW, Family::V4).unwrap();
    let all: Vec<String> = choice.addresses.iter().map(ToString::to_string).collect();
    all.join(" ")
}

/// The stages that were told, with whom they were for.
fn stages(world: &World) -> Vec<(GateStage, String)> {
    let told = world.told.iter().filter_map(|event| match &event.kind {
        HistoryKind::Gate(news) => Some((news.stage, news.to.clone())),
        _ => None,
    });
    told.collect()
}

fn passes_after(world: &mut World, secs: u64) {
    world.gates = (
        Some(Duration::from_secs(secs)),
        GateResult::Passed("done".to_owned()),
    );
}

fn fails(world: &mut World) {
    world.gates = (
        Some(Duration::from_secs(1)),
        GateResult::Failed("exit status 1".to_owned()),
    );
}

fn told(stages: &[(GateStage, &str)]) -> Vec<(GateStage, String)> {
    stages
        .iter()
        .map(|(stage, to)| (*stage, (*to).to_owned()))
        .collect()
}

use GateStage::{Cancelled, Failed, HookRan, Passed, Started, TimedOut};

#[test]
fn the_old_answer_stands_until_the_gate_is_passed() {
    let mut network = Network::default();
    dies(&mut network, 1, 50);
    let mut world = World::new(plan(|_| {}), network, 1);
    passes_after(&mut world, 12);
    let gated = |world: &World| !world.gated.is_empty();
    let began = world
        .run_while(Moment::from_secs(100), |world| !gated(world))
        .unwrap();
    world.run_until(began.after(Duration::from_millis(11_990)));
    assert_eq!(answered(&world), "10.0.0.1");
    let status = world.control.status(world.now()).remove(0);
    let gate = status.gate.unwrap();
    assert_eq!(
        (gate.state, gate.from.as_str(), gate.to.as_str()),
        ("running", "fra", "nyc")
    );
    assert_eq!(gate.until_unix_ms - gate.since_unix_ms, 30_000);
    assert!(
        status
            .degraded
            .unwrap()
            .contains("the switch to nyc waits for its gate")
    );
    assert_eq!(status.active.as_deref(), Some("fra"));
    world.run_until(began.after(Duration::from_millis(12_010)));
    assert_eq!(answered(&world), "10.0.0.2");
    assert_eq!(stages(&world), told(&[(Started, "nyc"), (Passed, "nyc")]));
    assert_eq!(world.control.status(world.now()).remove(0).gate, None);
    assert_eq!(world.gated.len(), 1);
}

#[test]
fn a_gate_that_hangs_is_killed_in_time_and_the_answer_changes_or_not() {
    for (otherwise, expected) in [(Otherwise::Proceed, "10.0.0.2"), (Otherwise::Hold, "10.0.0.1")] {
        let mut network = Network::default();
        dies(&mut network, 1, 50);
        let gate = Some(hook(true, Otherwise::Hold, otherwise));
        let mut world = World::new(plan(|service| service.on_failover = gate), network, 1);
        world.gates = (None, GateResult::Passed(String::new()));
        let began = world
            .run_while(Moment::from_secs(100), |world| world.gated.is_empty())
            .unwrap();
        world.run_until(began.after(Duration::from_millis(29_999)));
        assert_eq!(answered(&world), "10.0.0.1");
        assert!(world.ungated.is_empty());
        world.run_until(began.after(Duration::from_secs(30)));
        assert_eq!(answered(&world), expected);
        assert_eq!(
            world.ungated,
            [(began.after(Duration::from_secs(30)), world.gated[0].1.ticket)]
        );
        assert_eq!(stages(&world), told(&[(Started, "nyc"), (TimedOut, "nyc")]));
    }
}

#[test]
fn a_gate_that_fails_holds_and_is_tried_again_later_and_later() {
    let mut network = Network::default();
    dies(&mut network, 1, 50);
    let mut world = World::new(plan(|_| {}), network, 1);
    fails(&mut world);
    world.run_until(Moment::from_secs(300));
    assert_eq!(answered(&world), "10.0.0.1");
    let starts: Vec<u64> = world
        .gated
        .iter()
        .map(|(at, _)| at.nanos() / 1_000_000_000)
        .collect();
    let gaps: Vec<u64> = starts.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(gaps, [11, 21, 41, 81], "{starts:?}");
    let status = world.control.status(world.now()).remove(0);
    assert_eq!(status.proposed.as_deref(), Some("nyc"));
    let gate = status.gate.unwrap();
    assert_eq!((gate.state, gate.why.as_deref()), ("held", Some("exit status 1")));
    // When it passes at last, the answer follows.
    passes_after(&mut world, 1);
    world.run_until(Moment::from_secs(400));
    assert_eq!(answered(&world), "10.0.0.2");
}

#[test]
fn when_its_target_dies_the_gate_is_killed_and_the_next_ones_is_run() {
    let mut network = Network::default();
    dies(&mut network, 1, 50);
    dies(&mut network, 2, 60);
    let mut world = World::new(plan(|_| {}), network, 1);
    passes_after(&mut world, 25);
    world.run_until(Moment::from_secs(120));
    assert_eq!(answered(&world), "10.0.0.3");
    assert_eq!(
        stages(&world),
        told(&[
            (Started, "nyc"),
            (Cancelled, "nyc"),
            (Started, "tok"),
            (Passed, "tok")
        ])
    );
    assert_eq!(world.ungated.len(), 1);
}

#[test]
fn when_the_active_one_comes_back_the_gate_is_killed_and_nothing_changes() {
    let mut network = Network::default();
    dies(&mut network, 1, 50);
    lives(&mut network, 1, 62);
    let mut world = World::new(plan(|_| {}), network, 1);
    passes_after(&mut world, 29);
    world.run_until(Moment::from_secs(150));
    assert_eq!(answered(&world), "10.0.0.1");
    assert_eq!(stages(&world), told(&[(Started, "nyc"), (Cancelled, "nyc")]));
    let changes = world
        .told
        .iter()
        .filter(|event| matches!(event.kind, HistoryKind::AnswerChanged { .. }));
    assert_eq!(changes.count(), 0);
}

#[test]
fn coming_home_has_a_gate_too() {
    let mut network = Network::default();
    dies(&mut network, 1, 50);
    lives(&mut network, 1, 100);
    let mut world = World::new(plan(|service| service.failback = Failback::Auto), network, 1);
    passes_after(&mut world, 5);
    world.run_until(Moment::from_secs(200));
    assert_eq!(answered(&world), "10.0.0.1");
    assert_eq!(
        stages(&world),
        told(&[
            (Started, "nyc"),
            (Passed, "nyc"),
            (Started, "fra"),
            (Passed, "fra")
        ])
    );
    let orders: Vec<_> = world
        .gated
        .iter()
        .map(|(_, order)| (&*order.from, &*order.to))
        .collect();
    assert_eq!(orders, [("fra", "nyc"), ("nyc", "fra")]);
}

fn failover(world: &mut World, to: &str, break_glass: bool) {
    let event = Event::Commanded {
        ticket: CommandTicket(1),
        by: "ops".to_owned(),
        command: Command::Failover {
            service: "www.example.test".to_owned(),
            to: Some(to.to_owned()),
        },
        manner: Manner {
            break_glass,
            dry_run: false,
        },
    };
    world.enter(world.now().moment, event);
}

#[test]
fn a_switch_by_hand_goes_through_the_gate_and_breaking_glass_past_it() {
    let mut world = World::new(plan(|_| {}), Network::default(), 1);
    passes_after(&mut world, 8);
    world.run_until(Moment::from_secs(50));
    failover(&mut world, "tok", false);
    world.run_until(Moment::from_secs(57));
    assert_eq!(answered(&world), "10.0.0.1");
    assert_eq!(
        world.answers,
        ["www.example.test: tok is active when its gate was passed"]
    );
    let status = world.control.status(world.now()).remove(0);
    assert!(status.gate.unwrap().by_hand);
    world.run_until(Moment::from_secs(60));
    assert_eq!(answered(&world), "10.0.0.3");
    assert_eq!(world.disk["www.example.test"], "tok");
    assert_eq!(world.disk["www.example.test by hand"], "yes");
    // One that fails is told of, and nothing else happens.
    fails(&mut world);
    failover(&mut world, "nyc", false);
    world.run_until(Moment::from_secs(90));
    assert_eq!(answered(&world), "10.0.0.3");
    assert_eq!(stages(&world).last().unwrap().0, Failed);
    failover(&mut world, "nyc", true);
    world.run_until(Moment::from_secs(91));
    assert_eq!(answered(&world), "10.0.0.2");
    assert_eq!(world.gated.len(), 2);
}

#[test]
fn breaking_glass_goes_past_a_gate_that_holds() {
    let mut network = Network::default();
    dies(&mut network, 1, 50);
    let mut world = World::new(plan(|_| {}), network, 1);
    fails(&mut world);
    world.run_until(Moment::from_secs(75));
    assert_eq!(answered(&world), "10.0.0.1");
    failover(&mut world, "nyc", true);
    world.run_until(Moment::from_secs(76));
    assert_eq!(answered(&world), "10.0.0.2");
    assert_eq!(world.control.status(world.now()).remove(0).gate, None);
}

#[test]
fn a_restart_in_the_middle_runs_the_gate_again_before_anything_else_is_answered() {
    let mut network = Network::default();
    dies(&mut network, 1, 50);
    let mut world = World::new(plan(|_| {}), network, 1);
    world.gates = (None, GateResult::Passed(String::new()));
    world.run_until(Moment::from_secs(65));
    assert_eq!(world.gated.len(), 1);
    let mut world = world.crashed(2);
    passes_after(&mut world, 9);
    let began = world
        .run_while(Moment::from_secs(90), |world| world.gated.is_empty())
        .unwrap();
    world.run_until(began.after(Duration::from_secs(8)));
    assert_eq!(answered(&world), "10.0.0.1");
    world.run_until(began.after(Duration::from_secs(10)));
    assert_eq!(answered(&world), "10.0.0.2");
}

#[test]
fn a_reload_keeps_a_gate_that_is_the_same_and_kills_another() {
    let other = hook(true, Otherwise::Proceed, Otherwise::Proceed);
    for (next, kept) in [
        (plan(|_| {}), true),
        (plan(|service| service.on_failover = Some(other)), false),
        (plan(|service| service.on_failover = None), false),
    ] {
        let mut network = Network::default();
        dies(&mut network, 1, 50);
        let mut world = World::new(plan(|_| {}), network, 1);
        passes_after(&mut world, 20);
        world.run_while(Moment::from_secs(90), |world| world.gated.is_empty());
        let gate = next.services[0].on_failover.is_some();
        world.enter(
            world.now().moment.after(Duration::from_secs(5)),
            Event::Planned(next),
        );
        world.run_until(Moment::from_secs(110));
        assert_eq!(answered(&world), "10.0.0.2");
        assert_eq!(world.ungated.is_empty(), kept);
        assert_eq!(world.gated.len(), if kept || !gate { 1 } else { 2 });
    }
}

#[test]
fn a_hook_that_is_no_gate_delays_nothing_and_is_run_after() {
    let mut network = Network::default();
    dies(&mut network, 1, 50);
    let plan = plan(|service| service.on_failover = Some(hook(false, Otherwise::Hold, Otherwise::Hold)));
    let mut world = World::new(plan, network, 1);
    passes_after(&mut world, 12);
    let began = world
        .run_while(Moment::from_secs(100), |world| world.gated.is_empty())
        .unwrap();
    assert_eq!(answered(&world), "10.0.0.2");
    let changed = world
        .published
        .iter()
        .rev()
        .find(|(_, decisions)| !decisions.is_empty());
    assert_eq!(changed.unwrap().0, began);
    world.run_until(began.after(Duration::from_secs(13)));
    assert_eq!(stages(&world), told(&[(HookRan, "nyc")]));
}

#[test]
fn the_promise_includes_the_gates_time() {
    let with = plan(|_| {});
    let without = plan(|service| service.on_failover = None);
    let worst = |plan: &Plan| Promise::of(plan, &plan.services[0]).worst().unwrap();
    assert_eq!(worst(&with), worst(&without) + Duration::from_secs(30));
    let text = Promise::of(&with, &with.services[0]).to_string();
    assert!(text.contains("gate at most 30s"), "{text}");
}
