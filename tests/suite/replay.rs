//! `replay`: under the same configuration a recording gives what happened; under another, what an independent
//! computation says of the same probes.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use pointsman::control::chance::Chance;
use pointsman::control::event::Remembered;
use pointsman::model::check::Rules;
use pointsman::model::plan::Plan;
use pointsman::model::service::{Failback, Policy};
use pointsman::model::time::Moment;
use pointsman::simulate::network::{Condition, Network};
use pointsman::simulate::recording::{Entry, Happened};
use pointsman::simulate::replay::{Changed, Replay, Replayed, compare};
use pointsman::simulate::scenario::{DEFAULT_RULES, Part, PlanBuilder, v4};
use pointsman::simulate::world::World;
use serde_json::Value;

use crate::rich_plan::rich_plan;
use crate::support::backend::Nginx;
use crate::support::server::Folder;
use crate::support::{dns, wait_until};

/// Lets a node live until `end` and writes down what it sees.
fn record(plan: &Arc<Plan>, network: Network, seed: u64, end: Moment) -> Vec<Entry> {
    let mut world = World::new(plan.clone(), network, seed);
    world.keeps = false;
    world.recording = Some(vec![Entry::start(plan, &Remembered::default(), world.now())]);
    world.run_until(end);
    world.recording.take().expect("recorded")
}

/// Through the disk and back: what is replayed is what the lines say.
fn replay(plan: &Arc<Plan>, entries: &[Entry]) -> Replayed {
    let mut replay = Replay::new(plan.clone());
    for entry in entries {
        let line = serde_json::to_string(entry).expect("written");
        let back: Entry = serde_json::from_str(&line).expect("read");
        assert_eq!(back, *entry, "{line}");
        replay.feed(&back);
    }
    replay.finish()
}

fn random_network(chance: &mut Chance, addresses: u32, end: u64) -> Network {
    let mut network = Network::default();
    for n in 1..=addresses {
        let mut at = 0;
        while at < end {
            at += 20 + chance.throw() % 300;
            let condition = match chance.throw() % 6 {
                0 => Condition::Refusing,
                1 => Condition::Silent,
                2 => Condition::Failing { chance: 0.4 },
                3 => Condition::Wave {
                    up: Duration::from_secs(5 + chance.throw() % 60),
                    down: Duration::from_secs(1 + chance.throw() % 30),
                    refuses: chance.throw().is_multiple_of(2),
                },
                _ => Condition::WELL,
            };
            network.set(v4(n), Moment::from_secs(at), condition);
        }
    }
    network
}

#[test]
fn under_the_same_configuration_everything_happens_as_it_did() {
    let mut changes = 0;
    for seed in 0..8 {
        let mut chance = Chance::new(seed ^ 0x7265_706c);
        let plan = rich_plan(seed);
        let mut network = random_network(&mut chance, 60, 1500);
        // This node may be cut off, too: what the references said is part of the recording.
        let reference = "192.0.2.1:443".parse().unwrap();
        network.set_reference(reference, Moment::from_secs(500), seed.is_multiple_of(2));
        network.cut_off(Moment::from_secs(900), Moment::from_secs(900 + seed * 10));
        let entries = record(&plan, network, seed, Moment::from_secs(1500));
        let replayed = replay(&plan, &entries);
        let differs: Vec<_> = compare(&replayed)
            .into_iter()
            .filter(|line| line.then != line.now)
            .collect();
        assert!(differs.is_empty(), "seed {seed}: {differs:#?}");
        assert_eq!(replayed.then.len(), replayed.now.len(), "seed {seed}");
        // Every change at the very millisecond, but for what is cut off when the wall clock is computed.
        let in_order = |changes: &[Changed]| {
            let mut all: Vec<(String, u64)> = changes.iter().map(|c| (c.text.clone(), c.at)).collect();
            all.sort();
            all
        };
        for (then, now) in in_order(&replayed.then).iter().zip(in_order(&replayed.now)) {
            assert!(
                then.0 == now.0 && then.1.abs_diff(now.1) <= 1,
                "seed {seed}: {then:?}, {now:?}"
            );
        }
        assert!(replayed.unseen.is_empty() && replayed.unchecked.is_empty());
        changes += replayed.then.len();
    }
    assert!(changes > 300, "{changes} changes were compared");
}

fn pair(fall: u32) -> Arc<Plan> {
    let rules = Rules {
        fall,
        rise: 2,
        // No failure is put down to chance.
        false_alarm: 0.99,
        min_down: Duration::ZERO,
        damping: false,
        ..DEFAULT_RULES
    };
    let endpoint = |name, n| Part::Endpoint(name, vec![v4(n)], 1);
    PlanBuilder::new(rules)
        .service(
            "www",
            Policy::Failover,
            &[endpoint("fra", 1), endpoint("nyc", 2)],
            |service| service.failback = Failback::Auto,
        )
        .build()
}

/// Written without a look at the signal box: down after two failures in a row, up after two successes.
fn by_hand(entries: &[Entry]) -> Vec<(u64, String)> {
    let mut states: BTreeMap<SocketAddr, (bool, u32)> = BTreeMap::new();
    let mut flips = Vec::new();
    for entry in entries {
        let Happened::Probe(probe) = &entry.what else {
            continue;
        };
        let good = probe.finding == "good";
        let socket = SocketAddr::new(probe.address, probe.port);
        let Some((up, against)) = states.get_mut(&socket) else {
            states.insert(socket, (good, 0));
            continue;
        };
        *against = if good == *up { 0 } else { *against + 1 };
        if *against == 2 {
            *up = good;
            *against = 0;
            let (from, to) = if good { ("down", "up") } else { ("up", "down") };
            flips.push((entry.stamp.at, format!("web {socket}: {from} -> {to}")));
        }
    }
    flips
}

#[test]
fn with_fall_2_the_counterfactual_is_what_the_probes_say_by_hand() {
    let (mut flips, mut earlier) = (0, 0);
    for seed in 0..40 {
        let mut chance = Chance::new(seed ^ 0xfa11_0002);
        let mut network = Network::default();
        for n in [1, 2] {
            // Errors far enough apart that no leak is counted.
            network.set(
                v4(n),
                Moment::from_secs(30 + chance.throw() % 60),
                Condition::Wave {
                    up: Duration::from_secs(120 + chance.throw() % 60),
                    down: Duration::from_millis(500 + chance.throw() % 12_000),
                    refuses: true,
                },
            );
        }
        let entries = record(&pair(3), network, seed, Moment::from_secs(3600));
        let replayed = replay(&pair(2), &entries);
        let said: Vec<(u64, String)> = replayed
            .now
            .iter()
            .filter(|changed| changed.text.starts_with("web ") && !changed.text.contains("unknown"))
            .map(|changed| {
                let text = changed.text.split(" (").next().unwrap_or_default();
                (changed.at, text.to_owned())
            })
            .collect();
        let expected = by_hand(&entries);
        assert_eq!(said, expected, "seed {seed}");
        flips += expected.len();
        let downs = |changes: &[Changed]| changes.iter().filter(|c| c.text.contains("up -> down")).count();
        earlier += downs(&replayed.now) - downs(&replayed.then);
    }
    assert!(
        flips > 500 && earlier > 10,
        "{flips} flips, {earlier} that `fall = 3` had not seen"
    );
}

fn zone(fall: u32) -> String {
    format!(
        "[checks.web]\ntype = \"http\"\nport = 8094\ninterval = \"300ms\"\nfast_interval = \"100ms\"\ntimeout = \"250ms\"\n\
         fall = {fall}\nmin_down = \"1s\"\n[services.www]\npolicy = \"failover\"\ncheck = \"web\"\nendpoints = [\n\
         {{ name = \"a\", address = \"127.0.9.11\" }}, {{ name = \"b\", address = \"127.0.9.12\" }}]"
    )
}

#[test]
fn a_server_records_and_its_recording_replays_as_it_happened() {
    let folder = Folder::new("");
    let text = std::fs::read_to_string(folder.path("pointsman.toml")).unwrap();
    folder.write(
        "pointsman.toml",
        &text.replace("[state]", "[state]\nrecord = \"probes.jsonl\""),
    );
    folder.zone(&zone(3));
    let (mut a, _b) = (Nginx::start("127.0.9.11:8094"), Nginx::start("127.0.9.12:8094"));
    let server = folder.start();
    let answers = |address: &'static str| {
        wait_until(address, Duration::from_secs(30), || {
            dns::addresses(server.dns, "www.example.test.") == [address]
        });
    };
    answers("127.0.9.11");
    a.kill();
    answers("127.0.9.12");
    a.restart();
    answers("127.0.9.11");
    assert_eq!(server.stop(), Some(0));
    let recording = folder.path("probes.jsonl").display().to_string();
    let report = |differences: bool| -> Value {
        let more: &[&str] = if differences { &["--differences"] } else { &[] };
        let output = folder.run(&[&["replay", &recording, "--json"], more].concat());
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
    };
    let same = report(false);
    assert_eq!(
        (&same["only_then"], &same["only_now"]),
        (&0.into(), &0.into()),
        "{same:#}"
    );
    assert!(same["same"].as_u64().unwrap() >= 6, "{same:#}");
    assert_eq!(same["never_probed"], serde_json::json!([]), "{same:#}");
    // With a `fall` that no outage of that length reaches, nothing would have happened.
    folder.zone(&zone(100));
    let never = report(true);
    let downs = |report: &Value| {
        let changes = report["changes"].as_array().unwrap().clone();
        changes
            .iter()
            .filter(|c| c["would_have"] == true && c["what"].as_str().unwrap().contains("up -> down"))
            .count()
    };
    assert_eq!((downs(&same), downs(&never)), (1, 0), "{never:#}");
    assert!(never["only_then"].as_u64().unwrap() >= 4, "{never:#}");
}
