//! `serve --takeover`: one server takes over from another, the real binary under load.
//!
//! `POINTSMAN_TAKEOVERS=100 POINTSMAN_RATE=50000 cargo test --release --test suite -- takeover::load --nocapture` is the
//! long form.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hickory_proto::rr::RecordType;

use crate::support::server::{BINARY, Folder};
use crate::support::{dns, wait_until};

/// A server of a chain; killed when dropped.
struct Link {
    child: Child,
    log: std::path::PathBuf,
}

impl Link {
    fn start(folder: &Folder, nth: usize, more: &[&str]) -> Self {
        let log = folder.path(&format!("log-{nth}"));
        let file = std::fs::File::create(&log).expect("a log");
        let child = Command::new(BINARY)
            .args(["serve", "--log-format", "json"])
            .args(more)
            .arg("--config")
            .arg(folder.path("pointsman.toml"))
            .stdin(Stdio::null())
            .stderr(file)
            .spawn()
            .expect("starts");
        Self { child, log }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Waits until it logs this.
    fn wait_for(&self, what: &str) {
        let begun = Instant::now();
        while !self.log().contains(what) {
            assert!(
                begun.elapsed() < Duration::from_secs(60),
                "no `{what}`:\n{}",
                self.log()
            );
            std::thread::park_timeout(Duration::from_millis(10));
        }
    }

    /// Waits until it has ended by itself; its exit code.
    fn end(&mut self, within: Duration) -> Option<i32> {
        let mut code = None;
        wait_until(&format!("ends; log:\n{}", self.log()), within, || {
            code = self.child.try_wait().expect("is asked");
            code.is_some()
        });
        code.and_then(|status| status.code())
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const SERVICE: &str = "[services.www]\npolicy = \"weighted\"\nendpoints = [{ name = \"a\", address = \"192.0.2.1\" }, \
                       { name = \"b\", address = \"192.0.2.2\" }]";

fn begin() -> (Folder, Link) {
    let folder = Folder::new("");
    folder.zone(SERVICE);
    let first = Link::start(&folder, 0, &[]);
    first.wait_for("listening (UDP and TCP)");
    wait_until("the control socket is there", Duration::from_secs(10), || {
        folder.path("state/control.sock").exists()
    });
    (folder, first)
}

/// Asks over a connection; the answer's octets.
fn ask(client: &mut TcpStream) -> Option<Vec<u8>> {
    let query = dns::query("static.example.test.", RecordType::A)
        .to_vec()
        .expect("encodes");
    let mut message = u16::try_from(query.len()).expect("short").to_be_bytes().to_vec();
    message.extend(query);
    client.write_all(&message).ok()?;
    let mut length = [0; 2];
    client.read_exact(&mut length).ok()?;
    let mut answer = vec![0; usize::from(u16::from_be_bytes(length))];
    client.read_exact(&mut answer).ok()?;
    Some(answer)
}

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().expect("a number"))
}

/// Sends at a fixed rate and counts what comes back, by sockets and numbers of messages.
struct Load {
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
    received: Arc<AtomicU64>,
    threads: Vec<std::thread::JoinHandle<()>>,
}

impl Load {
    fn start(server: SocketAddr, rate: u64) -> Self {
        let load = Self {
            stop: Arc::default(),
            sent: Arc::default(),
            received: Arc::default(),
            threads: Vec::new(),
        };
        let asked = dns::query("static.example.test.", RecordType::A)
            .to_vec()
            .expect("encodes");
        // Of several clients, so that every worker has some.
        (0..4).fold(load, |mut load, _| {
            let socket =
                socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None).expect("a socket");
            let _ = socket.set_recv_buffer_size(4 << 20);
            socket
                .bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())
                .expect("binds");
            let socket: UdpSocket = socket.into();
            socket.connect(server).expect("connects");
            socket
                .set_read_timeout(Some(Duration::from_millis(100)))
                .expect("a timeout");
            let reader = socket.try_clone().expect("a socket");
            let (stop, sent, mut query) = (Arc::clone(&load.stop), Arc::clone(&load.sent), asked.clone());
            let share = rate / 4;
            load.threads.push(std::thread::spawn(move || {
                let begun = Instant::now();
                let mut count = 0u64;
                while !stop.load(Ordering::Acquire) {
                    let due = u64::try_from(begun.elapsed().as_micros()).unwrap() * share / 1_000_000;
                    while count < due {
                        query[..2].copy_from_slice(&u16::try_from(count % 65_536).unwrap().to_be_bytes());
                        socket.send(&query).expect("sends");
                        count += 1;
                        sent.fetch_add(1, Ordering::Relaxed);
                    }
                    std::thread::sleep(Duration::from_micros(500));
                }
            }));
            let (stop, received) = (Arc::clone(&load.stop), Arc::clone(&load.received));
            load.threads.push(std::thread::spawn(move || {
                // Numbers come again after 65,536 queries: sooner it is a second answer to one of them.
                let (mut last, mut count) = (vec![0u64; 65_536], 65_536u64);
                let mut octets = [0; 512];
                loop {
                    match reader.recv(&mut octets) {
                        Ok(length) if length > 12 && octets[7] == 1 => {
                            let id = usize::from(u16::from_be_bytes([octets[0], octets[1]]));
                            count += 1;
                            assert!(count - last[id] > 16_384, "two answers to one query");
                            last[id] = count;
                            received.fetch_add(1, Ordering::Relaxed);
                        }
                        Ok(_) => panic!("a wrong answer"),
                        Err(_) if stop.load(Ordering::Acquire) => return,
                        Err(_) => {}
                    }
                }
            }));
            load
        })
    }

    /// How many were sent, and how many answered.
    fn end(self) -> (u64, u64) {
        self.stop.store(true, Ordering::Release);
        for thread in self.threads {
            thread.join().expect("a thread");
        }
        (
            self.sent.load(Ordering::Relaxed),
            self.received.load(Ordering::Relaxed),
        )
    }
}

#[test]
fn load_loses_no_query_and_tcp_clients_finish_while_one_server_after_another_takes_over() {
    let (takeovers, rate) = (number("POINTSMAN_TAKEOVERS", 3), number("POINTSMAN_RATE", 2000));
    let (folder, mut current) = begin();
    let load = Load::start(folder.dns, rate);
    for nth in 1..=usize::try_from(takeovers).unwrap() {
        let mut client = TcpStream::connect(folder.dns).expect("connects");
        assert!(ask(&mut client).is_some());
        let next = Link::start(&folder, nth, &["--takeover", "--shadow-for", "0.1"]);
        next.wait_for("listening (UDP and TCP)");
        // Whoever was connected is answered still.
        let answer = ask(&mut client);
        assert!(answer.is_some(), "a connection was cut; log:\n{}", current.log());
        drop(client);
        assert_eq!(
            current.end(Duration::from_secs(30)),
            Some(0),
            "log:\n{}",
            current.log()
        );
        current = next;
    }
    let (sent, received) = load.end();
    println!("{takeovers} takeovers at {rate}/s: {sent} queries, {received} answers");
    assert_eq!(sent, received, "queries were lost");
    let verified = folder.run(&["events", "verify"]);
    assert!(verified.status.success(), "{verified:?}");
}

#[test]
fn a_successor_that_would_answer_otherwise_is_refused_unless_that_was_announced() {
    let (folder, mut first) = begin();
    folder.write(
        "zones/example.test.records",
        "$TTL 300\n@ SOA ns1 hostmaster 1 3600 600 604800 60\n@ NS ns1\nns1 A 192.0.2.53\nstatic A 192.0.2.81\n",
    );
    let mut refused = Link::start(&folder, 1, &["--takeover", "--shadow-for", "0.1"]);
    assert_eq!(refused.end(Duration::from_secs(60)), Some(1));
    let said = refused.log();
    assert!(
        said.contains("static.example.test. A") && said.contains("192.0.2.80") && said.contains("192.0.2.81"),
        "{said}"
    );
    let answer = dns::udp(folder.dns, "static.example.test.", RecordType::A).expect("is answered");
    assert_eq!(
        answer.answers[0].data.to_string(),
        "192.0.2.80",
        "the old server goes on"
    );
    let meant = Link::start(&folder, 2, &["--takeover", "--announce-plan"]);
    assert_eq!(
        first.end(Duration::from_secs(60)),
        Some(0),
        "log:\n{}",
        meant.log()
    );
    let answer = dns::udp(folder.dns, "static.example.test.", RecordType::A).expect("is answered");
    assert_eq!(answer.answers[0].data.to_string(), "192.0.2.81");
}

#[test]
fn a_successor_that_dies_at_any_moment_leaves_the_server_as_it_was() {
    let (folder, mut first) = begin();
    for (nth, pause) in [0, 20, 60, 110, 130, 160].into_iter().enumerate() {
        let mut dying = Link::start(&folder, 10 + nth, &["--takeover", "--shadow-for", "0.05"]);
        wait_until(
            &format!("asks; log:\n{}", first.log()),
            Duration::from_secs(20),
            || dying.log().contains("taking over from"),
        );
        std::thread::park_timeout(Duration::from_millis(pause));
        dying.child.kill().expect("kills");
        dying.child.wait().expect("ends");
        let mut over = false;
        wait_until(
            "somebody answers, or it was too late",
            Duration::from_secs(20),
            || {
                over = dying.log().contains("takes over from process")
                    || first.log().contains("a successor has taken over");
                over || dns::udp(folder.dns, "static.example.test.", RecordType::A).is_some()
            },
        );
        if over {
            // It had taken over before it died: there is nobody to go on.
            return;
        }
    }
    let successor = Link::start(&folder, 30, &["--takeover"]);
    assert_eq!(
        first.end(Duration::from_secs(60)),
        Some(0),
        "log:\n{}",
        successor.log()
    );
}
