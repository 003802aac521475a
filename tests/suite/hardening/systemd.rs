//! Socket activation, as `systemd-socket-activate` does it.

use std::process::Command;
use std::time::Duration;

use hickory_proto::rr::RecordType;

use crate::support::server::{BINARY, Folder, Server};
use crate::support::{dns, free_port, wait_until};

/// The server as systemd starts it on the first packet, with these listeners.
fn activated(folder: &Folder, listeners: &[&str]) -> Server {
    let mut command = Command::new("systemd-socket-activate");
    command.args(listeners).arg(BINARY);
    folder.start_through(command)
}

fn answered_by_udp(folder: &Folder, server: &Server) {
    let asked = || dns::addresses(folder.dns, "static.example.test.") == ["192.0.2.80"];
    wait_until(
        &format!("answers: {}", server.log()),
        Duration::from_secs(20),
        asked,
    );
}

#[test]
fn a_tcp_socket_that_is_handed_over_is_answered_on_and_one_that_nothing_names_is_told() {
    let folder = Folder::new("");
    folder.zone("");
    let (ours, other) = (folder.dns.to_string(), format!("127.0.0.1:{}", free_port()));
    let server = activated(&folder, &["--fdname=dns:stray", "-l", &ours, "-l", &other]);
    // The kernel takes the connection at once; it is what starts the server, which answers it later.
    wait_until("a connection is taken", Duration::from_secs(5), || {
        std::net::TcpStream::connect(folder.dns).is_ok()
    });
    answered_by_udp(&folder, &server);
    let log = server.log();
    assert!(
        log.contains("no `listen` names") && log.contains("stray") && log.contains(&other),
        "{log}"
    );
    assert!(std::net::TcpStream::connect(folder.dns).is_ok());
    assert!(std::net::TcpStream::connect(other).is_err(), "closed");
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn a_udp_socket_that_is_handed_over_is_answered_on_with_the_query_that_woke_the_server() {
    let folder = Folder::new("");
    folder.zone("");
    let server = activated(&folder, &["-d", "-l", &folder.dns.to_string()]);
    let client = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    client.connect(folder.dns).unwrap();
    client.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    let query = dns::query("static.example.test.", RecordType::A)
        .to_vec()
        .unwrap();
    let mut reply = [0; 512];
    // The socket may not be open for the first.
    let answered = || client.send(&query).is_ok() && client.recv(&mut reply).is_ok();
    wait_until(
        &format!("answers: {}", server.log()),
        Duration::from_secs(20),
        answered,
    );
    assert_eq!(reply[..2], query[..2]);
    wait_until(
        "TCP is opened by the server itself",
        Duration::from_secs(5),
        || std::net::TcpStream::connect(folder.dns).is_ok(),
    );
    assert_eq!(server.stop(), Some(0));
}
