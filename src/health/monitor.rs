//! What the probes of one target say by themselves: *real* health.
//!
//! ```text
//!            first probe good                    convinced (suspicion, leak)
//!  unknown ────────────────────► up ────────────────────────────────────────► down
//!     │                          ▲                                              │
//!     │ first probe refused      └──────────────────────────────────────────────┘
//!     └────────────────────────────────────► down        rise good in a row
//! ```
//!
//! It knows no clock and sends nothing: the signal box says which role a probe had and when it began.

use serde::{Deserialize, Serialize};

use crate::health::leak::Leak;
use crate::health::loss::Record;
use crate::health::observation::{FaultClass, Finding};
use crate::health::standing::Health;
use crate::health::suspicion::{Run, Scale};
use crate::model::check::Rules;
use crate::model::time::Moment;

/// Why a probe was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It was due: `rise` and `fall` count these.
    Scheduled,
    /// To confirm a failure that chance may explain: it weighs in, but `fall` does not count it.
    Confirming,
    /// Another try for the first verdict, with less time than the check's timeout: its failure says nothing.
    Hurried,
}

/// One finished probe as the monitor sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Why it was sent.
    pub role: Role,
    /// When it was sent.
    pub began: Moment,
    /// When it ended.
    pub ended: Moment,
    /// What it found.
    pub finding: Finding,
}

/// A change of real health.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// Before.
    pub from: Health,
    /// After.
    pub to: Health,
    /// End of the first probe of the run that led to it.
    pub first: Moment,
    /// Why.
    pub cause: Cause,
}

/// Why real health changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The first verdict.
    First,
    /// Nothing came before the time for first verdicts ended.
    NeverAnswered,
    /// So many failures in a row.
    Failures(u16),
    /// So many failures between successes.
    Leak(u16),
    /// More than half of the probes were lost for long.
    Lossy,
    /// So many successes in a row.
    Successes(u16),
}

/// One target's state machine.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Monitor {
    health: Health,
    leaking: bool,
    /// Failures since the last success; of an unknown target, its lost probes.
    run: Run,
    /// Successes since the last failure, while down.
    good: u16,
    /// End of the first probe of the current run.
    first: Moment,
    /// When the last success began or ended: an older probe's failure is no news.
    last_good: Option<Moment>,
    leak: Leak,
    record: Record,
}

impl Monitor {
    /// Takes in a finished probe.
    pub fn observe(&mut self, seen: &Seen, rules: &Rules) -> Option<Turn> {
        match seen.finding {
            Finding::Good => self.good(seen, rules),
            Finding::Bad {
                class: FaultClass::Local,
                ..
            } => None,
            Finding::Bad { class, .. } => self.bad(seen, class.is_spoken(), rules),
        }
    }

    fn good(&mut self, seen: &Seen, rules: &Rules) -> Option<Turn> {
        self.last_good = Some(self.last_good.map_or(seen.ended, |last| last.max(seen.ended)));
        match self.health {
            Health::Unknown => {
                self.enter_run();
                self.record.good();
                self.first = seen.ended;
                Some(self.turn(Health::Up, Cause::First))
            }
            Health::Up | Health::Degraded => {
                self.enter_run();
                self.record.good();
                self.leak.good();
                None
            }
            Health::Down => {
                if self.good == 0 {
                    self.first = seen.ended;
                }
                self.good = self.good.saturating_add(1);
                let clear = self.leak.good();
                if u32::from(self.good) >= rules.rise.max(1) && (clear || !self.leaking) {
                    let good = self.good;
                    Some(self.turn(Health::Up, Cause::Successes(good)))
                } else {
                    None
                }
            }
        }
    }

    fn bad(&mut self, seen: &Seen, spoken: bool, rules: &Rules) -> Option<Turn> {
        if self.last_good.is_some_and(|good| seen.began < good) && self.health != Health::Down {
            // Sent before the success that settled the matter: only the record learns of it.
            if seen.role != Role::Hurried {
                self.record.passed_over(u16::from(!spoken), u16::from(spoken));
            }
            return None;
        }
        match self.health {
            Health::Down => {
                self.good = 0;
                if spoken {
                    self.leak.spoken(rules);
                } else {
                    self.leak.silent(&self.record);
                }
                None
            }
            Health::Unknown if spoken => {
                self.first = seen.ended;
                Some(self.turn(Health::Down, Cause::First))
            }
            Health::Unknown | Health::Up | Health::Degraded => {
                if seen.role == Role::Hurried {
                    return None;
                }
                if self.run.failures() == 0 {
                    self.first = seen.ended;
                }
                let (count, leaks) = if spoken {
                    (&mut self.run.spoken, self.leak.spoken(rules))
                } else {
                    (&mut self.run.silent, self.leak.silent(&self.record))
                };
                *count = count.saturating_add(1);
                if seen.role == Role::Scheduled {
                    self.run.scheduled = self.run.scheduled.saturating_add(1);
                }
                let failures = self.run.failures();
                if self.scale(rules).convinces(self.run) {
                    // Errors stood between successes before this run, too: two good probes prove nothing then.
                    let between = self.leak.failures().saturating_sub(self.run.spoken);
                    self.leaking = u32::from(between) >= rules.fall;
                    Some(self.turn(Health::Down, Cause::Failures(failures)))
                } else if leaks && self.health != Health::Unknown {
                    self.leaking = true;
                    let cause = if spoken {
                        Cause::Leak(self.leak.failures())
                    } else {
                        Cause::Lossy
                    };
                    Some(self.turn(Health::Down, cause))
                } else {
                    None
                }
            }
        }
    }

    /// The time for first verdicts is over: lost probes alone are a verdict of down, nothing at all is none.
    pub fn trial_ends(&mut self) -> Option<Turn> {
        (self.health == Health::Unknown && self.run.silent > 0)
            .then(|| self.turn(Health::Down, Cause::NeverAnswered))
    }

    /// Forgets the failures since the last success, a verdict of down that they led to included: they happened
    /// while this node was cut off.
    pub fn reprieve(&mut self) {
        self.run = Run::default();
        self.good = 0;
        if self.health == Health::Down {
            self.health = Health::Up;
            self.leaking = false;
            self.leak = Leak::default();
        }
    }

    /// Takes this verdict for granted, as if probes had just led to it: what-if, never what is.
    pub fn suppose(&mut self, health: Health) {
        if self.health != health || self.in_doubt() {
            self.turn(health, Cause::First);
        }
    }

    fn turn(&mut self, to: Health, cause: Cause) -> Turn {
        let turn = Turn {
            from: self.health,
            to,
            first: self.first,
            cause,
        };
        self.health = to;
        self.run = Run::default();
        self.good = 0;
        if to == Health::Up {
            self.leaking = false;
            self.leak = Leak::default();
        }
        turn
    }

    fn enter_run(&mut self) {
        if self.run.failures() > 0 {
            self.record.passed_over(self.run.silent, self.run.spoken);
            self.run = Run::default();
        }
    }

    fn scale(&self, rules: &Rules) -> Scale {
        Scale::new(&self.record, rules)
    }

    /// Real health.
    #[must_use]
    pub fn health(&self) -> Health {
        self.health
    }

    /// Whether probes and verdict disagree: failures while up, successes while down.
    #[must_use]
    pub fn in_doubt(&self) -> bool {
        match self.health {
            Health::Down => self.good > 0,
            _ => self.run.failures() > 0,
        }
    }

    /// Failures since the last success; empty while down.
    #[must_use]
    pub fn run(&self) -> Run {
        self.run
    }

    /// End of the first probe of the current run.
    #[must_use]
    pub fn first(&self) -> Moment {
        self.first
    }

    /// How many failures in a row a verdict of down asks for now.
    #[must_use]
    pub fn failures_asked(&self, rules: &Rules) -> u16 {
        self.scale(rules).asked(self.run)
    }

    /// Upper bound on the share of probes that are lost by chance.
    #[must_use]
    pub fn loss_bound(&self) -> f64 {
        self.record.silent_chance(true)
    }

    /// How many confirming probes to send before the next scheduled one, with `flying` under way.
    #[must_use]
    pub fn confirming(&self, flying: u16, rules: &Rules) -> u16 {
        if self.health == Health::Down || self.run.failures() == 0 {
            return 0;
        }
        self.scale(rules).confirming(self.run, flying)
    }

    /// The earliest moment at which real health could change, when the next scheduled probe starts at `next`:
    /// every probe from then on turning out the other way, at once, with all the jitter taken off.
    #[must_use]
    pub fn earliest_flip(&self, next: Moment, rules: &Rules) -> Moment {
        let (need, have) = match self.health {
            Health::Unknown => return next,
            Health::Up | Health::Degraded => {
                if self.leak.failures().saturating_add(self.run.failures()) > 0
                    && self.leak.failures().saturating_add(1) >= Leak::limit(rules)
                {
                    return next;
                }
                if Leak::nearly_lossy(&self.record) {
                    return next;
                }
                (rules.fall, u32::from(self.run.scheduled))
            }
            Health::Down => (rules.rise, u32::from(self.good)),
        };
        let more = need.max(1).saturating_sub(have).saturating_sub(1);
        next.after(rules.fast_interval.mul_f64(0.9).saturating_mul(more))
    }
}
