//! How much expensive work one client, and all of them, may ask for: transfers under way, signatures verified.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::model::plan::QuotaSettings;

/// Clients whose signatures are counted apart; those that share a place share its count.
const PLACES: usize = 4096;

/// What is under way. Of a fixed size but for the transfers themselves, of which there are few.
#[derive(Debug)]
pub struct Quotas {
    /// The second, and how many in it.
    signatures: Box<[AtomicU64]>,
    chance: RandomState,
    transfers: Mutex<Transfers>,
}

#[derive(Debug, Default)]
struct Transfers {
    all: usize,
    of: HashMap<IpAddr, usize>,
}

/// A transfer's place; given back when dropped.
#[derive(Debug)]
pub struct Pass {
    quotas: Arc<Quotas>,
    client: IpAddr,
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            signatures: (0..PLACES).map(|_| AtomicU64::new(0)).collect(),
            chance: RandomState::new(),
            transfers: Mutex::default(),
        }
    }
}

impl Quotas {
    /// Whether another signature of `address` may be verified in second `now`.
    #[must_use]
    pub fn may_verify(&self, address: IpAddr, limits: &QuotaSettings, now: u64) -> bool {
        let place = self.chance.hash_one(client(address)) as usize % PLACES;
        let Some(cell) = self.signatures.get(place) else {
            return false;
        };
        let count = |seen: u64| match seen >> 32 == now & 0xFFFF_FFFF {
            true => seen.saturating_add(1),
            false => (now << 32) | 1,
        };
        let seen = cell.fetch_update(Relaxed, Relaxed, |seen| Some(count(seen)));
        let seen = count(seen.unwrap_or_else(|seen| seen));
        seen & 0xFFFF_FFFF <= u64::from(limits.signatures)
    }

    /// A place for a transfer to `address`, when there is one.
    #[must_use]
    pub fn transfer(self: &Arc<Self>, address: IpAddr, limits: &QuotaSettings) -> Option<Pass> {
        let client = client(address);
        let mut transfers = self.transfers();
        let of = transfers.of.get(&client).copied().unwrap_or(0);
        if transfers.all >= limits.transfers || of >= limits.transfers_per_client {
            return None;
        }
        transfers.all += 1;
        transfers.of.insert(client, of + 1);
        drop(transfers);
        Some(Pass {
            quotas: Arc::clone(self),
            client,
        })
    }

    fn transfers(&self) -> MutexGuard<'_, Transfers> {
        self.transfers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let mut transfers = self.quotas.transfers();
        transfers.all = transfers.all.saturating_sub(1);
        match transfers.of.get_mut(&self.client) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(transfers.of.remove(&self.client)),
        }
    }
}

/// One client: an IPv4 address, or an IPv6 /64, within which a host has as many addresses as it likes.
fn client(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        four => four,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: QuotaSettings = QuotaSettings {
        transfers: 3,
        transfers_per_client: 2,
        signatures: 5,
    };

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn transfers_are_limited_in_all_and_for_each_client_and_come_back() {
        let quotas = Arc::new(Quotas::default());
        let begin = |text: &str| quotas.transfer(address(text), &LIMITS);
        let first = begin("2001:db8::1").unwrap();
        let _second = begin("2001:db8::2").unwrap();
        assert!(begin("2001:db8::3").is_none(), "the same /64");
        let _third = begin("192.0.2.1").unwrap();
        assert!(begin("192.0.2.2").is_none(), "all are taken");
        drop(first);
        assert!(begin("::ffff:192.0.2.2").is_some());
        assert_eq!(quotas.transfers().of.len(), 2, "who has none is forgotten");
    }

    #[test]
    fn signatures_are_limited_by_the_second() {
        let quotas = Quotas::default();
        let verified = |now| {
            (0..9)
                .filter(|_| quotas.may_verify(address("192.0.2.1"), &LIMITS, now))
                .count()
        };
        assert_eq!(
            (
                verified(1_800_000_000),
                verified(1_800_000_000),
                verified(1_800_000_001)
            ),
            (5, 0, 5)
        );
    }
}
