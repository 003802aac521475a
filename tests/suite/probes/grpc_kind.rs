//! `grpc` against a real health server, and against servers that are none.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::time::Duration;

use pointsman::health::observation::FaultClass::{Garbage, Local, Refused, Reset, Status, Timeout, Tls};
use pointsman::health::observation::Phase::{self, Connect, FirstByte};
use pointsman::model::check::{CheckKind, GrpcCheck, Identity as Ours, Security};
use tokio::net::TcpListener;
use tokio_stream::Stream;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::{Certificate, Identity, Server, ServerTlsConfig};
use tonic::{Request, Response};
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use super::Expect::{self, Bad, Good};
use super::authority::{Authority, NOW};
use super::nginx::{self, Nginx};
use super::script::{self, Step};
use super::{hold, probe, target};

const BUDGET: Duration = Duration::from_secs(2);
const SHORT: Duration = Duration::from_millis(400);

/// How a health server is secured: certificate, and whether it wants one of the client's.
type Secured<'a> = Option<(&'a Path, &'static str, bool)>;

/// A health server: `up` serves, `down` does not, the server as a whole serves.
async fn health(secured: Secured<'_>) -> SocketAddr {
    let (reporter, service) = tonic_health::server::health_reporter();
    reporter.set_service_status("up", ServingStatus::Serving).await;
    reporter
        .set_service_status("down", ServingStatus::NotServing)
        .await;
    let mut server = Server::builder();
    if let Some((folder, name, wants)) = secured {
        let read = |file: String| std::fs::read(folder.join(file)).unwrap();
        let identity = Identity::from_pem(read(format!("{name}.pem")), read(format!("{name}.key")));
        let mut tls = ServerTlsConfig::new().identity(identity);
        if wants {
            tls = tls.client_ca_root(Certificate::from_pem(read("ca.pem".to_owned())));
        }
        server = server.tls_config(tls).unwrap();
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = server
        .add_service(service)
        .serve_with_incoming(TcpListenerStream::new(listener));
    tokio::spawn(serving);
    address
}

/// A health service that says what its settings say, or nothing.
struct Odd(Option<Result<i32, tonic::Status>>);

#[tonic::async_trait]
impl Health for Odd {
    type WatchStream = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, tonic::Status>> + Send>>;

    async fn check(
        &self,
        _: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, tonic::Status> {
        match self.0.clone() {
            None => std::future::pending().await,
            Some(said) => said.map(|status| Response::new(HealthCheckResponse { status })),
        }
    }

    async fn watch(
        &self,
        _: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, tonic::Status> {
        Err(tonic::Status::unimplemented("not here"))
    }
}

async fn odd(says: Option<Result<i32, tonic::Status>>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = Server::builder()
        .add_service(HealthServer::new(Odd(says)))
        .serve_with_incoming(TcpListenerStream::new(listener));
    tokio::spawn(serving);
    address
}

fn grpc(service: &str, change: impl FnOnce(&mut GrpcCheck)) -> CheckKind {
    let mut check = GrpcCheck {
        service: service.to_owned(),
        host: None,
        tls: false,
        security: Security::default(),
    };
    change(&mut check);
    CheckKind::Grpc(Box::new(check))
}

fn secured(host: &str, authority: PathBuf, identity: Option<Ours>) -> CheckKind {
    grpc("up", |check| {
        check.tls = true;
        check.host = Some(host.to_owned());
        check.security.ca_file = Some(authority);
        check.security.identity = identity;
    })
}

#[tokio::test]
async fn health_is_judged_as_the_protocol_says_it() {
    let server = health(None).await;
    #[rustfmt::skip]
    let cases: Vec<(&str, CheckKind, SocketAddr, Expect)> = vec![
        ("serving", grpc("up", |_| {}), server, Good("SERVING")),
        ("the server as a whole", grpc("", |_| {}), server, Good("SERVING")),
        ("a host", grpc("up", |c| c.host = Some("grpc.test:50051".to_owned())), server, Good("SERVING")),
        ("not serving", grpc("down", |_| {}), server, Bad(FirstByte, Status, "health status NOT_SERVING, expected SERVING")),
        ("unknown service", grpc("nobody", |_| {}), server, Bad(FirstByte, Status, "gRPC status NOT_FOUND: service not registered")),
        ("a host that is none", grpc("up", |c| c.host = Some("a b".to_owned())), server, Bad(Connect, Local, "cannot be asked for")),
        ("a service of unknown health", grpc("", |_| {}), odd(Some(Ok(3))).await, Bad(FirstByte, Status, "health status SERVICE_UNKNOWN")),
        ("a status that nobody knows", grpc("", |_| {}), odd(Some(Ok(77))).await, Bad(FirstByte, Garbage, "health status 77, which the protocol does not know")),
        ("overloaded", grpc("", |_| {}), odd(Some(Err(tonic::Status::resource_exhausted("too busy")))).await, Bad(FirstByte, Status, "gRPC status RESOURCE_EXHAUSTED: too busy")),
        ("silent", grpc("", |_| {}), odd(None).await, Bad(FirstByte, Timeout, "timeout after 0.400 s")),
    ];
    let mut wrong = Vec::new();
    for (case, kind, address, wanted) in cases {
        let seen = probe(&target(kind, address), SHORT).await;
        wrong.extend(hold(case, &seen, &wanted).err());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn health_over_tls_is_judged_with_its_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let authority = Authority::new(path, "ca");
    authority.issue("good", &["good.test"], NOW);
    authority.issue("expired", &["good.test"], (2019, 2020));
    authority.issue("client", &["client.test"], NOW);
    Authority::new(path, "other-ca");
    let good = health(Some((path, "good", false))).await;
    let expired = health(Some((path, "expired", false))).await;
    let mutual = health(Some((path, "good", true))).await;
    let ca = || path.join("ca.pem");
    let ours = Some(Ours {
        certificate: path.join("client.pem"),
        key: path.join("client.key"),
    });
    let nginx = Nginx::start();
    #[rustfmt::skip]
    let cases: Vec<(&str, CheckKind, SocketAddr, Expect)> = vec![
        ("serving", secured("good.test", ca(), None), good, Good("SERVING")),
        ("another name", secured("other.test", ca(), None), good, Bad(Phase::Tls, Tls, "certificate is not for other.test, but for good.test")),
        ("an unknown issuer", secured("good.test", path.join("other-ca.pem"), None), good, Bad(Phase::Tls, Tls, "unknown issuer")),
        ("expired", secured("good.test", ca(), None), expired, Bad(Phase::Tls, Tls, "certificate expired ")),
        ("our certificate", secured("good.test", ca(), ours), mutual, Good("SERVING")),
        ("TLS where there is none", secured("good.test", ca(), None), health(None).await, Bad(Phase::Tls, Garbage, "the answer is not TLS")),
        ("TLS without HTTP/2", secured("good.test", nginx.pem("ca"), None), nginx.at(nginx::GOOD), Bad(Phase::Tls, Tls, "the endpoint speaks none of the protocols that were offered")),
        ("HTTP/2 without gRPC", secured("good.test", nginx.pem("ca"), None), nginx.at(nginx::H2), Bad(FirstByte, Garbage, "the answer is not gRPC")),
        ("HTTP/2 without gRPC or TLS", grpc("", |_| {}), nginx.at(nginx::H2C), Bad(FirstByte, Status, "status 404, expected 200")),
    ];
    let mut wrong = Vec::new();
    for (case, kind, address, wanted) in cases {
        let seen = probe(&target(kind, address), BUDGET).await;
        wrong.extend(hold(case, &seen, &wanted).err());
        if case == "serving" || case == "expired" {
            assert!(seen.evidence.certificate_expiry.is_some(), "{case}");
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let seen = probe(&target(secured("good.test", ca(), None), mutual), BUDGET).await;
    assert!(!seen.finding.is_good(), "{}", seen.evidence.text);
}

#[tokio::test]
async fn servers_that_speak_no_grpc_are_told_apart() {
    let (address, _taken) = script::nobody();
    let seen = probe(&target(grpc("", |_| {}), address), SHORT).await;
    hold("nobody", &seen, &Bad(Connect, Refused, "connection refused")).unwrap();
    let (address, _listening) = script::full().await;
    let seen = probe(&target(grpc("", |_| {}), address), SHORT).await;
    hold("full", &seen, &Bad(Connect, Timeout, "while connecting")).unwrap();
    #[rustfmt::skip]
    let scripts = [
        ("silence", vec![Step::Silence], Bad(FirstByte, Timeout, "while waiting for an answer")),
        ("goodbye", vec![Step::Hear], Bad(FirstByte, Reset, "before an answer")),
        ("a reset", vec![Step::Hear, Step::Reset], Bad(FirstByte, Reset, "before an answer")),
        ("mail", vec![Step::Say(b"220 mail.example.test ESMTP\r\n"), Step::Silence], Bad(FirstByte, Garbage, "the answer is not HTTP/2; it begins with `220 mail")),
        ("HTTP/1.1", vec![Step::Hear, Step::Say(b"HTTP/1.1 400 Bad Request\r\n\r\n"), Step::Silence], Bad(FirstByte, Garbage, "the answer is not HTTP/2; it begins with `HTTP/1.1 400")),
        ("slow", vec![Step::Drip(b"\0\0\0\x04\0\0\0\0\0", Duration::from_millis(80)), Step::Silence], Bad(FirstByte, Timeout, "timeout after 0.400 s")),
    ];
    for (case, steps, wanted) in scripts {
        let address = script::play(steps).await;
        let seen = probe(&target(grpc("", |_| {}), address), SHORT).await;
        hold(case, &seen, &wanted).unwrap();
    }
}
