//! `/metrics`: what is counted is what happened, the format is what scrapers read, and every family is documented.

mod page;
mod tools;

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::time::Duration;

use hickory_proto::rr::RecordType;
use pointsman::metrics::families::ALL;
use pointsman::metrics::text::Kind;

use crate::support::backend::Nginx;
use crate::support::dns::{addresses, query, udp};
use crate::support::server::Folder;
use crate::support::{free_port, http, wait_until};
use page::Page;

const PATIENCE: Duration = Duration::from_secs(10);
const QUICK: &str =
    "interval = \"200ms\"\nfast_interval = \"100ms\"\ntimeout = \"100ms\"\nmin_down = \"300ms\"";
const SERVICE: [(&str, &str); 1] = [("service", "www.example.test")];

/// Asks over TCP; the answer's octets.
fn tcp(server: SocketAddr, name: &str, rtype: RecordType) -> Vec<u8> {
    let octets = query(name, rtype).to_vec().unwrap();
    let mut stream = TcpStream::connect(server).unwrap();
    stream
        .write_all(&u16::try_from(octets.len()).unwrap().to_be_bytes())
        .unwrap();
    stream.write_all(&octets).unwrap();
    let mut length = [0; 2];
    stream.read_exact(&mut length).unwrap();
    let mut answer = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut answer).unwrap();
    answer
}

fn pair_zone(port: u16, more: &str) -> String {
    format!(
        "[checks.web]\ntype = \"http\"\nport = {port}\npath = \"/healthz\"\n{QUICK}\n\
         [services.www]\npolicy = \"failover\"\ncheck = \"web\"\nendpoints = [\n\
         {{ name = \"first\", address = \"127.0.1.41\" }},\n{{ name = \"second\", address = \"127.0.1.42\" }},\n]\n{more}\n"
    )
}

#[test]
fn what_is_answered_is_counted_by_transport_type_code_service_and_endpoint() {
    let folder = Folder::new("");
    folder.zone(
        "[services.www]\npolicy = \"all\"\nendpoints = [\
         { name = \"a\", address = [\"192.0.2.1\", \"192.0.2.2\"] }, { name = \"b\", address = \"192.0.2.3\" }]\n",
    );
    let server = folder.start();
    let before = Page::of(folder.api);
    for _ in 0..5 {
        assert_eq!(addresses(server.dns, "www.example.test.").len(), 3);
    }
    udp(server.dns, "www.example.test.", RecordType::AAAA).unwrap();
    udp(server.dns, "nobody.example.test.", RecordType::MX).unwrap();
    udp(server.dns, "static.example.test.", RecordType::HINFO).unwrap();
    for _ in 0..3 {
        tcp(server.dns, "www.example.test.", RecordType::A);
    }
    let mut after = Page::default();
    let counted = |page: &Page, name: &str, labels: &[(&str, &str)]| {
        page.value(name, labels).unwrap_or(0.0) - before.value(name, labels).unwrap_or(0.0)
    };
    wait_until("the last answer is counted", PATIENCE, || {
        after = Page::of(folder.api);
        counted(&after, "pointsman_queries_total", &[("transport", "tcp")]) == 3.0
    });
    let of = |labels: &[(&str, &str)]| counted(&after, "pointsman_queries_total", labels);
    assert_eq!(
        of(&[("transport", "udp"), ("type", "A"), ("rcode", "NOERROR")]),
        5.0
    );
    assert_eq!(
        of(&[("transport", "tcp"), ("type", "A"), ("rcode", "NOERROR")]),
        3.0
    );
    assert_eq!(of(&[("type", "AAAA"), ("rcode", "NOERROR")]), 1.0);
    assert_eq!(of(&[("type", "MX"), ("rcode", "NXDOMAIN")]), 1.0);
    assert_eq!(of(&[("type", "other"), ("rcode", "NOERROR")]), 1.0);
    let said = |answer| {
        let labels = [SERVICE[0], ("answer", answer)];
        counted(&after, "pointsman_service_answers_total", &labels)
    };
    assert_eq!(
        (said("address"), said("nodata"), said("servfail")),
        (8.0, 1.0, 0.0)
    );
    for endpoint in ["a", "b"] {
        // Once for each answer, though `a` has two addresses in it.
        let named = counted(
            &after,
            "pointsman_endpoint_answers_total",
            &[("endpoint", endpoint)],
        );
        assert_eq!(named, 8.0, "{endpoint}");
    }
    assert_eq!(counted(&after, "pointsman_service_ttl_seconds_count", &[]), 8.0);
    assert_eq!(counted(&after, "pointsman_service_ttl_seconds_sum", &[]), 80.0);
    assert_eq!(
        counted(&after, "pointsman_answer_seconds_count", &[("transport", "udp")]),
        8.0
    );
    assert_eq!(
        counted(&after, "pointsman_tcp_connections_accepted_total", &[]),
        3.0
    );
}

#[test]
fn a_failover_is_seen_in_states_times_and_latencies() {
    let port = free_port();
    let mut first = Nginx::start(&format!("127.0.1.41:{port}"));
    let _second = Nginx::start(&format!("127.0.1.42:{port}"));
    let folder = Folder::new("");
    folder.zone(&pair_zone(port, ""));
    let server = folder.start();
    let page = Page::of(folder.api);
    let endpoint = |name| [SERVICE[0], ("endpoint", name), ("check", "web")];
    assert_eq!(page.value("pointsman_endpoint_up", &endpoint("first")), Some(1.0));
    assert_eq!(page.value("pointsman_failovers_total", &SERVICE), Some(0.0));
    assert_eq!(
        page.value("pointsman_endpoint_answered", &[("endpoint", "second")]),
        Some(0.0)
    );
    first.kill();
    wait_until("the answer follows", PATIENCE, || {
        addresses(server.dns, "www.example.test.") == ["127.0.1.42"]
    });
    let page = Page::of(folder.api);
    let value = |name: &str, labels: &[(&str, &str)]| page.value(name, labels).unwrap_or(-1.0);
    assert_eq!(value("pointsman_endpoint_up", &endpoint("first")), 0.0);
    assert_eq!(value("pointsman_endpoint_up", &endpoint("second")), 1.0);
    assert_eq!(
        value("pointsman_endpoint_answered", &[("endpoint", "first")]),
        0.0
    );
    assert_eq!(
        value("pointsman_endpoint_state_changes_total", &endpoint("first")),
        1.0
    );
    assert_eq!(value("pointsman_failovers_total", &SERVICE), 1.0);
    let fell = [("kind", "state-changed"), ("alarm", "true")];
    assert_eq!(value("pointsman_events_total", &fell), 1.0);
    assert_eq!(value("pointsman_service_answer_changes_total", &SERVICE), 1.0);
    // Three failures in a row, 100 ms apart or less.
    let detection = value("pointsman_failover_last_detection_seconds", &SERVICE);
    assert!((0.01..2.0).contains(&detection), "{detection}");
    assert_eq!(value("pointsman_failover_detection_seconds_sum", &[]), detection);
    let answer = value("pointsman_failover_last_answer_seconds", &SERVICE);
    assert!((0.0..0.5).contains(&answer), "{answer}");
    let whole = value("pointsman_failover_seconds_sum", &[]);
    assert!(
        (whole - detection - answer).abs() < 1e-6,
        "{whole} {detection} {answer}"
    );
    let refused = [("check", "web"), ("type", "http"), ("result", "refused")];
    assert!(value("pointsman_probes_total", &refused) >= 3.0);
    assert!(
        value(
            "pointsman_probe_phase_seconds_count",
            &[("type", "http"), ("phase", "connect")]
        ) >= 4.0
    );
    assert_eq!(value("pointsman_addresses", &[("state", "down")]), 1.0);
    wait_until("time passes in the state down", PATIENCE, || {
        let down = [SERVICE[0], ("endpoint", "first"), ("state", "down")];
        Page::of(folder.api)
            .value("pointsman_endpoint_state_seconds_total", &down)
            .is_some_and(|seconds| seconds > 0.05)
    });
    assert!(value("pointsman_scheduler_lateness_seconds_count", &[]) >= 4.0);
    assert!(value("pointsman_publish_seconds_count", &[]) >= 1.0);
}

#[test]
fn nothing_goes_back_over_a_reload() {
    let port = free_port();
    let _first = Nginx::start(&format!("127.0.1.41:{port}"));
    let mut second = Nginx::start(&format!("127.0.1.42:{port}"));
    let folder = Folder::new("");
    folder.zone(&pair_zone(port, ""));
    let server = folder.start();
    for _ in 0..20 {
        addresses(server.dns, "www.example.test.");
    }
    second.kill();
    wait_until("the second is down", PATIENCE, || {
        Page::of(folder.api).value("pointsman_addresses", &[("state", "down")]) == Some(1.0)
    });
    let before = Page::of(folder.api);
    // Services and endpoints are numbered anew: one service stands before, and the pair is written the other way round.
    let zone = pair_zone(port, "");
    let lines: Vec<&str> = zone.lines().collect();
    let (first, second) = lines
        .iter()
        .copied()
        .filter(|line| line.contains("address"))
        .fold(("", ""), |(_, last), line| (last, line));
    let turned = zone
        .replace(first, "@")
        .replace(second, first)
        .replace('@', second);
    assert_ne!(turned, zone);
    let more = "[services.aaa]\npolicy = \"all\"\nendpoints = [{ name = \"x\", address = \"192.0.2.9\" }]\n";
    folder.zone(&format!("{more}{turned}"));
    let output = folder.run(&["reload"]);
    assert!(output.status.success(), "{output:?}");
    for _ in 0..7 {
        addresses(server.dns, "www.example.test.");
    }
    let after = Page::of(folder.api);
    let back = after.gone_back_since(&before);
    assert!(back.is_empty(), "{back:#?}");
    let answers = |page: &Page| page.value("pointsman_service_answers_total", &SERVICE).unwrap();
    assert!(answers(&after) - answers(&before) >= 6.0);
    assert_eq!(
        after.value("pointsman_reloads_total", &[("outcome", "loaded")]),
        Some(1.0)
    );
    folder.zone("this is no zone");
    assert!(!folder.run(&["reload"]).status.success());
    let refused = Page::of(folder.api);
    assert!(refused.gone_back_since(&after).is_empty());
    assert_eq!(refused.value("pointsman_reload_last_successful", &[]), Some(0.0));
    assert_eq!(
        refused.value("pointsman_reloads_total", &[("outcome", "refused")]),
        Some(1.0)
    );
}

#[test]
fn what_operators_lay_upon_endpoints_is_shown_as_long_as_it_lies() {
    let folder = Folder::new("");
    folder.zone(
        "[services.www]\npolicy = \"all\"\nendpoints = [{ name = \"a\", address = \"192.0.2.1\" }, { name = \"b\", address = \"192.0.2.2\" }]\n",
    );
    let _server = folder.start();
    let drained = [("kind", "drain"), ("source", "command")];
    let forced = [("endpoint", "a"), ("state", "drain")];
    let page = Page::of(folder.api);
    assert_eq!(page.value("pointsman_overrides", &drained), Some(0.0));
    assert!(folder.run(&["drain", "www.example.test/a"]).status.success());
    let page = Page::of(folder.api);
    assert_eq!(page.value("pointsman_overrides", &drained), Some(1.0));
    assert_eq!(page.value("pointsman_endpoint_forced", &forced), Some(1.0));
    assert_eq!(
        page.value("pointsman_service_endpoints_answered", &SERVICE),
        Some(1.0)
    );
    assert!(folder.run(&["release", "www.example.test/a"]).status.success());
    let page = Page::of(folder.api);
    assert_eq!(page.value("pointsman_overrides", &drained), Some(0.0));
    assert_eq!(page.value("pointsman_endpoint_forced", &forced), None);
}

#[test]
fn series_of_endpoints_can_be_left_out() {
    let folder = Folder::new("[metrics]\nendpoints = false");
    folder
        .zone("[services.www]\npolicy = \"all\"\nendpoints = [{ name = \"a\", address = \"192.0.2.1\" }]\n");
    let _server = folder.start();
    let page = Page::of(folder.api);
    assert_eq!(page.series("pointsman_endpoint"), 0);
    assert_eq!(page.value("pointsman_service_endpoints", &SERVICE), Some(1.0));
}

/// The names of families in `docs/metrics.md`: the first column of its tables.
fn documented() -> BTreeSet<String> {
    let text = std::fs::read_to_string("docs/metrics.md").unwrap();
    text.lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
        .map(|(name, _)| name.to_owned())
        .collect()
}

#[test]
fn every_family_is_on_the_page_and_documented_and_nothing_else() {
    let folder = Folder::new("");
    folder
        .zone("[services.www]\npolicy = \"all\"\nendpoints = [{ name = \"a\", address = \"192.0.2.1\" }]\n");
    let _server = folder.start();
    let page = Page::of(folder.api);
    let known: BTreeSet<String> = ALL.iter().map(|family| family.name.to_owned()).collect();
    let there: BTreeSet<String> = page.families.keys().cloned().collect();
    assert_eq!(there, known);
    let with_endings = ALL.iter().map(|family| match family.kind {
        Kind::Counter => format!("{}_total", family.name),
        Kind::Info => format!("{}_info", family.name),
        Kind::Gauge | Kind::Histogram => family.name.to_owned(),
    });
    assert_eq!(documented(), with_endings.collect::<BTreeSet<_>>());
}

#[test]
fn prometheus_own_tool_finds_nothing_wrong_with_the_page() {
    let folder = Folder::new("");
    folder
        .zone("[services.www]\npolicy = \"all\"\nendpoints = [{ name = \"a\", address = \"192.0.2.1\" }]\n");
    let server = folder.start();
    addresses(server.dns, "www.example.test.");
    let (status, page) = http::request(
        folder.api,
        "GET",
        "/metrics",
        &["Accept: text/plain;version=0.0.4"],
        "",
    );
    assert_eq!(status, 200);
    assert!(!page.contains("# EOF"));
    let mut tool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool starts (Debian: prometheus)");
    tool.stdin.take().unwrap().write_all(page.as_bytes()).unwrap();
    let output = tool.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
}
