//! The history with the real binary: the chain of a failover with its times, a flipped byte, `kill -9`, a full disk.

mod disk;

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::backend::Nginx;
use crate::support::dns::addresses;
use crate::support::http::request;
use crate::support::server::{BINARY, Folder, Server};
use crate::support::{free_port, wait_until};

const FIRST: &str = "127.0.5.1";
const SECOND: &str = "127.0.5.2";

/// A folder whose `www.example.test` is on two practice backends.
fn pair(more: &str) -> (Folder, Nginx, Nginx) {
    let port = free_port();
    let backends = [FIRST, SECOND].map(|address| Nginx::start(&format!("{address}:{port}")));
    let folder = Folder::new(more);
    folder.zone(&format!(
        "[checks.web]\ntype = \"http\"\nport = {port}\npath = \"/healthz\"\ninterval = \"200ms\"\n\
         fast_interval = \"100ms\"\ntimeout = \"100ms\"\nmin_down = \"300ms\"\n\
         [services.www]\npolicy = \"failover\"\ncheck = \"web\"\nendpoints = [\n\
         {{ name = \"first\", address = \"{FIRST}\" }},\n{{ name = \"second\", address = \"{SECOND}\" }},\n]\n"
    ));
    let [first, second] = backends;
    (folder, first, second)
}

fn until_answered(server: &Server, address: &str) {
    wait_until(&format!("{address} is answered"), Duration::from_secs(10), || {
        addresses(server.dns, "www.example.test.") == [address]
    });
}

fn get(folder: &Folder, path: &str) -> Value {
    let (status, body) = request(folder.api, "GET", path, &[], "");
    assert_eq!(status, 200, "{path}: {body}");
    serde_json::from_str(&body).unwrap()
}

fn kinds(folder: &Folder, query: &str) -> Vec<String> {
    let page = get(folder, &format!("/v1/events?limit=1000&{query}"));
    let items = page["items"].as_array().unwrap().clone();
    items
        .iter()
        .map(|entry| entry["kind"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_failover_is_told_from_the_first_failed_probe_to_the_first_changed_answer() {
    let (folder, mut first, _second) = pair("");
    let server = folder.start();
    until_answered(&server, FIRST);
    let mut follow = Command::new(BINARY)
        .args(["events", "www.example.test", "--follow", "--config"])
        .arg(folder.path("pointsman.toml"))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    first.kill();
    let killed = Instant::now();
    until_answered(&server, SECOND);
    let took = u64::try_from(killed.elapsed().as_micros()).unwrap();
    wait_until("the chain is complete", Duration::from_secs(10), || {
        get(&folder, "/v1/failovers?service=www.example.test")["items"][0]["complete"] == true
    });
    let failover = get(&folder, "/v1/failovers?service=www.example.test")["items"][0].clone();
    assert_eq!(failover["from"][0], FIRST);
    assert_eq!(failover["to"][0], SECOND);
    let chain = &failover["chain"];
    assert_eq!(chain["cause"], "probe", "{failover}");
    assert!(
        chain["target"]
            .as_str()
            .unwrap()
            .starts_with(&format!("web {FIRST}:"))
    );
    let number = |key: &str| chain[key].as_u64().unwrap_or_else(|| panic!("{key}: {failover}"));
    let times = [
        "first_probe_unix_ms",
        "verdict_unix_ms",
        "published_unix_ms",
        "first_answer_unix_ms",
    ];
    assert!(
        times.windows(2).all(|pair| number(pair[0]) <= number(pair[1])),
        "{failover}"
    );
    let steps = ["detection_us", "decision_us", "publish_us", "first_answer_us"].map(number);
    assert_eq!(steps.iter().sum::<u64>(), number("total_us"));
    // Three failures in a row, a tenth of a second apart, of which the first came within an interval of the kill.
    assert!(
        (150_000..=took).contains(&number("total_us")),
        "{failover} of {took} us"
    );
    assert!(
        number("decision_us") + number("publish_us") < 100_000,
        "{failover}"
    );

    // Each step is an entry, in order, and the one who follows saw them.
    let told = kinds(&folder, "service=www.example.test&alarm=false");
    let place = |kind: &str| told.iter().position(|known| known == kind);
    assert!(place("failover") < place("answer-changed"), "{told:?}");
    assert_eq!(
        kinds(&folder, "service=www.example.test&alarm=true&kind=state-changed"),
        ["state-changed"]
    );
    let mut lines = BufReader::new(follow.stdout.take().unwrap()).lines();
    let line = lines
        .find(|line| line.as_ref().unwrap().contains(" failover "))
        .unwrap()
        .unwrap();
    assert!(
        line.contains("from the first probe to the first changed answer"),
        "{line}"
    );
    follow.kill().unwrap();
    follow.wait().unwrap();

    let table = folder.run(&["events", "failovers", "www.example.test"]);
    let table = String::from_utf8(table.stdout).unwrap();
    assert!(
        table.contains(&format!("{FIRST} -> {SECOND}")) && table.contains("probe"),
        "{table}"
    );
    let verified = folder.run(&["events", "verify"]);
    let said = String::from_utf8(verified.stdout).unwrap();
    assert!(
        verified.status.success() && said.starts_with("intact: "),
        "{said}"
    );
}

#[test]
fn an_operator_is_named_with_what_followed_and_a_strip_shows_the_time_that_was_lost() {
    let (folder, mut first, _second) = pair("");
    let server = folder.start();
    until_answered(&server, FIRST);
    let drained = folder.run(&["drain", "www.example.test/first", "--reason", "new kernel"]);
    assert!(drained.status.success(), "{drained:?}");
    until_answered(&server, SECOND);
    let commands = "/v1/events?service=www.example.test&kind=commanded";
    wait_until("it is on disk", Duration::from_secs(10), || {
        get(&folder, commands)["items"][0].is_object()
    });
    let events = get(&folder, commands);
    let entry = &events["items"][0];
    assert!(entry["text"].as_str().unwrap().contains("drained"), "{events}");
    assert!(entry["by"].as_str().is_some_and(|by| !by.is_empty()), "{events}");
    wait_until("the chain is complete", Duration::from_secs(10), || {
        get(&folder, "/v1/failovers")["items"][0]["complete"] == true
    });
    let failover = get(&folder, "/v1/failovers")["items"][0].clone();
    assert_eq!(failover["chain"]["cause"], "operator", "{failover}");
    assert_eq!(failover["chain"]["detection_us"], Value::Null);
    assert!(
        failover["chain"]["first_answer_us"].as_u64().is_some(),
        "{failover}"
    );

    first.kill();
    wait_until("it is down", Duration::from_secs(10), || {
        kinds(&folder, "service=www.example.test&alarm=true&kind=state-changed").len() == 1
    });
    let strip = || get(&folder, "/v1/services/www.example.test/strips")["endpoints"][0].clone();
    wait_until("the strip shows it", Duration::from_secs(10), || {
        let day = strip()["day"].clone();
        day[95].as_f64().is_some_and(|share| share < 1.0)
    });
    let strip = strip();
    assert_eq!(
        (strip["name"].as_str(), strip["address"].as_str()),
        (Some("first"), Some(FIRST))
    );
    let day = strip["day"].as_array().unwrap();
    assert_eq!((day.len(), strip["month"].as_array().unwrap().len()), (96, 30));
    assert_eq!(day[90], Value::Null, "there was no server then");
    assert!(day[95].as_f64().unwrap() > 0.0, "{strip}");
    let latency = strip["latency_us"].as_array().unwrap();
    assert!(
        latency[0].as_u64().is_some() && latency.last() == Some(&Value::Null),
        "{strip}"
    );
}

#[test]
fn one_flipped_byte_of_the_file_is_found_with_and_without_a_server() {
    let (folder, mut first, _second) = pair("");
    let server = folder.start();
    until_answered(&server, FIRST);
    first.kill();
    until_answered(&server, SECOND);
    assert_eq!(server.stop(), Some(0));
    let whole = folder.run(&["events", "verify", "--offline"]);
    assert!(whole.status.success(), "{whole:?}");

    let file = folder.path("state/pointsman.db");
    let (seq, body): (i64, Vec<u8>) = rusqlite::Connection::open(&file)
        .unwrap()
        .query_row(
            "SELECT seq, body FROM entry ORDER BY length(body) DESC LIMIT 1",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .unwrap();
    let mut octets = std::fs::read(&file).unwrap();
    let at = octets
        .windows(body.len())
        .position(|window| window == body)
        .unwrap();
    octets[at + body.len() / 2] ^= 0x04;
    std::fs::write(&file, octets).unwrap();
    let broken = folder.run(&["events", "verify"]);
    let said = String::from_utf8_lossy(&broken.stdout).into_owned();
    assert_eq!(broken.status.code(), Some(1), "{said}");
    assert!(said.starts_with(&format!("BROKEN at entry {seq}: ")), "{said}");

    let _server = folder.start();
    let json = folder.run(&["events", "verify", "--json"]);
    assert_eq!(json.status.code(), Some(1));
    let verified: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(verified["broken"]["seq"], seq, "{verified}");
    assert_eq!(get(&folder, "/v1/events/verify")["intact"], false);
}

#[test]
fn a_killed_server_leaves_a_valid_chain_and_the_next_one_goes_on() {
    let (folder, _first, _second) = pair("");
    let mut last = 0;
    for life in 0..3 {
        let server = folder.start();
        until_answered(&server, FIRST);
        let stop = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    // Answers break off when the server is killed: nobody minds.
                    let _ = std::panic::catch_unwind(|| {
                        let json = ["Content-Type: application/json"];
                        let body = "{\"select\":\"www.example.test/second\",\"reason\":\"again\"}";
                        request(folder.api, "POST", "/v1/drain", &json, body);
                        request(folder.api, "POST", "/v1/release", &json, body);
                    });
                }
            });
            wait_until("entries are written", Duration::from_secs(20), || {
                get(&folder, "/v1/history")["last"].as_u64().unwrap() > last + 40
            });
            server.kill();
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
        });
        let verified = folder.run(&["events", "verify", "--offline", "--json"]);
        let verified: Value = serde_json::from_slice(&verified.stdout).unwrap();
        assert_eq!(verified["intact"], true, "life {life}: {verified}");
        assert!(verified["last"].as_u64().unwrap() > last, "{verified}");
        last = verified["last"].as_u64().unwrap();
    }
    let server = folder.start();
    let newest = || get(&folder, "/v1/events?kind=started&limit=1")["items"][0].clone();
    wait_until("the chain goes on", Duration::from_secs(10), || {
        newest()["seq"].as_u64() == Some(last + 1)
    });
    let started = newest();
    assert!(started["facts"]["alive_unix_ms"].as_u64().is_some(), "{started}");
    assert_eq!(server.stop(), Some(0));
}
