//! Zones and questions at random: few labels, so that names meet, alias, hide and miss each other often.

use std::fmt;

use hickory_proto::rr::{Name, RData, Record, RecordType};
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::oracle::{Labels, Zone, dname, labels};

const LABELS: [&str; 8] = ["a", "b", "B", "www", "*", "Sub", "sub", "_tcp"];
const LONG: &str = "a-label-of-sixty-three-octets-as-long-as-the-protocol-allows-it";

/// Origins of zones that are served together: beside, within, at the root.
const ORIGINS: [&[&str]; 8] = [
    &["example.test."],
    &["example.test."],
    &["example.test.", "other.test."],
    &["example.test.", "sub.example.test."],
    &["example.test.", "a.b.example.test.", "test."],
    &["c.sub.example.test.", "example.test.", "sub.example.test."],
    &["sub.example.test.", "b.example.test.", "other."],
    &[".", "example.test."],
];

const TYPES: [&str; 14] = [
    "A",
    "AAAA",
    "NS",
    "SOA",
    "CNAME",
    "MX",
    "TXT",
    "SRV",
    "DS",
    "TYPE39",
    "PTR",
    "ANY",
    "HTTPS",
    "TYPE65280",
];

/// A name: labels before the origin of one of the zones, before an owner that is there already, or elsewhere.
#[derive(Clone, Debug)]
struct Spot {
    labels: Vec<&'static str>,
    base: Base,
}

#[derive(Clone, Debug)]
enum Base {
    Zone(Index),
    Owner(Index),
    Elsewhere,
}

/// A few records that belong together.
#[derive(Clone, Debug)]
enum Piece {
    One(Spot, u32, Data),
    /// A delegation and its servers below it: `(glue for IPv4, glue for IPv6)`.
    Delegation(Spot, Vec<(bool, bool)>),
    /// DNAME to below another DNAME.
    Redirections(Spot, Spot, Spot),
    /// A chain of so many aliases.
    Chain(Spot, usize, Spot),
}

#[derive(Clone, Debug)]
enum Data {
    A(u8),
    Aaaa(u8),
    Txt(u8, usize),
    Mx(Spot),
    Srv(Spot),
    Ns(Spot),
    Cname(Spot),
    Dname(Spot),
    Ptr(Spot),
    Ds(u8),
}

/// A question, before it is known what there is to ask for.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    spot: Spot,
    letters: u64,
    /// The type; none: that of the record whose owner is asked for.
    rtype: Option<RecordType>,
    /// EDNS payload.
    pub(super) payload: Option<u16>,
}

/// Zones as the oracle has them; `Display` is what the engine reads, and what is to be seen of a failure.
#[derive(Clone)]
pub(super) struct World(pub(super) Vec<Zone>);

fn some_labels(most: usize) -> impl Strategy<Value = Vec<&'static str>> + Clone {
    prop::collection::vec(select(&LABELS[..]), 0..=most)
}

/// Where records stand: in some zone.
fn site() -> impl Strategy<Value = Spot> + Clone {
    let labels = prop_oneof![
        5 => some_labels(2),
        2 => some_labels(4),
        2 => some_labels(1).prop_map(|labels| [&["*"], &*labels].concat()),
    ];
    (labels, any::<Index>()).prop_map(|(labels, zone)| Spot {
        labels,
        base: Base::Zone(zone),
    })
}

/// What records or questions name.
fn target() -> impl Strategy<Value = Spot> + Clone {
    let owner = |labels: Vec<&'static str>, owner: Index| Spot {
        labels,
        base: Base::Owner(owner),
    };
    prop_oneof![
        6 => site(),
        8 => any::<Index>().prop_map(move |index| owner(Vec::new(), index)),
        5 => (some_labels(2), any::<Index>()).prop_map(move |(labels, index)| owner(labels, index)),
        1 => some_labels(3).prop_map(|labels| Spot { labels, base: Base::Elsewhere }),
    ]
}

fn data() -> impl Strategy<Value = Data> {
    let long = Just(vec![LONG, LONG, LONG]);
    prop_oneof![
        4 => (0..9u8).prop_map(Data::A),
        2 => (0..9u8).prop_map(Data::Aaaa),
        2 => (0..9u8, select(vec![1usize, 20, 250])).prop_map(|(text, length)| Data::Txt(text, length)),
        2 => target().prop_map(Data::Mx),
        1 => target().prop_map(Data::Srv),
        1 => target().prop_map(Data::Ns),
        4 => target().prop_map(Data::Cname),
        3 => target().prop_map(Data::Dname),
        1 => (long, any::<Index>())
            .prop_map(|(labels, zone)| Data::Dname(Spot { labels, base: Base::Zone(zone) })),
        1 => target().prop_map(Data::Ptr),
        1 => (0..9u8).prop_map(Data::Ds),
    ]
}

fn piece() -> impl Strategy<Value = Piece> {
    let ttl = select(vec![1u32, 60, 300, 3600]);
    let glue = prop::collection::vec(any::<(bool, bool)>(), 1..16);
    prop_oneof![
        12 => (site(), ttl, data()).prop_map(|(spot, ttl, data)| Piece::One(spot, ttl, data)),
        2 => (site(), glue).prop_map(|(spot, glue)| Piece::Delegation(spot, glue)),
        2 => (site(), site(), target()).prop_map(|(one, other, end)| Piece::Redirections(one, other, end)),
        1 => (site(), 2..18usize, target()).prop_map(|(spot, length, end)| Piece::Chain(spot, length, end)),
    ]
}

pub(super) fn world() -> impl Strategy<Value = World> {
    let minimum = select(vec![1u32, 60, 900]);
    let pieces = prop::collection::vec(piece(), 0..20);
    (select(&ORIGINS[..]), minimum, pieces).prop_map(|(origins, minimum, pieces)| {
        let mut world = World(Vec::new());
        for origin in origins {
            let origin = name(origin);
            let soa = format!("ns.host.test. {origin} 1 7200 900 86400 {minimum}");
            let records = vec![
                record(&origin, 300, "SOA", &soa),
                record(&origin, 300, "NS", "ns.host.test."),
            ];
            world.0.push(Zone { origin, records });
        }
        for piece in pieces {
            world.place(&piece);
        }
        world
    })
}

pub(super) fn ask() -> impl Strategy<Value = Ask> {
    (
        target(),
        prop_oneof![Just(0u64), any::<u64>()],
        prop::option::weighted(0.7, select(&TYPES[..])),
        prop::option::of(select(vec![512u16, 1232, 4096])),
    )
        .prop_map(|(spot, letters, rtype, payload)| Ask {
            spot,
            letters,
            rtype: rtype.map(rtype_of),
            payload,
        })
}

fn rtype_of(text: &str) -> RecordType {
    match text.strip_prefix("TYPE") {
        Some(number) => RecordType::from(number.parse::<u16>().unwrap()),
        None => text.parse().unwrap(),
    }
}

fn name(text: &str) -> Name {
    Name::from_ascii(text).unwrap()
}

fn record(owner: &Name, ttl: u32, rtype: &str, data: &str) -> Record {
    let data = match rtype {
        "DNAME" => dname(&name(data)),
        _ => RData::try_from_str(rtype.parse().unwrap(), data).unwrap(),
    };
    Record::from_rdata(owner.clone(), ttl, data)
}

/// `labels` before `base`, unless that is too long: then `base`.
fn below(labels: &[&str], base: &Name) -> Name {
    let text = format!("{}.{}", labels.join("."), base.to_ascii().trim_start_matches('.'));
    if labels.is_empty() {
        return base.clone();
    }
    Name::from_ascii(text).unwrap_or_else(|_| base.clone())
}

impl World {
    fn record(&self, index: &Index) -> &Record {
        let records: Vec<&Record> = self.0.iter().flat_map(|zone| &zone.records).collect();
        records[index.index(records.len())]
    }

    fn name(&self, spot: &Spot) -> Name {
        let base = match &spot.base {
            Base::Zone(zone) => self.0[zone.index(self.0.len())].origin.clone(),
            Base::Owner(record) => self.record(record).name.clone(),
            Base::Elsewhere => name("elsewhere.example."),
        };
        below(&spot.labels, &base)
    }

    fn place(&mut self, piece: &Piece) {
        match piece {
            Piece::One(spot, ttl, data) => {
                let (rtype, data) = self.text(data);
                self.put(spot, &self.name(spot), *ttl, rtype, &data);
            }
            Piece::Delegation(spot, glue) => {
                let cut = self.name(spot);
                for (server, (v4, v6)) in glue.iter().enumerate() {
                    let server_name = below(&[&format!("ns{server}")], &cut);
                    self.put(spot, &cut, 300, "NS", &server_name.to_ascii());
                    if *v4 {
                        self.put(spot, &server_name, 60, "A", &format!("192.0.2.{server}"));
                    }
                    if *v6 {
                        self.put(spot, &server_name, 60, "AAAA", &format!("2001:db8::{server}"));
                    }
                }
            }
            Piece::Redirections(one, other, end) => {
                let (from, over, to) = (self.name(one), self.name(other), self.name(end));
                self.put(one, &from, 300, "DNAME", &below(&["a"], &over).to_ascii());
                self.put(other, &over, 60, "DNAME", &to.to_ascii());
            }
            Piece::Chain(spot, length, end) => {
                let base = self.name(spot);
                for step in 0..*length {
                    let owner = below(&[&format!("chain{step}")], &base);
                    let target = match step + 1 {
                        next if next == *length => self.name(end),
                        next => below(&[&format!("chain{next}")], &base),
                    };
                    self.put(spot, &owner, 30, "CNAME", &target.to_ascii());
                }
            }
        }
    }

    fn text(&self, data: &Data) -> (&'static str, String) {
        let target = |spot: &Spot| self.name(spot).to_ascii();
        match data {
            Data::A(host) => ("A", format!("192.0.2.{host}")),
            Data::Aaaa(host) => ("AAAA", format!("2001:db8::{host}")),
            Data::Txt(text, length) => ("TXT", format!("\"{}\"", text.to_string().repeat(*length))),
            Data::Mx(spot) => ("MX", format!("10 {}", target(spot))),
            Data::Srv(spot) => ("SRV", format!("1 2 443 {}", target(spot))),
            Data::Ns(spot) => ("NS", target(spot)),
            Data::Cname(spot) => ("CNAME", target(spot)),
            Data::Dname(spot) => ("DNAME", target(spot)),
            Data::Ptr(spot) => ("PTR", target(spot)),
            Data::Ds(digit) => ("DS", format!("{digit} 13 2 {}", format!("0{digit}").repeat(32))),
        }
    }

    /// Puts the record into the zone of `spot`, if the zone stays lawful with it.
    fn put(&mut self, spot: &Spot, owner: &Name, ttl: u32, rtype: &str, data: &str) {
        let count = self.0.len();
        let Base::Zone(zone) = &spot.base else {
            return;
        };
        let zone = &mut self.0[zone.index(count)];
        let record = record(owner, ttl, rtype, data);
        if is_lawful(zone, &record) {
            zone.records.push(record);
        }
    }

    /// The name and type that are asked for.
    pub(super) fn question(&self, ask: &Ask) -> (Name, RecordType) {
        let asked = self.name(&ask.spot);
        let rtype = match (&ask.rtype, &ask.spot.base) {
            (Some(rtype), _) => *rtype,
            (None, Base::Owner(record)) => self.record(record).record_type(),
            (None, _) => RecordType::A,
        };
        let labels = asked.iter().enumerate().map(|(at, label)| {
            let mut label = label.to_vec();
            for (octet, index) in label.iter_mut().zip(at..) {
                if ask.letters >> (index * 7 % 64) & 1 == 1 {
                    *octet = octet.to_ascii_uppercase();
                }
            }
            label
        });
        let labels: Vec<Vec<u8>> = labels.collect();
        let name = Name::from_labels(labels.iter().map(Vec::as_slice)).unwrap();
        (name, rtype)
    }
}

/// Whether a zone that has `record` besides would not be refused, nor have a meaning that no RFC defines.
fn is_lawful(zone: &Zone, record: &Record) -> bool {
    let (cname, dname) = (RecordType::CNAME, RecordType::from(39));
    let owner: Labels = labels(&record.name);
    let rtype = record.record_type();
    let is_apex = owner == labels(&zone.origin);
    let beside = |rtype: RecordType| {
        zone.records
            .iter()
            .any(|other| other.record_type() == rtype && labels(&other.name) == owner)
    };
    let alone = !zone.records.iter().any(|r| labels(&r.name) == owner);
    let is_below = |name: &Labels, above: &Labels| name.len() > above.len() && name.ends_with(above);
    let is_redirected = zone
        .records
        .iter()
        .any(|other| other.record_type() == dname && is_below(&owner, &labels(&other.name)));
    let redirects = || {
        zone.records
            .iter()
            .any(|other| is_below(&labels(&other.name), &owner))
    };
    let wild = owner.first().is_some_and(|label| label == b"*");
    let known = zone.records.iter().any(|other| {
        labels(&other.name) == owner
            && other.record_type() == rtype
            && other
                .data
                .to_string()
                .eq_ignore_ascii_case(&record.data.to_string())
    });
    !known
        && !is_redirected
        && !beside(cname)
        && match rtype {
            RecordType::CNAME => !is_apex && alone,
            RecordType::NS => !wild && (is_apex || !beside(dname)),
            RecordType::DS => !wild && !is_apex,
            _ if rtype == dname => {
                !wild && !beside(dname) && (is_apex || !beside(RecordType::NS)) && !redirects()
            }
            _ => true,
        }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} zones", self.0.len())
    }
}

impl fmt::Display for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for zone in &self.0 {
            writeln!(f, "; zone {}\n{}", zone.origin, text(zone))?;
        }
        Ok(())
    }
}

/// The zone as a master file.
pub(super) fn text(zone: &Zone) -> String {
    let mut text = String::new();
    for record in &zone.records {
        let (owner, ttl, rtype) = (record.name.to_ascii(), record.ttl, record.record_type());
        let (rtype, data) = match (&record.data, super::oracle::dname_target(&record.data)) {
            (_, Some(target)) => ("DNAME".to_owned(), target.to_ascii()),
            (RData::TXT(_), None) => (rtype.to_string(), format!("\"{}\"", record.data)),
            (data, None) => (rtype.to_string(), data.to_string()),
        };
        text += &format!("{owner} {ttl} {rtype} {data}\n");
    }
    text
}
