//! The database of places is swapped under load: no query is lost, and a broken file changes nothing.

use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;

use crate::support::dns::{self, addresses};
use crate::support::mmdb::database;
use crate::support::server::Folder;
use crate::support::wait_until;

const GEO: &str = "[services.www]\npolicy = \"geo\"\nendpoints = [\
    { name = \"de\", address = \"192.0.2.1\", regions = [\"DE\"] },\
    { name = \"fr\", address = \"192.0.2.2\", regions = [\"FR\"] }]\n";

/// A database by which this machine is in that country.
fn here(country: &'static str) -> Vec<u8> {
    database(&[("127.0.0.0/8", "EU", country, "", None)])
}

fn put(folder: &Folder, octets: &[u8]) {
    let aside = folder.path("places.aside");
    std::fs::write(&aside, octets).unwrap();
    std::fs::rename(&aside, folder.path("places.mmdb")).unwrap();
}

/// A server that watches its files, in the first country.
fn folder() -> Folder {
    let folder = Folder::new("[geo]\ndatabase = \"places.mmdb\"\n");
    folder.zone(GEO);
    let text = std::fs::read_to_string(folder.path("pointsman.toml")).unwrap();
    folder.write("pointsman.toml", &text.replace("watch = false", "watch = true"));
    put(&folder, &here("DE"));
    folder
}

#[test]
fn twenty_swaps_lose_no_query() {
    let folder = folder();
    let server = folder.start();
    let (dns, stop) = (server.dns, Arc::new(AtomicBool::new(false)));
    let asked = Arc::new(AtomicU32::new(0));
    let askers: Vec<_> = (0..2)
        .map(|_| {
            let (stop, asked) = (Arc::clone(&stop), Arc::clone(&asked));
            std::thread::spawn(move || {
                let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
                socket.connect(dns).unwrap();
                socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
                let mut octets = [0; 4096];
                while !stop.load(Ordering::Relaxed) {
                    // A window of sixteen, as a busy resolver has.
                    for _ in 0..16 {
                        let query = dns::query("www.example.test.", RecordType::A);
                        socket.send(&query.to_vec().unwrap()).unwrap();
                    }
                    for _ in 0..16 {
                        let length = socket.recv(&mut octets).expect("every query is answered");
                        let reply = hickory_proto::op::Message::from_vec(&octets[..length]).unwrap();
                        assert_eq!(reply.metadata.response_code, ResponseCode::NoError);
                        let address = reply.answers[0].data.to_string();
                        assert!(
                            ["192.0.2.1", "192.0.2.2"].contains(&address.as_str()),
                            "{address}"
                        );
                        asked.fetch_add(1, Ordering::Relaxed);
                    }
                }
            })
        })
        .collect();
    for round in 0..20 {
        let (country, address) = [("FR", "192.0.2.2"), ("DE", "192.0.2.1")][round % 2];
        put(&folder, &here(country));
        wait_until("the new database decides", Duration::from_secs(20), || {
            addresses(dns, "www.example.test.") == [address]
        });
    }
    stop.store(true, Ordering::Relaxed);
    for asker in askers {
        asker.join().expect("no query lost");
    }
    let asked = asked.load(Ordering::Relaxed);
    println!("{asked} queries during 20 swaps, none lost");
    assert!(asked > 1000);
}

#[test]
fn a_broken_database_leaves_the_old_one_in_force_and_says_so() {
    let folder = folder();
    let server = folder.start();
    assert_eq!(addresses(server.dns, "www.example.test."), ["192.0.2.1"]);
    let whole = here("FR");
    // Cut short; not a database at all; with its records overwritten; gone.
    let mut garbled = whole.clone();
    garbled[40..].fill(0xff);
    for broken in [&whole[..whole.len() / 2], b"hello", &garbled] {
        put(&folder, broken);
        let done = folder.run(&["reload"]);
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        assert_eq!(addresses(server.dns, "www.example.test."), ["192.0.2.1"]);
    }
    std::fs::remove_file(folder.path("places.mmdb")).unwrap();
    assert!(folder.run(&["reload"]).status.success());
    assert_eq!(addresses(server.dns, "www.example.test."), ["192.0.2.1"]);
    let log = server.log();
    assert!(log.contains("what was read before stays in force"), "{log}");
    put(&folder, &whole);
    wait_until("the mended database decides", Duration::from_secs(20), || {
        addresses(server.dns, "www.example.test.") == ["192.0.2.2"]
    });
}

#[test]
fn without_its_database_a_server_does_not_start() {
    let folder = folder();
    put(&folder, b"hello");
    let done = folder.run(&["check"]);
    assert_eq!(done.status.code(), Some(2));
    let said = String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
    assert!(said.contains("places.mmdb"), "{said}");
    assert!(said.contains(".mmdb), relative to this file"), "{said}");
}
