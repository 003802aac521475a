//! `postgres` against the real server, and against words that it says only when it is hard to make it.

use std::net::SocketAddr;
use std::time::Duration;

use pointsman::health::observation::FaultClass::{Garbage, Status, Timeout, Tls};
use pointsman::health::observation::Observation;
use pointsman::health::observation::Phase::{self, Body, FirstByte};
use pointsman::model::check::{CheckKind, Claim, PostgresCheck, Secret, Security, TlsUse};

use super::Expect::{Bad, Good};
use super::authority::{Authority, NOW};
use super::script::{self, Step};
use super::{hold, probe, target};
use crate::support::free_port;
use crate::support::postgres::Postgres;

const BUDGET: Duration = Duration::from_secs(5);

/// `postgres` as the superuser, and what else `change` sets.
pub(super) fn check(change: impl FnOnce(&mut PostgresCheck)) -> CheckKind {
    let mut check = PostgresCheck {
        user: "postgres".to_owned(),
        password: None,
        database: "postgres".to_owned(),
        tls: TlsUse::Disable,
        security: Security::default(),
    };
    change(&mut check);
    CheckKind::Postgres(Box::new(check))
}

fn at(server: &Postgres) -> SocketAddr {
    format!("{}:{}", server.address, server.port).parse().unwrap()
}

async fn asked(server: &Postgres, change: impl FnOnce(&mut PostgresCheck)) -> Observation {
    probe(&target(check(change), at(server)), BUDGET).await
}

fn login(user: &'static str, password: Option<&'static str>) -> impl FnOnce(&mut PostgresCheck) {
    move |check| {
        check.user = user.to_owned();
        check.password = password.map(|text| Secret::new(text.to_owned()));
    }
}

#[tokio::test]
async fn logins_are_made_as_the_server_asks_and_refused_in_its_words() {
    let server = Postgres::primary("127.0.4.1", free_port(), "");
    server.ask("CREATE ROLE with_scram LOGIN PASSWORD 'right'");
    server.ask("CREATE ROLE in_clear LOGIN PASSWORD 'right'");
    server.ask("SET password_encryption = md5; CREATE ROLE with_md5 LOGIN PASSWORD 'right'");
    server.ask("CREATE ROLE full LOGIN CONNECTION LIMIT 0");
    for user in ["with_scram", "with_md5", "in_clear"] {
        let seen = asked(&server, login(user, Some("right"))).await;
        hold(user, &seen, &Good("primary")).unwrap();
        assert_eq!(seen.report.claim, Some(Claim::Primary), "{user}");
        let seen = asked(&server, login(user, Some("wrong"))).await;
        hold(
            user,
            &seen,
            &Bad(Body, Status, "login refused: password authentication failed"),
        )
        .unwrap();
        assert!(seen.evidence.text.contains("28P01"), "{}", seen.evidence.text);
        let seen = asked(&server, login(user, None)).await;
        hold(user, &seen, &Bad(Body, Status, "write `password_file`")).unwrap();
    }
    let seen = asked(&server, login("postgres", None)).await;
    hold("trust", &seen, &Good("primary")).unwrap();
    let seen = asked(&server, login("nobody", None)).await;
    hold(
        "rejected",
        &seen,
        &Bad(Body, Status, "login refused: pg_hba.conf rejects"),
    )
    .unwrap();
    let seen = asked(&server, login("full", None)).await;
    let room = "no room for another connection: too many connections for role \"full\" (53300)";
    hold("full", &seen, &Bad(Body, Status, room)).unwrap();
    let seen = asked(&server, |check| check.database = "nowhere".to_owned()).await;
    hold("database", &seen, &Bad(Body, Status, "no such database: ")).unwrap();
}

#[tokio::test]
async fn a_server_that_hangs_times_out_while_it_is_waited_for() {
    let server = Postgres::primary("127.0.4.2", free_port(), "");
    server.signal("STOP");
    let seen = probe(&target(check(|_| {}), at(&server)), Duration::from_millis(500)).await;
    server.signal("CONT");
    hold(
        "hangs",
        &seen,
        &Bad(FirstByte, Timeout, "while waiting for an answer"),
    )
    .unwrap();
    assert!(seen.phases.connect.is_some());
}

#[tokio::test]
async fn a_standby_says_how_far_it_is_behind_as_long_as_it_knows() {
    let port = free_port();
    let mut primary = Postgres::primary("127.0.4.3", port, "");
    let standby = Postgres::standby("127.0.4.4", port, &primary);
    let seen = asked(&standby, |_| {}).await;
    hold("streams", &seen, &Good("standby, ")).unwrap();
    assert_eq!(seen.report.claim, Some(Claim::Standby));
    assert!(
        seen.report.lag.is_some_and(|lag| lag < Duration::from_secs(2)),
        "{:?}",
        seen.report
    );

    // What is received but not replayed is lag, as old as the last transaction that was replayed.
    primary.ask("CREATE TABLE s (i int)");
    crate::support::wait_until("a transaction is replayed", Duration::from_secs(20), || {
        standby.ask("SELECT pg_last_xact_replay_timestamp() IS NOT NULL") == "t"
    });
    standby.ask("SELECT pg_wal_replay_pause()");
    primary.ask("CREATE TABLE t AS SELECT generate_series(1, 1000)");
    let mut behind = None;
    for _ in 0..200 {
        let seen = asked(&standby, |_| {}).await;
        behind = seen.report.lag.filter(|lag| !lag.is_zero());
        if behind.is_some() {
            break;
        }
    }
    assert!(behind.is_some(), "the lag of a paused replay is seen");
    standby.ask("SELECT pg_wal_replay_resume()");

    primary.kill();
    crate::support::wait_until("the walreceiver is gone", Duration::from_secs(20), || {
        standby.ask("SELECT count(*) FROM pg_stat_wal_receiver WHERE pid IS NOT NULL") == "0"
    });
    let seen = asked(&standby, |_| {}).await;
    hold("alone", &seen, &Good("standby, lag unknown")).unwrap();
    assert_eq!(seen.report.lag, None);

    standby.promote();
    let seen = asked(&standby, |_| {}).await;
    hold("promoted", &seen, &Good("primary")).unwrap();
}

#[tokio::test]
async fn certificates_are_judged_and_tls_is_spoken_as_asked() {
    let folder = tempfile::tempdir().unwrap();
    let ours = Authority::new(folder.path(), "ours");
    Authority::new(folder.path(), "others");
    ours.issue("server", &["db.example.test"], NOW);
    let mut server = Postgres::primary("127.0.4.5", free_port(), "");
    server.secure(
        &folder.path().join("server.pem"),
        &folder.path().join("server.key"),
    );
    let over = |tls: TlsUse, authority: &str, name: &str| {
        let (authority, name) = (folder.path().join(authority), name.to_owned());
        move |check: &mut PostgresCheck| {
            check.tls = tls;
            check.security.ca_file = Some(authority);
            check.security.sni = Some(name);
        }
    };
    for tls in [TlsUse::Require, TlsUse::Prefer] {
        let seen = asked(&server, over(tls, "ours.pem", "db.example.test")).await;
        hold("good", &seen, &Good("primary")).unwrap();
        assert!(seen.evidence.certificate_expiry.is_some() && seen.phases.tls.is_some());
        let seen = asked(&server, over(tls, "others.pem", "db.example.test")).await;
        hold("issuer", &seen, &Bad(Phase::Tls, Tls, "unknown issuer")).unwrap();
        let seen = asked(&server, over(tls, "ours.pem", "other.example.test")).await;
        hold("name", &seen, &Bad(Phase::Tls, Tls, "not for other.example.test")).unwrap();
    }
    let plain = Postgres::primary("127.0.4.6", free_port(), "");
    let seen = asked(&plain, over(TlsUse::Require, "ours.pem", "db.example.test")).await;
    hold("no TLS", &seen, &Bad(Phase::Tls, Tls, "the server speaks no TLS")).unwrap();
    let seen = asked(&plain, over(TlsUse::Prefer, "ours.pem", "db.example.test")).await;
    hold("preferred", &seen, &Good("primary")).unwrap();
}

#[tokio::test]
async fn words_that_are_hard_to_provoke_are_understood() {
    let starting = b"E\0\0\0\x3eSFATAL\0VFATAL\0C57P03\0Mthe database system is starting up\0\0";
    let cases: [(&str, Vec<Step>, super::Expect); 4] = [
        (
            "starting up",
            vec![Step::Hear, Step::Say(starting), Step::Silence],
            Bad(
                Body,
                Status,
                "not ready: the database system is starting up (57P03)",
            ),
        ),
        (
            "a message without an end",
            vec![Step::Hear, Step::Say(b"R\x7f\xff\xff\xff\0"), Step::Silence],
            Bad(Body, Garbage, "not PostgreSQL"),
        ),
        (
            "SCRAM for ever",
            vec![
                Step::Hear,
                Step::Say(b"R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0"),
                Step::Hear,
                Step::Say(b"R\0\0\0\x22\0\0\0\x0br=x,s=c2FsdA==,i=999999999"),
                Step::Silence,
            ],
            Bad(Body, Garbage, ""),
        ),
        (
            "half a message",
            vec![Step::Hear, Step::Say(b"R\0\0"), Step::Silence],
            Bad(Body, Timeout, "while reading the answer (3 octets came)"),
        ),
    ];
    for (case, steps, wanted) in cases {
        let kind = check(|check| check.password = Some(Secret::new("x".to_owned())));
        let seen = probe(
            &target(kind, script::play(steps).await),
            Duration::from_millis(500),
        )
        .await;
        hold(case, &seen, &wanted).unwrap();
    }
}
