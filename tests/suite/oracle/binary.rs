//! The same with the real binary: what it reports, made again, is what it sends over UDP.

use std::collections::BTreeSet;
use std::net::UdpSocket;
use std::time::Duration;

use pointsman::control::chance::Chance;

use super::message::{answer, octets};
use super::plans::{below, of};
use super::report::Report;
use crate::support::backend::Nginx;
use crate::support::http::request;
use crate::support::server::{Folder, Server};
use crate::support::{free_port, wait_until};

const JSON: [&str; 1] = ["Content-Type: application/json"];

fn report(folder: &Folder, name: &str, rtype: &str, dice: u64) -> Report {
    let path = format!("/v1/explain?name={name}&type={rtype}&client=127.0.0.1&dice={dice}");
    let (status, body) = request(folder.api, "GET", &path, &[], "");
    assert_eq!(status, 200, "{body}");
    let begin = body.find('{').expect("JSON");
    serde_json::from_str(body[begin..].trim_end_matches(['0', '\r', '\n'])).unwrap_or_else(|error| {
        panic!("{error}: {body}");
    })
}

fn over_udp(server: &Server, query: &[u8]) -> Vec<u8> {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(server.dns).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    socket.send(query).unwrap();
    let mut out = [0; 4096];
    let length = socket.recv(&mut out).unwrap();
    out[..length].to_vec()
}

/// What may be sent: the answers to throws that reach every column and every beginning of a rotation.
fn all_throws(report: &mut Report) -> BTreeSet<Vec<u8>> {
    let mut chance = Chance::new(7);
    (0..400)
        .map(|_| {
            report.asked.dice = chance.throw().to_string();
            answer(report).unwrap()
        })
        .collect()
}

#[test]
fn the_binary_sends_over_udp_what_its_report_leads_to() {
    let folder = Folder::new("");
    let port = free_port();
    let nginx = Nginx::start(&format!("127.0.0.2:{port}"));
    let service = |label: &str, policy: &str, more: &str| {
        format!(
            "[services.{label}]\npolicy = \"{policy}\"\n{more}\nendpoints = [\
             {{ name = \"a\", address = [\"192.0.2.1\", \"2001:db8::1\"], weight = 3 }}, \
             {{ name = \"b\", address = \"192.0.2.2\", weight = 1 }}, \
             {{ name = \"c\", address = [\"192.0.2.3\", \"192.0.2.4\"], weight = 2 }}]\n"
        )
    };
    let zone = [
        service(
            "fo",
            "failover",
            "when_all_down = \"last\"\nfailback = \"manual\"",
        ),
        service("we", "weighted", "when_all_down = \"servfail\""),
        service(
            "al",
            "all",
            "max_answers = 2\nwhen_all_down = { fallback = [\"203.0.113.9\"] }",
        ),
        service("st", "sticky", "when_all_down = \"none\""),
        service("fa", "fastest", "when_all_down = \"assume-up\""),
        format!(
            "[checks.t]\ntype = \"tcp\"\nport = {port}\ninterval = \"100ms\"\nfast_interval = \"100ms\"\n\
             timeout = \"1s\"\nmin_down = \"0s\"\n[services.live]\npolicy = \"failover\"\ncheck = \"t\"\n\
             ttl = {{ mode = \"stable\", max = \"20s\", min = \"3s\" }}\nendpoints = [\
             {{ name = \"x\", address = \"127.0.0.2\" }}, {{ name = \"y\", address = \"127.0.0.9\" }}]\n"
        ),
    ];
    folder.zone(&zone.concat());
    let server = folder.start();
    let mut chance = Chance::new(11);
    let (mut compared, mut thrown) = (0, 0);
    for _ in 0..40 {
        let label = of(&mut chance, &["fo", "we", "al", "st", "fa", "live"]);
        let names: &[&str] = if label == "live" {
            &["x", "y"]
        } else {
            &["a", "b", "c"]
        };
        let select = format!("{label}.example.test/{}", of(&mut chance, names));
        let (path, body) = match below(&mut chance, 5) {
            0 => ("release", format!("{{\"select\":\"{select}\"}}")),
            1 => ("force", format!("{{\"select\":\"{select}\",\"state\":\"up\"}}")),
            _ => (
                "drain",
                format!("{{\"select\":\"{select}\",\"break_glass\":true}}"),
            ),
        };
        request(folder.api, "POST", &format!("/v1/{path}"), &JSON, &body);
        for label in ["fo", "we", "al", "st", "fa", "live", "nobody"] {
            for rtype in ["A", "AAAA"] {
                let name = format!("{label}.example.test");
                let mut report = report(&folder, &name, rtype, chance.throw());
                let query = octets(&report.answer.query);
                let said = octets(&report.answer.wire);
                assert_eq!(answer(&report).unwrap(), said, "{name} {rtype}");
                let sent = over_udp(&server, &query);
                if matches!(label, "we" | "al") {
                    let possible = all_throws(&mut report);
                    assert!(possible.contains(&sent), "{name} {rtype}: {sent:02x?}");
                    thrown += 1;
                } else {
                    assert_eq!(sent, said, "{name} {rtype}");
                    compared += 1;
                }
            }
        }
    }
    // A backend dies: the report follows, and so does what is sent.
    drop(nginx);
    request(folder.api, "POST", "/v1/release", &JSON, "{\"select\":\"*\"}");
    wait_until("all are down", Duration::from_secs(20), || {
        let report = report(&folder, "live.example.test", "A", 0);
        let (said, sent) = (
            octets(&report.answer.wire),
            over_udp(&server, &octets(&report.answer.query)),
        );
        let made = answer(&report).unwrap();
        assert_eq!(made, said);
        // Between the report and the query the state may change; then the next look shows it.
        sent == said && String::from_utf8_lossy(&said).contains("all endpoints down")
    });
    println!("{compared} answers of the binary octet by octet, {thrown} among the possible ones");
}
