//! Endpoints by `alias`: the real server, a practice resolver, real nginx at the addresses that it gives.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hickory_proto::op::{Message, MessageType, ResponseCode};
use hickory_proto::rr::rdata::A;
use hickory_proto::rr::{RData, Record, RecordType};
use pointsman::model::cname::stand_ins;
use pointsman::wire::name::Name;

use crate::support::backend::Nginx;
use crate::support::dns::{self, addresses};
use crate::support::server::{Folder, Server};
use crate::support::{free_port, wait_until};

const FIRST: &str = "127.0.8.1";
const SECOND: &str = "127.0.8.2";
const THIRD: &str = "127.0.8.3";
const QUICK: &str =
    "interval = \"200ms\"\nfast_interval = \"100ms\"\ntimeout = \"100ms\"\nmin_down = \"300ms\"";
/// A name is asked for again after at least 5 s; the rest is for a busy machine.
const AGAIN: Duration = Duration::from_secs(12);

/// What the practice resolver says of each name: addresses (IPv4) with this TTL, or SERVFAIL.
#[derive(Clone)]
enum Says {
    Addresses(Vec<&'static str>, u32),
    Fail,
    Silence,
}

/// A resolver that says the same of every name, NODATA for other types than A.
struct Resolver {
    address: SocketAddr,
    says: Arc<Mutex<Says>>,
}

impl Resolver {
    fn start(says: Says) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let resolver = Self {
            address: socket.local_addr().unwrap(),
            says: Arc::new(Mutex::new(says)),
        };
        let says = Arc::clone(&resolver.says);
        std::thread::spawn(move || {
            let mut octets = [0; 2048];
            while let Ok((length, peer)) = socket.recv_from(&mut octets) {
                let Ok(query) = Message::from_vec(&octets[..length]) else {
                    continue;
                };
                let says = says.lock().unwrap().clone();
                if let Some(reply) = reply(&query, &says) {
                    let _ = socket.send_to(&reply.to_vec().unwrap(), peer);
                }
            }
        });
        resolver
    }

    fn say(&self, says: Says) {
        *self.says.lock().unwrap() = says;
    }
}

fn reply(query: &Message, says: &Says) -> Option<Message> {
    let mut reply = Message::new(query.metadata.id, MessageType::Response, query.metadata.op_code);
    let question = query.queries.first()?.clone();
    reply.metadata.recursion_desired = true;
    reply.metadata.recursion_available = true;
    match says {
        Says::Silence => return None,
        Says::Fail => reply.metadata.response_code = ResponseCode::ServFail,
        Says::Addresses(addresses, ttl) if question.query_type() == RecordType::A => {
            for address in addresses {
                let address: Ipv4Addr = address.parse().unwrap();
                let data = RData::A(A(address));
                reply.add_answer(Record::from_rdata(question.name().clone(), *ttl, data));
            }
        }
        Says::Addresses(..) => {}
    }
    reply.add_query(question);
    Some(reply)
}

fn folder(resolver: &Resolver, zone: &str) -> Folder {
    let folder = Folder::new(&format!("[resolver]\nnameservers = [\"{}\"]\n", resolver.address));
    folder.zone(zone);
    folder
}

/// A service at the apex whose only endpoint is known by a name, probed at `port`.
fn checked(port: u16, policy: &str, rest: &str) -> String {
    format!(
        "[checks.web]\ntype = \"http\"\nport = {port}\npath = \"/healthz\"\n{QUICK}\n\
         [services.\"@\"]\npolicy = \"{policy}\"\ncheck = \"web\"\n\
         endpoints = [{{ name = \"cdn\", alias = \"lb.elsewhere.example\" }}{rest}]\n"
    )
}

fn until_answered(server: &Server, wanted: &[&str], patience: Duration) -> Duration {
    wait_until(
        &format!("{wanted:?} is answered; log:\n{}", server.log()),
        patience,
        || addresses(server.dns, "example.test.") == wanted,
    )
}

#[test]
fn an_alias_is_answered_at_the_apex_and_never_names_a_dead_address() {
    let port = free_port();
    let (mut first, _second) = (
        Nginx::start(&format!("{FIRST}:{port}")),
        Nginx::start(&format!("{SECOND}:{port}")),
    );
    let resolver = Resolver::start(Says::Addresses(vec![FIRST, SECOND], 3));
    let folder = folder(&resolver, &checked(port, "all", ""));
    let server = folder.start();
    assert_eq!(
        addresses(server.dns, "example.test."),
        [FIRST, SECOND],
        "{}",
        server.log()
    );
    let heard = dns::udp(server.dns, "example.test.", RecordType::A).unwrap();
    assert!(
        heard.answers.iter().all(|record| record.ttl <= 3),
        "{:?}",
        heard.answers
    );
    first.kill();
    until_answered(&server, &[SECOND], Duration::from_secs(5));
    // The name still leads to it; asked again and again, it is never answered while it is down.
    let began = std::time::Instant::now();
    let mut asked = 0;
    wait_until("seven seconds are over", Duration::from_secs(10), || {
        for (name, rtype) in [
            ("example.test.", RecordType::A),
            ("example.test.", RecordType::ANY),
        ] {
            let heard = dns::udp(server.dns, name, rtype).unwrap();
            let text: String = heard
                .answers
                .iter()
                .map(|record| format!("{} ", record.data))
                .collect();
            assert!(!text.contains(FIRST) && text.contains(SECOND), "{rtype}: {text}");
            asked += 1;
        }
        began.elapsed() > Duration::from_secs(7)
    });
    assert!(asked > 300, "{asked}");
    first.restart();
    until_answered(&server, &[FIRST, SECOND], Duration::from_secs(5));
}

#[test]
fn a_name_that_leads_elsewhere_is_followed_and_what_stays_keeps_its_health() {
    let port = free_port();
    let _backends = [FIRST, THIRD].map(|address| Nginx::start(&format!("{address}:{port}")));
    let resolver = Resolver::start(Says::Addresses(vec![FIRST, SECOND], 1));
    let folder = folder(&resolver, &checked(port, "all", ""));
    let server = folder.start();
    // Nobody listens at the second.
    until_answered(&server, &[FIRST], Duration::from_secs(5));
    resolver.say(Says::Addresses(vec![FIRST, SECOND, THIRD], 1));
    wait_until("the third is answered", AGAIN, || {
        let heard = addresses(server.dns, "example.test.");
        assert!(
            !heard.contains(&SECOND.to_owned()),
            "it is known to be down: {heard:?}"
        );
        heard == [FIRST, THIRD]
    });
    resolver.say(Says::Addresses(vec![THIRD], 1));
    until_answered(&server, &[THIRD], AGAIN);
}

#[test]
fn the_last_good_addresses_are_kept_when_the_resolver_fails() {
    let resolver = Resolver::start(Says::Addresses(vec!["192.0.2.7"], 1));
    let zone = "[services.\"@\"]\npolicy = \"failover\"\n\
                endpoints = [{ name = \"cdn\", alias = \"lb.elsewhere.example\" }]\nmx = {}\nhttps = {}\n";
    let folder = folder(&resolver, zone);
    let server = folder.start();
    assert_eq!(addresses(server.dns, "example.test."), ["192.0.2.7"]);
    for says in [Says::Fail, Says::Silence, Says::Addresses(Vec::new(), 1)] {
        resolver.say(says);
        wait_until("it is said", AGAIN, || {
            server.log().contains("last good addresses are kept")
        });
        assert_eq!(addresses(server.dns, "example.test."), ["192.0.2.7"]);
    }
    wait_until("status shows it", AGAIN, || {
        let status = folder.run(&["status"]);
        let status = String::from_utf8_lossy(&status.stdout).into_owned();
        status.contains("lb.elsewhere.example") && status.contains("the last good addresses are kept")
    });
    for (rtype, wanted) in [
        (RecordType::HTTPS, "192.0.2.7"),
        (RecordType::MX, "cdn.example.test."),
    ] {
        let heard = dns::udp(server.dns, "example.test.", rtype).unwrap();
        assert!(heard.answers[0].data.to_string().contains(wanted), "{heard:?}");
    }
    resolver.say(Says::Addresses(vec!["192.0.2.8"], 1));
    until_answered(&server, &["192.0.2.8"], AGAIN);
}

#[test]
fn what_was_never_resolved_is_down_and_nothing_is_said_to_be_absent() {
    let resolver = Resolver::start(Says::Fail);
    let alone = "endpoints = [{ name = \"cdn\", alias = \"lb.elsewhere.example\" }]";
    let beside = "endpoints = [{ name = \"cdn\", alias = \"lb.elsewhere.example\" }, { name = \"own\", address = \"192.0.2.1\" }]";
    let folder = folder(
        &resolver,
        &format!(
            "[services.\"@\"]\npolicy = \"failover\"\n{alone}\n[services.beside]\npolicy = \"failover\"\n{beside}\n"
        ),
    );
    let server = folder.start();
    assert_eq!(addresses(server.dns, "beside.example.test."), ["192.0.2.1"]);
    let heard = dns::udp(server.dns, "example.test.", RecordType::A).unwrap();
    assert_eq!(heard.metadata.response_code, ResponseCode::ServFail);
    let status = folder.run(&["status"]);
    let status = String::from_utf8_lossy(&status.stdout).into_owned();
    assert!(status.contains("not resolved:"), "{status}");
    resolver.say(Says::Addresses(vec!["192.0.2.9"], 60));
    until_answered(&server, &["192.0.2.9"], AGAIN);
    wait_until("it is preferred", Duration::from_secs(2), || {
        addresses(server.dns, "beside.example.test.") == ["192.0.2.9"]
    });
}

#[test]
fn an_endpoint_by_cname_is_answered_for_every_type_while_it_is_chosen() {
    let port = free_port();
    let mut first = Nginx::start(&format!("{FIRST}:{port}"));
    let folder = Folder::new("");
    folder.zone(&format!(
        "[checks.web]\ntype = \"http\"\nport = {port}\npath = \"/healthz\"\n{QUICK}\n\
         [services.web]\npolicy = \"failover\"\ncheck = \"web\"\nttl = \"1s\"\nendpoints = [\n\
         {{ name = \"cdn\", cname = \"lb.elsewhere.example\", probe_address = \"{FIRST}\" }},\n\
         {{ name = \"own\", address = \"127.0.8.9\", probe_address = \"127.0.0.1\", check = \"dns\" }},\n]\n\
         [checks.dns]\ntype = \"tcp\"\nport = {}\n{QUICK}\n",
        folder.api.port()
    ));
    let server = folder.start();
    let heard = |rtype| dns::udp(server.dns, "web.example.test.", rtype).unwrap();
    let is_cname = |rtype| {
        let heard = heard(rtype);
        heard.answers.len() == 1 && heard.answers[0].data.to_string() == "lb.elsewhere.example."
    };
    for rtype in [
        RecordType::A,
        RecordType::AAAA,
        RecordType::TXT,
        RecordType::CNAME,
        RecordType::ANY,
    ] {
        assert!(is_cname(rtype), "{rtype}: {:?}", heard(rtype).answers);
    }
    let status = folder.run(&["status"]);
    let status = String::from_utf8_lossy(&status.stdout).into_owned();
    assert!(status.contains("CNAME lb.elsewhere.example"), "{status}");
    first.kill();
    until_other(&server, "127.0.8.9");
    for rtype in [RecordType::AAAA, RecordType::TXT, RecordType::CNAME] {
        let heard = heard(rtype);
        assert!(heard.answers.is_empty(), "{rtype}: {:?}", heard.answers);
        assert!(heard.authorities[0].ttl <= 1, "{rtype}: {:?}", heard.authorities);
    }
    first.restart();
    wait_until("the CNAME is answered again", Duration::from_secs(5), || {
        is_cname(RecordType::A)
    });
    let (log, name) = (server.log(), Name::from_text("lb.elsewhere.example").unwrap());
    for hidden in stand_ins(&name) {
        assert!(
            !log.contains(&hidden.to_string()),
            "a stand-in is in the log:\n{log}"
        );
    }
}

fn until_other(server: &Server, wanted: &str) {
    wait_until(
        &format!("{wanted} is answered; log:\n{}", server.log()),
        Duration::from_secs(5),
        || addresses(server.dns, "web.example.test.") == [wanted],
    );
}
