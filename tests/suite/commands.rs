//! The command line: exit codes, help, what is printed.

use std::process::Command;

use crate::support::server::{BINARY, Folder};

#[test]
fn version_names_version_and_commit() {
    let output = Command::new(BINARY).arg("--version").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        text.starts_with(concat!("pointsman ", env!("CARGO_PKG_VERSION"), " (commit ")),
        "{text}"
    );
}

#[test]
fn bad_usage_and_bad_configuration_exit_with_2() {
    let usage = Command::new(BINARY).arg("frobnicate").output().unwrap();
    assert_eq!(usage.status.code(), Some(2));
    let folder = Folder::new("nonsense = true");
    let checked = folder.run(&["check"]);
    assert_eq!(
        checked.status.code(),
        Some(2),
        "{}",
        String::from_utf8_lossy(&checked.stdout)
    );
    assert_eq!(folder.run(&["serve"]).status.code(), Some(2));
}

#[test]
fn check_prints_the_promise_term_by_term() {
    let folder = Folder::new("");
    folder.zone(
        "[checks.web]\ntype = \"http\"\nport = 8080\n[services.www]\npolicy = \"failover\"\ncheck = \"web\"\n\
         endpoints = [{ name = \"a\", address = \"192.0.2.1\" }, { name = \"b\", address = \"192.0.2.2\" }]",
    );
    let checked = folder.run(&["check"]);
    let text = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(checked.status.success(), "{text}");
    for part in [
        "www.example.test",
        "interval",
        "fast_interval",
        "timeout",
        "TTL",
        "7.1",
        "all are down: last",
    ] {
        assert!(text.contains(part), "{part} is not in:\n{text}");
    }
}

#[test]
fn explain_without_a_server_decides_on_the_configuration() {
    let folder = Folder::new("");
    folder.zone(
        "[services.www]\npolicy = \"failover\"\n\
         endpoints = [{ name = \"a\", address = \"192.0.2.1\" }, { name = \"b\", address = \"192.0.2.2\" }]\n\
         [checks.c]\ntype = \"tcp\"\nport = 8080\n[services.checked]\npolicy = \"failover\"\ncheck = \"c\"\n\
         endpoints = [{ name = \"a\", address = \"192.0.2.3\" }]",
    );
    let checked = folder.run(&["explain", "checked.example.test"]);
    assert!(String::from_utf8_lossy(&checked.stdout).contains("192.0.2.3"));
    let explained = folder.run(&["explain", "www.example.test"]);
    let text = String::from_utf8_lossy(&explained.stdout).into_owned();
    assert!(explained.status.success() && text.contains("192.0.2.1"), "{text}");
    let explained = folder.run(&["explain", "nothing.example.test", "--json"]);
    let report: serde_json::Value = serde_json::from_slice(&explained.stdout).unwrap();
    assert_eq!(report["answer"]["rcode"], "NXDOMAIN", "{report}");
}

#[test]
fn status_without_a_server_says_what_to_do() {
    let folder = Folder::new("");
    let status = folder.run(&["status"]);
    assert_eq!(status.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&status.stderr).contains("no server answers"));
}

#[test]
fn without_any_configuration_it_says_where_it_looked() {
    let empty = tempfile::tempdir().unwrap();
    for command in ["serve", "check"] {
        let output = Command::new(BINARY)
            .arg(command)
            .current_dir(empty.path())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            said.contains("config/pointsman.toml") && said.contains("--config"),
            "{said}"
        );
    }
}

#[test]
fn a_port_that_another_program_holds_is_said_once_with_the_way_to_find_it() {
    let folder = Folder::new("");
    let refused = |what: &str, port: u16| {
        let output = folder.run(&["serve"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        let last = said.lines().last().unwrap_or_default();
        assert_eq!(last.matches("in use").count(), 1, "{last}");
        for part in [what, &format!("ss -lntp sport = :{port}")] {
            assert!(last.contains(part), "{part} is not in: {last}");
        }
    };
    let api = std::net::TcpListener::bind(folder.api).unwrap();
    refused("the API", folder.api.port());
    drop(api);
    let _dns = std::net::UdpSocket::bind(folder.dns).unwrap();
    refused("UDP", folder.dns.port());
}
