//! What `explain` tells of a zone, for those who check its answers: the SOA of negative ones, and what is not there.

use crate::answer::node::{RECORD_HEADER, expand};
use crate::answer::snapshot::Snapshot;
use crate::answer::table::Standing;
use crate::wire::name::labels;
use crate::wire::rtype::SOA;

impl Snapshot {
    /// TTL and data (names whole) of the SOA in negative answers of the zone with exactly this origin (wire form, any
    /// case); `None` when it is not served.
    #[must_use]
    pub fn negative_soa(&self, origin: &[u8]) -> Option<(u32, Vec<u8>)> {
        let zones = self.zones();
        let table = zones.get(zones.exact(origin)?)?.table.as_deref()?;
        let negative = table.negative();
        let data = negative.record.get(RECORD_HEADER..)?;
        let mut whole = Vec::new();
        let _ = expand(SOA, data, table.origin().as_wire(), &mut whole);
        Some((negative.ttl, whole))
    }

    /// Whether a zone is served that would know `name` (wire form, any case), and neither it nor a wildcard does.
    #[must_use]
    pub fn is_missing(&self, name: &[u8]) -> bool {
        let (zones, depth) = (self.zones(), labels(name).count());
        let zone = zones.find(name, depth).and_then(|index| zones.get(index));
        zone.and_then(|zone| zone.table.as_deref()).is_some_and(|table| {
            let standing = table.standing(zones.hash().of(name), name, depth);
            matches!(standing, Standing::Missing)
        })
    }
}
