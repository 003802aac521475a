//! How many new connections a second one network may open. Pure.
//!
//! For each network the moment is kept at which its credit is whole again (a leaky bucket that holds one second): one
//! number, gone as soon as it is past. The table is bounded; when it is full, strangers are let in uncounted, as nobody
//! must be turned away for what others do.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use crate::model::time::Moment;
use crate::serve::admission::Network;

/// Networks that are kept in mind.
const MOST: usize = 65_536;
/// What may come at once, after silence: what may come in this time.
const BURST: Duration = Duration::from_secs(1);

/// New connections by network.
#[derive(Debug, Default)]
pub struct Newcomers {
    whole_again: HashMap<Network, Moment>,
    swept: Moment,
}

impl Newcomers {
    /// Whether one more from `address` is within `per_second`; 0: always.
    pub fn admits(&mut self, address: IpAddr, per_second: u32, now: Moment) -> bool {
        if per_second == 0 {
            return true;
        }
        let cost = BURST / per_second;
        let network = Network::of(address);
        let known = self.whole_again.get(&network).copied().unwrap_or(now).max(now);
        let next = known.after(cost);
        if next.since(now) > BURST {
            return false;
        }
        if self.whole_again.len() >= MOST && now.since(self.swept) >= BURST {
            self.swept = now;
            self.whole_again.retain(|_, whole| *whole > now);
        }
        if self.whole_again.len() < MOST || self.whole_again.contains_key(&network) {
            self.whole_again.insert(network, next);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn from(last: u32) -> IpAddr {
        IpAddr::V4(Ipv4Addr::from(0x0a00_0000 + last))
    }

    #[test]
    fn a_network_opens_so_many_a_second_and_others_are_not_touched() {
        let mut newcomers = Newcomers::default();
        let admitted = |newcomers: &mut Newcomers, tries: u32, millis| {
            (0..tries)
                .filter(|host| newcomers.admits(from(host % 200), 50, Moment::from_millis(millis)))
                .count()
        };
        assert_eq!(
            admitted(&mut newcomers, 500, 10_000),
            50,
            "a second's worth at once"
        );
        assert_eq!(admitted(&mut newcomers, 500, 10_100), 5);
        assert_eq!(admitted(&mut newcomers, 500, 20_000), 50);
        assert!(newcomers.admits(from(256), 50, Moment::from_millis(20_000)));
        assert_eq!(
            (0..1000)
                .filter(|_| newcomers.admits(from(1), 0, Moment::from_millis(20_000)))
                .count(),
            1000
        );
    }

    #[test]
    fn the_table_is_bounded_and_forgets_what_is_past() {
        let mut newcomers = Newcomers::default();
        for network in 0..100_000 {
            assert!(newcomers.admits(from(network << 8), 1, Moment::from_millis(1)));
        }
        assert_eq!(newcomers.whole_again.len(), MOST);
        assert!(newcomers.admits(from(1), 1, Moment::from_secs(9)));
        assert_eq!(newcomers.whole_again.len(), 1);
    }
}
