//! `grpc`: the standard health protocol, `grpc.health.v1.Health/Check` (docs/adr/0011-grpc-health.md).
//!
//! tonic knows the protocol, hyper's HTTP/2 carries it, and the connection is ours: dialled, timed and secured as for
//! every other check.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use hyper::body::Incoming;
use hyper::client::conn::http2;
use hyper::header::{CONTENT_TYPE, HeaderValue, USER_AGENT};
use hyper::{Request, Response, Uri};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tonic::body::Body;
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::health::observation::{FaultClass, Phase};
use crate::model::check::GrpcCheck;
use crate::probe::conduct::Tools;
use crate::probe::dial;
use crate::probe::http::failure::{cause, describe};
use crate::probe::http::heard::{Ear, Heard};
use crate::probe::http::question;
use crate::probe::http::wire::{Driver, H2, Tasks, driven};
use crate::probe::sheet::{Fault, Sheet};
use crate::probe::tls::secure::{Secure, server_name};
use crate::probe::tls::words;

/// Octets of the longest answer; a health status takes two.
const LONGEST: usize = 4096;

/// Asks the server at `address` about the check's service.
pub(crate) async fn probe(
    sheet: &mut Sheet,
    check: &GrpcCheck,
    secure: &Secure,
    address: SocketAddr,
    tools: &Tools,
) -> Result<(), Fault> {
    let authority = check.host.clone().unwrap_or_else(|| address.to_string());
    let stream = dial::connect(sheet, address).await?;
    let heard = Arc::new(Heard::default());
    if !check.tls {
        sheet.heard = Some(Arc::clone(&heard));
        let origin = origin("http", &authority).map_err(|text| sheet.fault(FaultClass::Local, text))?;
        return ask(
            sheet,
            check,
            Ear::new(stream, Arc::clone(&heard)),
            heard,
            origin,
            tools,
        )
        .await;
    }
    let origin = origin("https", &authority).map_err(|text| sheet.fault(FaultClass::Local, text))?;
    let name = match (secure.sni(), origin.host()) {
        (Some(sni), _) => server_name(sni),
        (None, Some(host)) => server_name(host.trim_matches(['[', ']'])),
        (None, None) => Ok(address.ip().into()),
    };
    let (stream, _) = secure.shake(sheet, tools, name, &[H2], stream).await?;
    if stream.get_ref().1.alpn_protocol() != Some(H2) {
        return Err(sheet.fault(FaultClass::Tls, words::NO_PROTOCOL));
    }
    sheet.heard = Some(Arc::clone(&heard));
    ask(
        sheet,
        check,
        Ear::new(stream, Arc::clone(&heard)),
        heard,
        origin,
        tools,
    )
    .await
}

fn origin(scheme: &str, authority: &str) -> Result<Uri, String> {
    format!("{scheme}://{authority}")
        .parse()
        .map_err(|error| format!("`{authority}` cannot be asked for: {error}"))
}

async fn ask(
    sheet: &mut Sheet,
    check: &GrpcCheck,
    stream: Ear<impl AsyncRead + AsyncWrite + Unpin + Send + 'static>,
    heard: Arc<Heard>,
    origin: Uri,
    tools: &Tools,
) -> Result<(), Fault> {
    sheet.watch.enter(Phase::FirstByte);
    let shaken = http2::Builder::new(Tasks(tools.tracker.clone()))
        .handshake(TokioIo::new(stream))
        .await;
    let (sender, connection) = shaken.map_err(|error| {
        let (class, text) = describe(&error, &heard);
        sheet.fault(class, text)
    })?;
    let driver: Driver = Box::pin(async {
        let _ = connection.await;
    });
    let mut driver = Some(driver);
    let head = Arc::new(Mutex::new(Head::default()));
    let line = Line {
        sender,
        heard: Arc::clone(&heard),
        head: Arc::clone(&head),
    };
    let mut client = HealthClient::with_origin(line, origin).max_decoding_message_size(LONGEST);
    let question = HealthCheckRequest {
        service: check.service.clone(),
    };
    let answer = driven(&mut driver, client.check(question)).await;
    let head = std::mem::take(&mut *head.lock().unwrap_or_else(PoisonError::into_inner));
    let judged = match answer {
        Ok(answer) => serving(sheet, answer.get_ref().status),
        Err(status) => Err(refusal(sheet, head, &status, &heard)),
    };
    sheet.farewell = Some(Box::pin(async move {
        // Nobody will ask again: the driver sees that, and closes.
        drop(client);
        if let Some(driver) = driver {
            let _ = tokio::time::timeout(dial::PATIENCE, driver).await;
        }
    }));
    judged
}

fn serving(sheet: &mut Sheet, status: i32) -> Result<(), Fault> {
    match ServingStatus::try_from(status) {
        Ok(ServingStatus::Serving) => {
            sheet.word = Some("SERVING".to_owned());
            Ok(())
        }
        Ok(other) => {
            let text = format!("health status {}, expected SERVING", other.as_str_name());
            Err(sheet.fault(FaultClass::Status, text))
        }
        Err(_unknown) => {
            let text = format!("health status {status}, which the protocol does not know");
            Err(sheet.fault(FaultClass::Garbage, text))
        }
    }
}

/// Why there is no health status.
fn refusal(sheet: &mut Sheet, head: Head, status: &Status, heard: &Heard) -> Fault {
    if let Some((class, text)) = head.failed {
        if class == FaultClass::Garbage {
            sheet.keep_excerpt(&heard.beginning());
        }
        return sheet.fault(class, text);
    }
    if let Some(http) = head.status {
        sheet.evidence.status = Some(http);
        if http != 200 {
            return sheet.fault(FaultClass::Status, format!("status {http}, expected 200"));
        }
        if !head.is_grpc {
            return sheet.fault(FaultClass::Garbage, "the answer is not gRPC");
        }
    }
    let broken = std::iter::successors(std::error::Error::source(status), |error| error.source())
        .find_map(|error| error.downcast_ref::<hyper::Error>());
    if let Some((class, text)) = broken.and_then(cause) {
        sheet.watch.enter(Phase::Body);
        return sheet.fault(class, format!("{text} within the answer"));
    }
    let code = words::words(&format!("{:?}", status.code()))
        .to_ascii_uppercase()
        .replace(' ', "_");
    // What tonic makes of octets that are no message of the protocol.
    let unread = [
        "failed to decode",
        "protocol error",
        "Missing response message",
        "Error, decoded message",
    ];
    if matches!(
        status.code(),
        Code::Internal | Code::OutOfRange | Code::Unimplemented
    ) && unread.iter().any(|text| status.message().contains(text))
    {
        sheet.watch.enter(Phase::Body);
        let text = format!("the answer is not of the health protocol: {}", status.message());
        return sheet.fault(FaultClass::Garbage, text);
    }
    let said = if status.message().is_empty() {
        String::new()
    } else {
        format!(": {}", status.message())
    };
    sheet.fault(FaultClass::Status, format!("gRPC status {code}{said}"))
}

/// What is known of an answer before tonic reads it.
#[derive(Default)]
struct Head {
    status: Option<u16>,
    is_grpc: bool,
    failed: Option<(FaultClass, String)>,
}

/// Our connection, as tonic wants it.
#[derive(Clone)]
struct Line {
    sender: http2::SendRequest<Body>,
    heard: Arc<Heard>,
    head: Arc<Mutex<Head>>,
}

impl tower_service::Service<Request<Body>> for Line {
    type Response = Response<Incoming>;
    type Error = Status;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Status>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Status>> {
        // One question: the sender is awaited when it is sent.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let Self {
            mut sender,
            heard,
            head,
        } = self.clone();
        let agent = HeaderValue::from_static(question::USER_AGENT);
        request.headers_mut().insert(USER_AGENT, agent);
        Box::pin(async move {
            let answered = async {
                sender.ready().await?;
                sender.send_request(request).await
            };
            let answered = answered.await;
            let mut head = head.lock().unwrap_or_else(PoisonError::into_inner);
            match answered {
                Ok(answer) => {
                    head.status = Some(answer.status().as_u16());
                    head.is_grpc = answer
                        .headers()
                        .get(CONTENT_TYPE)
                        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"));
                    Ok(answer)
                }
                Err(error) => {
                    head.failed = Some(describe(&error, &heard));
                    Err(Status::unavailable(error.to_string()))
                }
            }
        })
    }
}
