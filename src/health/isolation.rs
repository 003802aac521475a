//! Is it them, or is it us? Reference targets tell.
//!
//! When most targets fail at once, a verdict of down is believed only when a reference has answered since the
//! failures began. When every reference fails too, this node is the one cut off: states freeze until a reference
//! answers or the targets do. Without references nothing is held back.

use crate::model::time::Moment;

/// Why verdicts of down may or may not be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// A reference has answered: it is them.
    Them,
    /// Every reference fails: it is us.
    Us,
    /// Ask the references.
    Unclear,
}

/// What is known of one reference.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Reference {
    asked: Option<Moment>,
    heard: Option<(Moment, bool)>,
}

/// What is known of all of them.
#[derive(Clone, Debug, Default)]
pub struct Isolation {
    references: Vec<Reference>,
    frozen: bool,
}

impl Isolation {
    /// With so many references, none heard of yet.
    #[must_use]
    pub fn new(references: usize) -> Self {
        Self {
            references: vec![Reference::default(); references],
            frozen: false,
        }
    }

    /// Whether there are references to ask.
    #[must_use]
    pub fn is_on(&self) -> bool {
        !self.references.is_empty()
    }

    /// Whether states are frozen.
    #[must_use]
    pub fn is_frozen(&self) -> bool {
        self.frozen
    }

    /// Freezes or thaws; true when that is new.
    pub fn set_frozen(&mut self, frozen: bool) -> bool {
        std::mem::replace(&mut self.frozen, frozen) != frozen
    }

    /// References that are not being asked already; they count as asked now.
    pub fn ask(&mut self, now: Moment) -> Vec<usize> {
        let mut asked = Vec::new();
        for (index, reference) in self.references.iter_mut().enumerate() {
            if reference.asked.is_none() {
                reference.asked = Some(now);
                asked.push(index);
            }
        }
        asked
    }

    /// One was heard of; an index that is not known (of an older plan) is ignored.
    pub fn heard(&mut self, reference: usize, reachable: bool, now: Moment) {
        if let Some(reference) = self.references.get_mut(reference) {
            reference.asked = None;
            reference.heard = Some((now, reachable));
        }
    }

    /// Takes what was asked before `limit` and never heard of as unreachable.
    pub fn give_up(&mut self, limit: Moment, now: Moment) {
        for reference in &mut self.references {
            if reference.asked.is_some_and(|asked| asked <= limit) {
                reference.asked = None;
                reference.heard = Some((now, false));
            }
        }
    }

    /// What the references say: an answer counts when it came since `fresh`, a failure when it came since `since`
    /// (failures take their time, and not all references fail at the same moment).
    #[must_use]
    pub fn judge(&self, since: Moment, fresh: Moment) -> Judgement {
        let said = |r: &Reference, from: Moment, what: bool| {
            r.heard
                .is_some_and(|(at, answered)| at >= from && answered == what)
        };
        if self.references.iter().any(|r| said(r, fresh, true)) {
            Judgement::Them
        } else if self.references.iter().all(|r| said(r, since, false)) {
            Judgement::Us
        } else {
            Judgement::Unclear
        }
    }
}

/// How many targets are in service, and how many of those are failing now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Not down in effect.
    pub serving: usize,
    /// Of these: failing, or really down.
    pub failing: usize,
    /// All that fail, those down in effect included.
    pub bad: usize,
}

impl Census {
    /// Whether most fail at once: over half of those in service, two in all at the least.
    #[must_use]
    pub fn most_fail(self) -> bool {
        self.bad >= 2 && self.failing > 0 && self.failing.saturating_mul(2) > self.serving
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_answering_reference_means_it_is_them_and_old_news_counts_for_nothing() {
        let mut isolation = Isolation::new(2);
        let t = Moment::from_secs;
        assert_eq!(isolation.ask(t(1)), [0, 1]);
        assert!(isolation.ask(t(1)).is_empty(), "both are being asked");
        isolation.heard(0, true, t(2));
        assert_eq!(isolation.judge(t(1), t(1)), Judgement::Them);
        assert_eq!(isolation.judge(t(1), t(3)), Judgement::Unclear);
        isolation.ask(t(4));
        isolation.heard(0, false, t(5));
        assert_eq!(isolation.judge(t(3), t(3)), Judgement::Unclear);
        isolation.give_up(t(4), t(7));
        assert_eq!(isolation.judge(t(3), t(6)), Judgement::Us);
    }

    #[test]
    fn one_of_a_pair_is_not_most_and_a_single_target_never_is() {
        let census = |serving, failing, bad| Census {
            serving,
            failing,
            bad,
        };
        assert!(!census(2, 1, 1).most_fail());
        assert!(census(2, 2, 2).most_fail());
        assert!(census(1, 1, 2).most_fail(), "the other is down already");
        assert!(!census(1, 1, 1).most_fail());
        assert!(!census(4, 2, 2).most_fail());
    }
}
