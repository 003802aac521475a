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

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::health::observation::{FaultClass, Phase};
use crate::probe::fault;
use crate::probe::sheet::{Fault, Sheet};

/// How long an endpoint may take to say goodbye. Most do it at once; whoever does not is left.
pub(crate) const PATIENCE: Duration = Duration::from_millis(200);

/// Octets of an unfinished answer that are taken before leaving.
const LEFTOVERS: usize = 64 * 1024;

/// Connects to `address`.
pub(crate) async fn connect(sheet: &mut Sheet, address: SocketAddr) -> Result<TcpStream, Fault> {
    sheet.watch.enter(Phase::Connect);
    let stream = match TcpStream::connect(address).await {
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
    Ok(stream)
}

/// Sends FIN and takes what still comes, so that the endpoint sees no reset.
pub(crate) async fn leave(mut stream: TcpStream) {
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
