//! Publishing: what is kept, what changes, what a transfer reads.

use std::sync::Arc;

use pointsman::answer::snapshot::Transport;
use pointsman::model::id::{ServiceId, ZoneId};
use pointsman::model::time::Moment;
use pointsman::publish::publisher::Publisher;
use pointsman::wire::name::Name;
use pointsman::zone::contents::Contents;

use super::world::{Decided, World, ask, decision, decisions, plan, snapshot};

const ZONES: &str = r#"
[[zone]]
origin = "one.test"
records = '''
@ 300 SOA Ns host 1 7200 900 86400 60
@ 300 NS Ns
Ns 300 A 192.0.2.53
mX 300 MX 10 Mail.One.test.
mX 300 MX 20 mail
sub 300 NS ns.Sub
ns.Sub 300 A 192.0.2.54
below.sub 300 TXT "occluded"
*.w 300 CNAME *.w
'''
service = [
  { owner = "www.one.test", addresses = ["192.0.2.1", "192.0.2.2", "2001:db8::1"], pick = "rotate", take = 1 },
  { owner = "off.one.test", addresses = ["192.0.2.3"], pick = "nothing" },
]
[[zone]]
origin = "two.test"
records = '''
@ 300 SOA ns.one.test. host 1 7200 900 86400 60
@ 300 NS ns.one.test.
'''
service = [{ owner = "www.two.test", addresses = ["192.0.2.9"] }]
[[zone]]
origin = "bad.test"
refused = true
"#;

fn world() -> World {
    toml::from_str(ZONES).unwrap()
}

fn question(name: &str) -> Vec<u8> {
    let mut octets = vec![0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    octets.extend(Name::from_text(name).unwrap().as_wire());
    octets.extend([0, 1, 0, 1]);
    octets
}

/// RCODE and the last four octets: the address of the only answer.
fn address(snapshot: &pointsman::answer::snapshot::Snapshot, name: &str) -> (u8, [u8; 4]) {
    let reply = ask(snapshot, &question(name), Transport::Udp, 0).unwrap();
    (reply[3] & 15, *reply.last_chunk().unwrap())
}

#[test]
fn a_transfer_reads_every_record_as_it_was_written() {
    let world = world();
    let snapshot = snapshot(&world);
    let zone = snapshot.zone_at(b"\x03ONE\x04test\0").unwrap();
    let records: Vec<_> = snapshot.records(zone, Moment::ZERO).collect();
    assert_eq!(records[0].rtype, 6, "SOA comes first");
    assert_eq!(records.iter().filter(|record| record.rtype == 6).count(), 1);
    let mut got: Vec<_> = records
        .iter()
        .map(|record| {
            (
                record.owner.to_vec(),
                record.rtype,
                record.ttl,
                record.rdata.to_vec(),
            )
        })
        .collect();
    let contents = super::world::contents("one.test", &world.zone[0].records);
    let mut expected: Vec<_> = contents
        .records()
        .map(|record| {
            (
                record.owner.to_vec(),
                record.rtype,
                record.ttl,
                record.rdata.to_vec(),
            )
        })
        .collect();
    let www = Name::from_text("www.one.test").unwrap().as_wire().to_vec();
    expected.push((www.clone(), 1, 10, vec![192, 0, 2, 1]));
    expected.push((www.clone(), 1, 10, vec![192, 0, 2, 2]));
    let v6 = "2001:db8::1".parse::<std::net::Ipv6Addr>().unwrap();
    expected.push((www, 28, 10, v6.octets().to_vec()));
    got.sort();
    expected.sort();
    assert_eq!(got, expected);
}

#[test]
fn zones_are_found_by_their_origin_alone_and_refused_ones_are_not() {
    let snapshot = snapshot(&world());
    assert_eq!(snapshot.zone_at(b"\x03two\x04test\0"), Some(ZoneId(1)));
    assert_eq!(snapshot.zone_at(b"\x03www\x03two\x04test\0"), None);
    assert_eq!(snapshot.zone_at(b"\x03bad\x04test\0"), None);
    assert_eq!(snapshot.zone_at(b"\0"), None);
    assert_eq!(snapshot.records(ZoneId(2), Moment::ZERO).count(), 0);
    assert_eq!(snapshot.records(ZoneId(9), Moment::ZERO).count(), 0);
    assert_eq!(*snapshot.transfer_rules(ZoneId(9)), Default::default());
}

#[test]
fn one_decision_changes_one_service_and_no_snapshot_that_is_in_use() {
    let world = world();
    let (plan, contents) = plan(&world);
    let mut publisher = Publisher::new(&plan, &contents, 1);
    let before = publisher.apply(&decisions(&world));
    let table = publisher.tables().get(0).unwrap();
    let other = Decided {
        addresses: vec!["192.0.2.99".parse().unwrap()],
        ..world.zone[1].service[0].clone()
    };
    let after = publisher.apply(&[decision(ServiceId(2), &other).unwrap()]);
    assert_eq!(address(&before, "www.two.test"), (0, [192, 0, 2, 9]));
    assert_eq!(address(&after, "www.two.test"), (0, [192, 0, 2, 99]));
    assert_eq!(address(&after, "www.one.test"), address(&before, "www.one.test"));
    assert!(Arc::ptr_eq(&table, &publisher.tables().get(0).unwrap()));
    // A decision for a service that does not exist changes nothing.
    let none = publisher.apply(&[decision(ServiceId(64), &other).unwrap()]);
    assert_eq!(address(&none, "www.two.test"), (0, [192, 0, 2, 99]));
}

#[test]
fn a_new_plan_keeps_tables_and_answers_of_what_stands_as_before() {
    let mut world = world();
    let (old, contents) = plan(&world);
    let mut publisher = Publisher::new(&old, &contents, 1);
    publisher.apply(&decisions(&world));
    let tables = [
        publisher.tables().get(0).unwrap(),
        publisher.tables().get(1).unwrap(),
    ];

    // The first service goes, so that all others have new numbers; the second zone gets another one.
    world.zone[0].service.remove(0);
    let more = Decided {
        owner: "new.two.test".to_owned(),
        ..world.zone[1].service[0].clone()
    };
    world.zone[1].service.insert(0, more);
    let (new, _) = plan(&world);
    publisher.replan(&new, &contents);
    let snapshot = publisher.apply(&[]);
    assert_eq!(
        address(&snapshot, "www.two.test"),
        (0, [192, 0, 2, 9]),
        "answers as before"
    );
    assert_eq!(address(&snapshot, "new.two.test").0, 2, "SERVFAIL until decided");
    assert_eq!(address(&snapshot, "www.one.test").0, 3, "gone");
    assert!(!Arc::ptr_eq(&tables[0], &publisher.tables().get(0).unwrap()));

    let (same, _) = plan(&world);
    let tables = publisher.tables().get(1).unwrap();
    publisher.replan(&same, &contents);
    assert!(Arc::ptr_eq(&tables, &publisher.tables().get(1).unwrap()));
}

#[test]
fn a_large_zone_is_small_and_every_name_of_it_is_found() {
    const HOSTS: u32 = 50_000;
    let mut contents = Contents::new(Name::from_text("large.test").unwrap());
    let soa = [
        b"\x02ns\x05large\x04test\0\x04host\x05large\x04test\0".as_slice(),
        &[0; 20],
    ]
    .concat();
    contents.push(b"\x05large\x04test\0", 6, 300, &soa).unwrap();
    for host in 0..HOSTS {
        let owner = Name::from_text(&format!("host{host}.large.test")).unwrap();
        contents
            .push(owner.as_wire(), 1, 300, &host.to_be_bytes())
            .unwrap();
        if host % 2 == 0 {
            contents
                .push(owner.as_wire(), 28, 300, &u128::from(host).to_be_bytes())
                .unwrap();
        }
    }
    let _ = contents.sort();
    let records = contents.len();
    let world: World = toml::from_str("[[zone]]\norigin = \"large.test\"\nrefused = true").unwrap();
    let (mut plan, _) = plan(&world);
    plan.zones[0].refused = false;
    let mut publisher = Publisher::new(&plan, &[Some(Arc::new(contents))], 3);
    let per_record = publisher.octets() / records;
    assert!(per_record <= 78, "{per_record} octets per record");
    let snapshot = publisher.apply(&[]);
    for host in 0..HOSTS {
        assert_eq!(
            address(&snapshot, &format!("HOST{host}.large.test")),
            (0, host.to_be_bytes())
        );
    }
    assert_eq!(address(&snapshot, "host50000.large.test").0, 3);
}
