//! No type names a dead endpoint: the real server, real nginx, every type sampled around a failure.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use hickory_proto::op::Message;
use hickory_proto::rr::RecordType;

use crate::support::backend::Nginx;
use crate::support::dns;
use crate::support::server::{Folder, Server};
use crate::support::{free_port, wait_until};

const FIRST: &str = "127.0.4.1";
const SECOND: &str = "127.0.4.2";
const QUICK: &str =
    "interval = \"200ms\"\nfast_interval = \"100ms\"\ntimeout = \"100ms\"\nmin_down = \"300ms\"";

/// What is asked again and again: names and types that the service answers, and static records that lead to it.
const ASKED: [(&str, RecordType); 11] = [
    ("web.example.test.", RecordType::A),
    ("web.example.test.", RecordType::AAAA),
    ("web.example.test.", RecordType::MX),
    ("web.example.test.", RecordType::HTTPS),
    ("web.example.test.", RecordType::SVCB),
    ("web.example.test.", RecordType::ANY),
    ("_http._tcp.web.example.test.", RecordType::SRV),
    ("first.web.example.test.", RecordType::A),
    ("mail.example.test.", RecordType::MX),
    ("srv.example.test.", RecordType::SRV),
    ("alias.example.test.", RecordType::HTTPS),
];

/// One answer: when it was heard, to which question, and all of its sections in text.
struct Heard {
    at: Instant,
    asked: (&'static str, RecordType),
    text: String,
}

/// Everything that an answer names; the host name of the endpoint in a question is not an answer.
fn text(message: &Message) -> String {
    let sections = [&message.answers, &message.authorities, &message.additionals];
    let records = sections.into_iter().flatten();
    records
        .map(|record| format!("{} {} {}\n", record.name, record.record_type(), record.data))
        .collect()
}

/// Asks everything until `stop`, on several threads.
fn sample(server: SocketAddr, stop: &Arc<AtomicBool>) -> Vec<std::thread::JoinHandle<Vec<Heard>>> {
    let one = |asked: (&'static str, RecordType)| {
        let stop = Arc::clone(stop);
        std::thread::spawn(move || {
            let mut heard = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                if let Some(message) = dns::udp(server, asked.0, asked.1) {
                    heard.push(Heard {
                        at: Instant::now(),
                        asked,
                        text: text(&message),
                    });
                }
                std::thread::park_timeout(Duration::from_millis(1));
            }
            heard
        })
    };
    ASKED.into_iter().map(one).collect()
}

fn zone(port: u16, service: &str) -> Folder {
    let folder = Folder::new("");
    folder.zone(&format!(
        "[checks.web]\ntype = \"http\"\nport = {port}\npath = \"/healthz\"\n{QUICK}\n[services.web]\ncheck = \"web\"\n\
         ttl = \"1s\"\nmx = {{}}\nhttps = {{ alpn = [\"h2\"] }}\nsvcb = {{}}\n\
         srv = [{{ name = \"_http._tcp\", port = {port} }}]\n{service}\n"
    ));
    folder.write(
        "zones/example.test.records",
        "$TTL 300\n@ SOA ns1 hostmaster 1 3600 600 604800 60\n@ NS ns1\nns1 A 192.0.2.53\n\
         mail MX 10 first.web\nmail MX 20 web\nsrv SRV 0 0 1 web\nalias CNAME web\n",
    );
    folder
}

/// Runs `break_it` while everything is asked; what was heard later than a second after A no longer held `dead`.
fn after_the_flip(server: &Server, dead: &str, break_it: impl FnOnce()) -> Vec<Heard> {
    let stop = Arc::new(AtomicBool::new(false));
    let threads = sample(server.dns, &stop);
    break_it();
    wait_until("A has left it", Duration::from_secs(10), || {
        !dns::addresses(server.dns, "web.example.test.").contains(&dead.to_owned())
    });
    let flip = Instant::now();
    // A second after the flip, and one more to look at.
    wait_until("two seconds are over", Duration::from_secs(5), || {
        flip.elapsed() >= Duration::from_secs(2)
    });
    stop.store(true, Ordering::Relaxed);
    let heard = threads.into_iter().flat_map(|thread| thread.join().unwrap());
    let late = heard.filter(|heard| heard.at > flip + Duration::from_secs(1));
    let late: Vec<Heard> = late.collect();
    for asked in ASKED {
        let count = late.iter().filter(|heard| heard.asked == asked).count();
        assert!(count > 20, "{asked:?} was heard {count} times");
    }
    late
}

#[test]
fn no_type_names_a_dead_endpoint() {
    let port = free_port();
    let (mut first, _second) = (
        Nginx::start(&format!("{FIRST}:{port}")),
        Nginx::start(&format!("{SECOND}:{port}")),
    );
    for policy in ["failover", "all", "weighted"] {
        let folder = zone(
            port,
            &format!(
                "policy = \"{policy}\"\nendpoints = [{{ name = \"first\", address = \"{FIRST}\" }}, \
                 {{ name = \"second\", address = \"{SECOND}\" }}]"
            ),
        );
        let server = folder.start();
        for (name, rtype) in ASKED.iter().filter(|asked| asked.1 != RecordType::AAAA) {
            wait_until(
                &format!("{name} {rtype} names the first"),
                Duration::from_secs(5),
                || {
                    let heard = dns::udp(server.dns, name, *rtype);
                    heard.is_some_and(|message| text(&message).contains(FIRST))
                },
            );
        }
        let late = after_the_flip(&server, FIRST, || first.kill());
        for heard in late {
            let names_it = heard.text.contains(FIRST)
                // Static records name what they name; its address is not given.
                || heard.asked.0 != "mail.example.test." && heard.text.contains("first.web");
            assert!(!names_it, "{policy}: {:?}: {}", heard.asked, heard.text);
            let leads_to_the_second = heard.text.contains(SECOND) || heard.text.contains("second.web");
            let has_others = !matches!(
                heard.asked,
                (_, RecordType::AAAA) | ("first.web.example.test.", _)
            );
            assert!(
                leads_to_the_second || !has_others,
                "{:?}: {}",
                heard.asked,
                heard.text
            );
        }
        first.restart();
    }
}

#[test]
fn an_outage_of_one_family_leaves_the_other_alone() {
    let port = free_port();
    let (mut first, _six, _second) = (
        Nginx::start(&format!("{FIRST}:{port}")),
        Nginx::start(&format!("[::1]:{port}")),
        Nginx::start(&format!("{SECOND}:{port}")),
    );
    let folder = zone(
        port,
        &format!(
            "policy = \"all\"\nendpoints = [{{ name = \"first\", address = [\"{FIRST}\", \"::1\"] }}, \
             {{ name = \"second\", address = \"{SECOND}\" }}]"
        ),
    );
    let server = folder.start();
    let late = after_the_flip(&server, FIRST, || first.kill());
    for heard in late {
        assert!(!heard.text.contains(FIRST), "{:?}: {}", heard.asked, heard.text);
        let wanted: &[&str] = match heard.asked {
            ("web.example.test.", RecordType::A) => &[SECOND],
            ("web.example.test.", RecordType::AAAA) => &["::1"],
            // Still named: it is reachable by AAAA.
            ("web.example.test.", RecordType::MX) => &["first.web", "second.web", "AAAA ::1"],
            (_, RecordType::SRV | RecordType::MX) => &["AAAA ::1"],
            (_, RecordType::HTTPS | RecordType::SVCB) => &[SECOND, "ipv6hint=::1"],
            _ => &[],
        };
        for wanted in wanted {
            assert!(
                heard.text.contains(wanted),
                "{:?}: no {wanted}: {}",
                heard.asked,
                heard.text
            );
        }
    }
}

#[test]
fn explain_says_what_each_name_is_and_answers_by_the_engine() {
    let folder = zone(
        free_port(),
        "policy = \"failover\"\nendpoints = [{ name = \"first\", address = \"127.0.4.1\" }]",
    );
    folder.write(
        "zones/wild.test.toml",
        "origin = \"wild.test\"\nnameservers = [\"ns1.example.test\"]\nhostmaster = \"h.example.test\"\n\
         [services.\"*\"]\npolicy = \"all\"\nendpoints = [{ name = \"x\", address = \"192.0.2.1\" }]\n",
    );
    for (name, rtype, said, answered) in [
        (
            "web.example.test",
            "HTTPS",
            "A, AAAA, MX, HTTPS, SVCB follow health",
            "ipv4hint=127.0.4.1",
        ),
        (
            "_http._tcp.web.example.test",
            "SRV",
            "SRV names the endpoints",
            "first.web.example.test.",
        ),
        (
            "first.web.example.test",
            "A",
            "host name of endpoint first",
            "127.0.4.1",
        ),
        ("any.wild.test", "A", "service *.wild.test", "192.0.2.1"),
    ] {
        let done = folder.run(&["explain", "--offline", name, rtype]);
        let text = String::from_utf8_lossy(&done.stdout);
        assert!(
            text.contains(said) && text.contains(answered),
            "{name} {rtype}:\n{text}"
        );
    }
}
