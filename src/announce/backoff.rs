//! How long to wait before the next try.

use std::time::Duration;

/// The first wait: a receiver that is restarted is often back by then.
const FIRST: Duration = Duration::from_millis(500);

/// The wait after the `failures`th failure in a row: twice as long each time, up to `longest`, of which `chance` (any
/// number) takes up to one half, so that receivers are not met by everybody at once.
#[must_use]
pub fn wait(failures: u32, longest: Duration, chance: u64) -> Duration {
    let doublings = failures.saturating_sub(1).min(31);
    let whole = FIRST.saturating_mul(1 << doublings).min(longest);
    let half = whole / 2;
    let nanos = u64::try_from(half.as_nanos()).unwrap_or(u64::MAX);
    half + Duration::from_nanos(chance % nanos.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_wait_is_at_least_half_of_what_is_due_and_never_longer(
            failures in 1u32..1000, longest_ms in 1u64..3_600_000, chance: u64,
        ) {
            let longest = Duration::from_millis(longest_ms);
            let due = FIRST.saturating_mul(1 << (failures - 1).min(31)).min(longest);
            let wait = wait(failures, longest, chance);
            prop_assert!(wait >= due / 2 && wait <= due, "{wait:?} of {due:?}");
        }
    }

    #[test]
    fn ten_minutes_of_absence_cost_a_dozen_tries_or_two() {
        let mut waited = Duration::ZERO;
        let tries = (1..)
            .take_while(|&n| {
                waited += wait(n, Duration::from_secs(60), u64::MAX / 3);
                waited < Duration::from_secs(600)
            })
            .count();
        assert!((10..40).contains(&tries), "{tries}");
    }
}
