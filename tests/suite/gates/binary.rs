//! Gates of the real binary: a standby that is really promoted, and a program that hangs.

use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use crate::support::backend::Nginx;
use crate::support::http::request;
use crate::support::postgres::Postgres;
use crate::support::server::{Folder, Server};
use crate::support::{dns, free_port, wait_until};

fn script(folder: &Folder, name: &str, text: &str) -> String {
    folder.write(name, &format!("#!/bin/sh\n{text}\n"));
    let path = folder.path(name);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path.display().to_string()
}

fn status(folder: &Folder) -> String {
    request(folder.api, "GET", "/v1/status", &[], "").1
}

fn answered(server: &Server, name: &str) -> String {
    dns::addresses(server.dns, name).join(" ")
}

#[test]
fn a_standby_is_promoted_before_its_name_is_answered() {
    let (first, second) = ("127.0.31.1", "127.0.31.2");
    let port = free_port();
    let mut primary = Postgres::primary(first, port, "");
    let standby = Postgres::standby(second, port, &primary);
    let folder = Folder::new("");
    let seen = folder.path("seen").display().to_string();
    let promote = script(
        &folder,
        "promote",
        &format!(
            "cat > {seen}\n[ \"$POINTSMAN_FROM/$POINTSMAN_TO/$1\" = a/b/b ] || exit 3\nsleep 1\n\
             psql -h {second} -p {port} -U postgres -X -At -c 'SELECT pg_promote(true, 20)' postgres | grep -qx t"
        ),
    );
    folder.zone(&format!(
        "[checks.db]\ntype = \"postgres\"\nport = {port}\nuser = \"postgres\"\ninterval = \"200ms\"\nfast_interval = \"100ms\"\n\
         timeout = \"1s\"\nfall = 2\n[services.db]\npolicy = \"failover\"\ncheck = \"db\"\nttl = \"1s\"\n\
         failback = \"manual\"\non_failover = {{ exec = [\"{promote}\", \"{{to}}\"], gate = true, timeout = \"25s\" }}\n\
         endpoints = [{{ name = \"a\", address = \"{first}\" }}, {{ name = \"b\", address = \"{second}\" }}]\n"
    ));
    let server = folder.start();
    assert_eq!(answered(&server, "db.example.test."), first);
    assert_eq!(standby.ask("SELECT pg_is_in_recovery()"), "t");
    primary.kill();
    wait_until("the gate runs", Duration::from_secs(15), || {
        status(&folder).contains("\"gate\":{\"state\":\"running\",\"from\":\"a\",\"to\":\"b\"")
    });
    wait_until("the name follows", Duration::from_secs(25), || {
        // The answer first: who is answered then must have been promoted before.
        let answer = answered(&server, "db.example.test.");
        let follows = answer == second;
        assert!(follows || answer == first, "{answer}");
        if follows {
            assert_eq!(standby.ask("SELECT pg_is_in_recovery()"), "f");
        }
        follows
    });
    standby.ask("CREATE TABLE written (it int)");
    let told = std::fs::read_to_string(folder.path("seen")).unwrap();
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["service"], "db.example.test");
    assert_eq!((&told["from"], &told["to"]), (&"a".into(), &"b".into()));
    assert_eq!(told["gate"], true);
    let log = server.log();
    assert!(
        log.contains("gate-started") && log.contains("gate-passed"),
        "{log}"
    );
}

#[test]
fn a_program_that_hangs_is_killed_with_its_children_and_then_the_name_follows() {
    let port = free_port();
    let places = ["127.0.31.3", "127.0.31.4"];
    let mut backends = places.map(|place| Nginx::start(&format!("{place}:{port}")));
    let folder = Folder::new("");
    let pids = folder.path("pids").display().to_string();
    let hang = script(
        &folder,
        "hang",
        &format!("echo it hangs\nsleep 600 &\necho $$ $! > {pids}\nwait"),
    );
    folder.zone(&format!(
        "[checks.web]\ntype = \"tcp\"\nport = {port}\ninterval = \"200ms\"\nfast_interval = \"100ms\"\nfall = 2\n\
         [services.www]\npolicy = \"failover\"\ncheck = \"web\"\nttl = \"1s\"\n\
         on_failover = {{ exec = [\"{hang}\"], gate = true, timeout = \"3s\", on_timeout = \"proceed\" }}\n\
         endpoints = [{{ name = \"x\", address = \"{}\" }}, {{ name = \"y\", address = \"{}\" }}]\n",
        places[0], places[1]
    ));
    let server = folder.start();
    assert_eq!(answered(&server, "www.example.test."), places[0]);
    backends[0].kill();
    wait_until("the program runs", Duration::from_secs(15), || {
        std::fs::read_to_string(folder.path("pids")).is_ok_and(|text| text.split_whitespace().count() == 2)
    });
    let began = Instant::now();
    wait_until("the name follows", Duration::from_secs(20), || {
        answered(&server, "www.example.test.") == places[1]
    });
    // A little less: the program began before it was seen.
    assert!(
        began.elapsed() > Duration::from_millis(2000),
        "{:?}",
        began.elapsed()
    );
    let pids = std::fs::read_to_string(folder.path("pids")).unwrap();
    for pid in pids.split_whitespace() {
        wait_until("it is gone", Duration::from_secs(10), || {
            let state = std::fs::read_to_string(format!("/proc/{pid}/stat"));
            state.map_or(true, |stat| stat.contains(") Z "))
        });
    }
    assert!(server.log().contains("gate-timed-out"), "{}", server.log());
}

#[test]
fn a_gate_that_fails_holds_until_glass_is_broken() {
    let port = free_port();
    let places = ["127.0.31.5", "127.0.31.6"];
    let mut backends = places.map(|place| Nginx::start(&format!("{place}:{port}")));
    let folder = Folder::new("");
    let fail = script(&folder, "fail", "echo no quorum\nexit 7");
    folder.zone(&format!(
        "[checks.web]\ntype = \"tcp\"\nport = {port}\ninterval = \"200ms\"\nfast_interval = \"100ms\"\nfall = 2\n\
         [services.www]\npolicy = \"failover\"\ncheck = \"web\"\nttl = \"1s\"\n\
         on_failover = {{ exec = [\"{fail}\"], gate = true }}\n\
         endpoints = [{{ name = \"x\", address = \"{}\" }}, {{ name = \"y\", address = \"{}\" }}]\n",
        places[0], places[1]
    ));
    let server = folder.start();
    backends[0].kill();
    wait_until("it holds", Duration::from_secs(15), || {
        status(&folder).contains("exit status 7: no quorum")
    });
    assert_eq!(answered(&server, "www.example.test."), places[0]);
    let explained = folder.run(&["explain", "www.example.test"]);
    let text = String::from_utf8_lossy(&explained.stdout).into_owned();
    assert!(text.contains("gate of y was not passed"), "{text}");
    let done = folder.run(&["failover", "www.example.test", "--to", "y", "--break-glass"]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert_eq!(answered(&server, "www.example.test."), places[1]);
}
