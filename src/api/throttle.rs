//! Whoever guesses tokens is slowed, by address. Nobody is locked out: what is right is heard all the same, only later.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

/// Wrong tokens of one address before it is slowed: a misconfigured client has a few, who guesses has many.
const BURST: f64 = 100.0;
/// Wrong tokens beyond that are remembered up to here: half a minute later all is well again.
const MOST: f64 = BURST + 30.0;
/// Wrong tokens a second that are forgotten.
const FORGOTTEN: f64 = 1.0;
/// How long one try of a slowed address takes; they go one after another.
const PAUSE: Duration = Duration::from_millis(100);
/// How long such a try waits for its turn.
const TURN: Duration = Duration::from_secs(2);
/// Addresses that are remembered.
const ADDRESSES: usize = 4096;

/// Wrong tokens by address.
#[derive(Debug, Default)]
pub struct Throttle {
    seen: Mutex<HashMap<IpAddr, Wrong>>,
    lane: tokio::sync::Mutex<()>,
}

#[derive(Clone, Copy, Debug)]
struct Wrong {
    count: f64,
    at: Instant,
}

impl Wrong {
    fn left(self, now: Instant) -> f64 {
        let forgotten = now.duration_since(self.at).as_secs_f64() * FORGOTTEN;
        (self.count - forgotten).max(0.0)
    }
}

/// Too many tries wait already.
#[derive(Debug)]
pub struct TooMany;

impl Throttle {
    /// Waits for the turn of a try from `address`: no time at all, unless many were wrong.
    ///
    /// # Errors
    /// When more tries wait than are worth hearing.
    pub async fn wait(&self, address: IpAddr) -> Result<(), TooMany> {
        if !self.is_strained(address) {
            return Ok(());
        }
        let turn = timeout(TURN, self.lane.lock()).await.map_err(|_| TooMany)?;
        sleep(PAUSE).await;
        drop(turn);
        Ok(())
    }

    /// Whether `address` was wrong too often.
    #[must_use]
    pub fn is_strained(&self, address: IpAddr) -> bool {
        let now = Instant::now();
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        match seen.get(&group(address)) {
            Some(wrong) => wrong.left(now) >= BURST,
            // Nobody else can be remembered: whoever is new is slowed, too.
            None => seen.len() >= ADDRESSES,
        }
    }

    /// `address` showed something wrong.
    pub fn wrong(&self, address: IpAddr) {
        let now = Instant::now();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= ADDRESSES {
            seen.retain(|_, wrong| wrong.left(now) > 0.0);
        }
        if seen.len() < ADDRESSES || seen.contains_key(&group(address)) {
            let wrong = seen
                .entry(group(address))
                .or_insert(Wrong { count: 0.0, at: now });
            let count = (wrong.left(now) + 1.0).min(MOST);
            *wrong = Wrong { count, at: now };
        }
    }
}

/// Whoever has one address of IPv6 has its whole /64.
fn group(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from(u128::from(v6) & !u128::from(u64::MAX)).into(),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_guesser_is_slowed_and_forgotten_and_others_are_not_touched() {
        let throttle = Throttle::default();
        let (guesser, other) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        for _ in 0..100 {
            let began = Instant::now();
            assert!(throttle.wait(guesser).await.is_ok());
            assert_eq!(began.elapsed(), Duration::ZERO);
            throttle.wrong(guesser);
        }
        let began = Instant::now();
        assert!(throttle.wait(guesser).await.is_ok());
        assert_eq!(began.elapsed(), PAUSE);
        assert!(throttle.wait(other).await.is_ok());
        assert_eq!(began.elapsed(), PAUSE);
        throttle.wrong(guesser);
        assert!(!throttle.is_strained(other) && throttle.is_strained(guesser));
        sleep(Duration::from_secs(2)).await;
        assert!(!throttle.is_strained(guesser));
    }

    #[test]
    fn a_household_has_one_ipv6_prefix() {
        let group = |text: &str| group(text.parse().unwrap());
        assert_eq!(group("2001:db8::1"), group("2001:db8::ffff:1"));
        assert_ne!(group("2001:db8::1"), group("2001:db8:0:1::1"));
        assert_eq!(group("::ffff:192.0.2.1"), group("192.0.2.1"));
    }
}
