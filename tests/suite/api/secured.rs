//! TLS: certificates of server and clients, new ones without a drop, and clients that are too slow.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::{Answer, ask, read};
use crate::probes::authority::{Authority, NOW};
use crate::support::server::Folder;

const JSON: &str = "Content-Type: application/json";

type Secured = StreamOwned<ClientConnection, TcpStream>;

/// A connection that believes `authority` and shows `identity`.
fn connect(
    to: SocketAddr,
    folder: &Path,
    authority: &str,
    identity: Option<&str>,
) -> std::io::Result<Secured> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut roots = RootCertStore::empty();
    let pem = std::fs::read(folder.join(format!("{authority}.pem"))).unwrap();
    roots.add(CertificateDer::from_pem_slice(&pem).unwrap()).unwrap();
    let builder = ClientConfig::builder().with_root_certificates(roots);
    let config = match identity {
        None => builder.with_no_client_auth(),
        Some(name) => {
            let chain = std::fs::read(folder.join(format!("{name}.pem"))).unwrap();
            let key = std::fs::read(folder.join(format!("{name}.key"))).unwrap();
            let chain = vec![CertificateDer::from_pem_slice(&chain).unwrap()];
            builder
                .with_client_auth_cert(chain, PrivateKeyDer::from_pem_slice(&key).unwrap())
                .unwrap()
        }
    };
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let stream = TcpStream::connect(to)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    let mut stream = StreamOwned::new(connection, stream);
    stream.conn.complete_io(&mut stream.sock)?;
    Ok(stream)
}

/// One request; `None` when the connection is refused.
fn asked(stream: &mut Secured, method: &str, path: &str, headers: &[&str], body: &str) -> Option<Answer> {
    let lines: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {length}\r\n{JSON}\r\n{lines}\r\n{body}"
    );
    stream.write_all(request.as_bytes()).ok()?;
    let mut octets = Vec::new();
    let mut some = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&octets).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .unwrap();
            if body.len() >= length.parse::<usize>().unwrap() {
                return Some(read(&octets));
            }
        }
        match stream.read(&mut some) {
            Ok(0) | Err(_) => return None,
            Ok(count) => octets.extend_from_slice(&some[..count]),
        }
    }
}

fn folder() -> (Folder, Authority, Authority) {
    let folder = Folder::new(
        "[api.tls]\ncertificate = \"server.pem\"\nkey = \"server.key\"\nclient_ca = \"clients.pem\"\n\
         [[api.clients]]\nname = \"ops.example.test\"\nrole = \"operate\"\n\
         [[api.clients]]\nname = \"dashboard\"\nrole = \"read\"",
    );
    folder.zone("");
    let (servers, clients) = (
        Authority::new(&folder.path(""), "servers"),
        Authority::new(&folder.path(""), "clients"),
    );
    servers.issue("server", &["127.0.0.1"], NOW);
    clients.issue("ops", &["ops.example.test"], NOW);
    clients.issue("dashboard", &["screen.example.test"], NOW);
    clients.issue("stranger", &["stranger.example.test"], NOW);
    clients.issue("old", &["ops.example.test"], (2020, 2021));
    servers.issue("foreign", &["ops.example.test"], NOW);
    (folder, servers, clients)
}

#[test]
fn a_client_is_known_by_the_names_in_its_certificate() {
    let (folder, _servers, _clients) = folder();
    let server = folder.start();
    let path = folder.path("");
    let status = |identity: Option<&str>, method: &str, at: &str| {
        let mut stream = connect(folder.api, &path, "servers", identity).ok()?;
        Some(asked(&mut stream, method, at, &[], "{\"nonsense\": 1}")?.status)
    };
    for (identity, look, steer, reload) in [
        (Some("ops"), Some(200), Some(400), Some(403)),
        (Some("dashboard"), Some(200), Some(403), Some(403)),
        // Believed, but nobody that the configuration knows.
        (Some("stranger"), Some(401), Some(401), Some(401)),
        (None, Some(401), Some(401), Some(401)),
        // Not believed at all.
        (Some("old"), None, None, None),
        (Some("foreign"), None, None, None),
    ] {
        assert_eq!(status(identity, "GET", "/v1/services"), look, "{identity:?}");
        assert_eq!(status(identity, "POST", "/v1/drain"), steer, "{identity:?}");
        assert_eq!(status(identity, "POST", "/v1/reload"), reload, "{identity:?}");
    }
    let mut stream = connect(folder.api, &path, "servers", Some("ops")).unwrap();
    let wrong = ["Authorization: Bearer pointsman_wrong"];
    assert_eq!(
        asked(&mut stream, "GET", "/v1/services", &wrong, "")
            .unwrap()
            .status,
        401
    );
    // A browser would show the certificate for a page of anybody's.
    let evil = ["Origin: https://evil.example"];
    assert_eq!(
        asked(&mut stream, "POST", "/v1/drain", &evil, "{\"select\": \"x\"}")
            .unwrap()
            .status,
        403
    );
    assert!(
        connect(folder.api, &path, "clients", None).is_err(),
        "another authority's server"
    );
    assert!(TcpStream::connect(folder.api).is_ok());
    let plain = std::panic::catch_unwind(|| ask(folder.api, "GET", "/healthz", &[], ""));
    assert!(plain.is_err(), "plain HTTP is answered: {plain:?}");
    assert!(
        server.log().contains("certificate ops.example.test"),
        "{}",
        server.log()
    );
}

#[test]
fn new_certificates_take_effect_without_a_drop() {
    let (folder, servers, clients) = folder();
    let server = folder.start();
    let path = folder.path("");
    let mut open = connect(folder.api, &path, "servers", Some("ops")).unwrap();
    assert_eq!(
        asked(&mut open, "GET", "/v1/services", &[], "").unwrap().status,
        200
    );
    let before = open.conn.peer_certificates().unwrap()[0].to_vec();
    servers.issue("server", &["127.0.0.1"], NOW);
    server.signal("HUP");
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        let mut stream = connect(folder.api, &path, "servers", Some("ops")).unwrap();
        assert_eq!(
            asked(&mut stream, "GET", "/v1/services", &[], "").unwrap().status,
            200
        );
        if stream.conn.peer_certificates().unwrap()[0].to_vec() != before {
            break;
        }
        assert!(Instant::now() < end, "{}", server.log());
    }
    // The connection that was open goes on.
    assert_eq!(
        asked(&mut open, "GET", "/v1/services", &[], "").unwrap().status,
        200
    );
    // A key that does not fit changes nothing.
    clients.issue("other", &["127.0.0.1"], NOW);
    std::fs::copy(path.join("other.key"), path.join("server.key")).unwrap();
    server.signal("HUP");
    crate::support::wait_until("it is refused", Duration::from_secs(20), || {
        server.log().contains("it is not the key of the certificate")
    });
    let mut stream = connect(folder.api, &path, "servers", Some("ops")).unwrap();
    assert_eq!(
        asked(&mut stream, "GET", "/v1/services", &[], "").unwrap().status,
        200
    );
}

#[test]
fn the_command_line_speaks_tls() {
    let (folder, _servers, _clients) = folder();
    let _server = folder.start();
    let path = |name: &str| folder.path(name).display().to_string();
    let both = [
        std::fs::read(path("dashboard.pem")).unwrap(),
        std::fs::read(path("dashboard.key")).unwrap(),
    ]
    .concat();
    std::fs::write(path("identity.pem"), both).unwrap();
    let run = |more: &[&str]| {
        let ca = path("servers.pem");
        let mut arguments = vec!["status", "--ca-file", &ca];
        arguments.extend(more);
        folder.run(&arguments)
    };
    let known = run(&["--identity", &path("identity.pem")]);
    assert!(
        known.status.success(),
        "{}",
        String::from_utf8_lossy(&known.stderr)
    );
    let unknown = run(&[]);
    assert_eq!(
        unknown.status.code(),
        Some(1),
        "{}",
        String::from_utf8_lossy(&unknown.stdout)
    );
}

/// Reads until the other end closes; how long that took.
fn closed_after(mut stream: TcpStream, began: Instant) -> (Duration, String) {
    stream.set_read_timeout(Some(Duration::from_secs(40))).unwrap();
    let mut heard = Vec::new();
    let _ = stream.read_to_end(&mut heard);
    (began.elapsed(), String::from_utf8_lossy(&heard).into_owned())
}

#[test]
fn slow_clients_are_cut_and_nobody_else_notices() {
    let folder = Folder::new("");
    folder.zone("");
    let _server = folder.start();
    let began = Instant::now();
    let begin = |text: &str| {
        let mut stream = TcpStream::connect(folder.api).unwrap();
        stream.write_all(text.as_bytes()).unwrap();
        stream
    };
    let silent = begin("");
    let half_a_head = begin("GET /v1/services HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ");
    let half_a_body = begin(&format!(
        "POST /v1/drain HTTP/1.1\r\nHost: 127.0.0.1\r\n{JSON}\r\nContent-Length: 100\r\n\r\n{{\"sel"
    ));
    let idle = begin("GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
    // More than fit, of which those beyond the limit are closed at once.
    let flood: Vec<TcpStream> = (0..300).map(|_| begin("G")).collect();
    let threads = [silent, half_a_head, half_a_body, idle]
        .map(|stream| std::thread::spawn(move || closed_after(stream, began)));
    let [silent, half_a_head, half_a_body, idle] = threads.map(|thread| thread.join().unwrap());
    for (what, (took, heard)) in [
        ("silent", &silent),
        ("half a head", &half_a_head),
        ("half a body", &half_a_body),
        ("idle", &idle),
    ] {
        assert!(
            *took >= Duration::from_secs(5) && *took <= Duration::from_secs(25),
            "{what}: {took:?} {heard}"
        );
    }
    assert!(half_a_body.1.starts_with("HTTP/1.1 408"), "{half_a_body:?}");
    assert!(
        half_a_body.1.contains("application/problem+json"),
        "{half_a_body:?}"
    );
    drop(flood);
    crate::support::wait_until("others are served", Duration::from_secs(10), || {
        std::panic::catch_unwind(|| ask(folder.api, "GET", "/healthz", &[], "").status)
            .is_ok_and(|status| status == 200)
    });
}
