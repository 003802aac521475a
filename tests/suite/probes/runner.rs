//! The runner over real sockets: bounds, forgetting, stopping.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use pointsman::control::event::{Event, ProbeTicket};
use pointsman::health::observation::{FaultClass, Finding};
use pointsman::model::check::Target;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use super::script::{self, Step};
use super::{next, runner, target, tcp};

/// A server that says nothing, and counts who is there: now, and at the most.
struct Silent {
    target: Target,
    now: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

async fn silent() -> Silent {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = target(tcp(None, Some(b"never")), listener.local_addr().unwrap());
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let counters = (Arc::clone(&now), Arc::clone(&most));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (now, most) = counters.clone();
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::spawn(async move {
                let _ = stream.read(&mut [0; 16]).await;
                now.fetch_sub(1, Ordering::SeqCst);
            });
        }
    });
    Silent { target, now, most }
}

/// Awaits that `condition` holds.
async fn until(what: &str, condition: impl Fn() -> bool) {
    let waiting = async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), waiting)
        .await
        .unwrap_or_else(|_| panic!("never: {what}"));
}

#[tokio::test]
async fn no_more_probes_run_at_once_than_allowed_and_waiting_costs_them_nothing() {
    const BUDGET: Duration = Duration::from_millis(300);
    let server = silent().await;
    let (runner, mut events) = runner(5);
    for ticket in 0..30 {
        runner.probe(ProbeTicket(ticket), &server.target, BUDGET);
    }
    until("five run, the rest waits", || {
        let load = runner.load();
        load.running == 5 && load.waiting == 25
    })
    .await;
    for _ in 0..30 {
        let seen = next(&mut events).await;
        assert!(
            matches!(
                seen.finding,
                Finding::Bad {
                    class: FaultClass::Timeout,
                    ..
                }
            ),
            "{}",
            seen.evidence.text
        );
        assert!(
            seen.phases.total >= BUDGET && seen.phases.total < BUDGET * 3,
            "{:?}",
            seen.phases
        );
        assert!(seen.phases.connect < Some(BUDGET / 2), "{:?}", seen.phases);
    }
    assert_eq!(server.most.load(Ordering::SeqCst), 5);
    assert!(runner.load().longest_wait >= BUDGET * 4, "{:?}", runner.load());
    runner.stop().await;
    assert_eq!((runner.load().running, runner.load().waiting), (0, 0));
}

#[tokio::test]
async fn a_forgotten_probe_closes_its_connection_at_once_and_tells_nothing() {
    let server = silent().await;
    let (runner, mut events) = runner(2);
    for ticket in 1..=3 {
        runner.probe(ProbeTicket(ticket), &server.target, Duration::from_secs(3600));
    }
    until("two run", || server.now.load(Ordering::SeqCst) == 2).await;
    // One that runs, and the one that waits (it is the third, as permits are given in order).
    runner.forget(ProbeTicket(1));
    runner.forget(ProbeTicket(3));
    until("one is left", || server.now.load(Ordering::SeqCst) == 1).await;
    until("none waits", || {
        runner.load().waiting == 0 && runner.load().running == 1
    })
    .await;
    runner.forget(ProbeTicket(2));
    runner.forget(ProbeTicket(99));
    until("none is left", || server.now.load(Ordering::SeqCst) == 0).await;
    runner.stop().await;
    assert!(events.try_recv().is_err(), "no event of a forgotten probe");
}

#[tokio::test]
async fn a_slow_probe_delays_no_other() {
    let server = silent().await;
    let quick = target(tcp(None, None), script::play(vec![Step::Silence]).await);
    let (runner, mut events) = runner(64);
    for ticket in 0..32 {
        runner.probe(ProbeTicket(ticket), &server.target, Duration::from_secs(3600));
    }
    until("all slow ones run", || server.now.load(Ordering::SeqCst) == 32).await;
    for ticket in 100..300 {
        runner.probe(ProbeTicket(ticket), &quick, Duration::from_secs(2));
    }
    for _ in 100..300 {
        assert!(next(&mut events).await.finding.is_good());
    }
    assert_eq!(runner.load().running.min(32), 32);
    runner.stop().await;
}

#[tokio::test]
async fn a_runner_is_driven_from_a_plain_thread_and_stops_whatever_runs() {
    let server = silent().await;
    let (runner, mut events) = runner(8);
    let (other, slow) = (runner.clone(), server.target.clone());
    let quick = target(tcp(None, None), script::play(vec![Step::Silence]).await);
    std::thread::spawn(move || {
        other.probe(ProbeTicket(1), &slow, Duration::from_secs(3600));
        other.probe(ProbeTicket(2), &quick, Duration::from_secs(2));
    })
    .join()
    .unwrap();
    assert!(next(&mut events).await.finding.is_good());
    until("the slow one runs", || server.now.load(Ordering::SeqCst) == 1).await;
    runner.stop().await;
    until("it was closed", || server.now.load(Ordering::SeqCst) == 0).await;
    assert!(events.try_recv().is_err());
}

#[tokio::test]
async fn a_reference_is_reachable_when_it_answers_even_by_refusal() {
    let (runner, mut events) = runner(1);
    let (full, _listening) = script::full().await;
    let (nobody, _taken) = script::nobody();
    let cases = [
        (script::play(vec![Step::Silence]).await, true),
        (nobody, true),
        (full, false),
    ];
    for (index, (address, expected)) in cases.into_iter().enumerate() {
        runner.probe_reference(index, address, Duration::from_millis(300));
        match events.recv().await.unwrap() {
            Event::ReferenceProbed { reference, reachable } => {
                assert_eq!((reference, reachable), (index, expected), "{address}");
            }
            other => panic!("{other:?}"),
        }
    }
    runner.stop().await;
}

/// Resident memory of this process, in octets.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

#[tokio::test]
#[ignore = "measures the memory of the whole process: run it alone, with --ignored --exact"]
async fn ten_thousand_targets_that_wait_take_less_than_four_kilobytes_each() {
    const TARGETS: usize = 10_000;
    let address = script::play(vec![
        Step::HearRequest,
        Step::Say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
    ])
    .await;
    let (runner, mut events) = runner(64);
    let first = target(super::http("/", |_| {}), address);
    let mut before = 0;
    let mut round = 0;
    // The first round fills what is filled once: buffers of the allocator, the check itself.
    for targets in [1_000, TARGETS] {
        before = resident();
        let kept: Vec<Target> = vec![first.clone(); targets];
        for (index, target) in kept.iter().enumerate() {
            runner.probe(ProbeTicket(round + index as u64), target, Duration::from_secs(30));
        }
        for _ in 0..targets {
            let seen = next(&mut events).await;
            assert!(seen.finding.is_good(), "{}", seen.evidence.text);
        }
        round += targets as u64;
    }
    let each = resident().saturating_sub(before) / TARGETS;
    assert!(each <= 4096, "{each} octets for each target");
    eprint_measure(each);
    runner.stop().await;
}

fn eprint_measure(each: usize) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "{each} octets for each target that waits");
}
