//! The queue against receivers that fail in every way, on virtual time.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use proptest::prelude::*;
use serde_json::json;

use super::*;

const LONGEST: Duration = Duration::from_secs(60);

fn entry(seq: u64, services: &[&str]) -> Arc<Entry> {
    Arc::new(Entry {
        seq,
        unix_ms: seq,
        alarm: true,
        kind: "answer-changed".to_owned(),
        services: services.iter().map(|&service| service.to_owned()).collect(),
        endpoint: None,
        by: None,
        text: String::new(),
        facts: json!({}),
    })
}

fn ms(moment: Moment) -> u64 {
    moment.nanos() / 1_000_000
}

/// What a receiver does at a time with an entry.
type Receiver<'r> = dyn FnMut(Moment, &Delivery) -> Outcome + 'r;

struct Attempt {
    at: Moment,
    id: u64,
    confirmed: bool,
}

/// Runs a queue against a receiver, each delivery taking `takes`, until nothing is owed or `until`.
fn run(
    queue: &mut Queue,
    mut chance: u64,
    takes: Duration,
    until: Moment,
    receiver: &mut Receiver<'_>,
) -> Vec<Attempt> {
    let mut now = Moment::ZERO;
    let mut attempts = Vec::new();
    let mut flying: BTreeMap<(Moment, u64), Delivery> = BTreeMap::new();
    while now < until {
        while let Some(delivery) = queue.next(now) {
            let shares = |other: &Delivery| !lanes(&other.entry).is_disjoint(&lanes(&delivery.entry));
            assert!(!flying.values().any(shares), "two of one service at once");
            flying.insert((now.after(takes), delivery.id), delivery);
        }
        let landing = flying.keys().next().map(|(at, _)| *at);
        let wake = queue.wake().filter(|_| flying.is_empty());
        let Some(next) = landing.into_iter().chain(wake).min() else {
            break;
        };
        now = next.max(now);
        while let Some(first) = flying.first_entry().filter(|first| first.key().0 <= now) {
            let delivery = first.remove();
            chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let outcome = receiver(now, &delivery);
            let confirmed = outcome == Outcome::Confirmed;
            queue.done(now, delivery.id, outcome, chance);
            attempts.push(Attempt {
                at: now,
                id: delivery.id,
                confirmed,
            });
        }
    }
    attempts
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Whatever the receiver does for an hour, when it is well afterwards every entry arrives, in order per service.
    #[test]
    fn everything_arrives_in_order_per_service(
        services in prop::collection::vec(prop::collection::btree_set(0usize..6, 0..3), 1..60),
        moods in prop::collection::vec(0u8..5, 60),
        chance: u64,
    ) {
        let names = ["a", "b", "c", "d", "e", "f"];
        let mut queue = Queue::new(LONGEST, 10_000);
        let entries: Vec<Arc<Entry>> = services
            .iter()
            .zip(1..)
            .map(|(services, seq)| entry(seq, &services.iter().map(|&i| names[i]).collect::<Vec<_>>()))
            .collect();
        for entry in &entries {
            assert!(queue.push(entry.seq, Arc::clone(entry)).is_empty());
        }
        let attempts = run(&mut queue, chance, Duration::from_millis(20), Moment::from_secs(3 * 3600), &mut |now, _| {
            match moods.get(usize::try_from(now.nanos() / 60_000_000_000).unwrap()) {
                Some(0) => Outcome::Absent("refused".to_owned()),
                Some(1) => Outcome::Unable("503".to_owned(), None),
                Some(2) => Outcome::Unable("429".to_owned(), Some(Duration::from_secs(7))),
                Some(3) => Outcome::Unable("500".to_owned(), None),
                _ => Outcome::Confirmed,
            }
        });
        prop_assert!(queue.is_empty(), "{} are left", queue.len());
        let confirmed: Vec<u64> = attempts.iter().filter(|a| a.confirmed).map(|a| a.id).collect();
        prop_assert_eq!(confirmed.iter().collect::<BTreeSet<_>>().len(), entries.len());
        let mut last: HashMap<&str, u64> = HashMap::new();
        for id in confirmed {
            for lane in lanes(&entries[usize::try_from(id - 1).unwrap()]) {
                let before = last.insert(lane, id).unwrap_or(0);
                prop_assert!(before < id, "{before} before {id} of {lane}");
            }
        }
    }

    /// A receiver that is away is asked at most a minute apart, and not in a hurry; when it is back, all arrives soon.
    #[test]
    fn a_receiver_that_was_away_gets_everything_within_a_minute(away in 1u64..7200, absent: bool, chance: u64) {
        let mut queue = Queue::new(LONGEST, 10_000);
        for seq in 1..=50 {
            queue.push(seq, entry(seq, &[["a", "b", "c"][usize::try_from(seq % 3).unwrap()]]));
        }
        let back = Moment::from_secs(away);
        let attempts = run(&mut queue, chance, Duration::from_millis(5), Moment::from_secs(3 * 3600), &mut |now, _| {
            match now < back {
                true if absent => Outcome::Absent("refused".to_owned()),
                true => Outcome::Unable("503".to_owned(), None),
                false => Outcome::Confirmed,
            }
        });
        prop_assert!(queue.is_empty());
        let gaps = attempts.windows(2).map(|pair| pair[1].at.since(pair[0].at));
        prop_assert!(gaps.max().unwrap_or_default() <= LONGEST + Duration::from_millis(5));
        let during = attempts.iter().filter(|attempt| attempt.at < back).count() as u64;
        prop_assert!(during <= 20 + away / 15, "{during} tries in {away} s");
        let last = attempts.last().unwrap().at;
        prop_assert!(last.since(back) <= LONGEST + Duration::from_secs(1), "{} ms late", ms(last) - ms(back));
        if absent {
            let order: Vec<u64> = attempts.iter().filter(|a| a.confirmed).map(|a| a.id).collect();
            prop_assert!(order.is_sorted(), "{order:?}");
        }
    }
}

#[test]
fn one_poisoned_entry_holds_up_its_own_service_only_and_is_set_aside() {
    for poison in [
        Outcome::Refused("400".to_owned()),
        Outcome::Unable("500".to_owned(), None),
    ] {
        let mut queue = Queue::new(LONGEST, 100);
        for (seq, service) in [(1, "a"), (2, "b"), (3, "a"), (4, "b"), (5, "c")] {
            queue.push(seq, entry(seq, &[service]));
        }
        let attempts = run(
            &mut queue,
            7,
            Duration::from_millis(5),
            Moment::from_secs(900),
            &mut |_, delivery| {
                if delivery.id == 1 {
                    poison.clone()
                } else {
                    Outcome::Confirmed
                }
            },
        );
        let arrived = |id| attempts.iter().find(|a| a.id == id && a.confirmed).map(|a| a.at);
        for id in [2, 4, 5] {
            assert!(
                arrived(id).unwrap() < Moment::from_secs(5),
                "{id} waited for the poison"
            );
        }
        let tries = attempts.iter().filter(|a| a.id == 1).count();
        if matches!(poison, Outcome::Refused(_)) {
            assert_eq!(tries, REFUSALS as usize);
            assert!(arrived(3).unwrap() < Moment::from_secs(60));
        } else {
            // A receiver that breaks over it may be mended: it is kept, and so is the order.
            assert!(tries > 10 && arrived(3).is_none());
            assert_eq!(queue.len(), 2);
        }
    }
}

#[test]
fn a_receiver_that_lets_nobody_in_for_ten_minutes_loses_nothing_and_after_hours_something() {
    let run_turned = |away: u64| {
        let mut queue = Queue::new(LONGEST, 100);
        for seq in 1..=5 {
            queue.push(seq, entry(seq, &["a"]));
        }
        let attempts = run(
            &mut queue,
            3,
            Duration::from_millis(5),
            Moment::from_secs(40_000),
            &mut |now, _| {
                if now < Moment::from_secs(away) {
                    Outcome::Turned("404".to_owned())
                } else {
                    Outcome::Confirmed
                }
            },
        );
        attempts.iter().filter(|a| a.confirmed).count()
    };
    assert_eq!(run_turned(600), 5);
    assert!(run_turned(20_000) < 5);
}

#[test]
fn a_time_that_the_receiver_asks_for_is_kept() {
    let mut queue = Queue::new(LONGEST, 100);
    queue.push(1, entry(1, &["a"]));
    queue.push(2, entry(2, &["b"]));
    let at = Moment::from_secs(5);
    let delivery = queue.next(at).unwrap();
    let asked = Some(Duration::from_secs(300));
    queue.done(at, delivery.id, Outcome::Unable("429".to_owned(), asked), 1);
    assert_eq!(queue.wake(), Some(at.after(Duration::from_secs(300))));
    assert!(queue.next(at.after(Duration::from_secs(299))).is_none());
    assert!(queue.next(at.after(Duration::from_secs(300))).is_some());
}

#[test]
fn past_the_backlog_the_oldest_are_given_up() {
    let mut queue = Queue::new(LONGEST, 10);
    let flying = {
        queue.push(1, entry(1, &["a"]));
        queue.next(Moment::ZERO).unwrap()
    };
    let given_up: Vec<u64> = (2..=25)
        .flat_map(|seq| queue.push(seq, entry(seq, &["a"])))
        .collect();
    assert_eq!(given_up, (1..=15).collect::<Vec<_>>());
    assert_eq!(
        queue.done(Moment::ZERO, flying.id, Outcome::Confirmed, 1),
        Settled::Gone
    );
    assert_eq!(queue.next(Moment::ZERO).map(|delivery| delivery.id), Some(16));
}

#[test]
fn only_a_storm_is_delivered_in_parallel() {
    let names: Vec<String> = (0..2000).map(|n| format!("s{n}")).collect();
    let mut queue = Queue::new(LONGEST, 10_000);
    for (name, seq) in names.iter().zip(1..) {
        queue.push(seq, entry(seq, &[name]));
    }
    let (mut most, mut least) = (0, usize::MAX);
    while !queue.is_empty() {
        let now = Moment::ZERO;
        let begun: Vec<Delivery> = std::iter::from_fn(|| queue.next(now)).collect();
        (most, least) = (most.max(begun.len()), least.min(begun.len()));
        for delivery in begun {
            queue.done(now, delivery.id, Outcome::Confirmed, 1);
        }
    }
    assert_eq!((most, least), (AT_ONCE, 1));
}
