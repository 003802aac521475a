//! Branches by where the client is.

use serde::{Deserialize, Serialize};

use crate::model::place::{Located, Point, Region};

/// Branches by region, then by distance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Geo {
    /// In order; of each region the node that speaks for it.
    regions: Vec<(Region, u32)>,
    /// Directions of members that say where they are, in the order written.
    points: Vec<([f64; 3], u32)>,
    /// For clients of whom nothing is known, or whom nobody claims.
    otherwise: u32,
}

impl Geo {
    /// `regions` and `points` in the order written: of several with one region, the first speaks for it.
    #[must_use]
    pub fn new(mut regions: Vec<(Region, u32)>, points: &[(Point, u32)], otherwise: u32) -> Self {
        regions.sort_by_key(|(region, _)| *region);
        regions.dedup_by_key(|(region, _)| *region);
        Self {
            regions,
            points: points
                .iter()
                .map(|(point, node)| (point.direction(), *node))
                .collect(),
            otherwise,
        }
    }

    /// The node for a client who was found there, and how many bits of its address decided.
    pub(super) fn pick(&self, located: &Located) -> (u32, u8) {
        let Some(location) = &located.location else {
            return (self.otherwise, located.length);
        };
        let claimed = location.regions.iter().flatten().find_map(|region| {
            let at = self
                .regions
                .binary_search_by_key(region, |(known, _)| *known)
                .ok()?;
            self.regions.get(at).map(|(_, node)| *node)
        });
        let nearest = || {
            let here = location.point?.direction();
            let mut best: Option<(f64, u32)> = None;
            for (direction, node) in &self.points {
                let near: f64 = direction.iter().zip(here).map(|(a, b)| a * b).sum();
                if best.is_none_or(|(most, _)| near > most) {
                    best = Some((near, *node));
                }
            }
            best.map(|(_, node)| node)
        };
        let node = claimed.or_else(nearest).unwrap_or(self.otherwise);
        (node, located.length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::place::Location;

    fn at(regions: &[&str], point: Option<(f64, f64)>) -> Located {
        let mut location = Location::default();
        for (slot, region) in location.regions.iter_mut().zip(regions) {
            *slot = Region::read(region);
        }
        location.point = point.map(|(latitude, longitude)| Point { latitude, longitude });
        Located {
            location: Some(location),
            length: 20,
        }
    }

    #[test]
    fn the_most_specific_region_then_the_nearest_then_the_rest() {
        let read = |text: &str| Region::read(text).unwrap();
        let point = |latitude, longitude| Point { latitude, longitude };
        let geo = Geo::new(
            vec![
                (read("EU"), 1),
                (read("DE"), 2),
                (read("US-NY"), 3),
                (read("DE"), 4),
            ],
            &[(point(1.3, 103.8), 5), (point(-23.5, -46.6), 6)],
            7,
        );
        for (located, expected) in [
            (at(&["DE-BE", "DE", "EU"], None), 2),
            (at(&["FR", "EU"], Some((1.0, 103.0))), 1),
            (at(&["US-NY", "US", "NA"], None), 3),
            (at(&["US-CA", "US", "NA"], None), 7),
            (at(&["JP", "AS"], Some((35.7, 139.7))), 5),
            (at(&["AR", "SA"], Some((-34.6, -58.4))), 6),
            (at(&[], None), 7),
        ] {
            assert_eq!(geo.pick(&located), (expected, 20), "{located:?}");
        }
        let nowhere = Located {
            location: None,
            length: 7,
        };
        assert_eq!(geo.pick(&nowhere), (7, 7));
    }
}
