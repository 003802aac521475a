//! What is said of an answer that is not as it should be, and to whom.

use pointsman::control::explain::Explanation;
use pointsman::model::id::ServiceId;
use pointsman::model::service::{Policy, WhenAllDown};
use pointsman::model::time::Moment;
use pointsman::policy::readings::Family;
use pointsman::simulate::network::{Condition, Network};
use pointsman::simulate::scenario::{DEFAULT_RULES, Part, PlanBuilder, v4, v6};
use pointsman::simulate::world::World;

const WWW: ServiceId = ServiceId(0);

/// A failover service of `parts`, of which `dead` refuse connections from the 50th second, at the 100th.
fn world(parts: &[Part], rule: &WhenAllDown, dead: &[std::net::IpAddr]) -> World {
    let plan = PlanBuilder::new(DEFAULT_RULES)
        .service("www", Policy::Failover, parts, |s| s.when_all_down = rule.clone())
        .build();
    let mut network = Network::default();
    for address in dead {
        network.set(*address, Moment::from_secs(50), Condition::Refusing);
    }
    let mut world = World::new(plan, network, 5);
    world.run_until(Moment::from_secs(100));
    world
}

#[test]
fn a_healthy_family_is_not_called_degraded_for_the_other_one() {
    let parts = [Part::Endpoint("fra", vec![v4(1), v6(1)], 1)];
    let world = world(&parts, &WhenAllDown::Last, &[v4(1)]);
    let decision = world.decision(WWW).unwrap();
    assert_eq!(decision.said[0].as_ref().unwrap().code, 3);
    assert_eq!(decision.said[1], None);
    assert_eq!(
        decision.degraded().as_deref(),
        Some("A: all endpoints down; last answer kept")
    );
}

#[test]
fn a_fallback_of_a_family_that_no_endpoint_has_is_answered_too() {
    let parts = [Part::Endpoint("fra", vec![v4(1)], 1)];
    let rule = WhenAllDown::Fallback(vec![v4(9), v6(9)]);
    let world = world(&parts, &rule, &[v4(1)]);
    for (family, address) in [(Family::V4, v4(9)), (Family::V6, v6(9))] {
        assert_eq!(world.choice(WWW, family).unwrap().addresses, [address]);
    }
}

fn chosen(explanation: &Explanation) -> Vec<(&str, &str)> {
    let candidates = explanation.candidates.iter();
    candidates
        .filter(|candidate| candidate.chosen && candidate.family == "A")
        .map(|candidate| (candidate.pool.as_str(), candidate.name.as_str()))
        .collect()
}

#[test]
fn nobody_is_said_to_be_chosen_who_is_not_answered() {
    let parts = [
        Part::Endpoint("fra", vec![v4(1)], 1),
        Part::Endpoint("nyc", vec![v4(2)], 1),
    ];
    for (rule, expected) in [
        (WhenAllDown::AssumeUp, &[("", "fra")][..]),
        (WhenAllDown::Last, &[]),
        (WhenAllDown::None, &[]),
        (WhenAllDown::Servfail, &[]),
        (WhenAllDown::Fallback(vec![v4(9)]), &[]),
    ] {
        let world = world(&parts, &rule, &[v4(1), v4(2)]);
        let explanation = world.control.explain(WWW, world.now());
        assert_eq!(chosen(&explanation), expected, "{rule:?}");
    }
}

#[test]
fn members_of_a_pool_that_stands_by_are_not_said_to_be_chosen() {
    let pool = |name, address| {
        Part::Pool(
            name,
            Policy::All { max_answers: None },
            vec![Part::Endpoint("x", vec![address], 1)],
            1,
        )
    };
    let parts = [pool("eu", v4(1)), pool("us", v4(2))];
    let world = world(&parts, &WhenAllDown::Last, &[]);
    let explanation = world.control.explain(WWW, world.now());
    assert_eq!(chosen(&explanation), [("eu", "x"), ("", "eu")]);
}
