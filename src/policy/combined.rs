//! Several readings of one address as one: all of them, any, or so many.

use std::time::Duration;

use crate::model::check::Need;
use crate::model::time::Moment;
use crate::policy::readings::{Reading, Tier};

/// What `parts` amount to under `need`; none at all are nothing to judge by.
///
/// The tier is the one that enough parts reach. What a part without a verdict could change is waited for; what a part
/// in doubt could change is in doubt; and nothing changes before the first part does.
#[must_use]
pub fn combine(need: Need, parts: &[Reading]) -> Reading {
    if parts.is_empty() {
        return Reading::UNPROBED;
    }
    let count = need.count(parts.len());
    let reached = |of: &dyn Fn(&Reading) -> Tier| {
        let mut tiers: Vec<Tier> = parts.iter().map(of).collect();
        tiers.sort_unstable_by(|a, b| b.cmp(a));
        tiers.get(count - 1).copied().unwrap_or(Tier::Down)
    };
    let tier = reached(&|part| part.tier);
    let if_doubtful = |tier: Tier| reached(&|part| if part.in_doubt { tier } else { part.tier });
    let waiting = tier != reached(&|part| if part.waiting { Tier::Up } else { part.tier });
    Reading {
        tier: if waiting { Tier::Down } else { tier },
        waiting,
        in_doubt: if_doubtful(Tier::Down) != tier || if_doubtful(Tier::Up) != tier,
        earliest_flip: parts
            .iter()
            .map(|part| part.earliest_flip)
            .min()
            .unwrap_or(Moment::FAR),
        claim: parts.iter().find_map(|part| part.claim),
        lag: parts.iter().find_map(|part| part.lag),
        latency: slowest_needed(count, parts.iter().map(|part| part.latency)),
        smooth: slowest_needed(count, parts.iter().map(|part| part.smooth)),
        alive: parts.iter().filter(|part| part.alive).count() >= count,
        demoted: parts.iter().any(|part| part.demoted),
        too_far: parts.iter().any(|part| part.too_far),
    }
}

/// The slowest of the `count` fastest, of those that are known.
fn slowest_needed(count: usize, latencies: impl Iterator<Item = Option<Duration>>) -> Option<Duration> {
    let mut known: Vec<Duration> = latencies.flatten().collect();
    known.sort_unstable();
    known.get(count - 1).or(known.last()).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::check::Claim;

    fn part(tier: Tier) -> Reading {
        Reading {
            tier,
            ..Reading::UNPROBED
        }
    }

    #[test]
    fn the_tier_is_the_one_that_enough_parts_reach() {
        use Tier::{Degraded, Down, Held, Up};
        let parts = |tiers: &[Tier]| tiers.iter().map(|tier| part(*tier)).collect::<Vec<_>>();
        for (need, tiers, expected) in [
            (Need::All, vec![Up, Up], Up),
            (Need::All, vec![Up, Degraded], Degraded),
            (Need::All, vec![Up, Held, Degraded], Held),
            (Need::All, vec![Up, Down], Down),
            (Need::AtLeast(1), vec![Down, Up], Up),
            (Need::AtLeast(1), vec![Down, Degraded], Degraded),
            (Need::AtLeast(1), vec![Down, Down], Down),
            (Need::AtLeast(2), vec![Up, Down, Up], Up),
            (Need::AtLeast(2), vec![Up, Down, Degraded], Degraded),
            (Need::AtLeast(2), vec![Up, Down, Down], Down),
            // More than there are: what was left out is not asked for.
            (Need::AtLeast(3), vec![Up, Degraded], Degraded),
        ] {
            assert_eq!(
                combine(need, &parts(&tiers)).tier,
                expected,
                "{need:?} of {tiers:?}"
            );
        }
        assert_eq!(combine(Need::All, &[]), Reading::UNPROBED);
    }

    #[test]
    fn only_what_could_matter_is_waited_for_or_in_doubt() {
        let waiting = Reading {
            waiting: true,
            ..part(Tier::Down)
        };
        let doubtful = |tier| Reading {
            in_doubt: true,
            ..part(tier)
        };
        let any = |parts: &[Reading]| combine(Need::AtLeast(1), parts);
        let all = |parts: &[Reading]| combine(Need::All, parts);
        assert!(!any(&[waiting, part(Tier::Up)]).waiting, "one is up already");
        assert!(any(&[waiting, part(Tier::Down)]).waiting);
        assert!(all(&[waiting, part(Tier::Up)]).waiting);
        assert!(!all(&[waiting, part(Tier::Down)]).waiting, "one is down already");
        assert!(all(&[doubtful(Tier::Up), part(Tier::Up)]).in_doubt);
        assert!(!all(&[doubtful(Tier::Up), part(Tier::Down)]).in_doubt);
        assert!(!any(&[doubtful(Tier::Up), part(Tier::Up)]).in_doubt);
        assert!(any(&[doubtful(Tier::Down), part(Tier::Down)]).in_doubt);
    }

    #[test]
    fn claim_lag_latency_and_flip_are_those_of_the_parts() {
        let web = Reading {
            latency: Some(Duration::from_millis(40)),
            earliest_flip: Moment::from_secs(9),
            ..part(Tier::Up)
        };
        let db = Reading {
            claim: Some(Claim::Standby),
            lag: Some(Duration::from_secs(1)),
            latency: Some(Duration::from_millis(3)),
            earliest_flip: Moment::from_secs(7),
            ..part(Tier::Up)
        };
        let both = combine(Need::All, &[web, db]);
        assert_eq!((both.claim, both.lag), (db.claim, db.lag));
        assert_eq!(
            (both.latency, both.earliest_flip),
            (web.latency, db.earliest_flip)
        );
        assert_eq!(combine(Need::AtLeast(1), &[web, db]).latency, db.latency);
    }
}
