//! Connecting to an endpoint's address, and leaving again politely.
//!
//! # Why connections are closed by FIN, and local ports do not run out
//!
//! Closing with `SO_LINGER` 0 would leave no socket in TIME_WAIT, but the endpoint would see a reset after every
//! probe: noise in its logs, and a false signal in its own metrics. So we send FIN, take what the endpoint still
//! has to say for a moment (closing a socket with unread data also resets), and let go.
//!
//! The price is one socket in TIME_WAIT per probe for a minute on whichever side closed first. Linux keeps
//! local ports apart by the whole four-tuple when a socket connects without binding first, as ours do: the limit
//! of 28,000 ports is one per *endpoint address and port*, reached at 470 probes a second to the same one. HTTP
//! probes send `Connection: close`, so that the endpoint usually closes first and this node keeps nothing at all.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::health::observation::{FaultClass, Phase};
use crate::model::check::ProxyHeader;
use crate::probe::fault;
use crate::probe::sheet::{Fault, Sheet};
use crate::sys::option;

/// How long an endpoint may take to say goodbye. Most do it at once; whoever does not is left.
pub(crate) const PATIENCE: Duration = Duration::from_millis(200);

/// Octets of an unfinished answer that are taken before leaving.
const LEFTOVERS: usize = 64 * 1024;

/// Connects to `address` in the sheet's way: from its source address, beginning with its PROXY header.
pub(crate) async fn connect(sheet: &mut Sheet, address: SocketAddr) -> Result<TcpStream, Fault> {
    sheet.watch.enter(Phase::Connect);
    let dialled = match sheet.way.source(address.ip()) {
        None => TcpStream::connect(address).await,
        Some(source) => connect_from(source, address).await,
    };
    let mut stream = match dialled {
        Ok(stream) => stream,
        Err(error) => {
            let (class, text) = fault::of_io(&error);
            return Err(sheet.fault(class, text));
        }
    };
    // A socket that connects to a free local port of this machine may by chance be given that very port,
    // and then meets itself (simultaneous open, RFC 9293 section 3.5). Nobody listens there.
    if stream.local_addr().is_ok_and(|own| own == address) {
        return Err(sheet.fault(FaultClass::Refused, "connection refused"));
    }
    // Questions are small and complete: waiting for more to send would only add delay. A failure costs speed.
    let _ = stream.set_nodelay(true);
    if let Some(version) = sheet.way.proxy_header {
        let said = match proxy_header(version, &stream) {
            Ok(header) => stream.write_all(&header).await,
            Err(error) => Err(error),
        };
        if let Err(error) = said {
            let (class, text) = fault::of_io(&error);
            return Err(sheet.fault(class, format!("{text} while sending the PROXY header")));
        }
    }
    Ok(stream)
}

/// Connects from `source`. The local port is chosen when the destination is known, so that it need not be unlike that
/// of every other connection from there.
async fn connect_from(source: IpAddr, address: SocketAddr) -> io::Result<TcpStream> {
    let socket = if source.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    option::bind_address_only(&socket)?;
    socket.bind(SocketAddr::new(source, 0))?;
    socket.connect(address).await
}

/// The PROXY header of a connection of our own (haproxy, `doc/proxy-protocol.txt`, sections 2.1 and 2.2).
fn proxy_header(version: ProxyHeader, stream: &TcpStream) -> io::Result<Vec<u8>> {
    const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
    // Version 2, command LOCAL; no family, no addresses.
    const LOCAL: &[u8] = &[0x20, 0, 0, 0];
    match version {
        ProxyHeader::V2 => Ok([SIGNATURE, LOCAL].concat()),
        ProxyHeader::V1 => {
            let (own, other) = (stream.local_addr()?, stream.peer_addr()?);
            let family = if own.is_ipv4() { "TCP4" } else { "TCP6" };
            Ok(format!(
                "PROXY {family} {} {} {} {}\r\n",
                own.ip(),
                other.ip(),
                own.port(),
                other.port()
            )
            .into_bytes())
        }
    }
}

/// Sends FIN and takes what still comes, so that the endpoint sees no reset.
pub(crate) async fn leave(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let goodbye = async {
        stream.shutdown().await?;
        let mut scrap = [0_u8; 2048];
        let mut taken = 0_usize;
        loop {
            let count = stream.read(&mut scrap).await?;
            taken = taken.saturating_add(count);
            if count == 0 || taken >= LEFTOVERS {
                return Ok::<(), std::io::Error>(());
            }
        }
    };
    // The verdict has been given: what goes wrong now concerns nobody.
    let _ = tokio::time::timeout(PATIENCE, goodbye).await;
}
