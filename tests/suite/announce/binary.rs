//! The real binary and a receiver over real HTTP: outages, `kill -9`, poison, reloads.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value;

use super::receiver::{FINE, Received, Receiver};
use crate::support::server::{Folder, Server};
use crate::support::{free_port, http, wait_until};

const PATIENCE: Duration = Duration::from_secs(30);

pub(super) fn local(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// Two services without checks: what happens to them is what operators do.
pub(super) fn folder(more: &str) -> Folder {
    let folder = Folder::new(more);
    let service = |name: &str| {
        format!(
            "[services.{name}]\npolicy = \"failover\"\nendpoints = [{{ name = \"fra\", address = \"192.0.2.1\" }}, \
             {{ name = \"nyc\", address = \"192.0.2.2\" }}]\n"
        )
    };
    folder.zone(&format!("{}{}", service("www"), service("shop")));
    folder
}

pub(super) fn hook(to: SocketAddr, more: &str) -> String {
    format!(
        "[[notify]]\nname = \"test\"\nurl = \"http://{to}/hook\"\nlongest_wait = \"300ms\"\ntimeout = \"2s\"\n{more}\n"
    )
}

/// Drains and releases one endpoint of a service `times`; each changes the answer.
fn stir(folder: &Folder, service: &str, times: usize) {
    for _ in 0..times {
        for what in ["drain", "release"] {
            let body = format!(r#"{{"select": "{service}.example.test/fra"}}"#);
            let json = ["Content-Type: application/json"];
            let (status, said) = http::request(folder.api, "POST", &format!("/v1/{what}"), &json, &body);
            assert_eq!(status, 200, "{said}");
        }
    }
}

pub(super) fn status(folder: &Folder) -> Value {
    let (status, body) = http::request(folder.api, "GET", "/v1/notifications", &[], "");
    assert_eq!(status, 200, "{body}");
    serde_json::from_str::<Value>(&body).expect("JSON")["items"][0].clone()
}

/// What the state file says is owed: kinds of entries, by their keys.
fn on_disk(folder: &Folder) -> BTreeMap<String, String> {
    let connection = rusqlite::Connection::open(folder.path("state/pointsman.db")).expect("opens");
    let mut statement = connection.prepare("SELECT entry FROM owed").expect("a table");
    let rows = statement
        .query_map([], |row| row.get::<_, String>(0))
        .expect("rows");
    rows.map(|entry| {
        let entry: Value = serde_json::from_str(&entry.expect("a text")).expect("JSON");
        let key = format!("test-test-{}-{}", entry["seq"], entry["unix_ms"]);
        (key, entry["kind"].as_str().expect("a kind").to_owned())
    })
    .collect()
}

/// Waits until so many changes of answers are owed, on disk; all that is owed then.
fn settled(folder: &Folder, changes: usize) -> BTreeMap<String, String> {
    let mut owed = BTreeMap::new();
    wait_until("all that is owed is on disk", PATIENCE, || {
        owed = on_disk(folder);
        owed.values().filter(|kind| *kind == "answer-changed").count() == changes
            && status(folder)["pending"] == owed.len()
    });
    owed
}

/// Order per service: of what is sent about one, and of what is about none.
fn in_order(received: &[Received]) {
    let mut last: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for one in received {
        let services = one.json()["event"]["services"]
            .as_array()
            .expect("a list")
            .clone();
        let lanes: Vec<String> = match services.len() {
            0 => vec![String::new()],
            _ => services
                .iter()
                .map(|name| name.as_str().expect("a name").to_owned())
                .collect(),
        };
        for lane in lanes {
            let now = (
                one.json()["event"]["unix_ms"].as_u64().expect("a time"),
                one.seq(),
            );
            let before = last.insert(lane.clone(), now).unwrap_or_default();
            assert!(before < now, "{lane}: {before:?} before {now:?}");
        }
    }
}

fn keys(received: &[Received]) -> BTreeSet<&str> {
    received.iter().map(|one| one.header("idempotency-key")).collect()
}

#[test]
fn a_receiver_that_is_down_over_two_kills_gets_everything_once_in_order_and_signed() {
    let to = local(free_port());
    let folder = folder(&hook(to, "events = \"all\"\nsecret_file = \"secret\""));
    folder.write("secret", "correct horse battery staple\n");
    let mut server = folder.start();
    let mut owed = BTreeMap::new();
    for round in 1..=3 {
        for service in ["www", "shop"] {
            stir(&folder, service, 4);
        }
        // A start may change answers, too: of what is told by then nothing is lost.
        owed = settled(&folder, 16 * round);
        let error = status(&folder)["last_error"]["text"].clone();
        assert!(
            error.as_str().is_some_and(|text| text.contains("refused")),
            "{error}"
        );
        if round < 3 {
            server.kill();
            server = folder.start();
        }
    }
    assert_eq!(owed.values().filter(|kind| *kind == "commanded").count(), 48);
    let receiver = Receiver::fine(to);
    wait_until("everything arrives", PATIENCE, || status(&folder)["pending"] == 0);
    let received = receiver.received();
    let arrived = keys(&received);
    assert_eq!(received.len(), arrived.len(), "nothing twice");
    // What is told while the receiver comes back arrives as well.
    let lost: Vec<&String> = owed
        .keys()
        .filter(|key| !arrived.contains(key.as_str()))
        .collect();
    assert!(lost.is_empty(), "lost: {lost:?}");
    in_order(&received);
    for one in &received {
        let signature = one.header("x-pointsman-signature");
        let time = signature.split(',').next().unwrap().strip_prefix("t=").unwrap();
        let again = pointsman::announce::signature::sign(
            b"correct horse battery staple",
            time.parse().unwrap(),
            &one.body,
        );
        assert_eq!(signature, again);
        assert_eq!(one.json()["key"], one.header("idempotency-key"));
    }
    wait_until("all is crossed out", PATIENCE, || on_disk(&folder).is_empty());
    // A restart tells nothing again.
    server.kill();
    let _server = folder.start();
    stir(&folder, "www", 1);
    let changes = |received: &[Received]| {
        received
            .iter()
            .filter(|one| one.header("x-pointsman-event") == "answer-changed")
            .count()
    };
    wait_until("the news arrives", PATIENCE, || {
        changes(&receiver.received()) == 50
    });
    wait_until("nothing is owed", PATIENCE, || status(&folder)["pending"] == 0);
    let received = receiver.received();
    assert_eq!(
        keys(&received).len(),
        received.len(),
        "told again after a restart"
    );
    in_order(&received);
}

#[test]
fn what_was_not_confirmed_before_a_kill_comes_again_under_the_same_key() {
    let to = local(free_port());
    let folder = folder(&hook(to, "events = [\"answer-changed\"]"));
    let silent = Receiver::open(to, Arc::new(|_| None));
    let server = folder.start();
    stir(&folder, "www", 1);
    wait_until("the first is under way", PATIENCE, || {
        silent.received().len() == 1
    });
    settled(&folder, 2);
    server.kill();
    let unconfirmed = silent.received();
    drop(silent);
    let receiver = Receiver::fine(to);
    let _server = folder.start();
    wait_until("both arrive", PATIENCE, || receiver.received().len() >= 2);
    let received = receiver.received();
    assert_eq!(received.len(), 2);
    assert_eq!(
        received[0].header("idempotency-key"),
        unconfirmed[0].header("idempotency-key")
    );
    assert_eq!(received[0].body, unconfirmed[0].body);
    assert!(received[0].seq() < received[1].seq());
}

#[test]
fn what_is_refused_holds_up_its_own_service_only_and_is_set_aside() {
    let to = local(free_port());
    let folder = folder(&hook(to, "events = [\"answer-changed\"]"));
    let refuse = |one: &Received| {
        let poison = one.json()["event"]["services"][0] == "www.example.test"
            && one.json()["event"]["seq"].as_u64() < Some(6);
        Some(if poison {
            "HTTP/1.1 422 Unprocessable Content\r\n".to_owned()
        } else {
            FINE.to_owned()
        })
    };
    let receiver = Receiver::open(to, Arc::new(refuse));
    let server = folder.start();
    stir(&folder, "www", 3);
    stir(&folder, "shop", 3);
    wait_until("the rest arrives", PATIENCE, || status(&folder)["pending"] == 0);
    let received = receiver.received();
    let given_up = status(&folder)["given_up"].as_u64().unwrap();
    assert!(
        given_up > 0 && received.len() as u64 + given_up == 12,
        "{given_up} of {}",
        received.len()
    );
    in_order(&received);
    let shop = received
        .iter()
        .filter(|one| one.json()["event"]["services"][0] == "shop.example.test");
    assert_eq!(shop.count(), 6);
    assert!(server.log().contains("422"), "{}", server.log());
}

#[test]
fn a_receiver_that_asks_for_time_is_given_it() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let busy = move |_: &Received| {
        let first = counted.fetch_add(1, Ordering::SeqCst) == 0;
        Some(if first {
            "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 2\r\n".to_owned()
        } else {
            FINE.to_owned()
        })
    };
    let to = local(free_port());
    let receiver = Receiver::open(to, Arc::new(busy));
    let folder = folder(&hook(to, "events = [\"answer-changed\"]"));
    let _server = folder.start();
    stir(&folder, "www", 1);
    let took = wait_until("both arrive", PATIENCE, || receiver.received().len() == 2);
    assert!(took >= Duration::from_millis(1500), "{took:?}");
    assert_eq!(asked.load(Ordering::SeqCst), 3);
}

#[test]
fn a_reload_moves_a_receiver_without_loss_and_a_new_one_begins_now() {
    let (old, new) = (local(free_port()), local(free_port()));
    let events = "events = [\"answer-changed\"]";
    let folder = folder(&hook(old, events));
    let _server: Server = folder.start();
    stir(&folder, "www", 2);
    settled(&folder, 4);
    let receiver = Receiver::fine(new);
    let other = hook(new, &format!("{events}\nformat = \"slack\""))
        .replace("\"test\"", "\"other\"")
        .replace("/hook", "/other");
    folder.server(&format!("{}{other}", hook(new, events)));
    assert!(folder.run(&["reload"]).status.success());
    wait_until("what was owed arrives at the new place", PATIENCE, || {
        receiver.received().len() == 4
    });
    stir(&folder, "shop", 1);
    wait_until("news for both", PATIENCE, || receiver.received().len() == 8);
    let slack: Vec<Value> = receiver
        .received()
        .iter()
        .filter(|one| one.path == "/other")
        .map(Received::json)
        .collect();
    assert_eq!(slack.len(), 2, "a new receiver is not told of what was before");
    assert!(slack[0]["text"].as_str().unwrap().contains("shop.example.test"));
    // One that is taken out is owed nothing.
    folder.server("");
    assert!(folder.run(&["reload"]).status.success());
    let listed = folder.run(&["notifications"]);
    assert!(
        String::from_utf8_lossy(&listed.stdout).contains("nobody is told"),
        "{listed:?}"
    );
}

#[test]
fn the_command_lists_receivers_and_tries_one() {
    let to = local(free_port());
    let folder = folder(&hook(to, ""));
    let _server = folder.start();
    let tried = folder.run(&["notifications", "test", "test"]);
    assert!(!tried.status.success());
    let said = String::from_utf8_lossy(&tried.stdout).into_owned();
    assert!(
        said.contains("did not take the test") && said.contains("refused"),
        "{said}"
    );
    let receiver = Receiver::fine(to);
    let tried = folder.run(&["notifications", "test", "test"]);
    assert!(tried.status.success(), "{tried:?}");
    assert_eq!(receiver.received()[0].json()["test"], true);
    let missing = folder.run(&["notifications", "test", "a/b"]);
    assert!(!missing.status.success());
    assert!(
        String::from_utf8_lossy(&missing.stderr).contains("no receiver is named `a/b`"),
        "{missing:?}"
    );
    let listed = folder.run(&["notifications"]);
    let table = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert!(table.contains(&format!("test      http://{to}")), "{table}");
}
