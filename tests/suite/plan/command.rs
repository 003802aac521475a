//! `pointsman plan` itself: against the running server's state, and without a server.

use std::time::Duration;

use serde_json::Value;

use crate::support::backend::Nginx;
use crate::support::server::Folder;
use crate::support::{dns, wait_until};

fn zone(endpoints: &str) -> String {
    format!(
        "[checks.web]\ntype = \"http\"\nport = 8091\ninterval = \"500ms\"\nfast_interval = \"100ms\"\ntimeout = \"400ms\"\n\
         [services.www]\npolicy = \"failover\"\ncheck = \"web\"\nendpoints = [{endpoints}]"
    )
}

/// Another configuration beside `folder`'s own, with this zone.
fn next(folder: &Folder, rest: &str, records: &str) -> String {
    std::fs::create_dir_all(folder.path("next/zones")).unwrap();
    std::fs::copy(folder.path("pointsman.toml"), folder.path("next/pointsman.toml")).unwrap();
    let master = std::fs::read_to_string(folder.path("zones/example.test.records")).unwrap();
    folder.write("next/zones/example.test.records", &format!("{master}{records}"));
    folder.write(
        "next/zones/example.test.toml",
        &format!("origin = \"example.test\"\nrecords = \"example.test.records\"\nttl = \"10s\"\n{rest}\n"),
    );
    folder.path("next/pointsman.toml").display().to_string()
}

fn said(output: &std::process::Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

#[test]
fn a_running_server_is_asked_what_would_change_on_the_health_it_sees() {
    let folder = Folder::new("");
    folder.zone(&zone(
        "{ name = \"a\", address = \"127.0.9.1\" }, { name = \"b\", address = \"127.0.9.2\" }",
    ));
    let (_a, mut b) = (Nginx::start("127.0.9.1:8091"), Nginx::start("127.0.9.2:8091"));
    let server = folder.start();
    wait_until("a answers", Duration::from_secs(10), || {
        dns::addresses(server.dns, "www.example.test.") == ["127.0.9.1"]
    });
    b.kill();
    wait_until("b is down", Duration::from_secs(20), || {
        said(&folder.run(&["status"])).contains("down")
    });
    // `b` alone is left: the forecast knows that it is down.
    let config = next(
        &folder,
        &zone("{ name = \"b\", address = \"127.0.9.2\" }"),
        "more TXT \"text\"\n",
    );
    let planned = folder.run(&["plan", &config]);
    let text = said(&planned);
    assert_eq!(planned.status.code(), Some(1), "{text}");
    assert!(text.contains("nothing healthy is left"), "{text}");
    assert!(text.contains("more.example.test. TXT: new, 1 records"), "{text}");
    let acknowledged = folder.run(&["plan", &config, "--acknowledge"]);
    assert!(acknowledged.status.success(), "{}", said(&acknowledged));
    let json = folder.run(&["plan", &config, "--json"]);
    let report: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(report["changes"][0]["service"], "www.example.test", "{report}");
    assert_eq!(report["changes"][0]["reaches_zero"], true, "{report}");
    // Nothing was changed by asking; and a plan that keeps both is no alarm.
    assert_eq!(dns::addresses(server.dns, "www.example.test."), ["127.0.9.1"]);
    let config = next(
        &folder,
        &zone(
            "{ name = \"a\", address = \"127.0.9.1\" }, { name = \"b\", address = \"127.0.9.2\" }, { name = \"c\", address = \"127.0.9.3\" }",
        ),
        "",
    );
    let planned = folder.run(&["plan", &config]);
    let text = said(&planned);
    assert!(planned.status.success(), "{text}");
    assert!(
        text.contains("every name is answered as before") && text.contains("unknown until probed"),
        "{text}"
    );
    // Today the loss of `a` leaves nothing; then there would be `c`.
    assert!(text.contains("127.0.9.3"), "{text}");
}

#[test]
fn without_a_server_two_configurations_are_compared() {
    let folder = Folder::new("");
    folder.zone(&zone(
        "{ name = \"a\", address = \"127.0.9.5\" }, { name = \"b\", address = \"127.0.9.6\" }",
    ));
    let config = next(
        &folder,
        &zone("{ name = \"b\", address = \"127.0.9.6\" }, { name = \"a\", address = \"127.0.9.5\" }"),
        "",
    );
    let planned = folder.run(&["plan", &config]);
    let text = said(&planned);
    assert!(planned.status.success(), "{text}");
    assert!(text.contains("no server answers"), "{text}");
    // The old active one stays only as long as failback says: it is auto here.
    assert!(
        text.contains("www.example.test A: 127.0.9.5 -> 127.0.9.6"),
        "{text}"
    );
    let config = next(&folder, "nonsense = 1", "");
    let refused = folder.run(&["plan", &config]);
    assert_eq!(refused.status.code(), Some(2), "{}", said(&refused));
    assert!(said(&refused).contains("nonsense"), "{}", said(&refused));
}
