//! `patroni` against the answers that its documentation shows (REST API, `GET /patroni`), played by a script; Patroni
//! itself is in `patroni_real`.

use std::time::Duration;

use pointsman::health::observation::FaultClass::{Content, Garbage, Status};
use pointsman::health::observation::Phase::{Body, FirstByte};
use pointsman::model::check::{CheckKind, Claim};

use super::Expect::{self, Bad, Good};
use super::script::{self, Step};
use super::{hold, http, probe, target};

const BUDGET: Duration = Duration::from_secs(2);

/// `patroni` as the configuration makes it.
pub(super) fn check() -> CheckKind {
    let CheckKind::Http(mut question) = http("/patroni", |_| {}) else {
        unreachable!()
    };
    question.status = vec![(200, 200)];
    CheckKind::Patroni(question)
}

fn answer(status: &str, body: &str) -> &'static [u8] {
    let text = format!(
        "HTTP/1.0 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    Box::leak(text.into_boxed_str()).as_bytes()
}

const PRIMARY: &str = r#"{"state": "running", "postmaster_start_time": "2023-08-18 11:03:37.966359+00:00", "role": "ROLE",
    "server_version": 150004, "xlog": {"location": 67395656}, "timeline": 1, "replication": [{"usename": "replicator",
    "application_name": "patroni2", "client_addr": "10.89.0.6", "state": "streaming", "sync_state": "async",
    "sync_priority": 0}], "dcs_last_seen": 1692356718, "tags": {"clonefrom": true},
    "database_system_identifier": "7268616322854375442", "patroni": {"version": "3.1.0", "scope": "demo", "name": "patroni1"}}"#;

const REPLICA: &str = r#"{"state": "running", "postmaster_start_time": "2023-08-18 11:09:08.615242+00:00", "role": "ROLE",
    "server_version": 150004, "xlog": {"received_location": 67419744, "replayed_location": REPLAYED,
    "replayed_timestamp": "2023-08-18 11:03:37.966359+00:00", "paused": false}, "timeline": 1, "replication_state": "STATE",
    "dcs_last_seen": 1692356928, "patroni": {"version": "3.1.0", "scope": "demo", "name": "patroni2"}}"#;

#[tokio::test]
async fn members_are_understood_as_documented() {
    let replica = |role: &str, replayed: &str, state: &str| {
        REPLICA
            .replace("ROLE", role)
            .replace("REPLAYED", replayed)
            .replace("STATE", state)
    };
    let year = Duration::from_secs(365 * 86_400);
    type Told = (Expect, Option<Claim>, Option<std::ops::RangeInclusive<Duration>>);
    let cases: Vec<(&str, String, Told)> = vec![
        (
            "master",
            PRIMARY.replace("ROLE", "master"),
            (Good("primary"), Some(Claim::Primary), None),
        ),
        (
            "primary",
            PRIMARY.replace("ROLE", "primary"),
            (Good("primary"), Some(Claim::Primary), None),
        ),
        (
            "in step",
            replica("replica", "67419744", "streaming"),
            (
                Good("standby, 0.0 s behind"),
                Some(Claim::Standby),
                Some(Duration::ZERO..=Duration::ZERO),
            ),
        ),
        (
            "synchronous",
            replica("sync_standby", "67419744", "streaming"),
            (
                Good("standby"),
                Some(Claim::Standby),
                Some(Duration::ZERO..=Duration::ZERO),
            ),
        ),
        (
            "far behind",
            replica("replica", "67419000", "streaming"),
            (Good("standby"), Some(Claim::Standby), Some(year..=year * 1000)),
        ),
        (
            "not streaming",
            replica("standby_leader", "67419744", "in archive recovery"),
            (Good("standby, lag unknown"), Some(Claim::Standby), None),
        ),
        (
            "starting",
            PRIMARY.replace("ROLE", "primary").replace("running", "starting"),
            (
                Bad(Body, Status, "not ready: the server is `starting`"),
                None,
                None,
            ),
        ),
        (
            "a role of the future",
            PRIMARY.replace("ROLE", "emperor"),
            (Bad(Body, Content, "a role that is not known"), None, None),
        ),
        (
            "not its JSON",
            "{\"status\": \"ok\"}".to_owned(),
            (Bad(Body, Garbage, "not Patroni's"), None, None),
        ),
        (
            "no JSON",
            "<html>".to_owned(),
            (Bad(Body, Garbage, "not Patroni's"), None, None),
        ),
    ];
    for (case, body, (wanted, claim, lag)) in cases {
        let steps = vec![Step::HearRequest, Step::Say(answer("200 OK", &body))];
        let seen = probe(&target(check(), script::play(steps).await), BUDGET).await;
        hold(case, &seen, &wanted).unwrap();
        assert_eq!(seen.report.claim, claim, "{case}");
        match lag {
            None => assert_eq!(seen.report.lag, None, "{case}"),
            Some(range) => assert!(seen.report.lag.is_some_and(|lag| range.contains(&lag)), "{case}"),
        }
    }
}

#[tokio::test]
async fn a_member_that_does_not_run_is_refused_by_its_status() {
    let body = PRIMARY.replace("ROLE", "replica").replace("running", "stopped");
    let steps = vec![
        Step::HearRequest,
        Step::Say(answer("503 Service Unavailable", &body)),
    ];
    let seen = probe(&target(check(), script::play(steps).await), BUDGET).await;
    hold(
        "stopped",
        &seen,
        &Bad(FirstByte, Status, "status 503, expected 200"),
    )
    .unwrap();
    assert!(String::from_utf8_lossy(&seen.evidence.body).contains("stopped"));
}
