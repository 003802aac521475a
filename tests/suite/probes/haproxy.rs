//! A real haproxy: it insists on PROXY headers and on client certificates.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use pointsman::model::check::Identity;
use tempfile::TempDir;

use super::authority::{Authority, NOW};

pub(super) const PLAIN: u16 = 15640;
pub(super) const PROXIED: u16 = 15641;
pub(super) const MUTUAL: u16 = 15642;
pub(super) const PROXIED_TLS: u16 = 15643;
pub(super) const NO_SERVER: u16 = 15644;
pub(super) const WRONG_NAME: u16 = 15645;
pub(super) const EXPIRED: u16 = 15646;
pub(super) const REJECTS: u16 = 15647;

/// A running haproxy; ends with this.
pub(super) struct Haproxy {
    process: Child,
    folder: TempDir,
    address: IpAddr,
}

impl Haproxy {
    /// Starts one on a loopback address of its own.
    pub(super) fn start() -> Self {
        static NEXT: AtomicU8 = AtomicU8::new(1);
        let pid = std::process::id();
        let own = NEXT.fetch_add(1, Ordering::Relaxed);
        let address = Ipv4Addr::new(127, 210 + (pid >> 8) as u8 % 40, pid as u8, own);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let authority = Authority::new(path, "ca");
        authority.issue("good", &["good.test"], NOW);
        authority.issue("other", &["other.test"], NOW);
        authority.issue("expired", &["good.test"], (2019, 2020));
        authority.issue("client", &["client.test"], NOW);
        Authority::new(path, "other-ca").issue("stranger", &["client.test"], NOW);
        for name in ["good", "other", "expired"] {
            let read = |end| std::fs::read_to_string(path.join(format!("{name}.{end}"))).unwrap();
            std::fs::write(path.join(format!("{name}.both")), read("pem") + &read("key")).unwrap();
        }
        let dir = path.display();
        let bind = |name: &str, port: u16, more: &str, does: &str| {
            format!("frontend {name}\n  bind {address}:{port} {more}\n  {does}\n")
        };
        let says = "http-request return status 200 content-type text/plain lf-string \"[%[src]] [%[fc_rcvd_proxy]] [%[ssl_c_s_dn]]\"";
        let text = [
            "defaults\n  mode http\n  timeout client 5s\n  timeout connect 5s\n  timeout server 5s\n"
                .to_owned(),
            bind("plain", PLAIN, "", says),
            bind("proxied", PROXIED, "accept-proxy", says),
            bind(
                "mutual",
                MUTUAL,
                &format!("ssl crt {dir}/good.both ca-file {dir}/ca.pem verify required alpn h2,http/1.1"),
                says,
            ),
            bind(
                "proxied-tls",
                PROXIED_TLS,
                &format!("accept-proxy ssl crt {dir}/good.both"),
                says,
            ),
            bind("no-server", NO_SERVER, "", "default_backend nobody"),
            bind(
                "wrong-name",
                WRONG_NAME,
                &format!("ssl crt {dir}/other.both"),
                says,
            ),
            bind("expired", EXPIRED, &format!("ssl crt {dir}/expired.both"), says),
            bind("rejects", REJECTS, "", "tcp-request connection reject"),
            "backend nobody\n".to_owned(),
        ]
        .concat();
        let file = path.join("haproxy.cfg");
        std::fs::write(&file, text).unwrap();
        let process = Command::new("haproxy")
            .args(["-q", "-db", "-f"])
            .arg(&file)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("haproxy is installed (Debian: haproxy)");
        let haproxy = Self {
            process,
            folder,
            address: address.into(),
        };
        haproxy.wait_until_ready();
        haproxy
    }

    pub(super) fn at(&self, port: u16) -> SocketAddr {
        SocketAddr::new(self.address, port)
    }

    pub(super) fn pem(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("{name}.pem"))
    }

    pub(super) fn identity(&self, name: &str) -> Option<Identity> {
        Some(Identity {
            certificate: self.pem(name),
            key: self.folder.path().join(format!("{name}.key")),
        })
    }

    #[allow(clippy::disallowed_methods, reason = "a deadline of the test in real time")]
    fn wait_until_ready(&self) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(self.at(REJECTS)).is_err() {
            assert!(Instant::now() < deadline, "haproxy does not start");
            std::thread::yield_now();
        }
    }
}

impl Drop for Haproxy {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
