//! What may be expected of a service: how long until a compliant cache has the new answer, term by term.
//!
//! ```text
//! hard:    interval + (fall-1) × fast_interval + 0.1 s                     + publish 10 ms + TTL
//! silent:  interval + (fall-1) × fast_interval + 0.1 s + fall × timeout    + publish 10 ms + TTL
//! typical: the same with half the interval and half the TTL
//! ```
//!
//! A cache that asked just before the first failed probe still holds the long TTL of mode `stable`, but its time runs
//! while the failure is being confirmed; mode `strict` never hands out more than is left until a flip. It depends on
//! the configuration alone.

use std::fmt;
use std::time::Duration;

use crate::control::ledger::GRACE;
use crate::model::check::Rules;
use crate::model::id::{EndpointId, TargetId};
use crate::model::plan::Plan;
use crate::model::service::{Group, MemberKind, Service, Switch, TtlRule};
use crate::policy::ttl::longest;

/// For what a hard failure's probes themselves take.
pub const ALLOWANCE: Duration = Duration::from_millis(100);
/// From verdict to changed answer.
pub const PUBLISH: Duration = Duration::from_millis(10);

/// One term of a sum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// How it comes about: `interval 5s`.
    pub what: String,
    /// How much it adds.
    pub adds: Duration,
}

/// A sum with its terms.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// In the order of time.
    pub terms: Vec<Term>,
}

impl Sum {
    /// The whole.
    #[must_use]
    pub fn total(&self) -> Duration {
        self.terms
            .iter()
            .fold(Duration::ZERO, |sum, term| sum.saturating_add(term.adds))
    }

    fn add(&mut self, what: String, adds: Duration) {
        if !adds.is_zero() {
            self.terms.push(Term { what, adds });
        }
    }
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Span(self.total()))?;
        for (nth, term) in self.terms.iter().enumerate() {
            let sign = if nth == 0 { " = " } else { " + " };
            write!(f, "{sign}{}", term.what)?;
        }
        Ok(())
    }
}

/// What may be expected after one kind of failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectation {
    /// Halfway through interval and TTL.
    pub typical: Sum,
    /// At the worst.
    pub worst: Sum,
    /// Of the worst: until the verdict.
    pub detection: Duration,
}

/// What may be expected of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Promise {
    /// No endpoint is checked: the answer never follows health.
    Unchecked,
    /// It is detected in time, but an operator must switch.
    Manual {
        /// Connection refused or reset, an error spoken.
        hard: Expectation,
        /// No answer at all.
        silent: Expectation,
    },
    /// Both kinds of failure.
    Automatic {
        /// Connection refused or reset, an error spoken.
        hard: Expectation,
        /// No answer at all.
        silent: Expectation,
    },
}

impl Promise {
    /// The promise of a service: the worst of its targets' rules.
    #[must_use]
    pub fn of(plan: &Plan, service: &Service) -> Self {
        let mut targets = Vec::new();
        collect_targets(plan, &service.group, &mut targets);
        let rules = |silent: bool| {
            targets
                .iter()
                .filter_map(|id| plan.targets.get(id.index()))
                .map(|target| target.check.rules)
                .max_by_key(|rules| detection(rules, silent))
        };
        let (Some(hard), Some(silent)) = (rules(false), rules(true)) else {
            return Self::Unchecked;
        };
        let mut hard = expectation(&hard, service.ttl, false);
        let mut silent = expectation(&silent, service.ttl, true);
        if service.exclusive.is_some() {
            // The next writer waits for the caches; who asked meanwhile keeps "nothing" for a TTL again.
            let wait = longest(service.ttl).duration().saturating_add(GRACE);
            for sum in [
                &mut hard.worst,
                &mut hard.typical,
                &mut silent.worst,
                &mut silent.typical,
            ] {
                sum.add(
                    format!("{} for caches to let go of the old writer", Span(wait)),
                    wait,
                );
            }
        }
        if let Some(gate) = service.on_failover.as_ref().filter(|hook| hook.gate) {
            // A gate that is passed ends sooner; one that holds is beyond any promise.
            for sum in [&mut hard.worst, &mut silent.worst] {
                sum.add(format!("gate at most {}", Span(gate.timeout)), gate.timeout);
            }
        }
        match service.switch {
            Switch::Auto => Self::Automatic { hard, silent },
            Switch::Manual => Self::Manual { hard, silent },
        }
    }

    /// Until a compliant cache has the new answer, whatever the failure; `None`: there is no such bound.
    #[must_use]
    pub fn worst(&self) -> Option<Duration> {
        match self {
            Self::Automatic { hard, silent } => Some(hard.worst.total().max(silent.worst.total())),
            Self::Manual { .. } | Self::Unchecked => None,
        }
    }
}

/// One kind of failure a line.
impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (hard, silent, until) = match self {
            Self::Unchecked => {
                return write!(f, "no check: the answer does not follow health");
            }
            Self::Automatic { hard, silent } => (hard, silent, ""),
            Self::Manual { hard, silent } => (hard, silent, ", once an operator has switched"),
        };
        write!(
            f,
            "hard failure: verdict within {}, in caches at most {}{until}; typically {}\nsilent failure: verdict within {}, in caches at most {}{until}; typically {}",
            Span(hard.detection),
            hard.worst,
            Span(hard.typical.total()),
            Span(silent.detection),
            silent.worst,
            Span(silent.typical.total()),
        )
    }
}

fn collect_targets(plan: &Plan, group: &Group, into: &mut Vec<TargetId>) {
    let endpoint = |id: EndpointId| plan.endpoints.get(id.index());
    for member in &group.members {
        match &member.kind {
            MemberKind::Endpoint(id) => {
                for address in endpoint(*id).iter().flat_map(|endpoint| &endpoint.addresses) {
                    if let Some(target) = address.target {
                        probed_for(plan, target, into);
                    }
                }
            }
            MemberKind::Pool(pool) => collect_targets(plan, pool, into),
        }
    }
}

/// What is probed for a target: itself, or everything that it is judged by; nothing that is in shadow.
fn probed_for(plan: &Plan, target: TargetId, into: &mut Vec<TargetId>) {
    let Some(described) = plan.targets.get(target.index()) else {
        return;
    };
    if described.check.treatment.shadow {
        return;
    }
    if !described.is_derived() {
        into.push(target);
    }
    for part in described.parts.iter().filter(|part| **part < target) {
        probed_for(plan, *part, into);
    }
}

/// A slow answer may delay the next probe past the interval.
fn first_probe(rules: &Rules) -> Duration {
    rules.interval.max(rules.timeout)
}

fn confirming(rules: &Rules) -> Duration {
    rules.fast_interval.saturating_mul(rules.fall.saturating_sub(1))
}

fn silence(rules: &Rules, probes: u32) -> Duration {
    rules.timeout.saturating_mul(probes)
}

/// Until the verdict, at the worst.
fn detection(rules: &Rules, silent: bool) -> Duration {
    let silence = if silent {
        silence(rules, rules.fall)
    } else {
        Duration::ZERO
    };
    first_probe(rules)
        .saturating_add(confirming(rules))
        .saturating_add(ALLOWANCE)
        .saturating_add(silence)
}

fn expectation(rules: &Rules, ttl: TtlRule, silent: bool) -> Expectation {
    let mut worst = Sum::default();
    let mut typical = Sum::default();
    let first = first_probe(rules);
    let first_name = if rules.timeout.is_zero() {
        format!("silence of {}", Span(rules.interval))
    } else if rules.interval >= rules.timeout {
        format!("interval {}", Span(rules.interval))
    } else {
        format!("timeout {} (longer than the interval)", Span(rules.timeout))
    };
    worst.add(first_name.clone(), first);
    typical.add(format!("half of {first_name}"), first / 2);
    for sum in [&mut worst, &mut typical] {
        sum.add(
            format!(
                "{} × fast_interval {}",
                rules.fall.saturating_sub(1),
                Span(rules.fast_interval)
            ),
            confirming(rules),
        );
        if silent {
            sum.add(
                format!("{} × timeout {}", rules.fall, Span(rules.timeout)),
                silence(rules, rules.fall),
            );
        }
        sum.add(
            format!("{} for the probes themselves", Span(ALLOWANCE)),
            ALLOWANCE,
        );
        sum.add(format!("{} to publish", Span(PUBLISH)), PUBLISH);
    }
    let detection = detection(rules, silent);
    match ttl {
        TtlRule::Fixed(ttl) => {
            worst.add(format!("TTL {}", Span(ttl.duration())), ttl.duration());
            typical.add(
                format!("half of TTL {}", Span(ttl.duration())),
                ttl.duration() / 2,
            );
        }
        TtlRule::Strict { min, .. } => {
            worst.add(
                format!("least TTL {} (strict)", Span(min.duration())),
                min.duration(),
            );
            typical.add(
                format!("half of least TTL {}", Span(min.duration())),
                min.duration() / 2,
            );
        }
        TtlRule::Stable { max, min } => {
            // From the first failed probe's end on, the short TTL is handed out.
            let after_first = detection
                .saturating_sub(ALLOWANCE)
                .saturating_sub(first)
                .saturating_sub(if silent { rules.timeout } else { Duration::ZERO });
            let long = max.duration().saturating_sub(after_first);
            let (name, adds) = if long > min.duration() {
                let name = format!(
                    "what is left of TTL {} after {} of doubt",
                    Span(max.duration()),
                    Span(after_first)
                );
                (name, long)
            } else {
                (format!("short TTL {}", Span(min.duration())), min.duration())
            };
            typical.add(format!("half of {name}"), adds / 2);
            worst.add(name, adds);
        }
    }
    Expectation {
        typical,
        worst,
        detection,
    }
}

/// A duration as operators write it.
struct Span(Duration);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_millis();
        let (whole, rest) = (millis / 1000, millis % 1000);
        if whole == 0 {
            return write!(f, "{rest}ms");
        }
        write!(f, "{whole}")?;
        if rest > 0 {
            let digits = format!("{rest:03}");
            write!(f, ".{}", digits.trim_end_matches('0'))?;
        }
        write!(f, "s")
    }
}
