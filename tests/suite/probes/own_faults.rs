//! What is this node's own fault, and what the network's: in processes that are given too little, by calling this
//! binary again with one ignored test.

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use pointsman::health::observation::FaultClass::{Local, Unreachable};
use pointsman::health::observation::Phase::Connect;

use super::Expect::Bad;
use super::{hold, http, probe, target, tcp};

const BUDGET: Duration = Duration::from_secs(2);

/// Runs one ignored test of this module after `before`, a piece of shell.
fn run_apart(before: &str, test: &str) {
    let output = Command::new("sh")
        .args(["-c", &format!("{before} \"$0\" --ignored --exact \"$1\"")])
        .arg(std::env::current_exe().unwrap())
        .arg(format!("probes::own_faults::{test}"))
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && told.contains("1 passed"),
        "{told}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn a_process_without_file_descriptors_blames_itself() {
    run_apart("ulimit -n 64; exec", "without_file_descriptors");
}

#[tokio::test]
#[ignore = "run in a process of its own, with few file descriptors"]
async fn without_file_descriptors() {
    let address: SocketAddr = "127.0.0.1:9".parse().unwrap();
    let mut taken = Vec::new();
    while let Ok(file) = std::fs::File::open("/dev/null") {
        taken.push(file);
    }
    for kind in [tcp(None, None), http("/", |_| {})] {
        let seen = probe(&target(kind, address), BUDGET).await;
        hold(
            "no descriptor",
            &seen,
            &Bad(Connect, Local, "no free file descriptor"),
        )
        .unwrap();
    }
}

#[test]
fn a_network_without_a_route_is_unreachable() {
    run_apart("exec unshare --map-root-user --net", "without_a_route");
}

#[tokio::test]
#[ignore = "run in a network namespace of its own, in which there is nothing"]
async fn without_a_route() {
    for (address, expect) in [
        ("192.0.2.1:80", Bad(Connect, Unreachable, "network unreachable")),
        (
            "[2001:db8::1]:80",
            Bad(Connect, Local, "no address of that family"),
        ),
    ] {
        let seen = probe(&target(tcp(None, None), address.parse().unwrap()), BUDGET).await;
        hold(address, &seen, &expect).unwrap();
    }
}

#[test]
fn routes_that_reject_are_told_apart() {
    run_apart(
        "exec unshare --map-root-user --net sh -c 'ip link set lo up && ip addr add 192.0.2.254/32 dev lo && \
         ip route add unreachable 192.0.2.1/32 && ip route add blackhole 192.0.2.2/32 && \
         ip route add prohibit 192.0.2.3/32 && exec \"$0\" \"$@\"'",
        "with_strange_routes",
    );
}

#[tokio::test]
#[ignore = "run in a network namespace of its own, with routes that reject"]
async fn with_strange_routes() {
    for (address, expect) in [
        ("192.0.2.1:80", Bad(Connect, Unreachable, "host unreachable")),
        ("192.0.2.2:80", Bad(Connect, Local, "no usable route")),
        ("192.0.2.3:80", Bad(Connect, Local, "not allowed")),
    ] {
        let seen = probe(&target(tcp(None, None), address.parse().unwrap()), BUDGET).await;
        hold(address, &seen, &expect).unwrap();
    }
}
