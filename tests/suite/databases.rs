//! The walk-through of a database pair with the real servers: the writer dies, the standby is promoted, the name follows
//! it; the old writer returns as a standby and is not named.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::support::dns::addresses;
use crate::support::postgres::Postgres;
use crate::support::redis::Redis;
use crate::support::server::{Folder, Server};
use crate::support::{free_port, wait_until};

/// How often it is probed.
const INTERVAL: Duration = Duration::from_secs(5);

/// What the contract promises: one interval and a second after the promotion.
const PROMISED: Duration = Duration::from_secs(6);

fn folder(check: &str, first: &str, second: &str) -> Folder {
    folder_with("", check, first, second)
}

/// The same with further keys of the service.
fn folder_with(service: &str, check: &str, first: &str, second: &str) -> Folder {
    let folder = Folder::new("");
    folder.zone(&format!(
        "[checks.writer]\n{check}\nrole = \"primary\"\ninterval = \"{}s\"\nfall = 3\n\
         [services.db]\npolicy = \"failover\"\n{service}check = \"writer\"\nendpoints = [\n\
         {{ name = \"first\", address = \"{first}\" }},\n{{ name = \"second\", address = \"{second}\" }},\n]\n",
        INTERVAL.as_secs()
    ));
    folder
}

fn is_named(server: &Server, address: &str) -> bool {
    addresses(server.dns, "db.example.test.") == [address]
}

/// Waits until `address` is shown as an endpoint that lives and says `standby`.
fn until_shown_as_standby(folder: &Folder, address: &str) {
    wait_until(
        &format!("{address} is shown as a standby"),
        Duration::from_secs(60),
        || {
            let status = folder.run(&["status"]);
            let text = String::from_utf8_lossy(&status.stdout);
            text.lines()
                .any(|line| line.contains(address) && line.contains("up, standby"))
        },
    );
}

#[test]
fn the_name_follows_a_promotion_of_postgresql_and_does_not_return() {
    let (one, two, port) = ("127.0.2.1", "127.0.2.2", free_port());
    let mut first = Postgres::primary(one, port, "");
    let second = Postgres::standby(two, port, &first);
    let folder = folder(
        &format!("type = \"postgres\"\nuser = \"postgres\"\nport = {port}"),
        one,
        two,
    );
    let server = folder.start();
    wait_until("the writer is named", Duration::from_secs(10), || {
        is_named(&server, one)
    });
    until_shown_as_standby(&folder, two);

    first.kill();
    second.promote();
    let promoted = Instant::now();
    wait_until("the name follows", Duration::from_secs(30), || {
        is_named(&server, two)
    });
    let took = promoted.elapsed();
    println!("PostgreSQL: the name followed {took:?} after the promotion");
    assert!(took <= PROMISED, "{took:?}");

    first.rebuild_from(&second);
    until_shown_as_standby(&folder, one);
    assert!(
        is_named(&server, two),
        "{:?}",
        addresses(server.dns, "db.example.test.")
    );
}

#[test]
fn an_exclusive_service_names_the_promoted_standby_when_caches_have_let_go_of_the_old_writer() {
    const TTL: Duration = Duration::from_secs(3);
    let (one, two, port) = ("127.0.2.11", "127.0.2.12", free_port());
    let mut first = Postgres::primary(one, port, "");
    let second = Postgres::standby(two, port, &first);
    let folder = folder_with(
        "exclusive = true\nttl = \"3s\"\n",
        &format!("type = \"postgres\"\nuser = \"postgres\"\nport = {port}"),
        one,
        two,
    );
    let server = folder.start();
    wait_until("the writer is named", Duration::from_secs(10), || {
        is_named(&server, one)
    });
    until_shown_as_standby(&folder, two);

    first.kill();
    second.promote();
    let killed = Instant::now();
    let mut last_of_one = killed;
    wait_until("the name follows", Duration::from_secs(60), || {
        let named = addresses(server.dns, "db.example.test.");
        if named == [one] {
            last_of_one = Instant::now();
        }
        named == [two]
    });
    let between = last_of_one.elapsed();
    println!(
        "exclusive: {:?} after the writer died; nobody was named for {between:?}",
        killed.elapsed()
    );
    assert!(
        between >= TTL,
        "a cache may have held the old writer: {between:?}"
    );

    first.rebuild_from(&second);
    until_shown_as_standby(&folder, one);
    assert!(is_named(&server, two));
}

#[test]
fn the_name_follows_a_failover_by_redis_sentinel_and_does_not_return() {
    let port = free_port();
    let at = |last: u8| SocketAddr::from(([127, 0, 3, last], port));
    let mut first = Redis::start(at(1), "");
    let second = Redis::start(at(2), &format!("replicaof 127.0.3.1 {port}"));
    wait_until("the replica is in step", Duration::from_secs(10), || {
        second
            .ask(&["INFO", "replication"])
            .contains("master_link_status:up")
    });
    let sentinels: Vec<Redis> = [free_port(), free_port(), free_port()]
        .into_iter()
        .map(|port| Redis::sentinel(SocketAddr::from(([127, 0, 0, 1], port)), at(1)))
        .collect();
    let mut known = Vec::new();
    let agreed = |known: &mut Vec<String>| {
        *known = sentinels
            .iter()
            .map(|sentinel| sentinel.ask(&["SENTINEL", "master", "mymaster"]))
            .collect();
        known.iter().all(|known| {
            let value = |key: &str| {
                let mut lines = known.lines();
                lines.find(|line| *line == key);
                lines.next().unwrap_or_default().to_owned()
            };
            value("num-other-sentinels") == "2" && value("num-slaves") == "1"
        })
    };
    let began = Instant::now();
    while !agreed(&mut known) {
        assert!(
            began.elapsed() < Duration::from_secs(90),
            "the Sentinels do not know each other and the replica: {known:#?}\n{:#?}",
            sentinels.iter().map(Redis::log).collect::<Vec<_>>()
        );
        std::thread::park_timeout(Duration::from_millis(100));
    }
    let listed: Vec<String> = sentinels
        .iter()
        .map(|one| format!("\"{}\"", one.address))
        .collect();
    let folder = folder(
        &format!(
            "type = \"redis\"\nport = {port}\nmaster = \"mymaster\"\nsentinels = [{}]",
            listed.join(", ")
        ),
        "127.0.3.1",
        "127.0.3.2",
    );
    let server = folder.start();
    wait_until("the writer is named", Duration::from_secs(10), || {
        is_named(&server, "127.0.3.1")
    });
    until_shown_as_standby(&folder, "127.0.3.2");

    first.kill();
    wait_until("Sentinel promotes the replica", Duration::from_secs(60), || {
        second.ask(&["ROLE"]).starts_with("master")
    });
    let master = Instant::now();
    // The promotion is complete when a majority of the Sentinels names the new master.
    wait_until(
        "a majority of the Sentinels agrees",
        Duration::from_secs(60),
        || {
            let named = |sentinel: &&Redis| {
                sentinel
                    .ask(&["SENTINEL", "get-master-addr-by-name", "mymaster"])
                    .starts_with("127.0.3.2")
            };
            sentinels.iter().filter(named).count() >= 2
        },
    );
    let promoted = Instant::now();
    wait_until("the name follows", Duration::from_secs(30), || {
        is_named(&server, "127.0.3.2")
    });
    let took = promoted.elapsed();
    println!(
        "Redis: the name followed {took:?} after a majority of the Sentinels agreed, {:?} after the replica's first word",
        master.elapsed()
    );
    assert!(took <= PROMISED, "{took:?}");

    first.restart();
    until_shown_as_standby(&folder, "127.0.3.1");
    assert!(
        is_named(&server, "127.0.3.2"),
        "{:?}",
        addresses(server.dns, "db.example.test.")
    );
}
