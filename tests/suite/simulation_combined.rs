//! Combined checks and shadows on virtual time: each stream fares on its own, the whole is what its parts amount to.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use pointsman::control::Control;
use pointsman::control::chance::Chance;
use pointsman::control::effect::{Effect, HistoryKind};
use pointsman::control::event::{Event, Remembered};
use pointsman::control::promise::Promise;
use pointsman::health::observation::{Evidence, FaultClass, Finding, Observation, Phase, Phases};
use pointsman::health::standing::Health;
use pointsman::model::check::{CheckKind, Need};
use pointsman::model::id::TargetId;
use pointsman::model::plan::Plan;
use pointsman::model::time::{Moment, Now, UnixTime};
use pointsman::policy::choice::Decision;
use proptest::prelude::*;

use crate::support::plans::plan_of;

/// A service `www` of two endpoints under `check`, fra at 10.0.0.1 and nyc at 10.0.0.2.
fn pair(checks: &str, service: &str) -> Arc<Plan> {
    let zone = format!(
        "[checks.web]\ntype = \"http\"\n[checks.db]\ntype = \"tcp\"\nport = 5432\n\
         [checks.mail]\ntype = \"tcp\"\nport = 25\n{checks}\n[services.www]\npolicy = \"failover\"\n{service}\nendpoints = [\
         {{ name = \"fra\", address = \"10.0.0.1\" }}, {{ name = \"nyc\", address = \"10.0.0.2\" }}]\n"
    );
    plan_of(&zone, &[])
}

fn at(moment: Moment) -> Now {
    Now {
        moment,
        wall: UnixTime(1_767_225_600_000 + moment.nanos() / 1_000_000),
    }
}

/// A signal box whose streams fare as told, each by its check and address.
struct Stage {
    control: Control,
    now: Moment,
    /// `db 10.0.0.1:5432` refuses from the first moment until the second.
    refusals: Vec<(String, Moment, Moment)>,
    coming: BTreeMap<(Moment, u64), Event>,
    probed: BTreeMap<TargetId, u64>,
    entered: u64,
    decision: Option<Decision>,
    told: Vec<(Moment, HistoryKind)>,
}

impl Stage {
    fn new(plan: Arc<Plan>, seed: u64) -> Self {
        Self {
            control: Control::new(plan, Remembered::default(), seed, at(Moment::ZERO)),
            now: Moment::ZERO,
            refusals: Vec::new(),
            coming: BTreeMap::new(),
            probed: BTreeMap::new(),
            entered: 0,
            decision: None,
            told: Vec::new(),
        }
    }

    fn refuse(&mut self, stream: &str, from: u64, until: u64) {
        let (from, until) = (Moment::from_secs(from), Moment::from_secs(until));
        self.refusals.push((stream.to_owned(), from, until));
    }

    fn name(&self, target: TargetId) -> String {
        let target = &self.control.plan().targets[target.index()];
        format!("{} {}", target.check.name, target.place())
    }

    fn run_until(&mut self, until: Moment) {
        loop {
            let next = self.coming.keys().next().map(|(at, _)| *at);
            let Some(moment) = next.into_iter().chain(self.control.next_wake()).min() else {
                break;
            };
            if moment > until {
                break;
            }
            self.now = self.now.max(moment);
            let event = match next {
                Some(next) if next <= self.now => self.coming.pop_first().unwrap().1,
                _ => Event::Woke,
            };
            self.step(event);
        }
        self.now = until;
    }

    fn step(&mut self, event: Event) {
        let mut effects = Vec::new();
        self.control.step(at(self.now), event, &mut effects);
        for effect in effects {
            match effect {
                Effect::Probe { ticket, target, .. } => {
                    *self.probed.entry(target).or_default() += 1;
                    let name = self.name(target);
                    let refused = self
                        .refusals
                        .iter()
                        .any(|(stream, from, until)| *stream == name && (*from..*until).contains(&self.now));
                    let end = self.now.after(Duration::from_millis(3));
                    let finding = if refused {
                        Finding::Bad {
                            phase: Phase::Connect,
                            class: FaultClass::Refused,
                        }
                    } else {
                        Finding::Good
                    };
                    let seen = Observation {
                        at: at(end),
                        finding,
                        phases: Phases {
                            total: Duration::from_millis(3),
                            ..Phases::default()
                        },
                        evidence: Evidence::default(),
                        report: Default::default(),
                    };
                    self.entered += 1;
                    self.coming
                        .insert((end, self.entered), Event::Probed { ticket, seen });
                }
                Effect::Publish(decisions) => {
                    self.decision = decisions.last().cloned().or(self.decision.take())
                }
                Effect::Tell(event) => self.told.push((event.at.moment, event.kind)),
                _ => {}
            }
        }
    }

    fn answers(&self) -> Vec<String> {
        let decision = self.decision.as_ref().expect("published");
        decision.a.addresses.iter().map(ToString::to_string).collect()
    }

    fn health(&self, target: TargetId) -> Health {
        self.control.standing(target, self.now).unwrap().effective
    }
}

#[test]
fn all_of_is_left_as_soon_as_one_part_is_down_within_the_promise() {
    let plan = pair("[checks.both]\nall_of = [\"web\", \"db\"]", "check = \"both\"");
    let promise = Promise::of(&plan, &plan.services[0]);
    let Promise::Automatic { hard, .. } = promise else {
        panic!("{promise}");
    };
    let mut stage = Stage::new(plan, 3);
    stage.refuse("db 10.0.0.1:5432", 60, 600);
    stage.run_until(Moment::from_secs(60));
    assert_eq!(stage.answers(), ["10.0.0.1"]);
    stage.run_until(Moment::from_secs(60).after(hard.detection));
    assert_eq!(stage.answers(), ["10.0.0.2"]);
    let status = stage.control.status(at(stage.now));
    let probe = status[0].endpoints[0].addresses[0].probe.as_ref().unwrap();
    assert_eq!(
        (probe.check.as_str(), probe.target.as_str()),
        ("both", "10.0.0.1")
    );
    assert_eq!(probe.effective, "down");
    let parts: Vec<(&str, &str)> = probe
        .parts
        .iter()
        .map(|part| (part.check.as_str(), part.effective))
        .collect();
    assert_eq!(parts, [("web", "up"), ("db", "down")]);
    assert!(probe.for_ms < 8_000, "since the part went down: {}", probe.for_ms);
}

#[test]
fn any_of_is_left_when_all_parts_are_down_and_at_least_two_when_one_is_left() {
    for (check, after_one, after_two) in [
        ("any_of = [\"web\", \"db\", \"mail\"]", "10.0.0.1", "10.0.0.1"),
        (
            "any_of = [\"web\", \"db\", \"mail\"]\nat_least = 2",
            "10.0.0.1",
            "10.0.0.2",
        ),
        ("all_of = [\"web\", \"db\", \"mail\"]", "10.0.0.2", "10.0.0.2"),
    ] {
        let mut stage = Stage::new(pair(&format!("[checks.some]\n{check}"), "check = \"some\""), 5);
        stage.refuse("db 10.0.0.1:5432", 60, 6000);
        stage.refuse("mail 10.0.0.1:25", 120, 6000);
        stage.refuse("web 10.0.0.1:80", 180, 6000);
        stage.run_until(Moment::from_secs(110));
        assert_eq!(stage.answers(), [after_one], "{check}");
        stage.run_until(Moment::from_secs(170));
        assert_eq!(stage.answers(), [after_two], "{check}");
        stage.run_until(Moment::from_secs(230));
        assert_eq!(stage.answers(), ["10.0.0.2"], "{check}");
    }
}

#[test]
fn a_shadow_changes_no_answer_and_says_what_it_would_have_done() {
    for (checks, service) in [
        // In place of a check, beside one, and within one.
        (
            "[checks.new]\ntype = \"tcp\"\nport = 99\nshadow = true",
            "check = \"new\"",
        ),
        (
            "[checks.new]\ntype = \"tcp\"\nport = 99",
            "check = \"web\"\nshadow_check = \"new\"",
        ),
        (
            "[checks.new]\ntype = \"tcp\"\nport = 99\nshadow = true\n[checks.both]\nall_of = [\"web\", \"new\"]",
            "check = \"both\"",
        ),
    ] {
        let mut stage = Stage::new(pair(checks, service), 11);
        stage.refuse("new 10.0.0.1:99", 60, 600);
        stage.run_until(Moment::from_secs(90));
        assert_eq!(stage.answers(), ["10.0.0.1"], "{service}");
        let new = (0..stage.control.plan().targets.len())
            .map(TargetId::from_index)
            .find(|target| stage.name(*target) == "new 10.0.0.1:99")
            .unwrap();
        assert_eq!(
            stage.health(new),
            Health::Down,
            "{service}: its real state is shown"
        );
        let down: Vec<_> = stage
            .told
            .iter()
            .filter(|(_, kind)| matches!(kind, HistoryKind::Shadowed { to: Health::Down, .. }))
            .collect();
        assert_eq!(down.len(), 1, "{service}: {down:?}");
        for (_, kind) in &stage.told {
            if let HistoryKind::StateChanged { check, .. } = kind {
                assert_ne!(check, "new", "{service}");
            }
        }
    }
}

#[test]
fn what_was_learned_in_shadow_counts_from_the_reload_that_ends_it() {
    let check = "[checks.new]\ntype = \"tcp\"\nport = 99";
    let mut stage = Stage::new(pair(check, "check = \"web\"\nshadow_check = \"new\""), 11);
    stage.refuse("new 10.0.0.1:99", 60, 600);
    stage.run_until(Moment::from_secs(90));
    assert_eq!(stage.answers(), ["10.0.0.1"]);
    stage.step(Event::Planned(pair(check, "check = \"new\"")));
    assert_eq!(stage.answers(), ["10.0.0.2"], "at once, without another probe");
}

#[test]
fn sockets_open_on_the_first_verdicts_of_parts_and_without_those_of_shadows() {
    let checks = "[checks.both]\nall_of = [\"web\", \"db\"]\n[checks.new]\ntype = \"tcp\"\nport = 99\n\
                  interval = \"30s\"\nshadow = true";
    let mut stage = Stage::new(pair(checks, "check = \"both\"\nshadow_check = \"new\""), 2);
    stage.run_until(Moment::from_millis(100));
    let opened = stage
        .told
        .iter()
        .any(|(_, kind)| matches!(kind, HistoryKind::Opened { unknown } if unknown.is_empty()));
    assert!(opened, "{:?}", stage.told);
}

/// The state that a combined check should have, worked out from its parts' by counting.
fn expected(stage: &Stage, target: TargetId) -> Health {
    let described = &stage.control.plan().targets[target.index()];
    let CheckKind::Combined(combined) = &described.check.kind else {
        return stage.health(target);
    };
    let parts: Vec<Health> = described
        .parts
        .iter()
        .map(|part| expected(stage, *part))
        .collect();
    let needed = match combined.need {
        Need::All => parts.len(),
        Need::AtLeast(count) => count as usize,
    };
    let good = parts.iter().filter(|health| **health != Health::Down).count();
    if good >= needed { Health::Up } else { Health::Down }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(80))]

    #[test]
    fn whatever_happens_the_whole_is_what_its_parts_amount_to(
        seed in any::<u64>(),
        need in 0u32..4,
        inner in 0u32..3,
        faults in prop::collection::vec((0usize..6, 4u64..500, 1u64..200), 0..8),
    ) {
        let rule = |need: u32, parts: &str| match need {
            0 => format!("all_of = [{parts}]"),
            n => format!("any_of = [{parts}]\nat_least = {n}"),
        };
        let checks = format!(
            "[checks.inner]\n{}\n[checks.outer]\n{}",
            rule(inner, "\"db\", \"mail\""),
            rule(need.min(3), "\"web\", \"inner\", \"db\""),
        );
        let mut stage = Stage::new(pair(&checks, "check = \"outer\""), seed);
        for (stream, from, lasts) in faults {
            let name = ["web 10.0.0.1:80", "db 10.0.0.1:5432", "mail 10.0.0.1:25",
                "web 10.0.0.2:80", "db 10.0.0.2:5432", "mail 10.0.0.2:25"][stream];
            stage.refuse(name, from, from + lasts);
        }
        let mut chance = Chance::new(seed);
        while stage.now < Moment::from_secs(700) {
            let next = stage.now.after(Duration::from_millis(chance.throw() % 9_000));
            stage.run_until(next);
            let plan = stage.control.plan().clone();
            let mut up = Vec::new();
            for endpoint in &plan.endpoints {
                let whole = endpoint.addresses[0].target.unwrap();
                prop_assert_eq!(stage.health(whole), expected(&stage, whole));
                up.push(stage.health(whole) != Health::Down);
            }
            if stage.now > Moment::from_secs(3) && up.contains(&true) {
                let answered = stage.answers();
                let nth = plan.endpoints.iter().position(|e| e.addresses[0].address.to_string() == answered[0]);
                prop_assert!(up[nth.unwrap()], "{:?} is answered, up are {:?}", answered, up);
            }
        }
        for target in &stage.control.plan().targets {
            prop_assert_eq!(stage.probed.contains_key(&target.id), !target.is_derived());
        }
    }
}
