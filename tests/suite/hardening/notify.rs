//! What the service manager hears (sd_notify(3)), by a socket in its place.

use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::Duration;

use crate::support::server::{BINARY, Folder, Server};
use crate::support::wait_until;

/// Where systemd would listen.
struct Manager {
    socket: UnixDatagram,
    heard: String,
}

impl Manager {
    fn new(folder: &Folder) -> Self {
        let socket = UnixDatagram::bind(folder.path("notify")).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        Self {
            socket,
            heard: String::new(),
        }
    }

    fn start(folder: &Folder, watchdog: &str) -> Server {
        let mut command = Command::new(BINARY);
        command.env("NOTIFY_SOCKET", folder.path("notify"));
        command.env("WATCHDOG_USEC", watchdog);
        folder.start_through(command)
    }

    /// Waits until `text` is heard; what came with it and since the last time.
    fn hear(&mut self, text: &str) -> String {
        wait_until(&format!("`{text}` is heard"), Duration::from_secs(20), || {
            let mut octets = [0; 4096];
            if let Ok(length) = self.socket.recv(&mut octets) {
                self.heard.push_str(&String::from_utf8_lossy(&octets[..length]));
            }
            self.heard.contains(text)
        });
        std::mem::take(&mut self.heard)
    }
}

#[test]
fn readiness_reloads_and_the_end_are_told_in_turn() {
    let folder = Folder::new("");
    folder.zone("");
    let mut manager = Manager::new(&folder);
    let server = Manager::start(&folder, "60000000");
    let heard = manager.hear("STATUS=");
    assert!(
        heard.contains("READY=1\n") && heard.contains("1 zones"),
        "{heard}"
    );
    // READY means that the sockets are open.
    assert!(std::net::TcpStream::connect(folder.dns).is_ok());
    server.signal("HUP");
    let heard = manager.hear("READY=1");
    let (reloading, _) = heard.split_once("READY=1").unwrap();
    assert!(reloading.contains("RELOADING=1\nMONOTONIC_USEC="), "{heard}");
    folder.write("zones/example.test.toml", "mistake");
    server.signal("HUP");
    let heard = manager.hear("refused");
    assert!(
        heard.contains("RELOADING=1") && heard.contains("READY=1"),
        "{heard}"
    );
    server.signal("TERM");
    manager.hear("STOPPING=1");
}

#[test]
fn the_watchdog_is_fed_by_a_server_that_moves() {
    let folder = Folder::new("");
    folder.zone("");
    let mut manager = Manager::new(&folder);
    let _server = Manager::start(&folder, "900000");
    manager.hear("READY=1");
    for _ in 0..3 {
        manager.hear("WATCHDOG=1");
    }
}
