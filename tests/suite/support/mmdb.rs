//! Databases of places for tests, in MaxMind's format (<https://maxmind.github.io/MaxMind-DB/>), version 2.0.

use std::net::IpAddr;

/// A record: continent, country, subdivision (or empty), latitude and longitude.
pub(crate) type Entry = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    Option<(f64, f64)>,
);

#[derive(Clone, Copy, PartialEq)]
enum Leaf {
    Nothing,
    Node(usize),
    Data(usize),
}

/// A database of IPv6, IPv4 below `::/96`, with these networks; longer ones after the shorter ones that hold them.
pub(crate) fn database(entries: &[Entry]) -> Vec<u8> {
    let mut tree = vec![[Leaf::Nothing; 2]];
    let mut data = Vec::new();
    for (network, continent, country, subdivision, point) in entries {
        let (address, length) = network.split_once('/').unwrap();
        let length: usize = length.parse().unwrap();
        let (bits, length) = match address.parse().unwrap() {
            IpAddr::V4(v4) => (u128::from(u32::from(v4)), 96 + length),
            IpAddr::V6(v6) => (u128::from(v6), length),
        };
        let offset = data.len();
        record(&mut data, continent, country, subdivision, *point);
        insert(&mut tree, bits, length, offset);
    }
    let nodes = tree.len();
    let mut octets = Vec::new();
    for leaf in tree.iter().flatten() {
        let value = match leaf {
            Leaf::Nothing => nodes,
            Leaf::Node(node) => *node,
            Leaf::Data(offset) => nodes + 16 + offset,
        };
        octets.extend(&u32::try_from(value).unwrap().to_be_bytes()[1..]);
    }
    octets.extend([0; 16]);
    octets.extend(data);
    octets.extend(b"\xab\xcd\xefMaxMind.com");
    map(&mut octets, 9);
    for (key, value) in [
        ("binary_format_major_version", 2),
        ("binary_format_minor_version", 0),
        ("ip_version", 6),
        ("record_size", 24),
    ] {
        text(&mut octets, key);
        octets.extend([0xa1, value]);
    }
    text(&mut octets, "build_epoch");
    octets.extend([0x04, 0x02, 0x65, 0, 0, 0]);
    text(&mut octets, "node_count");
    octets.push(0xc4);
    octets.extend(u32::try_from(nodes).unwrap().to_be_bytes());
    text(&mut octets, "database_type");
    text(&mut octets, "Test-City");
    text(&mut octets, "description");
    map(&mut octets, 1);
    text(&mut octets, "en");
    text(&mut octets, "for tests");
    text(&mut octets, "languages");
    octets.extend([0x00, 0x04]);
    octets
}

fn insert(tree: &mut Vec<[Leaf; 2]>, bits: u128, length: usize, offset: usize) {
    let mut node = 0;
    for depth in 0..length {
        let side = (bits >> (127 - depth) & 1) as usize;
        if depth + 1 == length {
            tree[node][side] = Leaf::Data(offset);
            return;
        }
        node = match tree[node][side] {
            Leaf::Node(next) => next,
            // What held for the whole holds for both halves.
            other => {
                tree.push([other; 2]);
                let next = tree.len() - 1;
                tree[node][side] = Leaf::Node(next);
                next
            }
        };
    }
}

fn record(out: &mut Vec<u8>, continent: &str, country: &str, subdivision: &str, point: Option<(f64, f64)>) {
    let parts = [
        !continent.is_empty(),
        !country.is_empty(),
        !subdivision.is_empty(),
        point.is_some(),
    ];
    map(out, parts.iter().filter(|part| **part).count());
    if !continent.is_empty() {
        text(out, "continent");
        map(out, 2);
        text(out, "code");
        text(out, continent);
        text(out, "names");
        map(out, 1);
        text(out, "en");
        text(out, "passed over");
    }
    if !country.is_empty() {
        text(out, "country");
        map(out, 1);
        text(out, "iso_code");
        text(out, country);
    }
    if !subdivision.is_empty() {
        text(out, "subdivisions");
        out.extend([0x01, 0x04]);
        map(out, 1);
        text(out, "iso_code");
        text(out, subdivision);
    }
    if let Some((latitude, longitude)) = point {
        text(out, "location");
        map(out, 2);
        for (key, value) in [("latitude", latitude), ("longitude", longitude)] {
            text(out, key);
            out.push(0x68);
            out.extend(value.to_be_bytes());
        }
    }
}

fn map(out: &mut Vec<u8>, entries: usize) {
    out.push(0xe0 | u8::try_from(entries).unwrap());
}

fn text(out: &mut Vec<u8>, text: &str) {
    assert!(text.len() < 29);
    out.push(0x40 | u8::try_from(text.len()).unwrap());
    out.extend(text.as_bytes());
}
