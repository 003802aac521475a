//! Real PostgreSQL in folders of its own, at addresses of its own, as a user of its own.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use super::wait_until;

/// Who may come in how; the last line lets everybody else in.
const WHO: &str = "local all all trust\n\
                   host replication all 127.0.0.0/8 trust\n\
                   host all with_scram 127.0.0.0/8 scram-sha-256\n\
                   host all with_md5 127.0.0.0/8 md5\n\
                   host all in_clear 127.0.0.0/8 password\n\
                   host all nobody 127.0.0.0/8 reject\n\
                   host all all 127.0.0.0/8 trust\n";

/// A server.
pub(crate) struct Postgres {
    pub(crate) address: String,
    pub(crate) port: u16,
    directory: tempfile::TempDir,
    child: Option<Child>,
}

impl Postgres {
    /// A new cluster at `address`, running. `settings` are further lines of its configuration.
    pub(crate) fn primary(address: &str, port: u16, settings: &str) -> Self {
        let mut server = Self::folder(address, port);
        let data = server.data();
        let made = as_server("initdb")
            .args([
                "-U",
                "postgres",
                "-A",
                "trust",
                "-N",
                "-E",
                "UTF8",
                "--locale=C",
                "-D",
            ])
            .arg(&data)
            .output();
        succeed(made.expect("initdb runs (Debian: postgresql)"));
        server.configure(settings);
        std::fs::write(data.join("pg_hba.conf"), WHO).expect("writes");
        server.start();
        server
    }

    /// A standby that streams from `primary`, running.
    pub(crate) fn standby(address: &str, port: u16, primary: &Self) -> Self {
        let mut server = Self::folder(address, port);
        server.rebuild_from(primary);
        server
    }

    /// Throws away what it has and begins anew as a standby of `primary`.
    pub(crate) fn rebuild_from(&mut self, primary: &Self) {
        self.kill();
        let _ = std::fs::remove_dir_all(self.data());
        let copied = as_server("pg_basebackup")
            .args(["-h", &primary.address, "-p", &primary.port.to_string()])
            .args(["-U", "postgres", "-R", "-X", "stream", "-c", "fast", "-N", "-D"])
            .arg(self.data())
            .output();
        succeed(copied.expect("pg_basebackup runs"));
        self.configure("");
        self.start();
        wait_until("the standby streams", Duration::from_secs(30), || {
            self.ask("SELECT count(*) FROM pg_stat_wal_receiver WHERE status = 'streaming'") == "1"
        });
    }

    fn folder(address: &str, port: u16) -> Self {
        let directory = tempfile::tempdir().expect("a folder");
        if is_root() {
            let given = Command::new("chown")
                .arg("postgres")
                .arg(directory.path())
                .status();
            assert!(given.expect("chown runs").success());
        }
        Self {
            address: address.to_owned(),
            port,
            directory,
            child: None,
        }
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    fn configure(&self, settings: &str) {
        let text = format!(
            "listen_addresses = '{}'\nport = {}\nunix_socket_directories = '{}'\nfsync = off\n\
             max_connections = 20\nshared_buffers = 16MB\n{settings}\n",
            self.address,
            self.port,
            self.directory.path().display()
        );
        std::fs::write(self.data().join("postgresql.conf"), text).expect("writes");
    }

    fn start(&mut self) {
        let log = std::fs::File::create(self.directory.path().join("log")).expect("a log");
        let child = as_server("postgres")
            .arg("-D")
            .arg(self.data())
            .stdin(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("postgres starts");
        self.child = Some(child);
        wait_until("PostgreSQL answers", Duration::from_secs(30), || {
            self.try_ask("SELECT 1").is_some()
        });
    }

    /// Starts it again with this certificate and key.
    pub(crate) fn secure(&mut self, certificate: &Path, key: &Path) {
        self.kill();
        let data = self.data();
        for (from, to) in [(certificate, "server.crt"), (key, "server.key")] {
            let to = data.join(to);
            std::fs::copy(from, &to).expect("copies");
            std::fs::set_permissions(&to, std::os::unix::fs::PermissionsExt::from_mode(0o600))
                .expect("permits");
            if is_root() {
                let given = Command::new("chown").arg("postgres").arg(&to).status();
                assert!(given.expect("chown runs").success());
            }
        }
        self.configure("ssl = on");
        self.start();
    }

    /// What `sql` gives, asked by the superuser.
    pub(crate) fn ask(&self, sql: &str) -> String {
        self.try_ask(sql).unwrap_or_else(|| panic!("{sql}"))
    }

    fn try_ask(&self, sql: &str) -> Option<String> {
        let done = Command::new("psql")
            .args([
                "-h",
                &self.address,
                "-p",
                &self.port.to_string(),
                "-U",
                "postgres",
            ])
            .args(["-X", "-At", "-c", sql, "postgres"])
            .env("PGCONNECT_TIMEOUT", "2")
            .output()
            .expect("psql runs");
        let text = String::from_utf8_lossy(&done.stdout).trim().to_owned();
        done.status.success().then_some(text)
    }

    /// Makes a standby the primary.
    pub(crate) fn promote(&self) {
        assert_eq!(self.ask("SELECT pg_promote()"), "t");
    }

    /// Stops every thought of it, or lets it go on: `STOP`, `CONT`.
    pub(crate) fn signal(&self, name: &str) {
        let child = self.child.as_ref().expect("it runs");
        let done = Command::new("kill")
            .args([&format!("-{name}"), &child.id().to_string()])
            .status();
        assert!(done.expect("kill runs").success());
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("kills");
            child.wait().expect("ends");
            // Its children end by themselves when they see that; then nobody answers.
            let place = format!("{}:{}", self.address, self.port);
            wait_until("nobody listens any more", Duration::from_secs(10), || {
                std::net::TcpStream::connect(&place).is_err()
            });
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn succeed(done: Output) {
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().expect("id runs");
    id.stdout.trim_ascii() == b"0"
}

/// A program of the newest PostgreSQL here, which refuses to run as root.
fn as_server(program: &str) -> Command {
    let versions = std::fs::read_dir("/usr/lib/postgresql").expect("Debian: postgresql");
    let newest = versions
        .filter_map(|version| version.ok()?.file_name().to_str()?.parse::<u32>().ok())
        .max()
        .expect("a version");
    let path = format!("/usr/lib/postgresql/{newest}/bin/{program}");
    if !is_root() {
        return Command::new(path);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--init-groups", &path]);
    command
}
