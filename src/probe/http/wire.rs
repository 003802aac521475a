//! One connection that speaks HTTP: dialled, asked, read, left.
//!
//! The connection's own work (hyper keeps it in a future of its own) is done by whoever waits for an answer, so that a
//! probe is one task; only a connection that is kept for the next probe gets a task to notice when it is closed.

use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper::{Request, Response, Uri, header};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::health::observation::{FaultClass, Phase};
use crate::model::check::HttpVersion;
use crate::probe::conduct::Tools;
use crate::probe::dial;
use crate::probe::http::failure::{cause, describe, is_unseen};
use crate::probe::http::heard::{Ear, Heard};
use crate::probe::http::hop::Hop;
use crate::probe::http::question::Question;
use crate::probe::sheet::{Farewell, Fault, Sheet};
use crate::probe::tls::words;

/// Room for the head of an answer; more is refused as unreadable.
const HEAD: usize = 64 * 1024;

/// The protocol in TLS's negotiation (RFC 7301).
pub(crate) const H2: &[u8] = b"h2";
const HTTP1: &[u8] = b"http/1.1";

/// The connection's own work.
pub(crate) type Driver = Pin<Box<dyn Future<Output = ()> + Send>>;

enum Sender {
    Http1(http1::SendRequest<Empty<Bytes>>),
    Http2(http2::SendRequest<Empty<Bytes>>),
}

/// A connection.
pub(crate) struct Wire {
    sender: Sender,
    /// `None` once the work is done, or handed to a task.
    driver: Option<Driver>,
    heard: Arc<Heard>,
    /// Expiry of the certificate that was shown.
    expiry: Option<crate::model::time::UnixTime>,
    /// Whether the endpoint asked for a certificate of ours and got none.
    asked_in_vain: bool,
    /// Ends the task that does the work, when there is one, together with this.
    guard: Option<DropGuard>,
}

impl Wire {
    /// Connects to where `hop` leads.
    pub(crate) async fn dial(
        sheet: &mut Sheet,
        question: &Question,
        hop: &Hop,
        tools: &Arc<Tools>,
    ) -> Result<Self, Fault> {
        let address: SocketAddr = hop.address();
        sheet.heard = None;
        let stream = dial::connect(sheet, address).await?;
        let heard = Arc::new(Heard::default());
        if !hop.is_tls() {
            let speaks_h2 = question.version() == HttpVersion::Http2;
            sheet.heard = Some(Arc::clone(&heard));
            return Self::open(
                sheet,
                Ear::new(stream, Arc::clone(&heard)),
                heard,
                speaks_h2,
                tools,
            )
            .await;
        }
        let offered: &[&[u8]] = match question.version() {
            HttpVersion::Http1 => &[HTTP1],
            HttpVersion::Http2 => &[H2],
            HttpVersion::Any => &[H2, HTTP1],
        };
        let secure = question.secure();
        let (stream, shown) = secure
            .shake(sheet, tools, hop.server_name(), offered, stream)
            .await?;
        let speaks_h2 = stream.get_ref().1.alpn_protocol() == Some(H2);
        if !speaks_h2 && question.version() == HttpVersion::Http2 {
            return Err(sheet.fault(FaultClass::Tls, words::NO_PROTOCOL));
        }
        sheet.heard = Some(Arc::clone(&heard));
        let mut wire = Self::open(
            sheet,
            Ear::new(stream, Arc::clone(&heard)),
            heard,
            speaks_h2,
            tools,
        )
        .await?;
        wire.expiry = sheet.evidence.certificate_expiry;
        wire.asked_in_vain = shown.asked_in_vain();
        Ok(wire)
    }

    async fn open<S>(
        sheet: &mut Sheet,
        stream: S,
        heard: Arc<Heard>,
        speaks_h2: bool,
        tools: &Arc<Tools>,
    ) -> Result<Self, Fault>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        sheet.watch.enter(Phase::FirstByte);
        let io = TokioIo::new(stream);
        // Both handshakes only put octets into a buffer. How the connection ends is told to the request that waits.
        let opened: Result<(Sender, Driver), hyper::Error> = if speaks_h2 {
            http2::Builder::new(Tasks(tools.tracker.clone()))
                .initial_stream_window_size(65_535)
                .initial_connection_window_size(65_535)
                .max_header_list_size(65_536)
                .handshake(io)
                .await
                .map(|(sender, connection)| {
                    let driver: Driver = Box::pin(async {
                        let _ = connection.await;
                    });
                    (Sender::Http2(sender), driver)
                })
        } else {
            http1::Builder::new()
                .title_case_headers(true)
                .max_buf_size(HEAD)
                .handshake(io)
                .await
                .map(|(sender, connection)| {
                    let driver: Driver = Box::pin(async {
                        let _ = connection.await;
                    });
                    (Sender::Http1(sender), driver)
                })
        };
        match opened {
            Ok((sender, driver)) => Ok(Self {
                sender,
                driver: Some(driver),
                heard,
                expiry: None,
                asked_in_vain: false,
                guard: None,
            }),
            Err(error) => {
                let (class, text) = describe(&error, &heard);
                Err(sheet.fault(class, text))
            }
        }
    }

    /// Asks; waits for the head of the answer.
    pub(crate) async fn send(
        &mut self,
        question: &Question,
        hop: &Hop,
    ) -> Result<Response<Incoming>, hyper::Error> {
        let mut request = Request::new(Empty::<Bytes>::new());
        *request.method_mut() = hop.method().clone();
        *request.headers_mut() = question.headers().clone();
        let mut driver = self.driver.take();
        let answered = match &mut self.sender {
            Sender::Http1(sender) => {
                *request.uri_mut() = Uri::from(hop.path().clone());
                if let Ok(host) = hop.authority().parse() {
                    request.headers_mut().insert(header::HOST, host);
                }
                if !question.keeps_alive() {
                    let close = header::HeaderValue::from_static("close");
                    request.headers_mut().insert(header::CONNECTION, close);
                }
                driven(&mut driver, async {
                    sender.ready().await?;
                    sender.send_request(request).await
                })
                .await
            }
            Sender::Http2(sender) => {
                let mut parts = hyper::http::uri::Parts::default();
                parts.scheme = Some(if hop.is_tls() {
                    hyper::http::uri::Scheme::HTTPS
                } else {
                    hyper::http::uri::Scheme::HTTP
                });
                parts.authority = hop.authority().parse().ok();
                parts.path_and_query = Some(hop.path().clone());
                *request.uri_mut() = Uri::from_parts(parts).unwrap_or_default();
                driven(&mut driver, async {
                    sender.ready().await?;
                    sender.send_request(request).await
                })
                .await
            }
        };
        self.driver = driver;
        answered
    }

    /// Does the connection's work while `waiting` waits.
    pub(crate) async fn drive<T>(&mut self, waiting: impl Future<Output = T>) -> T {
        driven(&mut self.driver, waiting).await
    }

    /// Notes what is heard from here on.
    pub(crate) fn listen_anew(&self) -> Arc<Heard> {
        self.heard.clear();
        Arc::clone(&self.heard)
    }

    /// Expiry of the certificate that was shown when the connection was made.
    pub(crate) fn certificate_expiry(&self) -> Option<crate::model::time::UnixTime> {
        self.expiry
    }

    /// Whether `error` only says that the endpoint had closed a kept connection before it heard the question.
    pub(crate) fn was_left(&self, error: &hyper::Error) -> bool {
        is_unseen(error) || (self.heard.octets() == 0 && describe(error, &self.heard).0 == FaultClass::Reset)
    }

    /// Whether it cannot be used again.
    pub(crate) fn is_closed(&self) -> bool {
        match &self.sender {
            Sender::Http1(sender) => sender.is_closed(),
            Sender::Http2(sender) => sender.is_closed(),
        }
    }

    /// Gives the connection's work to a task, since nobody waits on it from here on.
    pub(crate) fn settle(&mut self, tracker: &TaskTracker, token: &CancellationToken) {
        let Some(driver) = self.driver.take() else {
            return;
        };
        let ended = token.child_token();
        self.guard = Some(ended.clone().drop_guard());
        tracker.spawn(ended.run_until_cancelled_owned(driver));
    }

    /// The fault of a question that got no answer.
    pub(crate) fn fault(&self, sheet: &mut Sheet, error: &hyper::Error) -> Fault {
        let (class, mut text) = describe(error, &self.heard);
        // Its alert says so, but may be lost with the connection when we still write.
        if class == FaultClass::Reset && self.asked_in_vain {
            text.push_str("; it had asked for a certificate of ours (`client_cert`)");
        }
        if class == FaultClass::Garbage {
            sheet.keep_excerpt(&self.heard.beginning());
        }
        sheet.fault(class, text)
    }

    /// The fault of an answer that broke off.
    pub(crate) fn body_fault(&self, sheet: &Sheet, error: &hyper::Error, length: Option<u64>) -> Fault {
        let (class, text) = cause(error).unwrap_or((FaultClass::Reset, String::new()));
        let got = sheet.octets;
        match (class, length) {
            (FaultClass::Reset, Some(length)) => sheet.fault(
                class,
                format!("connection closed after {got} of {length} octets of the body"),
            ),
            (FaultClass::Reset, None) => sheet.fault(
                class,
                format!("connection closed within the body, after {got} octets"),
            ),
            (_, _) => sheet.fault(class, format!("{text} within the body, after {got} octets")),
        }
    }

    /// Ends the connection: politely, when the answer was read to its end.
    pub(crate) fn leave(self) -> Farewell {
        let Self {
            sender,
            driver,
            guard,
            ..
        } = self;
        Box::pin(async move {
            // Nobody will ask again: the driver sees that, and closes.
            drop(sender);
            if let Some(driver) = driver {
                let _ = tokio::time::timeout(dial::PATIENCE, driver).await;
            }
            drop(guard);
        })
    }
}

/// Polls the connection's work before each poll of `waiting`; forgets it when it is done.
pub(crate) async fn driven<T>(driver: &mut Option<Driver>, waiting: impl Future<Output = T>) -> T {
    let mut waiting = pin!(waiting);
    poll_fn(|cx| {
        if let Some(work) = driver
            && work.as_mut().poll(cx).is_ready()
        {
            *driver = None;
        }
        let polled: Poll<T> = waiting.as_mut().poll(cx);
        polled
    })
    .await
}

/// Runs hyper's tasks where all others run.
#[derive(Clone)]
pub(crate) struct Tasks(pub(crate) TaskTracker);

impl<F> hyper::rt::Executor<F> for Tasks
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, task: F) {
        self.0.spawn(task);
    }
}
