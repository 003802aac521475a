//! Programs and the system's log.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use super::binary::{folder, status};
use crate::support::wait_until;

const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn a_program_is_given_each_event_and_is_run_again_until_it_succeeds() {
    let folder = folder("");
    let (script, out, ready) = (folder.path("hook"), folder.path("out"), folder.path("ready"));
    // It fails until somebody makes the file, and leaves a child behind.
    let text = format!(
        "#!/bin/sh\nsleep 600 &\n[ -e {} ] || exit 3\n{{ echo \"$POINTSMAN_KIND $POINTSMAN_SERVICES $1\"; cat; }} >> {}\n",
        ready.display(),
        out.display()
    );
    std::fs::write(&script, text).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    folder.server(&format!(
        "[[notify]]\nname = \"test\"\nexec = [\"{}\", \"argument\"]\nevents = [\"answer-changed\"]\nlongest_wait = \"300ms\"",
        script.display()
    ));
    let server = folder.start();
    for what in ["drain", "release"] {
        assert!(folder.run(&[what, "www.example.test/fra"]).status.success());
    }
    wait_until("it fails", PATIENCE, || {
        status(&folder)["last_error"]["text"]
            .as_str()
            .is_some_and(|text| text.contains("exit status 3"))
    });
    std::fs::write(&ready, "").unwrap();
    wait_until("it succeeds", PATIENCE, || status(&folder)["pending"] == 0);
    let out = std::fs::read_to_string(&out).unwrap();
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines.len(), 4, "{out}");
    for (head, body) in [(0, 1), (2, 3)] {
        assert_eq!(lines[head], "answer-changed www.example.test argument");
        let body: serde_json::Value = serde_json::from_str(lines[body]).unwrap();
        assert_eq!(body["event"]["services"][0], "www.example.test");
    }
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn a_log_that_is_not_there_yet_is_told_later() {
    let folder = folder("");
    let path = folder.path("log.socket");
    folder.server(&format!(
        "[[notify]]\nname = \"test\"\njournal = \"{}\"\nevents = [\"answer-changed\"]\nlongest_wait = \"300ms\"",
        path.display()
    ));
    let _server = folder.start();
    assert!(folder.run(&["drain", "www.example.test/fra"]).status.success());
    wait_until("it fails", PATIENCE, || {
        status(&folder)["failed"].as_u64() > Some(0)
    });
    let log = UnixDatagram::bind(&path).unwrap();
    log.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut line = [0; 4096];
    let length = log.recv(&mut line).unwrap();
    let line = String::from_utf8_lossy(&line[..length]).into_owned();
    assert!(line.starts_with("<29>pointsman["), "{line}");
    assert!(
        line.contains("www.example.test answers 192.0.2.2 instead of 192.0.2.1"),
        "{line}"
    );
    assert!(line.contains("(answer-changed; www.example.test; #"), "{line}");
}
