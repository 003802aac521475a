//! The chain against every kind of tampering, retention, loss, size and speed.

use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;
use serde_json::json;

use crate::control::timeline::Entry;
use crate::store::history::History;
use crate::store::history::query::Filter;
use crate::store::history::scribe::{BATCH, Retention, Scribe, forget};
use crate::store::migrate;

mod size;
mod tampering;
use tampering::tampered;

/// What a server tells about service number `n % services`, as it tells it.
fn entry(seq: u64, services: u64) -> Entry {
    let (service, host) = (seq * 7919 / 31 % services, seq * 13 % 251);
    let name = format!("svc{service}.example.test");
    let target = format!("192.0.{}.{host}:8080", service % 250);
    let unix_ms = 1_767_225_600_000 + seq * 1371;
    let made = |kind: &str, alarm, endpoint, by: Option<&str>, text, facts| Entry {
        seq,
        unix_ms,
        alarm,
        kind: kind.to_owned(),
        services: vec![name.clone()],
        endpoint,
        by: by.map(str::to_owned),
        text,
        facts,
    };
    let late = seq * 7919 % 999_983;
    match seq % 8 {
        0..=3 => {
            let why = format!("3 failures in a row: no answer within {} ms", 900 + late % 1000);
            made(
                "state-changed",
                true,
                Some(format!("web {target}")),
                None,
                format!("{target} (web) is down: {why}"),
                json!({
                    "check": "web", "target": target, "from": "up", "to": "down", "why": why,
                    "evidence": format!("no answer within {} ms", 900 + late % 1000), "status": null,
                    "body": "", "since_first_us": 2_000_000 + late,
                }),
            )
        }
        4 | 5 => {
            let why = format!("A: e{host} is down: e{} is the first healthy one", host + 1);
            let (from, to) = (
                vec![format!("192.0.2.{host}")],
                vec![format!("198.51.100.{host}")],
            );
            made(
                "answer-changed",
                false,
                None,
                None,
                format!("{name} answers {} instead of {}: {why}", to[0], from[0]),
                json!({ "from": from, "to": to, "why": why, "chain": {
                    "change": seq, "cause": "probe", "target": format!("web {target}"),
                    "first_probe_unix_ms": unix_ms - 2000, "verdict_unix_ms": unix_ms,
                    "published_unix_ms": unix_ms, "first_answer_unix_ms": null,
                    "detection_us": 2_000_000 + late, "decision_us": late % 977, "publish_us": late % 89,
                    "first_answer_us": null, "total_us": null,
                } }),
            )
        }
        6 => made(
            "failover",
            false,
            Some(format!("web {target}")),
            None,
            format!(
                "{name}: 2{:03}.123 ms from the first probe to the first changed answer: detected in 2{:03}.{:03} ms, decided in 0.{:03} ms, in force in 0.0{} ms, first answer 1.{:03} ms later",
                late % 1000,
                late % 999,
                late % 997,
                late % 991,
                late % 90,
                late % 983
            ),
            json!({
                "change": seq - 1, "cause": "probe", "target": format!("web {target}"),
                "first_probe_unix_ms": unix_ms - 2000, "verdict_unix_ms": unix_ms,
                "published_unix_ms": unix_ms, "first_answer_unix_ms": unix_ms + 2,
                "detection_us": 2_000_000 + late, "decision_us": late % 977, "publish_us": late % 89,
                "first_answer_us": 1000 + late % 983, "total_us": 2_002_000 + late,
            }),
        ),
        _ => made(
            "commanded",
            false,
            None,
            Some("alice@192.0.2.77"),
            format!("drained {name}/e{host} for 30 min: kernel {}", late),
            json!({ "what": format!("drained {name}/e{host} for 30 min: kernel {}", late), "break_glass": false }),
        ),
    }
}

/// A file with the entries `1..=count`, written as the server writes them.
fn filled(directory: &Path, count: u64, services: u64) -> Connection {
    let path = directory.join("pointsman.db");
    let mut connection = Connection::open(&path).unwrap();
    migrate::prepare(&connection, &path).unwrap();
    let mut scribe = Scribe::open(&connection).unwrap();
    let mut batch = Vec::new();
    for seq in 1..=count {
        batch.push(Arc::new(entry(seq, services)));
        if batch.len() == BATCH || seq == count {
            assert_eq!(scribe.add(&mut connection, &batch).unwrap(), batch.len() as u64);
            batch.clear();
        }
    }
    connection
}

#[test]
fn what_is_written_is_read_back_as_it_was_and_verifies() {
    let directory = tempfile::tempdir().unwrap();
    filled(directory.path(), 100, 5);
    let history = History::offline(directory.path());
    let all = history.after(0, 1000).unwrap();
    let told: Vec<Entry> = (1..=100).map(|seq| entry(seq, 5)).collect();
    assert_eq!(all, told);
    let verified = history.verify().unwrap();
    assert!(verified.intact, "{verified:?}");
    assert_eq!((verified.first, verified.last, verified.entries), (1, 100, 100));
}

#[test]
fn pages_are_by_service_kind_alarm_and_time_in_both_orders() {
    let directory = tempfile::tempdir().unwrap();
    filled(directory.path(), 500, 5);
    let history = History::offline(directory.path());
    let told: Vec<Entry> = (1..=500).map(|seq| entry(seq, 5)).collect();
    let time = |seq: usize| told[seq].unix_ms;
    let service = Some("svc3.example.test".to_owned());
    let filters = [
        Filter::default(),
        Filter {
            service: service.clone(),
            ..Filter::default()
        },
        Filter {
            kinds: vec!["failover".to_owned(), "commanded".to_owned()],
            ..Filter::default()
        },
        Filter {
            alarms: true,
            ..Filter::default()
        },
        Filter {
            alarms: true,
            service: service.clone(),
            since: Some(time(77)),
            ..Filter::default()
        },
        Filter {
            since: Some(time(50)),
            until: Some(time(300)),
            ..Filter::default()
        },
        Filter {
            since: Some(time(50) + 1),
            until: Some(time(300) + 1),
            ..Filter::default()
        },
        Filter {
            kinds: vec!["answer-changed".to_owned()],
            until: Some(time(200)),
            after: Some(20),
            ..Filter::default()
        },
        Filter {
            kinds: vec!["no-such-kind".to_owned()],
            ..Filter::default()
        },
        Filter {
            service: Some("no.such.service".to_owned()),
            ..Filter::default()
        },
        Filter {
            since: Some(time(499) + 1),
            ..Filter::default()
        },
        Filter {
            before: Some(40),
            service,
            ..Filter::default()
        },
    ];
    for filter in filters {
        let fits = |entry: &&Entry| {
            filter
                .service
                .as_ref()
                .is_none_or(|service| entry.services.contains(service))
                && (filter.kinds.is_empty() || filter.kinds.contains(&entry.kind))
                && (!filter.alarms || entry.alarm)
                && filter.since.is_none_or(|since| entry.unix_ms >= since)
                && filter.until.is_none_or(|until| entry.unix_ms < until)
                && filter.before.is_none_or(|before| entry.seq < before)
                && filter.after.is_none_or(|after| entry.seq > after)
        };
        let expected: Vec<u64> = told.iter().filter(fits).map(|entry| entry.seq).collect();
        let (mut newest, mut from) = (Vec::new(), filter.clone());
        loop {
            let page = history.newest(&from, 7).unwrap();
            newest.extend(page.items.iter().map(|entry| entry.seq));
            match page.next {
                Some(next) => from.before = Some(next),
                None => break,
            }
        }
        newest.reverse();
        assert_eq!(newest, expected, "newest first: {filter:?}");
        let (mut oldest, mut from) = (Vec::new(), filter.clone());
        loop {
            let page = history.oldest(&from, 7).unwrap();
            oldest.extend(page.items.iter().map(|entry| entry.seq));
            match page.next {
                Some(next) => from.after = Some(next),
                None => break,
            }
        }
        assert_eq!(oldest, expected, "oldest first: {filter:?}");
    }
}

#[test]
fn what_was_lost_on_the_way_is_said_in_the_chain_and_nothing_else_may_be_missing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pointsman.db");
    let mut connection = filled(directory.path(), 10, 3);
    let mut scribe = Scribe::open(&connection).unwrap();
    let late = [Arc::new(entry(15, 3)), Arc::new(entry(16, 3))];
    assert_eq!(scribe.add(&mut connection, &late).unwrap(), 3);
    let history = History::offline(directory.path());
    let verified = history.verify().unwrap();
    assert_eq!(
        (verified.intact, verified.lost, verified.last),
        (true, 4, 16),
        "{verified:?}"
    );
    let lost = &history.after(10, 1).unwrap()[0];
    assert_eq!((lost.seq, lost.kind.as_str(), lost.alarm), (14, "lost", true));
    drop(connection);
    let connection = Connection::open(path).unwrap();
    let sql = "DELETE FROM entry WHERE seq = 10";
    assert!(!tampered(&history, &connection, sql).0, "a loss excuses no other");
}

#[test]
fn retention_takes_the_oldest_and_the_rest_verifies() {
    let directory = tempfile::tempdir().unwrap();
    let mut connection = filled(directory.path(), 3000, 7);
    let history = History::offline(directory.path());
    let keep = Retention {
        keep_ms: 1371 * 1000,
        octets: u64::MAX,
    };
    let now = entry(3000, 7).unix_ms;
    let mut gone = 0;
    loop {
        let more = forget(&mut connection, keep, now).unwrap();
        assert!(more <= BATCH, "an override waits for one short transaction only");
        assert!(history.verify().unwrap().intact);
        if more == 0 {
            break;
        }
        gone += more;
    }
    assert_eq!(gone, 1999);
    let verified = history.verify().unwrap();
    assert_eq!(
        (verified.first, verified.last, verified.entries),
        (2000, 3000, 1001)
    );
    let indexed: i64 = connection
        .query_row("SELECT count(*) FROM of_service", [], |row| row.get(0))
        .unwrap();
    assert_eq!(indexed, 1001);
    // By size: half of what there is.
    let keep = Retention {
        keep_ms: u64::MAX,
        octets: history.overview().unwrap().octets / 2,
    };
    while forget(&mut connection, keep, now).unwrap() > 0 {}
    assert!(history.overview().unwrap().octets <= keep.octets);
    let verified = history.verify().unwrap();
    assert!(verified.intact && verified.entries > 50, "{verified:?}");
    // All of it, and on from there.
    let nothing = Retention {
        keep_ms: 0,
        octets: 0,
    };
    while forget(&mut connection, nothing, now + 1).unwrap() > 0 {}
    let verified = history.verify().unwrap();
    assert_eq!(
        (verified.intact, verified.entries, verified.last),
        (true, 0, 3000)
    );
    let mut scribe = Scribe::open(&connection).unwrap();
    scribe.add(&mut connection, &[Arc::new(entry(3001, 7))]).unwrap();
    assert_eq!(history.verify().unwrap().entries, 1);
    // The anchor is part of the chain.
    let sql = "UPDATE bound SET chain = zeroblob(32) WHERE which = 'anchor'";
    assert_eq!(tampered(&history, &connection, sql).1, 3001);
}
