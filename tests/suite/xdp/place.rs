//! A veth pair between two network namespaces: the server's, and its clients'.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::os::fd::AsFd;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::support::server::{BINARY, Folder, Server};
use crate::support::wait_until;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// The interface in the server's namespace.
pub(crate) const INTERFACE: &str = "pms0";
pub(crate) const IPV4: &str = "10.88.0.1:53";
pub(crate) const IPV6: &str = "[fd88::1]:53";

/// Removed when dropped.
pub(crate) struct Place {
    server: String,
    client: String,
}

fn ip(arguments: &str) -> bool {
    let tried = Command::new("ip").args(arguments.split(' ')).output();
    tried.is_ok_and(|tried| tried.status.success())
}

impl Place {
    /// Both namespaces, or why there are none.
    pub(crate) fn new() -> Result<Self, &'static str> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = format!("{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        if !rustix::process::geteuid().is_root() {
            return Err("not root: no network namespaces, no XDP");
        }
        let place = Self {
            server: format!("pmts-{number}"),
            client: format!("pmtc-{number}"),
        };
        let Self { server, client } = &place;
        let made = ip(&format!("netns add {server}")) && ip(&format!("netns add {client}"));
        if !made
            || !ip(&format!(
                "link add {INTERFACE} netns {server} type veth peer name pmc0 netns {client}"
            ))
        {
            return Err("`ip netns` or veth pairs are not allowed here");
        }
        for (space, device, last) in [(server, INTERFACE, 1), (client, "pmc0", 2)] {
            for arguments in [
                "link set lo up".to_owned(),
                format!("address add 10.88.0.{last}/24 dev {device}"),
                format!("address add fd88::{last}/64 dev {device} nodad"),
                format!("link set {device} up"),
            ] {
                assert!(ip(&format!("-n {space} {arguments}")), "{arguments}");
            }
        }
        Ok(place)
    }

    /// Writes the configuration, with `dns` more in its table.
    pub(crate) fn folder(&self, dns: &str) -> Folder {
        let mut folder = Folder::new("");
        folder.dns = IPV4.parse().unwrap();
        folder.api = "127.0.0.1:8053".parse().unwrap();
        folder.write(
            "pointsman.toml",
            &format!(
                "node = \"test\"\n[dns]\nlisten = [\"{IPV4}\", \"{IPV6}\"]\nworkers = 1\n{dns}\n[zones]\n\
                 directory = \"zones\"\nwatch = false\n[state]\ndirectory = \"state\"\n[api]\nlisten = \"{}\"\n",
                folder.api
            ),
        );
        folder
    }

    /// Starts the server here, by `wrapper` (or by itself when that is empty), and waits until it answers.
    pub(crate) fn start(&self, folder: &Folder, wrapper: &[&str]) -> Server {
        let server = self.start_only(folder, wrapper);
        wait_until("answers", Duration::from_secs(20), || {
            let query = query("ready.example.test", 1, &[]);
            self.at_server(|| exchange(IPV4, &query, Duration::from_millis(300)))
                .is_some()
        });
        server
    }

    /// Starts the server here.
    pub(crate) fn start_only(&self, folder: &Folder, wrapper: &[&str]) -> Server {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.server]);
        command.args(wrapper).arg(BINARY);
        folder.start_through(command)
    }

    /// Whether a program is at the interface.
    pub(crate) fn has_program(&self) -> bool {
        let shown = Command::new("ip")
            .args(["-n", &self.server, "link", "show", "dev", INTERFACE])
            .output()
            .unwrap();
        String::from_utf8(shown.stdout).unwrap().contains("prog/xdp")
    }

    /// What `ask` gives in the clients' namespace.
    pub(crate) fn at_client<T: Send>(&self, ask: impl FnOnce() -> T + Send) -> T {
        within(&self.client, ask)
    }

    /// What `ask` gives in the server's: it does not come by the interface.
    pub(crate) fn at_server<T: Send>(&self, ask: impl FnOnce() -> T + Send) -> T {
        within(&self.server, ask)
    }

    /// A sample of the server's metrics.
    pub(crate) fn metric(&self, folder: &Folder, sample: &str) -> u64 {
        let page = self.at_server(|| {
            let mut stream = TcpStream::connect(folder.api).unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
            let request = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
            stream.write_all(request.as_bytes()).unwrap();
            let mut page = Vec::new();
            stream.read_to_end(&mut page).unwrap();
            String::from_utf8_lossy(&page).into_owned()
        });
        let line = page
            .lines()
            .find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {sample} in {page}"))
            .parse()
            .unwrap()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        for space in [&self.server, &self.client] {
            ip(&format!("netns del {space}"));
        }
    }
}

fn within<T: Send>(space: &str, ask: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let space = File::open(format!("/run/netns/{space}")).unwrap();
            move_into_link_name_space(space.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
            ask()
        });
        thread.join().unwrap()
    })
}

/// A query with header bits of its own (RD clear, one question), `more` behind the question.
pub(crate) fn query(name: &str, rtype: u16, more: &[u8]) -> Vec<u8> {
    let mut message = vec![0x12, 0x34, 0, 0, 0, 1, 0, 0, 0, 0, 0, u8::from(!more.is_empty())];
    for label in name.split('.').filter(|label| !label.is_empty()) {
        message.push(label.len() as u8);
        message.extend(label.as_bytes());
    }
    message.push(0);
    message.extend(rtype.to_be_bytes());
    message.extend([0, 1]);
    message.extend(more);
    message
}

/// Sends `message` to `server` from where this thread is; what comes back within `patience`.
pub(crate) fn exchange(server: &str, message: &[u8], patience: Duration) -> Option<Vec<u8>> {
    let server: SocketAddr = server.parse().unwrap();
    let any: IpAddr = if server.is_ipv4() {
        [0; 4].into()
    } else {
        [0u16; 8].into()
    };
    let socket = UdpSocket::bind((any, 0)).unwrap();
    // Answers from another address or port are not heard.
    socket.connect(server).ok()?;
    socket.set_read_timeout(Some(patience)).unwrap();
    socket.send(message).ok()?;
    let mut octets = vec![0; 65_535];
    let length = socket.recv(&mut octets).ok()?;
    octets.truncate(length);
    Some(octets)
}

/// The same over TCP.
pub(crate) fn exchange_tcp(server: &str, message: &[u8]) -> Option<Vec<u8>> {
    let mut stream = TcpStream::connect(server.parse::<SocketAddr>().unwrap()).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let mut framed = (message.len() as u16).to_be_bytes().to_vec();
    framed.extend(message);
    stream.write_all(&framed).ok()?;
    let mut length = [0; 2];
    stream.read_exact(&mut length).ok()?;
    let mut octets = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut octets).ok()?;
    Some(octets)
}
