//! The shape of policies and of what they ask of members.

use toml::de::DeValue;

use super::document::{At, Table, Value};
use crate::config::keys;
use crate::model::place::{Point, Region};
use crate::model::plan::Prefix;
use crate::model::service::{Policy, Serves, Spread, StickyPrefix};

/// By how much another must be faster, in percent: more than paths vary by from minute to minute.
const FASTEST_MARGIN: u8 = 20;

/// Keys and the policy that each belongs to.
const BELONGS: [(&str, &str); 5] = [
    ("max_answers", "all"),
    ("sticky_prefix", "sticky"),
    ("fastest_margin", "fastest"),
    ("degraded_weight", "weighted"),
    ("demand", "weighted"),
];

/// What a member says of itself, beside its addresses.
#[derive(Debug, Default)]
pub(crate) struct RawServes {
    pub(crate) capacity: Option<At<u32>>,
    pub(crate) networks: Vec<At<Prefix>>,
    pub(crate) regions: Vec<At<Region>>,
    pub(crate) point: Option<At<Point>>,
    /// Whether `networks` is written, with mistakes or without.
    pub(crate) has_networks: bool,
    /// Whether `regions` or `location` is.
    pub(crate) has_place: bool,
}

/// Reads `policy` and the keys that belong to one; nothing when it has a mistake.
pub(crate) fn policy(table: &Table<'_>) -> Option<Policy> {
    let policy = table.choice("policy", &[]);
    for (key, owner) in BELONGS {
        if let Some(policy) = policy
            && table.has(key)
            && policy.value != owner
        {
            table.source.error(
                table.place_of(key),
                format!("`{key}` belongs to policy `{owner}`, not `{}`", policy.value),
                "remove it",
            );
        }
    }
    let max_answers = table.integer("max_answers");
    let sticky = table
        .value("sticky_prefix")
        .and_then(|value| value.table(vec![&keys::STICKY_PREFIX]))
        .map(|table| sticky_prefix(&table));
    let margin = table.value("fastest_margin").and_then(|value| margin(&value));
    Some(match policy?.value {
        "weighted" => Policy::Weighted,
        "all" => Policy::All {
            max_answers: max_answers.and_then(|most| u16::try_from(most.value).ok()),
        },
        "sticky" => Policy::Sticky(
            sticky.unwrap_or_else(|| sticky_prefix(&Table::absent(table.source, &keys::STICKY_PREFIX))),
        ),
        "subnet" => Policy::Subnet,
        "geo" => Policy::Geo,
        "fastest" => Policy::Fastest {
            margin: margin.unwrap_or(FASTEST_MARGIN),
        },
        _ => Policy::Failover,
    })
}

/// How a service or pool counts and loads members.
pub(crate) fn spread(table: &Table<'_>) -> Spread {
    let mut spread = Spread::default();
    if let Some(share) = table.value("degraded_weight").and_then(|value| value.share()) {
        spread.degraded_weight = whole(share.value * 1000.0).max(1);
    }
    spread.demand = table
        .integer("demand")
        .and_then(|demand| u32::try_from(demand.value).ok());
    spread
}

impl RawServes {
    /// Reads what a member says of itself.
    pub(crate) fn read(table: &Table<'_>) -> Self {
        Self {
            capacity: table
                .integer("capacity")
                .and_then(|capacity| Some(At::new(capacity.at, u32::try_from(capacity.value).ok()?))),
            networks: table.each("networks", Value::network),
            regions: table.each("regions", region),
            point: table.value("location").and_then(|value| point(&value)),
            has_networks: table.has("networks"),
            has_place: table.has("regions") || table.has("location"),
        }
    }

    /// The same without places.
    pub(crate) fn serves(&self) -> Serves {
        Serves {
            networks: self.networks.iter().map(|network| network.value).collect(),
            regions: self.regions.iter().map(|region| region.value).collect(),
            point: self.point.map(|point| point.value),
        }
    }
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share in thousandths or hundredths"
)]
fn whole(number: f64) -> u32 {
    number.round().clamp(0.0, 1000.0) as u32
}

fn margin(value: &Value<'_>) -> Option<u8> {
    let share = value.share()?;
    let percent = u8::try_from(whole(share.value * 100.0)).unwrap_or(100);
    if percent < 100 {
        return Some(percent);
    }
    value.refuse(
        "nobody is faster by all of it",
        "write a percentage from \"1%\" to \"99%\"",
    )
}

fn sticky_prefix(table: &Table<'_>) -> StickyPrefix {
    StickyPrefix {
        v4: table.integer_or_default("v4"),
        v6: table.integer_or_default("v6"),
    }
}

fn region(value: &Value<'_>) -> Option<At<Region>> {
    let text = value.text()?;
    match Region::read(&text.value) {
        Some(region) => Some(At::new(text.at, region)),
        None => value.refuse(
            format!("`{}` is no region", text.value),
            "write a continent (\"EU\"), a country (\"DE\") or a subdivision (\"US-NY\"), by its ISO 3166 code",
        ),
    }
}

fn point(value: &Value<'_>) -> Option<At<Point>> {
    const INSTEAD: &str = "write degrees north and east, like [50.1, 8.7] or { lat = 50.1, lon = 8.7 }";
    let (latitude, longitude) = match value.toml {
        DeValue::Array(_) => match value.elements().as_slice() {
            [latitude, longitude] => (latitude.number(), longitude.number()),
            _ => (None, None),
        },
        DeValue::Table(entries) if entries.len() == 2 => {
            let of = |name: &'static str| {
                let entry = entries.get(name)?;
                Value::new(value.source, name, entry).number()
            };
            (of("lat"), of("lon"))
        }
        _ => (None, None),
    };
    match (latitude, longitude) {
        (Some(latitude), Some(longitude))
            if (-90.0..=90.0).contains(&latitude) && (-180.0..=180.0).contains(&longitude) =>
        {
            Some(At::new(value.at, Point { latitude, longitude }))
        }
        _ => value.refuse(format!("`{}` is no place on the earth", value.written()), INSTEAD),
    }
}
