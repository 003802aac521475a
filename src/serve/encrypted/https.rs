//! DNS over HTTPS (RFC 8484): HTTP/1.1 and HTTP/2 on connections whose handshake is done.

use std::convert::Infallible;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Duration, Instant, sleep_until, timeout};
use tokio_rustls::server::TlsStream;

use crate::serve::encrypted::doh::{self, Head, LONGEST, MEDIA_TYPE, Refusal, Wanted};
use crate::serve::encrypted::entrance::{Answer, Entrance};
use crate::serve::encrypted::gate::Pass;

/// Octets of the largest head of a request: a GET of more than 10,000 octets of DNS is better a POST.
const LARGEST_HEAD: usize = 16 * 1024;
/// Fields of a head.
const FIELDS: usize = 64;
/// Octets of answers that one HTTP/2 stream may have waiting for its client.
const UNSENT: usize = 64 * 1024;
/// Streams that a client may reset before we have looked at them (CVE-2023-44487).
const RESETS: usize = 20;
/// Octets of a body that are read and thrown away.
const PATIENCE: usize = 1 << 20;
/// How long what is under way may go on when the connection must end.
const GOODBYE: Duration = Duration::from_secs(2);

/// What is spoken, the best first.
pub(super) const PROTOCOLS: &[&[u8]] = &[b"h2", b"http/1.1"];

/// When the last request of a connection was answered.
struct Activity(Mutex<Instant>);

impl Activity {
    fn note(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn last(&self) -> Instant {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves one connection until it ends.
pub(super) async fn serve(
    entrance: &Arc<Entrance>,
    stream: TlsStream<TcpStream>,
    peer: SocketAddr,
    pass: Pass,
) {
    let is_h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let (limits, pass) = (entrance.front.limits(), Arc::new(pass));
    let activity = Arc::new(Activity(Mutex::new(Instant::now())));
    let service = {
        let (entrance, pass, activity) = (Arc::clone(entrance), Arc::clone(&pass), Arc::clone(&activity));
        service_fn(move |request: Request<Incoming>| {
            let (entrance, pass, activity) =
                (Arc::clone(&entrance), Arc::clone(&pass), Arc::clone(&activity));
            async move {
                activity.note();
                let response = respond(&entrance, peer, request).await;
                pass.progressed(false);
                activity.note();
                Ok::<_, Infallible>(response)
            }
        })
    };
    let io = TokioIo::new(stream);
    if is_h2 {
        let connection = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .max_concurrent_streams(limits.streams)
            .max_header_list_size(LARGEST_HEAD as u32)
            .max_send_buf_size(UNSENT)
            .max_pending_accept_reset_streams(RESETS)
            .max_local_error_reset_streams(RESETS)
            .serve_connection(io, service);
        let connection = pin!(connection);
        guard(entrance, connection, &pass, &activity, |connection| {
            connection.graceful_shutdown();
        })
        .await;
    } else {
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.idle)
            .max_buf_size(LARGEST_HEAD)
            .max_headers(FIELDS)
            .serve_connection(io, service);
        let connection = pin!(connection);
        guard(entrance, connection, &pass, &activity, |connection| {
            connection.graceful_shutdown();
        })
        .await;
    }
}

/// Drives a connection until it ends, is idle for too long, is too old, or must leave.
async fn guard<C: Future<Output = hyper::Result<()>>>(
    entrance: &Entrance,
    mut connection: Pin<&mut C>,
    pass: &Pass,
    activity: &Activity,
    shut: impl Fn(Pin<&mut C>),
) {
    let opened = Instant::now();
    let deadline = || {
        let total = entrance.front.tcp.borrow().total;
        (activity.last() + entrance.front.limits().idle).min(opened + total)
    };
    let mut alarm = pin!(sleep_until(deadline()));
    loop {
        tokio::select! {
            biased;
            () = pass.cut() => break,
            () = &mut alarm => {
                let deadline = deadline();
                if deadline <= Instant::now() {
                    break;
                }
                alarm.as_mut().reset(deadline);
            }
            served = connection.as_mut() => {
                if let Err(error) = served {
                    tracing::debug!(%error, "an HTTPS connection broke off");
                }
                return;
            }
        }
    }
    shut(connection.as_mut());
    // Whoever has not taken its answers by then does not get them.
    let _ = timeout(GOODBYE, connection).await;
}

async fn respond(entrance: &Entrance, peer: SocketAddr, request: Request<Incoming>) -> Response<Full<Bytes>> {
    match question(entrance, request).await {
        Err(refusal) => refused(refusal),
        Ok((query, head_only)) => match answer(entrance, query, peer).await {
            None => refused(Refusal::Message),
            Some(message) => answered(message, head_only),
        },
    }
}

/// The query of `request`, and whether only the head of the answer is wanted.
async fn question(entrance: &Entrance, request: Request<Incoming>) -> Result<(Vec<u8>, bool), Refusal> {
    let text = |name| {
        let value = request.headers().get(name);
        value.and_then(|value| value.to_str().ok())
    };
    let head = Head {
        method: request.method().as_str(),
        path: request.uri().path(),
        query: request.uri().query(),
        content_type: text(CONTENT_TYPE),
        content_length: text(CONTENT_LENGTH).and_then(|length| length.parse().ok()),
    };
    let wanted = doh::read(&head, &entrance.front.settings.borrow().path);
    let limit = entrance.front.tcp.borrow().message;
    match wanted {
        Ok(Wanted::Message { octets, head_only }) => Ok((octets, head_only)),
        Ok(Wanted::Body) => {
            let body = timeout(limit, gather(request.into_body())).await;
            doh::query(body.map_err(|_| Refusal::Slow)??).map(|query| (query, false))
        }
        Err(refusal) => {
            // A client that is amid its body takes an early answer for a broken connection.
            let _ = timeout(limit.min(GOODBYE), gather(request.into_body())).await;
            Err(refusal)
        }
    }
}

/// A body, as far as it can be a message. What is too long is read on for a while, so that the client hears why.
async fn gather(mut body: Incoming) -> Result<Vec<u8>, Refusal> {
    let (mut octets, mut seen) = (Vec::new(), 0);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Refusal::Message)?;
        let data = frame.data_ref().map_or(&[][..], |data| data);
        seen += data.len();
        if seen <= LONGEST {
            octets.extend_from_slice(data);
        } else if seen > PATIENCE {
            break;
        }
    }
    if seen > LONGEST {
        return Err(Refusal::Length);
    }
    Ok(octets)
}

async fn answer(entrance: &Entrance, query: Vec<u8>, peer: SocketAddr) -> Option<Vec<u8>> {
    let address: IpAddr = peer.ip();
    match entrance.answer(&query, address, 0) {
        Answer::Message(message) => Some(message),
        Answer::Nothing => None,
        Answer::Transaction => {
            // One message at the most: zones are not transferred over HTTPS.
            let (sink, mut messages) = mpsc::channel(1);
            let handling = entrance
                .front
                .transactions
                .handle(query, peer, entrance.transport, sink);
            let (_, message) = tokio::join!(handling, async move { messages.recv().await });
            message
        }
    }
}

fn answered(message: Vec<u8>, head_only: bool) -> Response<Full<Bytes>> {
    let (fresh, length) = (doh::freshness(&message), message.len());
    let body = if head_only {
        Bytes::new()
    } else {
        Bytes::from(message)
    };
    let mut response = Response::new(Full::new(body));
    let fields = response.headers_mut();
    fields.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    fields.insert(CONTENT_LENGTH, HeaderValue::from(length));
    if let Ok(fresh) = HeaderValue::try_from(format!("max-age={fresh}")) {
        fields.insert(CACHE_CONTROL, fresh);
    }
    response
}

fn refused(refusal: Refusal) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(format!("{refusal}\n"))));
    *response.status_mut() =
        StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let fields = response.headers_mut();
    fields.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if refusal == Refusal::Method {
        fields.insert(ALLOW, HeaderValue::from_static("GET, HEAD, POST"));
    }
    response
}
