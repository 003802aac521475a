//! The correlation brake: what share of the targets of one check may go down within a minute.
//!
//! Only for checks with ten targets or more, so that it never delays a small pair. The rest wait in order.

use std::collections::VecDeque;
use std::time::Duration;

use crate::model::id::TargetId;
use crate::model::time::Moment;

/// A check with fewer targets is never braked.
pub const TARGETS_AT_LEAST: usize = 10;
const WINDOW: Duration = Duration::from_secs(60);

/// The brake of one check.
#[derive(Clone, Debug, Default)]
pub struct Brake {
    allowed: usize,
    downs: VecDeque<Moment>,
    waiting: VecDeque<TargetId>,
}

impl Brake {
    /// For a check with `targets` targets of which `share` may go down per minute, one at the least; `None` when it
    /// is not to be braked.
    #[must_use]
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a share in (0, 1] of a count"
    )]
    pub fn new(targets: usize, share: Option<f64>) -> Option<Self> {
        let share = share.filter(|_| targets >= TARGETS_AT_LEAST)?;
        Some(Self {
            allowed: ((targets as f64 * share) as usize).max(1),
            ..Self::default()
        })
    }

    fn forget(&mut self, now: Moment) {
        while self.downs.front().is_some_and(|at| at.after(WINDOW) <= now) {
            self.downs.pop_front();
        }
    }

    /// May `target` go down now? If not, it waits.
    pub fn admit(&mut self, target: TargetId, now: Moment) -> bool {
        self.forget(now);
        if self.downs.len() < self.allowed && self.waiting.is_empty() {
            self.downs.push_back(now);
            return true;
        }
        if !self.waiting.contains(&target) {
            self.waiting.push_back(target);
        }
        false
    }

    /// It recovered while waiting.
    pub fn withdraw(&mut self, target: TargetId) {
        self.waiting.retain(|waiting| *waiting != target);
    }

    /// The next that may go down now.
    pub fn release(&mut self, now: Moment) -> Option<TargetId> {
        self.forget(now);
        if self.downs.len() >= self.allowed {
            return None;
        }
        let target = self.waiting.pop_front()?;
        self.downs.push_back(now);
        Some(target)
    }

    /// When the next one that waits may go down.
    #[must_use]
    pub fn deadline(&self) -> Option<Moment> {
        if self.waiting.is_empty() {
            return None;
        }
        if self.downs.len() < self.allowed {
            return Some(Moment::ZERO);
        }
        self.downs.front().map(|at| at.after(WINDOW))
    }

    /// How many wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_go_down_and_the_rest_follow_a_minute_later_in_order() {
        assert!(
            Brake::new(9, Some(0.5)).is_none(),
            "a small check is never braked"
        );
        assert!(Brake::new(10, None).is_none());
        let mut brake = Brake::new(10, Some(0.5)).unwrap();
        let t = Moment::from_secs;
        let down: Vec<bool> = (0..8)
            .map(|n| brake.admit(TargetId(n), t(100 + u64::from(n))))
            .collect();
        assert_eq!(down.iter().filter(|d| **d).count(), 5);
        assert_eq!(brake.waiting(), 3);
        brake.withdraw(TargetId(5));
        assert_eq!(brake.release(t(159)), None);
        assert_eq!(brake.deadline(), Some(t(160)));
        assert_eq!(brake.release(t(160)), Some(TargetId(6)));
        assert_eq!(brake.release(t(160)), None);
        assert_eq!(brake.release(t(161)), Some(TargetId(7)));
    }
}
