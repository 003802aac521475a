//! The operator's hand on the real binary: in force at once, there after `kill -9`, gone in time.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use crate::support::dns::addresses;
use crate::support::server::{Folder, Server};
use crate::support::wait_until;

pub(super) const PATIENCE: Duration = Duration::from_secs(20);
pub(super) const FRA: &str = "192.0.2.1";
pub(super) const NYC: &str = "192.0.2.2";

/// Two services without checks: everything is up until an operator says otherwise.
pub(super) fn folder(more: &str) -> Folder {
    let folder = Folder::new(more);
    folder.zone(&format!(
        "[services.www]\npolicy = \"failover\"\n\
         endpoints = [{{ name = \"fra\", address = \"{FRA}\" }}, {{ name = \"nyc\", address = \"{NYC}\" }}]\n\
         [services.shop]\npolicy = \"failover\"\n\
         endpoints = [{{ name = \"fra\", address = \"{FRA}\" }}, {{ name = \"nyc\", address = \"{NYC}\" }}]"
    ));
    folder
}

pub(super) fn www(server: &Server) -> Vec<String> {
    addresses(server.dns, "www.example.test.")
}

pub(super) fn run(folder: &Folder, arguments: &[&str]) -> (i32, String) {
    let output = folder.run(arguments);
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.code().unwrap_or(-1),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

pub(super) fn obeyed(folder: &Folder, arguments: &[&str]) -> String {
    let (code, said) = run(folder, arguments);
    assert_eq!(code, 0, "{arguments:?}: {said}");
    said
}

/// One request to the API over a connection of its own; status and body.
fn post(folder: &Folder, path: &str, body: &str) -> (u16, Value) {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(folder.api).expect("connects");
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        folder.api,
        body.len()
    );
    stream.write_all(request.as_bytes()).expect("writes");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("reads");
    let status = answer
        .split(' ')
        .nth(1)
        .and_then(|code| code.parse().ok())
        .expect("a status");
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    (status, serde_json::from_str(body).unwrap_or_default())
}

fn unix_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(now.as_millis()).unwrap()
}

#[test]
fn a_command_is_answered_by_within_200_milliseconds_and_survives_kill_9() {
    let folder = folder("");
    let mut server = folder.start();
    let mut took = Vec::new();
    for _ in 0..25 {
        assert_eq!(www(&server), [FRA]);
        let began = Instant::now();
        let (status, body) = post(&folder, "/v1/drain", r#"{"select": "www.example.test/fra"}"#);
        assert_eq!(status, 200, "{body}");
        wait_until("nyc is answered", PATIENCE, || www(&server) == [NYC]);
        took.push(began.elapsed());
        // Acknowledged is acknowledged: killed at once, it is there again.
        server.kill();
        server = folder.start();
        assert_eq!(www(&server), [NYC]);
        let (status, body) = post(&folder, "/v1/release", r#"{"select": "www.example.test/fra"}"#);
        assert_eq!(status, 200, "{body}");
    }
    took.sort();
    let (median, worst) = (took[12], took[24]);
    println!("25 drains, from the request to the changed answer: median {median:?}, worst {worst:?}");
    // One of them may have met another test's burst of writing.
    assert!(took[23] <= Duration::from_millis(200), "{took:?}");
}

#[test]
fn an_override_lapses_in_time_although_the_server_is_killed_twice_in_between() {
    let folder = folder("");
    let mut server = folder.start();
    obeyed(
        &folder,
        &[
            "drain",
            "www.example.test/fra",
            "--for",
            "6s",
            "--reason",
            "kernel",
        ],
    );
    let listed: Value = serde_json::from_str(&obeyed(&folder, &["overrides", "--json"])).unwrap();
    let until = listed[0]["until_unix_ms"].as_u64().unwrap();
    for _ in 0..2 {
        server.kill();
        server = folder.start();
        assert_eq!(www(&server), [NYC], "still in force after a kill");
    }
    let listed: Value = serde_json::from_str(&obeyed(&folder, &["overrides", "--json"])).unwrap();
    let again = listed[0]["until_unix_ms"].as_u64().unwrap();
    assert!(again.abs_diff(until) <= 100, "{until} became {again}");
    wait_until("fra is answered again", PATIENCE, || www(&server) == [FRA]);
    let late = unix_ms().abs_diff(until);
    println!("lapsed {late} ms from its time, over two kills");
    assert!(late <= 1000, "{late} ms");
    assert!(server.log().contains("the override is gone"), "{}", server.log());
}

#[test]
fn what_stands_is_shown_everywhere_beside_what_is_real() {
    let folder = folder("");
    let server = folder.start();
    let said = obeyed(
        &folder,
        &[
            "drain",
            "*/fra",
            "--reason",
            "new kernel",
            "--owner",
            "alice@ops",
            "--for",
            "30m",
        ],
    );
    for part in [
        "shop.example.test: fra drained, nyc answers",
        "www.example.test: fra drained, nyc answers",
        "2 endpoints match",
        "(30 min)",
    ] {
        assert!(said.contains(part), "{part} is not in: {said}");
    }
    let shown = obeyed(&folder, &["status", "www.example.test"]);
    assert!(
        shown.contains("drained (up)") && shown.contains("by alice@ops (new kernel)"),
        "{shown}"
    );
    let shown = obeyed(&folder, &["explain", "www.example.test"]);
    assert!(
        shown.contains("drained by an operator") && shown.contains("really up"),
        "{shown}"
    );
    let shown = obeyed(&folder, &["overrides"]);
    for part in [
        "*/fra",
        "alice@ops",
        "new kernel",
        "www.example.test/fra",
        "30 min more",
    ] {
        assert!(shown.contains(part), "{part} is not in: {shown}");
    }
    let status: Value =
        serde_json::from_str(&obeyed(&folder, &["status", "www.example.test", "--json"])).unwrap();
    let forced = &status[0]["endpoints"][0]["forced"];
    assert_eq!(
        (&forced["state"], &forced["by"]),
        (&"drain".into(), &"alice@ops".into()),
        "{forced}"
    );
    assert!(server.log().contains("alice@ops"), "{}", server.log());
    obeyed(&folder, &["release", "*/fra"]);
    assert!(obeyed(&folder, &["overrides"]).contains("no overrides"));
}

#[test]
fn refusals_name_the_rule_and_change_nothing() {
    let folder = folder("");
    let server = folder.start();
    let (code, said) = run(&folder, &["force", "down", "www.example.test"]);
    assert!(
        code == 1 && said.contains("min_live") && said.contains("--break-glass"),
        "{said}"
    );
    let (code, said) = run(&folder, &["drain", "www.example.test/frra"]);
    assert!(
        code == 1 && said.contains("did you mean `www.example.test/fra`?"),
        "{said}"
    );
    let (code, said) = run(&folder, &["drain", "www.example.test/fra", "--for", "soon"]);
    assert!(code == 2 && said.contains("`soon` is not a duration"), "{said}");
    let (status, problem) = post(
        &folder,
        "/v1/drain",
        r#"{"select": "www.example.test/fra", "for": "9999d"}"#,
    );
    assert!(
        status == 400 && problem["detail"].as_str().unwrap().contains("366d"),
        "{problem}"
    );
    let (status, problem) = post(&folder, "/v1/force", r#"{"select": "www.example.test/fra"}"#);
    assert_eq!(status, 400, "{problem}");
    let (status, problem) = post(&folder, "/v1/drain", r#"{"select": "www.example.test"}"#);
    assert_eq!(
        (status, &problem["title"]),
        (409, &"Conflict".into()),
        "{problem}"
    );
    let dry = obeyed(
        &folder,
        &["drain", "www.example.test", "--break-glass", "--dry-run"],
    );
    assert!(dry.starts_with("would do: "), "{dry}");
    assert_eq!(www(&server), [FRA]);
    assert!(obeyed(&folder, &["overrides"]).contains("no overrides"));
    let said = obeyed(&folder, &["force", "down", "www.example.test", "--break-glass"]);
    assert!(said.contains("all endpoints down"), "{said}");
    assert!(
        server.log().contains("past the rules of safety"),
        "{}",
        server.log()
    );
}

#[test]
fn a_disk_that_keeps_nothing_refuses_what_would_be_forgotten() {
    let folder = folder("");
    // Nobody can make a folder where a file stands.
    folder.write("state", "");
    let server = folder.start();
    let (code, said) = run(&folder, &["drain", "www.example.test/fra"]);
    assert!(code == 1 && said.contains("not-stored"), "{said}");
    assert_eq!(www(&server), [FRA]);
    let said = obeyed(&folder, &["drain", "www.example.test/fra", "--break-glass"]);
    assert!(said.contains("a restart may forget it"), "{said}");
    assert_eq!(www(&server), [NYC]);
}

#[test]
fn drain_wait_says_when_the_server_may_be_stopped() {
    let folder = folder("");
    let zone = std::fs::read_to_string(folder.path("zones/example.test.toml")).unwrap();
    folder.write(
        "zones/example.test.toml",
        &zone.replace("ttl = \"10s\"", "ttl = \"2s\""),
    );
    let server = folder.start();
    let (code, said) = run(&folder, &["drain", "www.example.test/fra", "--wait"]);
    assert!(
        code == 1 && said.contains("still answered by shop.example.test"),
        "{said}"
    );
    let began = Instant::now();
    let said = obeyed(&folder, &["drain", "*/fra", "--wait"]);
    let took = began.elapsed();
    assert!(
        said.contains("may be cached until ") && said.contains("safe to stop"),
        "{said}"
    );
    assert!(
        took >= Duration::from_secs(2) && took <= Duration::from_secs(5),
        "{took:?}"
    );
    wait_until("it is told", PATIENCE, || {
        server.log().contains("drained: safe to stop")
    });
    assert!(obeyed(&folder, &["overrides"]).contains("safe to stop"));
    assert!(obeyed(&folder, &["status"]).contains("safe to stop"));
}
