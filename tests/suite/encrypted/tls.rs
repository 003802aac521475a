//! DNS over TLS: pipelining, transfers, and clients that do otherwise.

use std::time::Instant;

use rustls::pki_types::CertificateDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::clients::{PATIENCE, Site, ask, client, connect, framed, opt, query};

/// Reads one message.
async fn read<S: AsyncReadExt + Unpin>(stream: &mut S) -> std::io::Result<Vec<u8>> {
    let length = stream.read_u16().await?;
    let mut message = vec![0; usize::from(length)];
    stream.read_exact(&mut message).await?;
    Ok(message)
}

#[tokio::test]
async fn pipelined_queries_are_all_answered_and_a_zone_is_transferred() {
    let site = Site::new("");
    let _server = site.start();
    let mut stream = site.tls().await;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"dot"[..]));
    let one = framed(&query("static.example.test", 1, None));
    stream.write_all(&one.repeat(500)).await.unwrap();
    for _ in 0..500 {
        let answer = timeout(PATIENCE, read(&mut stream)).await.unwrap().unwrap();
        assert_eq!((answer[3] & 15, answer[7]), (0, 1));
    }
    let zone = ask(&mut stream, &query("example.test", 252, None)).await.unwrap();
    assert_eq!(zone[7], 5, "SOA, NS, two addresses, SOA");
    // How long the connection is kept is told to whoever asks (RFC 7828), in tenths of seconds.
    let asked = query(
        "static.example.test",
        1,
        Some(&opt(1232, 0, false, b"\0\x0b\0\0")),
    );
    let kept = ask(&mut stream, &asked).await.unwrap();
    assert!(kept.ends_with(b"\0\x0b\0\x02\x01\x2c"), "{kept:?}");
    // And goes on after that.
    ask(&mut stream, &query("static.example.test", 1, None))
        .await
        .unwrap();
    stream.shutdown().await.unwrap();
    let mut rest = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut rest))
        .await
        .unwrap()
        .unwrap();
    assert!(rest.is_empty(), "the end was told by close_notify");
}

#[tokio::test]
async fn other_protocols_versions_and_authorities_end_in_the_handshake() {
    let site = Site::new("");
    let _server = site.start();
    for alpn in [&["h2"][..], &["doq"], &["http/1.1", "x"]] {
        assert!(
            connect(site.secure(), site.client(alpn)).await.is_err(),
            "{alpn:?}"
        );
    }
    // None offered is no other offered.
    let mut plain = connect(site.secure(), site.client(&[])).await.unwrap();
    ask(&mut plain, &query("static.example.test", 1, None))
        .await
        .unwrap();
    let stranger: CertificateDer<'static> = super::clients::made().der;
    assert!(connect(site.secure(), client(&stranger, &["dot"])).await.is_err());
    // A greeting of TLS 1.1: the alert is handshake_failure or protocol_version.
    let mut greeting = vec![0x16, 3, 1, 0, 47, 1, 0, 0, 43, 3, 2];
    greeting.extend_from_slice(&[7; 32]);
    greeting.extend_from_slice(&[0, 0, 4, 0xc0, 0x13, 0, 0x2f, 1, 0]);
    let mut stream = tokio::net::TcpStream::connect(site.secure()).await.unwrap();
    stream.write_all(&greeting).await.unwrap();
    let mut alert = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut alert)).await.unwrap();
    assert_eq!(alert.first(), Some(&0x15), "{alert:?}");
    assert!(matches!(alert.get(5..7), Some([2, 40 | 70])), "{alert:?}");
    // And no TLS at all.
    let mut stream = tokio::net::TcpStream::connect(site.secure()).await.unwrap();
    stream
        .write_all(&framed(&query("a.test", 1, None)))
        .await
        .unwrap();
    let mut rest = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut rest)).await.unwrap();
    assert_ne!(rest.first(), Some(&0), "no answer in clear");
}

#[tokio::test]
async fn a_stalled_message_and_silence_end_the_connection() {
    let site = Site::new("[dns.tcp]\nmessage = \"300ms\"\n[dns.encrypted]\nidle = \"1s\"\n");
    let _server = site.start();
    let mut stalled = site.tls().await;
    stalled.write_all(&[0, 40, 1]).await.unwrap();
    let mut silent = site.tls().await;
    let began = Instant::now();
    let mut rest = Vec::new();
    let _ = timeout(PATIENCE, stalled.read_to_end(&mut rest)).await.unwrap();
    let stalled_for = began.elapsed();
    let _ = timeout(PATIENCE, silent.read_to_end(&mut rest)).await.unwrap();
    assert!(stalled_for < began.elapsed() && rest.is_empty());
}
