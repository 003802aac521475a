//! What RFC 9250 asks of clients, and what becomes of those that do otherwise.

use std::time::Duration;

use tokio::time::timeout;

use super::clients::{PATIENCE, Site, ask_quic, framed, query};

const PROTOCOL_ERROR: u32 = 2;

/// Sends `octets` on a stream, ended or not, and waits for the connection's end.
async fn closed_for(site: &Site, octets: &[u8], fin: bool) -> (u64, String) {
    let connection = site.quic().await;
    let (mut send, _receive) = connection.open_bi().await.unwrap();
    send.write_all(octets).await.unwrap();
    if fin {
        send.finish().unwrap();
    }
    match timeout(PATIENCE, connection.closed()).await.unwrap() {
        quinn::ConnectionError::ApplicationClosed(close) => (
            close.error_code.into_inner(),
            String::from_utf8_lossy(&close.reason).into_owned(),
        ),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn who_breaks_the_rules_is_told_so_by_the_protocol_error() {
    let site = Site::new("[dns.tcp]\nmessage = \"300ms\"\n");
    let _server = site.start();
    let mut good = query("www.example.test", 1, None);
    let other_id = framed(&good);
    good[..2].fill(0);
    let good = framed(&good);
    let keepalive = super::clients::opt(1232, 0, false, b"\0\x0b\0\0");
    let mut keepalive = query("www.example.test", 1, Some(&keepalive));
    keepalive[..2].fill(0);
    let keepalive = framed(&keepalive);
    for (octets, fin, reason) in [
        (other_id, true, "the message ID is not 0"),
        (
            [&good[..], &good[..]].concat(),
            true,
            "more than one message on a stream",
        ),
        (
            good[..good.len() - 1].to_vec(),
            true,
            "the stream ended amid the message",
        ),
        (Vec::new(), true, "the stream ended amid the message"),
        (vec![0; 70_000], true, "more than one message on a stream"),
        (good.clone(), false, "the stream was not ended"),
        (vec![0], false, "the stream was not ended"),
        (keepalive, true, "edns-tcp-keepalive has no meaning over QUIC"),
    ] {
        let (code, told) = closed_for(&site, &octets, fin).await;
        assert_eq!((code, &*told), (u64::from(PROTOCOL_ERROR), reason));
    }
    // Nobody else is the worse for it.
    let connection = site.quic().await;
    let answers = ask_quic(&connection, &query("static.example.test", 1, None)).await;
    assert_eq!(answers.len(), 1);
}

#[tokio::test]
async fn a_client_without_the_protocol_and_unidirectional_streams_are_refused() {
    let site = Site::new("");
    let _server = site.start();
    for alpn in [&["h3"][..], &["dot"], &[]] {
        let refused = super::clients::quic(site.secure(), site.client(alpn)).await;
        assert!(refused.is_err(), "{alpn:?}");
    }
    let connection = site.quic().await;
    let opened = timeout(Duration::from_millis(300), connection.open_uni()).await;
    assert!(opened.is_err(), "there is no credit for a unidirectional stream");
}

#[tokio::test]
async fn many_queries_are_under_way_on_one_connection() {
    let site = Site::new("[dns.encrypted]\nstreams = 8\n");
    let _server = site.start();
    let connection = site.quic().await;
    let asking: Vec<_> = (0..200)
        .map(|_| {
            let connection = connection.clone();
            tokio::spawn(async move { ask_quic(&connection, &query("static.example.test", 1, None)).await })
        })
        .collect();
    for answer in asking {
        let answer = answer.await.unwrap();
        assert_eq!((answer.len(), answer[0][7]), (1, 1));
    }
    // One more stream than is allowed waits for another to end.
    let mut open = Vec::new();
    for _ in 0..8 {
        open.push(connection.open_bi().await.unwrap());
    }
    let ninth = timeout(Duration::from_millis(300), connection.open_bi()).await;
    assert!(ninth.is_err());
}

#[tokio::test]
async fn a_zone_is_transferred_on_one_stream_and_a_silent_connection_ends() {
    let site = Site::new("[dns.encrypted]\nidle = \"1s\"\n");
    let _server = site.start();
    let connection = site.quic().await;
    let messages = ask_quic(&connection, &query("example.test", 252, None)).await;
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0][..2], [0, 0]);
    assert_eq!(messages[0][7], 5, "SOA, NS, two addresses, SOA");
    let ended = timeout(PATIENCE, connection.closed()).await.unwrap();
    assert!(matches!(ended, quinn::ConnectionError::TimedOut), "{ended}");
}
