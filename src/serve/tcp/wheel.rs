//! When to look at which connection again: a wheel of short lists, since a timer for each connection would cost more than
//! its queries. Pure.
//!
//! What is due sooner than the wheel turns once lies in the list of its tick; what is due later is looked at after one
//! turn, and put back. A list may name what is gone, or what has more time now: whoever asks looks before it acts.

use std::time::Duration;

use crate::model::time::Moment;

/// Lists: one turn takes 17 s.
const TICKS: u64 = 1024;
/// A tick is 2^24 ns: 17 ms.
const SHIFT: u32 = 24;

/// Numbers by when they are due.
#[derive(Debug)]
pub struct Wheel {
    lists: Box<[Vec<u64>]>,
    /// Which lists are not empty.
    marks: [u64; (TICKS / 64) as usize],
    /// The tick that was not rung yet.
    next: u64,
}

impl Wheel {
    /// An empty wheel.
    #[must_use]
    pub fn new(now: Moment) -> Self {
        Self {
            lists: (0..TICKS).map(|_| Vec::new()).collect(),
            marks: [0; (TICKS / 64) as usize],
            next: now.nanos() >> SHIFT,
        }
    }

    /// The tick at which it is past `due`.
    #[must_use]
    pub fn tick(due: Moment) -> u64 {
        (due.nanos() >> SHIFT) + 1
    }

    /// Has `key` ring at `due`, at most a tick later, or after one turn of the wheel; at which tick that is.
    pub fn arm(&mut self, key: u64, due: Moment) -> u64 {
        let tick = Self::tick(due).clamp(self.next, self.next + TICKS - 1);
        let index = (tick % TICKS) as usize;
        if let Some(list) = self.lists.get_mut(index) {
            list.push(key);
        }
        if let Some(mark) = self.marks.get_mut(index / 64) {
            *mark |= 1 << (index % 64);
        }
        tick
    }

    /// Takes what is due at `now`: numbers and the ticks that they were armed for.
    pub fn ring(&mut self, now: Moment, due: &mut Vec<(u64, u64)>) {
        let end = (now.nanos() >> SHIFT) + 1;
        let mut tick = self.next;
        self.next = self.next.max(end);
        // After a long pause, each list once.
        let end = end.min(tick + TICKS);
        while tick < end {
            let index = (tick % TICKS) as usize;
            if let Some(list) = self.lists.get_mut(index) {
                due.extend(list.drain(..).map(|key| (key, tick)));
                // A burst of connections must not hold its memory for ever.
                list.shrink_to(64);
            }
            if let Some(mark) = self.marks.get_mut(index / 64) {
                *mark &= !(1 << (index % 64));
            }
            tick += 1;
        }
    }

    /// For how long nothing rings; `None` when nothing is armed.
    #[must_use]
    pub fn quiet(&self, now: Moment) -> Option<Duration> {
        if self.marks.iter().all(|mark| *mark == 0) {
            return None;
        }
        let is_marked = |tick: &u64| {
            let index = (tick % TICKS) as usize;
            self.marks
                .get(index / 64)
                .is_some_and(|mark| mark >> (index % 64) & 1 == 1)
        };
        let tick = (self.next..self.next + TICKS).find(is_marked)?;
        Some(Moment::from_nanos(tick << SHIFT).since(now))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn everything_rings_once_not_before_it_is_due_and_soon_after(
            dues in prop::collection::vec(0u64..40_000, 0..50),
            steps in prop::collection::vec(1u64..3000, 1..80),
        ) {
            let start = Moment::from_secs(5);
            let mut wheel = Wheel::new(start);
            let mut ticks = Vec::new();
            for (key, due) in dues.iter().enumerate() {
                ticks.push(wheel.arm(key as u64, start.after(Duration::from_millis(*due))));
            }
            let (mut now, mut rung) = (start, vec![false; dues.len()]);
            for step in steps {
                let quiet = wheel.quiet(now);
                now = now.after(Duration::from_millis(step));
                let mut due = Vec::new();
                wheel.ring(now, &mut due);
                if let Some(quiet) = quiet && quiet > Duration::from_millis(step) {
                    prop_assert!(due.is_empty());
                }
                for (key, tick) in due {
                    prop_assert!(!std::mem::replace(&mut rung[key as usize], true));
                    prop_assert_eq!(tick, ticks[key as usize]);
                    let asked = start.after(Duration::from_millis(dues[key as usize]));
                    prop_assert!(now >= asked.min(start.after(Duration::from_secs(17))));
                }
                for (key, due) in dues.iter().enumerate() {
                    let late = start.after(Duration::from_millis(due + 40));
                    prop_assert!(rung[key] || now < late.min(start.after(Duration::from_secs(18))));
                }
            }
            prop_assert_eq!(wheel.quiet(now).is_some(), rung.contains(&false));
        }
    }
}
