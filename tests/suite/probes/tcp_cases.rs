//! `tcp` against scripted servers.

use std::time::Duration;

use pointsman::health::observation::FaultClass::{Content, Refused, Reset, Timeout};
use pointsman::health::observation::Phase::{Body, Connect, FirstByte};

use super::Expect::{self, Bad, Good};
use super::script::{self, Step};
use super::{hold, probe, target, tcp};

const BUDGET: Duration = Duration::from_millis(400);

type Case = (
    &'static str,
    Vec<Step>,
    Option<&'static [u8]>,
    Option<&'static [u8]>,
    Expect,
);

#[rustfmt::skip]
fn cases() -> Vec<Case> {
    use Step::{Drip, Endless, Hear, Reset as Rst, Say, Silence};
    const K64: &[u8] = &[b'x'; 65_536];
    vec![
        ("a server that accepts", vec![Silence], None, None, Good("connected")),
        ("a server that accepts and closes", vec![], None, None, Good("connected")),
        ("a server that greets although nobody listens", vec![Say(b"220 hi\r\n"), Silence], None, None, Good("connected")),
        ("a question without an expected answer", vec![Hear, Silence], Some(b"PING\r\n"), None, Good("connected")),
        ("a greeting", vec![Say(b"220 mail ESMTP\r\n"), Silence], None, Some(b"220 "), Good("connected")),
        ("question and answer", vec![Hear, Say(b"+PONG\r\n"), Silence], Some(b"PING\r\n"), Some(b"+PONG"), Good("connected")),
        ("an answer in pieces", vec![Hear, Drip(b"+PONG\r\n", Duration::from_millis(5)), Silence], Some(b"PING\r\n"), Some(b"+PONG\r\n"), Good("connected")),
        ("an answer and goodbye", vec![Say(b"OK")], None, Some(b"OK"), Good("connected")),
        ("the expected among much else", vec![Say(&K64[..60_000]), Say(b"needle"), Silence], None, Some(b"needle"), Good("connected")),
        ("octets that are no text", vec![Say(&[0, 255, 1, 254]), Silence], None, Some(&[255, 1]), Good("connected")),
        ("an empty expectation is met by any answer", vec![Say(b"x"), Silence], None, Some(b""), Good("connected")),
        ("silence", vec![Silence], None, Some(b"220"), Bad(FirstByte, Timeout, "timeout after 0.400 s while waiting for an answer")),
        ("silence after a question", vec![Hear, Silence], Some(b"PING"), Some(b"PONG"), Bad(FirstByte, Timeout, "while waiting for an answer")),
        ("another answer, then silence", vec![Say(b"500 no\r\n"), Silence], None, Some(b"220"), Bad(Body, Timeout, "while reading the answer (8 octets came)")),
        ("another answer, then goodbye", vec![Say(b"500 no\r\n")], None, Some(b"220"), Bad(Body, Content, "connection closed after `500 no\\r\\n`, without `220`")),
        ("goodbye at once", vec![], None, Some(b"220"), Bad(FirstByte, Reset, "closed by the endpoint before it said anything")),
        ("a reset at once", vec![Rst], None, Some(b"220"), Bad(FirstByte, Reset, "connection reset by the endpoint before it said anything")),
        ("a reset after the question", vec![Hear, Rst], Some(b"PING"), Some(b"PONG"), Bad(FirstByte, Reset, "connection reset")),
        ("endless chatter", vec![Endless(K64)], None, Some(b"220"), Bad(Body, Content, "the first 65536 octets do not contain `220`")),
        ("the expected comes too late", vec![Say(K64), Say(b"220"), Silence], None, Some(b"220"), Bad(Body, Content, "the first 65536 octets")),
        ("a slow drip", vec![Drip(K64, Duration::from_millis(20))], None, Some(b"220"), Bad(Body, Timeout, "while reading the answer")),
    ]
}

#[tokio::test]
async fn tcp_servers_are_judged_by_what_they_say() {
    let mut wrong = Vec::new();
    for (case, steps, send, expect, wanted) in cases() {
        let address = script::play(steps).await;
        let seen = probe(&target(tcp(send, expect), address), BUDGET).await;
        wrong.extend(hold(case, &seen, &wanted).err());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn a_port_where_nobody_listens_refuses() {
    let (address, _taken) = script::nobody();
    let seen = probe(&target(tcp(None, None), address), BUDGET).await;
    hold("nobody", &seen, &Bad(Connect, Refused, "connection refused")).unwrap();
    assert!(seen.phases.connect.is_some());
}

#[tokio::test]
async fn a_host_that_does_not_answer_times_out_while_connecting() {
    let (address, _listening) = script::full().await;
    let seen = probe(&target(tcp(None, None), address), BUDGET).await;
    hold(
        "full",
        &seen,
        &Bad(Connect, Timeout, "timeout after 0.400 s while connecting"),
    )
    .unwrap();
    assert!(seen.phases.total >= BUDGET, "{:?}", seen.phases);
    assert!(seen.phases.total < BUDGET * 3, "{:?}", seen.phases);
}

#[tokio::test]
async fn what_was_refused_is_kept_as_evidence_and_what_was_accepted_is_not() {
    let address = script::play(vec![Step::Say(&[b'e'; 1000])]).await;
    let seen = probe(&target(tcp(None, Some(b"220")), address), BUDGET).await;
    assert_eq!(seen.evidence.body, vec![b'e'; 256]);
    let seen = probe(&target(tcp(None, Some(b"eee")), address), BUDGET).await;
    assert!(seen.evidence.body.is_empty());
}

#[tokio::test]
async fn an_endpoint_that_still_talks_is_left_without_a_reset() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let told = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"220 welcome\r\n").await.unwrap();
        stream.read(&mut [0; 16]).await
    });
    let (runner, mut events) = super::runner(1);
    runner.probe(
        pointsman::control::event::ProbeTicket(1),
        &target(tcp(None, None), address),
        BUDGET,
    );
    super::next(&mut events).await;
    assert_eq!(told.await.unwrap().expect("FIN, not a reset"), 0);
    runner.stop().await;
}
