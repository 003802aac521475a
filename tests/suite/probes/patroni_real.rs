//! `patroni` against Patroni itself: two nodes with etcd, and a switchover.

use std::fs::File;
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use pointsman::health::observation::FaultClass::{Refused, Timeout};
use pointsman::health::observation::Observation;
use pointsman::health::observation::Phase::{Connect, FirstByte};
use pointsman::model::check::Claim::{Primary, Standby};
use tempfile::TempDir;

use super::Expect::{Bad, Good};
use super::patroni_cases::check;
use super::{hold, probe, target};

const PATIENCE: Duration = Duration::from_secs(90);

/// A program with all that it starts; ends with this.
struct Group(Child);

impl Group {
    fn start(command: &mut Command, log: &Path) -> Self {
        let log = File::create(log).unwrap();
        command
            // Not everybody may enter the tests' own folder.
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .process_group(0);
        let name = command.get_program().to_owned();
        Self(
            command.spawn().unwrap_or_else(|error| {
                panic!("{name:?}: {error} (Debian: patroni, etcd-server, postgresql)")
            }),
        )
    }

    fn signal(&self, signal: &str) {
        let group = format!("-{}", self.0.id());
        assert!(
            Command::new("kill")
                .args([signal, "--", &group])
                .status()
                .unwrap()
                .success()
        );
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let group = format!("-{}", self.0.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
        let _ = self.0.wait();
    }
}

/// Two nodes and their store. PostgreSQL leaves Patroni's group, and ends by what `pg_ctl` is told.
struct Pair {
    folder: TempDir,
    nodes: Vec<Group>,
    _store: Group,
}

fn address(nth: usize) -> String {
    let pid = std::process::id();
    format!("127.{}.{}.{}", 80 + (pid >> 8) % 20, pid & 255, 10 + nth)
}

fn binaries() -> PathBuf {
    let found =
        std::fs::read_dir("/usr/lib/postgresql").expect("PostgreSQL is installed (Debian: postgresql)");
    found
        .map(|version| version.unwrap().path().join("bin"))
        .max()
        .unwrap()
}

fn as_postgres(program: &str) -> Command {
    if Command::new("id").arg("-u").output().unwrap().stdout == b"0\n" {
        let mut command = Command::new("setpriv");
        command.args([
            "--reuid",
            "postgres",
            "--regid",
            "postgres",
            "--init-groups",
            program,
        ]);
        command
    } else {
        Command::new(program)
    }
}

impl Pair {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let (clients, peers) = (
            format!("http://{}:2379", address(0)),
            format!("http://{}:2380", address(0)),
        );
        let store = Group::start(
            Command::new("etcd")
                .args(["--name", "e", "--data-dir"])
                .arg(path.join("etcd"))
                .args([
                    "--listen-client-urls",
                    &clients,
                    "--advertise-client-urls",
                    &clients,
                ])
                .args([
                    "--listen-peer-urls",
                    &peers,
                    "--initial-advertise-peer-urls",
                    &peers,
                ])
                .args(["--initial-cluster", &format!("e={peers}")]),
            &path.join("etcd.log"),
        );
        for nth in [1, 2] {
            std::fs::create_dir(path.join(format!("sockets{nth}"))).unwrap();
            std::fs::write(path.join(format!("{nth}.yml")), configuration(path, nth)).unwrap();
        }
        let _ = Command::new("chown").args(["-R", "postgres"]).arg(path).status();
        let nodes = [1, 2].map(|nth| {
            let mut patroni = as_postgres("patroni");
            Group::start(
                patroni.arg(path.join(format!("{nth}.yml"))),
                &path.join(format!("{nth}.log")),
            )
        });
        Self {
            nodes: nodes.into(),
            _store: store,
            folder,
        }
    }

    fn switch_over(&self, from: usize, to: usize) -> Child {
        Command::new("patronictl")
            .arg("-c")
            .arg(self.folder.path().join("1.yml"))
            .args(["switchover", "pair", "--force", "--master", &format!("n{from}")])
            .args(["--candidate", &format!("n{to}")])
            .stdout(Stdio::null())
            .spawn()
            .unwrap()
    }

    fn logs(&self) -> String {
        ["etcd", "1", "2"]
            .map(|name| {
                std::fs::read_to_string(self.folder.path().join(format!("{name}.log"))).unwrap_or_default()
            })
            .join("\n----\n")
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        self.nodes.clear();
        for nth in [1, 2] {
            let _ = as_postgres(binaries().join("pg_ctl").to_str().unwrap())
                .current_dir("/")
                .args(["stop", "-s", "-m", "immediate", "-D"])
                .arg(self.folder.path().join(format!("data{nth}")))
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status();
        }
    }
}

fn configuration(folder: &Path, nth: usize) -> String {
    let (own, store, folder) = (address(nth), address(0), folder.display());
    let binaries = binaries();
    let binaries = binaries.display();
    format!(
        r#"scope: pair
name: n{nth}
restapi: {{listen: "{own}:8008", connect_address: "{own}:8008"}}
etcd3: {{host: "{store}:2379"}}
bootstrap:
  dcs: {{ttl: 20, loop_wait: 1, retry_timeout: 3, postgresql: {{parameters: {{max_connections: 20, shared_buffers: 16MB}}}}}}
  initdb: [{{encoding: UTF8}}, {{locale: C}}]
postgresql:
  listen: "{own}:5432"
  connect_address: "{own}:5432"
  data_dir: {folder}/data{nth}
  bin_dir: {binaries}
  pgpass: {folder}/pgpass{nth}
  authentication: {{superuser: {{username: postgres, password: s}}, replication: {{username: copier, password: r}}}}
  pg_hba: ["host replication copier 127.0.0.0/8 trust", "host all all 127.0.0.0/8 trust", "local all all trust"]
  parameters: {{unix_socket_directories: {folder}/sockets{nth}, fsync: "off"}}
"#
    )
}

async fn ask(nth: usize) -> Observation {
    let api: SocketAddr = format!("{}:8008", address(nth)).parse().unwrap();
    probe(&target(check(), api), Duration::from_secs(2)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_switchover_of_patroni_is_followed_and_no_moment_shows_two_primaries() {
    let pair = Pair::start();
    let settled = async {
        loop {
            let (one, two) = (ask(1).await, ask(2).await);
            match (one.report.claim, two.report.claim) {
                (Some(Primary), Some(Standby)) => return (1, 2),
                (Some(Standby), Some(Primary)) => return (2, 1),
                _ => tokio::task::yield_now().await,
            }
        }
    };
    let settled = tokio::time::timeout(PATIENCE, settled).await;
    let (old, new) = settled.unwrap_or_else(|_| panic!("the pair does not settle:\n{}", pair.logs()));
    hold("primary", &ask(old).await, &Good("primary")).unwrap();
    hold("standby", &ask(new).await, &Good("standby")).unwrap();

    let mut told = pair.switch_over(old, new);
    let switched = async {
        loop {
            // The new one first: the old one has given up before the new one begins, whatever comes in between.
            let (after, before) = (ask(new).await, ask(old).await);
            if after.report.claim == Some(Primary) {
                assert_ne!(before.report.claim, Some(Primary), "two primaries: {before:?}");
                if before.report.claim == Some(Standby) {
                    return;
                }
            }
        }
    };
    let switched = tokio::time::timeout(PATIENCE, switched).await;
    switched.unwrap_or_else(|_| panic!("the roles do not change:\n{}", pair.logs()));
    assert!(told.wait().unwrap().success());
    hold("new primary", &ask(new).await, &Good("primary")).unwrap();

    // Halted, Patroni's socket still accepts.
    let [first, second] = &pair.nodes[..] else {
        unreachable!()
    };
    let halted = if old == 1 { first } else { second };
    halted.signal("-STOP");
    hold(
        "halted",
        &ask(old).await,
        &Bad(FirstByte, Timeout, "while waiting for an answer"),
    )
    .unwrap();
    halted.signal("-CONT");
    hold("goes on", &ask(old).await, &Good("standby")).unwrap();
    halted.signal("-KILL");
    let gone = async {
        while !matches!(
            hold("gone", &ask(old).await, &Bad(Connect, Refused, "refused")),
            Ok(())
        ) {}
    };
    tokio::time::timeout(PATIENCE, gone)
        .await
        .expect("refused once it is gone");
}
