//! What a packet capture shows of a drill: `tcpdump` on the loopback interface, read back by `tcpdump`.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// A capture under way.
pub(super) struct Capture {
    child: Child,
    file: PathBuf,
    server: SocketAddr,
}

/// A DNS answer that was seen.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    /// Seconds since 1970.
    pub(super) at: f64,
    /// The client's port.
    pub(super) client: u16,
    /// The first address.
    pub(super) address: String,
}

/// What was seen.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Answers of the server, in the order of time.
    pub(super) answers: Vec<Answer>,
    /// When connections to each backend were asked for, by address.
    pub(super) connections: BTreeMap<String, Vec<f64>>,
}

impl Capture {
    /// Captures what the server at `server` answers, and connections to `port` of backends.
    pub(super) fn start(file: PathBuf, server: SocketAddr, port: u16) -> Self {
        let filter = format!(
            "(udp src port {}) or (tcp dst port {port} and tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn)",
            server.port()
        );
        let mut child = Command::new("tcpdump")
            .args(["-i", "lo", "-n", "-s", "512", "--immediate-mode", "-U", "-w"])
            .arg(&file)
            .arg(filter)
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("tcpdump starts (Debian: tcpdump; as root)");
        let mut said = BufReader::new(child.stderr.take().expect("piped"));
        let mut line = String::new();
        while !line.contains("listening on") {
            line.clear();
            let octets = said.read_line(&mut line).expect("reads");
            assert!(
                octets > 0,
                "tcpdump ended before it listened; it must be run as root"
            );
        }
        // Whoever does not read on would stop it.
        std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
        Self { child, file, server }
    }

    /// Ends it and reads what was captured.
    pub(super) fn stop(mut self) -> Seen {
        let ended = Command::new("kill")
            .args(["-INT", &self.child.id().to_string()])
            .status();
        assert!(ended.expect("kill runs").success());
        self.child.wait().expect("ends");
        let read = Command::new("tcpdump")
            .args(["-n", "-tt", "-T", "domain", "-r"])
            .arg(&self.file)
            .output()
            .expect("tcpdump reads");
        let text = String::from_utf8_lossy(&read.stdout).into_owned();
        let mut seen = Seen::default();
        let from = format!("{}.{}", self.server.ip(), self.server.port());
        for line in text.lines() {
            note(line, &from, &mut seen);
        }
        seen
    }
}

/// `1795683600.123456 IP 127.0.0.1.5353 > 127.0.0.1.40000: 7 1/0/1 A 127.0.1.1 (61)`, or a `Flags [S]` line.
fn note(line: &str, from: &str, seen: &mut Seen) {
    let words: Vec<&str> = line.split_whitespace().collect();
    let (Some(at), Some(source), Some(target)) = (
        words.first().and_then(|at| at.parse::<f64>().ok()),
        words.get(2),
        words.get(4).map(|target| target.trim_end_matches(':')),
    ) else {
        return;
    };
    let (address, port) = target.rsplit_once('.').expect("address and port");
    if *source == from {
        let answered = words
            .iter()
            .position(|word| *word == "A")
            .and_then(|a| words.get(a + 1));
        if let (Some(answered), Ok(client)) = (answered, port.parse()) {
            seen.answers.push(Answer {
                at,
                client,
                address: answered.trim_end_matches(',').to_owned(),
            });
        }
    } else if line.contains("Flags [S]") {
        seen.connections.entry(address.to_owned()).or_default().push(at);
    }
}
