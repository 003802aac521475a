//! What every database probe must tell apart, whatever its protocol: refused, timeout, slow, reset, garbage.

use std::time::Duration;

use pointsman::health::observation::FaultClass::{Garbage, Refused, Reset, Timeout};
use pointsman::health::observation::Phase::{Body, Connect, FirstByte};
use pointsman::model::check::CheckKind;

use super::Expect::Bad;
use super::script::{self, Step};
use super::{hold, patroni_cases, postgres_cases, probe, redis_cases, target};

const BUDGET: Duration = Duration::from_millis(400);

fn kinds() -> [(&'static str, CheckKind); 3] {
    [
        ("postgres", postgres_cases::check(|_| {})),
        ("redis", redis_cases::check(|_| {})),
        ("patroni", patroni_cases::check()),
    ]
}

#[tokio::test]
async fn a_port_where_nobody_listens_refuses_and_a_full_one_times_out() {
    let (nobody, _taken) = script::nobody();
    let (full, _listening) = script::full().await;
    for (name, kind) in kinds() {
        let seen = probe(&target(kind.clone(), nobody), BUDGET).await;
        hold(name, &seen, &Bad(Connect, Refused, "connection refused")).unwrap();
        let seen = probe(&target(kind, full), BUDGET).await;
        hold(name, &seen, &Bad(Connect, Timeout, "while connecting")).unwrap();
    }
}

#[tokio::test]
async fn silence_goodbye_and_garbage_are_told_apart() {
    for (name, kind) in kinds() {
        let at = |steps: Vec<Step>| {
            let kind = kind.clone();
            async move { probe(&target(kind, script::play(steps).await), BUDGET).await }
        };
        let seen = at(vec![Step::Silence]).await;
        hold(
            name,
            &seen,
            &Bad(FirstByte, Timeout, "while waiting for an answer"),
        )
        .unwrap();
        let seen = at(vec![Step::Hear]).await;
        hold(name, &seen, &Bad(FirstByte, Reset, "closed")).unwrap();
        let seen = at(vec![Step::Hear, Step::Reset]).await;
        hold(name, &seen, &Bad(FirstByte, Reset, "reset")).unwrap();
        let seen = at(vec![
            Step::Hear,
            Step::Say(b"SSH-2.0-OpenSSH_9.2\r\n"),
            Step::Silence,
        ])
        .await;
        let phase = if name == "patroni" { FirstByte } else { Body };
        hold(name, &seen, &Bad(phase, Garbage, "SSH-2.0")).unwrap();
    }
}
