//! `keepalive = true`: one connection per target, used again, and nobody's fault when it was closed in between.

use std::net::SocketAddr;
use std::time::Duration;

use pointsman::control::event::ProbeTicket;
use pointsman::health::observation::FaultClass::{Reset, Timeout};
use pointsman::health::observation::Observation;
use pointsman::health::observation::Phase::FirstByte;
use pointsman::model::check::{HttpVersion, Target};
use pointsman::model::time::UnixTime;

use super::Expect::{self, Bad, Good};
use super::nginx::{GOOD, H2, HTTP, Nginx};
use super::script::{self, Step};
use super::{hold, http, https, next, runner, target};

const BUDGET: Duration = Duration::from_millis(500);

const OK: Step = Step::Say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");

/// Probes one after the other over one runner.
async fn probe_in_turn(target: &Target, times: usize) -> Vec<Observation> {
    let (runner, mut events) = runner(1);
    let mut seen = Vec::new();
    for turn in 0..times {
        runner.probe(ProbeTicket(turn as u64), target, BUDGET);
        seen.push(next(&mut events).await);
    }
    runner.stop().await;
    seen
}

fn keeping(address: SocketAddr) -> Target {
    target(http("/", |check| check.keepalive = true), address)
}

/// What it is, what each connection plays, and what each probe expects: a finding, and whether it dials afresh.
type Case = (&'static str, Vec<Vec<Step>>, Vec<(Expect, bool)>);

#[tokio::test]
async fn a_connection_is_used_again_and_replaced_when_it_was_closed() {
    use Step::{HearRequest, Reset as Rst, Say, Silence};
    const HALF: Step = Say(b"HTTP/1.1 200 OK\r\nCont");
    const LAST: Step = Say(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
    let good = |fresh: bool| (Good("status 200"), fresh);
    let steady = || vec![HearRequest, OK, HearRequest, OK, HearRequest, OK, Silence];
    let cases: Vec<Case> = vec![
        (
            "used again",
            vec![steady()],
            vec![good(true), good(false), good(false)],
        ),
        (
            "closed after the answer",
            vec![vec![HearRequest, OK], steady()],
            vec![good(true), good(true), good(false)],
        ),
        (
            "closed by announcement",
            vec![vec![HearRequest, LAST, Silence], steady()],
            vec![good(true), good(true), good(false)],
        ),
        (
            "closed upon the next question",
            vec![vec![HearRequest, OK, HearRequest], steady()],
            vec![good(true), good(true), good(false)],
        ),
        (
            "reset upon the next question",
            vec![vec![HearRequest, OK, HearRequest, Rst], steady()],
            vec![good(true), good(true), good(false)],
        ),
        (
            "half an answer is a fault",
            vec![vec![HearRequest, OK, HearRequest, HALF], steady()],
            vec![
                good(true),
                (Bad(FirstByte, Reset, "within the header"), false),
                good(true),
            ],
        ),
        (
            "silence is a fault, and the next probe dials afresh",
            vec![vec![HearRequest, OK, HearRequest, Silence], steady()],
            vec![
                good(true),
                (Bad(FirstByte, Timeout, "waiting for an answer"), false),
                good(true),
            ],
        ),
        (
            "a fresh connection that is closed is a fault",
            vec![vec![HearRequest]],
            vec![(Bad(FirstByte, Reset, "before an answer"), true)],
        ),
    ];
    let mut wrong = Vec::new();
    for (case, scripts, wanted) in cases {
        let address = script::play_all(scripts).await;
        let seen = probe_in_turn(&keeping(address), wanted.len()).await;
        for (turn, (seen, (expect, fresh))) in seen.iter().zip(&wanted).enumerate() {
            let case = format!("{case}, probe {}", turn + 1);
            wrong.extend(hold(&case, seen, expect).err());
            if seen.phases.connect.is_some() != *fresh {
                wrong.push(format!(
                    "{case}: fresh connection expected: {fresh}, {:?}",
                    seen.phases
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn a_real_server_is_asked_over_one_connection_in_each_version() {
    let nginx = Nginx::start();
    let plain = target(http("/ok", |check| check.keepalive = true), nginx.at(HTTP));
    let over = |port, version| {
        let kind = https("good.test", "/", nginx.pem("ca"), |check| {
            check.keepalive = true;
            check.version = version;
        });
        target(kind, nginx.at(port))
    };
    for target in [
        plain,
        over(GOOD, HttpVersion::Http1),
        over(H2, HttpVersion::Http2),
    ] {
        let is_tls = target.port != HTTP;
        let seen = probe_in_turn(&target, 3).await;
        for (turn, seen) in seen.iter().enumerate() {
            hold("kept", seen, &Good("status 200")).unwrap();
            assert_eq!(
                seen.phases.connect.is_some(),
                turn == 0,
                "{turn}: {:?}",
                seen.phases
            );
            assert_eq!(seen.phases.tls.is_some(), is_tls && turn == 0);
            assert_eq!(seen.evidence.certificate_expiry > Some(UnixTime(0)), is_tls);
        }
    }
}

#[tokio::test]
async fn without_keepalive_each_probe_has_a_fresh_connection() {
    let address = script::play(vec![Step::HearRequest, OK, Step::Silence]).await;
    let seen = probe_in_turn(&target(http("/", |_| {}), address), 3).await;
    assert!(
        seen.iter()
            .all(|seen| seen.phases.connect.is_some() && seen.finding.is_good())
    );
}

#[tokio::test]
async fn two_addresses_of_one_check_never_share_a_connection() {
    let one = || vec![Step::HearRequest, OK, Step::HearRequest, OK, Step::Silence];
    let first = keeping(script::play(one()).await);
    let second = Target {
        port: script::play(one()).await.port(),
        ..first.clone()
    };
    let (runner, mut events) = runner(1);
    for (turn, (target, fresh)) in [(&first, true), (&second, true), (&first, false), (&second, false)]
        .into_iter()
        .enumerate()
    {
        runner.probe(ProbeTicket(turn as u64), target, BUDGET);
        let seen = next(&mut events).await;
        assert!(seen.finding.is_good(), "{}", seen.evidence.text);
        assert_eq!(seen.phases.connect.is_some(), fresh, "probe {turn}");
    }
    runner.stop().await;
}

#[tokio::test]
async fn stopping_closes_the_connections_that_wait() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = keeping(listener.local_addr().unwrap());
    let served = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        assert!(stream.read(&mut [0; 4096]).await.unwrap() > 0);
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            .await
            .unwrap();
        stream.read(&mut [0; 1]).await
    });
    let (runner, mut events) = runner(1);
    runner.probe(ProbeTicket(1), &target, BUDGET);
    assert!(next(&mut events).await.finding.is_good());
    assert!(!served.is_finished());
    runner.stop().await;
    assert_eq!(served.await.unwrap().unwrap(), 0);
}
