//! What the running server may still do, as the kernel says it of every thread.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::dns;
use crate::support::server::{BINARY, Folder, Server};

/// `key` of every thread's status, sorted, each once.
fn of_threads(server: &Server, key: &str) -> Vec<String> {
    let tasks = fs::read_dir(format!("/proc/{}/task", server.id())).unwrap();
    let mut found: Vec<String> = tasks
        .map(|task| {
            let status = fs::read_to_string(task.unwrap().path().join("status")).unwrap();
            let line = status.lines().find(|line| line.starts_with(key)).unwrap();
            line.split_whitespace().skip(1).collect::<Vec<_>>().join(" ")
        })
        .collect();
    found.sort();
    found.dedup();
    found
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().unwrap().stdout == b"0\n"
}

fn metrics(folder: &Folder) -> String {
    crate::support::http::request(folder.api, "GET", "/metrics", &[], "").1
}

/// A folder in which everything belongs to `nobody`.
fn of_nobody(more: &str) -> Folder {
    let folder = Folder::new(&format!(
        "[process]\nuser = \"nobody\"\ngroup = \"nogroup\"\n{more}"
    ));
    folder.zone("");
    let done = Command::new("chown")
        .args(["-R", "nobody:nogroup"])
        .arg(folder.path(""))
        .status();
    assert!(done.unwrap().success());
    folder
}

const NONE: &str = "0000000000000000";

#[test]
fn by_default_no_thread_has_a_capability_and_other_system_calls_fail() {
    let folder = Folder::new("");
    folder.zone("");
    let server = folder.start();
    for key in ["CapEff", "CapPrm", "CapInh", "CapAmb"] {
        assert_eq!(of_threads(&server, key), [NONE], "{key}");
    }
    assert_eq!(of_threads(&server, "NoNewPrivs"), ["1"]);
    assert_eq!(of_threads(&server, "Seccomp:"), ["2"]);
    assert_eq!(of_threads(&server, "Threads").len(), 1);
    // What was asked for is still done: a file is read anew, state is kept, the page for scrapers has all its numbers.
    folder.write(
        "zones/example.test.records",
        "$TTL 300\n@ SOA ns1 hostmaster 2 3600 600 604800 60\n@ NS ns1\nns1 A 192.0.2.53\nstatic A 192.0.2.81\n",
    );
    let reloaded = folder.run(&["reload"]);
    assert!(reloaded.status.success(), "{reloaded:?}");
    assert_eq!(dns::addresses(server.dns, "static.example.test."), ["192.0.2.81"]);
    assert!(fs::read_dir(folder.path("state")).unwrap().count() > 0);
    let page = metrics(&folder);
    assert!(page.contains("process_open_fds"), "{page}");
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn it_becomes_the_user_after_which_nothing_of_it_can_be_read() {
    if !is_root() {
        return;
    }
    let folder = of_nobody("");
    let server = folder.start();
    assert_eq!(of_threads(&server, "Uid"), ["65534 65534 65534 65534"]);
    assert_eq!(of_threads(&server, "Gid"), ["65534 65534 65534 65534"]);
    for key in ["CapEff", "CapPrm", "CapInh", "CapAmb", "CapBnd"] {
        assert_eq!(of_threads(&server, key), [NONE], "{key}");
    }
    assert_eq!(of_threads(&server, "NoNewPrivs"), ["1"]);
    assert_eq!(of_threads(&server, "Seccomp:"), ["2"]);
    // The same user, without root's privileges, reads none of its memory.
    let read = Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .args(["head", "-c1", &format!("/proc/{}/maps", server.id())])
        .output()
        .unwrap();
    assert!(!read.status.success(), "{read:?}");
    let limits = fs::read_to_string(format!("/proc/{}/limits", server.id())).unwrap();
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"))
        .unwrap();
    assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
    // State was written as that user.
    let state = fs::metadata(folder.path("state")).unwrap();
    assert_eq!(std::os::unix::fs::MetadataExt::uid(&state), 65_534);
    let page = metrics(&folder);
    assert!(page.contains("process_open_fds"), "{page}");
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn a_privileged_port_is_opened_although_no_thread_may_open_one_later() {
    let free = |port: u16| std::net::TcpListener::bind(("127.0.53.9", port)).is_ok();
    if !is_root() || !free(53) {
        return;
    }
    let folder = of_nobody("");
    let text = fs::read_to_string(folder.path("pointsman.toml")).unwrap();
    let listen = text.replace(&folder.dns.to_string(), "127.0.53.9:53");
    folder.write("pointsman.toml", &listen);
    let server = folder.start_only();
    let asked = || dns::addresses("127.0.53.9:53".parse().unwrap(), "static.example.test.") == ["192.0.2.80"];
    crate::support::wait_until("answers", std::time::Duration::from_secs(20), asked);
    assert_eq!(of_threads(&server, "CapEff"), [NONE]);
}

#[test]
fn a_server_with_programs_is_confined_only_when_that_is_said() {
    let exec = "[[notify]]\nname = \"told\"\nexec = [\"/bin/true\"]\n";
    let folder = Folder::new(exec);
    folder.zone("");
    let server = folder.start();
    assert_eq!(of_threads(&server, "NoNewPrivs"), ["0"]);
    assert_eq!(of_threads(&server, "Seccomp:"), ["0"]);
    assert_eq!(of_threads(&server, "CapEff"), [NONE]);
    drop(server);
    folder.server(&format!("{exec}[process]\nno_new_privs = true\n"));
    let server = folder.start();
    assert_eq!(of_threads(&server, "NoNewPrivs"), ["1"]);
    assert_eq!(of_threads(&server, "Seccomp:"), ["2"]);
    drop(server);
    folder.server("[process]\nseccomp = \"off\"\n");
    let server = folder.start();
    assert_eq!(of_threads(&server, "NoNewPrivs"), ["1"]);
    assert_eq!(dns::addresses(server.dns, "static.example.test."), ["192.0.2.80"]);
}

#[test]
fn a_user_that_is_not_there_stops_the_start_and_is_named() {
    let folder = Folder::new("[process]\nuser = \"nobody-of-this-name\"\n");
    let output = Command::new(BINARY)
        .args(["serve", "--config"])
        .arg(folder.path("pointsman.toml"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && said.contains("there is no user"),
        "{said}"
    );
    assert!(!Path::new(&folder.path("state")).exists());
}
