//! How small entries are, and how fast they are found.

use std::time::Duration;

use super::{entry, filled};
use crate::store::history::History;
use crate::store::history::query::Filter;

/// Size and speed at `count` entries of `services` services: octets an entry, and the slowest of some queries.
fn measure(count: u64, services: u64) -> (u64, Duration) {
    let directory = tempfile::tempdir().unwrap();
    drop(filled(directory.path(), count, services));
    let history = History::offline(directory.path());
    let octets = std::fs::metadata(directory.path().join("pointsman.db"))
        .unwrap()
        .len();
    let of = |service: u64| Filter {
        service: Some(format!("svc{service}.example.test")),
        ..Filter::default()
    };
    let mut slowest = Duration::ZERO;
    let middle = entry(count / 2, services).unix_ms;
    for filter in [
        of(0),
        of(services / 2),
        Filter {
            before: Some(count / 3),
            ..of(services - 1)
        },
        Filter {
            since: Some(middle),
            until: Some(middle + 10_000_000),
            ..of(1)
        },
        Filter {
            kinds: vec!["commanded".to_owned()],
            ..of(2)
        },
        Filter {
            alarms: true,
            ..of(3)
        },
    ] {
        let begun = tokio::time::Instant::now();
        let page = history.newest(&filter, 100).unwrap();
        let took = begun.elapsed();
        // Of many services one has few entries, and none of some kinds.
        assert!(services > 1000 || !page.items.is_empty(), "{filter:?}");
        slowest = slowest.max(took);
    }
    (octets / count, slowest)
}

#[test]
fn entries_are_small_and_a_service_is_found_at_once() {
    let (octets, slowest) = measure(20_000, 200);
    assert!(octets <= 200, "{octets} octets an entry");
    assert!(
        slowest < Duration::from_millis(500),
        "{slowest:?} without optimisation"
    );
}

#[test]
#[allow(clippy::disallowed_macros, reason = "a measurement says what it found")]
#[ignore = "takes minutes without optimisation: cargo test --release --lib -- --ignored a_million"]
fn a_million_entries_take_at_most_200_mb_and_a_service_is_found_within_50_ms() {
    for services in [20_000, 5, 200] {
        let (octets, slowest) = measure(1_000_000, services);
        println!("{services} services: {octets} octets an entry, slowest query {slowest:?}");
        assert!(octets <= 200, "{octets} octets an entry");
        assert!(slowest < Duration::from_millis(50), "{slowest:?}");
    }
}
