//! `redis` against the real server and real Sentinels.

use std::net::SocketAddr;
use std::time::Duration;

use pointsman::health::observation::FaultClass::{Content, Garbage, Local, Status, Timeout, Tls};
use pointsman::health::observation::Observation;
use pointsman::health::observation::Phase::{self, Body, FirstByte};
use pointsman::model::check::{CheckKind, Claim, RedisCheck, Secret, Security, Sentinels};

use super::Expect::{Bad, Good};
use super::authority::{Authority, NOW};
use super::script::{self, Step};
use super::{hold, probe, target};
use crate::support::redis::Redis;
use crate::support::{free_port, wait_until};

const BUDGET: Duration = Duration::from_secs(3);

/// `redis`, and what else `change` sets.
pub(super) fn check(change: impl FnOnce(&mut RedisCheck)) -> CheckKind {
    let mut check = RedisCheck {
        user: None,
        password: None,
        tls: false,
        security: Security::default(),
        sentinels: None,
    };
    change(&mut check);
    CheckKind::Redis(Box::new(check))
}

async fn asked(address: SocketAddr, change: impl FnOnce(&mut RedisCheck)) -> Observation {
    probe(&target(check(change), address), BUDGET).await
}

fn free() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], free_port()))
}

fn login(user: Option<&'static str>, password: &'static str) -> impl FnOnce(&mut RedisCheck) {
    move |check| {
        check.user = user.map(str::to_owned);
        check.password = Some(Secret::new(password.to_owned()));
    }
}

#[tokio::test]
async fn passwords_and_rights_are_judged_in_the_servers_words() {
    let open = Redis::start(free(), "");
    let seen = asked(open.address, |_| {}).await;
    hold("open", &seen, &Good("primary")).unwrap();
    assert_eq!(seen.report.claim, Some(Claim::Primary));

    let server = Redis::start(
        free(),
        "requirepass right\nuser may on >may +role +info\nuser mayNot on >may +ping",
    );
    let seen = asked(server.address, login(None, "right")).await;
    hold("right", &seen, &Good("primary")).unwrap();
    let seen = asked(server.address, login(Some("may"), "may")).await;
    hold("user", &seen, &Good("primary")).unwrap();
    let seen = asked(server.address, login(None, "wrong")).await;
    hold("wrong", &seen, &Bad(Body, Status, "login refused: WRONGPASS")).unwrap();
    let seen = asked(server.address, |_| {}).await;
    hold("none", &seen, &Bad(Body, Status, "write `password_file`: NOAUTH")).unwrap();
    let seen = asked(server.address, login(Some("mayNot"), "may")).await;
    hold("rights", &seen, &Bad(Body, Status, "may not ask for its role")).unwrap();
}

#[tokio::test]
async fn a_server_that_hangs_or_loads_is_told_apart() {
    let server = Redis::start(free(), "");
    server.signal("STOP");
    let seen = probe(&target(check(|_| {}), server.address), Duration::from_millis(500)).await;
    server.signal("CONT");
    hold(
        "hangs",
        &seen,
        &Bad(FirstByte, Timeout, "while waiting for an answer"),
    )
    .unwrap();
    for (case, say, wanted) in [
        (
            "loading",
            &b"-LOADING Redis is loading the dataset in memory\r\n"[..],
            Bad(Body, Status, "not ready: LOADING"),
        ),
        (
            "another answer",
            b"+OK\r\n",
            Bad(Body, Garbage, "no answer to ROLE"),
        ),
        (
            "half",
            b"*3\r\n$6\r\nmas",
            Bad(Body, Timeout, "while reading the answer (11 octets came)"),
        ),
    ] {
        let address = script::play(vec![Step::Hear, Step::Say(say), Step::Silence]).await;
        let seen = probe(&target(check(|_| {}), address), Duration::from_millis(500)).await;
        hold(case, &seen, &wanted).unwrap();
    }
}

#[tokio::test]
async fn a_replica_says_how_far_it_is_behind_as_long_as_its_link_is_up() {
    let mut master = Redis::start(free(), "");
    let replica = Redis::start(free(), &format!("replicaof 127.0.0.1 {}", master.address.port()));
    wait_until("the replica is in step", Duration::from_secs(20), || {
        replica
            .ask(&["INFO", "replication"])
            .contains("master_link_status:up")
    });
    let seen = asked(replica.address, |_| {}).await;
    hold("in step", &seen, &Good("standby, ")).unwrap();
    assert_eq!(seen.report.claim, Some(Claim::Standby));
    assert!(
        seen.report.lag.is_some_and(|lag| lag < Duration::from_secs(11)),
        "{:?}",
        seen.report
    );
    master.kill();
    wait_until("the link is down", Duration::from_secs(20), || {
        replica
            .ask(&["INFO", "replication"])
            .contains("master_link_status:down")
    });
    let seen = asked(replica.address, |_| {}).await;
    hold("alone", &seen, &Good("standby, lag unknown")).unwrap();
    assert_eq!(seen.report.lag, None);
}

#[tokio::test]
async fn certificates_are_judged() {
    let folder = tempfile::tempdir().unwrap();
    let ours = Authority::new(folder.path(), "ours");
    Authority::new(folder.path(), "others");
    ours.issue("server", &["cache.example.test"], NOW);
    let address = free();
    let path = folder.path().display();
    let settings = format!(
        "tls-port {}\ntls-cert-file {path}/server.pem\ntls-key-file {path}/server.key\n\
         tls-ca-cert-file {path}/ours.pem\ntls-auth-clients no",
        free_port()
    );
    let secured: SocketAddr = {
        let port = settings.split_whitespace().nth(1).unwrap();
        format!("127.0.0.1:{port}").parse().unwrap()
    };
    let _server = Redis::start(address, &settings);
    let over = |authority: &str, name: &str| {
        let (authority, name) = (folder.path().join(authority), name.to_owned());
        move |check: &mut RedisCheck| {
            check.tls = true;
            check.security.ca_file = Some(authority);
            check.security.sni = Some(name);
        }
    };
    let seen = asked(secured, over("ours.pem", "cache.example.test")).await;
    hold("good", &seen, &Good("primary")).unwrap();
    assert!(seen.evidence.certificate_expiry.is_some());
    let seen = asked(secured, over("others.pem", "cache.example.test")).await;
    hold("issuer", &seen, &Bad(Phase::Tls, Tls, "unknown issuer")).unwrap();
    let seen = asked(secured, over("ours.pem", "other.example.test")).await;
    hold("name", &seen, &Bad(Phase::Tls, Tls, "not for other.example.test")).unwrap();
}

#[tokio::test]
async fn only_a_majority_of_the_sentinels_makes_a_primary() {
    let master = Redis::start(free(), "");
    let other = Redis::start(free(), "");
    let mut sentinels: Vec<Redis> = (0..3).map(|_| Redis::sentinel(free(), master.address)).collect();
    let addresses: Vec<SocketAddr> = sentinels.iter().map(|one| one.address).collect();
    let with = |check: &mut RedisCheck| {
        check.sentinels = Some(Sentinels {
            addresses: addresses.clone(),
            master: "mymaster".to_owned(),
        });
    };
    let seen = asked(master.address, with).await;
    hold("agreed", &seen, &Good("primary, 2 of 3 Sentinels name it")).unwrap();
    assert_eq!(seen.report.claim, Some(Claim::Primary));

    let seen = asked(other.address, with).await;
    hold(
        "denied",
        &seen,
        &Good("says master, but 0 of 3 Sentinels name it, 3 another"),
    )
    .unwrap();
    assert_eq!(seen.report.claim, None);

    let seen = asked(master.address, |check| {
        with(check);
        check.sentinels.as_mut().unwrap().master = "unknown".to_owned();
    })
    .await;
    hold("another master", &seen, &Good("no `unknown`")).unwrap();
    assert_eq!(seen.report.claim, None);

    sentinels[0].kill();
    let seen = asked(master.address, with).await;
    hold("one is lost", &seen, &Good("primary, 2 of 3")).unwrap();
    // One that hangs must not use up the probe's time.
    sentinels[1].signal("STOP");
    let seen = asked(master.address, with).await;
    sentinels[1].signal("CONT");
    hold(
        "no majority",
        &seen,
        &Bad(Body, Local, "no majority of the Sentinels answers: 1 of 3"),
    )
    .unwrap();

    let seen = asked(addresses[2], |_| {}).await;
    hold(
        "a Sentinel itself",
        &seen,
        &Bad(Body, Content, "a Sentinel answers there"),
    )
    .unwrap();
}
