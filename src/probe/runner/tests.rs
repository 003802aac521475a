//! The runner on virtual time, with probes made up.

use super::*;
use crate::clock::SystemClock;
use crate::health::observation::{FaultClass, Finding, Observation};

fn limits(probes: usize) -> Limits {
    Limits { probes, programs: 8 }
}

fn runner(limit: usize) -> (Runner, mpsc::Receiver<Event>) {
    let (sender, events) = mpsc::channel(64);
    let clock = Arc::new(SystemClock::start());
    (
        Runner::new(Handle::current(), limits(limit), clock, sender),
        events,
    )
}

fn made_up(text: &str) -> Conducted {
    conduct::broken(text.to_owned(), &SystemClock::start())
}

async fn next(events: &mut mpsc::Receiver<Event>) -> (u64, Observation) {
    match events.recv().await.unwrap() {
        Event::Probed { ticket, seen } => (ticket.0, seen),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_panics_ends_alone_and_is_our_own_fault() {
    let (runner, mut events) = runner(1);
    runner.launch(ProbeTicket(1), false, || async { panic!("number {}", 7) });
    runner.launch(ProbeTicket(2), false, || async { made_up("fine") });
    let (ticket, seen) = next(&mut events).await;
    assert_eq!(ticket, 1);
    assert!(matches!(
        seen.finding,
        Finding::Bad {
            class: FaultClass::Local,
            ..
        }
    ));
    assert_eq!(seen.evidence.text, "internal error, please report: number 7");
    let (ticket, seen) = next(&mut events).await;
    assert_eq!((ticket, seen.evidence.text.as_str()), (2, "fine"));
    runner.stop().await;
    assert_eq!(runner.load().panics, 1);
    assert_eq!((runner.load().running, runner.load().waiting), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn probes_run_side_by_side_and_the_next_begins_when_one_ends() {
    let (runner, mut events) = runner(2);
    let begun = Instant::now();
    for (ticket, secs) in [(1, 10), (2, 1), (3, 1), (4, 1)] {
        runner.launch(ProbeTicket(ticket), false, move || async move {
            tokio::time::sleep(Duration::from_secs(secs)).await;
            made_up("")
        });
    }
    let mut ends = Vec::new();
    for _ in 0..4 {
        let (ticket, _) = next(&mut events).await;
        ends.push((ticket, begun.elapsed().as_secs()));
    }
    assert_eq!(ends, [(2, 1), (3, 2), (4, 3), (1, 10)]);
    let load = runner.load();
    assert_eq!(load.longest_wait.as_secs(), 2);
    assert_eq!(load.waited.as_secs(), 3);
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_signal_box_that_is_behind_is_waited_for() {
    let (sender, mut events) = mpsc::channel(1);
    let runner = Runner::new(
        Handle::current(),
        limits(2),
        Arc::new(SystemClock::start()),
        sender,
    );
    for ticket in 1..=5 {
        runner.launch(ProbeTicket(ticket), false, || async { made_up("") });
    }
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!((runner.load().running, runner.load().waiting), (2, 2));
    let mut tickets = Vec::new();
    for _ in 0..5 {
        tickets.push(next(&mut events).await.0);
    }
    assert_eq!(tickets, [1, 2, 3, 4, 5]);
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_belongs_to_vanished_checks_is_dropped() {
    use crate::model::check::{Check, CheckKind, HttpCheck, HttpVersion, Rules};
    use crate::model::id::{CheckId, TargetId, ZoneId};

    let (runner, mut events) = runner(4);
    let target = |port| Target {
        id: TargetId(0),
        check: Arc::new(Check {
            id: CheckId(0),
            zone: ZoneId(0),
            name: String::new(),
            kind: CheckKind::Http(Box::new(HttpCheck {
                tls: false,
                method: "GET".to_owned(),
                host: None,
                path: "/".to_owned(),
                headers: Vec::new(),
                status: Vec::new(),
                body: None,
                follow_redirects: false,
                security: Default::default(),
                version: HttpVersion::Http1,
                keepalive: true,
            })),
            rules: Rules {
                interval: Duration::from_secs(5),
                fast_interval: Duration::from_secs(1),
                timeout: Duration::from_secs(2),
                fall: 3,
                rise: 2,
                false_alarm: 1e-6,
                min_down: Duration::from_secs(10),
                damping: true,
            },
            expects: Default::default(),
            way: Default::default(),
            treatment: Default::default(),
        }),
        address: [127, 0, 0, 1].into(),
        port,
        parts: Vec::new(),
    };
    let (kept, gone) = (target(1), target(1));
    for (ticket, target) in [(1, &kept), (2, &kept), (3, &gone)] {
        runner.probe(ProbeTicket(ticket), target, Duration::from_secs(1));
        next(&mut events).await;
    }
    assert_eq!(
        runner.inner.tools.prepared(),
        2,
        "one for each check, not for each probe"
    );
    drop(gone);
    tokio::time::sleep(HOUSEKEEPING * 2).await;
    assert_eq!(runner.inner.tools.prepared(), 1);
    runner.stop().await;
    assert_eq!(runner.inner.tools.prepared(), 0);
}
