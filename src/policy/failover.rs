//! The first healthy member in the order written, and who decides when to leave it or return to it.

use crate::model::service::{Failback, Switch};
use crate::model::time::{Moment, Now};

/// Who is active in one failover group, for one family.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seat {
    /// The active member's index.
    pub active: Option<usize>,
    /// Whether an operator put it there: it stays until it goes down or the operator chooses again.
    pub by_hand: bool,
    /// Since when each member has been up without a break; `None` while it is not.
    pub up_since: Vec<Option<Moment>>,
}

/// What rules within a group.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Who decides on failure.
    pub switch: Switch,
    /// Who decides on recovery.
    pub failback: Failback,
}

/// Who is chosen and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ruling {
    /// The member.
    pub chosen: usize,
    /// Whether it is usable; false only when an operator must decide.
    pub usable: bool,
    /// Who should be active instead, when an operator must decide.
    pub proposed: Option<usize>,
    /// When to ask again although nothing happened.
    pub wake: Option<Moment>,
    /// Why.
    pub reason: Reason,
}

/// Why a member is active.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The first usable one in order.
    FirstInOrder,
    /// An operator chose it.
    ByHand,
    /// A better one is back, but the operator must say so.
    FailbackManual,
    /// A better one is back, but not for long enough.
    FailbackLater,
    /// It is down; the operator must say who is next.
    SwitchManual,
}

impl Seat {
    /// Notes who is up.
    pub fn note(&mut self, up: &[bool], now: Now) {
        self.up_since.resize(up.len(), None);
        for (since, up) in self.up_since.iter_mut().zip(up) {
            *since = up.then(|| since.unwrap_or(now.moment));
        }
    }

    /// Rules who is active when exactly these members are usable; `None` when none is.
    pub fn rule(&mut self, usable: &[bool], rule: Rule, now: Now) -> Option<Ruling> {
        let first = usable.iter().position(|usable| *usable)?;
        let is_usable = |index: usize| usable.get(index).copied().unwrap_or(false);
        let active = self.active.filter(|active| *active < usable.len());
        let mut ruling = Ruling {
            chosen: first,
            usable: true,
            proposed: None,
            wake: None,
            reason: Reason::FirstInOrder,
        };
        match active {
            Some(active) if !is_usable(active) => {
                if rule.switch == Switch::Manual {
                    ruling.chosen = active;
                    ruling.usable = false;
                    ruling.proposed = Some(first);
                    ruling.reason = Reason::SwitchManual;
                }
            }
            Some(active) if active > first => {
                if self.by_hand {
                    ruling.chosen = active;
                    ruling.reason = Reason::ByHand;
                } else {
                    self.fail_back(active, usable, rule.failback, now, &mut ruling);
                }
            }
            Some(_) if self.by_hand => ruling.reason = Reason::ByHand,
            Some(_) | None => {}
        }
        if self.active != Some(ruling.chosen) {
            self.active = Some(ruling.chosen);
            self.by_hand = false;
        }
        Some(ruling)
    }

    fn fail_back(&self, active: usize, usable: &[bool], failback: Failback, now: Now, ruling: &mut Ruling) {
        match failback {
            Failback::Auto => {}
            Failback::Manual => {
                ruling.chosen = active;
                ruling.reason = Reason::FailbackManual;
            }
            Failback::After(wait) => {
                let ready = |index: usize| {
                    self.up_since
                        .get(index)
                        .copied()
                        .flatten()
                        .map(|since| since.after(wait))
                };
                let better = (0..active).filter(|index| usable.get(*index) == Some(&true));
                match better
                    .clone()
                    .find(|index| ready(*index).is_some_and(|at| at <= now.moment))
                {
                    Some(index) => ruling.chosen = index,
                    None => {
                        ruling.chosen = active;
                        ruling.reason = Reason::FailbackLater;
                        ruling.wake = better.filter_map(ready).min();
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::time::UnixTime;

    fn at(secs: u64) -> Now {
        Now {
            moment: Moment::from_secs(secs),
            wall: UnixTime(0),
        }
    }

    fn ask(seat: &mut Seat, up: &[bool], switch: Switch, failback: Failback, secs: u64) -> Option<Ruling> {
        seat.note(up, at(secs));
        seat.rule(up, Rule { switch, failback }, at(secs))
    }

    #[test]
    fn each_failback_returns_as_it_says() {
        for (failback, returns) in [
            (Failback::Auto, Some(100)),
            (Failback::Manual, None),
            (Failback::After(Duration::from_secs(30)), Some(130)),
        ] {
            let mut seat = Seat::default();
            assert_eq!(
                ask(&mut seat, &[true, true], Switch::Auto, failback, 0)
                    .unwrap()
                    .chosen,
                0
            );
            assert_eq!(
                ask(&mut seat, &[false, true], Switch::Auto, failback, 50)
                    .unwrap()
                    .chosen,
                1
            );
            let back = (100..400).find(|s| {
                ask(&mut seat, &[true, true], Switch::Auto, failback, *s)
                    .unwrap()
                    .chosen
                    == 0
            });
            assert_eq!(back, returns, "{failback:?}");
        }
    }

    #[test]
    fn a_manual_switch_waits_and_proposes_and_nobody_usable_is_no_ruling() {
        let mut seat = Seat::default();
        ask(&mut seat, &[true, true, true], Switch::Manual, Failback::Auto, 0);
        let ruling = ask(
            &mut seat,
            &[false, false, true],
            Switch::Manual,
            Failback::Auto,
            1,
        )
        .unwrap();
        assert_eq!(
            (ruling.chosen, ruling.usable, ruling.proposed),
            (0, false, Some(2))
        );
        assert_eq!(
            ask(&mut seat, &[false; 3], Switch::Manual, Failback::Auto, 2),
            None
        );
        assert_eq!(seat.active, Some(0));
    }

    #[test]
    fn the_operators_choice_holds_until_it_goes_down() {
        let mut seat = Seat {
            active: Some(1),
            by_hand: true,
            ..Seat::default()
        };
        let both = [true, true];
        assert_eq!(
            ask(&mut seat, &both, Switch::Auto, Failback::Auto, 0)
                .unwrap()
                .chosen,
            1
        );
        assert_eq!(
            ask(&mut seat, &[true, false], Switch::Auto, Failback::Auto, 1)
                .unwrap()
                .chosen,
            0
        );
        assert_eq!(
            ask(&mut seat, &both, Switch::Auto, Failback::Auto, 2)
                .unwrap()
                .chosen,
            0
        );
        assert!(!seat.by_hand);
    }
}
