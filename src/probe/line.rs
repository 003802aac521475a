//! A connection to a database, whether TLS is spoken over it or not, and what it says so far.

use std::io;
use std::net::SocketAddr;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::health::observation::{FaultClass, Phase};
use crate::probe::conduct::Tools;
use crate::probe::sheet::{Fault, Sheet};
use crate::probe::tcp::quote;
use crate::probe::tls::secure::{Secure, server_name};
use crate::probe::{dial, fault};

/// Octets of an answer that are read: what is asked fits into far less.
const LIMIT: usize = 64 * 1024;

/// What is read and written.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// A connection.
pub(crate) struct Line {
    stream: Box<dyn Stream>,
    /// Whether nobody listens in.
    pub(crate) is_private: bool,
    /// What came and was not taken yet.
    pub(crate) heard: BytesMut,
    /// Octets that came for the question under way.
    octets: usize,
}

impl Line {
    /// Over `stream`, to `address`, as it is.
    pub(crate) fn plain(stream: TcpStream, address: SocketAddr) -> Self {
        Self::over(Box::new(stream), address.ip().is_loopback())
    }

    /// Over `stream`, to `address`, after a TLS handshake.
    pub(crate) async fn secure(
        sheet: &mut Sheet,
        secure: &Secure,
        stream: TcpStream,
        address: SocketAddr,
        tools: &Tools,
    ) -> Result<Self, Fault> {
        let name = secure.sni().map_or_else(|| Ok(address.ip().into()), server_name);
        let (stream, _) = secure.shake(sheet, tools, name, &[], stream).await?;
        Ok(Self::over(Box::new(stream), true))
    }

    fn over(stream: Box<dyn Stream>, is_private: bool) -> Self {
        Self {
            stream,
            is_private,
            heard: BytesMut::new(),
            octets: 0,
        }
    }

    /// Sends `octets` and forgets what was heard of the question before.
    pub(crate) async fn say(&mut self, sheet: &mut Sheet, octets: &[u8]) -> Result<(), Fault> {
        sheet.watch.enter(Phase::FirstByte);
        self.octets = 0;
        sheet.octets = 0;
        self.stream.write_all(octets).await.map_err(|error| {
            let (class, text) = fault::of_io(&error);
            sheet.fault(class, format!("{text} while sending"))
        })
    }

    /// Takes more of the answer into `heard`: at least one octet, or it is a fault. `what` names the protocol.
    pub(crate) async fn hear(&mut self, sheet: &mut Sheet, what: &str) -> Result<(), Fault> {
        let count = self.stream.read_buf(&mut self.heard).await.map_err(|error| {
            let (class, text) = fault::of_io(&error);
            sheet.fault(class, text)
        })?;
        if count == 0 {
            let text = if self.octets == 0 {
                "connection closed by the endpoint before it said anything".to_owned()
            } else {
                format!("connection closed by the endpoint after {} octets", self.octets)
            };
            return Err(sheet.fault(FaultClass::Reset, text));
        }
        if self.octets == 0 {
            sheet.watch.enter(Phase::Body);
        }
        self.octets = self.octets.saturating_add(count);
        sheet.octets = self.octets;
        if self.octets > LIMIT {
            return Err(self.garbage(sheet, what, "it never ends"));
        }
        Ok(())
    }

    /// The fault of an answer that is not `what`: `why`, in words.
    pub(crate) fn garbage(&self, sheet: &mut Sheet, what: &str, why: &str) -> Fault {
        sheet.keep_excerpt(&self.heard);
        let text = format!(
            "the answer is not {what} ({why}); it begins with {}",
            quote(&self.heard)
        );
        sheet.fault(FaultClass::Garbage, text)
    }

    /// Says `last` and leaves, as a client does.
    pub(crate) async fn leave(mut self, last: &'static [u8]) {
        let said: io::Result<()> = self.stream.write_all(last).await;
        // Whoever is gone already needs no goodbye.
        if said.is_ok() {
            dial::leave(self.stream).await;
        }
    }
}
