//! UDP: batches, the address that was asked, stopping.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use pointsman::answer::published::Published;
use pointsman::clock::SystemClock;
use pointsman::serve::counters::Counters;
use pointsman::serve::udp::{self, BUFFER, Front, UdpWorkers};
use pointsman::serve::{listen, transactions::Transactions};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::fixture::{answers, query, refusing};

struct Server {
    address: SocketAddr,
    counters: Arc<Counters>,
    workers: UdpWorkers,
    datagrams: mpsc::Receiver<udp::Datagram>,
}

fn serve(address: &str, workers: usize) -> Server {
    serve_from(refusing(), address, workers)
}

fn serve_from(published: Arc<Published>, address: &str, workers: usize) -> Server {
    let sockets = listen::udp(address.parse().unwrap(), workers, BUFFER).unwrap();
    let address = sockets[0].local_addr().unwrap();
    let counters = Arc::new(Counters::new());
    let (transactions, datagrams) = mpsc::channel(16);
    let front = Front {
        published,
        clock: SystemClock::start(),
        counters: Arc::clone(&counters),
        transactions,
        sampler: Arc::default(),
        affinity: false,
    };
    let workers = udp::spawn(sockets, &front, false).unwrap();
    Server {
        address,
        counters,
        workers,
        datagrams,
    }
}

fn client(address: &str) -> UdpSocket {
    let socket = UdpSocket::bind(address).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    socket
}

fn asked(socket: &UdpSocket, server: SocketAddr, id: u16) -> SocketAddr {
    socket.send_to(&query(id, &["www", "test"]), server).unwrap();
    let mut answer = [0; 4096];
    let (length, from) = socket.recv_from(&mut answer).unwrap();
    assert!(answers(&answer[..length], id));
    from
}

fn end(server: Server) {
    server.workers.stop();
    server.workers.join();
}

#[test]
fn a_burst_is_answered_whole_and_counted() {
    let server = serve("127.0.0.1:0", 2);
    let sockets: Vec<UdpSocket> = (0..8).map(|_| client("127.0.0.1:0")).collect();
    for id in 0..100 {
        for socket in &sockets {
            socket.send_to(&query(id, &["a"]), server.address).unwrap();
        }
    }
    for socket in &sockets {
        let mut seen = [false; 100];
        let mut answer = [0; 512];
        for _ in 0..100 {
            let length = socket.recv(&mut answer).unwrap();
            let id = u16::from_be_bytes([answer[0], answer[1]]);
            assert!(answers(&answer[..length], id));
            assert!(
                !std::mem::replace(&mut seen[usize::from(id)], true),
                "answered twice"
            );
        }
    }
    let counters = Arc::clone(&server.counters);
    end(server);
    let total = counters.total("udp");
    assert_eq!((total.queries, total.answers, total.of_rcode(5)), (800, 800, 800));
    assert_eq!(
        (
            total.dropped,
            total.send_errors,
            total.receive_errors,
            total.overflows
        ),
        (0, 0, 0, 0)
    );
}

#[test]
fn the_wildcard_answers_from_the_address_that_was_asked() {
    let server = serve("0.0.0.0:0", 1);
    for ip in ["127.0.0.1", "127.0.0.9", "127.1.2.3"] {
        let target = SocketAddr::new(ip.parse().unwrap(), server.address.port());
        assert_eq!(asked(&client("0.0.0.0:0"), target, 7), target);
    }
    end(server);
}

#[test]
fn ipv6_is_answered_at_its_address_and_at_the_wildcard() {
    for bound in ["[::1]:0", "[::]:0"] {
        let server = serve(bound, 1);
        let target = SocketAddr::new("::1".parse().unwrap(), server.address.port());
        assert_eq!(asked(&client("[::1]:0"), target, 8), target);
        end(server);
    }
}

#[test]
fn runts_responses_and_overlong_datagrams_are_dropped_and_the_rest_goes_on() {
    let server = serve("127.0.0.1:0", 1);
    let socket = client("127.0.0.1:0");
    let mut response = query(1, &["a"]);
    response[2] |= 0x80;
    for odd in [&b""[..], b"x", &[0; 11], &response, &[0; 5000], &[0xff; 60_000]] {
        socket.send_to(odd, server.address).unwrap();
    }
    assert_eq!(asked(&socket, server.address, 9), server.address);
    let counters = Arc::clone(&server.counters);
    end(server);
    let total = counters.total("udp");
    assert_eq!((total.queries, total.answers), (7, 1));
    assert_eq!(total.dropped, 6);
}

#[test]
fn stopping_is_prompt_and_answers_what_was_queued() {
    let server = serve("127.0.0.1:0", 1);
    let socket = client("127.0.0.1:0");
    for id in 0..50 {
        socket.send_to(&query(id, &["a"]), server.address).unwrap();
    }
    let began = Instant::now();
    end(server);
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    let mut answer = [0; 512];
    for _ in 0..50 {
        socket.recv(&mut answer).unwrap();
    }
}

#[test]
fn an_idle_worker_lets_go_of_a_snapshot_that_is_no_longer_in_force() {
    let published = refusing();
    let server = serve_from(Arc::clone(&published), "127.0.0.1:0", 1);
    asked(&client("127.0.0.1:0"), server.address, 1);
    let old = Arc::downgrade(&published.load_full());
    published.store(refusing().load_full());
    let began = Instant::now();
    while old.strong_count() > 0 {
        assert!(
            began.elapsed() < Duration::from_secs(5),
            "a million records would still be held"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    end(server);
}

#[tokio::test]
async fn a_transaction_is_answered_from_the_address_that_was_asked() {
    let server = serve("0.0.0.0:0", 1);
    let stop = CancellationToken::new();
    let transactions = Transactions::new(refusing(), SystemClock::start());
    let task = tokio::spawn(transactions.serve_datagrams(server.datagrams, stop.clone()));
    let target = SocketAddr::new("127.0.0.9".parse().unwrap(), server.address.port());
    let mut transfer = query(77, &["test"]);
    let at = transfer.len() - 3;
    transfer[at] = 252;
    let answer = tokio::task::spawn_blocking(move || {
        let socket = client("0.0.0.0:0");
        socket.send_to(&transfer, target).unwrap();
        let mut answer = [0; 512];
        let (length, from) = socket.recv_from(&mut answer).unwrap();
        assert_eq!(from, target);
        answer[..length].to_vec()
    });
    let answer = answer.await.unwrap();
    assert!(answers(&answer, 77));
    assert_eq!(answer[3] & 15, 9, "NOTAUTH: there is no such zone");
    stop.cancel();
    task.await.unwrap();
    server.workers.stop();
    server.workers.join();
    assert_eq!(server.counters.total("udp").transactions, 1);
}
