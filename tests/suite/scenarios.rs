//! The scenarios that are shipped: each holds its objective, under other seeds too, and a bad configuration misses it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::support::server::BINARY;

fn shipped() -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir("tests/scenarios")
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    files.sort();
    files
}

fn simulate(files: &[PathBuf], more: &[&str]) -> Output {
    let mut command = Command::new(BINARY);
    command.arg("simulate").args(files).args(more);
    command.output().unwrap()
}

fn report(files: &[PathBuf], more: &[&str]) -> Vec<Value> {
    let output = simulate(files, &[more, &["--json"]].concat());
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
}

fn missed(report: &Value) -> Vec<String> {
    report["verdicts"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|verdict| verdict["held"] == false)
        .map(|verdict| format!("{}: {}", verdict["asked"], verdict["found"]))
        .collect()
}

#[test]
fn twenty_scenarios_hold_their_objectives_whatever_the_seed() {
    let files = shipped();
    assert!(files.len() >= 20, "{}", files.len());
    for seed in [None, Some("5"), Some("6")] {
        let more: Vec<&str> = seed.map_or(Vec::new(), |seed| vec!["--seed", seed]);
        for report in report(&files, &more) {
            let asked = report["verdicts"].as_array().unwrap().len();
            assert!(asked > 0, "{} asks for nothing", report["scenario"]);
            assert!(
                report["held"] == true,
                "{} (seed {seed:?}): {:?}",
                report["scenario"],
                missed(&report)
            );
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_timeline() {
    let file = [PathBuf::from("tests/scenarios/slow-leak.toml")];
    assert_eq!(report(&file, &[]), report(&file, &[]));
    assert_ne!(report(&file, &[]), report(&file, &["--seed", "99"]));
}

#[test]
fn a_configuration_that_is_too_slow_misses_them() {
    let folder = tempfile::tempdir().unwrap();
    let mut slow = Vec::new();
    for name in [
        "site-loss",
        "crash-of-the-active",
        "bad-certificate",
        "family-outage",
        "reload-in-an-outage",
        "clock-step-back",
        "rolling-restarts",
    ] {
        let text =
            std::fs::read_to_string(Path::new("tests/scenarios").join(name).with_extension("toml")).unwrap();
        let slower = text.replace("\nport = ", "\nfall = 30\nport = ");
        assert_ne!(text, slower);
        let path = folder.path().join(name).with_extension("toml");
        std::fs::write(&path, slower).unwrap();
        slow.push(path);
    }
    for report in report(&slow, &[]) {
        assert!(!missed(&report).is_empty(), "{} holds", report["scenario"]);
    }
    assert_eq!(simulate(&slow, &["--brief"]).status.code(), Some(1));
}

#[test]
fn mistakes_of_a_scenario_are_named_with_their_place() {
    let folder = tempfile::tempdir().unwrap();
    let zone = "zone = '''\norigin = \"example.test\"\nnameservers = [\"ns.example.net\"]\nhostmaster = \"h.example.test\"\n[services.www]\npolicy = \"failover\"\nendpoints = [{ name = \"a\", address = \"192.0.2.1\" }]\n'''\n";
    let head = format!("lasts = \"1m\"\n{zone}");
    for (text, said) in [
        ("lasts = 3\n".to_owned(), ":1:9: error: "),
        (
            format!("{head}[[event]]\nat = \"1s\"\nsite = \"a\"\nis = \"dead\"\n"),
            "nobody is `dead`",
        ),
        (
            format!("{head}[[event]]\nat = \"1s\"\nsite = \"b\"\nis = \"silent\"\n"),
            "has no site b",
        ),
        (
            format!("{head}[[event]]\nat = \"1s\"\nsight = \"a\"\nis = \"silent\"\n"),
            "sight",
        ),
        (
            format!("{head}[[event]]\nat = \"soon\"\nsite = \"a\"\nis = \"silent\"\n"),
            "is not a duration",
        ),
        (
            format!("{head}[[event]]\nat = \"1s\"\ndo = \"dance\"\n"),
            "nobody can `dance`",
        ),
        (
            format!("{head}[objective]\navailability = \"120%\"\n"),
            "is no share",
        ),
        (head.replace("failover", "fallover"), "failover"),
        (
            "lasts = \"1m\"\nconfig = \"nowhere.toml\"\n".to_owned(),
            "nowhere.toml",
        ),
    ] {
        let path = folder.path().join("scenario.toml");
        std::fs::write(&path, &text).unwrap();
        let output = simulate(&[path], &[]);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{text}\n{told}");
        assert!(told.contains(said), "{said} is not in: {told}");
    }
}
