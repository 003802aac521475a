//! Origins to zones: which zone speaks for a name (the longest match).

use std::net::IpAddr;
use std::sync::Arc;

use crate::answer::hash::{NameHash, is_same};
use crate::answer::table::{Slots, Table};
use crate::model::id::ServiceId;
use crate::model::plan::{AccessRules, TransferRules};
use crate::wire::name::Name;

/// Whom a name belongs to: a service, at its own name or at one of its others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tenant {
    /// The service.
    pub service: ServiceId,
    /// 0: its own name; else the number of the name among its facets, from 1.
    pub facet: u32,
}

/// A zone as it is answered from.
#[derive(Debug)]
pub struct Zone {
    /// Its origin in lower case.
    pub key: Box<[u8]>,
    /// Labels of the origin.
    pub labels: usize,
    /// Its names; `None` when the zone was refused.
    pub table: Option<Arc<Table>>,
    /// By the table's number of a service.
    pub tenants: Box<[Tenant]>,
    /// Who may transfer it.
    pub transfer: TransferRules,
    /// Who may ask; `None`: everybody.
    pub access: Option<Box<AccessRules>>,
}

impl Zone {
    /// A zone with this origin.
    #[must_use]
    pub fn new(
        origin: &Name,
        table: Option<Arc<Table>>,
        tenants: Box<[Tenant]>,
        transfer: TransferRules,
    ) -> Self {
        Self {
            key: origin.as_wire().to_ascii_lowercase().into(),
            labels: origin.label_count(),
            table,
            tenants,
            transfer,
            access: None,
        }
    }

    /// The same, for those whom `access` permits.
    #[must_use]
    pub fn with_access(mut self, access: &AccessRules) -> Self {
        self.access = (!access.is_open()).then(|| Box::new(access.clone()));
        self
    }

    /// Whether a client at `address` may ask it.
    #[inline]
    #[must_use]
    pub fn permits(&self, address: IpAddr) -> bool {
        self.access.as_deref().is_none_or(|access| access.permit(address))
    }
}

/// All zones, by `ZoneId`.
#[derive(Debug)]
pub struct Zones {
    zones: Box<[Zone]>,
    slots: Slots,
    hash: NameHash,
    /// Bit n is set when some origin has n labels.
    depths: u128,
}

impl Zones {
    /// The index over `zones`.
    #[must_use]
    pub fn new(zones: Vec<Zone>, hash: NameHash) -> Self {
        let (mut slots, mut depths) = (Slots::for_entries(zones.len()), 0);
        for (index, zone) in zones.iter().enumerate() {
            depths |= 1 << zone.labels.min(127);
            slots.enter(hash.of(&zone.key), u32::try_from(index + 1).unwrap_or(0));
        }
        Self {
            zones: zones.into(),
            slots,
            hash,
            depths,
        }
    }

    /// The hash that names are looked up by.
    #[inline]
    #[must_use]
    pub fn hash(&self) -> &NameHash {
        &self.hash
    }

    /// The zone at `index` (a `ZoneId`).
    #[inline]
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&Zone> {
        self.zones.get(index)
    }

    /// The zone whose origin is the longest that `name` (any letter case, of `labels` labels) lies within.
    #[inline]
    #[must_use]
    pub fn find(&self, name: &[u8], labels: usize) -> Option<usize> {
        let (mut rest, mut depth) = (name, labels.min(127));
        if let [only] = &*self.zones {
            return is_within_key(name, labels, only).then_some(0);
        }
        let mut depths = self.depths & (u128::MAX >> (127 - depth));
        while depths != 0 {
            let next = 127 - depths.leading_zeros() as usize;
            depths &= !(1 << next);
            while depth > next {
                let step = 1 + usize::from(rest.first().copied().unwrap_or(0));
                rest = rest.get(step..).unwrap_or(&[0]);
                depth -= 1;
            }
            if let Some(index) = self.exact(rest) {
                return Some(index);
            }
        }
        None
    }

    /// The zone whose origin is `name` (any letter case).
    #[inline]
    #[must_use]
    pub fn exact(&self, name: &[u8]) -> Option<usize> {
        self.slots.find(self.hash.of(name), |value| {
            let index = (value as usize).checked_sub(1)?;
            self.zones.get(index).filter(|zone| is_same(name, &zone.key))?;
            Some(index)
        })
    }
}

/// Whether `name` of `labels` labels lies within `zone`: the one zone of a small server needs no hash to be found.
#[inline]
fn is_within_key(name: &[u8], labels: usize, zone: &Zone) -> bool {
    let mut rest = name;
    for _ in zone.labels..labels {
        let step = 1 + usize::from(rest.first().copied().unwrap_or(0));
        rest = rest.get(step..).unwrap_or(&[]);
    }
    is_same(rest, &zone.key)
}
