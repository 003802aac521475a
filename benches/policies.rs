//! What policies that depend on the client cost a query, beside one that does not: `cargo bench --bench policies`.
//!
//! Whole answers through the engine, from the files on: a tree eight policies deep, walked to its last leaf, with a
//! database of places; sticky over 64 members; subnet with 2,000 networks.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "a benchmark that meets the unexpected must fail loudly, and measures time"
)]

#[path = "../tests/suite/support/mmdb.rs"]
mod mmdb;

use std::fmt::Write as _;
use std::hint::black_box;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use pointsman::answer::snapshot::{Ask, Client, Outcome, Scratch, Snapshot, Transport};
use pointsman::config::load::load;
use pointsman::model::id::TargetId;
use pointsman::model::time::{Moment, Now, UnixTime};
use pointsman::policy::decide::decide;
use pointsman::policy::readings::{Memory, Reading};
use pointsman::policy::witness::Nobody;
use pointsman::publish::publisher::Publisher;
use pointsman::wire::name::Name;

const QUERIES: usize = 100_000;
const ROUNDS: usize = 9;

/// Endpoints `nN` from number `from` on.
fn endpoints(from: u32, count: u32, more: impl Fn(u32) -> String) -> String {
    let each: Vec<String> = (from..from + count)
        .map(|n| {
            let address = IpAddr::from((0x0a00_0000 + n).to_be_bytes());
            format!("{{ name = \"n{n}\", address = \"{address}\"{} }}", more(n))
        })
        .collect();
    format!("endpoints = [{}]\n", each.join(", "))
}

/// Pools `pLEVEL` down to a leaf, each beside a pool that is not chosen.
fn tree() -> String {
    let mut zone = String::new();
    let policies = ["geo", "subnet", "sticky", "weighted"];
    for level in 0..8u32 {
        let policy = policies[level as usize % 4];
        let head = if level == 0 {
            "[services.tree]\n".to_owned()
        } else {
            format!(
                "[pools.p{level}]\nregions = [\"DE-BE\"]\nnetworks = [\"192.0.2.0/24\"]\nweight = 65535\n"
            )
        };
        let next = level + 1;
        writeln!(
            zone,
            "{head}policy = \"{policy}\"\npools = [\"p{next}\", \"leaf{next}\"]"
        )
        .unwrap();
        let other = endpoints(1000 + 10 * level, 4, |_| String::new());
        writeln!(zone, "[pools.leaf{next}]\npolicy = \"all\"\n{other}").unwrap();
    }
    let last = endpoints(900, 4, |_| String::new());
    writeln!(
        zone,
        "[pools.p8]\npolicy = \"all\"\nregions = [\"DE-BE\"]\nnetworks = [\"192.0.2.0/24\"]\nweight = 65535\n{last}"
    )
    .unwrap();
    zone
}

fn snapshot() -> Arc<Snapshot> {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::create_dir(path("zones")).unwrap();
    let world = mmdb::database(&[
        ("192.0.0.0/16", "EU", "FR", "", None),
        ("192.0.2.0/24", "EU", "DE", "BE", Some((52.5, 13.4))),
    ]);
    std::fs::write(path("places.mmdb"), world).unwrap();
    std::fs::write(
        path("pointsman.toml"),
        "zones.directory = \"zones\"\n[geo]\ndatabase = \"places.mmdb\"\n",
    )
    .unwrap();
    let networks = |n: u32| {
        let of = |k: u32| IpAddr::from(((n * 40 + k) << 12).to_be_bytes());
        let list: Vec<String> = (0..40).map(|k| format!("\"{}/20\"", of(k))).collect();
        format!(", networks = [{}]", list.join(", "))
    };
    let zone = format!(
        "origin = \"bench.example\"\nnameservers = [\"ns.example.net\"]\nhostmaster = \"h.bench.example\"\n\
         [services.plain]\npolicy = \"all\"\n{}[services.sticky]\npolicy = \"sticky\"\n{}\
         [services.subnet]\npolicy = \"subnet\"\n{}\
         [services.geo]\npolicy = \"geo\"\n{}{}",
        endpoints(1, 4, |_| String::new()),
        endpoints(100, 64, |_| String::new()),
        endpoints(200, 50, networks),
        endpoints(300, 2, |n| if n == 300 {
            ", regions = [\"DE\"]".to_owned()
        } else {
            String::new()
        }),
        tree(),
    );
    std::fs::write(path("zones/a.toml"), zone).unwrap();
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

fn main() {
    let snapshot = snapshot();
    let mut base = None;
    for service in ["plain", "sticky", "subnet", "geo", "tree"] {
        let mut query = vec![1, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        query.extend(
            Name::from_text(&format!("{service}.bench.example"))
                .unwrap()
                .as_wire(),
        );
        query.extend([0, 1, 0, 1]);
        let (mut scratch, mut out) = (Scratch::default(), [0; 4096]);
        let mut best = f64::INFINITY;
        for _ in 0..ROUNDS {
            let start = Instant::now();
            for n in 0..QUERIES {
                let ask = Ask {
                    query: &query,
                    client: Client {
                        address: IpAddr::from([192, 0, 2, (n % 251) as u8]),
                        transport: Transport::Udp,
                    },
                    now: Moment::ZERO,
                    wall: UnixTime(0),
                    dice: (n as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15),
                };
                let outcome = snapshot.answer(&ask, &mut scratch, &mut out);
                assert!(matches!(black_box(outcome), Outcome::Reply { .. }));
            }
            best = best.min(start.elapsed().as_nanos() as f64 / QUERIES as f64);
        }
        // The last one's answer shows that the whole tree was walked: 10.0.3.132 and on.
        if service == "tree" {
            assert_eq!(&out[out_address()..out_address() + 3], &[10, 0, 3]);
        }
        let plain = *base.get_or_insert(best);
        println!(
            "{service:8} {best:7.1} ns an answer, {:+7.1} ns beside a plain one",
            best - plain
        );
    }
}

/// Where the first address stands in the reply for `tree.bench.example`.
fn out_address() -> usize {
    12 + 20 + 4 + 12
}
