//! A thousand clients that begin a handshake and do no more: an honest one hardly notices.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::ClientConnection;
use rustls::pki_types::ServerName;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpStream, UdpSocket};

use super::clients::{Site, ask, ask_quic, local, query};

/// Honest clients that are measured each time.
const SAMPLES: usize = 150;
/// What the stalled ones may add to the 99th percentile.
const MOST: Duration = Duration::from_millis(50);

/// Stalled clients: sockets that are held open.
#[derive(Default)]
struct Stalled {
    streams: Vec<TcpStream>,
    datagrams: Vec<UdpSocket>,
}

/// 350 connections that say nothing, 350 that say half a greeting, 300 first packets of QUIC.
async fn stall(site: &Site) -> Stalled {
    let mut stalled = Stalled::default();
    let config = Arc::new(site.client(&["dot"]));
    for index in 0..700 {
        let mut stream = TcpStream::connect(site.secure()).await.unwrap();
        if index % 2 == 0 {
            let name = ServerName::try_from("localhost").unwrap();
            let mut client = ClientConnection::new(Arc::clone(&config), name).unwrap();
            let mut greeting = Vec::new();
            client.write_tls(&mut greeting).unwrap();
            stream.write_all(&greeting[..greeting.len() / 2]).await.unwrap();
        }
        stalled.streams.push(stream);
    }
    for packet in initials(site, 300).await {
        let socket = UdpSocket::bind(local(0)).await.unwrap();
        socket.send_to(&packet, site.secure()).await.unwrap();
        stalled.datagrams.push(socket);
    }
    stalled
}

/// First packets of clients of QUIC, each of another connection.
async fn initials(site: &Site, count: usize) -> Vec<Vec<u8>> {
    let sink = UdpSocket::bind(local(0)).await.unwrap();
    let crypto = quinn::crypto::rustls::QuicClientConfig::try_from(site.client(&["doq"])).unwrap();
    let config = quinn::ClientConfig::new(Arc::new(crypto));
    let endpoint = quinn::Endpoint::client(local(0)).unwrap();
    let mut packets = Vec::new();
    let mut octets = vec![0; 2048];
    for _ in 0..count {
        let connecting = endpoint
            .connect_with(config.clone(), sink.local_addr().unwrap(), "localhost")
            .unwrap();
        let length = sink.recv(&mut octets).await.unwrap();
        packets.push(octets[..length].to_vec());
        drop(connecting);
    }
    packets
}

/// How long honest clients take, from the first packet to the answer: by TLS, by QUIC.
async fn honest(site: &Site) -> [Duration; 2] {
    let question = query("static.example.test", 1, None);
    let (mut tls, mut quic) = (Vec::new(), Vec::new());
    for _ in 0..SAMPLES {
        let began = Instant::now();
        let mut stream = site.tls().await;
        ask(&mut stream, &question).await.unwrap();
        tls.push(began.elapsed());
        let began = Instant::now();
        let connection = site.quic().await;
        ask_quic(&connection, &question).await;
        quic.push(began.elapsed());
    }
    [p99(tls), p99(quic)]
}

fn p99(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() * 99 / 100]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_stalled_handshakes_do_not_delay_an_honest_client() {
    pointsman::sys::limit::raise_open_files().unwrap();
    let site = Site::new("");
    let _server = site.start();
    let mut told = Vec::new();
    // What else the machine does is noise: one quiet round of three is enough.
    for _ in 0..3 {
        let before = honest(&site).await;
        let stalled = stall(&site).await;
        let beside = honest(&site).await;
        drop(stalled);
        let added = [0, 1].map(|way| beside[way].saturating_sub(before[way]));
        told.push((before, beside));
        if added.iter().all(|added| *added <= MOST) {
            eprintln!("p99 of TLS and QUIC, before and beside the stalled ones: {told:?}");
            return;
        }
    }
    panic!("p99 of TLS and QUIC, before and beside the stalled ones: {told:?}");
}

#[tokio::test]
async fn handshakes_are_limited_in_number_and_time() {
    let site = Site::new("[dns.encrypted]\nhandshakes_per_client = 4\nhandshake = \"1s\"\n");
    let _server = site.start();
    let mut streams = Vec::new();
    for _ in 0..20 {
        streams.push(TcpStream::connect(site.secure()).await.unwrap());
    }
    let began = Instant::now();
    let closed = async |stream: &mut TcpStream| {
        use tokio::io::AsyncReadExt;
        let _ = stream.read(&mut [0; 64]).await;
        began.elapsed()
    };
    let mut times = Vec::new();
    for stream in &mut streams {
        times.push(closed(stream).await);
    }
    // The first ones made room; the last ones were cut by time.
    assert!(times[10] < Duration::from_millis(900), "{times:?}");
    assert!(times[19] >= Duration::from_millis(500), "{times:?}");
    let api: SocketAddr = site.folder.api;
    let _ = rustls::crypto::ring::default_provider().install_default();
    let page = reqwest::get(format!("http://{api}/metrics")).await.unwrap();
    let page = page.text().await.unwrap();
    let count = |series: &str| {
        let line = page.lines().find(|line| line.starts_with(series));
        line.and_then(|line| line.rsplit(' ').next()?.parse::<u64>().ok())
    };
    let broken = count("pointsman_handshakes_failed_total{transport=\"tls\",reason=\"broken\"}");
    let evicted = count("pointsman_handshakes_failed_total{transport=\"tls\",reason=\"evicted\"}");
    assert_eq!((broken, evicted), (Some(4), Some(16)));
}
