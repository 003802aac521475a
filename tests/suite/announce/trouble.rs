//! What goes wrong around notifications: a death between two writes, no disk, a receiver that never answers.

use std::sync::Arc;
use std::time::Duration;

use super::binary::{folder, hook, local, status};
use super::receiver::Receiver;
use crate::support::dns::addresses;
use crate::support::{free_port, wait_until};

const PATIENCE: Duration = Duration::from_secs(30);
const EVENTS: &str = "events = [\"answer-changed\"]";

#[test]
fn what_the_history_has_and_nobody_was_owed_is_told_after_the_start() {
    let to = local(free_port());
    let folder = folder(&hook(to, EVENTS));
    let server = folder.start();
    for what in ["drain", "release", "drain"] {
        assert!(folder.run(&[what, "www.example.test/fra"]).status.success());
    }
    let database = folder.path("state/pointsman.db");
    let connection = rusqlite::Connection::open(&database).unwrap();
    let count = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    wait_until("all is on disk", PATIENCE, || {
        count("SELECT count(*) FROM owed") == 3
    });
    server.kill();
    // As if it had died after the history was written, and before the rest was.
    let second = "SELECT json_extract(entry, '$.seq') FROM owed ORDER BY id LIMIT 1 OFFSET 1";
    let seq = count(second);
    connection
        .execute("UPDATE announced SET seq = ?1", [seq])
        .unwrap();
    connection
        .execute("DELETE FROM owed WHERE json_extract(entry, '$.seq') > ?1", [seq])
        .unwrap();
    let receiver = Receiver::fine(to);
    let _server = folder.start();
    wait_until("all three arrive", PATIENCE, || receiver.received().len() >= 3);
    let seqs: Vec<u64> = receiver
        .received()
        .iter()
        .map(super::receiver::Received::seq)
        .collect();
    assert!(seqs.is_sorted() && seqs.len() == 3, "{seqs:?}");
}

#[test]
fn without_a_disk_receivers_are_told_from_memory_and_that_is_said() {
    let to = local(free_port());
    let folder = folder(&hook(to, EVENTS));
    folder.write("state", "a file where the folder should be");
    let server = folder.start();
    for what in ["drain", "release"] {
        assert!(
            folder
                .run(&[what, "www.example.test/fra", "--break-glass"])
                .status
                .success()
        );
    }
    wait_until("it fails", PATIENCE, || {
        status(&folder)["failed"].as_u64() > Some(0)
    });
    let receiver = Receiver::fine(to);
    wait_until("both arrive", PATIENCE, || receiver.received().len() == 2);
    assert!(server.log().contains("owed in memory only"), "{}", server.log());
}

#[test]
fn a_receiver_that_never_answers_delays_no_answer() {
    let to = local(free_port());
    let _silent = Receiver::open(to, Arc::new(|_| None));
    let folder = folder(&hook(to, "events = \"all\""));
    let server = folder.start();
    let mut worst = Duration::ZERO;
    for round in 0..10 {
        let (what, expected) = if round % 2 == 0 {
            ("drain", "192.0.2.2")
        } else {
            ("release", "192.0.2.1")
        };
        assert!(folder.run(&[what, "www.example.test/fra"]).status.success());
        // The command has returned: what it changed is in force.
        let took = wait_until("the answer changes", PATIENCE, || {
            addresses(server.dns, "www.example.test.") == [expected]
        });
        worst = worst.max(took);
    }
    assert!(status(&folder)["pending"].as_u64() >= Some(20));
    println!(
        "10 changes while a receiver never answers: the answer {worst:?} after the command at the latest"
    );
    assert!(worst < Duration::from_millis(200), "{worst:?}");
    assert_eq!(server.stop(), Some(0), "nor does it hold up the end");
}
