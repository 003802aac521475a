//! What every command has in common: exit codes, errors that say what to do, JSON.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Command, Output, Stdio};

use crate::support::server::{BINARY, Folder};

const ZONE: &str = "[services.www]\npolicy = \"failover\"\n\
    endpoints = [{ name = \"fra\", address = \"192.0.2.1\" }, { name = \"nyc\", address = \"192.0.2.2\" }]";

/// Runs in a folder without any configuration.
fn alone(arguments: &[&str]) -> Output {
    let empty = tempfile::tempdir().unwrap();
    Command::new(BINARY)
        .args(arguments)
        .current_dir(empty.path())
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn refused(output: &Output, code: i32, parts: &[&str]) {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{said}");
    for part in parts {
        assert!(said.contains(part), "`{part}` is not in: {said}");
    }
    assert!(output.stdout.is_empty(), "{output:?}");
}

#[test]
fn bad_usage_exits_with_2_and_says_what_to_write() {
    for (arguments, parts) in [
        (&["frobnicate"][..], &["unrecognized subcommand"][..]),
        (
            &["status", "--api", "nonsense"],
            &["`nonsense`", "http://127.0.0.1:8053"],
        ),
        (
            &["status", "--api", "ftp://127.0.0.1"],
            &["http://127.0.0.1:8053"],
        ),
        (
            &["overrides", "--api", "127.0.0.1:8053"],
            &["http://127.0.0.1:8053"],
        ),
        (&["reload", "--api", "nonsense"], &["http://127.0.0.1:8053"]),
        (
            &["status", "--config", "nosuch.toml"],
            &["nosuch.toml", "cannot read"],
        ),
        (&["status", "--watch", "www.a.test"], &["`--watch 2`"]),
        (&["status", "--watch", "0"], &["0.1"]),
        (&["status", "--token-file", "nosuch"], &["nosuch", "--token-file"]),
        (&["status", "--ca-file", "nosuch"], &["nosuch"]),
        (&["status", "--identity", "nosuch"], &["nosuch"]),
        (&["status", "--color", "sometimes"], &["auto"]),
        (&["explain"], &["<NAME>"]),
        (&["explain", "a..b"], &["`a..b`"]),
        (&["explain", "a.test", "NOPE"], &["TYPE65280"]),
        (&["explain", "a.test", "--client", "x"], &["--client"]),
        (&["query", "a..b"], &["`a..b`"]),
        (&["query", "a.test", "NOPE"], &["TYPE65280"]),
        (&["query", "a.test", "--server", "x"], &["127.0.0.1:5353"]),
        (&["practice"], &["<ADDRESS:PORT>"]),
        (&["practice", "8080"], &["8080"]),
        (&["drain", "www", "--for", "3"], &["no unit"]),
        (&["force", "sideways", "www"], &["up", "down"]),
        (&["serve", "--log-level", "=="], &["--log-level", "info"]),
        (&["demo", "--log-level", "=="], &["--log-level", "info"]),
        (&["man", "frobnicate"], &["--help"]),
        (&["completions", "tcsh"], &["bash"]),
        (&["plan", "nosuch.toml"], &["nosuch.toml"]),
        (&["serve"], &["config/pointsman.toml", "--config"]),
        (&["check"], &["config/pointsman.toml", "--config"]),
    ] {
        let output = alone(arguments);
        refused(&output, 2, parts);
    }
}

#[test]
fn a_server_that_is_not_there_is_said_with_where_it_was_looked_for_and_how_to_start_it() {
    let folder = Folder::new("");
    folder.zone(ZONE);
    let config = folder.path("pointsman.toml").display().to_string();
    let base = format!("http://{}", folder.api);
    for arguments in [
        &["status"][..],
        &["overrides"],
        &["drain", "www.example.test/fra"],
        &["force", "up", "www.example.test/fra"],
        &["release", "www.example.test/fra"],
        &["failover", "www.example.test"],
        &["reload"],
    ] {
        let start = format!("pointsman serve --config {config}");
        refused(&folder.run(arguments), 1, &[&base, &config, &start, "--api URL"]);
    }
    // By its own word, and by none.
    let said = alone(&["status", "--api", "http://127.0.0.1:1"]);
    refused(&said, 1, &["http://127.0.0.1:1 (--api)", "refused"]);
    let nowhere = alone(&["status", "--api", "http://nosuch.invalid:8053"]);
    refused(&nowhere, 1, &["http://nosuch.invalid:8053"]);
}

/// Somebody who answers every request with these words.
fn answering(words: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(words.as_bytes());
        }
    });
    format!("http://{address}")
}

#[test]
fn who_is_no_pointsman_is_told_apart() {
    for (words, parts) in [
        (
            "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno",
            &["not the API of pointsman", "--api URL"][..],
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno",
            &["not understood", "version"],
        ),
        ("220 mail.a.test ESMTP\r\n", &["https://"]),
    ] {
        let base = answering(words);
        refused(&alone(&["status", "--api", &base]), 1, parts);
    }
    let folder = Folder::new("");
    folder.zone(ZONE);
    let _server = folder.start();
    let tls = format!("https://{}", folder.api);
    refused(&alone(&["status", "--api", &tls]), 1, &[&tls, "--api http://"]);
}

#[test]
fn a_token_that_is_missing_or_wrong_names_its_file() {
    let folder = Folder::new("token_file = \"api.token\"");
    folder.zone(ZONE);
    folder.write("api.token", "0123456789abcdef0123456789abcdef");
    let _server = folder.start();
    assert!(folder.run(&["status"]).status.success());
    let base = format!("http://{}", folder.api);
    refused(
        &alone(&["status", "--api", &base]),
        1,
        &[&base, "No token was sent", "--token-file FILE"],
    );
    let wrong = folder.path("wrong.token").display().to_string();
    folder.write("wrong.token", "fedcba9876543210fedcba9876543210");
    refused(
        &folder.run(&["status", "--token-file", &wrong]),
        1,
        &[&wrong, "--token-file"],
    );
    folder.write("api.token", "fedcba9876543210fedcba9876543210");
    let own = folder.path("api.token").display().to_string();
    refused(&folder.run(&["status"]), 1, &[&own, "[api] token_file"]);
    // What is refused for the token is no refused configuration.
    refused(&folder.run(&["reload"]), 1, &[&own]);
}

#[test]
fn what_the_running_server_refuses_exits_with_1() {
    let folder = Folder::new("");
    folder.zone(ZONE);
    let _server = folder.start();
    for arguments in [
        &["status", "nosuch.example.test"][..],
        &["drain", "nosuch.example.test/fra"],
        &["force", "down", "nosuch.example.test/fra"],
        &["release", "www.example.test/fra"],
        &["failover", "nosuch.example.test"],
        &["failover", "www.example.test", "--to", "nosuch"],
    ] {
        refused(&folder.run(arguments), 1, &["pointsman:"]);
    }
    folder.write("zones/broken.toml", "nonsense = 1\n");
    refused(&folder.run(&["reload"]), 2, &["nothing was changed", "nonsense"]);
}

#[test]
fn every_command_that_prints_data_prints_json() {
    let folder = Folder::new("");
    folder.zone(ZONE);
    let _server = folder.start();
    let config = folder.path("pointsman.toml").display().to_string();
    folder.write("recording.jsonl", "");
    let recording = folder.path("recording.jsonl").display().to_string();
    folder.write(
        "a.test.zone",
        "$ORIGIN a.test.\n@ 3600 IN SOA ns1 h 1 7200 1800 86400 900\n@ 3600 IN NS ns1.b.test.\n\
         www 60 IN LUA A \"ifportup(443, {'192.0.2.1', '192.0.2.2'})\"\n",
    );
    let zone = folder.path("a.test.zone").display().to_string();
    let out = folder.path("imported").display().to_string();
    for arguments in [
        &["status"][..],
        &["status", "www.example.test"],
        &["query", "www.example.test"],
        &["query", "nosuch.example.test", "AAAA"],
        &["explain", "www.example.test"],
        &["explain", "www.example.test", "--offline"],
        &["check"],
        &["check", "--defaults"],
        &["plan", &config],
        &["plan", &config, "--offline"],
        &["failover", "www.example.test", "--to", "nyc"],
        &["drain", "www.example.test/fra", "--dry-run"],
        &["drain", "www.example.test/fra", "--reason", "a test"],
        &["overrides"],
        &["release", "www.example.test/fra"],
        &["force", "up", "www.example.test/fra", "--for", "1m"],
        &["reload"],
        &["replay", &recording],
        &["simulate", "tests/scenarios/site-loss.toml", "--brief"],
        &["import", "powerdns", &zone, "--out", &out],
    ] {
        let output = folder.run(&[arguments, &["--json"]].concat());
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {said}");
        let parsed: Result<serde_json::Value, _> = serde_json::from_str(&printed);
        assert!(
            parsed.is_ok_and(|value| !value.is_null()),
            "{arguments:?}: {printed}{said}"
        );
    }
}

#[test]
fn a_query_is_answered_as_any_client_would_be() {
    let folder = Folder::new("");
    let many: Vec<String> = (1..200)
        .map(|host| format!("{{ name = \"e{host}\", address = \"192.0.2.{host}\" }}"))
        .collect();
    folder.zone(&format!(
        "{ZONE}\n[services.many]\npolicy = \"all\"\nmax_answers = 199\nendpoints = [{}]",
        many.join(", ")
    ));
    let server = folder.start();
    let said = |arguments: &[&str]| {
        let output = folder.run(arguments);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(
        said(&["query", "www.example.test"]),
        ";; NOERROR, authoritative\n;; answer\nwww.example.test. 10 IN A 192.0.2.1\n"
    );
    assert_eq!(said(&["query", "www.example.test", "--short"]), "192.0.2.1\n");
    assert_eq!(said(&["query", "www.example.test", "AAAA", "--short"]), "");
    assert!(said(&["query", "nosuch.example.test"]).starts_with(";; NXDOMAIN"));
    let named = server.dns.to_string();
    assert_eq!(
        alone(&["query", "www.example.test", "--short", "--server", &named]).stdout,
        b"192.0.2.1\n"
    );
    // What does not fit into a datagram comes over TCP.
    assert_eq!(
        said(&["query", "many.example.test", "--short"]).lines().count(),
        199
    );
    server.kill();
    refused(&folder.run(&["query", "www.example.test"]), 1, &[&named]);
}

#[test]
fn practice_backends_are_well_until_they_are_stopped() {
    let address = std::net::SocketAddr::from(([127, 0, 0, 2], crate::support::free_port()));
    let mut child = Command::new(BINARY)
        .args(["practice", &address.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    let mut lines = std::io::BufReader::new(child.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut lines, &mut said).unwrap();
    assert!(said.contains(&format!("http://{address}/healthz")), "{said}");
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream
        .write_all(b"GET /healthz HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("ok\n"),
        "{answer}"
    );
    refused(
        &alone(&["practice", &address.to_string()]),
        1,
        &["cannot listen", &format!("sport = :{}", address.port())],
    );
    let done = Command::new("kill").arg(child.id().to_string()).status();
    assert!(done.unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(std::net::TcpStream::connect(address).is_err());
}

#[test]
fn the_demo_shows_a_failover_and_where_to_go_on() {
    let told = alone(&["demo", "--once"]);
    let said = String::from_utf8_lossy(&told.stdout).into_owned();
    assert!(
        told.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&told.stderr)
    );
    for part in [
        "www.demo.test. 10 IN A 127.0.0.2",
        "The answer changed",
        "www.demo.test. 10 IN A 127.0.0.3",
        "Measured recovery",
        "Dashboard: http://127.0.0.1:",
        "pointsman status --api http://127.0.0.1:",
    ] {
        assert!(said.contains(part), "{part} is not in: {said}");
    }
    // One after the other: two demos at once would look for the same free ports.
    let json = alone(&["demo", "--once", "--json"]);
    let data: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    let changed = data["changed_seconds"].as_f64().unwrap();
    assert!(changed > 0.0 && changed < 60.0, "{data}");
}

#[test]
fn a_mistake_in_the_file_does_not_keep_anybody_from_asking_the_running_server() {
    let folder = Folder::new("");
    folder.zone(ZONE);
    let _server = folder.start();
    folder.server("[safety]\nmin_live = \"nonsense\"\n[api.nonsense]\nx = 1");
    assert!(!folder.run(&["check"]).status.success());
    assert!(folder.run(&["status"]).status.success());
    assert!(folder.run(&["query", "www.example.test"]).status.success());
    folder.write("pointsman.toml", "nonsense = = 1\n");
    refused(
        &folder.run(&["status"]),
        2,
        &["pointsman.toml", "`pointsman check`"],
    );
}
