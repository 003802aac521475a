//! From what clients heard to how long they went by the old answer.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Report, Row, Steps, ms};
use crate::control::drill::Subject;
use crate::drill::panel::{Client, Heard, Kind};
use crate::model::time::Moment;

/// How long one client went by the old answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Recovery {
    /// It got the new one after so long.
    Measured(Duration),
    /// It did not ask again before the drill was over; it would have after so long.
    Computed(Duration),
    /// It asked, and did not get it.
    Never,
    /// It did not go by the old answer when the drill began.
    Untouched,
}

fn is_old(heard: &Heard, names: &[String]) -> bool {
    heard.answers.iter().any(|answer| names.contains(answer))
}

/// Of the drill that was in force from `began` to `ended`.
fn recovery(client: &Client, names: &[String], began: Moment, ended: Moment) -> Recovery {
    let until = client.heard.partition_point(|heard| heard.first < ended);
    let during = client.heard.get(..until).unwrap_or_default();
    let Some(last) = during.iter().rposition(|heard| is_old(heard, names)) else {
        return Recovery::Untouched;
    };
    match (during.get(last), during.get(last + 1)) {
        (_, Some(new)) if new.first <= began => Recovery::Untouched,
        (_, Some(new)) => Recovery::Measured(new.first.since(began)),
        (Some(old), None) if client.kind != Kind::Fresh && old.until >= ended => {
            Recovery::Computed(old.until.since(began))
        }
        _ => Recovery::Never,
    }
}

/// Fills in what the clients found.
pub(super) fn clients(report: &mut Report, subject: &Subject, steps: &Steps, clients: &[Client]) {
    let (names, began) = (&subject.names, steps.began);
    let ended = steps.reverted.unwrap_or(Moment::FAR);
    let mut rows: BTreeMap<(&str, Kind), (Row, Vec<Duration>)> = BTreeMap::new();
    let mut new: BTreeMap<&str, f64> = BTreeMap::new();
    for client in clients {
        let (row, times) = rows
            .entry((client.rtype, client.kind))
            .or_insert_with(|| (empty(client), Vec::new()));
        row.clients += 1;
        row.questions += client.asked;
        row.lost += client.lost;
        let found = recovery(client, names, began, ended);
        match found {
            Recovery::Measured(time) => times.push(time),
            Recovery::Computed(time) => {
                row.computed += 1;
                times.push(time);
            }
            Recovery::Never => row.never += 1,
            Recovery::Untouched => row.clients -= 1,
        }
        if client.kind != Kind::Fresh {
            continue;
        }
        if let Recovery::Measured(time) = found {
            let first = new.entry(client.rtype).or_insert(f64::INFINITY);
            *first = first.min(ms(time));
        }
        let old = client
            .heard
            .iter()
            .rfind(|heard| heard.first < ended && is_old(heard, names));
        if let Some(old) = old.filter(|old| old.last >= began) {
            let last = ms(old.last.min(ended).since(began));
            let so_far = report.chain.last_old_ms.unwrap_or(0.0);
            report.chain.last_old_ms = Some(so_far.max(last));
        }
        let back = client
            .heard
            .iter()
            .find(|heard| heard.last >= ended && is_old(heard, names));
        if let Some(back) = back {
            let at = ms(back.first.max(ended).since(began));
            let so_far = report.chain.back_ms.unwrap_or(f64::INFINITY);
            report.chain.back_ms = Some(so_far.min(at));
        }
    }
    // Of every type that led to the endpoint, or not at all.
    let [a, aaaa] = subject.families;
    let mut led = [(a, "A"), (aaaa, "AAAA")].into_iter().filter(|(leads, _)| *leads);
    if led.all(|(_, rtype)| new.contains_key(rtype)) {
        report.chain.first_new_ms = new.values().copied().reduce(f64::max);
    }
    report.clients = rows
        .into_values()
        .filter(|(row, _)| row.clients > 0)
        .map(|(mut row, mut times)| {
            times.sort_unstable();
            let at = |share: f64| nearest_rank(&times, share).map(ms);
            (row.p50_ms, row.p90_ms, row.p99_ms) = (at(0.5), at(0.9), at(0.99));
            row.max_ms = times.last().copied().map(ms);
            row
        })
        .collect();
}

/// The smallest of sorted `times` that `share` of them do not exceed.
#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share in 0..=1 of a small count"
)]
fn nearest_rank(times: &[Duration], share: f64) -> Option<Duration> {
    let rank = (times.len() as f64 * share).ceil() as usize;
    times.get(rank.max(1) - 1).copied()
}

fn empty(client: &Client) -> Row {
    Row {
        kind: client.kind,
        rtype: client.rtype.to_owned(),
        clients: 0,
        computed: 0,
        never: 0,
        questions: 0,
        lost: 0,
        p50_ms: None,
        p90_ms: None,
        p99_ms: None,
        max_ms: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(answer: &str, first: u64, last: u64, until: u64) -> Heard {
        Heard {
            answers: vec![answer.to_owned()],
            first: Moment::from_millis(first),
            last: Moment::from_millis(last),
            until: Moment::from_millis(until),
        }
    }

    fn of(kind: Kind, heard: Vec<Heard>) -> Recovery {
        let client = Client {
            kind,
            rtype: "A",
            heard,
            asked: 0,
            lost: 0,
        };
        let names = ["old".to_owned()];
        recovery(&client, &names, Moment::from_secs(100), Moment::from_secs(130))
    }

    #[test]
    fn recovery_is_until_the_first_new_answer_after_the_last_old_one() {
        let s = Duration::from_secs;
        let fresh = vec![
            heard("old", 90_000, 106_000, 106_000),
            heard("new", 107_000, 129_000, 0),
        ];
        assert_eq!(of(Kind::Fresh, fresh), Recovery::Measured(s(7)));
        // Old, new, and old again: it goes by the last.
        let relapsed = vec![
            heard("old", 90_000, 106_000, 0),
            heard("new", 107_000, 107_000, 0),
            heard("old", 108_000, 109_000, 0),
            heard("new", 110_000, 112_000, 0),
            heard("old", 130_000, 131_000, 0),
        ];
        assert_eq!(of(Kind::Fresh, relapsed), Recovery::Measured(s(10)));
        let stuck = vec![heard("old", 90_000, 140_000, 0)];
        assert_eq!(of(Kind::Fresh, stuck), Recovery::Never);
    }

    #[test]
    fn a_cache_that_does_not_ask_in_time_is_computed_and_one_that_asks_in_vain_never_recovers() {
        let holding = vec![heard("old", 99_000, 99_000, 141_000)];
        assert_eq!(
            of(Kind::Floor, holding),
            Recovery::Computed(Duration::from_secs(41))
        );
        let asking = vec![heard("old", 99_000, 99_000, 110_000)];
        assert_eq!(of(Kind::Cache, asking), Recovery::Never);
        let elsewhere = vec![heard("other", 90_000, 140_000, 0)];
        assert_eq!(of(Kind::Cache, elsewhere), Recovery::Untouched);
    }

    #[test]
    fn percentiles_are_nearest_ranks() {
        let times: Vec<Duration> = (1..=25).map(Duration::from_secs).collect();
        let at = |share| nearest_rank(&times, share).unwrap().as_secs();
        assert_eq!((at(0.5), at(0.9), at(0.99)), (13, 23, 25));
        assert_eq!(nearest_rank(&[], 0.5), None);
    }
}
