//! Drills of the real binary against real nginx: held against a packet capture, killed in the middle, ended by Ctrl-C,
//! asked for by the calendar.

use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::capture::{Answer, Capture};
use crate::support::backend::Nginx;
use crate::support::dns::addresses;
use crate::support::http::request;
use crate::support::server::{BINARY, Folder, Server};
use crate::support::{free_port, wait_until};

const PATIENCE: Duration = Duration::from_secs(30);
const JSON: [&str; 1] = ["Content-Type: application/json"];

/// Two nginx, and a server that fails over between them.
struct Stage {
    folder: Folder,
    fra: String,
    nyc: String,
    port: u16,
    backends: Vec<Nginx>,
}

impl Stage {
    /// `net` is a /24 of the loopback network of this test's own.
    fn new(net: &str, server: &str, service: &str) -> Self {
        let port = free_port();
        let (fra, nyc) = (format!("{net}.1"), format!("{net}.2"));
        let folder = Folder::new(server);
        folder.zone(&format!(
            "[checks.web]\ntype = \"http\"\nport = {port}\npath = \"/\"\n\
             [services.www]\npolicy = \"failover\"\ncheck = \"web\"\n\
             endpoints = [{{ name = \"fra\", address = \"{fra}\" }}, {{ name = \"nyc\", address = \"{nyc}\" }}]\n\
             ttl = {{ mode = \"stable\", max = \"2s\", min = \"1s\" }}\n{service}"
        ));
        let backends = [&fra, &nyc]
            .map(|address| Nginx::start(&format!("{address}:{port}")))
            .into();
        Self {
            folder,
            fra,
            nyc,
            port,
            backends,
        }
    }

    fn drill(&self, more: &[&str]) -> Child {
        Command::new(BINARY)
            .args(["drill", "www.example.test", "--json"])
            .args(more)
            .arg("--config")
            .arg(self.folder.path("pointsman.toml"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("starts")
    }

    fn get(&self, path: &str) -> (u16, Value) {
        let (status, body) = request(self.folder.api, "GET", path, &[], "");
        (status, serde_json::from_str(&body).unwrap_or_default())
    }

    fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let (status, body) = request(self.folder.api, "POST", path, &JSON, &body.to_string());
        (status, serde_json::from_str(&body).unwrap_or_default())
    }
}

const QUICK: &str = "[defaults.check]\ninterval = \"2s\"\nfast_interval = \"500ms\"";

fn www(server: &Server) -> Vec<String> {
    addresses(server.dns, "www.example.test.")
}

fn until_answered(server: &Server, address: &str) -> Duration {
    wait_until(
        &format!("{address} is answered; {}", server.log()),
        PATIENCE,
        || www(server) == [address],
    )
}

/// Exit code and the report.
fn report(child: Child) -> (Option<i32>, Value) {
    let output = child.wait_with_output().expect("ends");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let report = serde_json::from_slice(&output.stdout);
    (
        output.status.code(),
        report.unwrap_or_else(|error| panic!("{error}: {said}")),
    )
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("no number: {value}"))
}

/// Within 5 % of each other.
fn close(what: &str, reported_ms: f64, captured_ms: f64) {
    let apart = (reported_ms - captured_ms).abs() / captured_ms;
    println!(
        "{what}: reported {reported_ms:.1} ms, captured {captured_ms:.1} ms: {:.2} % apart",
        apart * 100.0
    );
    assert!(
        apart <= 0.05,
        "{what}: reported {reported_ms:.1} ms, captured {captured_ms:.1} ms"
    );
}

/// How long each client went by the old answer, in milliseconds since `began`, shortest first.
fn recoveries(clients: &[&Vec<Answer>], old: &str, (began, ended): (f64, f64)) -> Vec<f64> {
    let mut found: Vec<f64> = clients
        .iter()
        .filter_map(|answers| {
            let during: Vec<&Answer> = answers.iter().filter(|answer| answer.at < ended).collect();
            let last = during.iter().rposition(|answer| answer.address == old)?;
            let new = during.get(last + 1)?;
            Some((new.at - began) * 1000.0)
        })
        .collect();
    found.sort_by(f64::total_cmp);
    found
}

#[test]
fn the_report_is_within_five_percent_of_what_a_packet_capture_shows() {
    let stage = Stage::new("127.0.31", QUICK, "");
    let server = stage.folder.start();
    until_answered(&server, &stage.fra);
    let capture = Capture::start(stage.folder.path("drill.pcap"), server.dns, stage.port);
    let (code, report) = report(stage.drill(&["--for", "10s", "--reason", "capture"]));
    let seen = capture.stop();
    assert_eq!(www(&server), [stage.fra.as_str()]);
    assert_eq!(report["state"], "done", "{report:#}");
    let kept = report["verdict"] == "kept";
    assert_eq!(code, Some(i32::from(!kept)), "{report:#}");

    let began = number(&report["started_unix_ms"]) / 1000.0;
    let chain = &report["chain"];
    let ended = began + number(&chain["reverted_ms"]) / 1000.0;
    // Detection to first new answer, wholly by the capture: from the first probe that was taken for failed.
    let probes = &seen.connections[&stage.fra];
    let first_probe = *probes.iter().find(|at| **at >= began - 0.002).expect("a probe");
    let during: Vec<&Answer> = seen
        .answers
        .iter()
        .filter(|a| a.at >= began && a.at < ended)
        .collect();
    let first_new = during
        .iter()
        .find(|answer| answer.address == stage.nyc)
        .expect("a new answer")
        .at;
    close(
        "from the first failed probe to the first new answer",
        number(&chain["first_new_ms"]) - number(&chain["first_failed_ms"]),
        (first_new - first_probe) * 1000.0,
    );
    let since = |at: f64| (at - began) * 1000.0;
    close(
        "first failed probe",
        number(&chain["first_failed_ms"]).max(100.0),
        since(first_probe).max(100.0),
    );
    close(
        "first new answer",
        number(&chain["first_new_ms"]),
        since(first_new),
    );
    let third = probes
        .iter()
        .filter(|at| **at >= first_probe)
        .nth(2)
        .expect("three probes");
    close(
        "verdict: the third probe",
        number(&chain["verdict_ms"]),
        since(*third),
    );
    let last_old = during
        .iter()
        .rev()
        .find(|answer| answer.address == stage.fra && answer.at < first_new + 1.0);
    close(
        "last old answer",
        number(&chain["last_old_ms"]),
        since(last_old.expect("an old answer").at),
    );
    let back = seen
        .answers
        .iter()
        .find(|answer| answer.at >= ended - 0.002 && answer.address == stage.fra);
    close(
        "first answer as before",
        number(&chain["back_ms"]),
        since(back.expect("it is back").at),
    );

    // The clients, told apart by how often they ask.
    let mut clients: BTreeMap<u16, Vec<Answer>> = BTreeMap::new();
    for answer in &seen.answers {
        clients.entry(answer.client).or_default().push(answer.clone());
    }
    let asking = |least: usize, most: usize| -> Vec<&Vec<Answer>> {
        let kinds = clients.values();
        kinds
            .filter(|answers| (least..=most).contains(&answers.len()))
            .collect()
    };
    for (kind, clients) in [("fresh", asking(50, usize::MAX)), ("cache", asking(4, 49))] {
        let rows = report["clients"].as_array().expect("rows");
        let row = rows.iter().find(|row| row["kind"] == kind).expect("a row");
        let captured = recoveries(&clients, &stage.fra, (began, ended));
        assert_eq!(
            captured.len() as u64,
            row["clients"].as_u64().unwrap(),
            "{kind}: {row}"
        );
        let rank = |share: f64| captured[((captured.len() as f64 * share).ceil() as usize).max(1) - 1];
        for (name, share) in [
            ("p50_ms", 0.5),
            ("p90_ms", 0.9),
            ("p99_ms", 0.99),
            ("max_ms", 1.0),
        ] {
            close(&format!("{kind} {name}"), number(&row[name]), rank(share));
        }
    }
    // Floors hold half a minute; the drill was shorter, which is said.
    let rows = report["clients"].as_array().expect("rows");
    let floor = rows.iter().find(|row| row["kind"] == "floor").expect("a row");
    assert!(floor["computed"].as_u64().unwrap() > 10, "{floor}");
    assert!(number(&floor["max_ms"]) > 28_000.0, "{floor}");
    assert_eq!(stage.backends.len(), 2);
}

#[test]
fn killed_in_the_middle_everything_is_as_before_within_five_seconds_of_the_restart() {
    let stage = Stage::new("127.0.32", QUICK, "failback = \"manual\"");
    let server = stage.folder.start();
    until_answered(&server, &stage.fra);
    let mut drill = stage.drill(&["--for", "60s"]);
    until_answered(&server, &stage.nyc);
    server.kill();
    drill.wait().expect("it ends without a server");
    let began = Instant::now();
    let server = stage.folder.start_only();
    wait_until("as before", Duration::from_secs(5), || {
        www(&server) == [stage.fra.clone()]
    });
    let took = began.elapsed();
    println!("as before {took:?} after the start");
    assert!(took < Duration::from_secs(5), "{took:?}");
    let (_, report) = stage.get("/v1/drills/1");
    assert_eq!(report["state"], "aborted", "{report:#}");
    assert!(
        report["why"].as_str().unwrap().contains("the server ended"),
        "{report:#}"
    );
    let (_, status) = stage.get("/v1/status?service=www.example.test");
    assert_eq!(
        (status[0]["active"].as_str(), status[0]["by_hand"].as_bool()),
        (Some("fra"), Some(false))
    );
    assert!(server.log().contains("drill 1 is aborted"), "{}", server.log());
    // And another one may be held at once.
    let (status, begun) = stage.post(
        "/v1/drill",
        &json!({ "service": "www.example.test", "for": "10s" }),
    );
    assert_eq!((status, begun["id"].as_u64()), (202, Some(2)), "{begun}");
}

#[test]
fn an_interrupt_ends_it_early_and_everything_is_as_before() {
    let stage = Stage::new("127.0.33", QUICK, "");
    let server = stage.folder.start();
    until_answered(&server, &stage.fra);
    let drill = stage.drill(&["--for", "60s"]);
    until_answered(&server, &stage.nyc);
    let interrupted = Command::new("kill")
        .args(["-INT", &drill.id().to_string()])
        .status();
    assert!(interrupted.expect("kill runs").success());
    until_answered(&server, &stage.fra);
    let (_, report) = report(drill);
    assert_eq!(report["state"], "cancelled", "{report:#}");
    assert!(number(&report["chain"]["reverted_ms"]) < 30_000.0);
}

#[test]
fn the_api_refuses_by_rule_says_what_would_be_and_lists_what_was() {
    let mut stage = Stage::new("127.0.34", QUICK, "");
    let server = stage.folder.start();
    until_answered(&server, &stage.fra);
    let body = json!({ "service": "www.example.test", "dry_run": true });
    let (status, said) = stage.post("/v1/drill", &body);
    assert_eq!((status, &said["id"]), (200, &Value::Null), "{said}");
    assert!(
        said["detail"].as_str().unwrap().contains("nyc answers instead"),
        "{said}"
    );
    let (status, said) = stage.get("/v1/drills/7");
    assert_eq!(status, 404, "{said}");
    let (status, said) = stage.post("/v1/drills/7/cancel", &json!({}));
    assert_eq!(status, 409, "{said}");
    let (_, list) = stage.get("/v1/drills");
    assert_eq!(
        (&list["total"], &list["next"]),
        (&json!(0), &Value::Null),
        "{list}"
    );
    // The standby dies: refused, with exit code 1 and the rule.
    stage.backends[1].kill();
    wait_until("nyc is down", PATIENCE, || {
        stage.get("/v1/status").1[0]["endpoints"][1]["addresses"][0]["probe"]["effective"] == "down"
    });
    let (status, said) = stage.post("/v1/drill", &json!({ "service": "www.example.test" }));
    assert_eq!(status, 409);
    assert!(
        said["detail"]
            .as_str()
            .unwrap()
            .starts_with("no-healthy-standby: "),
        "{said}"
    );
    let output = stage.folder.run(&["drill", "www.example.test"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no-healthy-standby"));
}

#[test]
fn the_calendar_holds_drills_by_itself_alarms_when_one_is_refused_and_remembers_both() {
    let server = "[defaults.check]\ninterval = \"500ms\"\nfast_interval = \"100ms\"\n\
                  [drill]\nevery = \"1h\"\nfor = \"3s\"";
    // Nothing listens for the standby of the second.
    let lone = "[services.lone]\npolicy = \"failover\"\ncheck = \"web\"\n\
                endpoints = [{ name = \"fra\", address = \"127.0.35.1\" }, { name = \"lon\", address = \"127.0.35.9\" }]";
    let stage = Stage::new("127.0.35", server, lone);
    let server = stage.folder.start();
    let all = || {
        stage.get("/v1/drills").1["items"]
            .as_array()
            .cloned()
            .unwrap_or_default()
    };
    wait_until(
        &format!("one held, one refused: {}", server.log()),
        PATIENCE,
        || {
            let all = all();
            let of = |service: &str, state: &str| {
                all.iter().any(|drill| {
                    drill["service"] == service && drill["state"] == state && drill["scheduled"] == true
                })
            };
            of("www.example.test", "done") && of("lone.example.test", "refused")
        },
    );
    let log = server.log();
    let alarm = log
        .lines()
        .find(|line| line.contains("scheduled drill") && line.contains("no-healthy-standby"));
    assert!(alarm.expect("an alarm").contains("WARN"), "{log}");
    let held = all().len();
    assert_eq!(server.stop(), Some(0));
    // The next life knows: nothing is due for an hour.
    let server = stage.folder.start();
    until_answered(&server, &stage.fra);
    let (_, status) = stage.get("/v1/drills");
    assert_eq!(status["total"].as_u64(), Some(held as u64), "{status:#}");
    wait_until("the calendar was looked at", PATIENCE, || {
        server.log().contains("answering")
    });
    assert_eq!(all().len(), held);
}
