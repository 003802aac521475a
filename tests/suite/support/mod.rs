//! The real binary in a fresh folder, practice backends, a DNS client.

pub(crate) mod backend;
pub(crate) mod browser;
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

/// A port that is free for UDP and TCP on every loopback address, and that no other call gives out again. It lies below
/// the range that the kernel takes for outgoing connections (`ip_local_port_range`, 32768 and above): a probe of another
/// test would else take a port between its choice and its use.
pub(crate) fn free_port() -> u16 {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU32, Ordering};
    const FIRST: u32 = 10_000;
    const COUNT: u32 = 22_000;
    static NEXT: OnceLock<AtomicU32> = OnceLock::new();
    // Several test programs may run at once.
    let next = NEXT.get_or_init(|| AtomicU32::new(std::process::id().wrapping_mul(7_919) % COUNT));
    for _ in 0..COUNT {
        let port = FIRST + next.fetch_add(1, Ordering::Relaxed) % COUNT;
        let Ok(port) = u16::try_from(port) else { continue };
        let anywhere = std::net::SocketAddr::from(([0, 0, 0, 0], port));
        if std::net::TcpListener::bind(anywhere).is_ok() && std::net::UdpSocket::bind(anywhere).is_ok() {
            return port;
        }
    }
    panic!("no port is free");
}
