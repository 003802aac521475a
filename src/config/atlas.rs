//! Databases of places in MaxMind's format: read whole, tried out, then asked from memory.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use maxminddb::{MaxMindDbError, Reader};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};

use crate::config::load::files::{Files, Look};
use crate::config::raw::document::Table;
use crate::model::place::{Atlas, CONTINENTS, Located, Location, Point, Region};
use crate::model::plan::GeoDatabase;

/// A database that was read before: a file that looks the same is not read again, and one that is broken now does not
/// take the place of one that was good.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    database: GeoDatabase,
    look: Option<Look>,
}

/// Reads `[geo]`.
pub(crate) fn read(table: &Table<'_>, files: &mut Files, before: Option<&Known>) -> Option<Known> {
    let written = table.text("database")?;
    let path = files.below(table.source, &written.value);
    let look = files.look(&path);
    let before = before.filter(|before| before.database.path == path);
    if let Some(before) = before.filter(|before| before.look == look && look.is_some()) {
        return Some(before.clone());
    }
    let opened = files
        .octets(&path)
        .map_err(|error| crate::config::load::files::reason(&error))
        .and_then(|octets| Database::open(octets).map_err(|error| error.to_string()));
    match (opened, before) {
        (Ok(atlas), _) => Some(Known {
            database: GeoDatabase {
                path,
                atlas: Arc::new(atlas),
            },
            look,
        }),
        (Err(reason), Some(before)) => {
            table.source.warn(
                written.at,
                format!(
                    "cannot use {}: {reason}; what was read before stays in force",
                    path.display()
                ),
                "put a whole database in its place, by renaming it over the old one",
            );
            Some(before.clone())
        }
        (Err(reason), None) => {
            table.source.error(
                written.at,
                format!("cannot use {}: {reason}", path.display()),
                "name a database in MaxMind's format (.mmdb), relative to this file",
            );
            None
        }
    }
}

impl Known {
    /// The database.
    pub(crate) fn database(&self) -> GeoDatabase {
        self.database.clone()
    }
}

/// Places that are kept decoded: those of whole countries and of many cities. The rest are decoded when they are asked for.
const MOST_DECODED: usize = 1 << 18;

/// A database in memory.
struct Database {
    reader: Reader<Vec<u8>>,
    /// What stands at an offset of its data.
    decoded: HashMap<usize, Location, foldhash::fast::FixedState>,
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Database({})", self.reader.metadata().database_type)
    }
}

impl Database {
    /// Opens a database and decodes each of its records once, so that what is broken is not found by queries.
    fn open(octets: Vec<u8>) -> Result<Self, MaxMindDbError> {
        let reader = Reader::from_source(octets)?;
        let (mut seen, mut decoded) = (HashSet::new(), HashMap::default());
        // A tree has twice as many branches as nodes; more come only of a loop.
        let most = 3 * u64::from(reader.metadata().node_count) + 3;
        for (count, network) in (0u64..).zip(reader.networks(Default::default())?) {
            let found = network?;
            if let Some(offset) = found.offset().filter(|offset| seen.insert(*offset)) {
                let record = found.decode::<Record<'_>>()?;
                if let Some(record) = record.filter(|_| decoded.len() < MOST_DECODED) {
                    decoded.insert(offset, record.location());
                }
            }
            if count > most {
                return Err(MaxMindDbError::invalid_database("its search tree has a loop"));
            }
        }
        decoded.shrink_to_fit();
        Ok(Self { reader, decoded })
    }
}

impl Atlas for Database {
    fn locate(&self, address: IpAddr) -> Located {
        // An IPv4 database knows nothing of IPv6.
        let Ok(found) = self.reader.lookup(address) else {
            return Located::default();
        };
        let length = found
            .network()
            .map_or(0, |network| match (network.ip(), address) {
                (IpAddr::V6(_), IpAddr::V4(_)) => 0,
                _ => network.prefix(),
            });
        let known = found.offset().and_then(|offset| self.decoded.get(&offset));
        let decode = || found.decode::<Record<'_>>().ok().flatten().map(Record::location);
        Located {
            location: known.copied().or_else(decode),
            length,
        }
    }
}

/// What matters of a record of the kinds City and Country.
#[derive(Debug, Deserialize)]
struct Record<'a> {
    #[serde(borrow, default)]
    continent: Continent<'a>,
    #[serde(borrow, default)]
    country: Country<'a>,
    #[serde(borrow, default)]
    subdivisions: Subdivisions<'a>,
    #[serde(default)]
    location: Coordinates,
}

#[derive(Debug, Default, Deserialize)]
struct Continent<'a> {
    #[serde(borrow, default)]
    code: &'a str,
}

#[derive(Debug, Default, Deserialize)]
struct Country<'a> {
    #[serde(borrow, default)]
    iso_code: &'a str,
}

#[derive(Debug, Default, Deserialize)]
struct Coordinates {
    latitude: Option<f64>,
    longitude: Option<f64>,
}

/// The codes of subdivisions, the wider first; of more than two nobody knows.
#[derive(Debug, Default)]
struct Subdivisions<'a>([&'a str; 2]);

impl<'de: 'a, 'a> Deserialize<'de> for Subdivisions<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Codes;
        impl<'de> Visitor<'de> for Codes {
            type Value = Subdivisions<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of subdivisions")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut codes = Subdivisions::default();
                for slot in &mut codes.0 {
                    match list.next_element::<Country<'de>>()? {
                        Some(found) => *slot = found.iso_code,
                        None => return Ok(codes),
                    }
                }
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(codes)
            }
        }
        deserializer.deserialize_seq(Codes)
    }
}

impl Record<'_> {
    fn location(self) -> Location {
        let two = |code: &str| <[u8; 2]>::try_from(code.as_bytes()).ok();
        let country = two(self.country.iso_code);
        let [wider, narrower] = self
            .subdivisions
            .0
            .map(|code| country.and_then(|country| Region::subdivision(country, code)));
        let continent = two(self.continent.code).filter(|code| CONTINENTS.contains(code));
        let Coordinates { latitude, longitude } = self.location;
        Location {
            regions: [
                narrower,
                wider,
                country.map(Region::Country),
                continent.map(Region::Continent),
            ],
            point: latitude
                .zip(longitude)
                .map(|(latitude, longitude)| Point { latitude, longitude }),
        }
    }
}
