//! `pointsman import`: configurations in the syntax that other projects document, each checked by `pointsman check`, and
//! answering as it did there when the same addresses are down.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use pointsman::config::load::load;
use pointsman::model::id::TargetId;
use pointsman::model::plan::Plan;
use pointsman::model::time::Now;
use pointsman::policy::decide::decide;
use pointsman::policy::readings::{Memory, Reading, Tier};
use pointsman::policy::witness::Nobody;
use toml::{Table, Value};

use crate::support::server::BINARY;

fn cases(name: &str) -> Vec<Table> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/cases/import")
        .join(name);
    let file: Table = std::fs::read_to_string(path).unwrap().parse().unwrap();
    file["case"]
        .as_array()
        .unwrap()
        .iter()
        .map(|case| case.as_table().unwrap().clone())
        .collect()
}

fn texts(case: &Table, key: &str) -> Vec<String> {
    let list = case.get(key).and_then(Value::as_array);
    list.into_iter()
        .flatten()
        .map(|text| text.as_str().unwrap().to_owned())
        .collect()
}

fn run(arguments: &[&str]) -> Output {
    Command::new(BINARY).args(arguments).output().unwrap()
}

/// Imports, checks, and compares the answers of each state.
fn judge(case: &Table, directory: &Path, arguments: &[&str]) {
    let name = case["name"].as_str().unwrap();
    let out = directory.join("out");
    let mut all = vec!["import", "--out", out.to_str().unwrap()];
    all.extend(arguments);
    let output = run(&all);
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.status.success(), "{name}: {said}");
    for left in texts(case, "left") {
        assert!(said.contains(&left), "{name}: `{left}` is not listed in\n{said}");
    }
    if case.get("geo").is_some() {
        let settings = out.join("pointsman.toml");
        let text = std::fs::read_to_string(&settings).unwrap();
        std::fs::write(
            out.join("places.mmdb"),
            crate::support::mmdb::database(&[("192.0.2.0/24", "EU", "DE", "BE", Some((52.5, 13.4)))]),
        )
        .unwrap();
        std::fs::write(settings, format!("{text}\n[geo]\ndatabase = \"places.mmdb\"\n")).unwrap();
    }
    let zone = std::fs::read_to_string(zone_file(&out)).unwrap();
    for written in texts(case, "written") {
        assert!(zone.contains(&written), "{name}: `{written}` is not in\n{zone}");
    }
    let config = out.join("pointsman.toml");
    let checked = run(&["check", "--config", config.to_str().unwrap()]);
    assert!(
        checked.status.success(),
        "{name}: {}\n{zone}",
        String::from_utf8_lossy(&checked.stdout)
    );
    let plan = load(&config).plan.unwrap();
    for state in case.get("state").and_then(Value::as_array).into_iter().flatten() {
        let down: BTreeSet<IpAddr> = state["down"]
            .as_array()
            .unwrap()
            .iter()
            .map(|text| text.as_str().unwrap().parse().unwrap())
            .collect();
        for (label, expected) in state["answers"].as_table().unwrap() {
            let expected: BTreeSet<&str> = expected
                .as_array()
                .unwrap()
                .iter()
                .map(|name| name.as_str().unwrap())
                .collect();
            let answered = answered(&plan, label, &down);
            let answered: BTreeSet<&str> = answered.iter().map(String::as_str).collect();
            assert_eq!(answered, expected, "{name}: `{label}` with {down:?} down\n{zone}");
        }
    }
}

fn zone_file(out: &Path) -> PathBuf {
    out.join("zones/example.com.toml")
}

/// Names of the endpoints that the service may answer with.
fn answered(plan: &Plan, label: &str, down: &BTreeSet<IpAddr>) -> Vec<String> {
    let service = plan
        .services
        .iter()
        .find(|service| service.label == label)
        .unwrap_or_else(|| panic!("no {label}"));
    // A target of several checks is up when each of its parts is, and all of them ask one address here.
    let readings = |target: TargetId| {
        let up = !down.contains(&plan.targets[target.index()].address);
        Reading {
            tier: if up { Tier::Up } else { Tier::Down },
            ..Reading::UNPROBED
        }
    };
    let mut memory = Memory::default();
    let decided = decide(
        service,
        &plan.endpoints,
        &readings,
        &mut memory,
        Now::default(),
        &mut Nobody,
    );
    if decided.all_down.contains(&true) && service.when_all_down.to_string().starts_with("none") {
        return Vec::new();
    }
    let shown = |id: &pointsman::model::id::EndpointId| plan.endpoints[id.index()].name.clone();
    if decided.answered.is_empty() {
        // What is answered as if it were up.
        let everything = |_: TargetId| Reading::UNPROBED;
        let mut memory = Memory::default();
        let assumed = decide(
            service,
            &plan.endpoints,
            &everything,
            &mut memory,
            Now::default(),
            &mut Nobody,
        );
        assert!(
            service.when_all_down.to_string().starts_with("assume-up"),
            "{label}: nobody answers, {:?}",
            decided.why
        );
        return assumed.answered.iter().map(shown).collect();
    }
    decided.answered.iter().map(shown).collect()
}

#[test]
fn gdnsd_configurations_answer_as_they_did() {
    let cases = cases("gdnsd.toml");
    assert!(cases.len() >= 10);
    for case in cases {
        let directory = tempfile::tempdir().unwrap();
        let gdnsd = directory.path().join("gdnsd");
        std::fs::create_dir_all(gdnsd.join("zones")).unwrap();
        std::fs::write(gdnsd.join("config"), case["config"].as_str().unwrap()).unwrap();
        std::fs::write(gdnsd.join("zones/example.com"), case["zone"].as_str().unwrap()).unwrap();
        judge(&case, directory.path(), &["gdnsd", gdnsd.to_str().unwrap()]);
    }
}

#[test]
fn powerdns_lua_records_answer_as_they_did() {
    let cases = cases("powerdns.toml");
    assert!(cases.len() >= 10);
    for case in cases {
        let directory = tempfile::tempdir().unwrap();
        let zone = directory.path().join("db");
        std::fs::write(&zone, case["zone"].as_str().unwrap()).unwrap();
        judge(&case, directory.path(), &["powerdns", zone.to_str().unwrap()]);
    }
}

#[test]
fn route53_record_sets_answer_as_they_did() {
    let cases = cases("route53.toml");
    assert!(cases.len() >= 10);
    for case in cases {
        let directory = tempfile::tempdir().unwrap();
        let sets = directory.path().join("sets.json");
        std::fs::write(&sets, case["zone"].as_str().unwrap()).unwrap();
        judge(&case, directory.path(), &["route53", sets.to_str().unwrap()]);
    }
}

#[test]
fn nothing_is_written_over_and_what_cannot_be_read_is_said() {
    let directory = tempfile::tempdir().unwrap();
    let zone = directory.path().join("example.com.zone");
    std::fs::write(&zone, "@ IN SOA a b 1 2 3 4 5\n@ IN NS a\na IN A 192.0.2.1\n").unwrap();
    let out = directory.path().join("out");
    let (zone, out) = (zone.to_str().unwrap(), out.to_str().unwrap());
    assert!(run(&["import", "powerdns", zone, "--out", out]).status.success());
    let again = run(&["import", "powerdns", zone, "--out", out]);
    assert_eq!(again.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&again.stderr).contains("--force"));
    assert!(
        run(&["import", "powerdns", zone, "--out", out, "--force"])
            .status
            .success()
    );
    for arguments in [
        ["import", "powerdns", "/nowhere/x"],
        ["import", "gdnsd", "/nowhere"],
        ["import", "route53", zone],
    ] {
        let failed = run(&arguments);
        assert_eq!(failed.status.code(), Some(1), "{arguments:?}");
        assert!(!failed.stderr.is_empty());
    }
}
