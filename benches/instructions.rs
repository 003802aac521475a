//! Instructions that the engine spends on a query, by kind of answer: a guard that holds on any machine, since
//! instructions do not depend on what else runs there.
//!
//! `cargo bench --bench instructions` runs itself under valgrind for each kind, once with few and once with many queries,
//! so that what the start costs drops out, and holds the differences against `benches/instructions.txt`: more than
//! [`TOLERANCE`] per cent above what is written there fails, more than that below asks for new numbers. `UPDATE=1` writes
//! them. They belong to one version of the compiler and one architecture, which the file names: with another one nothing
//! is held, and it is said what to do.
//!
//! Cache misses are not seen here: what layout of memory costs, `engine` and `tests/measure` measure.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    clippy::panic,
    reason = "a benchmark prints, and stops at the unexpected"
)]

#[path = "../tests/suite/support/mmdb.rs"]
mod mmdb;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::hint::black_box;
use std::net::IpAddr;
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::thread;

use pointsman::answer::snapshot::{Ask, Client, Outcome, Scratch, Snapshot, Transport};
use pointsman::config::load::load;
use pointsman::model::id::TargetId;
use pointsman::model::time::{Moment, Now, UnixTime};
use pointsman::policy::decide::decide;
use pointsman::policy::readings::{Memory, Reading};
use pointsman::policy::witness::Nobody;
use pointsman::publish::publisher::Publisher;
use pointsman::wire::name::Name;
use pointsman::wire::rtype;

/// Per cent.
const TOLERANCE: f64 = 3.0;
/// Where the numbers stand.
const STORED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/instructions.txt");
/// Queries of the short and of the long run.
const RUNS: [u64; 2] = [1_000, 11_000];
const BATCH: usize = 32;

/// A kind of answer: its name here, the question, whether with EDNS and DO.
const KINDS: [(&str, &str, u16, bool); 18] = [
    ("static A", "host.bench.example", rtype::A, false),
    ("static A, EDNS", "host.bench.example", rtype::A, true),
    ("static AAAA", "host.bench.example", rtype::AAAA, false),
    ("static TXT", "text.bench.example", rtype::TXT, false),
    ("MX with its addresses", "mail.bench.example", rtype::MX, false),
    (
        "SRV with its addresses",
        "_s._tcp.bench.example",
        rtype::SRV,
        false,
    ),
    ("CNAME followed", "alias.bench.example", rtype::A, false),
    ("wildcard", "any.wild.bench.example", rtype::A, false),
    ("referral with glue", "www.below.bench.example", rtype::A, false),
    ("NXDOMAIN", "nowhere.bench.example", rtype::A, false),
    ("NODATA", "text.bench.example", rtype::A, false),
    ("service, failover", "failover.bench.example", rtype::A, false),
    ("service, rotation", "all.bench.example", rtype::A, false),
    ("service, weighted", "weighted.bench.example", rtype::A, false),
    ("service, sticky", "sticky.bench.example", rtype::A, false),
    ("service, sticky of 64", "many.bench.example", rtype::A, false),
    ("service, subnet", "subnet.bench.example", rtype::A, false),
    ("service, geo", "geo.bench.example", rtype::A, false),
];

const RECORDS: &str = r#"
@ 300 IN SOA ns1 host 1 7200 900 86400 300
@ 300 IN NS ns1
ns1 300 IN A 192.0.2.1
host 300 IN A 192.0.2.2
host 300 IN AAAA 2001:db8::2
text 300 IN TXT "hello world"
mail 300 IN MX 10 host
_s._tcp 300 IN SRV 1 2 443 host
alias 300 IN CNAME host
*.wild 300 IN A 192.0.2.3
below 300 IN NS ns.below
ns.below 300 IN A 192.0.2.4
"#;

fn snapshot() -> Arc<Snapshot> {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::create_dir(path("zones")).unwrap();
    let world = mmdb::database(&[
        ("192.0.0.0/16", "EU", "FR", "", None),
        ("192.0.2.0/24", "EU", "DE", "BE", Some((52.5, 13.4))),
    ]);
    std::fs::write(path("places.mmdb"), world).unwrap();
    let server = "zones.directory = \"zones\"\n[geo]\ndatabase = \"places.mmdb\"\n";
    std::fs::write(path("pointsman.toml"), server).unwrap();
    let mut records = RECORDS.to_owned();
    for n in 0..1_000 {
        writeln!(records, "host{n} 300 IN A 198.51.100.{}", n % 250).unwrap();
    }
    std::fs::write(path("zones/bench.example.zone"), records).unwrap();
    let mut zone = "origin = \"bench.example\"\nrecords = \"bench.example.zone\"\nttl = \"10s\"\n".to_owned();
    let plain = ["failover", "all", "weighted", "sticky", "subnet", "geo"].map(|policy| (policy, policy, 4));
    for (name, policy, amount) in plain.into_iter().chain([("many", "sticky", 64)]) {
        let endpoint = |n: u32| {
            let more = match policy {
                "subnet" => format!(", networks = [\"192.0.2.{}/26\"]", (n - 1) * 64),
                "geo" if n == 2 => ", regions = [\"DE\"]".to_owned(),
                "weighted" => format!(", weight = {n}"),
                _ => String::new(),
            };
            format!("{{ name = \"{name}{n}\", address = \"203.0.113.{n}\"{more} }}")
        };
        let endpoints: Vec<String> = (1..=amount).map(endpoint).collect();
        writeln!(
            zone,
            "[services.{name}]\npolicy = \"{policy}\"\nendpoints = [{}]",
            endpoints.join(", ")
        )
        .unwrap();
    }
    std::fs::write(path("zones/bench.example.toml"), zone).unwrap();
    let loaded = load(&path("pointsman.toml"));
    assert!(!loaded.has_errors(), "{:#?}", loaded.diagnostics);
    let plan = loaded.plan.unwrap();
    let now = Now {
        moment: Moment::ZERO,
        wall: UnixTime(0),
    };
    let decisions: Vec<_> = plan
        .services
        .iter()
        .map(|service| {
            let up = |_: TargetId| Reading::UNPROBED;
            let mut memory = Memory::default();
            decide(service, &plan.endpoints, &up, &mut memory, now, &mut Nobody).decision
        })
        .collect();
    Publisher::new(&plan, &loaded.contents, 1).apply(&decisions)
}

fn query(name: &str, qtype: u16, edns: bool) -> Vec<u8> {
    let mut octets = vec![1, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, u8::from(edns)];
    octets.extend(Name::from_text(name).unwrap().as_wire());
    octets.extend([(qtype >> 8) as u8, qtype as u8, 0, 1]);
    if edns {
        octets.extend(b"\0\0\x29\x04\xd0\0\0\x80\0\0\0");
    }
    octets
}

/// What runs under valgrind: so many queries of one kind, as a UDP worker answers them.
fn answer(kind: usize, queries: u64) {
    let (_, name, qtype, edns) = KINDS[kind];
    let (snapshot, query) = (snapshot(), query(name, qtype, edns));
    let (mut scratch, mut out) = (Scratch::default(), [0; 4096]);
    let mut prepared = Vec::with_capacity(BATCH);
    let mut done = 0;
    while done < queries {
        let batch = BATCH.min((queries - done) as usize);
        prepared.clear();
        prepared.extend((0..batch).map(|_| snapshot.prepare(black_box(&query))));
        prepared.iter().for_each(|prepared| snapshot.fetch(prepared));
        for prepared in &prepared {
            done += 1;
            let ask = Ask {
                query: &query,
                client: Client {
                    address: IpAddr::from([192, 0, 2, (done % 251) as u8]),
                    transport: Transport::Udp,
                },
                now: Moment::ZERO,
                wall: UnixTime(0),
                dice: done.wrapping_mul(0x9e37_79b9_7f4a_7c15),
            };
            let outcome = snapshot.finish(*prepared, &ask, &mut scratch, &mut out);
            assert!(matches!(black_box(outcome), Outcome::Reply { .. }));
        }
    }
}

/// Instructions of one run, as valgrind counts them.
fn instructions(kind: usize, queries: u64) -> u64 {
    let done = Command::new("valgrind")
        .args([
            "--tool=cachegrind",
            "--cache-sim=no",
            "--cachegrind-out-file=/dev/null",
        ])
        .arg(std::env::current_exe().unwrap())
        .args(["--answer", &kind.to_string(), &queries.to_string()])
        .output()
        .expect("valgrind is installed (Debian: valgrind)");
    let told = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.success(), "{told}");
    let line = told.lines().find_map(|line| line.split("I   refs:").nth(1));
    let line = line.or_else(|| told.lines().find_map(|line| line.split("I refs:").nth(1)));
    let digits: String = line
        .unwrap_or_else(|| panic!("no count in: {told}"))
        .chars()
        .filter(char::is_ascii_digit)
        .collect();
    digits.parse().unwrap()
}

/// What the numbers depend on besides the code.
fn compiler() -> String {
    let done = Command::new("rustc").arg("--version").output().unwrap();
    let version = String::from_utf8_lossy(&done.stdout).trim().to_owned();
    format!("{version}, {}", std::env::consts::ARCH)
}

/// For which compiler the numbers stand, and the numbers.
fn stored() -> (String, BTreeMap<String, f64>) {
    let text = std::fs::read_to_string(STORED).unwrap_or_default();
    let compiler = text.lines().find_map(|line| line.strip_prefix("# rustc "));
    let counts = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.rsplit_once(char::is_whitespace))
        .filter_map(|(kind, count)| Some((kind.trim().to_owned(), count.parse().ok()?)));
    (
        compiler.map_or_else(String::new, |rest| format!("rustc {rest}")),
        counts.collect(),
    )
}

/// Instructions per query of each kind, some at a time.
fn measured() -> Vec<f64> {
    let at_once = thread::available_parallelism().map_or(1, usize::from);
    let kinds: Vec<usize> = (0..KINDS.len()).collect();
    let one = |&kind: &usize| {
        let [few, many] = RUNS.map(|queries| instructions(kind, queries));
        many.saturating_sub(few) as f64 / (RUNS[1] - RUNS[0]) as f64
    };
    let of_some = |some: &[usize]| -> Vec<f64> {
        thread::scope(|scope| {
            let running: Vec<_> = some.iter().map(|kind| scope.spawn(move || one(kind))).collect();
            running.into_iter().map(|run| run.join().unwrap()).collect()
        })
    };
    kinds.chunks(at_once).flat_map(of_some).collect()
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|argument| argument == "--answer") {
        answer(
            arguments[at + 1].parse().unwrap(),
            arguments[at + 2].parse().unwrap(),
        );
        return ExitCode::SUCCESS;
    }
    let (update, compiler, (of, stored)) = (std::env::var_os("UPDATE").is_some(), compiler(), stored());
    if of != compiler && !update {
        println!(
            "The numbers in benches/instructions.txt are those of `{of}`; this is `{compiler}`, and another compiler makes \
             other instructions. Nothing is held. Check out the commit that wrote them, run `UPDATE=1 cargo bench --bench \
             instructions` there with this compiler, and hold the present code against that."
        );
        return ExitCode::SUCCESS;
    }
    let (mut dearer, mut cheaper) = (false, false);
    let mut text = format!(
        "# Instructions per query, by kind of answer; written by `UPDATE=1 cargo bench --bench instructions`\n# {compiler}\n"
    );
    for ((title, ..), each) in KINDS.iter().zip(measured()) {
        writeln!(text, "{title:28} {each:.1}").unwrap();
        let Some(before) = stored.get(*title) else {
            println!("{title:28} {each:8.1} instructions (nothing is stored)");
            dearer = true;
            continue;
        };
        let change = (each / before - 1.0) * 100.0;
        let verdict = match change {
            more if more > TOLERANCE => "  DEARER",
            less if less < -TOLERANCE => "  cheaper",
            _ => "",
        };
        dearer |= change > TOLERANCE;
        cheaper |= change < -TOLERANCE;
        println!("{title:28} {each:8.1} instructions, {change:+.1} % of {before:.1}{verdict}");
    }
    if update {
        std::fs::write(STORED, text).unwrap();
        return ExitCode::SUCCESS;
    }
    if dearer {
        println!(
            "\nMore than {TOLERANCE} % above what is stored. If that is meant, `UPDATE=1` writes the new numbers."
        );
        return ExitCode::FAILURE;
    }
    if cheaper {
        println!(
            "\nMore than {TOLERANCE} % below what is stored: update the numbers with `UPDATE=1`, so that the gain is held."
        );
    }
    ExitCode::SUCCESS
}
