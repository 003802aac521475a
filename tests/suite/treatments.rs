//! What the real server makes of endpoints that are probed elsewhere than they are answered, whose check is inverted, and
//! that are slow, by its own status.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use hickory_proto::rr::RecordType;
use serde_json::Value;

use crate::support::http::request;
use crate::support::server::Folder;
use crate::support::{dns, free_port, wait_until};

/// Answers each request after `delay`, for as long as the test runs.
fn slow_backend(delay: Duration) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("listens");
    let port = listener.local_addr().expect("bound").port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            std::thread::spawn(move || {
                let _ = stream.read(&mut [0; 4096]);
                // What is slow is the endpoint that is played, not the test.
                std::thread::park_timeout(delay);
                let _ =
                    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            });
        }
    });
    port
}

/// `probe` of the endpoint `name`.
fn probe(folder: &Folder, name: &str) -> Option<Value> {
    let (_, text) = request(folder.api, "GET", "/v1/status", &[], "");
    let status: Value = serde_json::from_str(&text).ok()?;
    let endpoints = status.get(0)?.get("endpoints")?.as_array()?;
    let found = endpoints.iter().find(|endpoint| endpoint["name"] == name)?;
    Some(found["addresses"][0]["probe"].clone())
}

#[test]
fn slow_inverted_and_probed_elsewhere() {
    let (slow, closed) = (slow_backend(Duration::from_millis(150)), free_port());
    let folder = Folder::new("[defaults.check]\ninterval = \"300ms\"\nfast_interval = \"100ms\"");
    folder.zone(&format!(
        "[checks.slow]\ntype = \"http\"\nport = {slow}\nslow = \"50ms\"\n\
         [checks.gone]\ntype = \"tcp\"\nport = {closed}\ninverted = true\n\
         [checks.both]\nall_of = [\"slow\", \"gone\"]\n\
         [services.www]\npolicy = \"failover\"\nendpoints = [\
         {{ name = \"fra\", address = \"192.0.2.1\", probe_address = \"127.0.0.1\", check = \"slow\" }},\
         {{ name = \"nyc\", address = \"192.0.2.2\", probe_address = \"127.0.0.1\", check = \"both\" }},\
         {{ name = \"tok\", address = \"192.0.2.3\", probe_address = \"127.0.0.1\", check = \"gone\" }}]"
    ));
    let server = folder.start();
    wait_until("fra is degraded", Duration::from_secs(20), || {
        probe(&folder, "fra").is_some_and(|probe| probe["effective"] == "degraded")
    });
    let fra = probe(&folder, "fra").expect("shown");
    assert_eq!(fra["target"], format!("127.0.0.1:{slow}"));
    let why = fra["degraded"].as_str().unwrap_or_default().to_owned();
    assert!(
        why.starts_with("slow, ") && why.ends_with(" ms of 50 ms"),
        "{why}"
    );
    let tok = probe(&folder, "tok").expect("shown");
    assert_eq!(
        (&tok["effective"], &tok["last"]),
        (&"up".into(), &"good (inverted: connection refused)".into())
    );
    wait_until(
        "the whole is degraded by its part",
        Duration::from_secs(20),
        || probe(&folder, "nyc").is_some_and(|probe| probe["effective"] == "degraded"),
    );
    let nyc = probe(&folder, "nyc").expect("shown");
    assert_eq!(nyc["parts"].as_array().map(Vec::len), Some(2), "{nyc}");
    assert!(
        nyc["degraded"]
            .as_str()
            .is_some_and(|why| why.starts_with("slow: slow, ")),
        "{nyc}"
    );
    // What is well is preferred to what comes first but is slow.
    let answered = || {
        dns::udp(folder.dns, "www.example.test.", RecordType::A)
            .map(|reply| reply.answers.iter().map(ToString::to_string).collect::<String>())
            .unwrap_or_default()
    };
    wait_until("tok is answered", Duration::from_secs(20), || {
        answered().contains("192.0.2.3")
    });

    // Somebody listens where nobody should: down.
    let listener = TcpListener::bind(("127.0.0.1", closed)).expect("listens");
    wait_until("tok is down", Duration::from_secs(20), || {
        probe(&folder, "tok").is_some_and(|probe| probe["effective"] == "down")
    });
    let tok = probe(&folder, "tok").expect("shown");
    let text = tok["evidence"]["text"].as_str().unwrap_or_default().to_owned();
    assert!(text.starts_with("inverted: the probe succeeded"), "{text}");
    assert_eq!(probe(&folder, "nyc").expect("shown")["effective"], "down");
    wait_until("slow is better than down", Duration::from_secs(20), || {
        answered().contains("192.0.2.1")
    });
    let shown = folder.run(&["status"]);
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    for word in ["degraded: slow, ", "both/gone", "both/slow"] {
        assert!(shown.contains(word), "{word}: {shown}");
    }
    drop(listener);
    assert_eq!(server.stop(), Some(0));
}
