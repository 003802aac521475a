//! The real binary, in a fresh folder, on ports of its own.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use super::{dns, free_port, wait_until};
use hickory_proto::rr::RecordType;

/// The binary under test.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_pointsman");

/// A folder with a configuration.
pub(crate) struct Folder {
    directory: tempfile::TempDir,
    /// Where the server answers.
    pub(crate) dns: SocketAddr,
    /// Where its API listens.
    pub(crate) api: SocketAddr,
}

impl Folder {
    /// A folder whose `pointsman.toml` has the usual tables, `more` behind them.
    pub(crate) fn new(more: &str) -> Self {
        let directory = tempfile::tempdir().expect("a folder");
        let local = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let folder = Self {
            directory,
            dns: local(free_port()),
            api: local(free_port()),
        };
        folder.server(more);
        std::fs::create_dir_all(folder.path("zones")).expect("a folder");
        folder
    }

    /// Writes `pointsman.toml`.
    pub(crate) fn server(&self, more: &str) {
        let text = format!(
            "node = \"test\"\n[dns]\nlisten = [\"{}\"]\n[zones]\ndirectory = \"zones\"\nwatch = false\n\
             [state]\ndirectory = \"state\"\n[api]\nlisten = \"{}\"\n{more}\n",
            self.dns, self.api
        );
        self.write("pointsman.toml", &text);
    }

    /// A path within.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a file within, whole: a reader sees the old or the new one.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        let aside = path.with_extension("aside~");
        std::fs::write(&aside, text).expect("writes");
        std::fs::rename(&aside, &path).expect("renames");
    }

    /// The zone `example.test` with SOA, NS and `rest`.
    pub(crate) fn zone(&self, rest: &str) {
        let text =
            format!("origin = \"example.test\"\nrecords = \"example.test.records\"\nttl = \"10s\"\n{rest}\n");
        self.write(
            "zones/example.test.records",
            "$TTL 300\n@ SOA ns1 hostmaster 1 3600 600 604800 60\n@ NS ns1\nns1 A 192.0.2.53\nstatic A 192.0.2.80\n",
        );
        self.write("zones/example.test.toml", &text);
    }

    /// Runs a command of the binary to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        Command::new(BINARY)
            .args(arguments)
            .arg("--config")
            .arg(self.path("pointsman.toml"))
            .stdin(Stdio::null())
            .output()
            .expect("runs")
    }

    /// Starts the server and waits until it answers.
    pub(crate) fn start(&self) -> Server {
        let server = self.start_only();
        server.wait_ready();
        server
    }

    /// Starts the server with a file system of its own, of `size` (as mount(8) has it), at the folder `name`; waits until
    /// it answers.
    pub(crate) fn start_on_small_disk(&self, name: &str, size: &str) -> Server {
        std::fs::create_dir_all(self.path(name)).expect("a folder");
        let script = format!(
            "mount -t tmpfs -o size={size} none {} && exec {BINARY} serve --log-format json --config {}",
            self.path(name).display(),
            self.path("pointsman.toml").display()
        );
        let works = |how: &[&str]| {
            let tried = Command::new("unshare")
                .args(how)
                .args(["sh", "-c", "mount -t tmpfs none /mnt"])
                .output();
            tried.is_ok_and(|tried| tried.status.success())
        };
        // Root needs no user namespace, and others cannot do without.
        let how: &[&str] = if works(&["-m"]) { &["-m"] } else { &["-r", "-m"] };
        let log = self.path("log");
        let child = Command::new("unshare")
            .args(how)
            .args(["sh", "-c", &script])
            .stdin(Stdio::null())
            .stderr(std::fs::File::create(&log).expect("a log"))
            .spawn()
            .expect("starts");
        let server = Server {
            child,
            log,
            dns: self.dns,
        };
        server.wait_ready();
        server
    }

    /// Starts the server.
    pub(crate) fn start_only(&self) -> Server {
        self.start_through(Command::new(BINARY))
    }

    /// Starts the server as what `command` runs: itself, or by a program that runs it.
    pub(crate) fn start_through(&self, mut command: Command) -> Server {
        let log = self.path("log");
        let file = std::fs::File::create(&log).expect("a log");
        let child = command
            .args(["serve", "--log-format", "json", "--config"])
            .arg(self.path("pointsman.toml"))
            .stdin(Stdio::null())
            .stderr(file)
            .spawn()
            .expect("starts");
        Server {
            child,
            log,
            dns: self.dns,
        }
    }
}

/// A running server; killed when dropped.
pub(crate) struct Server {
    child: Child,
    log: PathBuf,
    /// Where it answers.
    pub(crate) dns: SocketAddr,
}

impl Server {
    /// Waits until it answers queries.
    pub(crate) fn wait_ready(&self) {
        wait_until(
            &format!("answers; log:\n{}", self.log()),
            Duration::from_secs(20),
            || {
                let probe = std::net::TcpStream::connect(self.dns);
                probe.is_ok() && dns::udp(self.dns, "ready.invalid.", RecordType::A).is_some()
            },
        );
    }

    /// The process's number.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Everything it logged so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Sends it a signal by its name, e.g. `HUP`.
    pub(crate) fn signal(&self, name: &str) {
        let done = Command::new("kill")
            .args([&format!("-{name}"), &self.child.id().to_string()])
            .status();
        assert!(done.expect("kill runs").success());
    }

    /// Kills it at once and waits for its end.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("kills");
        self.child.wait().expect("ends");
    }

    /// Asks it to stop; its exit code.
    pub(crate) fn stop(mut self) -> Option<i32> {
        self.signal("TERM");
        self.child.wait().expect("ends").code()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
