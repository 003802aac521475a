//! The real binary in a fresh folder, practice backends, a DNS client.

pub(crate) mod backend;
pub(crate) mod dns;
pub(crate) mod http;
pub(crate) mod mmdb;
pub(crate) mod plans;
pub(crate) mod postgres;
pub(crate) mod redis;
pub(crate) mod server;

use std::time::{Duration, Instant};

/// How often a condition is looked at.
const LOOK: Duration = Duration::from_millis(5);

/// Looks at `condition` until it holds; the time it took.
///
/// # Panics
/// After `patience`, with `what`.
pub(crate) fn wait_until(what: &str, patience: Duration, mut condition: impl FnMut() -> bool) -> Duration {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < patience, "not within {patience:?}: {what}");
        std::thread::park_timeout(LOOK);
    }
    began.elapsed()
}

/// A port that is free for UDP and TCP on 127.0.0.1 (and was a moment ago).
pub(crate) fn free_port() -> u16 {
    loop {
        let tcp = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = tcp.local_addr().expect("bound");
        if std::net::UdpSocket::bind(address).is_ok() {
            return address.port();
        }
    }
}
