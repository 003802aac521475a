//! `/v1/stream`: what happens reaches those who watch, and who watches harms nobody.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{ask, get, read};
use crate::support::server::Folder;

/// A client that follows.
struct Watcher {
    stream: TcpStream,
    heard: String,
}

impl Watcher {
    fn new(to: SocketAddr, more: &str) -> Self {
        let mut stream = TcpStream::connect(to).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        let request =
            format!("GET /v1/stream HTTP/1.1\r\nHost: {to}\r\nAccept: text/event-stream\r\n{more}\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        Self {
            stream,
            heard: String::new(),
        }
    }

    /// Waits until `wanted` is heard.
    fn wait(&mut self, wanted: &str) {
        self.wait_behind("", wanted);
    }

    /// Reads until `wanted` came somewhere behind `first`.
    fn wait_behind(&mut self, first: &str, wanted: &str) {
        let is_there = |heard: &str| {
            heard
                .split_once(first)
                .is_some_and(|(_, behind)| behind.contains(wanted))
        };
        let end = Instant::now() + Duration::from_secs(15);
        let mut octets = [0; 4096];
        while !is_there(&self.heard) {
            assert!(Instant::now() < end, "{wanted} is not in: {}", self.heard);
            if let Ok(count) = self.stream.read(&mut octets) {
                assert_ne!(count, 0, "it ended without {wanted}: {}", self.heard);
                self.heard.push_str(&String::from_utf8_lossy(&octets[..count]));
            }
        }
    }

    /// The data of the events of one kind.
    fn events(&self, kind: &str) -> Vec<Value> {
        let mut lines = self.heard.lines();
        let mut found = Vec::new();
        while let Some(line) = lines.next() {
            if line == format!("event: {kind}") {
                let data = lines.next().unwrap().strip_prefix("data: ").unwrap();
                found.push(serde_json::from_str(data).unwrap());
            }
        }
        found
    }
}

fn folder() -> Folder {
    let folder = Folder::new("");
    folder.zone(
        "[services.www]\npolicy = \"failover\"\n\
         endpoints = [{ name = \"fra\", address = \"192.0.2.1\" }, { name = \"nyc\", address = \"192.0.2.2\" }]",
    );
    folder
}

fn drain(folder: &Folder, endpoint: &str) {
    let body = format!("{{\"select\": \"www.example.test/{endpoint}\", \"owner\": \"alice\"}}");
    let json = ["Content-Type: application/json"];
    let answer = ask(folder.api, "POST", "/v1/drain", &json, &body);
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[test]
fn a_change_is_told_as_an_entry_and_names_the_service() {
    let folder = folder();
    let server = folder.start();
    let mut watcher = Watcher::new(folder.api, "");
    watcher.wait("event: hello");
    drain(&folder, "fra");
    // The command is told after what it changed.
    watcher.wait_behind("\"kind\":\"commanded\"", "event: changed");
    assert!(watcher.heard.starts_with("HTTP/1.1 200"), "{}", watcher.heard);
    assert!(watcher.heard.contains("content-type: text/event-stream"));
    let hello = &watcher.events("hello")[0];
    assert_eq!(hello["node"], "test");
    let entries = watcher.events("entry");
    let first = hello["seq"].as_u64().unwrap() + 1;
    assert_eq!(entries[0]["seq"], first, "{entries:?}");
    assert!(watcher.heard.contains(&format!("id: {first}\nevent: entry\n")));
    let is_there = |kind: &str| entries.iter().any(|entry| entry["kind"] == kind);
    assert!(is_there("commanded") && is_there("answer-changed"), "{entries:?}");
    let changed = watcher.events("changed");
    assert!(
        changed.iter().any(|changed| {
            let services = changed["services"].as_array().unwrap();
            services.is_empty() || services.contains(&"www.example.test".into())
        }),
        "{changed:?}"
    );
    // An open stream does not keep the server from leaving.
    let began = Instant::now();
    assert_eq!(server.stop(), Some(0));
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[test]
fn who_missed_something_is_told_so_or_gets_it() {
    let folder = folder();
    let _server = folder.start();
    drain(&folder, "fra");
    let mut watcher = Watcher::new(folder.api, "Last-Event-ID: 1\r\n");
    watcher.wait("event: hello");
    let seq = watcher.events("hello")[0]["seq"].as_u64().unwrap();
    assert!(seq > 1);
    // Every entry behind the one that was seen, or the word that some are missing.
    let end = Instant::now() + Duration::from_secs(15);
    loop {
        let got: Vec<u64> = watcher
            .events("entry")
            .iter()
            .map(|entry| entry["seq"].as_u64().unwrap())
            .collect();
        if got == (2..=seq).collect::<Vec<u64>>() || watcher.heard.contains("event: resync") {
            break;
        }
        assert!(Instant::now() < end, "{}", watcher.heard);
        let mut octets = [0; 4096];
        if let Ok(count) = watcher.stream.read(&mut octets) {
            let more = String::from_utf8_lossy(&octets[..count]).into_owned();
            watcher.heard.push_str(&more);
        }
    }
}

#[test]
fn streams_are_asked_for_by_name_and_are_few() {
    let folder = folder();
    let _server = folder.start();
    let asked_otherwise = get(folder.api, "/v1/stream");
    assert_eq!(asked_otherwise.status, 406, "{asked_otherwise:?}");
    let mut watchers: Vec<Watcher> = (0..64).map(|_| Watcher::new(folder.api, "")).collect();
    watchers
        .iter_mut()
        .for_each(|watcher| watcher.wait("event: hello"));
    let mut one_more = Watcher::new(folder.api, "Connection: close\r\n");
    one_more.wait("}");
    let refused = read(one_more.heard.as_bytes());
    assert_eq!(refused.status, 429, "{refused:?}");
    assert!(refused.header("retry-after").is_some(), "{refused:?}");
    // The others are as they were, and so are those who only ask.
    assert_eq!(get(folder.api, "/v1/services").status, 200);
    drain(&folder, "fra");
    watchers
        .iter_mut()
        .for_each(|watcher| watcher.wait("event: changed"));
}
