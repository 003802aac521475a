//! The real Alertmanager takes our alerts, and resolves them when the problem is over.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::binary::local;
use crate::support::backend::Nginx;
use crate::support::server::Folder;
use crate::support::{free_port, http, wait_until};

const PATIENCE: Duration = Duration::from_secs(30);

struct Alertmanager {
    child: Child,
    _folder: tempfile::TempDir,
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn start(port: u16) -> Alertmanager {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("alertmanager.yml");
    std::fs::write(
        &config,
        "route:\n  receiver: nobody\nreceivers:\n  - name: nobody\n",
    )
    .unwrap();
    let child = Command::new("prometheus-alertmanager")
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--storage.path={}", folder.path().join("data").display()))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .arg("--cluster.listen-address=")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("prometheus-alertmanager runs; tests/run installs it");
    Alertmanager {
        child,
        _folder: folder,
    }
}

/// The alerts of our service that stand now.
fn alerts(port: u16) -> Vec<Value> {
    let (status, body) = http::request(local(port), "GET", "/api/v2/alerts?active=true", &[], "");
    assert_eq!(status, 200, "{body}");
    // It answers in chunks: the list is what stands between the first bracket and the last.
    let list = body
        .find('[')
        .zip(body.rfind(']'))
        .map_or("[]", |(from, to)| &body[from..=to]);
    serde_json::from_str::<Vec<Value>>(list).unwrap_or_default()
}

#[test]
fn alertmanager_shows_a_dead_endpoint_until_it_is_well_again() {
    let (port, web) = (free_port(), free_port());
    let folder = Folder::new(&format!(
        "[[notify]]\nname = \"am\"\nurl = \"http://127.0.0.1:{port}\"\nformat = \"alertmanager\"\nlongest_wait = \"500ms\""
    ));
    folder.zone(&format!(
        "[checks.web]\ntype = \"http\"\nport = {web}\ninterval = \"200ms\"\nfast_interval = \"100ms\"\ntimeout = \"1s\"\n\
         min_down = \"0s\"\ndamping = false\n\
         [services.www]\npolicy = \"failover\"\ncheck = \"web\"\n\
         endpoints = [{{ name = \"fra\", address = \"127.0.41.1\" }}, {{ name = \"nyc\", address = \"127.0.41.2\" }}]"
    ));
    let mut fra = Nginx::start(&format!("127.0.41.1:{web}"));
    let _nyc = Nginx::start(&format!("127.0.41.2:{web}"));
    let server = folder.start();
    // It is not there yet: the alarm waits for it.
    fra.kill();
    wait_until("the alarm waits", PATIENCE, || {
        let (_, body) = http::request(folder.api, "GET", "/v1/notifications", &[], "");
        serde_json::from_str::<Value>(&body).is_ok_and(|body| body["items"][0]["pending"].as_u64() > Some(0))
    });
    let _alertmanager = start(port);
    wait_until("it answers", PATIENCE, || {
        std::net::TcpStream::connect(local(port)).is_ok()
    });
    let mut found = Vec::new();
    wait_until("the alert stands", PATIENCE, || {
        found = alerts(port);
        !found.is_empty()
    });
    assert_eq!(found.len(), 1, "{found:#?}");
    let labels = &found[0]["labels"];
    assert_eq!(labels["alertname"], "PointsmanEndpointDown");
    assert_eq!(labels["service"], "www.example.test");
    assert_eq!(labels["problem"], format!("state web 127.0.41.1:{web}"));
    assert!(
        found[0]["annotations"]["summary"]
            .as_str()
            .unwrap()
            .contains("is down")
    );
    // Its end is told after a restart, too.
    server.kill();
    let _server = folder.start();
    fra.restart();
    wait_until("the alert is resolved", PATIENCE, || alerts(port).is_empty());
}
