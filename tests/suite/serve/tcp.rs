//! TCP: pipelining, half-closed clients, limits of time and number, shortage, stopping.

use std::time::Duration;

use pointsman::model::plan::TcpSettings;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use super::fixture::{TCP, Tcp, answers, query, refusing, tcp};

fn framed(message: &[u8]) -> Vec<u8> {
    [&(message.len() as u16).to_be_bytes()[..], message].concat()
}

async fn connect(server: &Tcp) -> TcpStream {
    TcpStream::connect(server.address).await.unwrap()
}

async fn answer(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let length = stream.read_u16().await?;
    let mut message = vec![0; length.into()];
    stream.read_exact(&mut message).await?;
    Ok(message)
}

async fn asked(stream: &mut TcpStream, id: u16) {
    stream
        .write_all(&framed(&query(id, &["www", "test"])))
        .await
        .unwrap();
    assert!(answers(&answer(stream).await.unwrap(), id));
}

/// Waits until `what` holds: a worker counts after it has written.
async fn counted(what: impl Fn() -> bool) {
    let waiting = async {
        while !what() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(Duration::from_secs(10), waiting)
        .await
        .expect("it is counted");
}

/// Whether the server closed: end or reset.
async fn closed(stream: &mut TcpStream) -> bool {
    matches!(stream.read(&mut [0; 16]).await, Ok(0) | Err(_))
}

#[tokio::test]
async fn pipelined_queries_are_all_answered() {
    let server = tcp(refusing(), TCP);
    let mut stream = connect(&server).await;
    let all: Vec<u8> = (0..2000)
        .flat_map(|id| framed(&query(id, &["a", "test"])))
        .collect();
    let (mut reader, mut writer) = stream.split();
    let write = async { writer.write_all(&all).await.unwrap() };
    let read = async {
        for id in 0..2000 {
            let length = reader.read_u16().await.unwrap();
            let mut message = vec![0; length.into()];
            reader.read_exact(&mut message).await.unwrap();
            assert!(answers(&message, id), "answers come in order here");
        }
    };
    tokio::join!(write, read);
    counted(|| server.counters.total("tcp").answers == 2000).await;
}

#[tokio::test]
async fn a_query_that_comes_octet_by_octet_is_answered() {
    let server = tcp(refusing(), TCP);
    let mut stream = connect(&server).await;
    stream.set_nodelay(true).unwrap();
    for octet in framed(&query(5, &["a"])) {
        stream.write_all(&[octet]).await.unwrap();
        tokio::task::yield_now().await;
    }
    assert!(answers(&answer(&mut stream).await.unwrap(), 5));
}

#[tokio::test]
async fn a_client_that_sends_no_more_gets_its_answers_then_the_end() {
    let server = tcp(refusing(), TCP);
    let mut stream = connect(&server).await;
    let all: Vec<u8> = (0..300).flat_map(|id| framed(&query(id, &["a"]))).collect();
    stream.write_all(&all).await.unwrap();
    stream.shutdown().await.unwrap();
    for id in 0..300 {
        assert!(answers(&answer(&mut stream).await.unwrap(), id));
    }
    assert!(closed(&mut stream).await);
}

#[tokio::test]
async fn empty_frames_runts_and_responses_are_ignored() {
    let server = tcp(refusing(), TCP);
    let mut stream = connect(&server).await;
    let mut response = query(1, &["a"]);
    response[2] |= 0x80;
    for odd in [&b""[..], b"x", &[0; 11], &response] {
        stream.write_all(&framed(odd)).await.unwrap();
    }
    asked(&mut stream, 6).await;
    counted(|| {
        let total = server.counters.total("tcp");
        (total.queries, total.dropped, total.answers) == (5, 4, 1)
    })
    .await;
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_the_idle_time_and_not_before() {
    let idle = Duration::from_millis(600);
    let server = tcp(refusing(), TcpSettings { idle, ..TCP });
    let mut stream = connect(&server).await;
    let opened = Instant::now();
    let mut ticks = tokio::time::interval(Duration::from_millis(100));
    let mut last = opened;
    while opened.elapsed() < idle * 2 {
        ticks.tick().await;
        last = Instant::now();
        asked(&mut stream, 1).await;
    }
    assert!(closed(&mut stream).await);
    assert!(last.elapsed() >= idle, "{:?}", last.elapsed());
    assert_eq!(server.counters.total("tcp").connections_stalled, 0);
}

#[tokio::test]
async fn a_message_that_does_not_come_whole_is_given_up() {
    let message = Duration::from_millis(500);
    let server = tcp(refusing(), TcpSettings { message, ..TCP });
    let mut stream = connect(&server).await;
    asked(&mut stream, 1).await;
    let began = Instant::now();
    // Each octet is progress, but the message has its time in all.
    let mut ticks = tokio::time::interval(Duration::from_millis(50));
    stream.write_all(&[1, 0]).await.unwrap();
    let closing = async {
        loop {
            tokio::select! {
                closed = stream.read_u8() => return assert!(closed.is_err()),
                _ = ticks.tick() => {}
            }
            let _ = stream.write_all(b"x").await;
        }
    };
    timeout(Duration::from_secs(10), closing)
        .await
        .expect("it is closed");
    assert!(began.elapsed() >= message, "{:?}", began.elapsed());
    counted(|| server.counters.total("tcp").connections_stalled == 1).await;
    assert_eq!(server.server.connections(), 0);
}

#[tokio::test]
async fn a_busy_connection_ends_at_its_age_limit() {
    let total = Duration::from_millis(800);
    let server = tcp(refusing(), TcpSettings { total, ..TCP });
    let mut stream = connect(&server).await;
    let opened = Instant::now();
    let query = framed(&query(1, &["a"]));
    while stream.write_all(&query).await.is_ok() && answer(&mut stream).await.is_ok() {
        assert!(opened.elapsed() < Duration::from_secs(20));
    }
    assert!(opened.elapsed() >= total, "{:?}", opened.elapsed());
}

#[tokio::test]
async fn changed_settings_hold_for_open_connections() {
    let server = tcp(
        refusing(),
        TcpSettings {
            idle: Duration::from_millis(400),
            ..TCP
        },
    );
    let mut stream = connect(&server).await;
    let opened = Instant::now();
    asked(&mut stream, 1).await;
    let longer = Duration::from_millis(1500);
    server.settings.send_modify(|settings| settings.idle = longer);
    assert!(closed(&mut stream).await);
    assert!(opened.elapsed() >= longer, "{:?}", opened.elapsed());

    let mut stream = connect(&server).await;
    server
        .settings
        .send_modify(|settings| settings.idle = Duration::from_secs(60));
    asked(&mut stream, 1).await;
    server
        .settings
        .send_modify(|settings| settings.idle = Duration::from_millis(100));
    timeout(Duration::from_secs(20), closed(&mut stream))
        .await
        .expect("a shorter time holds at once");
}

#[tokio::test]
async fn a_connection_ends_after_so_many_queries() {
    let server = tcp(refusing(), TcpSettings { queries: 3, ..TCP });
    let mut stream = connect(&server).await;
    for id in 0..3 {
        asked(&mut stream, id).await;
    }
    assert!(closed(&mut stream).await);
}

#[tokio::test]
async fn one_network_holds_no_more_than_its_part() {
    let server = tcp(refusing(), TcpSettings { per_prefix: 4, ..TCP });
    let mut held = Vec::new();
    for id in 0..10 {
        let mut stream = connect(&server).await;
        asked(&mut stream, id).await;
        held.push(stream);
        assert!(server.server.connections() <= 4);
    }
    counted(|| server.counters.total("tcp").connections_evicted == 6).await;
    assert!(closed(&mut held[0]).await, "the longest without an answer goes");
    asked(&mut held[9], 10).await;
}

#[tokio::test]
async fn one_network_opens_no_more_than_so_many_a_second() {
    let server = tcp(
        refusing(),
        TcpSettings {
            new_per_prefix: 5,
            ..TCP
        },
    );
    let query = framed(&query(1, &["a"]));
    for _ in 0..40 {
        let mut stream = connect(&server).await;
        let _ = stream.write_all(&query).await;
    }
    counted(|| {
        let total = server.counters.total("tcp");
        total.connections + total.connections_refused == 40 && total.connections >= 5
    })
    .await;
    assert!(server.counters.total("tcp").connections_refused >= 10);
}

#[tokio::test]
async fn a_client_that_reads_no_answers_is_bounded_and_cut() {
    let settings = TcpSettings {
        message: Duration::from_millis(300),
        ..TCP
    };
    let server = tcp(refusing(), settings);
    let mut stream = connect(&server).await;
    let flood: Vec<u8> = (0..2000)
        .flat_map(|id| framed(&query(id, &["deaf", "test"])))
        .collect();
    // The kernel's buffers fill, then ours, then the server reads no more: our writes stop, and it hangs up.
    let cut = timeout(Duration::from_secs(20), async {
        while stream.write_all(&flood).await.is_ok() {}
    });
    cut.await.expect("the connection is cut");
    counted(|| server.counters.total("tcp").connections_stalled == 1).await;
    asked(&mut connect(&server).await, 1).await;
}

#[tokio::test]
async fn four_hundred_idle_and_sixty_stalled_clients_keep_nobody_waiting() {
    let server = tcp(
        refusing(),
        TcpSettings {
            connections: 256,
            per_client: 64,
            per_prefix: 100,
            new_per_prefix: 0,
            queries: 0,
            ..TCP
        },
    );
    let mut held = Vec::new();
    for index in 0..460 {
        let mut stream = connect(&server).await;
        if index >= 400 {
            stream.write_all(b"\0\x20ab").await.unwrap();
        } else {
            asked(&mut stream, index).await;
        }
        held.push(stream);
    }
    let began = Instant::now();
    asked(&mut connect(&server).await, 461).await;
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    assert!(server.server.connections() <= 64);
    counted(|| {
        let total = server.counters.total("tcp");
        (total.connections, total.connections_refused) == (461, 0) && total.connections_evicted >= 461 - 64
    })
    .await;
}

#[tokio::test]
async fn the_client_that_works_is_not_the_one_that_makes_room() {
    let server = tcp(
        refusing(),
        TcpSettings {
            connections: 3,
            per_client: 3,
            per_prefix: 100,
            new_per_prefix: 0,
            queries: 0,
            ..TCP
        },
    );
    let mut works = connect(&server).await;
    asked(&mut works, 1).await;
    let mut idle = connect(&server).await;
    asked(&mut idle, 2).await;
    asked(&mut connect(&server).await, 2).await;
    asked(&mut works, 3).await;
    let mut newcomers = Vec::new();
    for id in 4..6 {
        let mut newcomer = connect(&server).await;
        asked(&mut newcomer, id).await;
        newcomers.push(newcomer);
    }
    assert!(closed(&mut idle).await, "the longest without an answer goes");
    asked(&mut works, 9).await;
}

#[tokio::test]
async fn clients_that_reset_amid_the_answers_do_no_harm() {
    let server = tcp(refusing(), TCP);
    for _ in 0..50 {
        let mut stream = connect(&server).await;
        stream.set_zero_linger().unwrap();
        let all: Vec<u8> = (0..100).flat_map(|id| framed(&query(id, &["a"]))).collect();
        stream.write_all(&all).await.unwrap();
    }
    asked(&mut connect(&server).await, 1).await;
}

#[tokio::test]
async fn stopping_closes_every_connection_and_ends_every_task() {
    let server = tcp(refusing(), TCP);
    let mut streams = Vec::new();
    for id in 0..20 {
        let mut stream = connect(&server).await;
        asked(&mut stream, id).await;
        streams.push(stream);
    }
    assert_eq!(server.server.connections(), 20);
    server.stop.cancel();
    server.tracker.close();
    timeout(Duration::from_secs(5), server.tracker.wait())
        .await
        .expect("all tasks end");
    for stream in &mut streams {
        assert!(closed(stream).await);
    }
    assert!(TcpStream::connect(server.address).await.is_err());
}

/// `query` with an OPT that has these options.
fn with_options(mut query: Vec<u8>, options: &[u8]) -> Vec<u8> {
    query[11] = 1;
    query.extend_from_slice(&[0, 0, 41, 4, 208, 0, 0, 0, 0, 0, options.len() as u8]);
    query.extend_from_slice(options);
    query
}

#[tokio::test]
async fn whoever_asks_is_told_how_long_a_connection_may_be_idle() {
    let server = tcp(refusing(), TCP);
    let mut stream = connect(&server).await;
    for (options, rcode, said) in [
        (&b"\0\x0b\0\0"[..], 5, &b"\0\x06\0\x0b\0\x02\x01\x2c"[..]),
        (b"", 5, b"\0\0"),
        // A client must not propose a time (RFC 7828 section 3.2.1).
        (b"\0\x0b\0\x02\0\x64", 1, b"\0\0"),
    ] {
        let query = with_options(query(7, &["www", "test"]), options);
        stream.write_all(&framed(&query)).await.unwrap();
        let answer = answer(&mut stream).await.unwrap();
        assert!(
            answers(&answer, 7) && answer[3] & 15 == rcode && answer.ends_with(said),
            "{answer:?}"
        );
    }
}
