//! How long the last probes of an address took: a small ring, for sparklines.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::control::step::Control;
use crate::model::id::ServiceId;

/// Probes that are remembered of each address.
pub const REMEMBERED: usize = 60;
/// A probe that failed.
const FAILED: u16 = u16::MAX;
/// Bits of the mantissa: a time is kept to a thousandth of itself.
const MANTISSA: u32 = 11;

/// The last probes of one address, in two octets each.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Recent {
    /// Made with the first probe.
    ring: Option<Box<[u16]>>,
    /// Where the next one goes.
    next: u8,
    /// How many there are.
    count: u8,
}

impl Recent {
    /// A probe succeeded after `took`, or failed.
    pub(crate) fn note(&mut self, took: Option<Duration>) {
        let ring = self.ring.get_or_insert_with(|| Box::new([0; REMEMBERED]));
        if let Some(place) = ring.get_mut(usize::from(self.next)) {
            *place = took.map_or(FAILED, packed);
        }
        let most = u8::try_from(REMEMBERED).unwrap_or(u8::MAX);
        self.next = (self.next + 1) % most;
        self.count = (self.count + 1).min(most);
    }

    /// Oldest first, in microseconds; `None`: it failed.
    pub(crate) fn micros(&self) -> Vec<Option<u64>> {
        let Some(ring) = &self.ring else {
            return Vec::new();
        };
        let count = usize::from(self.count);
        let first = (usize::from(self.next) + REMEMBERED - count) % REMEMBERED;
        let kept = ring.iter().cycle().skip(first).take(count);
        kept.map(|kept| (*kept != FAILED).then(|| unpacked(*kept)))
            .collect()
    }
}

/// Five bits of shift, eleven of mantissa: up to half an hour.
fn packed(took: Duration) -> u16 {
    let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX).min(1 << 40);
    let shift = (u64::BITS - micros.leading_zeros()).saturating_sub(MANTISSA);
    let bits = (u64::from(shift) << MANTISSA) | (micros >> shift);
    u16::try_from(bits).unwrap_or(FAILED - 1).min(FAILED - 1)
}

fn unpacked(packed: u16) -> u64 {
    let shift = packed >> MANTISSA;
    u64::from(packed & ((1 << MANTISSA) - 1)) << shift
}

/// The last probes of one address of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AddressProbes {
    /// The endpoint's name.
    pub name: String,
    /// The address.
    pub address: String,
    /// What is probed, as `check address:port`; `None`: it has no check.
    pub target: Option<String>,
    /// Oldest first, in microseconds; `None`: it failed.
    pub latency_us: Vec<Option<u64>>,
}

impl Control {
    /// The last probes of every address of a service, in the plan's order.
    #[must_use]
    pub fn recent_probes(&self, service: ServiceId) -> Vec<AddressProbes> {
        let mut all = Vec::new();
        let endpoints = self.plan.endpoints.iter();
        for endpoint in endpoints.filter(|endpoint| endpoint.service == service) {
            for address in &endpoint.addresses {
                let target = address.target;
                let watch = target.and_then(|target| self.watches.get(target.index()));
                all.push(AddressProbes {
                    name: endpoint.name.clone(),
                    address: address.address.to_string(),
                    target: target
                        .and_then(|target| self.plan.targets.get(target.index()))
                        .map(|target| format!("{} {}", target.check.name, target.place())),
                    latency_us: watch.map(|watch| watch.seen.recent.micros()).unwrap_or_default(),
                });
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_kept_to_a_thousandth() {
        for micros in [0, 1, 999, 2047, 2048, 12_345, 740_001, 5_000_000, 600_000_000] {
            let kept = unpacked(packed(Duration::from_micros(micros)));
            assert!(micros - kept <= micros / 1000, "{micros} became {kept}");
        }
        assert!(unpacked(packed(Duration::MAX)) > 1_000_000_000);
    }

    #[test]
    fn the_last_sixty_are_kept_in_order() {
        let mut recent = Recent::default();
        assert!(recent.micros().is_empty());
        for n in 0..70 {
            recent.note((n % 10 != 0).then(|| Duration::from_micros(n)));
        }
        let micros = recent.micros();
        assert_eq!(micros.len(), REMEMBERED);
        assert_eq!(micros[..3], [None, Some(11), Some(12)]);
        assert_eq!(micros.last(), Some(&Some(69)));
    }
}
