//! A zone read again in pieces is the zone read from scratch, and its patched table the table built anew: random zones,
//! random edits, one after the other.

use std::path::Path;
use std::sync::Arc;

use pointsman::answer::hash::NameHash;
use pointsman::answer::node::{CNAME, CUT, DNAME, MIXED_CASE, Node, OCCLUDED, SERVICE, WILDCARD_BELOW};
use pointsman::answer::table::{Standing, Table};
use pointsman::control::chance::Chance;
use pointsman::publish::flatten::flatten;
use pointsman::publish::patch::patch;
use pointsman::wire::name::Name;
use pointsman::zone::contents::Contents;
use pointsman::zone::contents::later::Reading;
use pointsman::zone::master::include::NoIncludes;
use pointsman::zone::master::pieces::Pieces;
use pointsman::zone::master::read;

const LABELS: [&str; 9] = ["a", "b", "c", "d", "e", "f", "g", "h", "*"];
const HEAD: &str =
    "$TTL 300\n@ SOA ns1 host (\n 1 7200 ; refresh\n 900 86400 300 )\n@ NS ns1\nns1 A 192.0.2.1\n";

/// Lines of a zone below its head.
type Lines = Vec<String>;

fn below(chance: &mut Chance, bound: usize) -> usize {
    (chance.throw() % bound as u64) as usize
}

fn owner(chance: &mut Chance) -> String {
    let depth = 1 + below(chance, 4);
    let labels: Vec<&str> = (0..depth).map(|_| LABELS[below(chance, LABELS.len())]).collect();
    labels.join(".")
}

fn line(chance: &mut Chance) -> String {
    let (owner, other, n) = (owner(chance), owner(chance), below(chance, 200));
    match below(chance, 40) {
        0 => format!("{owner} NS {other}"),
        1 => format!("{owner} DNAME {other}"),
        2..5 => format!("{owner} CNAME {other}"),
        5..9 => format!("{owner} MX {n} {other}"),
        9..14 => format!("{owner} TXT \"({n};\" {n}"),
        14..17 => format!("{owner} AAAA 2001:db8::{n}"),
        _ => format!("{owner} A 192.0.2.{n}"),
    }
}

fn edit(lines: &mut Lines, chance: &mut Chance) {
    for _ in 0..1 + below(chance, 6) {
        let at = below(chance, lines.len());
        match below(chance, 4) {
            0 => drop(lines.swap_remove(at)),
            1 => {
                let (owner, rest) = lines[at].split_once(' ').unwrap();
                let (rtype, data) = rest.split_once(' ').unwrap();
                if !data.contains("60 ") && !rtype.starts_with(|c: char| c.is_ascii_digit()) {
                    lines[at] = format!("{owner} 60 {rtype} {data}");
                }
            }
            _ => lines.insert(at, line(chance)),
        }
    }
    if chance.throw().is_multiple_of(2) {
        let at = below(chance, lines.len());
        lines.rotate_left(at);
    }
}

fn text(lines: &Lines, serial: usize) -> String {
    let head = HEAD.replacen(" 1 7200", &format!(" {serial} 7200"), 1);
    let records: String = lines.iter().map(|line| format!("{line}\n")).collect();
    format!("{head}{records}")
}

fn from_scratch(text: &str) -> Option<Contents> {
    let file: Arc<Path> = Arc::from(Path::new("zone"));
    let origin = Name::from_text("t.test").unwrap();
    let read = read(text.as_bytes(), &file, &origin, &mut NoIncludes);
    read.diagnostics.is_empty().then_some(read.contents)
}

/// Sorted: the order within an RRset has no meaning.
fn listed(contents: &Contents) -> Vec<(Vec<u8>, u16, u32, Vec<u8>)> {
    let mut all: Vec<_> = contents
        .records()
        .map(|r| (r.owner.to_vec(), r.rtype, r.ttl, r.rdata.to_vec()))
        .collect();
    all.sort();
    all
}

fn described(node: &Node<'_>) -> String {
    let flags = [CUT, DNAME, OCCLUDED, WILDCARD_BELOW, SERVICE, CNAME, MIXED_CASE].map(|flag| node.is(flag));
    let sets: Vec<_> = node
        .sets()
        .map(|set| {
            let mut records: Vec<_> = set.records().map(|r| (r.ttl, r.data.to_vec())).collect();
            records.sort();
            (set.rtype, set.count, records)
        })
        .collect();
    format!("{:?} {flags:?} {:?} {sets:?}", node.name(), node.service())
}

fn standing(table: &Table, name: &Name) -> String {
    let hash = table.hash().of(name.as_wire());
    match table.standing(hash, name.as_wire(), name.label_count()) {
        Standing::Exists(node) => format!("exists {}", described(&node)),
        Standing::Below(node) => format!("below {}", described(&node)),
        Standing::Wildcard(node) => format!("wildcard {}", described(&node)),
        Standing::Missing => "missing".to_owned(),
    }
}

#[test]
fn edits_read_in_pieces_are_what_reading_from_scratch_gives() {
    let mut chance = Chance::new(5);
    let hash = NameHash::new(3);
    let services = ["s", "b", "x.y.c", "d.e"].map(|name| Name::from_text(&format!("{name}.t.test")).unwrap());
    let (mut patched, mut built, mut compared) = (0, 0, 0);
    for _ in 0..12 {
        let mut lines: Lines = (0..150).map(|_| line(&mut chance)).collect();
        lines.sort();
        lines.dedup();
        let Some(mut known) = from_scratch(&text(&lines, 1)).map(Arc::new) else {
            continue;
        };
        let mut table = flatten(&known, &services, &hash).unwrap();
        for serial in 2..30 {
            let mut edited = lines.clone();
            edit(&mut edited, &mut chance);
            let text = text(&edited, serial);
            let fresh = from_scratch(&text);
            let mut pieces = Pieces::new(&known, &Arc::from(Path::new("zone")));
            let block = 1 + below(&mut chance, 300);
            let went = text.as_bytes().chunks(block).all(|block| pieces.read(block));
            let Some(reading) = went.then(|| pieces.finish()).flatten() else {
                continue;
            };
            // A fault is never read over.
            let fresh = fresh.unwrap_or_else(|| panic!("read in pieces, but faulty: {text}"));
            let Reading::Changed(contents) = reading else {
                panic!("the serial differs: {text}")
            };
            compared += 1;
            assert_eq!(listed(&contents), listed(&fresh));
            let owners: Vec<_> = fresh.records().map(|record| record.owner).collect();
            assert!(contents.records().map(|record| record.owner).eq(owners));

            let expected = flatten(&fresh, &services, &hash).unwrap();
            let touched = Arc::clone(&contents.follows().unwrap().touched);
            table = match patch(&table, &contents, &services, &touched) {
                Some(table) => {
                    patched += 1;
                    table
                }
                None => {
                    built += 1;
                    flatten(&contents, &services, &hash).unwrap()
                }
            };
            let nodes = |table: &Table| table.nodes().map(|node| described(&node)).collect::<Vec<_>>();
            let (is, should) = (nodes(&table), nodes(&expected));
            let other = is.iter().zip(&should).find(|(is, should)| is != should);
            assert!(
                other.is_none() && is.len() == should.len(),
                "{other:?} {}",
                is.len()
            );
            assert_eq!(table.negative().record, expected.negative().record);
            for _ in 0..30 {
                let name = Name::from_text(&format!("{}.t.test", owner(&mut chance))).unwrap();
                assert_eq!(standing(&table, &name), standing(&expected, &name), "{name}");
            }
            (known, lines) = (Arc::new(contents), edited);
        }
    }
    assert!(
        compared > 80 && patched > 30 && built > 5,
        "{compared} compared, {patched} patched, {built} built"
    );
}

#[test]
fn what_is_the_same_is_told_whatever_the_text_looks_like() {
    let before = "$TTL 300\n@ SOA ns1 host 1 7200 900 86400 300\n@ NS ns1\nns1 A 192.0.2.1\n A 192.0.2.2\n";
    let known = Arc::new(from_scratch(before).unwrap());
    let reading = |text: &str| {
        let mut pieces = Pieces::new(&known, &Arc::from(Path::new("zone")));
        text.as_bytes()
            .chunks(7)
            .all(|block| pieces.read(block))
            .then(|| pieces.finish())
            .flatten()
    };
    let same = "; all new\n$ORIGIN t.test.\n@ 300 IN SOA ns1 host ( 1 2h\n 15m 1d 5m )\nns1 300 A 192.0.2.2\n\n 300 A 192.0.2.1\n@ 300 NS ns1.t.test.";
    assert!(matches!(reading(same), Some(Reading::Same)));
    for faulty in [
        before.replace("192.0.2.2", "192.0.2.1"),
        before.replace(" A 192.0.2.2", "$INCLUDE x"),
        before.replace("NS ns1", "NS ( ns1"),
        before.replace("NS ns1", "NSS ns1"),
    ] {
        assert!(reading(&faulty).is_none(), "{faulty}");
    }
}
