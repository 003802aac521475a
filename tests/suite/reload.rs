//! Reload and restart: whole or not at all; what is unchanged keeps its health; nothing is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;

use crate::support::dns::{addresses, udp};
use crate::support::server::Folder;
use crate::support::wait_until;

const SERVICE: &str =
    "[services.www]\npolicy = \"all\"\nendpoints = [{ name = \"a\", address = \"192.0.2.1\" }]\n";

#[test]
fn a_reload_by_command_and_by_signal_serves_the_new_zone() {
    let folder = Folder::new("");
    folder.zone(SERVICE);
    let server = folder.start();
    assert_eq!(addresses(server.dns, "www.example.test."), ["192.0.2.1"]);
    folder.zone(&SERVICE.replace("192.0.2.1", "192.0.2.2"));
    let done = folder.run(&["reload"]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert_eq!(addresses(server.dns, "www.example.test."), ["192.0.2.2"]);
    folder.zone(&SERVICE.replace("192.0.2.1", "192.0.2.3"));
    server.signal("HUP");
    wait_until("the new zone is served", Duration::from_secs(5), || {
        addresses(server.dns, "www.example.test.") == ["192.0.2.3"]
    });
}

#[test]
fn a_file_change_is_noticed() {
    let folder = Folder::new("");
    folder.zone(SERVICE);
    let text = std::fs::read_to_string(folder.path("pointsman.toml")).unwrap();
    folder.write("pointsman.toml", &text.replace("watch = false", "watch = true"));
    let server = folder.start();
    folder.zone(&SERVICE.replace("192.0.2.1", "192.0.2.2"));
    wait_until("the new zone is served", Duration::from_secs(5), || {
        addresses(server.dns, "www.example.test.") == ["192.0.2.2"]
    });
}

#[test]
fn a_reload_without_any_service_serves_the_new_records() {
    let folder = Folder::new("");
    let zone =
        "$TTL 60\n@ SOA ns1 hostmaster 1 3600 600 604800 60\n@ NS ns1\nns1 A 192.0.2.53\nwww A 192.0.2.1\n";
    folder.write("zones/static.test.zone", zone);
    let server = folder.start();
    assert_eq!(addresses(server.dns, "www.static.test."), ["192.0.2.1"]);
    folder.write(
        "zones/static.test.zone",
        &zone.replace("192.0.2.1\n", "192.0.2.2\n"),
    );
    assert!(folder.run(&["reload"]).status.success());
    assert_eq!(addresses(server.dns, "www.static.test."), ["192.0.2.2"]);
    std::fs::remove_file(folder.path("zones/static.test.zone")).unwrap();
    assert!(folder.run(&["reload"]).status.success());
    let answer = udp(server.dns, "www.static.test.", RecordType::A).unwrap();
    assert_eq!(answer.metadata.response_code, ResponseCode::Refused);
}

#[test]
fn a_reload_with_mistakes_names_them_all_and_changes_nothing() {
    let folder = Folder::new("");
    folder.zone(SERVICE);
    let server = folder.start();
    folder.zone(
        &SERVICE
            .replace("\"all\"", "\"al\"")
            .replace("192.0.2.1", "192.0.2.300"),
    );
    folder.write(
        "zones/other.test.zone",
        "@ SOA ns1 hostmaster 1 3600 600 604800 60\n",
    );
    let done = folder.run(&["reload"]);
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert_eq!(done.status.code(), Some(2), "{said}");
    for part in [
        "example.test.toml:",
        "did you mean",
        "192.0.2.300",
        "other.test.zone",
    ] {
        assert!(said.contains(part), "{part} is not in:\n{said}");
    }
    assert_eq!(addresses(server.dns, "www.example.test."), ["192.0.2.1"]);
}

#[test]
fn at_start_a_bad_zone_is_refused_alone() {
    let folder = Folder::new("");
    folder.zone(SERVICE);
    folder.write("zones/bad.test.zone", "$TTL 60\n@ NS ns1\nns1 A 192.0.2.1\n");
    let server = folder.start();
    assert_eq!(addresses(server.dns, "www.example.test."), ["192.0.2.1"]);
    let answer = udp(server.dns, "ns1.bad.test.", RecordType::A).unwrap();
    assert_eq!(answer.metadata.response_code, ResponseCode::ServFail);
    assert!(server.log().contains("bad.test.zone"), "{}", server.log());
}

#[test]
fn no_query_is_lost_or_failed_over_many_reloads() {
    let folder = Folder::new("");
    folder.zone(SERVICE);
    let server = folder.start();
    let (dns, stop) = (server.dns, Arc::new(AtomicBool::new(false)));
    let asking = {
        let stop = Arc::clone(&stop);
        std::thread::spawn(move || {
            let mut asked = 0u32;
            while !stop.load(Ordering::Relaxed) {
                let answer = udp(dns, "www.example.test.", RecordType::A).expect("an answer during a reload");
                assert_eq!(answer.metadata.response_code, ResponseCode::NoError);
                assert_eq!(answer.answers.len(), 1);
                asked += 1;
            }
            asked
        })
    };
    for round in 0..50 {
        folder.zone(&SERVICE.replace("192.0.2.1", &format!("192.0.2.{round}")));
        assert!(folder.run(&["reload"]).status.success());
    }
    stop.store(true, Ordering::Relaxed);
    assert!(asking.join().expect("no query lost") > 50);
}

#[test]
fn sigterm_ends_it_cleanly() {
    let folder = Folder::new("");
    folder.zone(SERVICE);
    assert_eq!(folder.start().stop(), Some(0));
}
