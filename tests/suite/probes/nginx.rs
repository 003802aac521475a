//! A real nginx with every kind of site that a check may meet.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use pointsman::model::check::Identity;
use tempfile::TempDir;

use super::authority::{self, Authority, NOW};

pub(super) const HTTP: u16 = 15600;
pub(super) const H2C: u16 = 15601;
pub(super) const PROXIED: u16 = 15602;
pub(super) const GOOD: u16 = 15610;
pub(super) const H2: u16 = 15611;
pub(super) const EXPIRED: u16 = 15612;
pub(super) const WRONG_NAME: u16 = 15613;
pub(super) const UNKNOWN: u16 = 15614;
pub(super) const SELF_SIGNED: u16 = 15615;
pub(super) const EARLY: u16 = 15616;
pub(super) const TLS12: u16 = 15617;
pub(super) const CLIENT_CERT: u16 = 15618;
pub(super) const BY_ADDRESS: u16 = 15619;
pub(super) const CLIENT_CERT_H2: u16 = 15620;
pub(super) const PROXIED_TLS: u16 = 15621;

/// A running nginx; ends with this.
pub(super) struct Nginx {
    process: Child,
    folder: TempDir,
    address: IpAddr,
}

impl Nginx {
    /// Starts one on a loopback address of its own, so that tests run side by side.
    pub(super) fn start() -> Self {
        static NEXT: AtomicU8 = AtomicU8::new(1);
        let pid = std::process::id();
        let address = Ipv4Addr::new(
            127,
            100 + (pid >> 8) as u8 % 100,
            pid as u8,
            NEXT.fetch_add(1, Ordering::Relaxed),
        );
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        certificates(path, address);
        let site = path.join("site");
        std::fs::create_dir(&site).unwrap();
        std::fs::write(
            site.join("big.txt"),
            "0123456789abcdef".repeat(20_000) + "the end",
        )
        .unwrap();
        std::fs::write(path.join("nginx.conf"), configuration(path, address)).unwrap();
        let process = Command::new("nginx")
            .args([
                "-p",
                path.to_str().unwrap(),
                "-c",
                "nginx.conf",
                "-e",
                "error.log",
            ])
            .stdin(Stdio::null())
            .spawn()
            .expect("nginx is installed (Debian: nginx-light)");
        let nginx = Self {
            process,
            folder,
            address: address.into(),
        };
        nginx.wait_until_ready();
        nginx
    }

    pub(super) fn at(&self, port: u16) -> SocketAddr {
        SocketAddr::new(self.address, port)
    }

    /// A file of the authority: `ca`, `other-ca`, `self-signed`.
    pub(super) fn pem(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("{name}.pem"))
    }

    /// Certificate and key of a client: `client`, or `stranger` of the other authority.
    pub(super) fn identity(&self, name: &str) -> Option<Identity> {
        Some(Identity {
            certificate: self.pem(name),
            key: self.folder.path().join(format!("{name}.key")),
        })
    }

    #[allow(clippy::disallowed_methods, reason = "a deadline of the test in real time")]
    fn wait_until_ready(&self) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(self.at(BY_ADDRESS)).is_err() {
            let log = || std::fs::read_to_string(self.folder.path().join("error.log")).unwrap_or_default();
            assert!(Instant::now() < deadline, "nginx does not start: {}", log());
            std::thread::yield_now();
        }
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn certificates(folder: &Path, address: Ipv4Addr) {
    let authority = Authority::new(folder, "ca");
    authority.issue("good", &["good.test", "*.wild.test"], NOW);
    authority.issue("other", &["other.test"], NOW);
    authority.issue("expired", &["good.test"], (2019, 2020));
    authority.issue("early", &["good.test"], (2998, 2999));
    authority.issue("client", &["client.test"], NOW);
    authority.issue("by-address", &[&address.to_string()], NOW);
    let other = Authority::new(folder, "other-ca");
    other.issue("unknown", &["good.test"], NOW);
    other.issue("stranger", &["client.test"], NOW);
    authority::self_signed(folder, "self-signed", &["good.test"]);
}

fn configuration(folder: &Path, address: Ipv4Addr) -> String {
    let folder = folder.display();
    let tls = |port: u16, name: &str, certificate: &str, more: &str| {
        format!(
            "server {{
                listen {address}:{port} ssl {more};
                server_name {name};
                ssl_certificate {folder}/{certificate}.pem;
                ssl_certificate_key {folder}/{certificate}.key;
                location / {{ return 200 \"{name} $server_protocol $ssl_server_name $http_host\\n\"; }}
                location = /whom {{ return 200 \"[$remote_addr] [$proxy_protocol_addr] [$ssl_client_s_dn]\\n\"; }}
                location = /503 {{ return 503 \"out of order\\n\"; }}
                location = /big.txt {{ root {folder}/site; }}
                location = /plain {{ return 302 http://good.test:{HTTP}/ok; }}
                {}
            }}\n",
            match port {
                CLIENT_CERT | CLIENT_CERT_H2 => format!("ssl_verify_client on; ssl_client_certificate {folder}/ca.pem;"),
                TLS12 => "ssl_protocols TLSv1.2;".to_owned(),
                _ => String::new(),
            }
        )
    };
    let servers = [
        tls(GOOD, "good.test", "good", ""),
        tls(GOOD, "a.wild.test", "good", ""),
        tls(GOOD, "other.test", "other", ""),
        format!("server {{ listen {address}:{GOOD} ssl default_server; ssl_reject_handshake on; }}"),
        tls(H2, "good.test", "good", "http2"),
        tls(EXPIRED, "good.test", "expired", ""),
        tls(WRONG_NAME, "good.test", "other", ""),
        tls(UNKNOWN, "good.test", "unknown", ""),
        tls(SELF_SIGNED, "good.test", "self-signed", ""),
        tls(EARLY, "good.test", "early", ""),
        tls(TLS12, "good.test", "good", ""),
        tls(CLIENT_CERT, "good.test", "good", ""),
        tls(CLIENT_CERT_H2, "good.test", "good", "http2"),
        tls(PROXIED_TLS, "good.test", "good", "proxy_protocol"),
        tls(BY_ADDRESS, "_", "by-address", ""),
    ]
    .concat();
    format!(
        "daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log;
        events {{ worker_connections 512; }}
        http {{
            access_log off; default_type text/plain; keepalive_timeout 60s;
            client_body_temp_path {folder}/tmp1; proxy_temp_path {folder}/tmp2; fastcgi_temp_path {folder}/tmp3;
            uwsgi_temp_path {folder}/tmp4; scgi_temp_path {folder}/tmp5;
            server {{
                listen {address}:{HTTP} default_server; listen {address}:{H2C} http2;
                listen {address}:{PROXIED} proxy_protocol;
                server_name good.test;
                location = /ok {{ return 200 \"all is ok\\n\"; }}
                location = /empty {{ return 204; }}
                location = /503 {{ return 503 \"out of order\\n\"; }}
                location = /teapot {{ return 418; }}
                location = /closed {{ return 444; }}
                location = /redirect {{ return 302 /ok; }}
                location = /relative {{ return 301 ok; }}
                location = /loop {{ return 302 /loop; }}
                location = /away {{ return 302 http://192.0.2.9/; }}
                location = /ftp {{ return 302 ftp://good.test/; }}
                location = /elsewhere {{ return 307 http://other.test:{HTTP}/; }}
                location = /to-tls {{ return 301 https://good.test:{GOOD}/; }}
                location = /to-nobody {{ return 302 http://good.test:15699/; }}
                location = /see-other {{ return 303 /method; }}
                location = /method {{ return 200 \"$request_method\\n\"; }}
                location = /agent {{ return 200 \"[$http_user_agent] [$http_accept_encoding] [$http_cookie] [$http_connection]\\n\"; }}
                location = /whom {{ return 200 \"[$remote_addr] [$proxy_protocol_addr]\\n\"; }}
                location = /json {{ return 200 '{{\"status\": \"ok\", \"checks\": [{{\"up\": true}}], \"lag\": 2}}'; }}
                location = /to-json {{ return 302 /json; }}
                location = /host {{ return 200 \"[$http_host] $server_protocol\\n\"; }}
                location = /query {{ return 200 \"[$args]\\n\"; }}
                location = /header {{ return 200 \"[$http_x_token] [$http_x_other]\\n\"; }}
                location = /connection {{ return 200 \"[$connection_requests]\\n\"; }}
                location = /big.txt {{ root {folder}/site; }}
                location = /slow.txt {{ alias {folder}/site/big.txt; limit_rate 1k; }}
                location = /chunked {{ ssi on; ssi_types *; root {folder}/site; try_files /big.txt =404; }}
            }}
            server {{ listen {address}:{HTTP}; server_name other.test; return 200 \"the other site\\n\"; }}
            {servers}
        }}\n"
    )
}
