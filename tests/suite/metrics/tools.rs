//! What is packaged for Prometheus and Grafana: held by Prometheus' own tool, and against the families that there are.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use pointsman::metrics::families::ALL;
use pointsman::metrics::text::Kind;
use serde_json::Value;

fn packaged(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("packaging")
        .join(path)
}

fn read(path: &str) -> String {
    std::fs::read_to_string(packaged(path)).unwrap()
}

/// Runs promtool in the folder of the rules.
fn promtool(arguments: &[&str]) -> (bool, String) {
    let output = Command::new("promtool")
        .args(arguments)
        .current_dir(packaged("prometheus"))
        .output()
        .expect("promtool starts (Debian: prometheus)");
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    (output.status.success(), said.into_owned())
}

/// Every name of a series that may be asked for.
fn series() -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for family in ALL {
        let endings: &[&str] = match family.kind {
            Kind::Counter => &["_total"],
            Kind::Gauge => &[""],
            Kind::Info => &["_info"],
            Kind::Histogram => &["_bucket", "_sum", "_count"],
        };
        all.extend(endings.iter().map(|ending| format!("{}{ending}", family.name)));
    }
    all
}

/// Words in `text` that look like names of our series.
fn named(text: &str) -> BTreeSet<String> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| {
            ["pointsman_", "process_"]
                .iter()
                .any(|begin| word.starts_with(begin))
        })
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_alert_rules_are_valid_and_fire_when_they_should_and_only_then() {
    let (fine, said) = promtool(&["check", "rules", "alerts.yml"]);
    assert!(fine, "{said}");
    let (fine, said) = promtool(&["test", "rules", "alerts_test.yml"]);
    assert!(fine, "{said}");
    let (rules, tests) = (read("prometheus/alerts.yml"), read("prometheus/alerts_test.yml"));
    let alerts: Vec<&str> = rules
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "))
        .collect();
    assert!(alerts.len() > 15, "{alerts:?}");
    for alert in alerts {
        for case in ["fires", "stays still"] {
            assert!(
                tests.contains(&format!("'{alert} {case}'")),
                "{alert} {case}: no test"
            );
        }
    }
}

#[test]
fn rules_and_dashboard_ask_only_for_series_that_there_are() {
    let known = series();
    for path in [
        "prometheus/alerts.yml",
        "prometheus/alerts_test.yml",
        "grafana/pointsman.json",
    ] {
        let named = named(&read(path));
        assert!(named.len() > 15, "{path}: {named:?}");
        let unknown: Vec<_> = named.difference(&known).collect();
        assert!(unknown.is_empty(), "{path}: {unknown:?}");
    }
}

#[test]
fn the_dashboard_is_whole_and_takes_its_data_source_as_an_input() {
    let dashboard: Value = serde_json::from_str(&read("grafana/pointsman.json")).unwrap();
    assert_eq!(dashboard["__inputs"][0]["type"], "datasource");
    let panels = dashboard["panels"].as_array().unwrap();
    assert!(panels.len() > 20);
    let mut ids = BTreeSet::new();
    let mut covered = BTreeSet::new();
    let mut rules = "groups:\n- name: dashboard\n  rules:\n".to_owned();
    for panel in panels {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{panel}");
        let place = &panel["gridPos"];
        let number = |key: &str| place[key].as_u64().unwrap();
        assert!(number("x") + number("w") <= 24, "{panel}");
        for x in number("x")..number("x") + number("w") {
            for y in number("y")..number("y") + number("h") {
                assert!(covered.insert((x, y)), "two panels at {x},{y}: {panel}");
            }
        }
        if panel["type"] == "row" {
            continue;
        }
        assert_eq!(panel["datasource"]["uid"], "${datasource}", "{panel}");
        let targets = panel["targets"].as_array().unwrap();
        assert!(!targets.is_empty(), "{panel}");
        for target in targets {
            let expression = target["expr"].as_str().unwrap();
            let sent = expression.replace("$__rate_interval", "5m");
            let sent = sent.replace("$instance", ".*").replace("$service", ".*");
            let quoted = sent.replace('\'', "''");
            rules.push_str(&format!(
                "  - record: expression_{}\n    expr: '{quoted}'\n",
                rules.len()
            ));
        }
    }
    // Prometheus' own tool parses what Grafana would send.
    let file = tempfile::Builder::new().suffix(".yml").tempfile().unwrap();
    std::fs::write(file.path(), rules).unwrap();
    let (fine, said) = promtool(&["check", "rules", file.path().to_str().unwrap()]);
    assert!(fine, "{said}");
}
