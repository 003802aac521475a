//! Laws over random histories: reproducible, nobody goes down without cause, a witness changes nothing.

use std::time::Duration;

use pointsman::control::Control;
use pointsman::control::chance::Chance;
use pointsman::control::effect::Effect;
use pointsman::control::event::{Command, CommandTicket, Event, Manner, Remembered, StoreTicket};
use pointsman::health::monitor::{Cause, Monitor, Role, Seen};
use pointsman::health::observation::{Evidence, FaultClass, Finding, Observation, Phase, Phases};
use pointsman::health::standing::Health;
use pointsman::model::check::Rules;
use pointsman::model::force::ForceKind;
use pointsman::model::id::{ServiceId, TargetId};
use pointsman::model::time::{Moment, Now, UnixTime};
use pointsman::policy::choice::client::ClientKey;
use pointsman::policy::choice::{Choice, Pick};
use pointsman::policy::decide::decide;
use pointsman::policy::readings::{Memory, Reading, Tier};
use pointsman::policy::witness::{Nobody, Notebook};
use pointsman::simulate::scenario::DEFAULT_RULES;
use proptest::prelude::*;

use crate::rich_plan::rich_plan;

fn at(moment: Moment) -> Now {
    Now {
        moment,
        wall: UnixTime(moment.nanos() / 1_000_000),
    }
}

fn random_finding(chance: &mut Chance, bad: u64) -> Finding {
    if chance.throw() % 100 < bad {
        Finding::Bad {
            phase: Phase::Connect,
            class: FaultClass::ALL[usize::try_from(chance.throw() % 9).unwrap()],
        }
    } else {
        Finding::Good
    }
}

/// Switches, drains, forces and releases, of what is there and of what is not.
fn random_command(chance: &mut Chance) -> Command {
    let mut pick = |of: &[&'static str]| of[usize::try_from(chance.throw()).unwrap() % of.len()];
    let select = pick(&[
        "*",
        "*/t*",
        "www.example.test",
        "www.example.test/tok",
        "pools.example.test/us",
        "nobody/here",
        "/",
    ])
    .to_owned();
    match pick(&["failover", "drain", "up", "down", "release"]) {
        "failover" => Command::Failover {
            service: pick(&["www.example.test", "pools.example.test", "nobody"]).to_owned(),
            to: Some(pick(&["", "tok", "us", "nobody"]))
                .filter(|to| !to.is_empty())
                .map(str::to_owned),
        },
        "release" => Command::Release { select },
        kind => Command::Force {
            kind: ForceKind::named(kind).unwrap(),
            select,
            reason: None,
            lasting: Some(Duration::from_millis(chance.throw() % 30_000))
                .filter(|length| length.as_millis() % 3 != 0),
        },
    }
}

/// A random history: everything that can happen, at random moments. Returns all effects as text.
fn history(seed: u64, steps: usize) -> Vec<String> {
    let mut chance = Chance::new(seed);
    let mut control = Control::new(rich_plan(seed), Remembered::default(), seed, at(Moment::ZERO));
    let mut flying = Vec::new();
    let mut effects = Vec::new();
    let mut log = Vec::new();
    let mut moment = Moment::ZERO;
    let mut bad = 10;
    let mut asked = 0;
    for step in 0..steps {
        moment = match control.next_wake() {
            Some(wake) if !chance.throw().is_multiple_of(3) => moment.max(wake),
            _ => moment.after(Duration::from_millis(chance.throw() % 400)),
        };
        if step % 200 == 0 {
            bad = chance.throw() % 101;
        }
        let event = match chance.throw() % 40 {
            0 => Event::Planned(rich_plan(chance.throw() % 30)),
            1 => Event::ReferenceProbed {
                reference: usize::try_from(chance.throw() % 3).unwrap(),
                reachable: chance.throw().is_multiple_of(2),
            },
            2..5 => Event::Commanded {
                ticket: CommandTicket(chance.throw()),
                by: "law".to_owned(),
                command: random_command(&mut chance),
                manner: Manner {
                    break_glass: chance.throw().is_multiple_of(4),
                    dry_run: false,
                },
            },
            5 => Event::Stored {
                ticket: StoreTicket(asked),
                result: if chance.throw().is_multiple_of(5) {
                    Err("full".to_owned())
                } else {
                    Ok(())
                },
            },
            6..32 if !flying.is_empty() => {
                let index = usize::try_from(chance.throw()).unwrap() % flying.len();
                Event::Probed {
                    ticket: flying.swap_remove(index),
                    seen: Observation {
                        at: at(moment),
                        finding: random_finding(&mut chance, bad),
                        phases: Phases::default(),
                        evidence: Evidence::default(),
                        report: Default::default(),
                    },
                }
            }
            _ => Event::Woke,
        };
        control.step(at(moment), event, &mut effects);
        for effect in effects.drain(..) {
            match &effect {
                Effect::Probe { ticket, .. } => flying.push(*ticket),
                Effect::Forget(ticket) => flying.retain(|known| known != ticket),
                Effect::Persist(ticket, _) => asked = ticket.0,
                Effect::Publish(decisions) => {
                    for decision in decisions {
                        well_formed(&decision.a);
                        well_formed(&decision.aaaa);
                    }
                }
                _ => {}
            }
            log.push(format!("{moment:?} {effect:?}"));
        }
        if step % 97 == 0 {
            let status = control.status(at(moment));
            assert_eq!(status.len(), 3);
            log.push(format!("{status:?} {:?}", control.overrides(at(moment))));
            for service in 0..3 {
                let explained = control.explain(ServiceId(service), at(moment));
                log.push(format!("{explained:?}"));
            }
        }
        assert!(
            control.next_wake().is_none_or(|wake| wake > moment),
            "what is due is done within the step"
        );
    }
    log
}

fn well_formed(choice: &Choice) {
    match &choice.pick {
        Pick::Nothing | Pick::Fail => {}
        Pick::Fixed | Pick::Rotate { .. } => assert!(!choice.addresses.is_empty()),
        Pick::Tree(tree) => {
            // Whatever is thrown, a walk ends at addresses that are there.
            for dice in 0..64u64 {
                let client = ClientKey::whole([10, dice as u8, 0, 1].into(), None);
                let dice = dice.wrapping_mul(0x9e37_79b9_7f4a_7c15);
                let picked = choice.pick(&client, dice).unwrap();
                assert!(usize::from(picked.first) + usize::from(picked.count) <= choice.addresses.len());
                assert!(picked.count > 0);
            }
            assert!(!tree.nodes.is_empty());
        }
        Pick::Weighted(table) => {
            assert!(table.columns.len() > 1);
            for column in &table.columns {
                assert!((column.alias as usize) < table.columns.len());
                let run = column.candidate;
                assert!(usize::from(run.first) + usize::from(run.count) <= choice.addresses.len());
            }
        }
    }
}

#[test]
fn the_same_seed_and_events_give_the_same_effects() {
    for seed in 0..20 {
        let (one, two) = (history(seed, 2_000), history(seed, 2_000));
        assert!(one == two, "seed {seed}");
        assert!(one.len() > 500);
    }
}

#[test]
fn every_target_is_probed_for_ever_whatever_happens() {
    // After a random history, with everybody well again, everything is up within a quarter of an hour.
    for seed in 0..8 {
        let mut control = Control::new(rich_plan(seed), Remembered::default(), seed, at(Moment::ZERO));
        let mut chance = Chance::new(seed);
        let mut effects = Vec::new();
        let mut waiting: std::collections::BTreeMap<(Moment, u64), Event> = std::collections::BTreeMap::new();
        let mut moment = Moment::ZERO;
        let well_from = Moment::from_secs(600);
        while moment < Moment::from_secs(1800) {
            let next = waiting.keys().next().map(|key| key.0);
            let wake = control.next_wake().expect("something is always due");
            let event = match next {
                Some(next) if next <= wake => waiting.pop_first().unwrap().1,
                _ => Event::Woke,
            };
            moment = moment.max(next.map_or(wake, |next| next.min(wake)));
            control.step(at(moment), event, &mut effects);
            for effect in effects.drain(..) {
                let key = (
                    moment.after(Duration::from_millis(1 + chance.throw() % 900)),
                    chance.throw(),
                );
                let bad = if moment < well_from {
                    chance.throw() % 101
                } else {
                    0
                };
                match effect {
                    Effect::Probe { ticket, .. } if bad != 100 => {
                        let seen = Observation {
                            at: at(moment),
                            finding: random_finding(&mut chance, bad),
                            phases: Phases::default(),
                            evidence: Evidence::default(),
                            report: Default::default(),
                        };
                        waiting.insert(key, Event::Probed { ticket, seen });
                    }
                    // One probe in a hundred is never heard of again.
                    Effect::ProbeReference { reference } => {
                        let reachable = bad < 50;
                        waiting.insert(key, Event::ReferenceProbed { reference, reachable });
                    }
                    _ => {}
                }
            }
        }
        for target in 0..control.plan().targets.len() {
            let standing = control.standing(TargetId::from_index(target), moment).unwrap();
            assert_eq!(
                standing.real,
                Health::Up,
                "seed {seed}, target {target}: {standing:?}"
            );
            assert_eq!(
                standing.effective,
                Health::Up,
                "seed {seed}, target {target}: {standing:?}"
            );
        }
    }
}

fn rules_strategy() -> impl Strategy<Value = Rules> {
    (1u32..8, 1u32..5, 1i32..12).prop_map(|(fall, rise, exponent)| Rules {
        fall,
        rise,
        false_alarm: 10f64.powi(-exponent),
        ..DEFAULT_RULES
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_monitor_goes_down_without_fall_failures_nor_up_without_rise_successes(
        rules in rules_strategy(),
        results in prop::collection::vec((0u8..10, 0u8..3), 1..400),
    ) {
        let mut monitor = Monitor::default();
        let (mut scheduled, mut good, mut spoken) = (0u32, 0u32, 0u32);
        for (n, (result, role)) in results.into_iter().enumerate() {
            let finding = match result {
                0..=4 => Finding::Good,
                5 | 6 => Finding::Bad { phase: Phase::Connect, class: FaultClass::Timeout },
                7 | 8 => Finding::Bad { phase: Phase::Connect, class: FaultClass::Refused },
                _ => Finding::Bad { phase: Phase::Connect, class: FaultClass::Local },
            };
            let role = if role == 2 { Role::Confirming } else { Role::Scheduled };
            let ended = Moment::from_secs(n as u64 * 3 + 2);
            let before = monitor.health();
            let turn = monitor.observe(
                &Seen { role, began: Moment::from_secs(n as u64 * 3), ended, finding },
                &rules,
            );
            match finding {
                Finding::Good => { good += 1; scheduled = 0; }
                Finding::Bad { class: FaultClass::Local, .. } => prop_assert!(turn.is_none()),
                Finding::Bad { class, .. } => {
                    good = 0;
                    scheduled += u32::from(role == Role::Scheduled);
                    spoken += u32::from(class.is_spoken());
                }
            }
            if let Some(turn) = turn {
                prop_assert_eq!(turn.from, before);
                match (turn.to, turn.cause) {
                    (_, Cause::First) => prop_assert_eq!(before, Health::Unknown),
                    (Health::Down, Cause::Failures(_)) => prop_assert!(scheduled >= rules.fall),
                    (Health::Down, Cause::Leak(count)) => {
                        prop_assert!(u32::from(count) >= 3 * rules.fall && spoken >= 3 * rules.fall);
                    }
                    (Health::Down, cause) => prop_assert_eq!(cause, Cause::Lossy),
                    (_, _) => prop_assert!(good >= rules.rise),
                }
            }
            if before != monitor.health() {
                prop_assert!(turn.is_some());
            }
        }
    }

    #[test]
    fn a_witness_changes_nothing(
        variant in 0u64..30,
        tiers in prop::collection::vec((0u8..4, any::<bool>(), any::<bool>()), 60),
        rounds in 1usize..4,
    ) {
        let plan = rich_plan(variant);
        for service in &plan.services {
            let (mut plain, mut witnessed) = (Memory::default(), Memory::default());
            for round in 0..rounds {
                let readings = |target: TargetId| {
                    let (tier, waiting, in_doubt) = tiers[(target.index() + round * 7) % tiers.len()];
                    Reading {
                        tier: [Tier::Down, Tier::Held, Tier::Degraded, Tier::Up][usize::from(tier)],
                        waiting: waiting && tier == 0,
                        in_doubt,
                        earliest_flip: Moment::from_secs(100),
                        ..Reading::UNPROBED
                    }
                };
                let now = at(Moment::from_secs(round as u64 * 10));
                let mut notebook = Notebook::default();
                let without = decide(service, &plan.endpoints, &readings, &mut plain, now, &mut Nobody);
                let with = decide(service, &plan.endpoints, &readings, &mut witnessed, now, &mut notebook);
                prop_assert_eq!(&without, &with);
                prop_assert_eq!(&plain, &witnessed);
                well_formed(&with.decision.a);
                well_formed(&with.decision.aaaa);
                // What is answered of an endpoint that is judged is up, unless the answer says that it is not.
                if with.decision.degraded().is_none() && !with.why.iter().any(|w| w.contains("old answer")) {
                    let known: Vec<_> = plan.endpoints.iter().flat_map(|e| e.addresses.iter()).collect();
                    for address in with.decision.a.addresses.iter().chain(&with.decision.aaaa.addresses) {
                        let found = known.iter().find(|k| k.address == *address).unwrap();
                        prop_assert!(readings(found.target.unwrap()).tier > Tier::Down);
                    }
                }
            }
        }
    }
}
