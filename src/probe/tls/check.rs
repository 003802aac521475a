//! `tls`: the handshake, perhaps a few words within it.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;

use crate::health::observation::Phase;
use crate::model::check::TcpCheck;
use crate::model::time::UnixTime;
use crate::probe::conduct::Tools;
use crate::probe::sheet::{Fault, Sheet};
use crate::probe::tls::secure::{Secure, server_name};
use crate::probe::{certificate, dial, fault, tcp};

/// Probes `address`: `talk` is what is said within TLS.
pub(crate) async fn probe(
    sheet: &mut Sheet,
    secure: &Secure,
    talk: &TcpCheck,
    address: SocketAddr,
    tools: &Tools,
) -> Result<(), Fault> {
    let name = secure.sni().map_or_else(|| Ok(address.ip().into()), server_name);
    let stream = dial::connect(sheet, address).await?;
    let (mut stream, shown) = secure.shake(sheet, tools, name, &[], stream).await?;
    let spoken = if talk.send.is_none() && talk.expect.is_none() && shown.asked() {
        await_judgement(sheet, &mut stream).await
    } else {
        tcp::converse(sheet, talk, &mut stream).await
    };
    if spoken.is_ok() {
        sheet.word = Some(word(sheet, &stream, tools));
    }
    sheet.farewell = Some(Box::pin(dial::leave(stream)));
    spoken
}

/// TLS 1.3 calls the handshake done before the endpoint has looked at our certificate (RFC 8446 section 4.4.2.4: it
/// answers by an alert then). An endpoint that asked for one is therefore told goodbye, and heard until it says the
/// same; one that says nothing for a while had nothing against us.
async fn await_judgement(sheet: &mut Sheet, stream: &mut TlsStream<TcpStream>) -> Result<(), Fault> {
    let goodbye = async {
        stream.shutdown().await?;
        let mut scrap = [0_u8; 1024];
        while stream.read(&mut scrap).await? > 0 {}
        Ok::<(), std::io::Error>(())
    };
    match timeout(dial::PATIENCE, goodbye).await {
        Ok(Err(error)) => {
            let (class, text) = fault::of_io(&error);
            // Whoever hangs up instead of saying goodbye within TLS is in good company.
            match class {
                crate::health::observation::FaultClass::Tls => {
                    sheet.watch.enter(Phase::Tls);
                    Err(sheet.fault(class, text))
                }
                _ => Ok(()),
            }
        }
        Ok(Ok(())) | Err(_) => Ok(()),
    }
}

/// `TLS 1.3, certificate ends in 89 days`.
fn word(sheet: &Sheet, stream: &TlsStream<TcpStream>, tools: &Tools) -> String {
    use rustls::ProtocolVersion::TLSv1_2;
    let version = match stream.get_ref().1.protocol_version() {
        Some(TLSv1_2) => "TLS 1.2",
        _ => "TLS 1.3",
    };
    let Some(UnixTime(end)) = sheet.evidence.certificate_expiry else {
        return version.to_owned();
    };
    let UnixTime(now) = tools.clock.now().wall;
    let (left, ended) = (end.saturating_sub(now), now.saturating_sub(end));
    let told = |millis| certificate::span(std::time::Duration::from_millis(millis));
    if end >= now {
        format!("{version}, certificate ends in {}", told(left))
    } else {
        format!("{version}, certificate expired {} ago", told(ended))
    }
}
