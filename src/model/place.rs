//! Where a client is, as databases of addresses tell it.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Continents, as such databases name them. A plain code that is among them is a continent, never the country of the
/// same letters.
pub const CONTINENTS: [[u8; 2]; 7] = [*b"AF", *b"AN", *b"AS", *b"EU", *b"NA", *b"OC", *b"SA"];

/// A part of the world that has a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Region {
    /// A continent, one of [`CONTINENTS`].
    Continent([u8; 2]),
    /// A country (ISO 3166-1 alpha-2).
    Country([u8; 2]),
    /// A country's subdivision (ISO 3166-2), of one to three characters, filled up with zeros.
    Subdivision([u8; 2], [u8; 3]),
}

impl Region {
    /// The subdivision `code` (one to three letters or digits) of `country`.
    #[must_use]
    pub fn subdivision(country: [u8; 2], code: &str) -> Option<Self> {
        let fits = (1..=3).contains(&code.len()) && code.bytes().all(|c| c.is_ascii_alphanumeric());
        let mut padded = [0; 3];
        for (slot, octet) in padded.iter_mut().zip(code.bytes()) {
            *slot = octet.to_ascii_uppercase();
        }
        fits.then_some(Self::Subdivision(country, padded))
    }

    /// Reads `EU`, `DE`, `US-NY`; `country:NA` and `continent:NA` where both have the code. Letters of any case.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let two = |text: &str| {
            let code = <[u8; 2]>::try_from(text.as_bytes()).ok()?;
            code.iter()
                .all(u8::is_ascii_alphabetic)
                .then(|| code.map(|octet| octet.to_ascii_uppercase()))
        };
        if let Some(code) = text.strip_prefix("continent:") {
            return two(code)
                .filter(|code| CONTINENTS.contains(code))
                .map(Self::Continent);
        }
        if let Some(code) = text.strip_prefix("country:") {
            return two(code).map(Self::Country);
        }
        if let Some((country, code)) = text.split_once('-') {
            return Self::subdivision(two(country)?, code);
        }
        let code = two(text)?;
        Some(if CONTINENTS.contains(&code) {
            Self::Continent(code)
        } else {
            Self::Country(code)
        })
    }
}

/// As [`Region::read`] reads it.
impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).trim_end_matches('\0').to_owned();
        match self {
            Self::Continent(code) => f.write_str(&text(code)),
            Self::Country(code) if CONTINENTS.contains(code) => write!(f, "country:{}", text(code)),
            Self::Country(code) => f.write_str(&text(code)),
            Self::Subdivision(country, code) => write!(f, "{}-{}", text(country), text(code)),
        }
    }
}

/// As [`Region::read`] reads it.
impl Serialize for Region {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

/// The same back.
impl<'de> Deserialize<'de> for Region {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        Self::read(&text).ok_or_else(|| serde::de::Error::custom("no region"))
    }
}

/// A point on the earth, in degrees.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Point {
    /// -90 (south) to 90.
    pub latitude: f64,
    /// -180 (west) to 180.
    pub longitude: f64,
}

impl Point {
    /// The unit vector from the centre of the earth: the greater the product of two, the nearer the points.
    #[must_use]
    pub fn direction(self) -> [f64; 3] {
        let (sin_lat, cos_lat) = self.latitude.to_radians().sin_cos();
        let (sin_long, cos_long) = self.longitude.to_radians().sin_cos();
        [cos_lat * cos_long, cos_lat * sin_long, sin_lat]
    }
}

/// What a database knows of an address.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Location {
    /// Its regions, the most specific first.
    pub regions: [Option<Region>; 4],
    /// Where it is, roughly.
    pub point: Option<Point>,
}

/// The answer of a database.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Located {
    /// `None`: it knows nothing of the address.
    pub location: Option<Location>,
    /// The answer holds for all addresses that share so many bits with the one that was asked for.
    pub length: u8,
}

/// A database of addresses; asked for every query, so it neither waits nor reads files.
pub trait Atlas: fmt::Debug + Send + Sync {
    /// Where `address` is.
    fn locate(&self, address: IpAddr) -> Located;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_are_read_and_written_back() {
        for (text, region, written) in [
            ("EU", Some(Region::Continent(*b"EU")), "EU"),
            ("na", Some(Region::Continent(*b"NA")), "NA"),
            ("country:NA", Some(Region::Country(*b"NA")), "country:NA"),
            ("continent:na", Some(Region::Continent(*b"NA")), "NA"),
            ("De", Some(Region::Country(*b"DE")), "DE"),
            ("US-NY", Some(Region::Subdivision(*b"US", *b"NY\0")), "US-NY"),
            ("gb-eng", Some(Region::Subdivision(*b"GB", *b"ENG")), "GB-ENG"),
            ("FR-75", Some(Region::Subdivision(*b"FR", *b"75\0")), "FR-75"),
            ("continent:DE", None, ""),
            ("Europe", None, ""),
            ("US-", None, ""),
            ("US-NYCX", None, ""),
            ("", None, ""),
            ("1A", None, ""),
            ("Ü", None, ""),
        ] {
            assert_eq!(Region::read(text), region, "{text}");
            assert_eq!(region.map(|r| r.to_string()).unwrap_or_default(), written);
        }
    }

    #[test]
    fn the_nearer_point_has_the_greater_product() {
        let at = |latitude, longitude| Point { latitude, longitude }.direction();
        let product = |a: [f64; 3], b: [f64; 3]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let (paris, berlin, auckland, suva) =
            (at(48.9, 2.4), at(52.5, 13.4), at(-36.8, 174.8), at(-18.1, -178.4));
        assert!(product(paris, berlin) > product(paris, auckland));
        // Across the antimeridian.
        assert!(product(suva, auckland) > product(suva, berlin));
    }
}
