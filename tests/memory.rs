//! What an idle target costs in memory. A binary of its own, so that no other test's memory is counted.
#![forbid(unsafe_code)]
#![allow(
    clippy::expect_used,
    reason = "a test that meets the unexpected must fail loudly"
)]

use pointsman::control::Control;
use pointsman::control::effect::Effect;
use pointsman::control::event::{Event, Remembered};
use pointsman::health::observation::{Evidence, Finding, Observation, Phases};
use pointsman::model::plan::Plan;
use pointsman::model::service::Policy;
use pointsman::model::time::{Moment, Now, UnixTime};
use pointsman::simulate::scenario::{DEFAULT_RULES, Part, PlanBuilder, v4};

fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .expect("VmRSS");
    line.split_whitespace()
        .nth(1)
        .expect("a number")
        .parse::<usize>()
        .expect("a number")
        * 1024
}

#[test]
fn an_idle_target_costs_less_than_a_kilobyte_and_a_half_and_a_service_with_its_target_less_than_four() {
    const TARGETS: usize = 40_000;
    let addresses: Vec<Part> = (0..TARGETS)
        .map(|n| Part::Endpoint("e", vec![v4(u32::try_from(n).expect("small"))], 1))
        .collect();
    let one = PlanBuilder::new(DEFAULT_RULES)
        .service("one", Policy::All { max_answers: Some(4) }, &addresses, |_| {})
        .build();
    // Kept, so that its memory is not used again and counted as nothing.
    let (_one, cost) = cost_of(one);
    let per_target = cost / TARGETS;
    // A quarter of a kilobyte is the latencies of the last sixty probes.
    assert!(per_target < 1536, "{per_target} octets per target");
    let mut builder = PlanBuilder::new(DEFAULT_RULES);
    for part in &addresses {
        builder = builder.service("many", Policy::Failover, std::slice::from_ref(part), |_| {});
    }
    let (_many, cost) = cost_of(builder.build());
    let per_service = cost / TARGETS;
    assert!(
        (500..4096).contains(&per_service),
        "{per_service} octets per service with a target"
    );
}

/// What the signal box takes on top of the plan, after a few rounds of probes that succeed at once.
fn cost_of(plan: std::sync::Arc<Plan>) -> (Control, usize) {
    let at = |moment: Moment| Now {
        moment,
        wall: UnixTime(0),
    };
    let before = resident();
    let mut moment = Moment::ZERO;
    let mut control = Control::new(plan, Remembered::default(), 1, at(moment));
    let mut opened = false;
    while moment < Moment::from_secs(17) {
        moment = moment.max(control.next_wake().expect("something is always due"));
        let mut effects = Vec::new();
        control.step(at(moment), Event::Woke, &mut effects);
        let mut waiting = effects;
        while let Some(effect) = waiting.pop() {
            opened |= matches!(effect, Effect::OpenSockets);
            if let Effect::Probe { ticket, .. } = effect {
                let seen = Observation {
                    at: at(moment),
                    finding: Finding::Good,
                    phases: Phases::default(),
                    evidence: Evidence::default(),
                    report: Default::default(),
                };
                control.step(at(moment), Event::Probed { ticket, seen }, &mut waiting);
            }
        }
    }
    assert!(opened);
    (control, resident().saturating_sub(before))
}
