//! Laws of gates over random histories: never is the new answer published before its gate's end, and never is an answer
//! held longer than the gate may take.

use std::collections::BTreeMap;
use std::time::Duration;

use pointsman::control::chance::Chance;
use pointsman::control::effect::{GateStage, HistoryKind};
use pointsman::control::event::Event;
use pointsman::control::gate::GateResult;
use pointsman::model::on_failover::Otherwise;
use pointsman::model::service::{Failback, TtlRule};
use pointsman::model::time::{Moment, Ttl};
use pointsman::simulate::network::Network;
use pointsman::simulate::scenario::v4;
use pointsman::simulate::world::World;
use proptest::prelude::*;

use super::{WWW, dies, failover, hook, lives, plan};

const SECS: u64 = 600;
const NAMES: [&str; 3] = ["fra", "nyc", "tok"];

fn below(chance: &mut Chance, bound: u64) -> usize {
    usize::try_from(chance.throw() % bound).unwrap()
}

/// Each address is down for some spans.
fn network(chance: &mut Chance) -> Network {
    let mut network = Network::default();
    for nth in 1..=3 {
        let mut at = 20 + chance.throw() % 120;
        while at < SECS {
            dies(&mut network, nth, at);
            at += 10 + chance.throw() % 90;
            lives(&mut network, nth, at);
            at += 20 + chance.throw() % 200;
        }
    }
    network
}

/// A random history; whoever is published.
fn history(seed: u64, hold: bool) -> World {
    let mut chance = Chance::new(seed);
    let otherwise = if hold { Otherwise::Hold } else { Otherwise::Proceed };
    let failback = [
        Failback::Auto,
        Failback::Manual,
        Failback::After(Duration::from_secs(30)),
    ][below(&mut chance, 3)];
    let make = || {
        plan(|service| {
            service.on_failover = Some(hook(true, otherwise, otherwise));
            service.failback = failback;
            service.ttl = TtlRule::Stable {
                max: Ttl::from_secs(30),
                min: Ttl::from_secs(2),
            };
        })
    };
    let mut world = World::new(make(), network(&mut chance), seed);
    let mut at = 0;
    while at < SECS {
        world.gates = match below(&mut chance, 5) {
            0 => (None, GateResult::Passed(String::new())),
            1 => (
                Some(Duration::from_secs(chance.throw() % 20)),
                GateResult::Failed(String::new()),
            ),
            _ => (
                Some(Duration::from_secs(chance.throw() % 29)),
                GateResult::Passed(String::new()),
            ),
        };
        match below(&mut chance, 12) {
            0 => world.enter(world.now().moment, Event::Planned(make())),
            1 => failover(&mut world, NAMES[below(&mut chance, 3)], false),
            2 => failover(&mut world, NAMES[below(&mut chance, 3)], true),
            _ => {}
        }
        at += 1 + chance.throw() % 30;
        world.run_until(Moment::from_secs(at));
    }
    world
}

/// Who is answered from when on, when it is one of ours.
fn answered(world: &World) -> Vec<(Moment, usize)> {
    let mut found: Vec<(Moment, usize)> = Vec::new();
    for (at, decisions) in &world.published {
        for decision in decisions.iter().filter(|decision| decision.service == WWW) {
            let who = (0..3).find(|nth| decision.a.addresses == [v4(*nth as u32 + 1)]);
            if let Some(who) = who.filter(|who| found.last().is_none_or(|(_, last)| last != who)) {
                found.push((*at, who));
            }
        }
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn nobody_new_is_answered_before_a_gate_has_ended(seed: u64, hold: bool) {
        let world = history(seed, hold);
        let mut by_glass: Vec<u64> = Vec::new();
        let mut ends: BTreeMap<u64, Vec<(GateStage, String)>> = BTreeMap::new();
        for event in &world.told {
            let at = event.at.moment.nanos();
            match &event.kind {
                HistoryKind::Gate(news) => ends.entry(at).or_default().push((news.stage, news.to.clone())),
                HistoryKind::Commanded { break_glass: true, .. } => by_glass.push(at),
                _ => {}
            }
        }
        let changes = answered(&world);
        for pair in changes.windows(2) {
            let (at, who) = pair[1];
            // A switch by hand goes to the disk first.
            let just = ends.range(at.nanos().saturating_sub(20_000_000)..=at.nanos());
            let goes = |(stage, to): &(GateStage, String)| {
                let end = match stage {
                    GateStage::Passed => true,
                    GateStage::Failed | GateStage::TimedOut => !hold,
                    _ => false,
                };
                end && to == NAMES[who]
            };
            let gate = just.flat_map(|(_, stages)| stages).any(goes);
            let glass = by_glass.contains(&at.nanos());
            prop_assert!(gate || glass, "{} at {at:?}: {ends:?}", NAMES[who]);
        }
        prop_assert!(!hold || world.gated.len() < 400);
    }

    #[test]
    fn no_answer_is_held_for_longer_than_a_gate_may_take(seed: u64) {
        let world = history(seed, false);
        let mut began: Option<Moment> = None;
        for event in &world.told {
            let HistoryKind::Gate(news) = &event.kind else { continue };
            match news.stage {
                GateStage::Started => began = Some(event.at.moment),
                // A switch by hand whose gate was passed may be refused after all.
                _ => {
                    if let Some(began) = began.take() {
                        let length = event.at.moment.since(began);
                        prop_assert!(length <= Duration::from_secs(30), "{length:?}");
                    }
                }
            }
        }
        // Whoever was waited for longest was let through, or was not wanted any more.
        if let Some(began) = began {
            prop_assert!(world.now().moment.since(began) <= Duration::from_secs(30));
        }
    }
}
