//! Real Redis and Sentinel in folders of their own.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A server or a Sentinel.
pub(crate) struct Redis {
    pub(crate) address: SocketAddr,
    directory: tempfile::TempDir,
    program: &'static str,
    child: Option<Child>,
}

impl Redis {
    /// A server at `address` with further lines of configuration, running.
    pub(crate) fn start(address: SocketAddr, settings: &str) -> Self {
        // Otherwise a replica is known by the address that its connections come from, which is another loopback one.
        let settings = format!("save \"\"\nreplica-announce-ip {}\n{settings}\n", address.ip());
        Self::run("redis-server", address, &settings)
    }

    /// A Sentinel at `address` that watches `master`; two of them must agree. A master is down after a second.
    pub(crate) fn sentinel(address: SocketAddr, master: SocketAddr) -> Self {
        let settings = format!(
            "sentinel monitor mymaster {} {} 2\nsentinel down-after-milliseconds mymaster 1000\n\
             sentinel failover-timeout mymaster 5000\n",
            master.ip(),
            master.port()
        );
        Self::run("redis-sentinel", address, &settings)
    }

    fn run(program: &'static str, address: SocketAddr, settings: &str) -> Self {
        let directory = tempfile::tempdir().expect("a folder");
        let text = format!(
            "bind {}\nport {}\ndir {}\nprotected-mode no\nloglevel notice\nlogfile {}/log\n{settings}",
            address.ip(),
            address.port(),
            directory.path().display(),
            directory.path().display()
        );
        std::fs::write(directory.path().join("conf"), text).expect("writes");
        let mut redis = Self {
            address,
            directory,
            program,
            child: None,
        };
        redis.restart();
        redis
    }

    /// Starts it again after [`Redis::kill`].
    pub(crate) fn restart(&mut self) {
        let child = Command::new(self.program)
            .arg(self.directory.path().join("conf"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("it starts (Debian: redis-server, redis-sentinel)");
        // It is this one that listens there, and not another program that was faster.
        let itself = format!("process_id:{}\r", child.id());
        self.child = Some(child);
        let mut said = String::new();
        let began = std::time::Instant::now();
        // One with a password says nothing more.
        while !said.contains(&itself) && !said.contains("NOAUTH") {
            assert!(
                began.elapsed() < Duration::from_secs(30),
                "{} does not listen at {}; there: {said}\n{}",
                self.program,
                self.address,
                self.log()
            );
            std::thread::park_timeout(Duration::from_millis(20));
            said = self.ask(&["INFO", "server"]);
            said.push('\r');
        }
    }

    /// What it logged.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }

    /// What a command gives.
    pub(crate) fn ask(&self, words: &[&str]) -> String {
        let done = Command::new("redis-cli")
            .args([
                "-h",
                &self.address.ip().to_string(),
                "-p",
                &self.address.port().to_string(),
            ])
            .args(words)
            .output()
            .expect("redis-cli runs");
        String::from_utf8_lossy(&done.stdout).trim().to_owned()
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
        }
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}
