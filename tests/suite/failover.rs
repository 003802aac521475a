//! The main job with real nginx: a backend dies, the answer follows; it comes back, the answer returns as told.

use std::time::Duration;

use crate::support::backend::Nginx;
use crate::support::dns::addresses;
use crate::support::server::{Folder, Server};
use crate::support::{free_port, wait_until};

/// What the contract promises for a hard failure at the defaults.
const PROMISED: Duration = Duration::from_millis(7_100);
/// What a test's own looking may add on a busy machine.
const SLACK: Duration = Duration::from_millis(400);

struct Pair {
    folder: Folder,
    first: Nginx,
    second: Nginx,
}

const FIRST: &str = "127.0.1.1";
const SECOND: &str = "127.0.1.2";

fn pair(check: &str, service: &str) -> Pair {
    let port = free_port();
    let (first, second) = (
        Nginx::start(&format!("{FIRST}:{port}")),
        Nginx::start(&format!("{SECOND}:{port}")),
    );
    let folder = Folder::new("");
    folder.zone(&format!(
        "[checks.web]\ntype = \"http\"\nport = {port}\npath = \"/healthz\"\n{check}\n\
         [services.www]\npolicy = \"failover\"\ncheck = \"web\"\nendpoints = [\n\
         {{ name = \"first\", address = \"{FIRST}\" }},\n{{ name = \"second\", address = \"{SECOND}\" }},\n]\n{service}\n"
    ));
    Pair {
        folder,
        first,
        second,
    }
}

/// Waits until `www.example.test` is answered with `address` alone; the time it took.
fn until_answered(server: &Server, address: &str) -> Duration {
    wait_until(&format!("{address} is answered"), Duration::from_secs(10), || {
        addresses(server.dns, "www.example.test.") == [address]
    })
}

const QUICK: &str =
    "interval = \"200ms\"\nfast_interval = \"100ms\"\ntimeout = \"100ms\"\nmin_down = \"300ms\"";

/// A pair with `service`'s settings whose first backend was killed, so that the second is answered.
fn failed_over(service: &str) -> (Pair, Server) {
    let mut pair = pair(QUICK, service);
    let server = pair.folder.start();
    pair.first.kill();
    until_answered(&server, SECOND);
    (pair, server)
}

/// Kills the second backend, too, and waits until the server knows.
fn lose_the_second(pair: &mut Pair) {
    pair.second.kill();
    wait_until("all are down", Duration::from_secs(10), || {
        let explained = pair.folder.run(&["explain", "www.example.test"]);
        String::from_utf8_lossy(&explained.stdout).contains("extended error")
    });
}

#[test]
fn a_killed_backend_is_left_within_the_promise_at_the_defaults() {
    let mut pair = pair("", "");
    let server = pair.folder.start();
    assert_eq!(addresses(server.dns, "www.example.test."), [FIRST]);
    pair.first.kill();
    let took = until_answered(&server, SECOND);
    assert!(took <= PROMISED + SLACK, "took {took:?}");
    assert!(
        server.log().contains("connection refused"),
        "the log tells the evidence:\n{}",
        server.log()
    );
}

#[test]
fn a_recovered_primary_returns_by_itself_with_failback_auto() {
    let (mut pair, server) = failed_over("");
    pair.first.restart();
    until_answered(&server, FIRST);
}

#[test]
fn a_recovered_primary_waits_for_the_operator_with_failback_manual_even_over_a_crash() {
    let (mut pair, server) = failed_over("failback = \"manual\"");
    pair.first.restart();
    wait_until("the primary is up again", Duration::from_secs(10), || {
        let status = pair.folder.run(&["status", "--json"]);
        // Real and effective state of both endpoints.
        String::from_utf8_lossy(&status.stdout).matches("\"up\"").count() >= 4
    });
    assert_eq!(addresses(server.dns, "www.example.test."), [SECOND]);
    server.kill();
    let server = pair.folder.start();
    assert_eq!(
        addresses(server.dns, "www.example.test."),
        [SECOND],
        "a restart remembers who was active"
    );
    let done = pair
        .folder
        .run(&["failover", "www.example.test", "--to", "first"]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert!(until_answered(&server, FIRST) < Duration::from_secs(2));
}

#[test]
fn a_recovered_primary_returns_after_the_time_told_by_failback_after() {
    let (mut pair, server) = failed_over("failback = { after = \"2s\" }");
    pair.first.restart();
    let took = until_answered(&server, FIRST);
    assert!(took >= Duration::from_secs(2), "too early: {took:?}");
}

#[test]
fn with_switch_manual_the_server_proposes_and_the_operator_decides() {
    let mut pair = pair(QUICK, "switch = \"manual\"");
    let server = pair.folder.start();
    pair.first.kill();
    wait_until("the switch is proposed", Duration::from_secs(10), || {
        server
            .log()
            .contains("pointsman failover www.example.test --to second")
    });
    assert_eq!(addresses(server.dns, "www.example.test."), [FIRST]);
    let done = pair.folder.run(&["failover", "www.example.test"]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert!(until_answered(&server, SECOND) < Duration::from_secs(2));
}

#[test]
fn when_all_are_down_the_last_answer_stays_and_says_so() {
    let (mut pair, server) = failed_over("");
    lose_the_second(&mut pair);
    assert_eq!(addresses(server.dns, "www.example.test."), [SECOND]);
}

#[test]
fn a_restart_with_all_down_answers_what_was_answered_last() {
    let (mut pair, server) = failed_over("");
    lose_the_second(&mut pair);
    server.kill();
    let server = pair.folder.start();
    assert_eq!(addresses(server.dns, "www.example.test."), [SECOND]);
}
